"""Special functions summed until they converge: incomplete gamma and beta functions, and Hurwitz' zeta function.

All take float32 tensors of one shape. The loops go on until the slowest element is done. Accurate to a few 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.rnn import loop
from litesmith.decompositions.special import digamma, is_finite, lgamma, log1p, number, polynomial
from litesmith.ir import Builder, Value

EPSILON = 1.2e-7
ROUNDS = 2000
"""More than float32 arguments need up to 1e5 or so."""

Body = Callable[[Builder, Value, list[Value], list[Value]], tuple[list[Value], Value]]


def _until(
    b: Builder, body: Body, state: list[Value], fixed: list[Value], name: str, rounds: int = ROUNDS
) -> list[Value]:
    """``body(b, index, state, fixed) -> (state, whether elements go on)`` with 1.0, 2.0, … until none does."""
    start = [number(b, 1, state[0]), b.constant(np.array(True))]
    bounds = (2, 2 + len(state))

    def condition(cb: Builder, values: list[Value]) -> Value:
        return cb.logical_and(values[1], cb.less(values[0], number(cb, rounds, values[0])))

    def step(bb: Builder, values: list[Value]) -> list[Value]:
        new, unfinished = body(bb, values[0], values[slice(*bounds)], values[bounds[1] :])
        axes = np.arange(unfinished.rank, dtype=np.int32)
        some = bb.reduce_any(unfinished, axes, keep_dims=False) if unfinished.rank else unfinished
        return [bb.add(values[0], number(bb, 1, values[0])), some, *new, *values[bounds[1] :]]

    return loop(b, condition, step, [*start, *state, *fixed], name)[slice(*bounds)]


def _where(b: Builder, condition: Value, x: Value, otherwise: float) -> Value:
    """``x`` where the condition holds, a harmless number elsewhere."""
    return select(b, condition, x, number(b, otherwise, x))


def _log_ratio(b: Builder, beyond: Value, ratio: Value) -> Value:
    """log(ratio), by how much it is beyond 1 where that is little."""
    small = b.less(b.abs(beyond), number(b, 0.5, beyond))
    return select(b, small, log1p(b, _where(b, small, beyond, 0)), b.log(ratio))


def _stirling_rest(b: Builder, x: Value) -> Value:
    """log(gamma(x)) less Stirling's (x - 1/2) log(x) - x + log(2 pi) / 2, for x > 0."""
    far = b.greater(x, number(b, 8, x))
    inverse = b.div(number(b, 1, x), _where(b, far, x, 8))
    series = b.mul(inverse, polynomial(b, b.mul(inverse, inverse), (-1 / 1680, 1 / 1260, -1 / 360, 1 / 12)))
    near = select(b, far, number(b, 1, x), x)
    power = b.mul(b.sub(near, number(b, 0.5, x)), b.log(near))
    rest = b.sub(b.add(b.sub(lgamma(b, near), power), near), number(b, math.log(2 * math.pi) / 2, x))
    return select(b, far, series, rest)


# -- incomplete gamma functions ---------------------------------------------------------------------------------------


def igamma(b: Builder, a: Value, x: Value) -> Value:
    """The regularized lower incomplete gamma function; NaN for a < 0 or x < 0."""
    return _incomplete_gamma(b, a, x, upper=False)


def igammac(b: Builder, a: Value, x: Value) -> Value:
    """The regularized upper incomplete gamma function, 1 - igamma."""
    return _incomplete_gamma(b, a, x, upper=True)


