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

Where weights were scaled and then brought into another shape or order, and are by channel or by block only before that,
they are stored as they were then, and the RESHAPE and TRANSPOSE follow.

Legal because DEQUANTIZE multiplies in float32: its products differ from the weights by less than folding rounded each
step. Integers and zero points are exact. The runtime widens constants once. A kernel that takes the integers themselves
would not do: it rounds the operand to integers, too.

This is no simplification (folding made the weights floats), so it runs once, after all passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array, Constant
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef
from litesmith.ir.types import Quantization
from litesmith.ops.layout import TRANSPOSE
from litesmith.ops.matmul import BATCH_MATMUL, FULLY_CONNECTED
from litesmith.ops.shape import RESHAPE
from litesmith.passes.driver import Declined, Outcome, Pass, PassResult
from litesmith.passes.folded_integers import Affine, affine, product, range_obstacle, transpose_affine, varying_axes
from litesmith.passes.integer_layouts import BITS, Channels, Layout, channels_of, layouts, size_of
from litesmith.passes.match import LINEAR, rebuild, reshape_static, with_operands

WEIGHTS = {BATCH_MATMUL: ("x", "y"), **{defn: (defn.weights.operand,) for defn in LINEAR if defn.weights}}
"""The operands that may hold the weights."""

LARGEST_SHARE = 0.5
"""Integers and their scales have to take less than this of the bytes the floats take."""

FLOAT = 4
"""Bytes of a float32."""

MODERATE = 2.0**32
"""Factors within 1 / MODERATE and MODERATE multiply the operand; larger ones could take it out of range."""

NOT_BY_CHANNEL = "the scales are neither by channel nor by block"
SMALL_BLOCKS = "the blocks are small"
WIDE_INTEGERS = "the integers less their zero points do not fit a byte"


def notes(result: PassResult) -> list[str]:
    """Of which layers the weights became floats though they are integers and scales, in sentences for the user."""
    reasons = (NOT_BY_CHANNEL, SMALL_BLOCKS, WIDE_INTEGERS)
    return [
        f"The integer weights of {op.origin.label or op.name!r} are floats in the file: {why}."
        for op, why in result.declined
        if why in reasons
    ]


def narrow_weights(op: Op, b: Builder) -> Outcome:
    """An operation whose constant weights are made of integers."""
    name = next((name for name in WEIGHTS[op.defn] if _is_folded(op[name])), None)
    weights = op[name] if name is not None else None
    if name is None or weights is None or weights.const is None:
        return None
    if weights.output_uses or not all(_has_as_weights(user, op.defn, weights) for user in weights.users):
        return Declined("the weights have another use")
    found = affine(weights.const)
    if found is None:
        return Declined("the weights are computed in another way than by scaling integers")
    reason = range_obstacle(found.scales)
    if reason is not None:
        return Declined(reason)
    narrowed = _narrow(op, b, name, found)
    return _delay_movement(op, b, name) or narrowed if isinstance(narrowed, Declined) else narrowed


def _is_folded(value: Value) -> bool:
    return value.const is not None and value.const.made_by is not None and value.type.dtype is DType.FLOAT32


def _has_as_weights(op: Op, defn: OpDef, value: Value) -> bool:
    """Whether an operation of this kind has the value as its weights, and nowhere else."""
    used = sum(operand is value for operand in op.operands)
    return op.defn is defn and used == 1 and any(op[weights] is value for weights in WEIGHTS[defn])


def _narrow(op: Op, b: Builder, name: str, found: Affine) -> Outcome:
    weights = op[name]
    assert weights.const is not None
    fitting = _first_worthwhile(_layouts(op, found))
    if isinstance(fitting, Declined):
        return fitting
    channels, layout = fitting
    operands = {"x": _operand(b, op["x"], layout)} if layout.changes_operand else {}
    *rows, length = weights.type.static_shape
    shape = (*rows, length + layout.padding)
    operands[name] = _float_weights(b, _lazy_integers(weights, weights.const, channels, layout), shape)
    return rebuild(b, op, with_operands(op, **operands))


def _first_worthwhile(ways: Iterable[tuple[Affine, Layout]]) -> tuple[Channels, Layout] | Declined:
    """The first way that is worth it; why none is."""
    reason = NOT_BY_CHANNEL
    for part, layout in ways:
        limit = LARGEST_SHARE * FLOAT * part.integers.size
        if size_of(part, layout, BITS[DType.INT4]) > limit:
            reason = reason if layout.block == 1 else SMALL_BLOCKS
            continue
        channels = channels_of(part, layout)
        if channels is None:
            reason = WIDE_INTEGERS
        elif size_of(part, layout, BITS[channels.dtype]) <= limit:
            return channels, layout
    return Declined(reason)


