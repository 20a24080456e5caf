"""Elementary functions of complex numbers, said of their real and imaginary parts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from litesmith.decompositions import special
from litesmith.decompositions.complex_parts import bilinear
from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import iota as counted
from litesmith.decompositions.special import number
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.lowering import contraction, indexing
from litesmith.frontends.jax.lowering.fourier import abs_, div, exp, log, mul
from litesmith.frontends.jax.registry import lowers
from litesmith.frontends.jax.types import Complex, Tensor
from litesmith.ir import Builder, DType, Value


def _select(b: Builder, condition: Value, x: Complex, y: Complex) -> Complex:
    return Complex(select(b, condition, x.real, y.real), select(b, condition, x.imag, y.imag))


def _number(b: Builder, value: float, like: Complex) -> Complex:
    return Complex(number(b, value, like.real), number(b, 0, like.imag))


def _is_zero(b: Builder, x: Complex) -> Value:
    zero = number(b, 0, x.real)
    return b.logical_and(b.equal(x.real, zero), b.equal(x.imag, zero))


@lowers("sqrt", complex=True)
def sqrt(b: Builder, x: Complex) -> Complex:
    """The root whose real part is not negative; the larger part first, the other one from it."""
    half, zero = number(b, 0.5, x.real), number(b, 0, x.real)
    nothing = _is_zero(b, x)
    large = b.sqrt(b.add(b.mul(abs_.function(b, x), half), b.mul(b.abs(x.real), half)))
    small = b.div(b.mul(x.imag, half), select(b, nothing, number(b, 1, large), large))
    signed = select(b, special.sign_bit(b, x.imag), b.neg(large), large)
    right = b.greater_equal(x.real, zero)
    return Complex(select(b, right, large, b.abs(small)), select(b, right, small, signed))


@lowers("rsqrt", complex=True)
def rsqrt(b: Builder, x: Complex) -> Complex:
    return div(b, _number(b, 1, x), sqrt(b, x))


@lowers("sin", complex=True)
def sin(b: Builder, x: Complex) -> Complex:
    real = b.mul(b.sin(x.real), special.cosh(b, x.imag))
    return Complex(real, b.mul(b.cos(x.real), special.sinh(b, x.imag)))


@lowers("cos", complex=True)
def cos(b: Builder, x: Complex) -> Complex:
    real = b.mul(b.cos(x.real), special.cosh(b, x.imag))
    return Complex(real, b.neg(b.mul(b.sin(x.real), special.sinh(b, x.imag))))


@lowers("sinh", complex=True)
def sinh(b: Builder, x: Complex) -> Complex:
    real = b.mul(special.sinh(b, x.real), b.cos(x.imag))
    return Complex(real, b.mul(special.cosh(b, x.real), b.sin(x.imag)))


@lowers("cosh", complex=True)
def cosh(b: Builder, x: Complex) -> Complex:
    real = b.mul(special.cosh(b, x.real), b.cos(x.imag))
    return Complex(real, b.mul(special.sinh(b, x.real), b.sin(x.imag)))


@lowers("tanh", complex=True)
def tanh(b: Builder, x: Complex) -> Complex:
    """(t + i s) / (1 + i t s) with the hyperbolic tangent t of one part and the tangent s of the other."""
    one, t, s = number(b, 1, x.real), b.tanh(x.real), special.tan(b, x.imag)
    squares = b.mul(t, t), b.mul(s, s)
    below = b.add(one, b.mul(*squares))
    real = b.div(b.mul(t, b.add(one, squares[1])), below)
    return Complex(real, b.div(b.mul(s, b.sub(one, squares[0])), below))


@lowers("tan", complex=True)
def tan(b: Builder, x: Complex) -> Complex:
    turned = tanh.function(b, Complex(b.neg(x.imag), x.real))
    return Complex(turned.imag, b.neg(turned.real))


@lowers("logistic", complex=True)
def logistic(b: Builder, x: Complex) -> Complex:
    half = number(b, 0.5, x.real)
    result = tanh.function(b, x.each(lambda part: b.mul(part, half)))
    return Complex(b.add(b.mul(result.real, half), half), b.mul(result.imag, half))


@lowers("expm1", complex=True)
def expm1(b: Builder, x: Complex) -> Complex:
    """Of the real part what cancels is taken out: expm1(x) cos(y) - 2 sin²(y / 2)."""
    sine = b.sin(b.mul(x.imag, number(b, 0.5, x.imag)))
    real = b.sub(b.mul(special.expm1(b, x.real), b.cos(x.imag)), b.mul(number(b, 2, sine), b.mul(sine, sine)))
    return Complex(real, b.mul(b.exp(x.real), b.sin(x.imag)))


@lowers("log1p", complex=True)
def log1p(b: Builder, x: Complex) -> Complex:
    """Near 0 by the real log1p of how far the square of |1 + x| is from 1."""
    more = b.add(x.real, number(b, 1, x.real))
    square = b.add(b.mul(x.real, b.add(more, number(b, 1, more))), b.mul(x.imag, x.imag))
    near = b.mul(special.log1p(b, square), number(b, 0.5, square))
    far = b.log(abs_.function(b, Complex(more, x.imag)))
    is_near = b.less(b.abs(square), number(b, 0.5, square))
    return Complex(select(b, is_near, near, far), b.atan2(x.imag, more))


@lowers("exp2", complex=True)
def exp2(b: Builder, x: Complex) -> Complex:
    scale = number(b, math.log(2), x.real)
    return exp(b, x.each(lambda part: b.mul(part, scale)))


@lowers("pow", complex=True)
def pow_(ctx: Context, x: Tensor, y: Tensor) -> Complex:
    """exp(y log(x)); of 0 it is 0, or 1 where y is 0."""
    b = ctx.b
    x, y = (v if isinstance(v, Complex) else Complex(v, number(b, 0, v)) for v in (x, y))
    nothing = _is_zero(b, x)
    result = exp.function(b, mul.function(b, y, log.function(b, _select(b, nothing, _number(b, 1, x), x))))
    power = _select(b, _is_zero(b, y), _number(b, 1, x), _number(b, 0, x))
    return _select(b, nothing, power, result)


@lowers("sign", complex=True)
def sign(b: Builder, x: Complex) -> Complex:
    size = abs_.function(b, x)
    size = select(b, b.equal(size, number(b, 0, size)), number(b, 1, size), size)
    return x.each(lambda part: b.div(part, size))


@lowers("iota", complex=True)
def iota(ctx: Context, dynamic_sizes: list[Value], *, dimension: int) -> Complex:
    dims = [d if a == dimension else 1 for a, d in enumerate(ctx.dims)]
    line = counted(ctx.b, dims, dimension, DType.FLOAT32)
    return Complex(line, number(ctx.b, 0, line))


@lowers("conv_general_dilated", complex=True)
def conv_general_dilated(ctx: Context, lhs: Complex, rhs: Complex, **options: object) -> Complex:
    """Four real convolutions."""
    b = ctx.b

    def convolve(x: Value, y: Value) -> Value:
        wanted = contraction.conv_general_dilated.bind_attrs(options)
        convolution: Callable[..., Value] = contraction.conv_general_dilated
        return convolution(ctx, x, y, **wanted)

    return bilinear(b, convolve, lhs, rhs)


@lowers("scatter-mul", "scatter_mul", complex=True)
def scatter_mul(ctx: Context, x: Complex, indices: Value, updates: Complex, **options: object) -> Complex:
    """By real numbers alone: part by part."""
    if not updates.imag.is_const or bool(np.any(updates.imag.numpy() != 0)):
        raise UnsupportedError(
            "a scatter multiplies by complex numbers", "multiply by an array that is 1 elsewhere", code="LS010"
        )
    lowering = next(v for v in indexing.SCATTERS if "scatter-mul" in v.names)
    wanted = lowering.bind_attrs(options)
    return x.each(lambda part: lowering.function(ctx, part, indices, updates.real, **wanted))
