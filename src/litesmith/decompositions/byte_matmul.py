"""Exact products of 8-bit integers, computed by the float kernels.

The runtime multiplies matrices of floats and of quantized numbers, not of integers. Products of 8-bit integers are
exact in float32 as long as every partial sum stays below 2^24, so they are summed in parts for which that is sure:

    y = Σ_parts int32(float32(x_part) · float32(w_part))

Constant weights become integers again when the passes are done (`passes.integer_weights`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.ir import DType, Value

_LIMITS = {DType.INT8: 128, DType.UINT8: 255}
_EXACT = 1 << 24
_MOST_PARTS = 16
"""More parts than this are not worth it."""

Parts = Sequence[tuple[int, int]]


def narrow(x: Value) -> Value | None:
    """The same integers in one byte each, where they are one: an 8-bit tensor, or one that was widened. None if not."""
    if x.type.quant is not None:
        return None
    if x.type.dtype in _LIMITS:
        return x
    if x.op is None or x.op.name != "CAST" or x.type.dtype not in (DType.INT16, DType.INT32, DType.INT64):
        return None
    source = x.op["x"]
    return source if source.type.dtype in _LIMITS and source.type.quant is None else None


def exact_parts(x: Value, y: Value, inner: object, weights: Value | None) -> Parts | None:
    """How to split the contracted dimension so that each float sum is exact; None where that takes too many parts.

    x, y: the 8-bit operands. weights: ``y`` as a constant [outputs, inner], which gives tighter bounds.
    """
    if not isinstance(inner, int) or inner < 1 or 0 in (*x.dims, *y.dims):
        return None
    first, second = _LIMITS[x.type.dtype], _LIMITS[y.type.dtype]
    magnitudes = np.abs(weights.numpy().astype(np.int32)) if weights is not None else None
    for count in range(1, _MOST_PARTS + 1):
        length = -(-inner // count)
        parts = [(lo, min(lo + length, inner)) for lo in range(0, inner, length)]
        if all(first * _weight(magnitudes, second, part) <= _EXACT for part in parts):
            return parts
    return None


def _weight(magnitudes: np.ndarray | None, largest: int, part: tuple[int, int]) -> int:
    """The largest sum of magnitudes a result can be made of."""
    if magnitudes is None:
        return largest * (part[1] - part[0])
    return int(magnitudes[:, slice(*part)].sum(axis=1, dtype=np.int64).max())
