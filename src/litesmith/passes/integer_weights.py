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

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array, Constant
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.types import Quantization
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.folded_integers import Affine, affine, product, range_obstacle, varying
from litesmith.passes.integer_layouts import BITS, Channels, Layout, channels_of, layouts, size_of
from litesmith.passes.match import LINEAR, rebuilt, with_operands

WEIGHTS = {"BATCH_MATMUL": "y", **{name: layout.operand for name, layout in LINEAR.items()}}
"""The operand that holds the weights."""

LARGEST_SHARE = 0.5
"""Integers and their scales have to take less than this of the bytes the floats take."""


def narrow_weights(op: Op, b: Builder) -> Outcome:
    """An operation whose constant weights are made of integers."""
    name = WEIGHTS[op.name]
    weights = op[name]
    if weights.const is None or weights.const.made_by is None or weights.type.dtype is not DType.FLOAT32:
        return None
    if weights.output_uses or not all(
        _has_as_weights(user, weights) and user.name == op.name for user in weights.users
    ):
        return Declined("the weights have another use")
    found = affine(weights.const)
    if found is None:
        return Declined("the weights are computed in another way than by scaling integers")
    reason = range_obstacle(found.scales)
    if reason is not None:
        return Declined(reason)
    return _narrowed(op, b, weights, found)


def _has_as_weights(op: Op, value: Value) -> bool:
    return op.name in WEIGHTS and [v is value for v in op.operands].index(True) == op.defn.operand_index(
        WEIGHTS[op.name]
    )


def _narrowed(op: Op, b: Builder, weights: Value, found: Affine) -> Outcome:
    reason = "the scales are neither by channel nor by block"
    limit = LARGEST_SHARE * 4 * found.integers.size
    for part, layout in _layouts(op, found):
        if size_of(part, layout, BITS[DType.INT4]) > limit:
            reason = reason if layout.block == 1 else "the blocks are small"
            continue
        channels = channels_of(part, layout)
        if channels is None:
            reason = "the integers less their zero points do not fit a byte"
        elif size_of(part, layout, BITS[channels.dtype]) <= limit:
            operands = {"x": _operand(b, op["x"], layout)} if layout.changes_operand else {}
            operands[WEIGHTS[op.name]] = _widened(b, weights, channels, layout)
            return rebuilt(b, op, with_operands(op, **operands))
    return Declined(reason)


def _widened(b: Builder, weights: Value, channels: Channels, layout: Layout) -> Value:
    """The weights as floats again."""
    assert weights.const is not None
    stored = Value.constant(_stored(weights.const, channels, layout), weights.name)
    stored.type = replace(stored.type, quant=Quantization(channels.scales, channels.zeros, channels.axis))
    made: Value = b.dequantize(stored)
    *rows, length = weights.type.static_shape
    shape = (*rows, length + layout.padding)
    if made.type.static_shape == shape:
        return made
    reshaped: Value = b.reshape(made, np.array(shape, np.int32))
    return reshaped


def _stored(const: Constant, channels: Channels, layout: Layout) -> Constant:
    """The integers, made again when they are written: all weights at once would not fit the memory."""

    def integers() -> Array:
        found = affine(const)
        assert found is not None
        made = channels_of(found if layout.factor is None else _by_features(found)[1], layout)
        assert made is not None
        return made.integers

    return Constant.lazy(channels.dtype, channels.integers.shape, integers)


def _operand(b: Builder, x: Value, layout: Layout) -> Value:
    """Operand features scaled, put in order, padded."""
    if layout.factor is not None:
        x = b.mul(x, layout.factor.astype(np.float32))
    if layout.order is not None:
        x = b.gather(x, layout.order.astype(np.int32), axis=x.rank - 1)
    if layout.padding:
        x = b.pad(x, np.array([*[[0, 0]] * (x.rank - 1), [0, layout.padding]], np.int32))
    return x


def _layouts(op: Op, found: Affine) -> Iterator[tuple[Affine, Layout]]:
    """The ways to store the weights, or what is left of them where the operand is multiplied, the simplest first."""
    may_move = op.name == "FULLY_CONNECTED" and _takes_features(op)
    yield from ((found, layout) for layout in layouts(found, may_move))
    factor, rest = _by_features(found)
    if factor is not None and may_move:
        yield from ((rest, layout._replace(factor=factor)) for layout in layouts(rest, may_move))


def _takes_features(op: Op) -> bool:
    """Whether the last dimension of the operand is the features, as it is of the weights."""
    x, weights = op["x"], op["weights"]
    return x.type.shape is not None and x.rank > 1 and x.dims[-1] == weights.dims[-1]


def _by_features(found: Affine) -> tuple[Array | None, Affine]:
    """The scales that vary along the last dimension only, multiplied, and the weights without them."""
    rank = found.integers.ndim
    apart = [varying([scale]) == [rank - 1] for scale in found.scales]
    factors = [scale for scale, is_apart in zip(found.scales, apart, strict=True) if is_apart]
    rest = tuple(scale for scale, is_apart in zip(found.scales, apart, strict=True) if not is_apart)
    return product(factors, rank).reshape(-1) if factors else None, found._replace(scales=rest)


INTEGER_WEIGHTS = Pass("integer-weights", tuple(WEIGHTS), narrow_weights)
PASSES = (INTEGER_WEIGHTS,)