def _incomplete_gamma(b: Builder, a: Value, x: Value, upper: bool) -> Value:
    zero, one = number(b, 0, x), number(b, 1, x)
    regular = b.logical_and(b.greater(a, zero), b.greater(x, zero))
    regular = b.logical_and(regular, b.logical_and(is_finite(b, a), is_finite(b, x)))
    beyond = b.logical_and(b.greater(x, one), b.greater(x, a))
    safe_a, safe_x = _where(b, regular, a, 1), _where(b, regular, x, 1)
    beyond = b.logical_and(beyond, regular)
    factor = _gamma_density(b, safe_a, safe_x)
    low = _lower_series(b, select(b, beyond, one, safe_a), select(b, beyond, zero, safe_x))
    high = _upper_fraction(b, _where(b, beyond, safe_a, 1), _where(b, beyond, safe_x, 2))
    low = b.minimum(one, b.div(b.mul(factor, low), safe_a))
    high = b.minimum(one, b.mul(factor, high))
    value = select(b, beyond, b.sub(one, high), low)
    if upper:
        value = select(b, beyond, high, b.sub(one, low))
    return select(b, regular, value, _gamma_ends(b, a, x, upper))


def _gamma_ends(b: Builder, a: Value, x: Value, upper: bool) -> Value:
    """Values for x = 0, for infinite x and for a = 0; NaN elsewhere."""
    zero, infinite = number(b, 0, x), number(b, np.inf, x)
    none, all_of_it = number(b, 1.0 if upper else 0.0, x), number(b, 0.0 if upper else 1.0, x)
    right = b.logical_and(b.greater(x, zero), b.equal(a, zero))
    right = b.logical_or(right, b.logical_and(b.equal(x, infinite), b.greater(a, zero)))
    left = b.logical_and(b.equal(x, zero), b.greater(a, zero))
    return select(b, right, all_of_it, select(b, left, none, number(b, np.nan, x)))


def _gamma_density(b: Builder, a: Value, x: Value) -> Value:
    """x to the a, times exp(-x), over gamma(a): Stirling's formula and what it leaves, which keeps what is small."""
    beyond = b.div(b.sub(x, a), a)
    exponent = b.mul(a, b.sub(_log_ratio(b, beyond, b.div(x, a)), beyond))
    root = b.sqrt(b.mul(a, number(b, 1 / (2 * math.pi), a)))
    return b.mul(root, b.exp(b.sub(exponent, _stirling_rest(b, a))))


def _lower_series(b: Builder, a: Value, x: Value) -> Value:
    """1 + x / (a + 1) + x² / ((a + 1) (a + 2)) + …"""

    def body(b: Builder, index: Value, state: list[Value], fixed: list[Value]) -> tuple[list[Value], Value]:
        term = b.mul(state[0], b.div(fixed[1], b.add(fixed[0], index)))
        total = b.add(state[1], term)
        return [term, total], b.greater(term, b.mul(total, number(b, EPSILON, total)))

    one = b.add(b.mul(x, number(b, 0, x)), number(b, 1, x))
    return _until(b, body, [one, one], [a, x], "incomplete_gamma")[1]


def _upper_fraction(b: Builder, a: Value, x: Value) -> Value:
    """1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / …)), by Lentz' method, for x > a."""
    base = b.sub(b.add(x, number(b, 1, x)), a)
    first = b.div(number(b, 1, x), base)
    infinite = b.add(b.mul(x, number(b, 0, x)), number(b, np.inf, x))

    def body(b: Builder, index: Value, state: list[Value], fixed: list[Value]) -> tuple[list[Value], Value]:
        c, d, fraction = state
        a, base = fixed
        numerator = b.mul(index, b.sub(a, index))
        constant = b.add(base, b.add(index, index))
        d = b.div(number(b, 1, d), b.add(b.mul(numerator, d), constant))
        c = b.add(constant, b.div(numerator, c))
        change = b.mul(c, d)
        return [c, d, b.mul(fraction, change)], b.greater(b.abs(b.sub(change, number(b, 1, c))), number(b, EPSILON, c))

    return _until(b, body, [infinite, first, first], [a, base], "incomplete_gamma_tail")[2]


# -- the incomplete beta function -------------------------------------------------------------------------------------


