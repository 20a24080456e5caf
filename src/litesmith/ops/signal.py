"""Fourier transforms."""

from __future__ import annotations

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.opdef import OpDef
from litesmith.ir.types import TensorType
from litesmith.ops import costs
from litesmith.ops.common import FLOAT, INT32, const_ints, operands, unknown_dim


def _infer_rfft2d(op: Op) -> list[TensorType]:
    """[..., rows, columns] float32 becomes [..., fft rows, fft columns / 2 + 1] complex64."""
    x = op["x"].type
    lengths = dims_of(op["fft_length"])
    if x.rank < 2 or (lengths is not None and len(lengths) != 2):
        raise UnsupportedError(f"cannot transform the two last dimensions of {x}", "use rank 2 or more", op=op.name)
    height: Dim = lengths[0] if lengths is not None else unknown_dim()
    width: Dim = lengths[1] if lengths is not None else unknown_dim()
    return [TensorType(DType.COMPLEX64, (*x.dims[:-2], height, width // 2 + 1))]


def _rfft2d(x: Array, fft_length: Array) -> Array:
    """The input is cropped, or padded with zeros behind, to ``fft_length``."""
    return np.fft.rfft2(x, [int(n) for n in fft_length]).astype(np.complex64)


def _powers_of_two(op: Op) -> str | None:
    lengths = const_ints(op, "fft_length")
    if lengths is not None and any(n < 1 or n & (n - 1) for n in lengths):
        return f"fft_length {list(lengths)} is not made of powers of two"
    return None


RFFT2D = OpDef(
    "RFFT2D",
    131,
    operands("x fft_length", FLOAT, INT32),
    options=("Rfft2dOptions", 105),
    infer=_infer_rfft2d,
    evaluate=_rfft2d,
    check=_powers_of_two,
    runtimes={1: "2.5.0"},
    cost=costs.transforms,
)

DEFINITIONS = (RFFT2D,)
