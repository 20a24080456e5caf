"""Which numbers a tensor can hold: an interval for each value, derived in program order.

Integers have at least the range of their type, and a narrower one where operators say so: ARG_MAX of 10 numbers is
within 0 and 9, so are the indices of TOPK_V2; MINIMUM, SELECT_V2, ADD … follow from their operands. Small tensors are
known element by element. A loop variable that only counts is known from where it starts, its step and the bound in
the condition. Booleans are 0 to 1, so a comparison that is certain is an interval of one number.

Float32 values have a range only where they come from RANDOM_UNIFORM, or from integers, by arithmetic; then they are
finite, too. Float32 rounding keeps order: what holds for both ends of a range holds for all between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from litesmith.ir.constant import Array
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ir.opdef import Trait
from litesmith.ir.types import TensorType
from litesmith.passes.counters import counter
from litesmith.passes.match import activation, scalar
from litesmith.passes.subgraph_variables import call_counts


class Range(NamedTuple):
    """The least and the largest number each element can be: scalars, or arrays of the tensor's shape.

    Of int64 for integers and booleans, of float32 for floats.
    """

    low: Array
    high: Array

    @property
    def number(self) -> Any:
        """The one number every element is, None where there may be several."""
        first = self.low.flat[0] if self.low.size else None
        return first if self.low.size and np.all(self.low == first) and np.all(self.high == first) else None

    @property
    def ends(self) -> Range:
        """The same for the tensor as a whole."""
        return Range(self.low.min(), self.high.max()) if self.low.ndim and self.low.size else self


Rule: TypeAlias = "Callable[[Op, Ranges], Range | None]"

ELEMENTS = 64
"""Tensors up to this size are known element by element."""

DEPTH = 32
"""Loops nested deeper than this are looked at by themselves."""

SAFE = 2**31
"""Products of two such numbers are computed in int64 without overflow."""

UNIFORM = Range(np.asarray(0, np.float32), np.asarray(1 - 2**-23, np.float32))
"""RANDOM_UNIFORM draws multiples of 2^-23 in [0, 1)."""


def _integers(low: int, high: int) -> Range:
    return Range(np.asarray(low, np.int64), np.asarray(high, np.int64))


def _all_of(dtype: type[np.integer[Any]]) -> Range:
    return _integers(np.iinfo(dtype).min, np.iinfo(dtype).max)


BOOLEAN, TRUE, FALSE = _integers(0, 1), _integers(1, 1), _integers(0, 0)


_OF_TYPE: dict[DType, Range] = {
    DType.BOOL: BOOLEAN,
    DType.INT8: _all_of(np.int8),
    DType.UINT8: _all_of(np.uint8),
    DType.INT16: _all_of(np.int16),
    DType.UINT16: _all_of(np.uint16),
    DType.INT32: _all_of(np.int32),
    DType.UINT32: _all_of(np.uint32),
    DType.INT64: _all_of(np.int64),
}


def type_range(type_: TensorType) -> Range | None:
    """What the element type alone says."""
    return None if type_.quant is not None else _OF_TYPE.get(type_.dtype)


class Ranges:
    """The ranges of all values of a program."""

    def __init__(self, program: Program) -> None:
        self._known: dict[Value, Range] = {}
        self._calls = call_counts(program)
        self._visited: set[int] = set()
        self._depth = 0
        for graph in program.graphs:
            self.visit(graph)
        for graph in program.all_graphs():
            if id(graph) not in self._visited:
                self.visit(graph)

    def __getitem__(self, value: Value | None) -> Range | None:
        """The range of a value, None where nothing is known."""
        if value is None or value.type.quant is not None:
            return None
        if value.is_const:
            return _of_constant(value)
        return self._known.get(value) or type_range(value.type)

    def ends(self, value: Value | None) -> tuple[int, int] | None:
        """The least and the largest integer the value can hold, None where that is not known or no integer."""
        found = self[value]
        return None if found is None or found.low.dtype != np.int64 else (int(found.low.min()), int(found.high.max()))

    def note(self, value: Value, found: Range | None) -> None:
        """Keeps what is known of a value, as far as its type allows it: what overflows is not known."""
        whole = type_range(value.type)
        if (
            found is None
            or not found.low.size
            or (whole is not None and (found.low.min() < whole.low or found.high.max() > whole.high))
        ):
            return
        if found.low.ndim and found.low.shape != value.type.shape:
            found = found.ends
        self._known[value] = found

    def visit(self, graph: Graph) -> None:
        """Derives the ranges of a graph's results from those of its inputs."""
        self._visited.add(id(graph))
        self._depth += 1
        for op in graph.ops:
            if op.name in _CALLS and self._depth < DEPTH and all(self._calls[id(g)] == 1 for g in op.subgraphs):
                _CALLS[op.name](op, self)
            elif (rule := _RULES.get(op.name)) is not None and activation(op) == "NONE":
                if (place := _RESULT.get(op.name, 0)) < len(op.results) and _is_tracked(op.results[place]):
                    self.note(op.results[place], rule(op, self))
            elif op.defn.traits & Trait.MOVES_DATA or op.name in _MOVES:
                self._move(op)
        self._depth -= 1

    def _move(self, op: Op) -> None:
        if not _is_tracked(op.results[0]):
            return
        moved = op.operands[_MOVES.get(op.name, 0)]
        found = self[moved]
        if found is None or moved is None:
            return
        lows, highs = (_moved(op, moved, end) for end in found)
        if lows is None or highs is None:
            found = found.ends
            lows, highs = ([end] * len(op.results) for end in found)
        for result, low, high in zip(op.results, lows, highs, strict=True):
            self.note(result, Range(low, high))


