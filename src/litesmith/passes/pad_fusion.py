"""Explicit zero padding becomes the convolution's own.

    %1 = PAD(%x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    %2 = CONV_2D(%1, w) {padding=VALID, stride 1, kernel 3}
⇒
    %2 = CONV_2D(%x, w) {padding=SAME, …}

Legal exactly when SAME pads the same: for each spatial dimension, with result size ``ceil(size / stride)`` and
``total = max((result - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)``, the padding must be ``total // 2``
before and the rest after, and the result must keep its size. Convolutions pad with zeros (PAD, or PADV2 with 0).
MAX_POOL_2D ignores its padding, so only PADV2 with the lowest value fuses into it. Where a spatial size is unknown, only
a stride of 1 tells the padding.

    %1 = PAD(%x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    %2 = AVERAGE_POOL_2D(%1) {padding=VALID, stride 1, kernel 3}
    %3 = MUL(%2, c)                                                    c: 9 / how many elements are no padding
⇒
    %3 = AVERAGE_POOL_2D(%x) {padding=SAME, …}

AVERAGE_POOL_2D does not count its padding, so an average over padding fuses only where a factor takes it out again,
perhaps behind changes of layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim
from litesmith.ir.graph import Op
from litesmith.ops.convolution import CONV_2D, CONV_3D, DEPTHWISE_CONV_2D
from litesmith.ops.elementwise import MUL
from litesmith.ops.padding import PAD, PADV2
from litesmith.ops.pooling import AVERAGE_POOL_2D, MAX_POOL_2D
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import (
    Moved,
    activation,
    before_movements,
    constant_operand,
    producer,
    rebuild,
    scalar,
    with_operands,
)


class Window(NamedTuple):
    """One spatial dimension of a sliding window: size of the window with its dilation, stride."""

    span: int
    stride: int


def windows(op: Op) -> list[Window] | None:
    """The windows of the spatial dimensions in order, None where they are unknown."""
    letters = "dhw" if op.defn is CONV_3D else "hw"
    if "filter" in (o.name for o in op.defn.inputs):
        filter = op["filter"].dims
        sizes: list[Dim] = list(filter[:3] if op.defn is CONV_3D else filter[1:3])
    else:
        sizes = [op.attrs["filter_height"], op.attrs["filter_width"]]
    strides = [op.attrs[f"stride_{letter}"] for letter in letters]
    dilations = [op.attrs.get(f"dilation_{letter}_factor", 1) for letter in letters]
    if not all(isinstance(s, int) for s in sizes):
        return None
    return [Window((int(s) - 1) * d + 1, t) for s, d, t in zip(sizes, dilations, strides, strict=True)]  # type: ignore[arg-type]


def same_padding(size: Dim, window: Window) -> tuple[int, int] | None:
    """What SAME pads before and after a dimension; None where its size would have to be known."""
    if isinstance(size, int):
        result = -(-size // window.stride)
        total = max((result - 1) * window.stride + window.span - size, 0)
    elif window.stride == 1:
        total = window.span - 1
    else:
        return None
    return total // 2, total - total // 2


def fuse_pad(op: Op, b: Builder) -> Outcome:
    """A windowed operation without padding whose operand is padded."""
    pad = _padding_of(op)
    if pad is None:
        return None
    if not _pads_with_neutral(pad, op):
        return Declined("the operation does not pad with this value")
    reason = _pads_otherwise(pad, op)
    if reason is not None:
        return Declined(reason)
    return rebuild(b, op, with_operands(op, x=pad["x"]), padding="SAME")


def _padding_of(op: Op) -> Op | None:
    pad = producer(op["x"], PAD, PADV2)
    return pad if pad is not None and op.attrs["padding"] == "VALID" and pad["paddings"].is_const else None


def _pads_otherwise(pad: Op, op: Op) -> str | None:
    """Why SAME does not pad as the PAD does; None where it does."""
    paddings = [(int(before), int(after)) for before, after in pad["paddings"].numpy()]
    if any(paddings[0]) or any(paddings[-1]):
        return "the batch or the channels are padded"
    found = windows(op)
    sizes = pad["x"].dims[1:-1]
    if found is None or [same_padding(s, w) for s, w in zip(sizes, found, strict=True)] != paddings[1:-1]:
        return "SAME pads otherwise"
    return None


def _pads_with_neutral(pad: Op, op: Op) -> bool:
    value = 0.0 if pad.defn is PAD else scalar(pad["value"])
    if value is None:
        return False
    if op.defn is MAX_POOL_2D:
        dtype = op.result.type.dtype.numpy
        lowest = (-np.inf, np.finfo(np.float32).min) if dtype.kind == "f" else (np.iinfo(dtype).min,)
        return bool(value in lowest)
    return bool(value == 0)


def fuse_average(op: Op, b: Builder) -> Outcome:
    """An average over padding times what leaves the padding out."""
    factor = constant_operand(op)
    moved = before_movements(factor.variable, keep_order=False) if factor is not None else None
    pool = producer(moved.value, AVERAGE_POOL_2D) if moved is not None else None
    pad = _padding_of(pool) if pool is not None else None
    if factor is None or moved is None or pool is None or pad is None or activation(pool) != "NONE":
        return None
    if not _pads_with_neutral(pad, pool):
        return None
    reason = _pads_otherwise(pad, pool)
    if reason is not None:
        return Declined(reason)
    sizes = pad["x"].dims[1:3]
    if not all(isinstance(s, int) for s in sizes) or not factor.constant.is_small_const:
        return Declined("how many elements are averaged is not known")
    wanted = _without_padding([int(s) for s in sizes if isinstance(s, int)], windows(pool) or [])
    if not _is_same_factor(factor.constant.numpy(), wanted, pool, moved):
        return Declined("the factor is another")
    fused = {"fused_activation_function": activation(op)} if not moved.movements else {}
    if activation(op) not in ("NONE", fused.get("fused_activation_function")):
        return Declined("the factor has an activation")
    return moved.replay(b, rebuild(b, pool, with_operands(pool, x=pad["x"]), padding="SAME", **fused))


def _is_same_factor(given: Array, wanted: Array, pool: Op, moved: Moved) -> bool:
    """Whether a factor is the wanted one, [1, H, W, 1] for the pool's result, after the same movements."""
    channels = pool.result.dims[-1]
    if not isinstance(channels, int):
        return False
    full = np.broadcast_to(wanted, (*wanted.shape[:-1], channels))
    for op in moved.movements:
        if op.defn.evaluate is None or not all(v.is_const for v in op.inputs[1:]):
            return False
        full = np.asarray(op.defn.evaluate(full, *(v.numpy() for v in op.inputs[1:]), **op.attrs))
    if given.ndim > full.ndim or np.broadcast_shapes(given.shape, full.shape) != full.shape:
        return False
    return bool(np.allclose(np.broadcast_to(given, full.shape), full, rtol=1e-6, atol=0))


def _without_padding(sizes: Sequence[int], found: Sequence[Window]) -> Array:
    """Elements of a window over those that are no padding, for each place of a SAME pooling, as [1, H, W, 1]."""
    shares = []
    for size, window in zip(sizes, found, strict=True):
        before, _ = same_padding(size, window) or (0, 0)
        starts = np.arange(-(-size // window.stride)) * window.stride - before
        shares.append(window.span / (np.minimum(starts + window.span, size) - np.maximum(starts, 0)))
    return np.multiply.outer(shares[0], shares[1])[None, :, :, None]


PAD_FUSION = Pass("pad-fusion", (CONV_2D, DEPTHWISE_CONV_2D, CONV_3D, MAX_POOL_2D), fuse_pad)
AVERAGE_FUSION = Pass("average-fusion", (MUL,), fuse_average)
PASSES = (PAD_FUSION, AVERAGE_FUSION)
