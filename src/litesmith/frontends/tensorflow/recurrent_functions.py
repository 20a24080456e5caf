"""Functions that stand for recurrent layers: ``LSTMCellSimple`` and its like, and ``lstm_…`` of legacy Keras.

What a function's body computes is what the model computes. So a body that computes the cell its name stands for becomes
a description of that cell, which takes any form; any other body is kept, and a note says why. A body that computes
nothing from its arguments stands there for the operator itself:

- ``LSTMCellSimple(input, weight, bias, projection)``, ``LayerNormalizedLstmCellSimple(…, scale)``, with ``lingvo.`` or
  without: one step, weight [features + outputs, 4 cells], the gates in the order cell, input, forget, output. The state
  is nobody's argument: the operator keeps it from one invocation to the next.
- ``lstm_…``, ``indy_lstm_…`` (each cell sees itself alone), by ``api_implements``: `keras_lstm`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from litesmith.decompositions.recurrent import (
    LSTM,
    NORM_EPSILON,
    RecurrentLayer,
    as_loop,
    fuse,
    keras_lstm,
    obstacle,
    units_of,
)
from litesmith.decompositions.shapes import reshape
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Sym, Value

CELL, NORMALIZED_CELL = "LSTMCellSimple", "LayerNormalizedLstmCellSimple"
KERAS, DIAGONAL = "lstm_", "indy_lstm_"

ORDER = ("cell", "input", "forget", "output")
"""The gates of a cell's weights."""

_CELL_FIX = (
    "give input [batch, features], weight [features + outputs, 4 cells], bias [4 cells], projection [cells, outputs] and "
    f"({NORMALIZED_CELL}) scale [4 cells], the gates in the order cell, input, forget, output; all but the input are "
    "constants"
)
_TOLERANCE = 1e-5

Evaluate = Callable[[Sequence[Any]], Sequence[Any]]
"""What a function's body makes of arguments; results that cannot be made are no values."""


def kind_of(names: Sequence[str]) -> str | None:
    """Which of the layers a function stands for, by what it implements."""
    for name in names:
        plain = name.removeprefix("lingvo.")
        if plain in (CELL, NORMALIZED_CELL):
            return plain
        if found := next((prefix for prefix in (KERAS, DIAGONAL) if name.startswith(prefix)), None):
            return found
    return None


def lower_recurrent(
    b: Builder, kind: str, attrs: Mapping[str, Any], args: Sequence[Any], evaluate: Evaluate | None, count: int
) -> list[Value] | str:
    """The results of a call of such a function; the reason, in words, where its body is kept (empty: it fits, and is what
    the passes read).

    evaluate: what the body computes; None where it computes nothing. count: how many results it has. Raises
    UnsupportedError where a body that computes nothing has arguments that do not fit.
    """
    lower = _cell if kind in (CELL, NORMALIZED_CELL) else _keras
    try:
        if not all(isinstance(a, Value) for a in args):
            raise UnsupportedError(f"an argument of {kind} is no tensor", "pass tensors")
        return lower(b, kind, attrs, args, evaluate, count)
    except UnsupportedError as error:
        if evaluate is not None:
            return error.problems[0].reason
        raise


# -- one step ---------------------------------------------------------------------------------------------------------


def _cell(
    b: Builder, kind: str, attrs: Mapping[str, Any], args: Sequence[Value], evaluate: Evaluate | None, count: int
) -> list[Value] | str:
    layer = _cell_layer(b, kind, args)
    if count != 1:
        raise UnsupportedError(f"{kind} has one result, got {count}", _CELL_FIX)
    if evaluate is None:
        return [reshape(b, _stateful(b, layer), [layer.batch, layer.outputs], args[0])]
    reason = _differs(kind, args, evaluate)
    if reason:
        return reason
    sequence = as_loop(b, layer).sequence
    return [reshape(b, sequence, [layer.batch, layer.outputs], args[0])]


def _cell_layer(b: Builder, kind: str, args: Sequence[Value]) -> RecurrentLayer:
    """The cell as a layer of one step. Raises UnsupportedError where the arguments are none of a cell."""
    names = ("input", "weight", "bias", "projection", "scale")[: 5 if kind == NORMALIZED_CELL else 4]
    if len(args) != len(names):
        raise UnsupportedError(f"{kind} takes {len(names)} arguments, got {len(args)}", _CELL_FIX)
    for name, value, rank in zip(names, args, (2, 2, 1, 2, 1), strict=False):
        if value.type.shape is None or value.rank != rank:
            raise UnsupportedError(f"the {name} of {kind} is {value.type}, expected rank {rank}", _CELL_FIX)
        if name != "input" and not value.is_const:
            raise UnsupportedError(f"the {name} of {kind} is computed, expected a constant", _CELL_FIX)
    features = args[0].dims[1]
    cells, outputs = args[3].type.static_shape
    if isinstance(features, Sym):
        raise UnsupportedError(f"the input of {kind} is {args[0].type}, of unknown width", _CELL_FIX)
    expected = ((features + outputs, 4 * cells), (4 * cells,), (cells, outputs), (4 * cells,))
    for name, value, shape in zip(names[1:], args[1:], expected, strict=False):
        if value.type.static_shape != shape:
            raise UnsupportedError(f"the {name} of {kind} is {value.type}, expected {list(shape)}", _CELL_FIX)
    weight, bias, projection, *scale = (a.numpy() for a in args[1:])
    columns = dict(zip(ORDER, np.split(weight.T, 4), strict=True))

    def by_gate(vector: np.ndarray) -> dict[str, Value]:
        return {g: b.constant(part) for g, part in zip(ORDER, np.split(vector, 4), strict=True)}

    return RecurrentLayer(
        LSTM,
        reshape(b, args[0], [args[0].dims[0], 1, features], args[0]),
        {g: b.constant(np.ascontiguousarray(rows[:, :features])) for g, rows in columns.items()},
        {g: b.constant(np.ascontiguousarray(rows[:, features:])) for g, rows in columns.items()},
        by_gate(bias),
        layer_norm=by_gate(scale[0]) if scale else {},
        projection=b.constant(np.ascontiguousarray(projection.T)),
        name=kind,
    )


