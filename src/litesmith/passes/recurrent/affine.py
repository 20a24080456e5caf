"""Values of a loop body as affine functions of others: W x + U h + p * c + b.

Whoever wrote a cell, its gates are such functions, before their activation: of the step's input, of the states. How they
got there (one product for all gates or one for each, joined operands, biases added early or late) makes no difference.
All arithmetic is on constants, which stay lazy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Graph, Op, Value
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ops import OPS
from litesmith.ops.common import const_ints
from litesmith.ops.elementwise import ADD, MUL, SUB
from litesmith.ops.joining import CONCATENATION, SPLIT, SPLIT_V
from litesmith.ops.layout import BROADCAST_TO, TILE, TRANSPOSE
from litesmith.ops.matmul import BATCH_MATMUL, FULLY_CONNECTED
from litesmith.ops.shape import RESHAPE
from litesmith.ops.slicing import SLICE, STRIDED_SLICE
from litesmith.passes.match import activation, is_any, is_float

WIDEST_IDENTITY = 2048
"""Features of a tensor of which parts are taken by a matrix of zeros and ones."""


class UnclearError(Exception):
    """A value is no affine function that can be told."""


@dataclass(frozen=True)
class Term:
    """One summand: a matrix [width, features] times a value, or a vector [width] (None: ones) times it element-wise."""

    factor: Value | None
    diagonal: bool = False


@dataclass(frozen=True)
class Affine:
    """The sum of terms, by the value each is a function of, and a bias [width]."""

    width: int
    terms: dict[Value, Term] = field(default_factory=dict)
    bias: Value | None = None


class AffineForms:
    """The affine forms of the values of one graph. ``like``: the value a row stands for, where several are one."""

    def __init__(self) -> None:
        self.b = Builder(Graph("constants"), OPS)
        self._known: dict[Value, Affine] = {}

    def of(self, value: Value) -> Affine:
        """The affine form of a value; the value times one where nothing better is known."""
        if value not in self._known:
            self._known[value] = self._compute(value)
        return self._known[value]

    def keep(self, value: Value) -> None:
        """From now on a value is a function of itself alone, whatever it is computed from."""
        self._known[value] = self.atom(value)

    def _compute(self, value: Value) -> Affine:
        return self.atom(value) if value.op is None or activation(value.op) != "NONE" else self.before_activation(value)

    def before_activation(self, value: Value) -> Affine:
        """The affine form of what an operation computes before its fused activation."""
        op = value.op
        rule = _RULES.get(op.defn, _same_vector if is_any(op, Trait.KEEPS_ORDER) else None) if op is not None else None
        form = rule(self, op, value) if rule is not None and op is not None else None
        return form or self.atom(value)

    def atom(self, value: Value) -> Affine:
        """A value as a function of itself."""
        width = value.dims[-1] if value.type.shape else None
        if not is_float(value) or not isinstance(width, int):
            raise UnclearError(f"{value.type} is no float vector")
        return Affine(width, {value: Term(None, diagonal=True)})

    # -- arithmetic on constants ------------------------------------------------------------------------------------

    def constant(self, defn: OpDef, *operands: Value | np.ndarray, **attrs: Any) -> Value:
        """An operation on constants, folded. Raises UnclearError where it is not."""
        (result,) = self.b.emit(defn, operands, **attrs)
        if not result.is_const:
            raise UnclearError(f"{defn} of weights is not known")
        return result

    def vector(self, value: Value, width: int) -> Value:
        """A constant that broadcasts to [width], as such a vector."""
        count = value.type.count
        if count not in (1, width) or (count == width and value.dims[-1] != width):
            raise UnclearError("a constant that is no vector is added")
        flat = self.constant(RESHAPE, value, np.array([count], np.int32))
        return flat if count == width else self.constant(BROADCAST_TO, flat, np.array([width], np.int32))

    def matrix(self, term: Term, width: int) -> Value:
        """The term's factor as a matrix."""
        if not term.diagonal and term.factor is not None:
            return term.factor
        if width > WIDEST_IDENTITY:
            raise UnclearError("parts of a wide tensor are taken")
        eye = np.eye(width, dtype=np.float32)
        return self.b.constant(eye if term.factor is None else eye * term.factor.numpy())

    def add(self, x: Affine, y: Affine) -> Affine:
        """The sum of two."""
        if x.width != y.width:
            raise UnclearError("tensors of different widths are added")
        terms = dict(x.terms)
        for source, term in y.terms.items():
            terms[source] = self._add_terms(terms[source], term, x.width) if source in terms else term
        biases = [v for v in (x.bias, y.bias) if v is not None]
        bias = self.constant(ADD, *biases) if len(biases) == 2 else next(iter(biases), None)
        return Affine(x.width, terms, bias)

    def _add_terms(self, x: Term, y: Term, width: int) -> Term:
        if x.diagonal != y.diagonal:
            x, y = Term(self.matrix(x, width)), Term(self.matrix(y, width))
        ones = self.b.constant(np.ones(width, np.float32))
        return Term(self.constant(ADD, x.factor or ones, y.factor or ones), x.diagonal)

    def scale(self, x: Affine, by: Value) -> Affine:
        """Each of the features times a number of its own. by: [width]."""
        column = self.constant(RESHAPE, by, np.array([x.width, 1], np.int32))
        terms = {
            source: Term(
                by if t.factor is None else self.constant(MUL, t.factor, by if t.diagonal else column), t.diagonal
            )
            for source, t in x.terms.items()
        }
        return Affine(x.width, terms, None if x.bias is None else self.constant(MUL, x.bias, by))

    def part(self, x: Affine, begin: int, size: int) -> Affine:
        """Some of the features."""
        if (begin, size) == (0, x.width):
            return x
        terms = {source: Term(self.rows(self.matrix(t, x.width), begin, size)) for source, t in x.terms.items()}
        return Affine(size, terms, None if x.bias is None else self.rows(x.bias, begin, size))

    def rows(self, x: Value, begin: int, size: int) -> Value:
        """``x[begin : begin + size]``."""
        start, extent = np.zeros(x.rank, np.int32), np.array(x.type.static_shape, np.int32)
        start[0], extent[0] = begin, size
        return self.constant(SLICE, x, start, extent)

    def columns(self, x: Value, begin: int, size: int) -> Value:
        """``x[:, begin : begin + size]``."""
        extent = np.array([x.type.static_shape[0], size], np.int32)
        return x if x.dims[1] == size else self.constant(SLICE, x, np.array([0, begin], np.int32), extent)

    def product(self, x: Value, weights: Value) -> Affine:
        """weights [width, features] times a value; by parts, where the value is joined of parts."""
        width = weights.type.static_shape[0]
        joined = x.op
        if joined is None or joined.defn is not CONCATENATION or int(joined.attrs["axis"]) % x.rank != x.rank - 1:
            return self._product(x, weights)
        total, begin = Affine(width), 0
        for part in joined.inputs:
            size = part.dims[-1]
            if not isinstance(size, int):
                raise UnclearError("tensors of unknown width are joined")
            total = self.add(total, self._product(part, self.columns(weights, begin, size)))
            begin += size
        return total

    def _product(self, x: Value, weights: Value) -> Affine:
        inner = self.of(x)
        (only,) = inner.terms.values() if len(inner.terms) == 1 else (None,)
        if only is None or only.factor is not None or inner.bias is not None:
            return Affine(weights.type.static_shape[0], {x: Term(weights)})
        return Affine(weights.type.static_shape[0], {next(iter(inner.terms)): Term(weights)})