def betainc(b: Builder, p: Value, q: Value, x: Value) -> Value:
    """The regularized incomplete beta function; NaN for p < 0, q < 0 or x outside [0, 1]."""
    zero, one = number(b, 0, x), number(b, 1, x)
    positive = b.logical_and(b.greater(p, zero), b.greater(q, zero))
    positive = b.logical_and(positive, b.logical_and(is_finite(b, p), is_finite(b, q)))
    regular = b.logical_and(positive, b.logical_and(b.greater(x, zero), b.less(x, one)))
    inner, outer, y = _where(b, regular, p, 1), _where(b, regular, q, 1), _where(b, regular, x, 0.5)
    mean = b.div(b.add(inner, one), b.add(b.add(inner, outer), number(b, 2, x)))
    turned = b.greater(y, mean)
    first, second = select(b, turned, outer, inner), select(b, turned, inner, outer)
    argument, other = select(b, turned, b.sub(one, y), y), select(b, turned, y, b.sub(one, y))
    fraction = _beta_fraction(b, first, second, argument)
    value = b.div(b.mul(_beta_density(b, first, second, argument, other), fraction), first)
    value = select(b, turned, b.sub(one, value), value)
    return select(b, regular, value, _beta_ends(b, p, q, x))


def _beta_ends(b: Builder, p: Value, q: Value, x: Value) -> Value:
    """Values at x = 0 and 1, and of distributions that lie in one of them; NaN elsewhere."""
    zero, one, infinite = (number(b, v, x) for v in (0, 1, np.inf))

    def lies(own: Value, other: Value) -> Value:
        """Whether all is where only own = 0, or only an infinite other one, leaves it."""
        left = b.logical_and(b.equal(own, zero), b.greater(other, zero))
        return b.logical_or(left, b.logical_and(b.equal(other, infinite), b.less(b.abs(own), infinite)))

    step = select(b, lies(q, p), b.floor(x), x)
    step = select(b, lies(p, q), b.neg(b.floor(b.neg(x))), step)
    at_end = b.logical_or(b.equal(x, zero), b.equal(x, one))
    known = b.logical_or(at_end, b.logical_or(lies(p, q), lies(q, p)))
    inside = b.logical_and(b.greater_equal(x, zero), b.less_equal(x, one))
    possible = b.logical_and(b.greater_equal(p, zero), b.greater_equal(q, zero))
    same = b.logical_and(b.equal(p, q), b.logical_or(b.equal(p, zero), b.equal(p, infinite)))
    possible = b.logical_and(b.logical_and(possible, inside), b.logical_and(known, b.logical_not(same)))
    return select(b, possible, step, number(b, np.nan, x))


def _beta_density(b: Builder, p: Value, q: Value, x: Value, rest: Value) -> Value:
    """x to the p, times 1 - x to the q, over beta(p, q), as Stirling's formula and what it leaves."""
    total = b.add(p, q)
    moved = b.sub(b.mul(x, q), b.mul(rest, p))
    left = b.mul(p, _log_ratio(b, b.div(moved, p), b.div(b.mul(x, total), p)))
    right = b.mul(q, _log_ratio(b, b.neg(b.div(moved, q)), b.div(b.mul(rest, total), q)))
    corrections = b.sub(_stirling_rest(b, total), b.add(_stirling_rest(b, p), _stirling_rest(b, q)))
    root = b.sqrt(b.mul(b.div(p, total), b.mul(q, number(b, 1 / (2 * math.pi), q))))
    return b.mul(root, b.exp(b.add(b.add(left, right), corrections)))


