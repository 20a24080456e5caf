"""Shapes, slices, joins, gathers and fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.registry import direct, lowers
from litesmith.ir import Builder, DType, Value


def const_ints(value: Value, what: str) -> tuple[int, ...]:
    """Elements of an operand that must be constant. Raises UnsupportedError where it is not."""
    if not value.is_const:
        raise UnsupportedError(f"{what} is computed while the model runs", f"make {what} a constant")
    return tuple(int(e) for e in value.numpy().ravel())


@lowers("Reshape")
def reshape(b: Builder, tensor: Value, shape: Value) -> Value:
    return b.reshape(tensor, as_int32(b, shape))


def as_int32(b: Builder, value: Value) -> Value:
    """A shape or index operand as int32, which every kernel takes."""
    return _cast(b, value, DType.INT32)


def _cast(b: Builder, value: Value, dtype: DType) -> Value:
    if value.type.dtype is dtype:
        return value
    return b.cast(value, in_data_type=value.type.dtype, out_data_type=dtype)


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
    axes = [int(a) % input.rank for a in squeeze_dims] or [i for i, d in enumerate(input.dims) if d == 1]
    return b.squeeze(input, squeeze_dims=tuple(axes)) if axes else input


@lowers("ExpandDims")
def expand_dims(b: Builder, input: Value, axis: Value) -> Value:
    return b.expand_dims(input, as_int32(b, axis))


@lowers("Transpose", "ConjugateTranspose")
def transpose(b: Builder, x: Value, perm: Value) -> Value:
    return b.transpose(x, as_int32(b, perm))


@lowers("InvertPermutation")
def invert_permutation(b: Builder, x: Value) -> Value:
    return b.constant(np.argsort(const_ints(x, "the permutation")).astype(x.type.dtype.numpy))


@lowers("Concat")
def concat(b: Builder, concat_dim: Value, values: list[Value]) -> Value:
    return _concatenate(b, values, concat_dim)


@lowers("ConcatV2")
def concat_v2(b: Builder, values: list[Value], axis: Value) -> Value:
    return _concatenate(b, values, axis)


def _concatenate(b: Builder, values: list[Value], axis: Value) -> Value:
    (number,) = const_ints(axis, "the axis")
    return values[0] if len(values) == 1 else b.concatenation(*values, axis=number)


@lowers("Pack")
def pack(b: Builder, values: list[Value], *, axis: int = 0) -> Value:
    return b.pack(*values, values_count=len(values), axis=axis)


@lowers("Unpack")
def unpack(b: Builder, value: Value, *, num: int, axis: int = 0) -> Any:
    return b.unpack(value, num=num, axis=axis)


@lowers("Split")
def split(b: Builder, split_dim: Value, value: Value, *, num_split: int) -> Any:
    return (value,) if num_split == 1 else b.split(as_int32(b, split_dim), value, num_splits=num_split)


@lowers("SplitV")
def split_v(b: Builder, value: Value, size_splits: Value, split_dim: Value, *, num_split: int) -> Any:
    if num_split == 1:
        return (value,)
    return b.split_v(value, as_int32(b, size_splits), as_int32(b, split_dim), num_splits=num_split)


@lowers("Slice")
def slice_(b: Builder, input: Value, begin: Value, size: Value) -> Value:
    return b.slice(input, as_int32(b, begin), as_int32(b, size))


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
    return b.strided_slice(
        input,
        as_int32(b, begin),
        as_int32(b, end),
        as_int32(b, strides),
        begin_mask=begin_mask,
        end_mask=end_mask,
        ellipsis_mask=ellipsis_mask,
        new_axis_mask=new_axis_mask,
        shrink_axis_mask=shrink_axis_mask,
    )


@lowers("Gather")
def gather(b: Builder, params: Value, indices: Value) -> Value:
    return b.gather(params, indices, axis=0, batch_dims=0)


@lowers("GatherV2")
def gather_v2(b: Builder, params: Value, indices: Value, axis: Value, *, batch_dims: int = 0) -> Value:
    (number,) = const_ints(axis, "the axis")
    if batch_dims < 0:
        batch_dims += indices.rank
    return b.gather(params, indices, axis=number, batch_dims=batch_dims)


@lowers("GatherNd")
def gather_nd(b: Builder, params: Value, indices: Value) -> Value:
    return b.gather_nd(params, indices)


@lowers("ScatterNd")
def scatter_nd(b: Builder, indices: Value, updates: Value, shape: Value) -> Value:
    return b.scatter_nd(indices, updates, _cast(b, shape, indices.type.dtype))


@lowers("Pad")
def pad(b: Builder, input: Value, paddings: Value) -> Value:
    return b.pad(input, paddings)


@lowers("PadV2")
def pad_v2(b: Builder, input: Value, paddings: Value, constant_values: Value) -> Value:
    return b.padv2(input, paddings, constant_values)


@lowers("MirrorPad")
def mirror_pad(b: Builder, input: Value, paddings: Value, *, mode: str) -> Value:
    return b.mirror_pad(input, paddings, mode=mode)


@lowers("Tile")
def tile(b: Builder, input: Value, multiples: Value) -> Value:
    return b.tile(input, multiples)


@lowers("BroadcastTo")
def broadcast_to(b: Builder, input: Value, shape: Value) -> Value:
    return b.broadcast_to(input, shape)


@lowers("BroadcastArgs")
def broadcast_args(b: Builder, s0: Value, s1: Value) -> Value:
    return b.broadcast_args(s0, s1)


@lowers("Fill")
def fill(b: Builder, dims: Value, value: Value) -> Value:
    return b.fill(dims, value)


@lowers("OnesLike")
def ones_like(b: Builder, x: Value) -> Value:
    one = b.constant(1, x.type.dtype)
    return b.fill(b.shape(x, out_type=DType.INT32), one)


@lowers("Range")
def range_(b: Builder, start: Value, limit: Value, delta: Value) -> Value:
    return b.range(start, limit, delta)


@lowers("LinSpace")
def lin_space(b: Builder, start: Value, stop: Value, num: Value) -> Value:
    (count,) = const_ints(num, "the number of points")
    if count == 1:
        return b.reshape(start, [1])
    steps = b.constant(np.linspace(0, 1, count, dtype=np.float32), start.type.dtype)
    return b.add(start, b.mul(steps, b.sub(stop, start)))


@lowers("ReverseV2")
def reverse(b: Builder, tensor: Value, axis: Value) -> Value:
    axes = [a % tensor.rank for a in const_ints(axis, "the axes")]
    return b.reverse_v2(tensor, np.array(axes, np.int32)) if axes else tensor


@lowers("ReverseSequence")
def reverse_sequence(b: Builder, input: Value, seq_lengths: Value, *, seq_dim: int, batch_dim: int = 0) -> Value:
    return b.reverse_sequence(input, seq_lengths, seq_dim=seq_dim, batch_dim=batch_dim)


@lowers("OneHot")
def one_hot(b: Builder, indices: Value, depth: Value, on_value: Value, off_value: Value, *, axis: int = -1) -> Value:
    return b.one_hot(indices, depth, on_value, off_value, axis=axis)


@lowers("TopK", "TopKV2", outputs=("values", "indices"))
def top_k(b: Builder, inputs: list[Value], *, k: int = 0) -> Any:
    count = inputs[1] if len(inputs) > 1 else b.constant(np.array(k, np.int32))
    return b.topk_v2(inputs[0], as_int32(b, count))


@lowers("Where")
def where(b: Builder, condition: Value) -> Value:
    return b.where(condition)


@lowers("Unique", outputs=("y", "idx"))
def unique(b: Builder, x: Value, *, out_idx: DType = DType.INT32) -> Any:
    return b.unique(x, idx_out_type=out_idx)


@lowers("SpaceToDepth")
def space_to_depth(b: Builder, input: Value, *, block_size: int, data_format: str = "NHWC") -> Value:
    _only_nhwc(data_format)
    return b.space_to_depth(input, block_size=block_size)


@lowers("DepthToSpace")
def depth_to_space(b: Builder, input: Value, *, block_size: int, data_format: str = "NHWC") -> Value:
    _only_nhwc(data_format)
    return b.depth_to_space(input, block_size=block_size)


def _only_nhwc(data_format: str) -> None:
    if data_format != "NHWC":
        raise UnsupportedError(f"data format {data_format} orders the blocks in another way", "use NHWC")


@lowers("SpaceToBatchND")
def space_to_batch(b: Builder, input: Value, block_shape: Value, paddings: Value) -> Value:
    return b.space_to_batch_nd(input, as_int32(b, block_shape), as_int32(b, paddings))


@lowers("BatchToSpaceND")
def batch_to_space(b: Builder, input: Value, block_shape: Value, crops: Value) -> Value:
    return b.batch_to_space_nd(input, as_int32(b, block_shape), as_int32(b, crops))


# -- reductions -------------------------------------------------------------------------------------------------------


def _reduction(builtin: str) -> Any:
    def function(b: Builder, input: Value, axis: Value, *, keep_dims: bool = False) -> Value:
        return getattr(b, builtin)(input, as_int32(b, axis), keep_dims=keep_dims)

    return function


REDUCTIONS = tuple(
    lowers(op)(_reduction(builtin))
    for op, builtin in {
        "Sum": "sum",
        "Mean": "mean",
        "Max": "reduce_max",
        "Min": "reduce_min",
        "Prod": "reduce_prod",
        "Any": "reduce_any",
        "All": "reduce_all",
    }.items()
)


def _arg(builtin: str) -> Any:
    def function(b: Builder, input: Value, dimension: Value, *, output_type: DType = DType.INT64) -> Value:
        return getattr(b, builtin)(input, as_int32(b, dimension), output_type=output_type)

    return function


ARGS = (lowers("ArgMax")(_arg("arg_max")), lowers("ArgMin")(_arg("arg_min")))


@lowers("Cumsum")
def cumsum(b: Builder, x: Value, axis: Value, *, exclusive: bool = False, reverse: bool = False) -> Value:
    return b.cumsum(x, as_int32(b, axis), exclusive=exclusive, reverse=reverse)


@lowers("EuclideanNorm")
def euclidean_norm(b: Builder, input: Value, axis: Value, *, keep_dims: bool = False) -> Value:
    return b.sqrt(b.sum(b.square(input), as_int32(b, axis), keep_dims=keep_dims))


SEGMENTS = (
    direct("SegmentSum", "SEGMENT_SUM"),
    direct("UnsortedSegmentSum", "UNSORTED_SEGMENT_SUM"),
    direct("UnsortedSegmentMax", "UNSORTED_SEGMENT_MAX"),
    direct("UnsortedSegmentMin", "UNSORTED_SEGMENT_MIN"),
    direct("UnsortedSegmentProd", "UNSORTED_SEGMENT_PROD"),
    direct("MatrixDiag", "MATRIX_DIAG"),
    direct("MatrixSetDiag", "MATRIX_SET_DIAG"),
)


# -- images -----------------------------------------------------------------------------------------------------------


def _resize(builtin: str) -> Any:
    def function(
        b: Builder, images: Value, size: Value, *, align_corners: bool = False, half_pixel_centers: bool = False
    ) -> Value:
        resize = getattr(b, builtin)
        return resize(images, as_int32(b, size), align_corners=align_corners, half_pixel_centers=half_pixel_centers)

    return function


RESIZES = (
    lowers("ResizeBilinear")(_resize("resize_bilinear")),
    lowers("ResizeNearestNeighbor")(_resize("resize_nearest_neighbor")),
)
