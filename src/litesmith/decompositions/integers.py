"""Integer division and remainders in every width, and bit operations beyond 32-bit words.

The kernels divide int32 only. int64 is divided exactly in steps of 22 bits each: a quotient in float32, its product
taken off, the rest divided again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litesmith.decompositions import bits
from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import bitcast, cast, reshape
from litesmith.ir import Builder, DType, Value

_INT32 = np.iinfo(np.int32)
_BELOW_2_63 = np.nextafter(np.float32(2**63), np.float32(0))
_STEPS = 4


def integer(b: Builder, value: int, like: Value) -> Value:
    """A scalar constant in the element type of ``like``."""
    return b.constant(np.array(value).astype(like.type.dtype.numpy))


def fits_int32(value: Value) -> bool:
    """Whether every element certainly lies in the range of int32: a size, a narrower number cast, a small constant."""
    if value.is_small_const:
        elements = value.numpy()
        return bool(np.all((elements >= _INT32.min) & (elements <= _INT32.max)))
    if value.sym is not None:
        return True
    below = value.op
    if below is None or below.name != "CAST":
        return False
    source = below["x"].type.dtype
    return source is DType.BOOL or (source.is_integer and source.numpy.itemsize <= 4 and source is not DType.UINT32)


def absolute(b: Builder, x: Value) -> Value:
    """|x| in any integer type."""
    return b.maximum(x, b.neg(x)) if x.type.dtype is DType.INT64 else b.abs(x)


def _wide(operation: Callable[[Builder, Value, Value], Value]) -> Callable[[Builder, Value, Value], Value]:
    """The operation on int64 or uint32 in the cheapest type that holds the operands."""

    def run(b: Builder, x: Value, y: Value) -> Value:
        dtype = x.type.dtype
        if dtype not in (DType.INT64, DType.UINT32):
            return operation(b, x, y)
        if dtype is DType.INT64 and fits_int32(x) and fits_int32(y):
            return cast(b, operation(b, cast(b, x, DType.INT32), cast(b, y, DType.INT32)), dtype)
        return cast(b, operation(b, cast(b, x, DType.INT64), cast(b, y, DType.INT64)), dtype)

    return run


def _exact_quotient(b: Builder, x: Value, y: Value, rest: Value) -> Value:
    """(x - rest) / y of int64 where y divides x - rest. The rest goes off second, so that nothing overflows."""
    divisor = cast(b, y, DType.FLOAT32)
    total: Value | None = None
    for _ in range(_STEPS):
        part = b.minimum(b.div(cast(b, x, DType.FLOAT32), divisor), _BELOW_2_63)
        step = cast(b, b.round(part), DType.INT64)
        x = b.sub(x, b.mul(step, y))
        x = b.sub(x, rest) if total is None else x
        total = step if total is None else b.add(total, step)
    assert total is not None
    return total


def _floor_div(b: Builder, x: Value, y: Value) -> Value:
    if x.type.dtype is DType.INT64:
        return _exact_quotient(b, x, y, b.floor_mod(x, y))
    return b.floor_div(x, y)


def _truncated_div(b: Builder, x: Value, y: Value) -> Value:
    if x.type.dtype is DType.INT64:
        return _exact_quotient(b, x, y, _truncated_mod(b, x, y))
    return b.div(x, y)


def _truncated_mod(b: Builder, x: Value, y: Value) -> Value:
    if x.type.dtype is DType.INT64:
        rest = b.floor_mod(absolute(b, x), absolute(b, y))
        return select(b, b.less(x, integer(b, 0, x)), b.neg(rest), rest)
    return b.sub(x, b.mul(b.div(x, y), y))


floor_div = _wide(_floor_div)
"""x / y rounded down. Integers; division by zero is an error when the model runs."""
truncated_div = _wide(_truncated_div)
"""x / y rounded toward zero."""
truncated_mod = _wide(_truncated_mod)
"""x - truncated_div(x, y) * y: the remainder with the sign of x."""


# -- bits -------------------------------------------------------------------------------------------------------------


def in_words(b: Builder, operation: Callable[..., Value], *operands: Value) -> Value:
    """A function of the bits of each element, in any integer type, by one on int32 words."""
    dtype = operands[0].type.dtype
    if dtype is DType.BOOL or dtype.numpy.itemsize < 4:
        return cast(b, operation(b, *(cast(b, v, DType.INT32) for v in operands)), dtype)
    if dtype is DType.INT32:
        return operation(b, *operands)
    return bitcast(b, operation(b, *(bitcast(b, v, DType.INT32) for v in operands)), dtype)


def bit_and(b: Builder, x: Value, y: Value) -> Value:
    """Bits set in both; with a constant 2^k - 1 the remainder by 2^k."""
    for value, mask in ((x, y), (y, x)):
        modulus = _power_above(mask)
        if modulus is not None and value.type.dtype not in (DType.UINT32, DType.UINT64):
            return b.floor_mod(value, integer(b, modulus, value))
    return in_words(b, bits.bit_and, *_same_shape(b, x, y))


def _power_above(mask: Value) -> int | None:
    """2^k of a constant whose elements all are 2^k - 1 and leave room for it."""
    if not mask.is_small_const or mask.rank or mask.type.dtype.is_float:
        return None
    above = int(mask.numpy()) + 1
    return above if above > 1 and not above & (above - 1) and above <= np.iinfo(mask.type.dtype.numpy).max else None


def bit_or(b: Builder, x: Value, y: Value) -> Value:
    """Bits set in at least one of the two."""
    return in_words(b, bits.bit_or, *_same_shape(b, x, y))


def bit_xor(b: Builder, x: Value, y: Value) -> Value:
    """Bits set in one of the two."""
    if x.type.dtype in (DType.INT64, DType.UINT64):
        return in_words(b, bits.bit_xor, *_same_shape(b, x, y))
    return b.bitwise_xor(x, y)


def bit_not(b: Builder, x: Value) -> Value:
    """All bits turned round: -1 - x."""
    if x.type.dtype in (DType.UINT32, DType.UINT64):
        return in_words(b, bits.bit_not, x)
    return b.sub(b.constant(np.array(-1).astype(x.type.dtype.numpy)), x)


def _same_shape(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """The operands with one rank, so that the words of int64 stay aligned."""
    if x.type.dtype not in (DType.INT64, DType.UINT64):
        return x, y
    rank = max(x.rank, y.rank)
    return _with_rank(b, x, rank), _with_rank(b, y, rank)


def _with_rank(b: Builder, x: Value, rank: int) -> Value:
    return reshape(b, x, [*[1] * (rank - x.rank), *x.dims])


def shift_left(b: Builder, x: Value, y: Value) -> Value:
    """x * 2^y, y brought into 0 … width - 1. Raises nothing: bits that leave are lost."""
    width = x.type.dtype.bits
    powers = np.array([1 << n for n in range(width)], np.uint64).astype(x.type.dtype.numpy)
    if y.is_small_const:
        amounts = np.clip(y.numpy().astype(np.int64), 0, width - 1)
        return b.mul(x, b.constant(powers[amounts]))
    place = cast(b, clamp(b, y, 0, width - 1), DType.INT32)
    made = b.mul(x, b.gather(b.constant(powers), place, axis=0))
    return made


def clamp(b: Builder, x: Value, low: int, high: int) -> Value:
    """x brought into low … high."""
    return b.minimum(b.maximum(x, integer(b, low, x)), integer(b, high, x))


def shift_right(b: Builder, x: Value, y: Value) -> Value:
    """Arithmetic shift of signed, logical of unsigned numbers; y brought into 0 … width - 1, as RIGHT_SHIFT itself does."""
    width = x.type.dtype.bits
    if x.type.dtype is DType.INT64:
        place = cast(b, clamp(b, y, 0, width - 2), DType.INT32)
        powers = np.array([1 << n for n in range(width - 1)], np.int64)
        shifted = floor_div(b, x, b.gather(b.constant(powers), place, axis=0))
        return select(b, b.greater(y, integer(b, width - 2, y)), _sign(b, x), shifted)
    return b.right_shift(x, y)


def _sign(b: Builder, x: Value) -> Value:
    negative: Any = b.less(x, integer(b, 0, x))
    return b.neg(cast(b, negative, x.type.dtype))


def population_count(b: Builder, x: Value) -> Value:
    """How many bits of each element are set, as uint8."""
    dtype = x.type.dtype
    if dtype in (DType.INT64, DType.UINT64):
        words = bits.population_count(b, bitcast(b, x, DType.INT32))
        return cast(b, b.sum(words, [words.rank - 1]), DType.UINT8)
    word = bitcast(b, x, DType.INT32) if dtype is DType.UINT32 else cast(b, x, DType.INT32)
    if dtype in (DType.INT8, DType.INT16):
        word = b.floor_mod(word, b.constant(np.array(1 << dtype.bits, np.int32)))
    return cast(b, bits.population_count(b, word), DType.UINT8)
