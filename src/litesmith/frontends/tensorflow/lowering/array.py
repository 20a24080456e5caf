"""Shapes, joins, parts, padding, fills."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions import shapes
from litesmith.decompositions.cumulative import reverse as reversed_along
from litesmith.decompositions.gather import select
from litesmith.decompositions.padding import pad as padded
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import cast, dim_value, full, iota, shape_vector, static_int
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_ints, like
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Dim, DType, Sym, Value
from litesmith.ir.budget import require_room

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
    return [element_at(b, value, along, i) for i in range(num)]


def element_at(b: Builder, x: Value, axis: int, index: int) -> Value:
    """One element along an axis, without that axis."""
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


# -- padding -----------------------------------------------------------------------------------------------------------


@lowers("Pad")
def pad(b: Builder, input: Value, paddings: Value) -> Value:
    if input.rank > 5:
        return padded(b, input, padding_pairs(paddings))
    return b.pad(input, paddings)


@lowers("PadV2")
def pad_v2(b: Builder, input: Value, paddings: Value, constant_values: Value) -> Value:
    if input.rank > 5:
        return padded(b, input, padding_pairs(paddings), constant_values)
    if constant_values.is_const and not constant_values.numpy().any():
        return b.pad(input, paddings)
    return b.padv2(input, paddings, constant_values)


def padding_pairs(paddings: Value) -> list[tuple[int, int]]:
    """Constant paddings, one pair for each dimension."""
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
        return _roll_along(b, input, shift, axis)
    axes = [a % input.rank for a in const_ints(axis, "the axes")]
    amounts = shapes.reshape(b, cast(b, shift, DType.INT32), [len(axes)])
    for number, along in enumerate(axes):
        amount = b.strided_slice(amounts, [number], [number + 1], [1])
        input = _roll_by(b, input, amount, along)
    return input


def _roll_along(b: Builder, x: Value, shift: Value, axis: Value) -> Value:
    """Along axes computed while the model runs: every axis is rolled by the sum of the shifts that are for it."""
    shifts, axes = (b.reshape(cast(b, v, DType.INT32), np.array([-1], np.int32)) for v in (shift, axis))
    places = b.floor_mod(axes, b.constant(np.array(x.rank, np.int32)))
    zero = b.constant(np.array(0, np.int32))
    for along in range(x.rank):
        own = select(b, b.equal(places, b.constant(np.array(along, np.int32))), shifts, zero)
        x = _roll_by(b, x, b.sum(own, np.array([0], np.int32), keep_dims=True), along)
    return x


def _roll_by(b: Builder, x: Value, amount: Value, axis: int) -> Value:
    size = x.dims[axis]
    if amount.is_const and isinstance(size, int):
        by = int(amount.numpy().ravel()[0]) % size if size else 0
        if not by:
            return x
        tail, head = _cut_at(b, x, axis, size - by)
        return b.concatenation(tail, head, axis=axis)
    places = b.floor_mod(b.sub(iota(b, [size], 0, DType.INT32, x), amount), dim_value(b, x, axis))
    made = b.gather(x, places, axis=axis)
    return made


def _cut_at(b: Builder, x: Value, axis: int, place: int) -> tuple[Value, Value]:
    """The part from ``place`` on, and the part before it."""
    starts, ends = [0] * x.rank, list(x.dims)
    ends[axis] = place
    head = slice_static(b, x, starts, ends)
    starts[axis], ends[axis] = place, x.dims[axis]
    return slice_static(b, x, starts, ends), head


# -- fills ------------------------------------------------------------------------------------------------------------


@lowers("Fill")
def fill(b: Builder, dims: Value, value: Value) -> Value:
    return shapes.fill(b, dims, value)


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
