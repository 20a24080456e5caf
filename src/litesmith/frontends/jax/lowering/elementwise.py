"""Functions of one or more tensors, element by element."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litesmith.decompositions import bits, division, series, special
from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import bitcast, broadcast_to, cast
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.registry import Lowering, lowers
from litesmith.frontends.jax.types import Results, is_unsigned_word
from litesmith.ir import Builder, DType, Value

NARROW = frozenset({DType.INT8, DType.INT16, DType.UINT8})


def in_int32(function: Callable[..., Value]) -> Callable[..., Value]:
    """Computes in int32 what comes in narrower integers, whose arithmetic the kernels lack, and wraps the result."""

    def run(b: Builder, *xs: Value) -> Value:
        narrow = next((x.type.dtype for x in xs if x.type.dtype in NARROW), None)
        if narrow is None:
            return function(b, *xs)
        made = function(b, *(cast(b, x, DType.INT32) for x in xs))
        return cast(b, made, narrow) if made.type.dtype is DType.INT32 else made

    return run


def _builtin(name: str) -> Callable[..., Value]:
    def run(b: Builder, *xs: Value) -> Value:
        return b.apply(name, *xs)

    return in_int32(run)


def _take_list(function: Callable[..., Value]) -> Callable[[Builder, list[Value]], Value]:
    def lowering(b: Builder, operands: list[Value]) -> Value:
        return function(b, *operands)

    return lowering


def _table(functions: dict[str, Callable[..., Value]]) -> tuple[Lowering[..., Results], ...]:
    return tuple(lowers(name, broadcasts=True)(_take_list(function)) for name, function in functions.items())


# -- one built-in, or one decomposition -------------------------------------------------------------------------------

BUILTINS = _table(
    {
        **{n: _builtin(n) for n in "add sub mul neg exp log sin cos tanh sqrt rsqrt logistic floor ceil".split()},
        "add_any": _builtin("add"),
        "exp2": special.exp2,
        "log2": special.log2,
        "cbrt": special.cbrt,
        **special.FUNCTIONS,
        "is_finite": special.is_finite,
    }
)


_SUMMED: dict[str, Callable[..., Value]] = {
    "igamma": series.igamma,
    "igammac": series.igammac,
    "regularized_incomplete_beta": series.betainc,
    "zeta": series.zeta,
    "polygamma": series.polygamma,
}
SUMMED = tuple(lowers(name)(_take_list(function)) for name, function in _SUMMED.items())


@lowers("square", broadcasts=True)
def square(b: Builder, x: Value) -> Value:
    return in_int32(lambda b, v: b.mul(v, v))(b, x)


@lowers("one_minus_square", broadcasts=True)
def one_minus_square(b: Builder, x: Value) -> Value:
    return in_int32(lambda b, v: b.sub(special.number(b, 1, v), b.mul(v, v)))(b, x)


@lowers("polynomial", broadcasts=True)
def polynomial(b: Builder, x: Value, coefficients: list[Value]) -> Value:
    """By Horner's rule, the constant term first."""
    made = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        made = in_int32(lambda b, p, q, r: b.add(b.mul(p, q), r))(b, made, x, coefficient)
    return made


@lowers("abs", broadcasts=True)
def abs_(b: Builder, x: Value) -> Value:
    if x.type.dtype in (DType.INT64, DType.INT32):
        return b.maximum(x, b.neg(x))
    return _builtin("abs")(b, x)


@lowers("sign", broadcasts=True)
def sign(ctx: Context, x: Value) -> Value:
    if is_unsigned_word(ctx.avals_in[0].dtype):
        return cast(ctx.b, ctx.b.not_equal(x, bits.int32(ctx.b, 0)), DType.INT32)
    if x.type.dtype is DType.INT64:
        one = ctx.b.constant(np.array(1, np.int64))
        return ctx.b.maximum(ctx.b.minimum(x, one), ctx.b.neg(one))
    return _builtin("sign")(ctx.b, x)


@lowers("atan2")
def atan2(ctx: Context, x: Value, y: Value) -> Value:
    """The kernel does not broadcast."""
    full = [ctx.expand(v, ctx.aval) for v in (x, y)]
    return ctx.b.atan2(*full)


@lowers("pow", broadcasts=True)
def pow_(b: Builder, x: Value, y: Value) -> Value:
    if x.type.dtype.is_float:
        return b.pow(x, cast(b, y, DType.FLOAT32))
    return in_int32(lambda b, p, q: b.pow(p, q))(b, x, y)


