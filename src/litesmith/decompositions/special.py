"""Elementary and special functions of float32 tensors.

Each is accurate to a few units in the last place of float32 unless its docstring says otherwise; infinities, NaN and
the ends of the domains give what the C library gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import bitcast, full
from litesmith.ir import Builder, DType, Value

LN_2 = math.log(2.0)


def number(b: Builder, value: float, like: Value) -> Value:
    """A scalar constant in the element type of ``like``."""
    return b.constant(np.array(value, like.type.dtype.numpy))


def ones_like(b: Builder, x: Value) -> Value:
    """A tensor of ones shaped as ``x``."""
    return full(b, x.dims, 1, x.type.dtype, x)


def polynomial(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial with these coefficients, highest power first, by Horner's rule."""
    total = number(b, coefficients[0], x)
    for coefficient in coefficients[1:]:
        total = b.add(b.mul(total, x), number(b, coefficient, x))
    return total


def is_nan(b: Builder, x: Value) -> Value:
    """Where an element is NaN."""
    return b.not_equal(x, x)


def is_finite(b: Builder, x: Value) -> Value:
    """Where an element is neither NaN nor infinite."""
    return b.less(b.abs(x), number(b, np.inf, x))


# -- exponentials and logarithms --------------------------------------------------------------------------------------

ARTANH = (0.89492988, -1.83184104, -1.65766944)
"""2 artanh(√z) / √z as c + n / (z + d), for z up to `ARTANH_END`, within 2.3e-8."""

ARTANH_END = 0.0312

ARTANH_WIDE = (1.23932963, 0.11528504, -1.04938495, -1.37955286)
"""The same as c + s z + n / (z + d), for z up to 1/9, within 1.4e-8."""

VANISHING = 128.0
"""exp(-x) is 0 in float32 from here on; the kernels' LOGISTIC is NaN at -1e30."""


def log1p(b: Builder, x: Value) -> Value:
    """log(1 + x); near 0 as 2 artanh(x / (x + 2)), because the kernels' LOG is only absolutely accurate near 1."""
    size = _size_of_exponent(b, x)
    if size is not None:
        return log1p_exp(b, size)
    ratio = b.div(x, b.add(x, number(b, 2, x)))
    square = b.mul(ratio, ratio)
    constant, over, shift = (number(b, c, x) for c in ARTANH)
    near = b.mul(ratio, b.add(b.div(over, b.add(square, shift)), constant))
    far = b.log(b.add(x, number(b, 1, x)))
    return select(b, b.less(square, number(b, ARTANH_END, x)), near, far)


def _size_of_exponent(b: Builder, x: Value) -> Value | None:
    """``|z|`` where x is exp(-|z|), also said as ``z >= 0 ? -z : z``."""
    exponent = x.op["x"].op if x.op is not None and x.op.name == "EXP" else None
    if exponent is None:
        return None
    if exponent.name == "NEG":
        size = exponent["x"]
        return size if size.op is not None and size.op.name == "ABS" else None
    compared = exponent["condition"].op if exponent.name in ("SELECT", "SELECT_V2") else None
    if compared is None or compared.name not in ("GREATER", "GREATER_EQUAL"):
        return None
    negated, z = exponent["x"].op, exponent["y"]
    is_negated = negated is not None and negated.name == "NEG" and negated["x"] is z
    return b.abs(z) if is_negated and compared.inputs[0] is z and _is_zero(compared.inputs[1]) else None


def _is_zero(value: Value) -> bool:
    value = value.op["value"] if value.op is not None and value.op.name == "FILL" else value
    return value.is_small_const and not np.any(value.numpy())


def log1p_exp(b: Builder, size: Value) -> Value:
    """log(1 + exp(-size)) for size >= 0, in the range of `ARTANH_WIDE`: exp(-s) / (exp(-s) + 2) is the logistic
    function of -s - log(2), which the kernels compute with a smaller relative error than EXP, though not far out."""
    size = b.minimum(number(b, VANISHING, size), size)
    ratio = b.logistic(b.sub(number(b, -LN_2, size), size))
    square = b.mul(ratio, ratio)
    constant, slope, over, shift = (number(b, c, size) for c in ARTANH_WIDE)
    line = b.add(b.mul(square, slope), constant)
    return b.mul(ratio, b.add(b.div(over, b.add(square, shift)), line))


