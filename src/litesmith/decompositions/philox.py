"""Philox 4x32-10, the counter-based generator TensorFlow draws stateless random numbers with on processors.

Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011). Words are int32 tensors that hold unsigned numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.bits import int32, signed_order
from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import bitcast
from litesmith.ir import Builder, DType, Value

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10

Words = Sequence[Value]


def philox(b: Builder, key: Words, counter: Words) -> list[Value]:
    """Four random words for each counter. key: two words; counter: four, the low one first; all of one shape or scalars.

    Each round, with hi and lo the words of a product: (c0, c1, c2, c3) becomes (hi(m1 c2) ^ c1 ^ k0, lo(m1 c2),
    hi(m0 c0) ^ c3 ^ k1, lo(m0 c0)), and the key moves on by a constant.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for number in range(ROUNDS):
        if number:
            k0, k1 = b.add(k0, int32(b, WEYL[0])), b.add(k1, int32(b, WEYL[1]))
        low0, high0 = _product(b, c0, MULTIPLIERS[0])
        low1, high1 = _product(b, c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = (
            b.bitwise_xor(b.bitwise_xor(high1, c1), k0),
            low1,
            b.bitwise_xor(b.bitwise_xor(high0, c3), k1),
            low0,
        )
    return [c0, c1, c2, c3]


def to_unsigned(b: Builder, word: Value) -> Value:
    """The number a word holds, as int64."""
    zero = b.sub(word, word) if not word.is_const else b.constant(np.zeros(word.numpy().shape, np.int32))
    return bitcast(b, b.pack(word, zero, axis=word.rank), DType.INT64)


def _product(b: Builder, word: Value, factor: int) -> tuple[Value, Value]:
    """Low and high word of the product with a constant, as unsigned numbers; int64 products wrap."""
    product = bitcast(b, b.mul(to_unsigned(b, word), b.constant(np.array(factor, np.int64))), DType.INT32)
    low, high = b.unpack(product, num=2, axis=word.rank)
    return low, high


def counters(b: Builder, start: Words, index: Value) -> list[Value]:
    """The counters ``start + index``: index is not negative."""
    low = b.add(start[0], index)
    if start[0].is_const and not start[0].numpy().any():
        return [low, *start[1:]]  # an index has 31 bits
    words = [low]
    carry = b.less(signed_order(b, low), signed_order(b, start[0]))
    for word in start[1:]:
        moved = b.add(word, int32(b, 1))
        words.append(select(b, carry, moved, word))
        carry = b.logical_and(carry, b.equal(moved, int32(b, 0)))
    return words
