"""Complex numbers, as pairs of real tensors, and Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.decompositions import fft as transforms
from litesmith.decompositions import matmul
from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import cast
from litesmith.decompositions.special import is_finite, number
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.registry import Lowering, lowers
from litesmith.frontends.jax.types import Complex, dim_of
from litesmith.ir import Builder, DType, Value


@lowers("complex", complex=True)
def complex_(ctx: Context, real: Value, imag: Value) -> Complex:
    return Complex(real, imag)


@lowers("real", complex=True)
def real(b: Builder, x: Complex) -> Value:
    return x.real


@lowers("imag", complex=True)
def imag(b: Builder, x: Complex) -> Value:
    return x.imag


@lowers("conj", complex=True)
def conj(b: Builder, x: Any) -> Complex:
    return Complex(x.real, b.neg(x.imag)) if isinstance(x, Complex) else Complex(x, number(b, 0, x))


@lowers("mul", complex=True, broadcasts=True)
def mul(b: Builder, x: Complex, y: Complex) -> Complex:
    real = b.sub(b.mul(x.real, y.real), b.mul(x.imag, y.imag))
    return Complex(real, b.add(b.mul(x.real, y.imag), b.mul(x.imag, y.real)))


@lowers("square", complex=True)
def square(b: Builder, x: Complex) -> Complex:
    product = b.mul(x.real, x.imag)
    return Complex(b.sub(b.mul(x.real, x.real), b.mul(x.imag, x.imag)), b.add(product, product))


@lowers("integer_pow", complex=True)
def integer_pow(b: Builder, x: Complex, *, y: int) -> Complex:
    """By repeated products; a negative power is the inverse of the positive one."""
    one = Complex(number(b, 1, x.real), number(b, 0, x.imag))
    if y < 0:
        return div.function(b, one, integer_pow.function(b, x, y=-y))
    made = x if y else one
    for _ in range(y - 1):
        made = mul.function(b, made, x)
    return made


@lowers("div", complex=True, broadcasts=True)
def div(b: Builder, x: Complex, y: Complex) -> Complex:
    """Both divided by the larger part of the divisor, so that its square stays within the range."""
    zero, one = number(b, 0, y.real), number(b, 1, y.real)
    size = b.maximum(b.abs(y.real), b.abs(y.imag))
    usable = b.logical_and(b.greater(size, zero), is_finite(b, size))
    size = select(b, usable, size, one)
    x, y = x.each(lambda part: b.div(part, size)), y.each(lambda part: b.div(part, size))
    scale = b.add(b.mul(y.real, y.real), b.mul(y.imag, y.imag))
    product = mul.function(b, x, Complex(y.real, b.neg(y.imag)))
    return Complex(b.div(product.real, scale), b.div(product.imag, scale))


@lowers("abs", complex=True)
def abs_(b: Builder, x: Complex) -> Value:
    """The larger part times sqrt(1 + (smaller / larger)²), which does not overflow."""
    sizes = b.abs(x.real), b.abs(x.imag)
    large, small = b.maximum(*sizes), b.minimum(*sizes)
    nothing = b.equal(large, number(b, 0, large))
    ratio = b.div(small, select(b, nothing, number(b, 1, large), large))
    made: Value = b.mul(large, b.sqrt(b.add(b.mul(ratio, ratio), number(b, 1, large))))
    return made


@lowers("exp", complex=True)
def exp(b: Builder, x: Complex) -> Complex:
    size = b.exp(x.real)
    return Complex(b.mul(size, b.cos(x.imag)), b.mul(size, b.sin(x.imag)))


@lowers("log", complex=True)
def log(b: Builder, x: Complex) -> Complex:
    return Complex(b.log(abs_.function(b, x)), b.atan2(x.imag, x.real))


@lowers("eq", complex=True, broadcasts=True)
def eq(b: Builder, x: Complex, y: Complex) -> Value:
    made: Value = b.logical_and(b.equal(x.real, y.real), b.equal(x.imag, y.imag))
    return made


@lowers("ne", complex=True, broadcasts=True)
def ne(b: Builder, x: Complex, y: Complex) -> Value:
    made: Value = b.logical_or(b.not_equal(x.real, y.real), b.not_equal(x.imag, y.imag))
    return made


@lowers("convert_element_type", complex=True)
def convert_element_type(b: Builder, x: Any, *, new_dtype: Any) -> Any:
    if isinstance(x, Complex):
        return x if np.dtype(new_dtype).kind == "c" else cast(b, x.real, DType.FLOAT32)
    wide = cast(b, x, DType.FLOAT32)
    return Complex(wide, number(b, 0, wide))


@lowers("dot_general", complex=True)
def dot_general(b: Builder, x: Complex, y: Complex, *, dimension_numbers: Any) -> Complex:
    pairs = [(tuple(p), tuple(q)) for p, q in dimension_numbers]

    def product(p: Value, q: Value) -> Value:
        return matmul.dot_general(b, p, q, pairs[0], pairs[1])

    real = b.sub(product(x.real, y.real), product(x.imag, y.imag))
    return Complex(real, b.add(product(x.real, y.imag), product(x.imag, y.real)))


@lowers("fft", complex=True)
def fft(ctx: Context, x: Any, *, fft_type: Any, fft_lengths: Any) -> Any:
    b, kind = ctx.b, getattr(fft_type, "name", str(fft_type)).rsplit(".", 1)[-1]
    rank = len(ctx.avals_in[0].shape)
    axes = list(range(rank - len(fft_lengths), rank))
    if kind == "RFFT":
        made = transforms.rfft(b, x, axes[-1])
        return _over(b, made, axes[:-1], inverse=False)
    parts = transforms.Parts(x.real, x.imag)
    if kind == "IRFFT":
        for axis in axes[:-1]:
            parts = transforms.fft(b, parts, axis, inverse=True)
        size = dim_of(fft_lengths[-1])
        if not isinstance(size, int):
            raise UnsupportedError("a Fourier transform of unknown length", "use fixed shapes")
        return transforms.irfft(b, parts, size, axes[-1])
    return _over(b, parts, axes, inverse=kind == "IFFT")


def _over(b: Builder, parts: transforms.Parts, axes: list[int], inverse: bool) -> Complex:
    for axis in axes:
        parts = transforms.fft(b, parts, axis, inverse)
    assert parts.imag is not None
    return Complex(parts.real, parts.imag)


REAL_FFT: tuple[Lowering, ...] = (lowers("fft")(fft.function),)
