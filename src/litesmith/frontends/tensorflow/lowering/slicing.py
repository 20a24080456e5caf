"""Slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from litesmith.decompositions import shapes
from litesmith.decompositions.cumulative import reverse as reversed_along
from litesmith.decompositions.indexing import dynamic_slice
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import static_int
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.array import element_at
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_ints
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Dim, DType, Op, Value
from litesmith.ir.constant import Array
from litesmith.ir.dims import maximum
from litesmith.ops.slicing import Span, span_bounds, strided_spans


@lowers("XlaDynamicSlice")
def xla_dynamic_slice(b: Builder, input: Value, start_indices: Value, size_indices: Value) -> Value:
    """Starts are moved so that the slice lies within the tensor."""
    sizes = const_ints(size_indices, "the sizes of the slice")
    return dynamic_slice(b, input, _scalars(b, start_indices, input.rank), sizes)


@lowers("XlaDynamicUpdateSlice")
def xla_dynamic_update_slice(b: Builder, input: Value, update: Value, indices: Value) -> Value:
    return update if update.type.shape == input.type.shape else b.dynamic_update_slice(input, update, indices)


def _scalars(b: Builder, vector: Value, count: int) -> list[Value]:
    return [element_at(b, as_int32(b, vector), 0, i) for i in range(count)]


@lowers("Slice")
def slice_(b: Builder, input: Value, begin: Value, size: Value) -> Value:
    """SLICE; beyond its rank a slice of merged dimensions, where begin and size are known."""
    if input.rank > 5 and begin.sym is not None and size.sym is not None:
        starts = list(begin.sym)
        ends = [d if s == -1 else f + s for f, s, d in zip(starts, size.sym, input.dims, strict=True)]
        return slice_static(b, input, starts, ends)
    if {begin.type.dtype, size.type.dtype} != {DType.INT64}:
        begin, size = as_int32(b, begin), as_int32(b, size)
    return b.slice(input, begin, size)


@lowers("StridedSlice")
def strided_slice(
    b: Builder,
    input: Value,
    begin: Value,
    end: Value,
    strides: Value,
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Value:
    operands = [input, *(as_int32(b, v) for v in (begin, end, strides))]
    new_axis_mask &= ~ellipsis_mask & ((1 << static_int(strides.dims[0], "a slice")) - 1)
    shrink_axis_mask &= ~(ellipsis_mask | new_axis_mask)
    masks: dict[str, int] = dict(
        begin_mask=begin_mask,
        end_mask=end_mask,
        ellipsis_mask=ellipsis_mask,
        new_axis_mask=new_axis_mask,
        shrink_axis_mask=shrink_axis_mask,
    )
    if ellipsis_mask:
        operands, masks = _without_ellipsis(b, operands, masks)
    if input.rank + new_axis_mask.bit_count() <= STRIDED_RANK:
        return b.apply("strided_slice", *operands, **masks)
    return _strided_of_many_dimensions(b, Op(b.opset["STRIDED_SLICE"], operands, {**masks, "offset": False}))


def _without_ellipsis(b: Builder, operands: list[Value], masks: dict[str, int]) -> tuple[list[Value], dict[str, int]]:
    """The ellipsis spelled out as whole dimensions. The kernel gets one that stands for no dimension wrong."""
    place = masks["ellipsis_mask"].bit_length() - 1
    count = static_int(operands[1].dims[0], "a slice")
    width = operands[0].rank - (count - 1 - masks["new_axis_mask"].bit_count())
    x, begin, end, strides = operands
    fills = ((begin, 0), (end, 0), (strides, 1))
    vectors = [_replace_element(b, vector, place, np.full(width, fill, np.int32)) for vector, fill in fills]

    def shift_mask(mask: int, inside: int) -> int:
        below, above = mask & ((1 << place) - 1), mask >> (place + 1)
        return below | inside << place | above << (place + width)

    whole = (1 << width) - 1
    spelled = {name: shift_mask(mask, whole if name in ("begin_mask", "end_mask") else 0) for name, mask in masks.items()}
    return [x, *vectors], {**spelled, "ellipsis_mask": 0}


def _replace_element(b: Builder, vector: Value, place: int, by: Array) -> Value:
    """A vector with one element replaced by others."""
    if vector.is_const:
        elements = vector.numpy()
        return b.constant(np.concatenate([elements[:place], by, elements[place + 1 :]]).astype(np.int32))
    count = static_int(vector.dims[0], "a slice")
    parts = [slice_static(b, vector, [0], [place]), b.constant(by), slice_static(b, vector, [place + 1], [count])]
    return b.concatenation(*parts, axis=0)


STRIDED_RANK = 5
"""The highest rank the kernel of STRIDED_SLICE takes, new dimensions included."""


def _strided_of_many_dimensions(b: Builder, op: Op) -> Value:
    """Of more dimensions than the kernel takes: turned round where it goes backward, cut, and reshaped."""
    x, spans = op["x"], strided_spans(op)
    if spans is None:
        raise UnsupportedError(f"a slice of {x.type} whose bounds the model computes", "slice by constants")
    cuts = [_cut_of(span, x.dims[span.source]) for span in spans if span.source is not None]
    backward = tuple(a for a, cut in enumerate(cuts) if cut[2] < 0)
    x = reversed_along(b, x, backward)
    forward = [
        (d - 1 - first, d - 1 - last, -step) if step < 0 else (first, last, step)
        for (first, last, step), d in zip(cuts, x.dims, strict=True)
    ]
    first, last, step = zip(*forward, strict=True)
    made = slice_static(b, x, first, [maximum(e, f) for f, e in zip(first, last, strict=True)], step)
    sizes = iter(made.dims)
    kept = [(1 if s.source is None else next(sizes), s.shrink) for s in spans]
    return shapes.reshape(b, made, [size for size, gone in kept if not gone], x)


def _cut_of(span: Span, size: Dim) -> tuple[Dim, Dim, int]:
    """First place, place after the last, and step of what a span takes of its dimension."""
    if span.shrink:
        span = replace(span, end=None, stride=1)
    first, last = span_bounds(span, size)
    if first is None or last is None:
        raise UnsupportedError("a slice between bounds of unknown sign", "slice by constants")
    return (first, first + 1, 1) if span.shrink else (first, last, span.stride)
