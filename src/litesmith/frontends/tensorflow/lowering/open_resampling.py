"""The weights of `resampling` for images of open size, computed while the model runs: matrices [new size, old size]."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.matmul import dot_general
from litesmith.decompositions.shapes import cast, dim_value, iota, reshape, transpose
from litesmith.ir import Builder, DType, Value

F = np.float32


def old_size(b: Builder, images: Value, axis: int) -> Value:
    """The size of a dimension as a float32 scalar."""
    return cast(b, dim_value(b, images, axis), DType.FLOAT32)


def _places(b: Builder, images: Value, axis: int) -> Value:
    """[1, old size]: 0, 1, 2, …"""
    size = images.dims[axis]
    return reshape(b, cast(b, iota(b, [size], 0, DType.INT32, images), DType.FLOAT32), [1, size], images)


def _rows(new: int) -> np.ndarray:
    return np.arange(new, dtype=F)[:, None]


def _normalize_rows(b: Builder, weights: Value, inside: Value | None = None) -> Value:
    """Rows scaled to sum 1; those of (nearly) no weight, and those that are not inside, are zero."""
    total = b.sum(weights, np.array([1], np.int32), keep_dims=True)
    counts = b.greater_equal(b.abs(total), F(1000 * np.finfo(F).tiny))
    counts = counts if inside is None else b.logical_and(counts, inside)
    return select(b, counts, b.div(weights, total), b.constant(F(0)))


# -- kernels ----------------------------------------------------------------------------------------------------------


def _lanczos(radius: float) -> Callable[[Builder, Value], Value]:
    def kernel(b: Builder, x: Value) -> Value:
        near = b.maximum(x, F(1e-3))
        waves = b.mul(b.sin(b.mul(near, F(math.pi))), b.sin(b.mul(near, F(math.pi / radius))))
        value = b.div(b.mul(waves, F(radius / math.pi**2)), b.square(near))
        value = select(b, b.less_equal(x, F(1e-3)), b.constant(F(1)), value)
        return select(b, b.greater(x, F(radius)), b.constant(F(0)), value)

    return kernel


def _gaussian(b: Builder, x: Value) -> Value:
    return select(b, b.greater_equal(x, F(1.5)), b.constant(F(0)), b.exp(b.mul(b.square(x), F(-2))))


def _box(b: Builder, x: Value) -> Value:
    edge = select(b, b.equal(x, F(0.5)), b.constant(F(0.5)), b.constant(F(0)))
    return select(b, b.less(x, F(0.5)), b.constant(F(1)), edge)


def _triangle(b: Builder, x: Value) -> Value:
    return b.maximum(b.sub(F(1), x), F(0))


def _polynomial(b: Builder, x: Value, factors: tuple[float, ...]) -> Value:
    total: Value = b.mul(x, F(factors[0]))
    for factor in factors[1:-1]:
        total = b.mul(b.add(total, F(factor)), x)
    return b.add(total, F(factors[-1]))


def _cubic(near: tuple[float, ...], far: tuple[float, ...]) -> Callable[[Builder, Value], Value]:
    def kernel(b: Builder, x: Value) -> Value:
        outer = select(b, b.greater_equal(x, F(2)), b.constant(F(0)), _polynomial(b, x, far))
        return select(b, b.greater_equal(x, F(1)), outer, _polynomial(b, x, near))

    return kernel


_KEYS = _cubic((1.5, -2.5, 0.0, 1.0), (-0.5, 2.5, -4.0, 2.0))
_OLD_CUBIC = _cubic((1.25, -2.25, 0.0, 1.0), (-0.75, 3.75, -6.0, 3.0))
"""The kernel of bicubic resizing without half pixel centers."""

KERNELS: dict[str, tuple[float, Callable[[Builder, Value], Value]]] = {
    "lanczos1": (1.0, _lanczos(1.0)),
    "lanczos3": (3.0, _lanczos(3.0)),
    "lanczos5": (5.0, _lanczos(5.0)),
    "gaussian": (1.5, _gaussian),
    "box": (0.5, _box),
    "triangle": (1.0, _triangle),
    "keyscubic": (2.0, _KEYS),
    "mitchellcubic": (2.0, _cubic((7 / 6, -2.0, 0.0, 8 / 9), (-7 / 18, 2.0, -10 / 3, 16 / 9))),
}
"""Radius and shape of each ``kernel_type``, as in `resampling`."""


# -- matrices ---------------------------------------------------------------------------------------------------------


def scaling_rows(
    b: Builder, images: Value, axis: int, new: int, scale: Value, translate: Value, kernel_type: str, antialias: bool
) -> Value:
    """As `resampling.scaling_rows`; scale and translate: float32 scalars."""
    _, kernel = KERNELS[kernel_type]
    inverse = b.div(F(1), scale)
    center = b.sub(b.mul(b.constant(_rows(new) + F(0.5)), inverse), b.mul(inverse, translate))
    distance = b.abs(b.sub(b.add(_places(b, images, axis), F(0.5)), center))
    if antialias:
        distance = b.div(distance, b.maximum(inverse, F(1)))
    inside = b.logical_and(b.greater_equal(center, F(0)), b.less_equal(center, old_size(b, images, axis)))
    return _normalize_rows(b, kernel(b, distance), inside)


def _scale(b: Builder, images: Value, axis: int, new: int, align_corners: bool) -> Value:
    """Old pixels for each new one, as a float32 scalar."""
    size = old_size(b, images, axis)
    aligned = align_corners and new > 1
    return b.div(b.sub(size, F(1)), F(new - 1)) if aligned else b.div(size, F(new))


def _share_of_border(b: Builder, places: Value, border: Value | np.float32, weights: Value) -> Value:
    """[new size, old size]: weights, [new size, 1], in the column of a border pixel, which stands for those beyond."""
    return select(b, b.equal(places, border), weights, b.constant(F(0)))


def cubic(b: Builder, images: Value, axis: int, new: int, align_corners: bool, half_pixel_centers: bool) -> Value:
    """As `resampling.cubic`, whose kernel is a table: distances are rounded to its steps of 1/1024."""
    scale = _scale(b, images, axis, new, align_corners)
    place = b.mul(b.constant(_rows(new) + F(0.5 if half_pixel_centers else 0)), scale)
    place = b.sub(place, F(0.5)) if half_pixel_centers else place
    first = b.floor(place)
    moved = b.mul(b.round(b.mul(b.sub(place, first), F(1024))), F(1 / 1024))
    places = _places(b, images, axis)

    def distance(pixels: Value) -> Value:
        return b.abs(b.sub(b.sub(pixels, first), moved))

    if half_pixel_centers:
        return _normalize_rows(b, _KEYS(b, distance(places)))
    size = old_size(b, images, axis)
    before = _OLD_CUBIC(b, distance(b.constant(F(-1))))
    behind = b.add(_OLD_CUBIC(b, distance(size)), _OLD_CUBIC(b, distance(b.add(size, F(1)))))
    left = _share_of_border(b, places, F(0), before)
    right = _share_of_border(b, places, b.sub(size, F(1)), behind)
    return b.add(b.add(_OLD_CUBIC(b, distance(places)), left), right)


def area(b: Builder, images: Value, axis: int, new: int, align_corners: bool) -> Value:
    """As `resampling.area`."""
    scale = _scale(b, images, axis, new, align_corners)
    begin, end = b.mul(b.constant(_rows(new)), scale), b.mul(b.constant(_rows(new) + F(1)), scale)
    place = _places(b, images, axis)
    covered = b.maximum(b.sub(b.minimum(b.add(place, F(1)), end), b.maximum(place, begin)), F(0))
    if align_corners:
        size = old_size(b, images, axis)
        beyond = b.maximum(b.sub(end, b.maximum(begin, size)), F(0))
        covered = b.add(covered, _share_of_border(b, place, b.sub(size, F(1)), beyond))
    return b.div(covered, scale)


def nearest(b: Builder, images: Value, axis: int, new: Value, align_corners: bool, half_pixel_centers: bool) -> Value:
    """The old pixel of each new one, [new size] int32; new: the new size, an int32 scalar."""
    size = old_size(b, images, axis)
    count = cast(b, new, DType.FLOAT32)
    scale = b.div(size, count)
    if align_corners:
        scale = select(b, b.greater(count, F(1)), b.div(b.sub(size, F(1)), b.sub(count, F(1))), scale)
    rows = cast(b, b.range(np.int32(0), new, np.int32(1)), DType.FLOAT32)
    place = b.mul(b.add(rows, F(0.5)) if half_pixel_centers else rows, scale)
    index = b.floor(b.add(place, F(0.5)) if align_corners else place)
    return cast(b, b.minimum(index, b.sub(size, F(1))), DType.INT32)


def by_matrices(b: Builder, images: Value, rows: Value, columns: Value) -> Value:
    """[N, H, W, C] with rows and columns mixed by matrices [new size, old size]."""
    x = cast(b, images, DType.FLOAT32)
    mixed = dot_general(b, columns, dot_general(b, rows, x, ((1,), (1,))), ((1,), (2,)))  # [W, H, N, C]
    return transpose(b, mixed, [2, 1, 0, 3])
