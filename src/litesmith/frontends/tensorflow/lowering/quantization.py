"""Fake quantization: numbers rounded to the grid they will have once the model is quantized.

The official converter writes a QUANTIZE / DEQUANTIZE pair for it, whose rounding differs by a step at ties. FAKE_QUANT
rounds as TensorFlow does; grids that its kernel does not take are a TRAINED_GRID, which the quantizer reads and which is
said in arithmetic otherwise, as a range for each channel always is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.grids import from_least, from_zero
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.operands import const_ints
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Value
from litesmith.ir.constant import Array
from litesmith.ops.quantization import SHIFTED, TO_EVEN, TRAINED_GRID, UP, nudged_grid

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
    if low == high:
        return _by_arithmetic(b, x, np.asarray(low), np.asarray(high), bits, narrow)
    if not narrow and low <= 0 <= high:
        return b.fake_quant(x, min=float(low), max=float(high), num_bits=bits, narrow_range=False)
    least, greatest, step = _grid(np.asarray(low), np.asarray(high), bits, narrow)
    return _trained_grid(b, x, (least, greatest, step, F(1) / step), SHIFTED)


def _trained_grid(b: Builder, x: Value, numbers: Sequence[Array], rounding: int) -> Value:
    least, greatest, step, inverse = map(float, numbers)
    (result,) = b.emit(
        TRAINED_GRID, [x], least=least, greatest=greatest, step=step, inverse=inverse, rounding=rounding
    )
    return result


def _grid(low: Array, high: Array, bits: int, narrow: bool) -> tuple[Array, Array, Array]:
    """Least and greatest number and step of the grid nearest to the range on which 0 lies."""
    scale, zero, first, last = nudged_grid(low, high, bits, narrow)
    return (first - zero) * scale, (last - zero) * scale, scale


def _by_arithmetic(b: Builder, x: Value, low: Array, high: Array, bits: int, narrow: bool) -> Value:
    """floor((clamped - least) / step + 1/2) * step + least; a range of nothing but 0 makes everything 0."""
    least, greatest, scale = _grid(low.astype(F), high.astype(F), bits, narrow)
    empty = (low == 0) & (high == 0)
    least, greatest = np.where(empty, F(0), least), np.where(empty, F(0), greatest)
    inverse, scale = np.where(empty, F(0), F(1) / np.where(empty, F(1), scale)), np.where(empty, F(0), scale)
    least, greatest, scale, inverse = (v.astype(F) for v in (least, greatest, scale, inverse))
    return from_least(b, x, least, greatest, scale, inverse)


# -- rounded to integers and back -------------------------------------------------------------------------------------


@lowers("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4")
def quantize_and_dequantize(
    b: Builder,
    input: Value,
    input_min: Value,
    input_max: Value,
    *,
    signed_input: bool = True,
    num_bits: int = 8,
    range_given: bool = False,
    round_mode: str = "HALF_TO_EVEN",
    narrow_range: bool = False,
    axis: int = -1,
) -> Value:
    """round(clamped * scale) / scale, 0 staying 0; a range for each index of ``axis`` where it is not -1."""
    if not range_given:
        raise UnsupportedError("the quantization range is computed from each input", "give it: range_given=True")
    low, high = _range(input_min, input_max)
    low, high, scale, inverse = _symmetric_grid(low.astype(F), high.astype(F), signed_input, num_bits, narrow_range)
    rounding = UP if round_mode == "HALF_UP" else TO_EVEN
    if axis == -1 and low.size == 1:
        return _trained_grid(b, input, [v.reshape(()) for v in (low, high, inverse, scale)], rounding)
    if axis != -1:
        shape = [-1 if a == axis % input.rank else 1 for a in range(input.rank)]
        low, high, scale, inverse = (v.reshape(shape) for v in (low, high, scale, inverse))
    return from_zero(b, input, low, high, inverse, scale, rounding == UP)


@lowers("QuantizeAndDequantizeV3")
def quantize_and_dequantize_v3(
    b: Builder,
    input: Value,
    input_min: Value,
    input_max: Value,
    num_bits: Value,
    *,
    signed_input: bool = True,
    range_given: bool = True,
    narrow_range: bool = False,
    axis: int = -1,
) -> Value:
    (bits,) = const_ints(num_bits, "the number of bits")
    return quantize_and_dequantize(
        b, input, input_min, input_max, signed_input=signed_input, num_bits=bits, range_given=range_given,
        narrow_range=narrow_range, axis=axis,
    )  # fmt: skip


def _symmetric_grid(
    low: Array, high: Array, signed: bool, bits: int, narrow: bool
) -> tuple[Array, Array, Array, Array]:
    """Least and greatest number, steps in 1 and their length, of the coarsest grid through 0 that the range needs."""
    first = F(-(1 << (bits - 1)) + narrow) if signed else F(0)
    last = F((1 << (bits - 1)) - 1) if signed else F((1 << bits) - 1)
    largest = np.finfo(F).max
    with np.errstate(all="ignore"):
        by_low = np.where(first * low > 0, first / low, largest).astype(F)
        by_high = np.where(last * high > 0, last / high, largest).astype(F)
        inverse = np.where(by_low < by_high, low / first, high / last).astype(F)
    lows = np.where(by_low < by_high, low, first * inverse).astype(F)
    highs = np.where(by_low < by_high, last * inverse, high).astype(F)
    return lows, highs, np.minimum(by_low, by_high), inverse
