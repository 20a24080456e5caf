"""Division of integers by what may be zero, as XLA has it: nothing stops the model.

Where division by zero is an error of the user's, as in TensorFlow, `litesmith.decompositions.integers` divides.
"""

from __future__ import annotations

import numpy as np

from litesmith.decompositions import bits
from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import cast
from litesmith.ir import Builder, DType, Value


def truncated_div(b: Builder, x: Value, y: Value) -> Value:
    """Toward zero. By zero it is -1, as in XLA, where the kernel stops the model; by -1 the overflow wraps."""
    zero, one = bits.int32(b, 0), bits.int32(b, 1)
    if y.is_const and bool(np.all((y.numpy() != 0) & (y.numpy() != -1))):
        return b.div(x, y)
    by_zero, by_minus_one = b.equal(y, zero), b.equal(y, bits.int32(b, -1))
    safe = select(b, b.logical_or(by_zero, by_minus_one), one, y)
    quotient = select(b, by_minus_one, b.neg(x), b.div(x, safe))
    return select(b, by_zero, bits.int32(b, -1), quotient)


def unsigned_div(b: Builder, x: Value, y: Value) -> Value:
    """The kernels divide signed numbers: half of x is one, and what that leaves out is at most one more time y.

    By 2**31 or more it is 0 or 1; by zero it is all ones, as in XLA.
    """
    if y.is_const and bool(np.all(y.numpy() > 0)):
        exponents = np.log2(y.numpy().astype(np.float64))
        if bool(np.all(exponents == np.floor(exponents))):
            return bits.shift_right_logical(b, x, b.constant(exponents.astype(np.int32)))
    zero, one = bits.int32(b, 0), bits.int32(b, 1)
    is_small = b.greater(y, zero)
    divisor = select(b, is_small, y, one)
    halved = b.div(bits.shift_right_logical(b, x, one), divisor)
    doubled = b.add(halved, halved)
    rest = b.sub(x, b.mul(doubled, divisor))
    quotient = b.add(doubled, cast(b, _at_least(b, rest, divisor), DType.INT32))
    large = select(b, b.equal(y, zero), bits.int32(b, -1), cast(b, _at_least(b, x, y), DType.INT32))
    return select(b, is_small, quotient, large)


def _at_least(b: Builder, x: Value, y: Value) -> Value:
    """Comparison of unsigned numbers."""
    return b.greater_equal(bits.signed_order(b, x), bits.signed_order(b, y))


def unsigned_to_int64(b: Builder, x: Value) -> Value:
    """The number behind a uint32 that travels as int32."""
    signed = cast(b, x, DType.INT64)
    wrapped = b.add(signed, b.constant(np.array(2**32, np.int64)))
    return select(b, b.less(signed, b.constant(np.array(0, np.int64))), wrapped, signed)


def remainder(b: Builder, x: Value, y: Value) -> Value:
    """x modulo y of non-negative numbers; by zero it is x, as in XLA."""
    zero, one = (b.constant(np.array(v, x.type.dtype.numpy)) for v in (0, 1))
    if y.is_const and bool(np.all(y.numpy() != 0)):
        return b.floor_mod(x, y)
    by_zero = b.equal(y, zero)
    return select(b, by_zero, x, b.floor_mod(x, select(b, by_zero, one, y)))


def truncated_mod(b: Builder, x: Value, y: Value) -> Value:
    """The remainder with the sign of x."""
    magnitudes = [b.maximum(v, b.neg(v)) for v in (x, y)]
    rest = remainder(b, *magnitudes)
    return select(b, b.less(x, b.constant(np.array(0, x.type.dtype.numpy))), b.neg(rest), rest)