def _is_tracked(value: Value) -> bool:
    return value.type.quant is None and (value.type.dtype is DType.FLOAT32 or value.type.dtype in _OF_TYPE)


def _of_constant(value: Value) -> Range | None:
    if not _is_tracked(value) or not value.is_small_const:
        return type_range(value.type)
    elements = value.numpy()
    if elements.dtype == np.float32:
        if not elements.size or not np.all(np.isfinite(elements)):
            return None
    else:
        elements = elements.astype(np.int64)
    if not elements.size:
        return type_range(value.type)
    whole = Range(elements, elements)
    return whole if elements.size <= ELEMENTS else whole.ends


def _moved(op: Op, moved: Value, end: Array) -> list[Array] | None:
    """One end of each result's range where all is known element by element, else None."""
    others = [v for v in op.inputs if v is not moved]
    if not end.ndim or not all(v.is_const for v in others) or op.defn.evaluate is None:
        return None
    if not all(r.type.is_static for r in op.results):
        return None
    made = op.defn.evaluate(*(end if v is moved else None if v is None else v.numpy() for v in op.operands), **op.attrs)
    return [np.asarray(m) for m in made] if isinstance(made, (list, tuple)) else [np.asarray(made)]


# -- operators --------------------------------------------------------------------------------------------------------


def _arithmetic(apply: Callable[[Array, Array], Array], crossed: bool = False) -> Rule:
    """Of an operator that grows with its first operand, and with its second (``crossed``: falls with it)."""

    def rule(op: Op, ranges: Ranges) -> Range | None:
        x, y = (ranges[v] for v in op.operands)
        if x is None or y is None or not _safe(x) or not _safe(y):
            return None
        low, high = (y.high, y.low) if crossed else (y.low, y.high)
        return _finite(apply(x.low, low), apply(x.high, high))

    return rule


def _product(op: Op, ranges: Ranges) -> Range | None:
    x, y = (ranges[v] for v in op.operands)
    if x is None or y is None or not _safe(x) or not _safe(y):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        corners = [np.multiply(a, b) for a in x for b in y]
    return _finite(np.minimum.reduce(corners), np.maximum.reduce(corners))


def _safe(ends: Range) -> bool:
    return bool(ends.low.dtype == np.float32 or (np.all(ends.low >= -SAFE) and np.all(ends.high <= SAFE)))


def _finite(low: Array, high: Array) -> Range | None:
    return Range(low, high) if np.all(np.isfinite(low)) and np.all(np.isfinite(high)) else None


def _both(apply: Callable[[Array, Array], Array]) -> Rule:
    """MINIMUM and MAXIMUM; of floats both have to be known, as one may be NaN."""

    def rule(op: Op, ranges: Ranges) -> Range | None:
        x, y = (ranges[v] for v in op.operands)
        if x is None or y is None:
            return None
        return Range(apply(x.low, y.low), apply(x.high, y.high))

    return rule


def _floor(op: Op, ranges: Ranges) -> Range | None:
    x = ranges[op.inputs[0]]
    return None if x is None else Range(np.floor(x.low), np.floor(x.high))


def _abs(op: Op, ranges: Ranges) -> Range | None:
    x = ranges[op.inputs[0]]
    return x if x is not None and np.all(x.low >= 0) else None


def _floor_mod(op: Op, ranges: Ranges) -> Range | None:
    modulus = scalar(op["y"])
    if modulus is None or modulus.dtype.kind != "i" or modulus <= 0:
        return None
    return _integers(0, int(modulus) - 1)


def _cast(op: Op, ranges: Ranges) -> Range | None:
    x, (before, after) = ranges[op.inputs[0]], (op.inputs[0].type.dtype, op.result.type.dtype)
    if x is None or DType.FLOAT32 is before:
        return None
    if after is DType.FLOAT32:
        return Range(np.asarray(x.low, np.float32), np.asarray(x.high, np.float32))
    return None if after is DType.BOOL else x


