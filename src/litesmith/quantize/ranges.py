"""From ranges of real numbers to scales and zero points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.ir import DType, Quantization
from litesmith.ir.constant import Array

LIMITS = {
    DType.INT8: (-128, 127),
    DType.UINT8: (0, 255),
    DType.INT16: (-32768, 32767),
    DType.INT4: (-8, 7),
    DType.INT2: (-2, 1),
    DType.INT32: (-(2**31), 2**31 - 1),
    DType.INT64: (-(2**63), 2**63 - 1),
}
"""Smallest and largest stored number."""

SMALLEST_SCALE = 2.0**-64
"""XNNPACK refuses whole files for scales of 0 and for subnormal ones, also where products of scales become such."""


@dataclass(frozen=True)
class Range:
    """The numbers a tensor was seen to hold; empty where ``low > high``."""

    low: float = np.inf
    high: float = -np.inf

    @property
    def is_empty(self) -> bool:
        """Whether nothing was seen."""
        return not self.low <= self.high

    @property
    def is_finite(self) -> bool:
        """Whether both ends are numbers."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    @property
    def magnitude(self) -> float:
        """The larger distance from 0."""
        return max(abs(self.low), abs(self.high))

    def union(self, other: Range) -> Range:
        """The smallest range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    def widen(self, factor: float) -> Range:
        """Both ends moved away from 0 by this factor."""
        return Range(self.low * factor if self.low < 0 else self.low, self.high * factor if self.high > 0 else self.high)

    def within(self, other: Range) -> bool:
        """Whether the other range holds this one."""
        return other.low <= self.low and self.high <= other.high


def range_of(array: Array) -> Range:
    """The numbers an array holds."""
    return Range(float(array.min()), float(array.max())) if array.size else Range()


def quantization(scale: Any, zero_point: Any = 0, axis: int = 0) -> Quantization:
    """Quantization parameters of the IR from numbers or vectors."""
    scales = np.atleast_1d(np.asarray(scale, np.float32))
    zeros = np.broadcast_to(np.asarray(zero_point, np.int64), scales.shape)
    return Quantization(scales, np.ascontiguousarray(zeros), axis)


def parameters(seen: Range, dtype: DType, symmetric: bool = False) -> tuple[float, int]:
    """Scale and zero point that hold a range and 0.

    symmetric: the zero point is 0 (in the middle for unsigned types), as it always is for 16 bits.
    """
    least, most = LIMITS[dtype]
    low, high = (0.0, 0.0) if seen.is_empty else (min(seen.low, 0.0), max(seen.high, 0.0))
    if symmetric or dtype is DType.INT16:
        middle = (least + most + 1) // 2
        largest = max(-low, high)
        return max(largest / (most - middle), SMALLEST_SCALE) if largest else 1 / most, middle
    if low == high:
        return 1 / (most - least), 0 if least <= 0 <= most else least
    scale = max((high - low) / (most - least), SMALLEST_SCALE)
    return scale, int(np.clip(np.round(least - low / scale), least, most))


def representable(scale: float, zero_point: int, dtype: DType) -> Range:
    """The real numbers these parameters can say."""
    least, most = LIMITS[dtype]
    return Range((least - zero_point) * scale, (most - zero_point) * scale)


SLICE = 1 << 20
"""Elements that are divided and rounded at once: in float64 they take eight times the room of the integers."""


def quantize_array(array: Array, quant: Quantization, dtype: DType) -> Array:
    """Real numbers as stored ones: divided, rounded to the nearest (ties to even), shifted, clipped."""
    shape = _along_axis(quant, array.ndim)
    scale, zero = quant.scale.astype(np.float64).reshape(shape), quant.zero_point.reshape(shape)
    found = np.empty(array.shape, dtype.numpy)
    rows = max(1, SLICE * max(len(array), 1) // max(array.size, 1)) if array.ndim else 1
    for start in range(0, len(array) if array.ndim else 1, rows):
        part = slice(start, start + rows) if array.ndim else ...
        by_row = part if shape and shape[0] == -1 else ...
        found[part] = _steps(array[part], scale[by_row], zero[by_row], LIMITS[dtype])
    return found


def _steps(array: Array, scale: Array, zero: Array, limits: tuple[int, int]) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        steps: Array = np.rint(array.astype(np.float64) / scale) + zero
    return np.clip(steps, *limits)


def real(array: Array, quant: Quantization) -> Array:
    """Stored numbers as the real ones they stand for, float32."""
    shape = _along_axis(quant, array.ndim)
    wide = array.astype(np.float32) - quant.zero_point.reshape(shape).astype(np.float32)
    return np.asarray(wide * quant.scale.reshape(shape), np.float32)


def _along_axis(quant: Quantization, rank: int) -> tuple[int, ...]:
    """The shape in which scales meet an array of this rank."""
    return tuple(-1 if quant.per_channel and axis == quant.axis else 1 for axis in range(rank))
