"""Unit dimensions that a slice puts in are put in by a change of shape behind it.

    %1 = STRIDED_SLICE(%x, [0, 1], [0, 3], [1, 1]) {new_axis_mask=1}                              %x: [4, 8]
⇒
    %1 = STRIDED_SLICE(%x, [1], [3], [1])                                                         : [2, 8]
    %2 = RESHAPE(%1, [1, 2, 8])

A slice that takes all there is goes: a change of shape copies nothing. TFLite Micro and XNNPACK take no slice that makes
dimensions. Legal because the bounds of a new dimension are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ops.common import const_ints
from litesmith.ops.shape import constant_target
from litesmith.ops.slicing import STRIDED_SLICE
from litesmith.passes.driver import Declined, Outcome, Pass

_BOUNDS = ("begin", "end", "strides")
_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "shrink_axis_mask")


def part_new_dimensions(op: Op, b: Builder) -> Outcome:
    """A slice with new dimensions and constant bounds."""
    if not op.attrs["new_axis_mask"]:
        return None
    bounds = [const_ints(op, name) for name in _BOUNDS]
    if any(given is None for given in bounds) or op.attrs["offset"] or op["x"].type.shape is None:
        return Declined("the bounds are computed")
    target = constant_target(op.result.dims)
    count = len(bounds[0] or ())
    axes = _new_axes(op, count)
    if target is None and len(axes) > 1:
        return Declined("two dimensions are of unknown size")
    kept = [i for i in range(count) if not op.attrs["new_axis_mask"] >> i & 1]
    sliced = _slice(b, op, [[(given or ())[i] for i in kept] for given in bounds], kept)
    parted: Value
    if target is None:
        parted = b.expand_dims(sliced, np.array(axes[0], np.int32))
    else:
        parted = b.reshape(sliced, np.array(target, np.int32))
    return parted


def _slice(b: Builder, op: Op, bounds: Sequence[Sequence[int]], kept: Sequence[int]) -> Value:
    """The slice by the bounds that are kept."""
    if not kept:
        return op["x"]
    masks: dict[str, Any] = {}
    for name in _MASKS:
        masks[name] = sum(1 << place for place, i in enumerate(kept) if op.attrs[name] >> i & 1)
    return b.strided_slice(op["x"], *(np.array(given, np.int32) for given in bounds), **masks)


def _new_axes(op: Op, count: int) -> list[int]:
    """Which dimensions of the result are new."""
    new, dropped, ellipsis = (op.attrs[f"{name}_mask"] for name in ("new_axis", "shrink_axis", "ellipsis"))
    axes, axis = [], 0
    for place in range(count):
        if ellipsis >> place & 1:
            axis += op["x"].rank - (count - 1 - new.bit_count())
        elif new >> place & 1:
            axes.append(axis)
            axis += 1
        else:
            axis += not dropped >> place & 1
    return axes


NEW_DIMENSIONS = Pass("new-dimensions", (STRIDED_SLICE,), part_new_dimensions)
PASSES = (NEW_DIMENSIONS,)