def _beta_fraction(b: Builder, p: Value, q: Value, x: Value) -> Value:
    """The continued fraction of the incomplete beta function, by Lentz' method (Abramowitz and Stegun, 26.5.8)."""
    one = number(b, 1, x)
    start = b.sub(one, b.div(b.mul(b.add(p, q), x), b.add(p, one)))
    first = b.div(one, _apart_from_zero(b, start))

    def turn(b: Builder, numerator: Value, c: Value, d: Value) -> tuple[Value, Value, Value]:
        d = b.div(number(b, 1, d), _apart_from_zero(b, b.add(number(b, 1, d), b.mul(numerator, d))))
        c = _apart_from_zero(b, b.add(number(b, 1, c), b.div(numerator, c)))
        return c, d, b.mul(c, d)

    def body(b: Builder, m: Value, state: list[Value], fixed: list[Value]) -> tuple[list[Value], Value]:
        c, d, fraction = state
        p, q, x = fixed
        upper = b.add(p, b.add(m, m))
        even = b.div(b.mul(b.mul(m, b.sub(q, m)), x), b.mul(b.sub(upper, number(b, 1, p)), upper))
        c, d, change = turn(b, even, c, d)
        fraction = b.mul(fraction, change)
        odd = b.div(b.mul(b.mul(b.add(p, m), b.add(b.add(p, q), m)), x), b.mul(upper, b.add(upper, number(b, 1, p))))
        c, d, change = turn(b, b.neg(odd), c, d)
        going = b.greater(b.abs(b.sub(change, number(b, 1, c))), number(b, EPSILON, c))
        return [c, d, b.mul(fraction, change)], going

    ones = b.add(b.mul(x, number(b, 0, x)), one)
    return _until(b, body, [ones, first, first], [p, q, x], "incomplete_beta")[2]


def _apart_from_zero(b: Builder, x: Value) -> Value:
    tiny = number(b, 1e-30, x)
    return select(b, b.less(b.abs(x), tiny), tiny, x)


# -- the zeta function ------------------------------------------------------------------------------------------------

TERMS = 10
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)


def zeta(b: Builder, s: Value, q: Value) -> Value:
    """The sum of (q + k) to the -s over k = 0, 1, …: some terms, and Euler's and Maclaurin's formula for the others.

    Infinite for s = 1; at q = 0, -1, … infinite for an even s, else NaN, as for s < 1 and where a negative q has no
    real power.
    """
    zero, one = number(b, 0, s), number(b, 1, s)
    negated = b.neg(s)
    total = b.pow(q, negated)
    for k in range(1, TERMS):
        total = b.add(total, b.pow(b.add(q, number(b, k, q)), negated))
    place = b.add(q, number(b, TERMS, q))
    power = b.pow(place, negated)
    total = b.add(total, b.add(b.div(b.mul(power, place), b.sub(s, one)), b.mul(power, number(b, 0.5, s))))
    term = b.div(b.mul(power, s), place)
    square = b.mul(place, place)
    for j, bernoulli in enumerate(BERNOULLI, 1):
        total = b.add(total, b.mul(term, number(b, bernoulli / math.factorial(2 * j), s)))
        rise = b.mul(b.add(s, number(b, 2 * j - 1, s)), b.add(s, number(b, 2 * j, s)))
        term = b.mul(term, b.div(rise, square))
    pole = b.logical_and(b.less_equal(q, zero), b.equal(q, b.floor(q)))
    even = b.equal(b.floor_mod(s, number(b, 2, s)), zero)
    unreal = b.logical_and(b.less(q, zero), b.not_equal(s, b.floor(s)))
    value = select(b, b.logical_or(b.less(s, one), unreal), number(b, np.nan, s), total)
    value = select(b, pole, select(b, even, number(b, np.inf, s), number(b, np.nan, s)), value)
    return select(b, b.equal(s, one), number(b, np.inf, s), value)


def polygamma(b: Builder, n: Value, x: Value) -> Value:
    """The derivative of order n = 0, 1, … of digamma; NaN for other orders."""
    zero, one = number(b, 0, n), number(b, 1, n)
    order = b.add(n, one)
    even = b.equal(b.floor_mod(n, number(b, 2, n)), zero)
    size = b.mul(b.exp(lgamma(b, order)), zeta(b, order, x))
    value = select(b, b.equal(n, zero), digamma(b, x), select(b, even, b.neg(size), size))
    valid = b.logical_and(b.greater_equal(n, zero), b.equal(n, b.floor(n)))
    return select(b, valid, value, number(b, np.nan, n))
