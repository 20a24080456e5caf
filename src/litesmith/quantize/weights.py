"""Weights as integers: symmetric, a scale for each channel or one for all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from litesmith.ir import Constant, DType, Quantization, TensorType, Value
from litesmith.ir.constant import Array
from litesmith.ir.types import Blockwise
from litesmith.quantize.ranges import LIMITS, SMALLEST_SCALE, quantization, quantize_array

SMALLEST_WEIGHT_SCALE = 2.0**-40
"""Of channels whose weights are next to nothing: their products with other scales stay normal numbers."""


@dataclass(frozen=True)
class Form:
    """How weights are stored. axis: of the channels, None for one scale for all."""

    dtype: DType
    axis: int | None


def largest_integer(dtype: DType) -> int:
    """Weights are symmetric: the least number of the type is not used."""
    return 127 if dtype is DType.UINT8 else LIMITS[dtype][1]


def weight_scales(array: Array, form: Form) -> Array:
    """float32 [channels] or [1]: the largest weight of a channel is the largest stored number.

    A dead channel takes the scale of the others: XNNPACK refuses whole files where products of scales are far apart.
    """
    most = _largest_magnitudes(array, form.axis).astype(np.float64)
    if not np.isfinite(most).all():
        raise ValueError("the weights hold NaN or infinite numbers")
    live = most[most > SMALLEST_WEIGHT_SCALE]
    usual = float(np.median(live)) if live.size else 1.0
    scales = np.where(most > SMALLEST_WEIGHT_SCALE, most, usual) / largest_integer(form.dtype)
    if form.dtype in FACTORS and array.ndim > 1:
        scales = scales * _least_noise(array, scales, form)
    return np.maximum(scales, SMALLEST_SCALE).astype(np.float32)


FACTORS = {DType.INT2: np.linspace(0.2, 1.0, 17), DType.INT4: np.linspace(0.7, 1.0, 7)}
"""Of scales that are tried: with few levels, clipping a few large weights costs less than coarse steps for all others."""

LOOKED_AT = 1 << 18
"""Weights whose noise is looked at at once."""


def _least_noise(array: Array, scales: Array, form: Form) -> Array:
    """The factors of the scales that leave the least squared error."""
    axis, most, factors = form.axis, largest_integer(form.dtype), FACTORS[form.dtype]
    rows = array.reshape(1, -1) if axis is None else np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
    errors = np.zeros((len(factors), len(rows)))
    count = max(1, LOOKED_AT // max(rows.shape[1], 1))
    for start in range(0, len(rows), count):
        part = rows[start : start + count]
        for index, factor in enumerate(factors):
            steps = scales.reshape(-1, 1)[start : start + count] * factor
            noise = np.clip(np.rint(part / steps), -most, most) * steps - part
            errors[index, start : start + count] = np.square(noise).sum(axis=1)
    return np.asarray(factors[np.argmin(errors, axis=0)])


def _largest_magnitudes(array: Array, axis: int | None) -> Array:
    if axis is None or array.ndim == 0:
        return np.asarray([np.abs(array).max(initial=0)], array.dtype)
    others = tuple(a for a in range(array.ndim) if a != axis % array.ndim)
    return np.asarray(np.maximum(array.max(axis=others, initial=0), -array.min(axis=others, initial=0)))


def weight_quantization(array: Array, form: Form) -> Quantization:
    """Scales of the weights in this form."""
    middle = 128 if form.dtype is DType.UINT8 else 0
    return quantization(weight_scales(array, form), middle, form.axis or 0)


def quantize_constant(value: Value, form: Form, quant: Quantization, rounded: Array | None = None) -> Value:
    """The constant as integers with these scales, made when they are written.

    rounded: the integers, where they were found in a better way than by rounding each weight.
    """
    const = value.const
    assert const is not None

    def integers() -> Array:
        return quantize_array(const.array(), quant, form.dtype)

    if rounded is not None:
        stored = Constant(form.dtype, const.shape, np.asarray(rounded, form.dtype.numpy))
    else:
        stored = Constant.lazy(form.dtype, const.shape, integers)
    fresh = Value(TensorType(form.dtype, const.shape, quant), value.name, stored)
    return fresh


SMALLEST_BLOCK_SCALE = 6.2e-5
"""The least normal number of float16: XNNPACK refuses whole files for smaller scales of blocks."""


def blockwise(value: Value, dtype: DType, block: int, rounded: Array | None = None) -> Value:
    """The weights [units, length] as integers with a scale for each block along a row, made when they are written.

    rounded: the integers, where they were found in a better way than by rounding each weight.
    """
    const = value.const
    assert const is not None
    units, length = const.shape
    most = largest_integer(dtype)

    def blocks() -> Array:
        return const.array().reshape(units, length // block, block)

    wide = weight_scales(const.array().reshape(-1, block), Form(dtype, 0)).reshape(units, length // block)
    scales = np.maximum(wide, SMALLEST_BLOCK_SCALE).astype(np.float16)

    def integers() -> Array:
        if rounded is not None:
            return rounded.astype(dtype.numpy)
        steps: Array = np.rint(blocks() / scales[..., None].astype(np.float32))
        return np.clip(steps, -most, most).reshape(units, length).astype(dtype.numpy)

    details = Blockwise(Constant.of(scales, DType.FLOAT16), None, block)
    quant = Quantization(np.zeros(0, np.float32), np.zeros(0, np.int64), 0, details=details)
    return Value(TensorType(dtype, const.shape, quant), value.name, Constant.lazy(dtype, const.shape, integers))


def halve(value: Value) -> Value:
    """The constant in float16; numbers beyond its range become its largest."""
    const = value.const
    assert const is not None
    limit = np.finfo(np.float16).max

    def narrow() -> Array:
        array = const.array()
        return np.where(np.isfinite(array), np.clip(array, -limit, limit), array).astype(np.float16)

    return Value(
        replace(value.type, dtype=DType.FLOAT16), value.name, Constant.lazy(DType.FLOAT16, const.shape, narrow)
    )
