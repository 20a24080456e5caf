"""Weights that are 8-bit integers times scales are written as the integers.

    %1 = FULLY_CONNECTED(%x, w)            w = CAST(q) * s, folded: float32[32, 64]
⇒
    %1 = DEQUANTIZE(q)                     q: int8[32, 64] with the scales s along dimension 0
    %2 = FULLY_CONNECTED(%x, %1)

Scales may be one for all elements, one for each index of a dimension, or one for each block of the last dimension; of
blocks the integers are stored one a row, and a RESHAPE follows. Zero points are subtracted from the integers.

Legal because DEQUANTIZE multiplies in float32, and the products are compared with the weights: equal, or, where a pass
computed the weights (it rounds where it likes), within the last two bits. The runtime widens constants once.

This is no simplification (folding made the weights floats), so it runs once, after all passes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array, Constant
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.types import Quantization
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, rebuilt, with_operands

WEIGHTS = {"FULLY_CONNECTED": "weights", "BATCH_MATMUL": "y"}
"""The operand that holds the weights of a matrix product."""

LARGEST_SHARE = 0.5
"""Integers and their scales have to take less than this of the bytes the floats take."""

ZERO_POINT_AND_SCALE = 12
"""Bytes the file spends on each scale: a float32 and an int64."""

ROUNDING = 2.0**-22
"""How far, relatively, weights that a pass computed may be from the product of an integer and a scale."""


class Scaled(NamedTuple):
    """A constant as ``integers * scale``: integers and floats of its shape."""

    integers: Array
    scale: Array


class Channels(NamedTuple):
    """Scales as DEQUANTIZE takes them: the shape of the integers, the dimension that has a scale an index, the scales."""

    shape: tuple[int, ...]
    axis: int
    scales: Array


def narrow_weights(op: Op, b: Builder) -> Outcome:
    """A matrix product whose constant weights come of 8-bit integers."""
    name = WEIGHTS[op.name]
    weights = op[name]
    if weights.const is None or weights.const.made_by is None:
        return None
    if weights.only_user is not op:
        return Declined("the weights have another use")
    with np.errstate(all="ignore"):
        return _narrowed(op, b, name, weights, weights.const)


def _narrowed(op: Op, b: Builder, name: str, weights: Value, const: Constant) -> Outcome:
    found = _scaled(const)
    if found is None:
        return Declined("the weights are computed in another way than by scaling integers")
    scaled = _with_positive_scale(found)
    channels = _channels(scaled.scale)
    reason = _obstacle(const, scaled, channels)
    if channels is None or reason is not None:
        return Declined(reason or "")
    return rebuilt(b, op, with_operands(op, **{name: _widened(b, weights, scaled.integers, channels)}))


def _with_positive_scale(scaled: Scaled) -> Scaled:
    """The same products with a scale that is not negative, rounded to the float32 the file takes."""
    sign = np.where(scaled.scale < 0, np.int16(-1), np.int16(1))
    return Scaled(scaled.integers * sign, np.abs(scaled.scale).astype(np.float32))


def _obstacle(weights: Constant, scaled: Scaled, channels: Channels | None) -> str | None:
    if channels is None:
        return "the scales are neither by channel nor by block"
    if scaled.integers.size + ZERO_POINT_AND_SCALE * channels.scales.size > LARGEST_SHARE * weights.nbytes:
        return "the blocks are small"
    if np.any(np.abs(scaled.integers) > np.iinfo(np.int8).max + (scaled.integers < 0)):
        return "the integers less their zero points do not fit a byte"
    if not np.all(np.isfinite(channels.scales) & (channels.scales > 0)):
        return "a scale is not a positive number"
    floats, products = weights.array(), scaled.integers.astype(np.float32) * scaled.scale
    slack = ROUNDING * np.abs(floats) if weights.is_wide else 0
    return None if np.all(np.abs(products - floats) <= slack) else "the products are rounded otherwise"


def _widened(b: Builder, weights: Value, integers: Array, channels: Channels) -> Value:
    stored = Value.constant(integers.astype(np.int8).reshape(channels.shape), weights.name)
    zeros = np.zeros(channels.scales.shape, np.int64)
    stored.type = replace(stored.type, quant=Quantization(channels.scales, zeros, channels.axis))
    made: Value = b.dequantize(stored)
    if channels.shape == weights.type.static_shape:
        return made
    reshaped: Value = b.reshape(made, np.array(weights.type.static_shape, np.int32))
    return reshaped


# -- what folding did -------------------------------------------------------------------------------------------------


def _scaled(const: Constant) -> Scaled | None:
    """The constant as integers times scales, by the operations it was folded from. None where they do other things."""
    op = const.made_by
    if op is None or activation(op) != "NONE":
        return None
    operands = [v.const for v in op.inputs if v.const is not None]
    if op.name == "CAST" and operands[0].dtype is DType.INT8:
        integers = operands[0].array().astype(np.int16)
        return Scaled(integers, np.broadcast_to(np.float64(1), const.shape))
    if op.name == "MUL" and operands[0].made_by is None:
        operands.reverse()
    inner = _scaled(operands[0])
    if inner is None:
        return None
    if op.name in ("RESHAPE", "TRANSPOSE"):
        return Scaled(*(_moved(op, part, operands[1:]) for part in inner))
    return _combined(op.name, inner, operands[1].wide(), const.shape) if len(operands) == 2 else None


def _moved(op: Op, part: Array, others: list[Constant]) -> Array:
    assert op.defn.evaluate is not None
    return np.asarray(op.defn.evaluate(part, *(c.array() for c in others), **op.attrs))


def _combined(name: str, inner: Scaled, other: Array, shape: tuple[int, ...]) -> Scaled | None:
    """Integers times scales, times or by or less another constant."""
    integers, scale = (np.broadcast_to(part, shape) for part in inner)
    other = other.astype(np.float64)
    with np.errstate(all="ignore"):
        if name == "MUL":
            return Scaled(integers, scale * other)
        if name == "DIV":
            return Scaled(integers, scale / other)
        if name == "SUB" and np.all(scale == 1) and np.all(other == np.clip(np.round(other), -255, 255)):
            return Scaled(integers - other.astype(np.int16), scale)
    return None


# -- what DEQUANTIZE takes --------------------------------------------------------------------------------------------


def _channels(scale: Array) -> Channels | None:
    """The fewest scales that say all of them; None where there are more than by channel or by block."""
    if np.all(scale == scale.flat[0]):
        return Channels(scale.shape, 0, scale.reshape(-1)[:1].copy())
    for axis in range(scale.ndim):
        lines = np.moveaxis(scale, axis, -1).reshape(-1, scale.shape[axis])
        if np.all(lines == lines[0]):
            return Channels(scale.shape, axis, lines[0].copy())
    return _blocks(scale)


def _blocks(scale: Array) -> Channels | None:
    length = scale.shape[-1]
    for size in (length // n for n in range(1, length) if length % n == 0):
        blocks = scale.reshape(-1, size)
        if np.all(blocks == blocks[:, :1]):
            return Channels(blocks.shape, 0, blocks[:, 0].copy())
    return None


INTEGER_WEIGHTS = Pass("integer-weights", tuple(WEIGHTS), narrow_weights)
PASSES = (INTEGER_WEIGHTS,)