def expm1(b: Builder, x: Value) -> Value:
    """exp(x) - 1 as tanh(x / 2) (exp(x) + 1), in which nothing cancels; ELU where x is not positive."""
    result: Value = (
        b.elu(x)
        if _is_at_most_zero(x)
        else b.mul(b.tanh(b.mul(x, number(b, 0.5, x))), b.add(b.exp(x), number(b, 1, x)))
    )
    return result


def _is_at_most_zero(x: Value) -> bool:
    """Whether x shows that it is not positive: min(y, c), or y > c ? c : y, with c <= 0; -|y|, -max(y, 0)."""
    op = x.op
    if op is None or x.type.dtype is not DType.FLOAT32:
        return False
    if op.name == "MINIMUM":
        return any(_is_low(v) for v in op.inputs)
    if op.name == "NEG":
        return op["x"].op is not None and op["x"].op.name in ("ABS", "RELU", "SQUARE")
    above = op["condition"].op if op.name in ("SELECT", "SELECT_V2") else None
    if above is None or above.name not in ("GREATER", "GREATER_EQUAL"):
        return False
    return _is_low(op["x"]) and above.inputs[0] is op["y"] and _is_low(above.inputs[1])


def _is_low(value: Value) -> bool:
    return value.is_small_const and value.type.dtype is DType.FLOAT32 and bool(np.all(value.numpy() <= 0))


def exp2(b: Builder, x: Value) -> Value:
    """2 to the power x."""
    return b.pow(number(b, 2, x), x)


def log2(b: Builder, x: Value) -> Value:
    """The logarithm to the base 2."""
    return b.mul(b.log(x), number(b, 1 / math.log(2), x))


def softplus(b: Builder, x: Value) -> Value:
    """log(1 + exp(x)), without overflow, and accurate where it is small."""
    return b.add(b.maximum(x, number(b, 0, x)), log1p_exp(b, b.abs(x)))


def mish(b: Builder, x: Value) -> Value:
    """x tanh(log(1 + exp(x))) as x n / (n + 2) with n = exp(x) (exp(x) + 2): nothing cancels. From 20 on it is x."""
    power = b.exp(b.minimum(x, number(b, 20, x)))
    numerator = b.mul(power, b.add(power, number(b, 2, x)))
    return b.mul(x, b.div(numerator, b.add(numerator, number(b, 2, x))))


def logaddexp(b: Builder, x: Value, y: Value) -> Value:
    """log(exp(x) + exp(y)), without overflow; equal infinities stay."""
    delta = b.sub(x, y)
    result = b.add(b.maximum(x, y), log1p_exp(b, b.abs(delta)))
    return select(b, is_nan(b, delta), b.add(x, y), result)


def cbrt(b: Builder, x: Value) -> Value:
    """The real cube root."""
    return b.mul(b.sign(x), b.pow(b.abs(x), number(b, 1 / 3, x)))


# -- trigonometry -----------------------------------------------------------------------------------------------------


def tan(b: Builder, x: Value) -> Value:
    """sin(x) / cos(x)."""
    return b.div(b.sin(x), b.cos(x))


def atan(b: Builder, x: Value) -> Value:
    """The angle whose tangent is x."""
    return b.atan2(x, ones_like(b, x))


def _other_leg(b: Builder, x: Value) -> Value:
    """sqrt(1 - x²) without losing what is small near 1."""
    one = number(b, 1, x)
    return b.sqrt(b.mul(b.sub(one, x), b.add(one, x)))


def asin(b: Builder, x: Value) -> Value:
    """The angle whose sine is x; NaN outside [-1, 1]."""
    return b.atan2(x, _other_leg(b, x))


def acos(b: Builder, x: Value) -> Value:
    """The angle whose cosine is x; NaN outside [-1, 1]."""
    return b.atan2(_other_leg(b, x), x)


# -- hyperbolic functions ---------------------------------------------------------------------------------------------


def sinh(b: Builder, x: Value) -> Value:
    """tanh(x) cosh(x), in which nothing cancels."""
    return b.mul(b.tanh(x), cosh(b, x))


