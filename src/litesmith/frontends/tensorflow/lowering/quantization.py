"""Fake quantization: numbers rounded to the grid they will have once the model is quantized.

The official converter writes a QUANTIZE / DEQUANTIZE pair for it, whose rounding differs by a step at ties. FAKE_QUANT
rounds as TensorFlow does; where its kernel does not take the range, the same is said in arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Value

Array = np.ndarray[Any, Any]
F = np.float32


@lowers("FakeQuantWithMinMaxArgs")
def fake_quant_args(
    b: Builder, inputs: Value, *, min: float = -6.0, max: float = 6.0, num_bits: int = 8, narrow_range: bool = False
) -> Value:
    return _fake_quant(b, inputs, F(min), F(max), num_bits, narrow_range)


@lowers("FakeQuantWithMinMaxVars")
def fake_quant_vars(
    b: Builder, inputs: Value, min: Value, max: Value, *, num_bits: int = 8, narrow_range: bool = False
) -> Value:
    low, high = _range(min, max)
    return _fake_quant(b, inputs, F(low.ravel()[0]), F(high.ravel()[0]), num_bits, narrow_range)


@lowers("FakeQuantWithMinMaxVarsPerChannel")
def fake_quant_per_channel(
    b: Builder, inputs: Value, min: Value, max: Value, *, num_bits: int = 8, narrow_range: bool = False
) -> Value:
    """A range for each element of the last dimension."""
    return _by_arithmetic(b, inputs, *_range(min, max), num_bits, narrow_range)


def _range(low: Value, high: Value) -> tuple[Array, Array]:
    if not (low.is_const and high.is_const):
        raise UnsupportedError("the range of a fake quantization is computed by the model", "freeze it to a constant")
    return low.numpy(), high.numpy()


def _fake_quant(b: Builder, x: Value, low: np.float32, high: np.float32, bits: int, narrow: bool) -> Value:
    if narrow or not low <= 0 <= high or low == high:
        return _by_arithmetic(b, x, np.asarray(low), np.asarray(high), bits, narrow)
    made: Value = b.fake_quant(x, min=float(low), max=float(high), num_bits=bits, narrow_range=False)
    return made


def _grid(low: Array, high: Array, bits: int, narrow: bool) -> tuple[Array, Array, Array]:
    """Least and greatest number and step of the grid nearest to the range on which 0 lies."""
    first, last = F(1 if narrow else 0), F((1 << bits) - 1)
    with np.errstate(all="ignore"):
        scale = (high - low) / (last - first)
        zero = first - low / scale
    zero = np.clip(np.floor(zero + F(0.5)), first, last)
    return (first - zero) * scale, (last - zero) * scale, scale


def _by_arithmetic(b: Builder, x: Value, low: Array, high: Array, bits: int, narrow: bool) -> Value:
    """floor((clamped - least) / step + 1/2) * step + least; a range of nothing but 0 makes everything 0."""
    least, greatest, scale = _grid(low.astype(F), high.astype(F), bits, narrow)
    empty = (low == 0) & (high == 0)
    least, greatest = np.where(empty, F(0), least), np.where(empty, F(0), greatest)
    inverse, scale = np.where(empty, F(0), F(1) / np.where(empty, F(1), scale)), np.where(empty, F(0), scale)
    clamped = b.minimum(b.maximum(x, least.astype(F)), greatest.astype(F))
    steps = b.floor(b.add(b.mul(b.sub(clamped, least.astype(F)), inverse.astype(F)), F(0.5)))
    made: Value = b.add(b.mul(steps, scale.astype(F)), least.astype(F))
    return made
