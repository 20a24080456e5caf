"""Parts of tensors and variables replaced: ``v[begin:end:stride].assign(value)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.indexing import clamp, dynamic_update_slice
from litesmith.decompositions.shapes import broadcast_to, iota, reshape, size_value, static_int
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.importer import Context
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_ints, like
from litesmith.frontends.tensorflow.lowering.variables import assign, variable_of
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.frontends.tensorflow.resources import Variable
from litesmith.ir import Builder, Dim, DType, Value

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.resources import Item


@dataclass(frozen=True)
class _Part:
    """What is replaced of one dimension.

    places: the indices in order, where they are known; else those from ``low`` on and before ``high`` (None: all of
    them), or ``low`` alone where ``single``.
    """

    places: Sequence[int] | None = None
    low: Value | None = None
    high: Value | None = None
    single: bool = False

    @property
    def is_whole(self) -> bool:
        return self.places is None and self.low is None and self.high is None

    @property
    def is_run(self) -> bool:
        """Whether the indices are known, one after the other, or all there are."""
        return self.is_whole or (self.places is not None and all(np.diff(self.places) == 1))


@lowers("TensorStridedSliceUpdate")
def strided_update(
    b: Builder,
    input: Value,
    begin: Value,
    end: Value,
    strides: Value,
    value: Value,
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Value:
    """DYNAMIC_UPDATE_SLICE where the bounds are known and the step is 1, else a select for each element.

    ``value`` broadcasts to the slice. Bounds outside of the tensor are brought inside, so that nothing may be replaced.
    """
    x, steps = input, const_ints(strides, "the steps of a slice")
    bounds = [as_int32(b, v) for v in (begin, end)]
    spelled = sum(1 for i in range(len(steps)) if not (ellipsis_mask | new_axis_mask) >> i & 1)
    parts: list[_Part] = []
    shape: list[int | None] = []  # the slice's dimensions: those of x by number, None for new ones
    for i, step in enumerate(steps):
        if ellipsis_mask >> i & 1:
            for _ in range(x.rank - spelled):
                shape.append(len(parts))
                parts.append(_Part())
        elif new_axis_mask >> i & 1:
            shape.append(None)
        elif shrink_axis_mask >> i & 1:
            parts.append(_single(b, x, len(parts), _element(b, bounds[0], i)))
        else:
            shape.append(len(parts))
            first, last = (
                None if mask >> i & 1 else _element(b, bound, i)
                for mask, bound in zip((begin_mask, end_mask), bounds, strict=True)
            )
            parts.append(_span(b, x, len(parts), first, last, step))
    shape += range(len(parts), x.rank)
    parts += [_Part()] * (x.rank - len(parts))
    return _replace_parts(b, x, parts, _align_dimensions(b, value, shape, x.rank))


@lowers("ResourceStridedSliceAssign", "StridedSliceAssign")
def strided_assign(
    context: Context, ref: Item, begin: Value, end: Value, strides: Value, value: Value, **masks: int
) -> Variable:
    known = {name: mask for name, mask in masks.items() if name.endswith("_mask")}
    old = context.read(variable_of(ref))
    return assign(context, ref, strided_update(context.b, old, begin, end, strides, value, **known))


# -- what is replaced -------------------------------------------------------------------------------------------------


def _element(b: Builder, vector: Value, index: int) -> int | Value:
    """An element of a vector, as a number where it is known."""
    if vector.sym is not None and isinstance(vector.sym[index], (int, np.integer)):
        return int(vector.sym[index])
    return b.gather(vector, np.array(index, np.int32), axis=0)


def _single(b: Builder, x: Value, axis: int, place: int | Value) -> _Part:
    size = x.dims[axis]
    if isinstance(place, int) and isinstance(size, int):
        return _Part(places=[range(size)[place]])
    return _Part(low=_from_start(b, x, axis, place), single=True)


def _span(b: Builder, x: Value, axis: int, first: int | Value | None, last: int | Value | None, step: int) -> _Part:
    size = x.dims[axis]
    if first is None and last is None and step == 1:
        return _Part()
    if isinstance(size, int) and not isinstance(first, Value) and not isinstance(last, Value):
        return _Part(places=range(size)[slice(first, last, step)])
    if step != 1:
        raise UnsupportedError("assigns to a strided slice whose bounds are computed", "use constant bounds")
    low, high = (None if v is None else _from_start(b, x, axis, v) for v in (first, last))
    return _Part(low=low, high=high)


def _from_start(b: Builder, x: Value, axis: int, place: int | Value) -> Value:
    """A place counted from the start, also where it is negative."""
    size = size_value(b, x.dims[axis], x)
    if isinstance(place, int):
        found = b.constant(np.array(place, np.int32))
        return found if place >= 0 else b.add(found, size)
    return b.select_v2(b.less(place, like(b, 0, place)), b.add(place, size), place)


# -- replacing it -----------------------------------------------------------------------------------------------------


def _align_dimensions(b: Builder, value: Value, shape: Sequence[int | None], rank: int) -> Value:
    """The value with the dimensions of the tensor, 1 where it has to be broadcast."""
    dims: list[Dim] = [1] * rank
    for axis, size in zip(reversed(shape), reversed(value.dims), strict=False):
        if axis is not None:
            dims[axis] = size
    return reshape(b, value, dims, value)


def _replace_parts(b: Builder, x: Value, parts: Sequence[_Part], update: Value) -> Value:
    if any(p.places is not None and not p.places for p in parts):
        return x
    if all(p.is_run for p in parts):
        sizes = [d if p.places is None else len(p.places) for p, d in zip(parts, x.dims, strict=True)]
        starts = [0 if p.places is None else p.places[0] for p in parts]
        return dynamic_update_slice(b, x, broadcast_to(b, update, sizes, x), starts)
    inside: Value | None = None
    for axis, part in enumerate(parts):
        if part.is_whole:
            continue
        here, places = _along(b, x, axis, part, update)
        if update.dims[axis] != 1:
            update = b.gather(update, places, axis=axis)
        here = reshape(b, here, [d if a == axis else 1 for a, d in enumerate(x.dims)], x)
        inside = here if inside is None else b.logical_and(inside, here)
    assert inside is not None
    return select(b, inside, update, x)


def _along(b: Builder, x: Value, axis: int, part: _Part, update: Value) -> tuple[Value, Value]:
    """For each index of a dimension whether it is replaced, and by which element of the update."""
    size = x.dims[axis]
    if part.places is not None:
        count = static_int(size, "a slice with known bounds")
        here, numbering = np.zeros(count, np.bool_), np.zeros(count, np.int32)
        here[list(part.places)] = True
        numbering[list(part.places)] = np.arange(len(part.places))
        return b.constant(here), b.constant(numbering)
    numbers = iota(b, [size], 0, DType.INT32, x)
    if part.single:
        assert part.low is not None
        return b.equal(numbers, part.low), b.constant(np.zeros(1, np.int32))
    tests = [b.greater_equal(numbers, part.low)] if part.low is not None else []
    tests += [b.less(numbers, part.high)] if part.high is not None else []
    mask = tests[0] if len(tests) == 1 else b.logical_and(*tests)
    zero, last = like(b, 0, numbers), b.sub(size_value(b, update.dims[axis], update), like(b, 1, numbers))
    order = numbers if part.low is None else b.sub(numbers, b.maximum(part.low, zero))
    return mask, clamp(b, order, zero, last)
