"""Blocks of pixels as channels or images of the batch, and orders of dimensions."""

from __future__ import annotations

import functools

import numpy as np

from litesmith.decompositions import shapes
from litesmith.decompositions.padding import pad as padded
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import static_int
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.array import padding_pairs
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_ints, like
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Value
from litesmith.ir.dims import product


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
    return space_to_batch(b, input, b.constant(np.full(2, block_size, np.int32)), paddings)


@lowers("BatchToSpace")
def batch_to_space_square(b: Builder, input: Value, crops: Value, *, block_size: int) -> Value:
    return batch_to_space(b, input, b.constant(np.full(2, block_size, np.int32)), crops)


@lowers("SpaceToBatchND")
def space_to_batch(b: Builder, input: Value, block_shape: Value, paddings: Value) -> Value:
    """The kernel for [N, H, W, C] and [N, W, C] in blocks of all spatial dimensions, else padded and transposed."""
    if _kernel_takes_blocks(input, block_shape):
        return b.space_to_batch_nd(input, *_spatial_blocks(b, input, block_shape, paddings))
    block, pairs = const_ints(block_shape, "the block shape"), padding_pairs(paddings)
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
    block, pairs = const_ints(block_shape, "the block shape"), padding_pairs(crops)
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
        raise UnsupportedError("the length of the shape vector is unknown", "give it a fixed size")
    kept = [c for c in src_format if x.dims[0] == len(src_format) or c not in "NC"]
    wanted = [c for c in dst_format if c in kept]
    return b.gather(x, np.array([kept.index(c) for c in wanted], np.int32), axis=0)