def _select(op: Op, ranges: Ranges) -> Range | None:
    condition, x, y = (ranges[v] for v in op.operands)
    if condition is not None and (certain := condition.number) is not None:
        return x if certain else y
    return None if x is None or y is None else _union(x.ends, y.ends)


def _union(*parts: Range) -> Range:
    return Range(np.minimum.reduce([p.low for p in parts]), np.maximum.reduce([p.high for p in parts]))


def _joined(op: Op, ranges: Ranges) -> Range | None:
    parts = [ranges[v] for v in op.inputs]
    if not parts or any(p is None for p in parts):
        return None
    known = [p for p in parts if p is not None]
    types = [v.type for v in op.inputs]
    if op.defn.evaluate is None or not all(_is_small(t) for t in [*types, op.result.type]):
        return _union(*(p.ends for p in known))
    ends = ([np.broadcast_to(p[end], t.static_shape) for p, t in zip(known, types, strict=True)] for end in (0, 1))
    low, high = (np.asarray(op.defn.evaluate(*end, **op.attrs)) for end in ends)
    return Range(low, high)


def _is_small(type_: TensorType) -> bool:
    return type_.is_static and prod(type_.static_shape) <= ELEMENTS


def _place(axis: Callable[[Op], Any]) -> Rule:
    """An index along an axis of the first operand."""

    def rule(op: Op, ranges: Ranges) -> Range | None:
        along, dims = axis(op), op.inputs[0].type.shape
        if along is None or dims is None or not dims:
            return None
        size = dims[int(along)]
        return _integers(0, size - 1) if isinstance(size, int) and size > 0 else None

    return rule


def _counting(op: Op, ranges: Ranges) -> Range | None:
    """RANGE of a positive step starts with its least number, and ends below its limit."""
    start, limit, step = (ranges[v] for v in op.operands)
    if start is None or limit is None or step is None or start.low.dtype != np.int64 or np.any(step.low <= 0):
        return None
    return _integers(int(start.low.min()), max(int(limit.high.max()) - 1, int(start.high.max())))


def _either(*operands: int) -> Rule:
    """An operator whose result holds elements of these operands."""

    def rule(op: Op, ranges: Ranges) -> Range | None:
        parts = [ranges[op.operands[i]] for i in operands]
        known = [p.ends for p in parts if p is not None]
        return _union(*known) if len(known) == len(parts) else None

    return rule


def _padded(op: Op, ranges: Ranges) -> Range | None:
    x = ranges[op.inputs[0]]
    return None if x is None or x.low.dtype != np.int64 else _union(x.ends, FALSE)


def _extreme(op: Op, ranges: Ranges) -> Range | None:
    """The largest, or least, of at least one number."""
    x, dims = ranges[op.inputs[0]], op.inputs[0].type.shape
    return x.ends if x is not None and dims is not None and all(isinstance(d, int) and d for d in dims) else None


def _compare(less: Callable[[Range, Range], Any], more: Callable[[Range, Range], Any], reflexive: bool) -> Rule:
    """less, more: whether the comparison holds, and whether it fails, whatever the numbers are.

    reflexive: what it says of an integer and itself.
    """

    def rule(op: Op, ranges: Ranges) -> Range | None:
        x, y = (ranges[v] for v in op.operands)
        if x is None or y is None:
            return None
        if op.operands[0] is op.operands[1]:
            return TRUE if reflexive else FALSE
        return TRUE if np.all(less(x, y)) else FALSE if np.all(more(x, y)) else None

    return rule


def _below(x: Range, y: Range) -> Any:
    return x.high < y.low


def _at_most(x: Range, y: Range) -> Any:
    return x.high <= y.low


def _above(x: Range, y: Range) -> Any:
    return x.low > y.high


def _at_least(x: Range, y: Range) -> Any:
    return x.low >= y.high


def _same(x: Range, y: Range) -> Any:
    return (x.low == x.high) & (y.low == y.high) & (x.low == y.low)


def _apart(x: Range, y: Range) -> Any:
    return _below(x, y) | _above(x, y)


def _all(op: Op, ranges: Ranges) -> Range | None:
    """A reduction, or conjunction: of nothing but true numbers it is true, even of none."""
    return TRUE if all(_is(ranges[v], 1) for v in _truths(op)) else _conjoined(op, ranges, 0, FALSE)


def _any(op: Op, ranges: Ranges) -> Range | None:
    return FALSE if all(_is(ranges[v], 0) for v in _truths(op)) else _conjoined(op, ranges, 1, TRUE)