def _lazy_integers(weights: Value, const: Constant, channels: Channels, layout: Layout, turned: bool = False) -> Value:
    """The integers, made again when they are written: all weights at once would not fit the memory.

    const: what they are read off; turned: the transpose of it.
    """

    def integers() -> Array:
        found = affine(const)
        assert found is not None
        found = transpose_affine(found) if turned else found
        by_channel = channels_of(found if layout.factor is None else _by_features(found)[1], layout)
        assert by_channel is not None
        return by_channel.integers

    lazy = Constant.lazy(channels.dtype, channels.integers.shape, integers)
    stored = Value.constant(lazy, weights.name)
    stored.type = replace(stored.type, quant=Quantization(channels.scales, channels.zeros, channels.axis))
    return stored


def _float_weights(b: Builder, stored: Value, shape: tuple[int, ...]) -> Value:
    """The weights as floats again."""
    floats: Value = b.dequantize(stored)
    return floats if floats.type.static_shape == shape else reshape_static(b, floats, shape)


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
    may_move = op.defn is FULLY_CONNECTED and _takes_features(op)
    yield from ((found, layout) for layout in layouts(found, may_move))
    factor, rest = _by_features(found)
    if factor is not None and may_move and np.abs(factor).min() >= 1 / MODERATE and np.abs(factor).max() <= MODERATE:
        yield from ((rest, layout._replace(factor=factor)) for layout in layouts(rest, may_move))


def _takes_features(op: Op) -> bool:
    """Whether the last dimension of the operand is the features, as it is of the weights."""
    x, weights = op["x"], op["weights"]
    return x.type.shape is not None and x.rank > 1 and x.dims[-1] == weights.dims[-1]


def _by_features(found: Affine) -> tuple[Array | None, Affine]:
    """The scales that vary along the last dimension only, multiplied, and the weights without them."""
    rank = found.integers.ndim
    apart = [varying_axes([scale]) == [rank - 1] for scale in found.scales]
    factors = [scale for scale, is_apart in zip(found.scales, apart, strict=True) if is_apart]
    rest = tuple(scale for scale, is_apart in zip(found.scales, apart, strict=True) if not is_apart)
    return product(factors, rank).reshape(-1) if factors else None, found._replace(scales=rest)


# -- weights that were moved after they were scaled -------------------------------------------------------------------


class Movement(NamedTuple):
    """A TRANSPOSE to an order of dimensions, or a RESHAPE to a shape (order is None)."""

    shape: tuple[int, ...]
    order: tuple[int, ...] | None = None


TURN = Movement((), (1, 0))
"""The transpose of a matrix."""


def _delay_movement(op: Op, b: Builder, name: str) -> Value | None:
    """The operation with weights that are stored as they were before they were moved; None where that does not do."""
    weights = op[name]
    assert weights.const is not None
    const, movements = _before_movements(weights.const)
    found = affine(const) if movements else None
    if found is None:
        return None
    for turned in (False, True) if found.integers.ndim == 2 else (False,):
        part = transpose_affine(found) if turned else found
        fitting = _first_worthwhile((part, layout) for layout in layouts(part, may_move=False))
        if not isinstance(fitting, Declined):
            moved = _float_weights(b, _lazy_integers(weights, const, *fitting, turned), part.integers.shape)
            for shape, order in _shortest([TURN, *movements] if turned else movements):
                moved = reshape_static(b, moved, shape) if order is None else b.transpose(moved, np.array(order, np.int32))
            return rebuild(b, op, with_operands(op, **{name: moved}))
    return None


def _before_movements(const: Constant) -> tuple[Constant, list[Movement]]:
    """What a constant was before RESHAPE and TRANSPOSE operations, and these."""
    movements: list[Movement] = []
    while (op := const.made_by) is not None and op.defn in (RESHAPE, TRANSPOSE):
        order = tuple(op["perm"].numpy().tolist()) if op.defn is TRANSPOSE else None
        movements.insert(0, Movement(const.shape, order))
        before = op.inputs[0].const
        assert before is not None
        const = before
    return const, movements


def _shortest(movements: Sequence[Movement]) -> list[Movement]:
    """The same with one RESHAPE or TRANSPOSE for several in a row, and none that changes nothing."""
    kept: list[Movement] = []
    for movement in movements:
        before = kept[-1] if kept else None
        if before is None or (before.order is None) != (movement.order is None):
            kept.append(movement)
        elif before.order is None or movement.order is None:
            kept[-1] = movement
        else:
            kept[-1] = Movement(movement.shape, tuple(before.order[axis] for axis in movement.order))
        if kept[-1].order == tuple(range(len(kept[-1].order or ()))):
            kept.pop()
    return kept


INTEGER_WEIGHTS = Pass("integer-weights", tuple(WEIGHTS), narrow_weights, notes=notes)
PASSES = (INTEGER_WEIGHTS,)
