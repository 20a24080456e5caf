"""Discrete Fourier transforms of tensors given as real and imaginary part.

Lengths that factor are split (Cooley and Tukey) down to factors of at most `DIRECT`, which are products with the
constant transform matrix. The accuracy is about 1e-6 of the largest element.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from litesmith.decompositions.complex_parts import Complex
from litesmith.decompositions.linalg import adjoint
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import move_axis, reshape, static_int
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Value

DIRECT = 64
"""Transforms up to this length (and longer prime ones) are one matrix product."""

LARGEST = 2048
"""Longest prime length whose matrix is written into the model."""


def fft(b: Builder, x: Complex, axis: int = -1, inverse: bool = False) -> Complex:
    """The transform along one dimension; the inverse one divides by the length."""
    axis %= x.real.rank
    last = x.real.rank - 1
    moved = x.each(lambda v: move_axis(b, v, axis, last))
    size = static_int(moved.real.dims[-1], "a Fourier transform")
    spectrum = _transform(b, moved, size, inverse)
    if inverse:
        spectrum = spectrum.each(lambda v: b.mul(v, np.float32(1 / size)))
    return spectrum.each(lambda v: move_axis(b, v, last, axis))


def rfft(b: Builder, x: Value, axis: int = -1) -> Complex:
    """The first half (size // 2 + 1) of the transform of a real tensor."""
    axis %= x.rank
    half = static_int(x.dims[axis], "a Fourier transform") // 2 + 1
    size = static_int(x.dims[axis], "a Fourier transform")
    if size <= DIRECT or _factor(size) is None:
        moved = move_axis(b, x, axis, x.rank - 1)
        spectrum = _direct(b, Complex(moved, None), size, False, half)
        return spectrum.each(lambda v: move_axis(b, v, x.rank - 1, axis))
    return fft(b, Complex(x), axis).each(lambda v: _first(b, v, axis, half))


def irfft(b: Builder, x: Complex, size: int, axis: int = -1) -> Value:
    """The real tensor of ``size`` elements along ``axis`` whose `rfft` is ``x`` (its first size // 2 + 1 elements)."""
    axis %= x.real.rank
    half = size // 2 + 1
    last = x.real.rank - 1
    moved = x.each(lambda v: move_axis(b, _first(b, v, axis, half), axis, last))
    weights = np.full(half, 2.0)
    weights[0] = 1
    if size % 2 == 0:
        weights[-1] = 1
    angles = 2 * np.pi * np.outer(np.arange(half), np.arange(size)) / size
    real = _times(b, moved.real, weights[:, None] * np.cos(angles) / size)
    if moved.imag is not None:
        real = b.sub(real, _times(b, moved.imag, weights[:, None] * np.sin(angles) / size))
    return move_axis(b, real, last, axis)


def _first(b: Builder, x: Value, axis: int, count: int) -> Value:
    return slice_static(b, x, [0] * x.rank, [count if a == axis else d for a, d in enumerate(x.dims)])


def _times(b: Builder, x: Value, matrix: np.ndarray[Any, Any]) -> Value:
    """``x`` [..., n] times a constant [n, m]."""
    weights = np.ascontiguousarray(matrix.T.astype(np.float32))
    product = b.fully_connected(x, weights, None, keep_num_dims=x.rank > 2)
    return reshape(b, product, [*x.dims[:-1], matrix.shape[1]], x) if x.rank == 1 else product


@lru_cache(maxsize=64)
def _factor(size: int) -> int | None:
    """The largest divisor of ``size`` up to `DIRECT`, or None for a size without any."""
    return next((f for f in range(min(DIRECT, size - 1), 1, -1) if size % f == 0), None)


def _transform(b: Builder, x: Complex, size: int, inverse: bool) -> Complex:
    """The unscaled transform along the last dimension."""
    factor = _factor(size) if size > DIRECT else None
    if factor is None:
        return _direct(b, x, size, inverse, size)
    rest = size // factor
    lead = list(x.real.dims[:-1])
    rank = len(lead)
    columns = x.each(lambda v: adjoint(b, reshape(b, v, [*lead, factor, rest], v)))
    inner = _direct(b, columns, factor, inverse, factor)
    sign = 2j if inverse else -2j
    twist = np.exp(sign * np.pi * np.outer(np.arange(rest), np.arange(factor)) / size)
    rows = _complex_mul(b, inner, twist).each(lambda v: adjoint(b, v))
    outer = _transform(b, rows, rest, inverse)
    assert outer.real.rank == rank + 2
    return outer.each(lambda v: reshape(b, adjoint(b, v), [*lead, size], v))


def _direct(b: Builder, x: Complex, size: int, inverse: bool, count: int) -> Complex:
    """The first ``count`` elements of a transform, as products with its matrix."""
    if size > LARGEST:
        raise UnsupportedError(f"a Fourier transform of the length {size}", "use a length with small factors")
    angles = 2 * np.pi * np.outer(np.arange(size), np.arange(count)) / size
    cosine, sine = np.cos(angles), np.sin(angles) * (1 if inverse else -1)
    real, imag = _times(b, x.real, cosine), _times(b, x.real, sine)
    if x.imag is None:
        return Complex(real, imag)
    return Complex(b.sub(real, _times(b, x.imag, sine)), b.add(imag, _times(b, x.imag, cosine)))


def _complex_mul(b: Builder, x: Complex, by: np.ndarray[Any, Any]) -> Complex:
    cosine, sine = (np.ascontiguousarray(v.astype(np.float32)) for v in (by.real, by.imag))
    if x.imag is None:
        return Complex(b.mul(x.real, cosine), b.mul(x.real, sine))
    real = b.sub(b.mul(x.real, cosine), b.mul(x.imag, sine))
    return Complex(real, b.add(b.mul(x.real, sine), b.mul(x.imag, cosine)))
