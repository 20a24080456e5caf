"""Strided slices name every dimension of their operand.

    %1 = STRIDED_SLICE(%x, [2], [3], [1]) {shrink_axis_mask=1}                       %x: [n, 4, 8]
⇒
    %1 = STRIDED_SLICE(%x, [2, 0, 0], [3, 0, 0], [1, 1, 1]) {begin_mask=6, end_mask=6, shrink_axis_mask=1}

    %1 = STRIDED_SLICE(%x, [0, 3], [0, 5], [1, 1]) {ellipsis_mask=1}
⇒
    %1 = STRIDED_SLICE(%x, [0, 0, 3], [0, 0, 5], [1, 1, 1]) {begin_mask=3, end_mask=3}

TFLite Micro's kernel reads as many bounds as the operand has dimensions, whatever their number, and knows no ellipsis.
Legal because a dimension whose bounds are masked is taken whole, as one that is not named is. Runs last: the short form
is the easier one to rewrite.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ops.common import const_ints
from litesmith.ops.slicing import STRIDED_SLICE
from litesmith.passes.driver import ProgramPass

_BOUNDS = ("begin", "end", "strides")
_MASKS = ("begin_mask", "end_mask", "shrink_axis_mask")


def name_all_dimensions(program: Program) -> int:
    """Completes the bounds of every strided slice that has constant ones. Returns how many changed."""
    return sum(_complete_graph(graph) for graph in program.all_graphs())


def _complete_graph(graph: Graph) -> int:
    constants: dict[tuple[int, ...], Value] = {}
    changes = 0
    for op in graph.ops:
        if op.defn is STRIDED_SLICE and op["x"].type.shape is not None:
            changes += _complete(op, constants)
    return changes


def _complete(op: Op, constants: dict[tuple[int, ...], Value]) -> bool:
    """constants: those this pass made in the graph, by their elements; slices share them."""
    bounds = [const_ints(op, name) for name in _BOUNDS]
    attrs = op.attrs
    if attrs["new_axis_mask"] or attrs["offset"] or any(b is None for b in bounds):
        return False
    places = _places(len(bounds[0] or ()), op["x"].rank, attrs["ellipsis_mask"])
    if places == list(range(op["x"].rank)) and not attrs["ellipsis_mask"]:
        return False
    whole = sum(1 << axis for axis, place in enumerate(places) if place is None)
    for index, (given, default) in enumerate(zip(bounds, (0, 0, 1), strict=True), 1):
        elements = tuple(default if place is None else (given or ())[place] for place in places)
        if elements not in constants:
            constants[elements] = Value.constant(np.array(elements, np.int32))
        op.set_operand(index, constants[elements])
    for name in _MASKS:
        attrs[name] = sum(1 << a for a, place in enumerate(places) if place is not None and attrs[name] >> place & 1)
    attrs["begin_mask"] |= whole
    attrs["end_mask"] |= whole
    attrs["ellipsis_mask"] = 0
    return True


def _places(count: int, rank: int, ellipsis: int) -> list[int | None]:
    """Which of the bounds given is each dimension's; None for those taken whole."""
    places: list[int | None] = []
    for place in range(count):
        places += [None] * (rank - count + 1) if ellipsis >> place & 1 else [place]
    return places + [None] * (rank - len(places))


FULL_SLICES = ProgramPass("full-slices", name_all_dimensions)
PASSES = (FULL_SLICES,)
