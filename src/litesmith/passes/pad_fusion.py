"""Explicit zero padding becomes the convolution's own.

    %1 = PAD(%x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    %2 = CONV_2D(%1, w) {padding=VALID, stride 1, kernel 3}
⇒
    %2 = CONV_2D(%x, w) {padding=SAME, …}

Legal exactly when SAME pads the same: for each spatial dimension, with result size ``ceil(size / stride)`` and
``total = max((result - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)``, the padding must be ``total // 2``
before and the rest after, and the result must keep its size. Convolutions pad with zeros (PAD, or PADV2 with 0).
MAX_POOL_2D ignores its padding, so only PADV2 with the lowest value fuses into it; AVERAGE_POOL_2D does not count its
padding, so nothing does. Where a spatial size is unknown, only a stride of 1 tells the padding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.dims import Dim
from litesmith.ir.graph import Op
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import producer, rebuilt, scalar, with_operands


class Window(NamedTuple):
    """One spatial dimension of a sliding window: size of the window with its dilation, stride."""

    span: int
    stride: int


def windows(op: Op) -> list[Window] | None:
    """The windows of the spatial dimensions in order, None where they are unknown."""
    letters = "dhw" if op.name == "CONV_3D" else "hw"
    if "filter" in (o.name for o in op.defn.inputs):
        filter = op["filter"].dims
        sizes: list[Dim] = list(filter[:3] if op.name == "CONV_3D" else filter[1:3])
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
    pad = producer(op["x"], "PAD", "PADV2")
    if pad is None or op.attrs["padding"] != "VALID" or not pad["paddings"].is_const:
        return None
    if not _pads_with_neutral(pad, op):
        return Declined("the operation does not pad with this value")
    paddings = [(int(before), int(after)) for before, after in pad["paddings"].numpy()]
    if any(paddings[0]) or any(paddings[-1]):
        return Declined("the batch or the channels are padded")
    found = windows(op)
    sizes = pad["x"].dims[1:-1]
    if found is None or [same_padding(s, w) for s, w in zip(sizes, found, strict=True)] != paddings[1:-1]:
        return Declined("SAME pads otherwise")
    return rebuilt(b, op, with_operands(op, x=pad["x"]), padding="SAME")


def _pads_with_neutral(pad: Op, op: Op) -> bool:
    value = 0.0 if pad.name == "PAD" else scalar(pad["value"])
    if value is None:
        return False
    if op.name == "MAX_POOL_2D":
        dtype = op.result.type.dtype.numpy
        lowest = (-np.inf, np.finfo(np.float32).min) if dtype.kind == "f" else (np.iinfo(dtype).min,)
        return bool(value in lowest)
    return bool(value == 0)


PAD_FUSION = Pass("pad-fusion", ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D", "MAX_POOL_2D"), fuse_pad)
PASSES = (PAD_FUSION,)
