"""Complex numbers, as pairs of real tensors, and Fourier transforms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions import complex_parts, matmul
from litesmith.decompositions import fft as transforms
from litesmith.decompositions.shapes import cast
from litesmith.decompositions.special import number
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import DotNumbers, ElementType, Size
from litesmith.frontends.jax.registry import Lowering, lowers
from litesmith.frontends.jax.types import Complex, Results, Tensor, dim_of
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
def conj(b: Builder, x: Tensor) -> Complex:
    return Complex(x.real, b.neg(x.imag)) if isinstance(x, Complex) else Complex(x, number(b, 0, x))


@lowers("mul", complex=True, broadcasts=True)
def mul(b: Builder, x: Complex, y: Complex) -> Complex:
    return complex_parts.bilinear(b, b.mul, x, y)


@lowers("square", complex=True)
def square(b: Builder, x: Complex) -> Complex:
    product = b.mul(x.real, x.imag)
    return Complex(b.sub(b.mul(x.real, x.real), b.mul(x.imag, x.imag)), b.add(product, product))


@lowers("integer_pow", complex=True)
def integer_pow(b: Builder, x: Complex, *, y: int) -> Complex:
    """By repeated products; a negative power is the inverse of the positive one."""
    one = Complex(number(b, 1, x.real), number(b, 0, x.imag))
    if y < 0:
        return div(b, one, integer_pow(b, x, y=-y))
    power = x if y else one
    for _ in range(y - 1):
        power = mul.function(b, power, x)
    return power


@lowers("div", complex=True, broadcasts=True)
def div(b: Builder, x: Complex, y: Complex) -> Complex:
    return complex_parts.divide(b, x, y, scaled=True)


@lowers("abs", complex=True)
def abs_(b: Builder, x: Complex) -> Value:
    return complex_parts.magnitude(b, x, scaled=True)


@lowers("exp", complex=True)
def exp(b: Builder, x: Complex) -> Complex:
    return complex_parts.exponential(b, x)


@lowers("log", complex=True)
def log(b: Builder, x: Complex) -> Complex:
    return complex_parts.logarithm(b, x, scaled=True)


@lowers("eq", complex=True, broadcasts=True)
def eq(b: Builder, x: Complex, y: Complex) -> Value:
    return b.logical_and(b.equal(x.real, y.real), b.equal(x.imag, y.imag))


@lowers("ne", complex=True, broadcasts=True)
def ne(b: Builder, x: Complex, y: Complex) -> Value:
    return b.logical_or(b.not_equal(x.real, y.real), b.not_equal(x.imag, y.imag))


@lowers("convert_element_type", complex=True)
def convert_element_type(b: Builder, x: Tensor, *, new_dtype: ElementType) -> Tensor:
    if isinstance(x, Complex):
        return x if np.dtype(new_dtype).kind == "c" else cast(b, x.real, DType.FLOAT32)
    wide = cast(b, x, DType.FLOAT32)
    return Complex(wide, number(b, 0, wide))


@lowers("dot_general", complex=True)
def dot_general(b: Builder, x: Complex, y: Complex, *, dimension_numbers: DotNumbers) -> Complex:
    pairs = [(tuple(p), tuple(q)) for p, q in dimension_numbers]

    def product(p: Value, q: Value) -> Value:
        return matmul.dot_general(b, p, q, pairs[0], pairs[1])

    return complex_parts.bilinear(b, product, x, y)


@lowers("fft", complex=True)
def fft(ctx: Context, x: Tensor, *, fft_type: object, fft_lengths: Sequence[Size]) -> Tensor:
    b, kind = ctx.b, getattr(fft_type, "name", str(fft_type)).rsplit(".", 1)[-1]
    rank = len(ctx.avals_in[0].shape)
    axes = list(range(rank - len(fft_lengths), rank))
    if isinstance(x, Value):
        spectrum = transforms.rfft(b, x, axes[-1])
        return _over(b, spectrum, axes[:-1], inverse=False)
    parts: complex_parts.Complex = x
    if kind == "IRFFT":
        for axis in axes[:-1]:
            parts = transforms.fft(b, parts, axis, inverse=True)
        size = dim_of(fft_lengths[-1])
        if not isinstance(size, int):
            raise UnsupportedError("a Fourier transform of unknown length", "use fixed shapes")
        return transforms.irfft(b, parts, size, axes[-1])
    return _over(b, parts, axes, inverse=kind == "IFFT")


def _over(b: Builder, parts: complex_parts.Complex, axes: list[int], inverse: bool) -> Complex:
    for axis in axes:
        parts = transforms.fft(b, parts, axis, inverse)
    assert parts.imag is not None
    return Complex(parts.real, parts.imag)


REAL_FFT: tuple[Lowering[..., Results], ...] = (lowers("fft")(fft.function),)