@lowers("integer_pow", broadcasts=True)
def integer_pow(b: Builder, x: Value, *, y: int) -> Value:
    return in_int32(lambda b, v: _power(b, v, y))(b, x)


def _power(b: Builder, x: Value, y: int) -> Value:
    """By repeated squaring; a negative power is the inverse of the positive one."""
    if y < 0:
        return b.div(special.number(b, 1, x), _power(b, x, -y))
    result: Value | None = None
    while y:
        if y & 1:
            result = x if result is None else b.mul(result, x)
        y >>= 1
        x = b.mul(x, x) if y else x
    return special.number(b, 1, x) if result is None else result


@lowers("round", broadcasts=True)
def round_(b: Builder, x: Value, *, rounding_method: int) -> Value:
    return b.round(x) if int(rounding_method) == 1 else special.round_away(b, x)


@lowers("clamp", broadcasts=True)
def clamp(ctx: Context, low: Value, x: Value, high: Value) -> Value:
    if is_unsigned_word(ctx.avals_in[1].dtype):
        return _unsigned_clamp(ctx.b, low, x, high)
    return in_int32(lambda b, p, q, r: b.minimum(r, b.maximum(p, q)))(ctx.b, low, x, high)


def _unsigned_clamp(b: Builder, low: Value, x: Value, high: Value) -> Value:
    keys = [bits.signed_order(b, v) for v in (low, x, high)]
    return bits.signed_order(b, b.minimum(b.maximum(keys[1], keys[0]), keys[2]))


def _extremum(name: str, logical: str) -> Callable[[Context, Value, Value], Value]:
    """The kernels give the second operand where one is NaN, so that a constant comes first."""

    def lowering(ctx: Context, x: Value, y: Value) -> Value:
        if x.type.dtype is DType.BOOL:
            return ctx.b.apply(logical, x, y)
        if is_unsigned_word(ctx.avals_in[0].dtype):
            keys = [bits.signed_order(ctx.b, v) for v in (x, y)]
            return bits.signed_order(ctx.b, ctx.b.apply(name, *keys))
        return _builtin(name)(ctx.b, *((y, x) if y.is_const else (x, y)))

    return lowering


EXTREMA = (
    lowers("max", broadcasts=True)(_extremum("maximum", "logical_or")),
    lowers("min", broadcasts=True)(_extremum("minimum", "logical_and")),
)

# -- division ---------------------------------------------------------------------------------------------------------


@lowers("div", broadcasts=True)
def div(ctx: Context, x: Value, y: Value) -> Value:
    if x.type.dtype.is_float:
        return ctx.b.div(x, y)
    if x.type.dtype is DType.INT64:
        raise UnsupportedError("int64 is not taken by DIV", "divide in int32 or float32", code="LS012")
    if is_unsigned_word(ctx.avals_in[0].dtype):
        return division.unsigned_div(ctx.b, x, y)
    return in_int32(division.truncated_div)(ctx.b, x, y)


@lowers("rem", broadcasts=True)
def rem(ctx: Context, x: Value, y: Value) -> Value:
    b = ctx.b
    if x.type.dtype.is_float:
        return special.truncated_remainder(b, x, y)
    if is_unsigned_word(ctx.avals_in[0].dtype):
        wide = [division.unsigned_to_int64(b, v) for v in (x, y)]
        return cast(b, division.remainder(b, *wide), DType.INT32)
    return in_int32(division.truncated_mod)(b, x, y)


# -- comparisons and choices ------------------------------------------------------------------------------------------


def _comparison(name: str) -> Callable[[Context, Value, Value], Value]:
    def lowering(ctx: Context, x: Value, y: Value) -> Value:
        b = ctx.b
        ordered = name not in ("equal", "not_equal")
        if ordered and x.type.dtype is DType.BOOL:
            x, y = cast(b, x, DType.INT32), cast(b, y, DType.INT32)
        if ordered and is_unsigned_word(ctx.avals_in[0].dtype):
            x, y = bits.signed_order(b, x), bits.signed_order(b, y)
        if max(x.rank, y.rank) > 4 and x.type.shape != y.type.shape:  # as far as the kernels broadcast
            x, y = broadcast_to(b, x, ctx.dims, x, y), broadcast_to(b, y, ctx.dims, x, y)
        return _builtin(name)(b, x, y)

    return lowering