def cosh(b: Builder, x: Value) -> Value:
    """(exp(x) + exp(-x)) / 2, finite as long as the sum is."""
    half = number(b, LN_2, x)
    return b.add(b.exp(b.sub(x, half)), b.exp(b.sub(number(b, -LN_2, x), x)))


def asinh(b: Builder, x: Value) -> Value:
    """sign(x) log(|x| + sqrt(x² + 1)): log1p near 0, log(2 |x|) where x² overflows."""
    size, one = b.abs(x), number(b, 1, x)
    square = b.mul(size, size)
    near = log1p(b, b.add(size, b.div(square, b.add(one, b.sqrt(b.add(square, one))))))
    far = b.add(b.log(size), number(b, LN_2, x))
    magnitude = select(b, b.greater(size, number(b, 1e9, x)), far, near)
    return select(b, b.less(x, number(b, 0, x)), b.neg(magnitude), magnitude)


def acosh(b: Builder, x: Value) -> Value:
    """log(x + sqrt(x² - 1)), NaN below 1."""
    one = number(b, 1, x)
    beyond = b.sub(x, one)
    near = log1p(b, b.add(beyond, b.sqrt(b.mul(beyond, b.add(x, one)))))
    far = b.add(b.log(x), number(b, LN_2, x))
    return select(b, b.greater(x, number(b, 1e9, x)), far, near)


def atanh(b: Builder, x: Value) -> Value:
    """log((1 + x) / (1 - x)) / 2; near 0 by `ARTANH`."""
    one, half = number(b, 1, x), number(b, 0.5, x)
    constant, over, shift = (number(b, c / 2 if c is not ARTANH[2] else c, x) for c in ARTANH)
    near = b.mul(x, b.add(b.div(over, b.add(b.mul(x, x), shift)), constant))
    far = b.mul(b.log(b.div(b.add(one, x), b.sub(one, x))), half)
    return select(b, b.less(b.abs(x), number(b, 0.175, x)), near, far)


# -- the error function -----------------------------------------------------------------------------------------------

ERF_OVER = (2.29050653e-4, 3.40829107e-3, 5.09556942e-2, 1.85208321e-1, 1.12837911)
ERF_UNDER = (-1.17916031e-7, 2.35479656e-5, 1.01796259e-3, 1.40704699e-2, 1.10985048e-1, 4.97469246e-1, 1.0)
ERF_LIMIT = 3.7439211627767994


def erf(b: Builder, x: Value) -> Value:
    """The error function, by a rational function of x² up to where it is 1."""
    limit = number(b, ERF_LIMIT, x)
    x = b.maximum(b.neg(limit), b.minimum(limit, x))  # NaN stays where it is the second operand
    square = b.mul(x, x)
    return b.div(b.mul(x, polynomial(b, square, ERF_OVER)), polynomial(b, square, ERF_UNDER))


def erfc(b: Builder, x: Value) -> Value:
    """1 - erf(x), keeping its relative accuracy (about 1e-5) where it is small."""
    size = b.abs(x)
    far = b.div(
        b.mul(
            b.exp(b.neg(b.mul(x, x))), polynomial(b, b.div(number(b, 1, x), b.add(size, number(b, 0.5, x))), ERFC_TAIL)
        ),
        b.add(size, number(b, 0.5, x)),
    )
    near = b.sub(number(b, 1, x), erf(b, x))
    mirrored = select(b, b.less(x, number(b, 0, x)), b.sub(number(b, 2, x), far), far)
    return select(b, b.less(size, number(b, 0.75, x)), near, mirrored)


def _fit_erfc_tail() -> tuple[float, ...]:
    """A polynomial in t = 1 / (x + 1/2) for erfc(x) exp(x²) (x + 1/2), x >= 1/2, through Chebyshev nodes."""
    degree, low, high = 12, 0.0, 1.0 / 1.2
    nodes = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    values = [_scaled_erfc(1 / t - 0.5) / t for t in nodes]
    return tuple(np.polyfit(nodes, values, degree))


def _scaled_erfc(x: float) -> float:
    """erfc(x) exp(x²), by its continued fraction where both factors leave the range."""
    if x < 5:
        return math.erfc(x) * math.exp(x * x)
    fraction = 0.0
    for k in range(60, 0, -1):
        fraction = (k / 2) / (x + fraction)
    return 1 / ((x + fraction) * math.sqrt(math.pi))


