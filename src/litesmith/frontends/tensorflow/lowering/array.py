"""Shapes, slices, joins, borders, fills."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from litesmith.decompositions import shapes
from litesmith.decompositions.cumulative import reverse as reversed_along
from litesmith.decompositions.gather import select
from litesmith.decompositions.indexing import dynamic_slice
from litesmith.decompositions.padding import pad as padded
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import cast, dim_value, full, iota, shape_vector, static_int
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_ints, like
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Dim, DType, Op, Sym, Value
from litesmith.ir.budget import require_room
from litesmith.ir.constant import Array
from litesmith.ir.dims import maximum, product
from litesmith.ops.slicing import Span, span_bounds, strided_spans

SPLIT_TYPES = frozenset({DType.FLOAT32, DType.INT32, DType.INT8, DType.UINT8, DType.INT16})
"""Element types the kernels of SPLIT and UNPACK take, or that are cheap to widen to one they take."""

SPLIT_V_TYPES = SPLIT_TYPES | {DType.INT64}
UNPACK_TYPES = SPLIT_TYPES | {DType.BOOL}
"""Element types the kernels of SPLIT_V and UNPACK take besides."""

# -- shapes -----------------------------------------------------------------------------------------------------------


@lowers("Reshape")
def reshape(b: Builder, tensor: Value, shape: Value) -> Value:
    return b.reshape(tensor, as_int32(b, shape))


@lowers("Shape")
def shape(b: Builder, input: Value, *, out_type: DType = DType.INT32) -> Value:
    return b.shape(input, out_type=out_type)


@lowers("ShapeN")
def shape_n(b: Builder, input: list[Value], *, out_type: DType = DType.INT32) -> list[Value]:
    return [b.shape(x, out_type=out_type) for x in input]


@lowers("Size")
def size(b: Builder, input: Value, *, out_type: DType = DType.INT32) -> Value:
    return b.reduce_prod(b.shape(input, out_type=out_type), [0])


@lowers("Rank")
def rank(b: Builder, input: Value) -> Value:
    return b.constant(np.array(input.rank, np.int32))


@lowers("Squeeze")
def squeeze(b: Builder, input: Value, *, squeeze_dims: Sequence[int] = ()) -> Value:
    axes = [int(a) % input.rank for a in squeeze_dims]
    if not axes and any(not isinstance(d, int) for d in input.dims):
        raise UnsupportedError(f"which dimensions of {input.type} have size 1 is unknown", "say which to squeeze")
    axes = axes or [i for i, d in enumerate(input.dims) if d == 1]
    return b.squeeze(input, squeeze_dims=tuple(axes)) if axes else input


@lowers("ExpandDims")
def expand_dims(b: Builder, input: Value, axis: Value) -> Value:
    return b.expand_dims(input, as_int32(b, axis))


@lowers("Transpose", "ConjugateTranspose")
def transpose(b: Builder, x: Value, perm: Value) -> Value:
    if perm.is_const:
        return shapes.transpose(b, x, [p % x.rank for p in const_ints(perm, "the permutation")])
    return b.transpose(x, as_int32(b, perm))


@lowers("InvertPermutation")
def invert_permutation(b: Builder, x: Value) -> Value:
    """Number i at place x[i]."""
    places = shapes.reshape(b, as_int32(b, x), [x.dims[0], 1])
    numbers = iota(b, [x.dims[0]], 0, x.type.dtype, x)
    return b.scatter_nd(places, numbers, shape_vector(b, x.dims, x))


@lowers("BroadcastTo")
def broadcast_to(b: Builder, input: Value, shape: Value) -> Value:
    return b.broadcast_to(input, shape)


@lowers("BroadcastArgs")
def broadcast_args(b: Builder, s0: Value, s1: Value) -> Value:
    return b.broadcast_args(s0, s1)


# -- joins ------------------------------------------------------------------------------------------------------------


@lowers("Concat")
def concat(b: Builder, concat_dim: Value, values: list[Value]) -> Value:
    return _concatenate(b, values, concat_dim)


@lowers("ConcatV2")
def concat_v2(b: Builder, values: list[Value], axis: Value) -> Value:
    return _concatenate(b, values, axis)


def _concatenate(b: Builder, values: list[Value], axis: Value) -> Value:
    (number,) = const_ints(axis, "the axis")
    return values[0] if len(values) == 1 else b.concatenation(*values, axis=number)


@lowers("ConcatOffset")
def concat_offset(b: Builder, concat_dim: Value, shape: list[Value]) -> list[Value]:
    """Where each operand of a concatenation begins."""
    (axis,) = const_ints(concat_dim, "the axis")
    rank = static_int(shape[0].dims[0], "where the operands of a concatenation begin")
    hot = np.eye(rank, dtype=np.int32)[axis % rank].astype(shape[0].type.dtype.numpy)
    offsets = [b.constant(np.zeros(rank, hot.dtype))]
    for sizes in shape[:-1]:
        offsets.append(b.add(offsets[-1], b.mul(sizes, hot)))
    return offsets


@lowers("Pack")
def pack(b: Builder, values: list[Value], *, axis: int = 0) -> Value:
    """PACK; of booleans, which its kernel does not take, a CONCATENATION."""
    if values[0].type.dtype is not DType.BOOL or len(values) == 1:
        return b.pack(*values, values_count=len(values), axis=axis)
    along = axis % (values[0].rank + 1)
    dims = values[0].dims
    parts = [shapes.reshape(b, v, [*dims[:along], 1, *dims[along:]]) for v in values]
    return b.concatenation(*parts, axis=along)


@lowers("ParallelConcat")
def parallel_concat(b: Builder, values: list[Value], *, shape: tuple[int, ...] | None = None) -> Value:
    return values[0] if len(values) == 1 else b.concatenation(*values, axis=0)


# -- parts ------------------------------------------------------------------------------------------------------------


@lowers("Unpack")
def unpack(b: Builder, value: Value, *, num: int, axis: int = 0) -> Sequence[Value]:
    along = axis % value.rank
    if num and value.type.dtype in UNPACK_TYPES:
        return b.unpack(value, num=num, axis=along)
    return [_element(b, value, along, i) for i in range(num)]


def _element(b: Builder, x: Value, axis: int, index: int) -> Value:
    place = [0] * x.rank
    place[axis] = index
    part = slice_static(b, x, place, [index + 1 if a == axis else d for a, d in enumerate(x.dims)])
    return shapes.squeeze(b, part, axis)


@lowers("Split")
def split(b: Builder, split_dim: Value, value: Value, *, num_split: int) -> Sequence[Value]:
    if num_split == 1:
        return (value,)
    if value.type.dtype in SPLIT_TYPES:
        return b.split(as_int32(b, split_dim), value, num_splits=num_split)
    (axis,) = const_ints(split_dim, "the axis")
    whole = value.dims[axis]
    return _parts(b, value, [whole // num_split] * num_split, axis % value.rank)


@lowers("SplitV")
def split_v(b: Builder, value: Value, size_splits: Value, split_dim: Value, *, num_split: int) -> Sequence[Value]:
    if num_split == 1:
        return (value,)
    (axis,) = const_ints(split_dim, "the axis")
    if not size_splits.is_const:
        return b.split_v(value, as_int32(b, size_splits), as_int32(b, split_dim), num_splits=num_split)
    sizes = list(const_ints(size_splits, "the sizes"))
    rest = value.dims[axis] - sum(s for s in sizes if s != -1)
    if isinstance(rest, Sym) and value.type.dtype in SPLIT_V_TYPES:
        return b.split_v(value, np.array(sizes, np.int32), as_int32(b, split_dim), num_splits=num_split)
    return _parts(b, value, [rest if s == -1 else s for s in sizes], axis % value.rank)


def _parts(b: Builder, x: Value, sizes: Sequence[Dim], axis: int) -> Sequence[Value]:
    """SPLIT where the parts are equal, SPLIT_V where their sizes are known, else slices."""
    along = np.array(axis, np.int32)
    if x.type.dtype in SPLIT_TYPES and all(s == sizes[0] for s in sizes):
        return b.split(along, x, num_splits=len(sizes))
    if x.type.dtype in SPLIT_V_TYPES and all(isinstance(s, int) for s in sizes):
        return b.split_v(x, np.array(sizes, np.int32), along, num_splits=len(sizes))
    made: list[Value] = []
    start: Dim = 0
    for part in sizes:
        place: list[Dim] = [0] * x.rank
        place[axis] = start
        start = start + part
        made.append(slice_static(b, x, place, [start if a == axis else d for a, d in enumerate(x.dims)]))
    return made


@lowers("XlaDynamicSlice")
def xla_dynamic_slice(b: Builder, input: Value, start_indices: Value, size_indices: Value) -> Value:
    """Starts are moved so that the slice lies within the tensor."""
    sizes = const_ints(size_indices, "the sizes of the slice")
    return dynamic_slice(b, input, _scalars(b, start_indices, input.rank), sizes)


@lowers("XlaDynamicUpdateSlice")
def xla_dynamic_update_slice(b: Builder, input: Value, update: Value, indices: Value) -> Value:
    return update if update.type.shape == input.type.shape else b.dynamic_update_slice(input, update, indices)


def _scalars(b: Builder, vector: Value, count: int) -> list[Value]:
    return [_element(b, as_int32(b, vector), 0, i) for i in range(count)]


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
    return _strided_wide(b, Op(b.opset["STRIDED_SLICE"], operands, {**masks, "offset": False}))


def _without_ellipsis(b: Builder, operands: list[Value], masks: dict[str, int]) -> tuple[list[Value], dict[str, int]]:
    """The ellipsis spelled out as whole dimensions. The kernel gets one that stands for no dimension wrong."""
    place = masks["ellipsis_mask"].bit_length() - 1
    count = static_int(operands[1].dims[0], "a slice")
    width = operands[0].rank - (count - 1 - masks["new_axis_mask"].bit_count())
    x, begin, end, strides = operands
    fills = ((begin, 0), (end, 0), (strides, 1))
    vectors = [_replaced(b, vector, place, np.full(width, fill, np.int32)) for vector, fill in fills]

    def moved(mask: int, inside: int) -> int:
        below, above = mask & ((1 << place) - 1), mask >> (place + 1)
        return below | inside << place | above << (place + width)

    whole = (1 << width) - 1
    spelled = {name: moved(mask, whole if name in ("begin_mask", "end_mask") else 0) for name, mask in masks.items()}
    return [x, *vectors], {**spelled, "ellipsis_mask": 0}


def _replaced(b: Builder, vector: Value, place: int, by: Array) -> Value:
    """A vector with one element replaced by others."""
    if vector.is_const:
        elements = vector.numpy()
        return b.constant(np.concatenate([elements[:place], by, elements[place + 1 :]]).astype(np.int32))
    count = static_int(vector.dims[0], "a slice")
    parts = [slice_static(b, vector, [0], [place]), b.constant(by), slice_static(b, vector, [place + 1], [count])]
    return b.concatenation(*parts, axis=0)


STRIDED_RANK = 5
"""The highest rank the kernel of STRIDED_SLICE takes, new dimensions included."""


def _strided_wide(b: Builder, op: Op) -> Value:
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


# -- borders ----------------------------------------------------------------------------------------------------------


@lowers("Pad")
def pad(b: Builder, input: Value, paddings: Value) -> Value:
    if input.rank > 5:
        return padded(b, input, _pairs(paddings))
    return b.pad(input, paddings)


@lowers("PadV2")
def pad_v2(b: Builder, input: Value, paddings: Value, constant_values: Value) -> Value:
    if input.rank > 5:
        return padded(b, input, _pairs(paddings), constant_values)
    if constant_values.is_const and not constant_values.numpy().any():
        return b.pad(input, paddings)
    return b.padv2(input, paddings, constant_values)


def _pairs(paddings: Value) -> list[tuple[int, int]]:
    flat = const_ints(paddings, "the paddings")
    return list(zip(flat[::2], flat[1::2], strict=True))


@lowers("MirrorPad")
def mirror_pad(b: Builder, input: Value, paddings: Value, *, mode: str) -> Value:
    return b.mirror_pad(input, paddings, mode=mode)


# -- repetition and order ---------------------------------------------------------------------------------------------


@lowers("Tile")
def tile(b: Builder, input: Value, multiples: Value) -> Value:
    return b.tile(input, multiples)


@lowers("ReverseV2")
def reverse(b: Builder, tensor: Value, axis: Value) -> Value:
    return reversed_along(b, tensor, tuple(a % tensor.rank for a in const_ints(axis, "the axes")))


@lowers("Reverse")
def reverse_marked(b: Builder, tensor: Value, dims: Value) -> Value:
    """The axes are those marked true."""
    return reversed_along(b, tensor, tuple(a for a, marked in enumerate(const_ints(dims, "the axes")) if marked))


@lowers("ReverseSequence")
def reverse_sequence(b: Builder, input: Value, seq_lengths: Value, *, seq_dim: int, batch_dim: int = 0) -> Value:
    return b.reverse_sequence(input, seq_lengths, seq_dim=seq_dim, batch_dim=batch_dim)


@lowers("Roll")
def roll(b: Builder, input: Value, shift: Value, axis: Value) -> Value:
    """Elements moved along axes, those that leave coming back: two slices joined, or a gather for an unknown shift."""
    if not axis.is_const:
        return _rolled_along(b, input, shift, axis)
    axes = [a % input.rank for a in const_ints(axis, "the axes")]
    amounts = shapes.reshape(b, cast(b, shift, DType.INT32), [len(axes)])
    for number, along in enumerate(axes):
        amount = b.strided_slice(amounts, [number], [number + 1], [1])
        input = _rolled(b, input, amount, along)
    return input


def _rolled_along(b: Builder, x: Value, shift: Value, axis: Value) -> Value:
    """Along axes computed while the model runs: every axis is rolled by the sum of the shifts that are for it."""
    shifts, axes = (b.reshape(cast(b, v, DType.INT32), np.array([-1], np.int32)) for v in (shift, axis))
    places = b.floor_mod(axes, b.constant(np.array(x.rank, np.int32)))
    zero = b.constant(np.array(0, np.int32))
    for along in range(x.rank):
        own = select(b, b.equal(places, b.constant(np.array(along, np.int32))), shifts, zero)
        x = _rolled(b, x, b.sum(own, np.array([0], np.int32), keep_dims=True), along)
    return x


def _rolled(b: Builder, x: Value, amount: Value, axis: int) -> Value:
    size = x.dims[axis]
    if amount.is_const and isinstance(size, int):
        by = int(amount.numpy().ravel()[0]) % size if size else 0
        if not by:
            return x
        tail, head = _cut(b, x, axis, size - by)
        made: Value = b.concatenation(tail, head, axis=axis)
        return made
    places = b.floor_mod(b.sub(iota(b, [size], 0, DType.INT32, x), amount), dim_value(b, x, axis))
    made = b.gather(x, places, axis=axis)
    return made


def _cut(b: Builder, x: Value, axis: int, place: int) -> tuple[Value, Value]:
    """The part from ``place`` on, and the part before it."""
    starts, ends = [0] * x.rank, list(x.dims)
    ends[axis] = place
    head = slice_static(b, x, starts, ends)
    starts[axis], ends[axis] = place, x.dims[axis]
    return slice_static(b, x, starts, ends), head


# -- fills ------------------------------------------------------------------------------------------------------------


@lowers("Fill")
def fill(b: Builder, dims: Value, value: Value) -> Value:
    return shapes.filled(b, dims, value)


@lowers("Empty")
def empty(b: Builder, shape: Value, *, dtype: DType, init: bool = False) -> Value:
    """Zeros, which an uninitialized tensor may well hold."""
    return b.fill(shape, b.constant(np.zeros((), dtype.numpy)))


@lowers("OnesLike")
def ones_like(b: Builder, x: Value) -> Value:
    return full(b, x.dims, 1, x.type.dtype, x)


@lowers("ZerosLike")
def zeros_like(b: Builder, x: Value) -> Value:
    if not x.type.is_static and x.type.dtype in (DType.FLOAT32, DType.INT32, DType.INT64):
        return b.zeros_like(x)
    return full(b, x.dims, 0, x.type.dtype, x)


@lowers("Range")
def range_(b: Builder, start: Value, limit: Value, delta: Value) -> Value:
    return b.range(start, limit, delta)


@lowers("LinSpace")
def lin_space(b: Builder, start: Value, stop: Value, num: Value) -> Value:
    """start + i * (stop - start) / (num - 1), the last one exactly ``stop``."""
    (count,) = const_ints(num, "the number of points")
    if count < 1:
        raise UnsupportedError(f"it has {count} points", "ask for at least one")
    require_room(8 * count, "the points")
    if count == 1:
        return b.reshape(start, [1])
    step = b.div(b.sub(stop, start), like(b, count - 1, start))
    numbers = b.constant(np.arange(count - 1).astype(start.type.dtype.numpy))
    return b.concatenation(b.add(start, b.mul(numbers, step)), b.reshape(stop, [1]), axis=0)


# -- space, depth, batch ----------------------------------------------------------------------------------------------


def _to_channels_last(b: Builder, x: Value, data_format: str) -> Value:
    if data_format not in ("NHWC", "NCHW"):
        raise UnsupportedError(f"data format {data_format} is not supported", "use NHWC or NCHW")
    return b.transpose(x, [0, 2, 3, 1]) if data_format == "NCHW" else x


@lowers("SpaceToDepth")
def space_to_depth(b: Builder, input: Value, *, block_size: int, data_format: str = "NHWC") -> Value:
    """In both layouts the new channels run over (row in block, column in block, old channel)."""
    moved = b.space_to_depth(_to_channels_last(b, input, data_format), block_size=block_size)
    return b.transpose(moved, [0, 3, 1, 2]) if data_format == "NCHW" else moved


@lowers("DepthToSpace")
def depth_to_space(b: Builder, input: Value, *, block_size: int, data_format: str = "NHWC") -> Value:
    moved = b.depth_to_space(_to_channels_last(b, input, data_format), block_size=block_size)
    return b.transpose(moved, [0, 3, 1, 2]) if data_format == "NCHW" else moved


@lowers("SpaceToBatch")
def space_to_batch_square(b: Builder, input: Value, paddings: Value, *, block_size: int) -> Value:
    result: Value = space_to_batch(b, input, b.constant(np.full(2, block_size, np.int32)), paddings)
    return result


@lowers("BatchToSpace")
def batch_to_space_square(b: Builder, input: Value, crops: Value, *, block_size: int) -> Value:
    result: Value = batch_to_space(b, input, b.constant(np.full(2, block_size, np.int32)), crops)
    return result


@lowers("SpaceToBatchND")
def space_to_batch(b: Builder, input: Value, block_shape: Value, paddings: Value) -> Value:
    """The kernel for [N, H, W, C] and [N, W, C] in blocks of all spatial dimensions, else padded and transposed."""
    if _kernel_takes_blocks(input, block_shape):
        return b.space_to_batch_nd(input, *_spatial_blocks(b, input, block_shape, paddings))
    block, pairs = const_ints(block_shape, "the block shape"), _pairs(paddings)
    count = len(block)
    x = padded(b, input, [(0, 0), *pairs, *[(0, 0)] * (input.rank - 1 - count)])
    if count > 2:
        return functools.reduce(lambda y, i: _split_block(b, y, 1 + i, block[i]), reversed(range(count)), x)
    n, rest = x.dims[0], x.dims[1 + count :]
    sizes = [d // k for d, k in zip(x.dims[1:], block, strict=False)]
    spread = shapes.reshape(b, x, [n, *(e for pair in zip(sizes, block, strict=True) for e in pair), *rest])
    inner, outer = [2 * i + 2 for i in range(count)], [2 * i + 1 for i in range(count)]
    moved = shapes.transpose(b, spread, [*inner, 0, *outer, *range(1 + 2 * count, spread.rank)])
    return shapes.reshape(b, moved, [n * product(block), *sizes, *rest], input)


@lowers("BatchToSpaceND")
def batch_to_space(b: Builder, input: Value, block_shape: Value, crops: Value) -> Value:
    if _kernel_takes_blocks(input, block_shape):
        return b.batch_to_space_nd(input, *_spatial_blocks(b, input, block_shape, crops))
    block, pairs = const_ints(block_shape, "the block shape"), _pairs(crops)
    count = len(block)
    n, rest = input.dims[0] // product(block), input.dims[1 + count :]
    if count > 2:
        whole = functools.reduce(lambda y, i: _join_block(b, y, 1 + i, block[i]), range(count), input)
    else:
        spread = shapes.reshape(b, input, [*block, n, *input.dims[1:]], input)
        woven = [axis for i in range(count) for axis in (count + 1 + i, i)]
        moved = shapes.transpose(b, spread, [count, *woven, *range(2 * count + 1, spread.rank)])
        sizes = [d * k for d, k in zip(input.dims[1:], block, strict=False)]
        whole = shapes.reshape(b, moved, [n, *sizes, *rest], input)
    cuts = [(0, 0), *pairs, *[(0, 0)] * len(rest)]
    return slice_static(b, whole, [c for c, _ in cuts], [d - c for d, (_, c) in zip(whole.dims, cuts, strict=True)])


def _split_block(b: Builder, x: Value, axis: int, k: int) -> Value:
    """The places within blocks of ``k`` along an axis become the outermost part of the batch: [k n, …, d / k, …]."""
    before, after = product(x.dims[:axis]), product(x.dims[axis + 1 :])
    moved = b.transpose(shapes.reshape(b, x, [before, x.dims[axis] // k, k, after]), [2, 0, 1, 3])
    dims = [x.dims[0] * k, *x.dims[1:axis], x.dims[axis] // k, *x.dims[axis + 1 :]]
    return shapes.reshape(b, moved, dims, x)


def _join_block(b: Builder, x: Value, axis: int, k: int) -> Value:
    """The inverse of `_split_block`: [n / k, …, d k, …]."""
    before, after = product(x.dims[:axis]) // k, product(x.dims[axis + 1 :])
    moved = b.transpose(shapes.reshape(b, x, [k, before, x.dims[axis], after]), [1, 2, 0, 3])
    dims = [x.dims[0] // k, *x.dims[1:axis], x.dims[axis] * k, *x.dims[axis + 1 :]]
    return shapes.reshape(b, moved, dims, x)


def _kernel_takes_blocks(x: Value, block_shape: Value) -> bool:
    """Whether the blocks are of all spatial dimensions, or known, so that the others can be in blocks of one."""
    count = block_shape.dims[0]
    if x.rank not in (3, 4) or not isinstance(count, int):
        return False
    return count == x.rank - 2 or (count < x.rank - 2 and block_shape.is_const)


def _spatial_blocks(b: Builder, x: Value, block_shape: Value, margins: Value) -> tuple[Value, Value]:
    """Sizes of blocks and what is padded or cut, of all spatial dimensions."""
    block, pairs = as_int32(b, block_shape), as_int32(b, margins)
    missing = x.rank - 2 - static_int(block_shape.dims[0], "a block shape")
    if not missing:
        return block, pairs
    ones, zeros = np.ones(missing, np.int32), np.zeros((missing, 2), np.int32)
    return b.concatenation(block, ones, axis=0), b.concatenation(pairs, zeros, axis=0)


@lowers("DataFormatDimMap")
def data_format_dim_map(b: Builder, x: Value, *, src_format: str = "NHWC", dst_format: str = "NCHW") -> Value:
    """Where each dimension, by its number in one layout, is in another."""
    places = [dst_format.index(letter) for letter in src_format]
    table = b.constant(np.array(places, x.type.dtype.numpy))
    return b.gather(table, b.floor_mod(x, like(b, len(places), x)), axis=0)


@lowers("DataFormatVecPermute")
def data_format_vec_permute(b: Builder, x: Value, *, src_format: str = "NHWC", dst_format: str = "NCHW") -> Value:
    """Rows of a per-dimension vector in the order of another layout."""
    if not isinstance(x.dims[0], int):
        raise UnsupportedError("how many dimensions the vector tells of is unknown", "give it a fixed size")
    kept = [c for c in src_format if x.dims[0] == len(src_format) or c not in "NC"]
    wanted = [c for c in dst_format if c in kept]
    return b.gather(x, np.array([kept.index(c) for c in wanted], np.int32), axis=0)