def _stateful(b: Builder, layer: RecurrentLayer) -> Value:
    """The outputs of a cell that goes on from invocation to invocation."""
    kept = RecurrentLayer(**{**vars(layer), "stateful": True})
    problem = obstacle(b, kept)
    if problem:
        raise UnsupportedError(f"{layer.name} keeps a state: {problem}", "give the input a batch of known size")
    return fuse(b, kept, (False, False)).sequence


def _differs(kind: str, args: Sequence[Value], evaluate: Evaluate) -> str:
    """How what the body computes differs from one step of the cell; empty where it does not."""
    rng = np.random.default_rng(0)
    for scale in (1.0, 1e-3):  # small numbers tell one epsilon of a normalization from another
        x = rng.normal(0, scale, (3, int(str(args[0].dims[1])))).astype(np.float32)
        (made,) = evaluate([Value.constant(x), *args[1:]])
        if not isinstance(made, Value) or not made.is_const:
            return "what its body computes cannot be told"
        expected = _one_step(x, *(a.numpy().astype(np.float64) for a in args[1:]))
        got = made.numpy()
        if got.shape != expected.shape or np.abs(got - expected).max() > _TOLERANCE * max(np.abs(expected).max(), 1e-3):
            rest = ", layer-normalized before its bias" if kind == NORMALIZED_CELL else ""
            return (
                "its body computes something else than one step of the cell from zeros, with the gates in the order "
                f"{', '.join(ORDER)}, each sigmoid or (cell) tanh{rest}, and h projected"
            )
    return ""


def _one_step(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, projection: np.ndarray, scale: np.ndarray | None = None
) -> np.ndarray:
    sums = np.split(x @ weight[: x.shape[1]], 4, axis=1)
    if scale is not None:
        centered = [z - z.mean(1, keepdims=True) for z in sums]
        normal = [z / np.sqrt((z * z).mean(1, keepdims=True) + NORM_EPSILON) for z in centered]
        sums = [z * s for z, s in zip(normal, np.split(scale, 4), strict=True)]
    cell, entry, _, output = (z + b for z, b in zip(sums, np.split(bias, 4), strict=True))
    c = np.tanh(cell) / (1 + np.exp(-entry))
    made: np.ndarray = np.tanh(c) / (1 + np.exp(-output)) @ projection
    return made


# -- legacy Keras -----------------------------------------------------------------------------------------------------


def _keras(
    b: Builder, kind: str, attrs: Mapping[str, Any], args: Sequence[Value], evaluate: Evaluate | None, count: int
) -> list[Value] | str:
    if evaluate is not None and len(args) > _ARGUMENTS:
        return ""  # a mask
    if len(args) != _ARGUMENTS or count != _RESULTS:
        got = f"{len(args)} and {count}"
        raise UnsupportedError(f"the LSTM of Keras takes {_ARGUMENTS} arguments and has {_RESULTS} results, got {got}", _FIX)
    x, h, c, kernel, recurrent, bias = args
    if kind == DIAGONAL:
        recurrent = _diagonal(b, recurrent)
    units_of(x, h, c, kernel, recurrent, bias)
    if evaluate is not None:
        return ""
    if "time_major" not in attrs:
        raise UnsupportedError("the LSTM of Keras has no attribute 'time_major'", "give the function one")
    options = {name: bool(attrs.get(name, False)) for name in ("time_major", "go_backwards")}
    return [*keras_lstm(b, x, h, c, kernel, recurrent, bias, **options), b.constant(np.array(0, np.float32))]


_ARGUMENTS, _RESULTS = 6, 5
_FIX = "give input, h, c, kernel, recurrent kernel and bias, no mask; the results are last output, outputs, h, c, a scalar"


def _diagonal(b: Builder, recurrent: Value) -> Value:
    """The recurrent kernel whose vectors, one for each gate, are given."""
    if not recurrent.is_const or recurrent.type.shape is None or recurrent.type.static_shape[:-1] not in ((), (1,)):
        raise UnsupportedError(f"the recurrent kernel of an independent LSTM is {recurrent.type}", _FIX)
    return b.constant(np.concatenate([np.diag(part) for part in np.split(recurrent.numpy().ravel(), 4)], axis=1))