Rule = Callable[[AffineForms, Op, Value], "Affine | None"]


def _fully_connected(forms: AffineForms, op: Op, value: Value) -> Affine | None:
    weights, bias = op["weights"], op.get("bias")
    if not weights.is_const or not is_float(weights) or (bias is not None and not bias.is_const):
        return None
    total = forms.product(op["x"], weights)
    return total if bias is None else forms.add(total, Affine(total.width, bias=forms.vector(bias, total.width)))


def _batch_matmul(forms: AffineForms, op: Op, value: Value) -> Affine | None:
    weights = op["y"]
    if not weights.is_const or not is_float(weights) or weights.rank != 2 or op.attrs["adj_x"]:
        return None
    if not op.attrs["adj_y"]:
        weights = forms.constant(TRANSPOSE, weights, np.array([1, 0], np.int32))
    return forms.product(op["x"], weights)


def _sum(forms: AffineForms, op: Op, value: Value) -> Affine | None:
    width = forms.atom(value).width
    parts = [
        Affine(width, bias=forms.vector(v, width)) if v.is_const else forms.of(v) for v in op.inputs
    ]
    if op.defn is SUB:
        parts[1] = forms.scale(parts[1], forms.b.constant(np.full(width, -1, np.float32)))
    return forms.add(*parts)