def _conjoined(op: Op, ranges: Ranges, decisive: int, outcome: Range) -> Range | None:
    """One operand decides, where nothing is reduced (over no elements nothing would)."""
    binary = op.name.startswith("LOGICAL")
    return outcome if binary and any(_is(ranges[v], decisive) for v in op.inputs) else None


def _truths(op: Op) -> Sequence[Value]:
    return op.inputs if op.name.startswith("LOGICAL") else op.inputs[:1]


def _is(found: Range | None, number: int) -> bool:
    return found is not None and found.number == number


def _not(op: Op, ranges: Ranges) -> Range | None:
    x = ranges[op.inputs[0]]
    return None if x is None else Range(1 - x.high, 1 - x.low)


_MOVES: dict[str, int] = {
    **dict.fromkeys(("GATHER", "GATHER_ND", "BROADCAST_TO", "TILE", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE"), 0),
    "SPLIT": 1,
}
"""Operators besides those of the trait whose results hold elements of one operand only, and which operand that is."""

_RESULT = {"TOPK_V2": 1}
"""Which result a rule is about, where it is not the first."""

_RULES: dict[str, Rule] = {
    "ADD": _arithmetic(np.add),
    "SUB": _arithmetic(np.subtract, crossed=True),
    "MUL": _product,
    "MINIMUM": _both(np.minimum),
    "MAXIMUM": _both(np.maximum),
    "FLOOR": _floor,
    "ABS": _abs,
    "FLOOR_MOD": _floor_mod,
    "CAST": _cast,
    "SELECT": _select,
    "SELECT_V2": _select,
    "PACK": _joined,
    "CONCATENATION": _joined,
    "ARG_MAX": _place(lambda op: scalar(op["axis"])),
    "ARG_MIN": _place(lambda op: scalar(op["axis"])),
    "TOPK_V2": _place(lambda op: -1),
    "RANGE": _counting,
    "SHAPE": lambda op, ranges: _integers(0, 2**31 - 1),
    "BUCKETIZE": lambda op, ranges: _integers(0, len(op.attrs["boundaries"])),
    "PAD": _padded,
    "FILL": _either(1),
    "DYNAMIC_UPDATE_SLICE": _either(0, 1),
    "PADV2": _either(0, 2),
    "MIRROR_PAD": _either(0),
    "REDUCE_MAX": _extreme,
    "REDUCE_MIN": _extreme,
    "RANDOM_UNIFORM": lambda op, ranges: UNIFORM,
    "LESS": _compare(_below, _at_least, False),
    "LESS_EQUAL": _compare(_at_most, _above, True),
    "GREATER": _compare(_above, _at_most, False),
    "GREATER_EQUAL": _compare(_at_least, _below, True),
    "EQUAL": _compare(_same, _apart, True),
    "NOT_EQUAL": _compare(_apart, _same, False),
    "REDUCE_ALL": _all,
    "LOGICAL_AND": _all,
    "REDUCE_ANY": _any,
    "LOGICAL_OR": _any,
    "LOGICAL_NOT": _not,
}

# -- loops and branches -----------------------------------------------------------------------------------------------


def _branch(op: Op, ranges: Ranges) -> None:
    for graph in op.subgraphs:
        _enter(graph, [ranges[v] for v in op.operands[1:]], ranges)
    for index, result in enumerate(op.results):
        found = [ranges[g.outputs[index]] for g in op.subgraphs]
        if _is_tracked(result) and all(f is not None for f in found):
            ranges.note(result, _union(*(f.ends for f in found if f is not None)))


def _loop(op: Op, ranges: Ranges) -> None:
    cond, body = op.attrs["cond_subgraph"], op.attrs["body_subgraph"]
    fixed = [
        ranges[v] if inside is outside else None
        for v, inside, outside in zip(op.operands, body.inputs, body.outputs, strict=True)
    ]
    _enter(cond, fixed, ranges)
    counters = {i: c for i in range(len(op.results)) if (c := counter(op, i, ranges.ends)) is not None}
    _enter(body, [_integers(*counters[i].inside) if i in counters else f for i, f in enumerate(fixed)], ranges)
    asked = [_integers(*counters[i].after) if i in counters else f for i, f in enumerate(fixed)]
    if counters:
        _enter(cond, asked, ranges)
    for result, found in zip(op.results, asked, strict=True):
        ranges.note(result, found)


def _enter(graph: Graph, found: Sequence[Range | None], ranges: Ranges) -> None:
    for value, known in zip(graph.inputs, found, strict=True):
        if _is_tracked(value):
            ranges.note(value, known)
    ranges.visit(graph)


_CALLS: dict[str, Callable[[Op, Ranges], None]] = {"WHILE": _loop, "IF": _branch}
