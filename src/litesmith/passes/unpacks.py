"""What is taken apart along a dimension, index by index, is so in one operation.

    %1 = STRIDED_SLICE(%x, …, …) {shrink_axis_mask=2}      index 0 of %x: [n, 2, 8]
    %2 = STRIDED_SLICE(%x, …, …) {shrink_axis_mask=2}      index 1
⇒
    %1, %2 = UNPACK(%x) {axis=1}

Legal for the element types the kernel takes. Only where every index is taken.
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Graph, Op, Program
from litesmith.ops import OPS
from litesmith.ops.joining import UNPACK
from litesmith.ops.slicing import STRIDED_SLICE
from litesmith.passes.driver import ProgramPass, erase_dead, replace_result

_TYPES = UNPACK.inputs[0].dtypes or frozenset()


def unpack(program: Program) -> int:
    """Returns how many tensors are taken apart by UNPACK now."""
    return sum(_unpack(graph) for graph in program.all_graphs())


def _unpack(graph: Graph) -> int:
    changes = 0
    for first in list(graph.ops):
        axis = _axis_inside(first) if first.graph is graph else None
        if axis is None:
            continue
        parts, size = _parts(first, axis), first["x"].dims[axis]
        if not isinstance(size, int) or len(parts) != size or size == 1:
            continue
        b = Builder(graph, OPS, first, tuple(dict.fromkeys(o for ops in parts.values() for op in ops for o in op.origins)))
        outputs = b.unpack(first["x"], num=size, axis=axis)
        for index, ops in parts.items():
            for op in ops:
                replace_result(graph, op.result, outputs[index])
                erase_dead(graph, [op])
        changes += 1
    return changes


def _parts(first: Op, axis: int) -> dict[int, list[Op]]:
    """The slices that take one index of the same dimension, by index."""
    found: dict[int, list[Op]] = {}
    for op in dict.fromkeys(first["x"].users):
        if op.graph is first.graph and op.defn is first.defn and op["x"] is first["x"] and _axis_inside(op) == axis:
            found.setdefault(_index(op, axis), []).append(op)
    return dict(sorted(found.items()))


def _axis_inside(op: Op) -> int | None:
    """`indexed_axis` of a slice that is no output of the graph, which keeps its name."""
    return None if op.defn is not STRIDED_SLICE or op.result.output_uses else indexed_axis(op)


def indexed_axis(op: Op) -> int | None:
    """The dimension of which a STRIDED_SLICE takes one index, and all of the others."""
    if op.defn is not STRIDED_SLICE or op["x"].type.shape is None or op["x"].type.quant is not None:
        return None
    if op["x"].type.dtype not in _TYPES or not all(v.is_const for v in op.inputs[1:]):
        return None
    rank = op["x"].rank
    axes = [a for a in range(rank) if op.attrs["shrink_axis_mask"] >> a & 1]
    if op.attrs["ellipsis_mask"] or op.attrs["new_axis_mask"] or op.attrs["offset"] or len(axes) != 1:
        return None
    size = op["x"].dims[axes[0]]
    if not isinstance(size, int) or not -size <= _index(op, axes[0]) < size:
        return None
    return axes[0] if all(_is_whole(op, a) for a in range(rank) if a != axes[0]) else None


def _index(op: Op, axis: int) -> int:
    """The index a slice takes of a dimension, counted from the front."""
    first = 0 if op.attrs["begin_mask"] >> axis & 1 else int(op["begin"].numpy()[axis])
    size = op["x"].dims[axis]
    return first + size if first < 0 and isinstance(size, int) else first


def _is_whole(op: Op, axis: int) -> bool:
    """Whether a slice takes all of a dimension."""
    if axis >= len(op["begin"].numpy()):
        return True
    first = 0 if op.attrs["begin_mask"] >> axis & 1 else int(op["begin"].numpy()[axis])
    size = op["x"].dims[axis]
    last = size if op.attrs["end_mask"] >> axis & 1 else int(op["end"].numpy()[axis])
    return first == 0 and last == size and int(op["strides"].numpy()[axis]) == 1


UNPACKS = ProgramPass("unpacks", unpack, after=("shrunk-slices", "common-subexpressions"))
PASSES = (UNPACKS,)