ERFC_TAIL = _fit_erfc_tail()

ERF_INV_CENTRE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
    0.246640727, 1.50140941,
)  # fmt: skip
ERF_INV_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
    1.00167406, 2.83297682,
)  # fmt: skip


def erf_inv(b: Builder, x: Value) -> Value:
    """The inverse of erf on (-1, 1), infinite at its ends (M. Giles, Approximating the erfinv function)."""
    w = b.neg(log1p(b, b.neg(b.mul(x, x))))
    centre = polynomial(b, b.sub(w, number(b, 2.5, x)), ERF_INV_CENTRE)
    tail = polynomial(b, b.sub(b.sqrt(w), number(b, 3, x)), ERF_INV_TAIL)
    inverse = b.mul(x, select(b, b.less(w, number(b, 5, x)), centre, tail))
    at_end = b.equal(b.abs(x), number(b, 1, x))
    return select(b, at_end, b.mul(x, number(b, np.inf, x)), inverse)


# -- the gamma function -----------------------------------------------------------------------------------------------

LANCZOS_G = 3.66
LANCZOS = (2.50662827153, 41.9000052511, -27.5268030172, 2.31124962097)
"""c0 … c3 such that Γ(z + 1) is (z + g + 1/2)^(z + 1/2) exp(-z - g - 1/2) (c0 + Σ ck / (z + k)), within 3.2e-9 for all
z >= -1/2: a least squares fit of C. Lanczos' form, in which g was chosen for the smallest error."""


def _lanczos(b: Builder, z: Value) -> tuple[Value, Value]:
    """Lanczos' series at z and its derivative."""
    total, slope = number(b, LANCZOS[0], z), number(b, 0.0, z)
    for index, coefficient in enumerate(LANCZOS[1:], 1):
        under = b.add(z, number(b, index, z))
        term = b.div(number(b, coefficient, z), under)
        total = b.add(total, term)
        slope = b.sub(slope, b.div(term, under))
    return total, slope


def _reflect_half(b: Builder, x: Value) -> tuple[Value, Value]:
    """Whether x < 1/2, and the argument of the series: -x there, x - 1 elsewhere."""
    below = b.less(x, number(b, 0.5, x))
    return below, select(b, below, b.neg(x), b.sub(x, number(b, 1, x)))


def lgamma(b: Builder, x: Value) -> Value:
    """The logarithm of |gamma(x)|; within about 1e-6 of its value, and of 1 near its zeros."""
    below, z = _reflect_half(b, x)
    series, _ = _lanczos(b, z)
    t = b.add(z, number(b, LANCZOS_G + 0.5, z))
    direct = b.add(b.sub(b.mul(b.add(z, number(b, 0.5, x)), b.log(t)), t), b.log(series))
    size = b.abs(x)
    part = b.sub(size, b.floor(size))
    part = b.minimum(part, b.sub(number(b, 1, x), part))
    sine = b.log(b.sin(b.mul(part, number(b, math.pi, x))))
    mirrored = b.sub(b.sub(number(b, math.log(math.pi), x), sine), direct)
    mirrored = select(b, is_finite(b, sine), mirrored, b.neg(sine))
    result = select(b, below, mirrored, direct)
    return select(b, b.equal(size, number(b, np.inf, x)), number(b, np.inf, x), result)


def digamma(b: Builder, x: Value) -> Value:
    """The derivative of log(gamma(x)); NaN at 0 and the negative integers."""
    below, z = _reflect_half(b, x)
    series, slope = _lanczos(b, z)
    t = b.add(z, number(b, LANCZOS_G + 0.5, z))
    direct = b.sub(b.add(b.log(t), b.div(slope, series)), b.div(number(b, LANCZOS_G, x), t))
    part = b.sub(x, b.floor(b.add(x, number(b, 0.5, x))))
    angle = b.mul(part, number(b, math.pi, x))
    mirrored = b.sub(direct, b.div(b.mul(b.cos(angle), number(b, math.pi, x)), b.sin(angle)))
    pole = b.logical_and(b.less_equal(x, number(b, 0, x)), b.equal(x, b.floor(x)))
    return select(b, pole, number(b, np.nan, x), select(b, below, mirrored, direct))


