"""Weights that are integers times scales are written as the integers.

    %1 = FULLY_CONNECTED(%x, w)            w = (CAST(q) - z) * s, folded: float32[32, 64]
⇒
    %1 = DEQUANTIZE(q)                     q: int8[32, 64] with scales s and zero points z along dimension 0
    %2 = FULLY_CONNECTED(%x, %1)

Scales and zero points may be one for all elements, one for each index of a dimension, or one for each block of the last
dimension; of blocks the integers are stored one a row, and a RESHAPE follows. Integers that fit 4 bits are written as
int4, others as int8. Where the features of a FULLY_CONNECTED are in blocks but not in order, its operand is put in
their order; where the last block is short, both are padded with zeros; and a scale for each feature (besides those of
the blocks) multiplies the operand:

    %1 = FULLY_CONNECTED(%x, w)            w = q * s / a, s by block, a by feature
⇒
    %1 = MUL(%x, 1 / a)
    %2 = GATHER(%1, order)
    %3 = PAD(%2, [[0, 0], [0, 8]])
    %4 = DEQUANTIZE(q')
    %5 = RESHAPE(%4, [32, 72])
    %6 = FULLY_CONNECTED(%3, %5)

Legal because DEQUANTIZE multiplies in float32: its products differ from the weights by less than folding rounded each
step. Integers and zero points are exact. The runtime widens constants once. A kernel that takes the integers themselves
would not do: it rounds the operand to integers, too.

This is no simplification (folding made the weights floats), so it runs once, after all passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import gcd, prod
from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array, Constant
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.types import Quantization
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.folded_integers import (
    Affine,
    affine,
    column_groups,
    product,
    range_obstacle,
    run_lengths,
    varying,
)
from litesmith.passes.match import LINEAR, rebuilt, with_operands

WEIGHTS = {"BATCH_MATMUL": "y", **{name: layout.operand for name, layout in LINEAR.items()}}
"""The operand that holds the weights."""

LARGEST_SHARE = 0.5
"""Integers and their scales have to take less than this of the bytes the floats take."""

ZERO_POINT_AND_SCALE = 12
"""Bytes the file spends on each scale: a float32 and an int64."""

BITS = {DType.INT4: 4, DType.INT8: 8}
"""What integers are written as, the narrowest first."""


class Channels(NamedTuple):
    """Integers as DEQUANTIZE takes them: stored, and a scale and a zero point for each index along a dimension."""

    integers: Array
    dtype: DType
    axis: int
    scales: Array
    zeros: Array


class Layout(NamedTuple):
    """A way to store weights, and what the operand they are multiplied with needs then.

    axis: the dimension the scales and zero points vary along; block: how many elements of the last dimension share
    them, 0 where all do. order: the places of the last dimension in the order they are stored in; padding: how many
    zeros follow them; factor: what multiplies each feature of the operand.
    """

    weights: Affine
    axis: int = 0
    block: int = 0
    order: Array | None = None
    padding: int = 0
    factor: Array | None = None

    @property
    def changes_operand(self) -> bool:
        """Whether the operand has to be brought in line."""
        return self.factor is not None or self.order is not None or self.padding > 0

    def size(self, bits: int) -> float:
        """Bytes the weights take in the file."""
        *rows, length = self.weights.integers.shape
        elements: int = prod(rows) * (length + self.padding)
        count: int = elements // self.block if self.block else _count(self.weights, self.axis)
        return elements * bits / 8 + ZERO_POINT_AND_SCALE * count


def _count(weights: Affine, axis: int) -> int:
    """How many scales by channel there are."""
    return weights.integers.shape[axis] if varying([weights.zeros, *weights.scales]) else 1


def narrow_weights(op: Op, b: Builder) -> Outcome:
    """An operation whose constant weights are made of integers."""
    name = WEIGHTS[op.name]
    weights = op[name]
    if weights.const is None or weights.const.made_by is None or weights.type.dtype is not DType.FLOAT32:
        return None
    if weights.only_user is not op:
        return Declined("the weights have another use")
    found = affine(weights.const)
    if found is None:
        return Declined("the weights are computed in another way than by scaling integers")
    reason = range_obstacle(found.scales)
    if reason is not None:
        return Declined(reason)
    return _narrowed(op, b, name, found)


def _narrowed(op: Op, b: Builder, name: str, found: Affine) -> Outcome:
    reason = "the scales are neither by channel nor by block"
    limit = LARGEST_SHARE * 4 * found.integers.size
    for layout in _layouts(op, found):
        if layout.size(BITS[DType.INT4]) > limit:
            reason = reason if layout.block == 1 else "the blocks are small"
            continue
        channels = _channels(layout)
        if channels is None:
            reason = "the integers less their zero points do not fit a byte"
        elif layout.size(BITS[channels.dtype]) <= limit:
            return _rebuilt(op, b, name, layout, channels)
    return Declined(reason)


def _rebuilt(op: Op, b: Builder, name: str, layout: Layout, channels: Channels) -> Value:
    operands = {"x": _operand(b, op["x"], layout)} if layout.changes_operand else {}
    *rows, length = op[name].type.static_shape
    operands[name] = _widened(b, op[name].name, channels, (*rows, length + layout.padding))
    return rebuilt(b, op, with_operands(op, **operands))


def _widened(b: Builder, name: str, channels: Channels, shape: tuple[int, ...]) -> Value:
    """The weights as floats again."""
    stored = Value.constant(Constant.of(channels.integers, channels.dtype), name)
    stored.type = replace(stored.type, quant=Quantization(channels.scales, channels.zeros, channels.axis))
    made: Value = b.dequantize(stored)
    if made.type.static_shape == shape:
        return made
    reshaped: Value = b.reshape(made, np.array(shape, np.int32))
    return reshaped


def _operand(b: Builder, x: Value, layout: Layout) -> Value:
    """Operand features scaled, put in order, padded."""
    if layout.factor is not None:
        x = b.mul(x, layout.factor.astype(np.float32))
    if layout.order is not None:
        x = b.gather(x, layout.order.astype(np.int32), axis=x.rank - 1)
    if layout.padding:
        x = b.pad(x, np.array([*[[0, 0]] * (x.rank - 1), [0, layout.padding]], np.int32))
    return x


# -- layouts ----------------------------------------------------------------------------------------------------------


def _layouts(op: Op, found: Affine) -> Iterator[Layout]:
    """The ways to store the weights, the simplest first."""
    yield from _stored(found, op.name == "FULLY_CONNECTED" and _takes_features(op))
    factors = [s for s in found.scales if varying([s]) == [found.integers.ndim - 1]]
    if op.name != "FULLY_CONNECTED" or not factors or not _takes_features(op):
        return
    rest = tuple(s for s in found.scales if all(s is not f for f in factors))
    factor = product(factors, found.integers.ndim).reshape(-1)
    yield from (layout._replace(factor=factor) for layout in _stored(found._replace(scales=rest), True))


def _takes_features(op: Op) -> bool:
    """Whether the last dimension of the operand is the features, as it is of the weights."""
    x, weights = op["x"], op["weights"]
    return x.type.shape is not None and x.rank > 1 and x.dims[-1] == weights.dims[-1]


def _stored(found: Affine, may_move: bool) -> Iterator[Layout]:
    """The ways to store them by channel, or else by block. may_move: places of the last dimension may be rearranged."""
    tables = [found.zeros, *found.scales]
    axes = varying(tables)
    if len(axes) <= 1:
        yield Layout(found, axis=axes[0] if axes else 0)
        return
    groups = column_groups(tables, found.integers.shape[-1])
    for order in (None, _by_group(groups)) if may_move else (None,):
        lengths = run_lengths(groups if order is None else groups[order])
        exact, size = Layout(found, block=gcd(*lengths), order=order), gcd(*lengths[:-1])
        padded = exact._replace(block=size, padding=-len(groups) % size) if may_move and size else exact
        bits = BITS[DType.INT4]
        yield from (padded, exact) if padded.size(bits) < exact.size(bits) else (exact, padded)


def _by_group(groups: Array) -> Array:
    """The places group by group, those of smaller groups last."""
    return np.lexsort((groups, -np.bincount(groups)[groups]))


def _in_blocks(layout: Layout) -> Affine:
    """The weights of a layout by block, a block a row."""
    found, (*rows, length) = layout.weights, layout.weights.integers.shape
    places = np.arange(length) if layout.order is None else layout.order
    starts = places[:: layout.block]
    zeros, *scales = (
        np.broadcast_to(t[..., starts] if t.shape[-1] > 1 else t, (*rows, len(starts))).reshape(-1, 1)
        for t in (found.zeros, *found.scales)
    )
    integers = found.integers if layout.order is None else found.integers[..., places]
    if layout.padding:
        last = np.broadcast_to(zeros.reshape(*rows, -1)[..., -1:], (*rows, layout.padding))
        integers = np.concatenate([integers, last.astype(np.int16)], axis=-1)
    return Affine(integers.reshape(-1, layout.block), zeros, tuple(scales))


# -- what DEQUANTIZE takes --------------------------------------------------------------------------------------------


def _channels(layout: Layout) -> Channels | None:
    """The weights with positive float32 scales and the narrowest integers; None where they do not fit a byte."""
    found = _in_blocks(layout) if layout.block else layout.weights
    integers, zeros, scales = found.integers, found.zeros, product(found.scales, found.integers.ndim)
    if np.any(scales < 0):
        sign = np.where(scales < 0, np.int16(-1), np.int16(1))
        integers, zeros, scales = integers * sign, zeros * sign, np.abs(scales)
    fitted = _fitted(integers, zeros)
    if fitted is None:
        return None
    dtype, shift, left = fitted
    axis = next(iter(varying([scales, zeros])), 0)
    scales, left = (part.reshape(-1) for part in np.broadcast_arrays(scales, left))
    return Channels(_shifted(integers, shift, dtype), dtype, axis, scales.astype(np.float32), left.astype(np.int64))


def _fitted(integers: Array, zeros: Array) -> tuple[DType, Array, Array] | None:
    """The narrowest type, what is subtracted from the integers to fit it, and the zero points that are left."""
    rest = tuple(axis for axis, size in enumerate(zeros.shape) if size == 1)
    low, high = (
        part.astype(np.int64) for part in (integers.min(rest, keepdims=True), integers.max(rest, keepdims=True))
    )
    for dtype, bits in BITS.items():
        least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        if least <= (low - zeros).min() and (high - zeros).max() <= most:
            return dtype, zeros, np.zeros_like(zeros)
        shift = min(low.min(), zeros.min()) - least
        if max(high.max(), zeros.max()) - shift <= most:
            return dtype, np.full_like(zeros, shift), zeros - shift
    return None


def _shifted(integers: Array, shift: Array, dtype: DType) -> Array:
    if np.any(shift):
        integers = integers - shift.astype(np.int16)
    return integers.astype(np.int8).astype(dtype.numpy)


INTEGER_WEIGHTS = Pass("integer-weights", tuple(WEIGHTS), narrow_weights)
PASSES = (INTEGER_WEIGHTS,)
