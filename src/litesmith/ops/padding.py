"""Operators that pad: PAD, PADV2, MIRROR_PAD; and those that trade space for batch or depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, floordiv
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Dimensions, IntervalRule, OpDef
from litesmith.ir.types import TensorType
from litesmith.ops import gpu, intervals, micro, xnnpack
from litesmith.ops.common import (
    BOOL,
    FLOAT,
    INDEX,
    INT8,
    INT32,
    QUANTIZED,
    UINT8,
    by_dtype,
    const_ints,
    enum8,
    int32,
    is_quantized,
    max_rank,
    operands,
    rank_at_most,
    unknown_dim,
)

# -- padding ----------------------------------------------------------------------------------------------------------

Pairs = list[tuple[Dim, Dim]]


def paddings_of(op: Op, name: str = "paddings") -> Pairs | None:
    """(before, after) of each dimension; None where they are not known."""
    known = op[name].sym
    return None if known is None else [(before, after) for before, after in known.reshape(-1, 2)]


def _infer_pad(op: Op) -> list[TensorType]:
    x, pairs = op["x"].type, paddings_of(op)
    if pairs is None:
        return [TensorType(x.dtype, tuple(unknown_dim() for _ in x.dims))]
    if len(pairs) != x.rank:
        raise UnsupportedError(f"{len(pairs)} paddings for {x}", "give one pair for each dimension", op=op.name)
    if any(isinstance(p, int) and p < 0 for pair in pairs for p in pair):
        raise UnsupportedError("a padding is negative", "slice instead", op=op.name)
    return [TensorType(x.dtype, tuple(before + d + after for d, (before, after) in zip(x.dims, pairs, strict=True)))]


def _nothing_to_pad(b: Builder, op: Op) -> Value | None:
    paddings = const_ints(op, "paddings")
    return op["x"] if paddings is not None and not any(paddings) and not is_quantized(op["x"]) else None


def _widths(paddings: Array) -> list[tuple[int, int]]:
    return [(int(before), int(after)) for before, after in paddings.reshape(-1, 2)]


def _pad_version(op: Op) -> int:
    by_rank = 4 if max_rank([op["x"]]) > 4 else 1
    return max(by_rank, by_dtype(int8=2, int16=3, bool=5)(op))


def _padding(
    name: str,
    code: int,
    options: tuple[str, int],
    names: str,
    evaluate: Any,
    runtimes: dict[int, str],
    interval: IntervalRule,
) -> OpDef:
    numbers = FLOAT | INDEX | QUANTIZED | BOOL
    return OpDef(
        name,
        code,
        operands(names, numbers, INDEX, numbers),
        options=options,
        infer=_infer_pad,
        evaluate=evaluate,
        simplify=_nothing_to_pad,
        check=rank_at_most(5, "x"),
        version=_pad_version,
        runtimes=runtimes,
        gpu=gpu.padding,
        micro=micro.PAD,
        xnnpack=xnnpack.pad if name == "PAD" else None,
        dimensions=Dimensions(rows=("paddings",), others=("value",)),
        interval=interval,
    )


PAD = _padding(
    "PAD",
    34,
    ("PadOptions", 22),
    "x paddings",
    lambda x, paddings: np.pad(x, _widths(paddings)),
    {1: "1.5.0", 2: "1.14.0", 3: "2.4.0", 4: "2.6.0", 5: "2.20.0", 6: "2.23.0"},
    interval=intervals.operand_or_zero,
)
PADV2 = _padding(
    "PADV2",
    60,
    ("PadV2Options", 43),
    "x paddings value",
    lambda x, paddings, value: np.pad(x, _widths(paddings), constant_values=value.ravel()[0]),
    {1: "1.9.0", 2: "1.14.0", 3: "2.4.0", 4: "2.6.0", 5: "2.20.0", 6: "2.23.0"},
    interval=intervals.either(0, 2),
)


def _infer_mirror_pad(op: Op) -> list[TensorType]:
    (result,) = _infer_pad(op)
    room = 1 if op.attrs["mode"] == "REFLECT" else 0
    for size, pair in zip(op["x"].dims, paddings_of(op) or [], strict=False):
        if isinstance(size, int) and any(isinstance(p, int) and p > max(size - room, 0) for p in pair):
            reason = f"a padding of {max(map(str, pair))} mirrors more than size {size} has"
            raise UnsupportedError(reason, "pad less", op=op.name)
    return [result]


def _mirror_pad(x: Array, paddings: Array, *, mode: str) -> Array:
    return np.pad(x, _widths(paddings), mode="reflect" if mode == "REFLECT" else "symmetric")


MIRROR_PAD = OpDef(
    "MIRROR_PAD",
    100,
    operands("x paddings", FLOAT | INDEX | QUANTIZED, INDEX),
    attrs={"mode": enum8("REFLECT", "SYMMETRIC")},
    options=("MirrorPadOptions", 77),
    infer=_infer_mirror_pad,
    evaluate=_mirror_pad,
    simplify=_nothing_to_pad,
    version=by_dtype(int8=2, int16=3),
    runtimes={1: "1.13.1", 2: "2.3.0", 3: "2.12.0"},
    gpu=gpu.mirror,
    micro=micro.always,
    interval=intervals.either(0),
    dimensions=Dimensions(rows=("paddings",)),
)

# -- space and depth: [N, H, W, C] ------------------------------------------------------------------------------------


def _divide(size: Dim, block: int, op: Op) -> Dim:
    if block < 1 or (isinstance(size, int) and size % block):
        raise UnsupportedError(f"size {size} does not divide by {block}", "pad or crop it first", op=op.name)
    return floordiv(size, block)


def _nhwc(op: Op) -> tuple[Dim, Dim, Dim, Dim]:
    if op["x"].rank != 4:
        raise UnsupportedError(f"{op['x'].type} is not [N, H, W, C]", "reshape it to rank 4", op=op.name)
    n, h, w, c = op["x"].dims
    return n, h, w, c


def _infer_space_to_depth(op: Op) -> list[TensorType]:
    (n, h, w, c), block = _nhwc(op), op.attrs["block_size"]
    return [TensorType(op["x"].type.dtype, (n, _divide(h, block, op), _divide(w, block, op), c * block * block))]


def _space_to_depth(x: Array, *, block_size: int) -> Array:
    n, h, w, c = x.shape
    blocks = x.reshape(n, h // block_size, block_size, w // block_size, block_size, c)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(n, h // block_size, w // block_size, c * block_size**2)


def _infer_depth_to_space(op: Op) -> list[TensorType]:
    (n, h, w, c), block = _nhwc(op), op.attrs["block_size"]
    return [TensorType(op["x"].type.dtype, (n, h * block, w * block, _divide(c, block * block, op)))]


def _depth_to_space(x: Array, *, block_size: int) -> Array:
    n, h, w, c = x.shape
    depth = c // block_size**2
    blocks = x.reshape(n, h, w, block_size, block_size, depth)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * block_size, w * block_size, depth)


def _block_op(
    name: str, code: int, options: tuple[str, int], infer: Any, evaluate: Any, runtimes: dict[int, str]
) -> OpDef:
    return OpDef(
        name,
        code,
        operands("x", FLOAT | INDEX | INT8 | UINT8),
        attrs={"block_size": int32()},
        options=options,
        infer=infer,
        evaluate=evaluate,
        version=by_dtype(int8=2),
        runtimes=runtimes,
        gpu=gpu.blocks,
        micro=micro.FLOAT_INT8,
        xnnpack=xnnpack.data,
        source="x",
    )


SPACE_TO_DEPTH = _block_op(
    "SPACE_TO_DEPTH",
    26,
    ("SpaceToDepthOptions", 19),
    _infer_space_to_depth,
    _space_to_depth,
    {1: "1.5.0", 2: "1.14.0"},
)
DEPTH_TO_SPACE = _block_op(
    "DEPTH_TO_SPACE",
    5,
    ("DepthToSpaceOptions", 94),
    _infer_depth_to_space,
    _depth_to_space,
    {1: "2.1.0", 2: "2.5.0"},
)

# -- space and batch: [N, spatial …, rest …] --------------------------------------------------------------------------


def _infer_space_to_batch(op: Op) -> list[TensorType]:
    x, block, pairs = op["x"].type, const_ints(op, "block_shape"), paddings_of(op)
    if block is None or pairs is None:
        return [TensorType(x.dtype, tuple(unknown_dim() for _ in x.dims))]
    padded = [b + d + a for d, (b, a) in zip(x.dims[1:], pairs, strict=False)]
    spatial = [_divide(size, k, op) for size, k in zip(padded, block, strict=True)]
    batch = x.dims[0] * int(np.prod(block))
    return [TensorType(x.dtype, (batch, *spatial, *x.dims[1 + len(block) :]))]


def _space_to_batch(x: Array, block_shape: Array, paddings: Array) -> Array:
    count = len(block_shape)
    rest = x.ndim - 1 - count
    padded = np.pad(x, [(0, 0), *_widths(paddings), *[(0, 0)] * rest])
    block = [int(k) for k in block_shape]
    sizes = [size // k for size, k in zip(padded.shape[1 : 1 + count], block, strict=True)]
    split = [n for pair in zip(sizes, block, strict=True) for n in pair]
    spread = padded.reshape(x.shape[0], *split, *padded.shape[1 + count :])
    inner, outer = [2 * i + 2 for i in range(count)], [2 * i + 1 for i in range(count)]
    order = [*inner, 0, *outer, *range(1 + 2 * count, spread.ndim)]
    return spread.transpose(order).reshape(-1, *sizes, *x.shape[1 + count :])


def _infer_batch_to_space(op: Op) -> list[TensorType]:
    x, block, pairs = op["x"].type, const_ints(op, "block_shape"), paddings_of(op, "crops")
    if block is None or pairs is None:
        return [TensorType(x.dtype, tuple(unknown_dim() for _ in x.dims))]
    spatial = [d * k - b - a for d, k, (b, a) in zip(x.dims[1:], block, pairs, strict=False)]
    batch = _divide(x.dims[0], int(np.prod(block)), op)
    return [TensorType(x.dtype, (batch, *spatial, *x.dims[1 + len(block) :]))]


def _batch_to_space(x: Array, block_shape: Array, crops: Array) -> Array:
    block = [int(k) for k in block_shape]
    count = len(block)
    batch = x.shape[0] // int(np.prod(block))
    spread = x.reshape(*block, batch, *x.shape[1:])
    woven = [axis for i in range(count) for axis in (count + 1 + i, i)]
    order = [count, *woven, *range(2 * count + 1, spread.ndim)]
    sizes = [d * k for d, k in zip(x.shape[1 : 1 + count], block, strict=True)]
    whole = spread.transpose(order).reshape(batch, *sizes, *x.shape[1 + count :])
    kept = tuple(slice(b, size - a) for size, (b, a) in zip(sizes, _widths(crops), strict=True))
    return np.asarray(whole[(slice(None), *kept)])


def _three_or_four(op: Op) -> str | None:
    rank = max_rank([op["x"]])
    return None if rank in (3, 4) else f"the kernel takes rank 3 and 4, not {rank}"


def _batch_version(op: Op) -> int:
    by_rank = 3 if max_rank([op["x"]]) != 4 else 1
    return max(by_rank, by_dtype(int8=2, int16=4)(op))


def _batch_op(
    name: str, code: int, options: tuple[str, int], names: str, infer: Any, evaluate: Callable[..., Array]
) -> OpDef:
    return OpDef(
        name,
        code,
        operands(names, FLOAT | INDEX | QUANTIZED, INT32),
        options=options,
        infer=infer,
        evaluate=evaluate,
        check=_three_or_four,
        version=_batch_version,
        runtimes={1: "1.6.0", 2: "1.14.0", 3: "2.3.0", 4: "2.12.0"},
        micro=micro.FLOAT_INT8,
    )


SPACE_TO_BATCH_ND = _batch_op(
    "SPACE_TO_BATCH_ND",
    38,
    ("SpaceToBatchNDOptions", 25),
    "x block_shape paddings",
    _infer_space_to_batch,
    _space_to_batch,
)
BATCH_TO_SPACE_ND = _batch_op(
    "BATCH_TO_SPACE_ND",
    37,
    ("BatchToSpaceNDOptions", 24),
    "x block_shape crops",
    _infer_batch_to_space,
    _batch_to_space,
)

DEFINITIONS = (PAD, PADV2, MIRROR_PAD, SPACE_TO_DEPTH, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND)
