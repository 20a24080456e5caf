"""A slice takes away the dimensions it leaves at size 1, where a change of shape did.

    %1 = STRIDED_SLICE(%x, [0, 3, 0], [0, 4, 0], [1, 1, 1]) {begin_mask=5, end_mask=5}    : [b, 1, 8]
    %2 = RESHAPE(%1, [-1, 8])
⇒
    %2 = STRIDED_SLICE(%x, [0, 3, 0], [0, 4, 0], [1, 1, 1]) {begin_mask=5, end_mask=5, shrink_axis_mask=2}

A slice that takes away a unit dimension and leaves the others whole is a change of shape itself:

    %1 = STRIDED_SLICE(%x, [-1, 0, 0], [0, 0, 0], [1, 1, 1]) {begin_mask=6, end_mask=6, shrink_axis_mask=1}   %x: [1, b, 8]
⇒
    %1 = RESHAPE(%x, [-1, 8])

Legal where the one index kept of the dimension is in its bounds: the kernel takes just that.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.dims import Dim
from litesmith.ir.graph import Op
from litesmith.ops.shape import RESHAPE, SQUEEZE, constant_target
from litesmith.ops.slicing import STRIDED_SLICE
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import rebuild, sole_producer, unit_steps, with_operands
from litesmith.passes.unpacks import indexed_axis

_NO_MASKS = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask", "offset")


def shrink(op: Op, b: Builder) -> Outcome:
    """A change that only drops unit dimensions of a slice."""
    sliced = sole_producer(op.inputs[0], STRIDED_SLICE)
    if sliced is None or any(sliced.attrs[name] for name in _NO_MASKS) or op.result.type.shape is None:
        return None
    if sliced["x"].type.shape is None or not all(sliced[n].is_const for n in ("begin", "end", "strides")):
        return None
    steps = unit_steps(sliced.result.dims, op.result.dims)
    if steps is None or steps[1] or not steps[0]:
        return None
    return _shrink(b, sliced, steps[0])


def _shrink(b: Builder, sliced: Op, axes: list[int]) -> Outcome:
    begin, end, strides = (sliced[name].numpy().copy() for name in ("begin", "end", "strides"))
    masks = {name: sliced.attrs[name] for name in ("begin_mask", "end_mask")}
    shrunk = 0
    for axis in axes:
        first = 0 if axis >= len(begin) or masks["begin_mask"] >> axis & 1 else int(begin[axis])
        if axis >= len(begin) or strides[axis] < 0 or not _in_bounds(first, sliced["x"].dims[axis]):
            return Declined("the index that is left may be out of bounds")
        begin[axis], end[axis], strides[axis] = first, first + 1, 1
        masks = {name: mask & ~(1 << axis) for name, mask in masks.items()}
        shrunk |= 1 << axis
    operands = with_operands(sliced, begin=b.constant(begin), end=b.constant(end), strides=b.constant(strides))
    return rebuild(b, sliced, operands, **masks, shrink_axis_mask=shrunk)


def _in_bounds(index: int, size: Dim) -> bool:
    """Whether an index is one of a dimension; the first and the last of one that is sliced are."""
    return -size <= index < size if isinstance(size, int) else index in (0, -1)


def reshape_instead(op: Op, b: Builder) -> Outcome:
    """A slice of the one index of a dimension."""
    axis = indexed_axis(op)
    if axis is None or op["x"].dims[axis] != 1:
        return None
    target = constant_target(op.result.dims)
    if target is None:
        return Declined("two dimensions are of unknown size")
    return b.reshape(op["x"], np.array(target, np.int32))


WHOLE_SLICES = Pass("whole-slices", (STRIDED_SLICE,), reshape_instead)
SHRUNK_SLICES = Pass("shrunk-slices", (RESHAPE, SQUEEZE), shrink)
PASSES = (WHOLE_SLICES, SHRUNK_SLICES)