COMPARISONS = tuple(
    lowers(primitive, broadcasts=True)(_comparison(name))
    for primitive, name in {
        "eq": "equal",
        "ne": "not_equal",
        "lt": "less",
        "le": "less_equal",
        "gt": "greater",
        "ge": "greater_equal",
    }.items()
)


def _total_order(name: str) -> Callable[[Context, Value, Value], Value]:
    """Comparison of floats that orders -0 below 0 and NaN at both ends, by their bits."""

    def lowering(ctx: Context, x: Value, y: Value) -> Value:
        if x.type.dtype is DType.FLOAT32:
            x, y = _total_key(ctx.b, x), _total_key(ctx.b, y)
        return _comparison(name)(ctx, x, y)

    return lowering


def _total_key(b: Builder, x: Value) -> Value:
    word = bitcast(b, x, DType.INT32)
    return select(b, b.less(word, bits.int32(b, 0)), b.bitwise_xor(word, bits.int32(b, 0x7FFFFFFF)), word)


TOTAL_ORDER = tuple(
    lowers(primitive, broadcasts=True)(_total_order(name))
    for primitive, name in {"eq_to": "equal", "lt_to": "less", "le_to": "less_equal"}.items()
)


@lowers("select_n", broadcasts=True)
def select_n(b: Builder, which: Value, cases: list[Value]) -> Value:
    if which.type.dtype is DType.BOOL:
        return cases[0] if len(cases) == 1 else select(b, which, cases[1], cases[0])
    made = cases[-1]
    for index in range(len(cases) - 2, -1, -1):
        at_most = b.less_equal(which, b.constant(np.array(index, which.type.dtype.numpy)))
        made = select(b, at_most, cases[index], made)
    return made


# -- bits -------------------------------------------------------------------------------------------------------------


def _bitwise(name: str, logical: str, function: Callable[..., Value]) -> Callable[[Builder, Value, Value], Value]:
    def lowering(b: Builder, x: Value, y: Value) -> Value:
        if x.type.dtype is DType.BOOL:
            return b.apply(logical, x, y)
        if x.type.dtype is DType.INT64:
            raise UnsupportedError(f"{name} of int64", "use int32", code="LS012")
        return in_int32(function)(b, x, y)

    return lowering


BITWISE = (
    lowers("and", broadcasts=True)(_bitwise("and", "logical_and", bits.bit_and)),
    lowers("or", broadcasts=True)(_bitwise("or", "logical_or", bits.bit_or)),
    lowers("xor", broadcasts=True)(_bitwise("xor", "not_equal", bits.bit_xor)),
)


@lowers("not", broadcasts=True)
def not_(b: Builder, x: Value) -> Value:
    if x.type.dtype is DType.BOOL:
        return b.logical_not(x)
    if x.type.dtype is DType.INT64:
        return b.sub(b.constant(np.array(-1, np.int64)), x)
    return in_int32(bits.bit_not)(b, x)


def _require_words(ctx: Context, x: Value) -> None:
    if x.type.dtype is not DType.INT32:
        raise UnsupportedError(f"a shift of {ctx.avals_in[0].dtype}", "use int32 or uint32", code="LS012")


def _shift(function: Callable[..., Value]) -> Callable[[Context, Value, Value], Value]:
    """A shift of 32 bits, or of narrower integers of the kinds it is the same for once they are widened."""
    kinds = {bits.shift_left: "iu", bits.shift_right_logical: "u", bits.shift_right_arithmetic: "i"}[function]

    def lowering(ctx: Context, x: Value, y: Value) -> Value:
        if x.type.dtype not in NARROW or np.dtype(ctx.avals_in[0].dtype).kind not in kinds:
            _require_words(ctx, x)
        return in_int32(function)(ctx.b, x, y)

    return lowering


SHIFTS = (
    lowers("shift_left", broadcasts=True)(_shift(bits.shift_left)),
    lowers("shift_right_logical", broadcasts=True)(_shift(bits.shift_right_logical)),
    lowers("shift_right_arithmetic", broadcasts=True)(_shift(bits.shift_right_arithmetic)),
)


@lowers("population_count", broadcasts=True)
def population_count(ctx: Context, x: Value) -> Value:
    _require_words(ctx, x)
    return bits.population_count(ctx.b, x)


@lowers("clz", broadcasts=True)
def clz(ctx: Context, x: Value) -> Value:
    _require_words(ctx, x)
    return bits.count_leading_zeros(ctx.b, x)