# -- Bessel functions -------------------------------------------------------------------------------------------------

I0_NEAR = (0.0045813, 0.0360768, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1.0)
I0_FAR = (
    0.00392377, -0.01647633, 0.02635537, -0.02057706, 0.00916281, -0.00157565, 0.00225319, 0.01328592, 0.39894228,
)  # fmt: skip
I1_NEAR = (0.00032411, 0.00301532, 0.02658733, 0.15084934, 0.51498869, 0.87890594, 0.5)
I1_FAR = (
    -0.00420059, 0.01787654, -0.02895312, 0.02282967, -0.01031555, 0.00163801, -0.00362018, -0.03988024, 0.39894228,
)  # fmt: skip
BESSEL_BOUNDARY = 3.75


def _scaled_bessel(b: Builder, size: Value, near: Sequence[float], far: Sequence[float]) -> tuple[Value, Value]:
    """exp(-x) times the near polynomial in (x / boundary)², and the far one in boundary / x over sqrt(x), for x >= 0."""
    boundary = number(b, BESSEL_BOUNDARY, size)
    inside, outside = b.minimum(size, boundary), b.maximum(size, boundary)
    ratio = b.div(inside, boundary)
    close = b.mul(b.exp(b.neg(inside)), polynomial(b, b.mul(ratio, ratio), near))
    return close, b.div(polynomial(b, b.div(boundary, outside), far), b.sqrt(outside))


def bessel_i0e(b: Builder, x: Value) -> Value:
    """exp(-|x|) times the modified Bessel function of order 0, within 5e-7 (Abramowitz and Stegun, 9.8)."""
    size = b.abs(x)
    near, far = _scaled_bessel(b, size, I0_NEAR, I0_FAR)
    return select(b, b.less(size, number(b, BESSEL_BOUNDARY, x)), near, far)


def bessel_i1e(b: Builder, x: Value) -> Value:
    """exp(-|x|) times the modified Bessel function of order 1, within 5e-7 (Abramowitz and Stegun, 9.8)."""
    size = b.abs(x)
    near, far = _scaled_bessel(b, size, I1_NEAR, I1_FAR)
    magnitude = select(b, b.less(size, number(b, BESSEL_BOUNDARY, x)), b.mul(near, size), far)
    return select(b, b.less(x, number(b, 0, x)), b.neg(magnitude), magnitude)


# -- sign and parts ---------------------------------------------------------------------------------------------------


def trunc(b: Builder, x: Value) -> Value:
    """Toward zero; the sign of zero is kept."""
    return select(b, b.less(x, number(b, 0, x)), b.ceil(x), b.floor(x))


def round_away(b: Builder, x: Value) -> Value:
    """To the nearest integer, halves away from zero."""
    size = b.abs(x)
    floor = b.floor(size)
    up = b.greater_equal(b.sub(size, floor), number(b, 0.5, x))
    magnitude = select(b, up, b.add(floor, number(b, 1, x)), floor)
    return select(b, sign_bit(b, x), b.neg(magnitude), magnitude)


def sign_bit(b: Builder, x: Value) -> Value:
    """Where the sign bit of a float32 is set, negative zeros and NaNs included."""
    bits = bitcast(b, x, DType.INT32)
    return b.less(bits, b.constant(np.array(0, np.int32)))


def truncated_remainder(b: Builder, x: Value, y: Value) -> Value:
    """The remainder with the sign of ``x``, as C's fmod and %."""
    zero = number(b, 0, x)
    magnitude = b.floor_mod(b.abs(x), b.abs(y))
    return select(b, b.less(x, zero), b.neg(magnitude), magnitude)


# -- all of them ------------------------------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[[Builder, Value], Value]] = {
    function.__name__: function
    for function in (
        expm1, log1p, tan, asin, acos, atan, sinh, cosh, asinh, acosh, atanh, erf, erfc, erf_inv, lgamma, digamma,
        bessel_i0e, bessel_i1e,
    )
}  # fmt: skip
"""Functions of one float tensor that have no kernel and that every framework has, by name."""