def _scaling(forms: AffineForms, op: Op, value: Value) -> Affine | None:
    constants = [v for v in op.inputs if v.is_const]
    others = [v for v in op.inputs if not v.is_const]
    if len(constants) != 1 or len(others) != 1 or others[0].dims[-1] != value.dims[-1]:
        return None
    x = forms.of(others[0])
    return forms.scale(x, forms.vector(constants[0], x.width))


def _split(forms: AffineForms, op: Op, value: Value) -> Affine | None:
    axis = const_ints(op, "axis")
    sizes = [r.dims[-1] for r in op.results]
    if axis is None or axis[0] % op["x"].rank != op["x"].rank - 1 or not all(isinstance(s, int) for s in sizes):
        return None
    begin = sum(s for s in sizes[: value.index] if isinstance(s, int))
    return forms.part(forms.of(op["x"]), begin, int(str(sizes[value.index])))


def _slice(forms: AffineForms, op: Op, value: Value) -> Affine | None:
    """SLICE or STRIDED_SLICE along the last dimension."""
    x = op["x"]
    begin = const_ints(op, "begin")
    if begin is None or x.rank != value.rank or x.dims[:-1] != value.dims[:-1] or not isinstance(value.dims[-1], int):
        return None
    if op.defn is STRIDED_SLICE:
        strides = const_ints(op, "strides")
        if strides is None or set(strides) != {1} or len(begin) != x.rank or op.attrs["ellipsis_mask"]:
            return None
        if op.attrs["new_axis_mask"] or op.attrs["shrink_axis_mask"]:
            return None
    first = 0 if op.attrs.get("begin_mask", 0) >> (x.rank - 1) & 1 else begin[-1]
    width = forms.of(x).width
    return forms.part(forms.of(x), first + width if first < 0 else first, value.dims[-1])


def _tile(forms: AffineForms, op: Op, value: Value) -> Affine | None:
    """TILE along the last dimension."""
    times = const_ints(op, "multiples")
    if times is None or set(times[:-1]) - {1} or not isinstance(value.dims[-1], int):
        return None
    x, count = forms.of(op.inputs[0]), times[-1]

    def stack(part: Value) -> Value:
        return forms.constant(CONCATENATION, *[part] * count, axis=0)

    terms = {source: Term(stack(forms.matrix(t, x.width))) for source, t in x.terms.items()}
    return Affine(value.dims[-1], terms, None if x.bias is None else stack(x.bias))


def _same_vector(forms: AffineForms, op: Op, value: Value) -> Affine | None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS that add and drop unit dimensions and leave the last one."""
    x = op.inputs[0]
    if not x.type.shape or x.dims[-1] != value.dims[-1]:
        return None
    if [d for d in x.dims[:-1] if d != 1] != [d for d in value.dims[:-1] if d != 1]:
        return None
    return forms.of(x)


_RULES: dict[OpDef, Rule] = {
    FULLY_CONNECTED: _fully_connected,
    BATCH_MATMUL: _batch_matmul,
    **dict.fromkeys((ADD, SUB), _sum),
    MUL: _scaling,
    **dict.fromkeys((SPLIT, SPLIT_V), _split),
    **dict.fromkeys((SLICE, STRIDED_SLICE), _slice),
    TILE: _tile,
}


def same_value(value: Value) -> Value:
    """The value behind reshapes that leave a vector as it is."""
    while value.op is not None and bool(value.op.defn.traits & Trait.KEEPS_ORDER):
        inner = value.op.inputs[0]
        if not inner.type.shape or not value.type.shape or inner.dims[-1:] != value.dims[-1:]:
            break
        if [d for d in inner.dims if d != 1] != [d for d in value.dims if d != 1]:
            break
        value = inner
    return value


def terms_of(form: Affine, sources: Sequence[Value]) -> list[Term | None]:
    """The terms of these sources, in order. Raises UnclearError where there is another one."""
    if set(form.terms) - set(sources):
        raise UnclearError("a gate depends on more than the input and the states")
    return [form.terms.get(s) for s in sources]
