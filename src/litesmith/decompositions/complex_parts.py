"""Complex tensors as pairs of real ones, and their arithmetic.

Where frameworks differ, a parameter says how: ``scaled`` arithmetic divides by the larger part first, so that no square
leaves the range, as XLA's does; TensorFlow's does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import bitcast, full
from litesmith.decompositions.special import is_finite, number
from litesmith.ir import Builder, DType, Value


@dataclass(frozen=True, eq=False)
class Complex:
    """A complex tensor as two real ones of the same shape; no imaginary part means zero.

    Hardly any built-in takes complex numbers. Those the kernels make stay `Value` until something else is asked of them.
    """

    real: Value
    imag: Value | None = None

    def each(self: C, function: Callable[[Value], Value]) -> C:
        """The pair of what the function makes of each part that is there."""
        return replace(self, real=function(self.real), imag=None if self.imag is None else function(self.imag))


C = TypeVar("C", bound=Complex)


def join_parts(b: Builder, real: Value, imag: Value) -> Value:
    """The complex64 tensor of two float32 ones of one shape: pairs of numbers, taken as one each."""
    return bitcast(b, b.pack(real, imag, axis=real.rank), DType.COMPLEX64)


def imaginary(b: Builder, z: Complex) -> Value:
    """The imaginary part, zeros where there is none."""
    return z.imag if z.imag is not None else full(b, z.real.dims, 0, z.real.type.dtype, z.real)


def bilinear(b: Builder, product: Callable[[Value, Value], Value], x: C, y: C) -> C:
    """A product of any kind (of elements, of matrices, a convolution), by products of the parts that are there."""
    real_part = product(x.real, y.real)
    if x.imag is not None and y.imag is not None:
        real_part = b.sub(real_part, product(x.imag, y.imag))
    crossed = [
        product(left, right)
        for left, right in ((x.real, y.imag), (x.imag, y.real))
        if left is not None and right is not None
    ]
    if not crossed:
        return replace(x, real=real_part, imag=None)
    return replace(x, real=real_part, imag=crossed[0] if len(crossed) == 1 else b.add(*crossed))


def conjugate(b: Builder, z: C) -> C:
    """The same with the other sign of the imaginary part."""
    return replace(z, imag=None if z.imag is None else b.neg(z.imag))


def magnitude(b: Builder, z: Complex, *, scaled: bool) -> Value:
    """sqrt(a² + b²); scaled, the larger part times sqrt(1 + (smaller / larger)²)."""
    if z.imag is None:
        return b.abs(z.real)
    if not scaled:
        return b.sqrt(b.add(b.square(z.real), b.square(z.imag)))
    sizes = b.abs(z.real), b.abs(z.imag)
    large, small = b.maximum(*sizes), b.minimum(*sizes)
    nothing = b.equal(large, number(b, 0, large))
    ratio = b.div(small, select(b, nothing, number(b, 1, large), large))
    return b.mul(large, b.sqrt(b.add(b.mul(ratio, ratio), number(b, 1, large))))


def divide(b: Builder, x: C, y: C, *, scaled: bool) -> C:
    """x times the conjugate of y, over the square of its magnitude; scaled, both over the larger part of y first."""
    if y.imag is None:
        return x.each(lambda part: b.div(part, y.real))
    imag = y.imag
    if scaled:
        zero, one = number(b, 0, y.real), number(b, 1, y.real)
        size = b.maximum(b.abs(y.real), b.abs(imag))
        usable = b.logical_and(b.greater(size, zero), is_finite(b, size))
        size = select(b, usable, size, one)
        x, y = x.each(lambda part: b.div(part, size)), y.each(lambda part: b.div(part, size))
        assert y.imag is not None
        square = b.add(b.mul(y.real, y.real), b.mul(y.imag, y.imag))
    else:
        square = b.add(b.square(y.real), b.square(imag))
    product = bilinear(b, b.mul, x, conjugate(b, y))
    return replace(product, real=b.div(product.real, square), imag=b.div(imaginary(b, product), square))


def exponential(b: Builder, z: C) -> C:
    """exp(a) (cos(b) + i sin(b))."""
    size = b.exp(z.real)
    if z.imag is None:
        return replace(z, real=size)
    return replace(z, real=b.mul(size, b.cos(z.imag)), imag=b.mul(size, b.sin(z.imag)))


def logarithm(b: Builder, z: C, *, scaled: bool) -> C:
    """The logarithm of the magnitude, and the angle."""
    return replace(z, real=b.log(magnitude(b, z, scaled=scaled)), imag=b.atan2(imaginary(b, z), z.real))
