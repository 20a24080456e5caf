"""Fourier transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions import fft as fourier
from litesmith.decompositions.complex_parts import Complex, imaginary
from litesmith.decompositions.padding import pad
from litesmith.decompositions.shapes import reshape, static_int
from litesmith.frontends.tensorflow.lowering.complex_numbers import parts
from litesmith.frontends.tensorflow.lowering.operands import const_ints
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, DType, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from litesmith.frontends.tensorflow.lowering.complex_numbers import Tensor


def _to_length(b: Builder, x: Value, sizes: list[int]) -> Value:
    """The last dimensions cropped, or padded with zeros behind, to these sizes."""
    kept = x.rank - len(sizes)
    pads = [(0, size - static_int(d, "a Fourier transform")) for size, d in zip(sizes, x.dims[kept:], strict=True)]
    return pad(b, x, [(0, 0)] * kept + pads)


def _is_power_of_two(number: int) -> bool:
    return number > 0 and not number & (number - 1)


def _kernel_takes(lengths: list[int]) -> bool:
    """RFFT2D transforms powers of two; rows of one element it gets wrong."""
    return all(map(_is_power_of_two, lengths)) and lengths[-1] > 1


# -- of real tensors --------------------------------------------------------------------------------------------------


@lowers("RFFT")
def rfft(b: Builder, input: Value, fft_length: Value, *, Tcomplex: DType = DType.COMPLEX64) -> Tensor:
    """RFFT2D of one row for powers of two, else products with the transform's matrix."""
    (length,) = const_ints(fft_length, "the length of the transform")
    if _kernel_takes([length]):
        x = _to_length(b, input, [length])
        rows = reshape(b, x, [*x.dims[:-1], 1, length])
        spectrum = b.rfft2d(rows, np.array([1, length], np.int32))
        return reshape(b, spectrum, [*x.dims[:-1], length // 2 + 1])
    return fourier.rfft(b, _to_length(b, input, [length]))


@lowers("RFFT2D")
def rfft_2d(b: Builder, input: Value, fft_length: Value, *, Tcomplex: DType = DType.COMPLEX64) -> Tensor:
    lengths = list(const_ints(fft_length, "the lengths of the transform"))
    x = _to_length(b, input, lengths)
    if _kernel_takes(lengths):
        return b.rfft2d(x, np.array(lengths, np.int32))
    return fourier.fft(b, fourier.rfft(b, x), axis=-2)


@lowers("RFFT3D")
def rfft_3d(b: Builder, input: Value, fft_length: Value, *, Tcomplex: DType = DType.COMPLEX64) -> Complex:
    x = _to_length(b, input, list(const_ints(fft_length, "the lengths of the transform")))
    return fourier.fft(b, fourier.fft(b, fourier.rfft(b, x), axis=-2), axis=-3)


# -- of complex tensors -----------------------------------------------------------------------------------------------


def _transform(axes: tuple[int, ...], inverse: bool) -> Callable[[Builder, Tensor], Complex]:
    def function(b: Builder, input: Tensor) -> Complex:
        spectrum = parts(b, input)
        for axis in axes:
            spectrum = fourier.fft(b, spectrum, axis, inverse)
        return spectrum

    return function


_AXES = {"": (-1,), "2D": (-1, -2), "3D": (-1, -2, -3)}

TRANSFORMS = tuple(
    lowers(f"{kind}FFT{suffix}", f"complex {kind}FFT{suffix}")(_transform(axes, kind == "I"))
    for kind in ("", "I")
    for suffix, axes in _AXES.items()
)


def _inverse_real(axes: tuple[int, ...]) -> Callable[..., Value]:
    def function(b: Builder, input: Tensor, fft_length: Value, *, Treal: DType = DType.FLOAT32) -> Value:
        """The half along the last dimension is completed by its mirror image; only the real part is computed."""
        lengths = list(const_ints(fft_length, "the lengths of the transform"))
        sizes = [*lengths[:-1], lengths[-1] // 2 + 1]
        z = parts(b, input)
        spectrum = Complex(_to_length(b, z.real, sizes), _to_length(b, imaginary(b, z), sizes))
        for axis in axes[1:]:
            spectrum = fourier.fft(b, spectrum, axis, inverse=True)
        return fourier.irfft(b, spectrum, lengths[-1])

    return function


INVERSES = tuple(
    lowers(f"IRFFT{suffix}", f"complex IRFFT{suffix}")(_inverse_real(axes)) for suffix, axes in _AXES.items()
)
