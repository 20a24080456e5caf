"""Known cells, found by what a step computes.

LSTM: c' = f * c + i * g, h' = o * tanh(c'), where i, f, o are LOGISTIC and g is TANH of affine functions of the step's
input, h and (peepholes) c; with or without a projection of h', with i = 1 - f, with c' clipped.
Simple cell: h' = activation of an affine function of the input and h.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from litesmith.decompositions.recurrent import LSTM, SIMPLE
from litesmith.ir.graph import Value
from litesmith.ops.activation import RELU, RELU6, RELU_N1_TO_1, TANH
from litesmith.passes.match import activation, producer
from litesmith.passes.recurrent.affine import Affine, AffineForms, Term, UnclearError, same_value, terms_of
from litesmith.passes.recurrent.loops import Scan
from litesmith.passes.recurrent.normalized import normalization_input
from litesmith.passes.rules import Match, find, patterns


@dataclass
class Cell:
    """A cell that was found: its kind, its weights (see `RecurrentLayer`) and what they refer to.

    row: the body's value that is the step's input; h, c: the variables that are the states (c None for a simple cell);
    new_h, new_c: their next values.
    """

    kind: str
    row: Value
    h: int
    new_h: Value
    c: int | None = None
    new_c: Value | None = None
    weights: dict[str, Value] = field(default_factory=dict)
    recurrent: dict[str, Value] = field(default_factory=dict)
    bias: dict[str, Value] = field(default_factory=dict)
    peepholes: dict[str, Value] = field(default_factory=dict)
    layer_norm: dict[str, Value] = field(default_factory=dict)
    projection: Value | None = None
    projection_bias: Value | None = None
    activation: str = "TANH"
    cell_clip: float = 0.0
    projection_clip: float = 0.0


def read_cell(scan: Scan) -> Cell:
    """The cell a loop runs. Raises UnclearError, with the reason, where it is none of those known."""
    forms = AffineForms()
    if len(scan.carried) == 2:
        return _lstm(scan, forms)
    if len(scan.carried) == 1:
        return _read_simple(scan, forms)
    raise UnclearError(f"{len(scan.carried)} states are carried, a known cell has one or two")


# -- LSTM -------------------------------------------------------------------------------------------------------------


GATED = "ADD(MUL(LOGISTIC(%forget), %c), MUL({}, TANH(%candidate)))"
UPDATES = patterns(GATED.format("LOGISTIC(%input)"), GATED.format("SUB(1, LOGISTIC(%forget))"))
OUTPUTS = patterns("MUL(LOGISTIC(%output), TANH(%c))")
CLIPS = patterns("MINIMUM~(MAXIMUM~(%x, $low), $high)", "MAXIMUM~(MINIMUM~(%x, $high), $low)")


def _lstm(scan: Scan, forms: AffineForms) -> Cell:
    for c, h in (scan.carried, scan.carried[::-1]):
        unclipped, clip = _strip_clip(scan.body.outputs[c])
        update = next(find(unclipped, UPDATES, same_value, c=scan.body.inputs[c]), None)
        if update is not None:
            return _lstm_with(scan, forms, h, c, update, clip)
    raise UnclearError("two states are carried, and none is f * c + i * g")


def _lstm_with(scan: Scan, forms: AffineForms, h: int, c: int, update: Match, clip: float) -> Cell:
    new_h, new_c = same_value(scan.body.outputs[h]), same_value(scan.body.outputs[c])
    cell = Cell(LSTM, _the_row(scan), h, new_h, c, new_c, cell_clip=clip)
    forms.keep(new_c)
    unclipped, cell.projection_clip = _strip_clip(new_h)
    output = _output_gate(unclipped, new_c)
    if output is None:
        output = _project(cell, forms, unclipped, new_c)
    gates = {"forget": update["%forget"], "cell": update["%candidate"], "output": output}
    if "%input" in update.values:
        gates["input"] = update["%input"]
    h_in, c_in = scan.body.inputs[h], scan.body.inputs[c]
    for gate, value in gates.items():
        seen = new_c if gate == "output" else c_in
        form = _take_normalization(cell, forms.of(value), gate, forms)
        _read_gate(cell, form, gate, forms, (cell.row, h_in, seen))
    return cell


def _take_normalization(cell: Cell, form: Affine, gate: str, forms: AffineForms) -> Affine:
    """The gate before its layer normalization, scale and bias, which go to the cell; as it is where it has none."""
    ((source, term),) = form.terms.items() if len(form.terms) == 1 else ((None, None),)
    if source is None or term is None or not term.diagonal or (z := normalization_input(source)) is None:
        return form
    inner = forms.of(z)
    if inner.bias is not None:
        raise UnclearError(f"the {gate} gate has a bias before its layer normalization")
    cell.layer_norm[gate] = term.factor or forms.b.constant(np.ones(form.width, np.float32))
    if form.bias is not None:
        cell.bias[gate] = form.bias
    return inner


def _output_gate(h: Value, c: Value) -> Value | None:
    """What the output gate is a function of, where h = o * tanh(c)."""
    return next((match["%output"] for match in find(h, OUTPUTS, same_value, c=c)), None)


def _project(cell: Cell, forms: AffineForms, h: Value, c: Value) -> Value:
    """The projection of h into the cell; returns what the output gate is a function of."""
    form = forms.of(h)
    ((source, term),) = form.terms.items() if len(form.terms) == 1 else ((None, None),)
    output = _output_gate(source, c) if source is not None else None
    if output is None or term is None or term.diagonal or term.factor is None:
        raise UnclearError("the output is not o * tanh(c), nor a projection of it")
    cell.projection, cell.projection_bias = term.factor, form.bias
    return output


def _strip_clip(value: Value) -> tuple[Value, float]:
    """The value before it is clipped to -limit .. limit, and the limit; 0 where it is not."""
    value = same_value(value)
    if (op := producer(value, RELU_N1_TO_1)) is not None:
        return op["x"], 1.0
    for match in find(value, CLIPS):
        low, high = match.number("$low"), match.number("$high")
        if low is not None and high is not None and high == -low > 0:
            return match["%x"], high
    return value, 0.0


# -- simple cell ------------------------------------------------------------------------------------------------------

_ACTIVATIONS = (TANH, RELU, RELU6, RELU_N1_TO_1)


def _read_simple(scan: Scan, forms: AffineForms) -> Cell:
    (h,) = scan.carried
    new_h = same_value(scan.body.outputs[h])
    applied = producer(new_h, *_ACTIVATIONS)
    if applied is not None:
        name, form = applied.name, forms.of(applied["x"])
    elif new_h.op is not None:
        name, form = activation(new_h.op), forms.before_activation(new_h)
    else:
        raise UnclearError("the state that is carried is not computed")
    cell = Cell(SIMPLE, _the_row(scan), h, new_h, activation=name)
    _read_gate(cell, form, "cell", forms, (cell.row, scan.body.inputs[h], None))
    return cell


# -- gates ------------------------------------------------------------------------------------------------------------


def _the_row(scan: Scan) -> Value:
    rows = [v for v in scan.rows if v.users]
    if len(rows) != 1:
        raise UnclearError(f"a step takes {len(rows)} rows, a known cell takes one")
    if scan.rows[rows[0]].axis not in (0, 1) or rows[0].rank != 2:
        raise UnclearError("a step takes a row that is no batch of vectors")
    return rows[0]


def _read_gate(
    cell: Cell, form: Affine, gate: str, forms: AffineForms, sources: tuple[Value, Value, Value | None]
) -> None:
    """Fills in the weights of one gate. sources: the input, h and the cell state a peephole sees."""
    given = [v for v in sources if v is not None]
    terms = terms_of(form, given)
    x, h = terms[:2]
    if x is None or h is None:
        raise UnclearError(f"the {gate} gate does not depend on both the input and the state")
    cell.weights[gate] = forms.matrix(x, form.width)
    cell.recurrent[gate] = forms.matrix(h, form.width)
    if form.bias is not None:
        cell.bias[gate] = form.bias
    peephole: Term | None = terms[2] if len(terms) > 2 else None
    if peephole is None:
        return
    if gate == "cell" or not peephole.diagonal:
        raise UnclearError(f"the {gate} gate depends on the cell state by more than a peephole")
    ones = forms.b.constant(np.ones(form.width, np.float32))
    cell.peepholes[gate] = peephole.factor or ones
