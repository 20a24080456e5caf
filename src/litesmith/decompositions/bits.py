"""Bit arithmetic on 32-bit integers, whose words the built-ins lack but for XOR and RIGHT_SHIFT.

Everything takes and gives int32 tensors; an unsigned number is kept as the int32 of the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import bitcast
from litesmith.ir import Builder, DType, Value

SIGN = np.iinfo(np.int32).min


def int32(b: Builder, value: int) -> Value:
    """A scalar constant with these 32 bits."""
    return b.constant(np.array(value & 0xFFFFFFFF, np.uint32).view(np.int32))


def bit_xor(b: Builder, x: Value, y: Value) -> Value:
    """Bits set in one of the two."""
    return b.bitwise_xor(x, y)


def bit_not(b: Builder, x: Value) -> Value:
    """All bits turned round."""
    return b.sub(int32(b, -1), x)


def bit_and(b: Builder, x: Value, y: Value) -> Value:
    """Bits set in both.

    x & y = (x + y - (x ^ y)) / 2; the lowest bits are taken apart first so that the sum does not overflow.
    """
    one = int32(b, 1)
    high_x, high_y = (b.right_shift(v, one) for v in (x, y))
    low_x, low_y = b.sub(x, b.add(high_x, high_x)), b.sub(y, b.add(high_y, high_y))
    high = b.right_shift(b.sub(b.add(high_x, high_y), b.bitwise_xor(high_x, high_y)), one)
    return b.add(b.add(high, high), b.mul(low_x, low_y))


def bit_or(b: Builder, x: Value, y: Value) -> Value:
    """Bits set in at least one of the two."""
    return b.sub(b.add(x, y), bit_and(b, x, y))


def shift_right_logical(b: Builder, x: Value, y: Value) -> Value:
    """Bits moved toward the low end, zeros moving in; 0 for an amount outside 0 … 31."""
    moved = bitcast(b, b.right_shift(bitcast(b, x, DType.UINT32), bitcast(b, y, DType.UINT32)), DType.INT32)
    return _within_word(b, y, moved, int32(b, 0))


def shift_right_arithmetic(b: Builder, x: Value, y: Value) -> Value:
    """Bits moved toward the low end, the sign moving in; only the sign for an amount outside 0 … 31."""
    moved = b.right_shift(x, y)
    return moved if _is_within_word(y) else _within_word(b, y, moved, b.right_shift(x, int32(b, 31)))


def shift_left(b: Builder, x: Value, y: Value) -> Value:
    """Bits moved toward the high end, zeros moving in; 0 for an amount outside 0 … 31."""
    if y.is_const and _is_within_word(y):
        amount = y.numpy().astype(np.int64)
        return b.mul(x, b.constant((np.int64(1) << amount).astype(np.uint32).view(np.int32)))
    powers = b.constant((np.int64(1) << np.arange(32)).astype(np.uint32).view(np.int32))
    place = b.minimum(b.maximum(y, int32(b, 0)), int32(b, 31))
    moved = b.mul(x, b.gather(powers, place, axis=0))
    return _within_word(b, y, moved, int32(b, 0))


def _is_within_word(amount: Value) -> bool:
    return amount.is_const and bool(np.all((amount.numpy() >= 0) & (amount.numpy() < 32)))


def _within_word(b: Builder, amount: Value, moved: Value, otherwise: Value) -> Value:
    if _is_within_word(amount):
        return moved
    outside = b.logical_or(b.less(amount, int32(b, 0)), b.greater(amount, int32(b, 31)))
    return select(b, outside, otherwise, moved)


def rotate_left(b: Builder, x: Value, amount: int) -> Value:
    """Bits moved in a circle."""
    high = shift_left(b, x, int32(b, amount))
    return b.bitwise_xor(high, shift_right_logical(b, x, int32(b, 32 - amount)))


def signed_order(b: Builder, x: Value) -> Value:
    """A key that orders unsigned numbers by signed comparison."""
    return b.bitwise_xor(x, int32(b, SIGN))


def population_count(b: Builder, x: Value) -> Value:
    """How many bits are set, by adding neighbouring fields of 1, 2, 4, 8 and 16 bits."""
    for width, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF), (16, 0x0000FFFF)):
        shifted = shift_right_logical(b, x, int32(b, width))
        x = b.add(bit_and(b, x, int32(b, mask)), bit_and(b, shifted, int32(b, mask)))
    return x


def count_leading_zeros(b: Builder, x: Value) -> Value:
    """How many bits above the highest one set are clear; 32 for 0."""
    for width in (1, 2, 4, 8, 16):
        x = bit_or(b, x, shift_right_logical(b, x, int32(b, width)))
    return population_count(b, bit_not(b, x))


# -- threefry ---------------------------------------------------------------------------------------------------------

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def threefry(b: Builder, key: Sequence[Value], counts: Sequence[Value]) -> tuple[Value, Value]:
    """The Threefry 2x32 hash of 20 rounds: two key words and two counter words (broadcast), all int32."""
    first, second = key
    schedule = [second, b.bitwise_xor(b.bitwise_xor(first, second), int32(b, PARITY)), first]
    x, y = b.add(counts[0], first), b.add(counts[1], second)
    for group in range(5):
        for amount in ROTATIONS[group % 2]:
            x = b.add(x, y)
            y = b.bitwise_xor(rotate_left(b, y, amount), x)
        x = b.add(x, schedule[group % 3])
        y = b.add(b.add(y, schedule[(group + 1) % 3]), int32(b, group + 1))
    return x, y
