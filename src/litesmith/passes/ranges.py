"""Which numbers a tensor can hold: an interval for each value, derived in program order.

Integers have at least the range of their type, and a narrower one where operators say so: ARG_MAX of 10 numbers is
within 0 and 9, so are the indices of TOPK_V2; MINIMUM, SELECT_V2, ADD … follow from their operands. Small tensors are
known element by element. A loop variable that only counts is known from where it starts, its step and the bound in
the condition. Booleans are 0 to 1, so a comparison that is certain is an interval of one number.

Float32 values have a range only where they come from RANDOM_UNIFORM, or from integers, by arithmetic; then they are
finite, too. What each operator says stands in its declaration (`OpDef.interval`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from litesmith.ir.constant import Array
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ir.intervals import BOOLEAN, Interval, of_integers, union
from litesmith.ir.opdef import OpDef
from litesmith.ir.types import TensorType
from litesmith.ops.control import IF, WHILE
from litesmith.ops.intervals import ELEMENTS
from litesmith.passes.counters import counter
from litesmith.passes.match import activation
from litesmith.passes.subgraph_variables import call_counts

DEPTH = 32
"""Loops nested deeper than this are looked at by themselves."""


def _type_interval(dtype: type[np.integer[Any]]) -> Interval:
    return of_integers(np.iinfo(dtype).min, np.iinfo(dtype).max)


_OF_TYPE: dict[DType, Interval] = {
    DType.BOOL: BOOLEAN,
    DType.INT8: _type_interval(np.int8),
    DType.UINT8: _type_interval(np.uint8),
    DType.INT16: _type_interval(np.int16),
    DType.UINT16: _type_interval(np.uint16),
    DType.INT32: _type_interval(np.int32),
    DType.UINT32: _type_interval(np.uint32),
    DType.INT64: _type_interval(np.int64),
}


def type_range(type_: TensorType) -> Interval | None:
    """What the element type alone says."""
    return None if type_.quant is not None else _OF_TYPE.get(type_.dtype)


class Ranges:
    """The ranges of all values of a program."""

    def __init__(self, program: Program) -> None:
        self._known: dict[Value, Interval] = {}
        self._calls = call_counts(program)
        self._visited: set[int] = set()
        self._depth = 0
        for graph in program.graphs:
            self.visit(graph)
        for graph in program.all_graphs():
            if id(graph) not in self._visited:
                self.visit(graph)

    def __getitem__(self, value: Value | None) -> Interval | None:
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

    def note(self, value: Value, found: Interval | None) -> None:
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
            enter, rule = _CALLS.get(op.defn), op.defn.interval
            if enter is not None and self._depth < DEPTH and all(self._calls[id(g)] == 1 for g in op.subgraphs):
                enter(op, self)
            elif rule is not None and activation(op) == "NONE":
                place = op.defn.interval_of
                if place < len(op.results) and _is_tracked(op.results[place]):
                    self.note(op.results[place], rule(op, self))
            elif op.defn.source_index is not None:
                self._move(op, op.operands[op.defn.source_index])
        self._depth -= 1

    def _move(self, op: Op, moved: Value | None) -> None:
        found = self[moved]
        if found is None or moved is None or not _is_tracked(op.results[0]):
            return
        lows, highs = (_move_end(op, moved, end) for end in found)
        if lows is None or highs is None:
            found = found.ends
            lows, highs = ([end] * len(op.results) for end in found)
        for result, low, high in zip(op.results, lows, highs, strict=True):
            self.note(result, Interval(low, high))


def _is_tracked(value: Value) -> bool:
    return value.type.quant is None and (value.type.dtype is DType.FLOAT32 or value.type.dtype in _OF_TYPE)


def _of_constant(value: Value) -> Interval | None:
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
    whole = Interval(elements, elements)
    return whole if elements.size <= ELEMENTS else whole.ends


def _move_end(op: Op, moved: Value, end: Array) -> list[Array] | None:
    """One end of each result's range where all is known element by element, else None."""
    others = [v for v in op.inputs if v is not moved]
    if not end.ndim or not all(v.is_const for v in others) or op.defn.evaluate is None:
        return None
    if not all(r.type.is_static for r in op.results):
        return None
    ends = op.defn.evaluate(*(end if v is moved else None if v is None else v.numpy() for v in op.operands), **op.attrs)
    return [np.asarray(m) for m in ends] if isinstance(ends, (list, tuple)) else [np.asarray(ends)]


# -- loops and branches -----------------------------------------------------------------------------------------------


def _branch(op: Op, ranges: Ranges) -> None:
    for graph in op.subgraphs:
        _enter(graph, [ranges[v] for v in op.operands[1:]], ranges)
    for index, result in enumerate(op.results):
        found = [ranges[g.outputs[index]] for g in op.subgraphs]
        if _is_tracked(result) and all(f is not None for f in found):
            ranges.note(result, union(*(f.ends for f in found if f is not None)))


def _loop(op: Op, ranges: Ranges) -> None:
    cond, body = op.attrs["cond_subgraph"], op.attrs["body_subgraph"]
    fixed = [
        ranges[v] if inside is outside else None
        for v, inside, outside in zip(op.operands, body.inputs, body.outputs, strict=True)
    ]
    _enter(cond, fixed, ranges)
    counters = {i: c for i in range(len(op.results)) if (c := counter(op, i, ranges.ends)) is not None}
    _enter(body, [of_integers(*counters[i].inside) if i in counters else f for i, f in enumerate(fixed)], ranges)
    asked = [of_integers(*counters[i].after) if i in counters else f for i, f in enumerate(fixed)]
    if counters:
        _enter(cond, asked, ranges)
    for result, found in zip(op.results, asked, strict=True):
        ranges.note(result, found)


def _enter(graph: Graph, found: Sequence[Interval | None], ranges: Ranges) -> None:
    for value, known in zip(graph.inputs, found, strict=True):
        if _is_tracked(value):
            ranges.note(value, known)
    ranges.visit(graph)


_CALLS: dict[OpDef, Callable[[Op, Ranges], None]] = {WHILE: _loop, IF: _branch}
