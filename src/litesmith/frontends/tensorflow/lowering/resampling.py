"""The weights TensorFlow's resizing kernels give source pixels, as matrices [new size, old size].

They are computed in float32 in the kernels' own order, so that ties and table look-ups fall as they do there
(tensorflow/core/kernels/image/resize_bicubic_op.cc, resize_area_op.cc, scale_and_translate_op.cc).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litesmith.ir.constant import Array

F = np.float32

# -- cubic ------------------------------------------------------------------------------------------------------------

TABLE = 1024


def _scale(old: int, new: int, align_corners: bool) -> np.float32:
    return F(old - 1) / F(new - 1) if align_corners and new > 1 else F(old) / F(new)


def _cubic_table(a: float) -> tuple[Array, Array]:
    """Keys' kernel at distances [0, 1] and [1, 2], in steps of 1 / TABLE."""
    x = np.arange(TABLE + 1, dtype=F) / F(TABLE)
    a32 = F(a)
    near = ((a32 + 2) * x - (a32 + 3)) * x * x + 1
    far_x = x + F(1)
    far = ((a32 * far_x - 5 * a32) * far_x + 8 * a32) * far_x - 4 * a32
    return near.astype(F), far.astype(F)


def cubic(old: int, new: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """Four taps each. With half pixel centers, taps outside count nothing and the others are scaled to sum 1."""
    near, far = _cubic_table(-0.5 if half_pixel_centers else -0.75)
    scale = _scale(old, new, align_corners)
    made = np.zeros((new, old), F)
    for row in range(new):
        place = (F(row) + F(0.5)) * scale - F(0.5) if half_pixel_centers else F(row) * scale
        first = int(np.floor(place))
        offset = int(np.rint(F(place - F(first)) * F(TABLE)))
        weights = np.array([far[offset], near[offset], near[TABLE - offset], far[TABLE - offset]], F)
        taps = np.arange(first - 1, first + 3)
        inside = np.clip(taps, 0, old - 1)
        if half_pixel_centers:
            weights = np.where(inside == taps, weights, F(0))
            weights = weights / weights.sum(dtype=F)
        np.add.at(made[row], inside, weights)
    return made


# -- area -------------------------------------------------------------------------------------------------------------


def area(old: int, new: int, align_corners: bool) -> Array:
    """The share of each old pixel in the stretch a new one covers."""
    scale = _scale(old, new, align_corners)
    made = np.zeros((new, old), F)
    for row in range(new):
        begin, end = F(row) * scale, F(row + 1) * scale
        for tap in range(int(np.floor(begin)), int(np.ceil(end))):
            covered = min(F(tap + 1), end) - max(F(tap), begin)
            made[row, min(max(tap, 0), old - 1)] += F(covered) / scale
    return made


# -- kernels of any width ---------------------------------------------------------------------------------------------


def _lanczos(radius: float) -> tuple[float, Callable[[Array], Array]]:
    def kernel(x: Array) -> Array:
        with np.errstate(all="ignore"):
            value = radius * np.sin(np.pi * x) * np.sin(np.pi * x / radius) / (np.pi**2 * x * x)
        return np.where(x > radius, 0, np.where(x <= 1e-3, 1, value))

    return radius, kernel


def _gaussian(x: Array) -> Array:
    radius = 1.5
    sigma = radius / 3
    return np.where(x >= radius, 0, np.exp(-x * x / (2 * sigma * sigma)))


def _box(x: Array) -> Array:
    return np.where(x < 0.5, 1, np.where(x == 0.5, 0.5, 0))


def _triangle(x: Array) -> Array:
    return np.where(x < 1, 1 - x, 0)


def _keys_cubic(x: Array) -> Array:
    near, far = ((1.5 * x - 2.5) * x) * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, 0, np.where(x >= 1, far, near))


def _mitchell_cubic(x: Array) -> Array:
    near = ((7 / 6 * x - 2) * x) * x + 8 / 9
    far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x >= 2, 0, np.where(x >= 1, far, near))


KERNELS: dict[str, tuple[float, Callable[[Array], Array]]] = {
    "lanczos1": _lanczos(1.0),
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
    "gaussian": (1.5, _gaussian),
    "box": (0.5, _box),
    "triangle": (1.0, _triangle),
    "keyscubic": (2.0, _keys_cubic),
    "mitchellcubic": (2.0, _mitchell_cubic),
}
"""Radius and shape of each ``kernel_type``."""


def scaling_matrix(old: int, new: int, scale: float, translate: float, kernel_type: str, antialias: bool) -> Array:
    """The kernel, as wide as the scale asks with antialiasing, centred on where each new pixel comes from."""
    radius, kernel = KERNELS[kernel_type]
    inverse = F(1) / F(scale)
    moved = -inverse * F(translate)
    width = max(inverse, F(1)) if antialias else F(1)
    reach = F(radius) * width
    made = np.zeros((new, old), F)
    for row in range(new):
        center = (F(row) + F(0.5)) * inverse + moved
        if center < 0 or center > old:
            continue
        begin = min(max(int(np.ceil(center - reach - F(0.5))), 0), old - 1)
        end = min(max(int(np.floor(center + reach - F(0.5))), 0), old - 1) + 1
        distance = np.abs((np.arange(begin, end, dtype=F) + F(0.5) - center) * (F(1) / width))
        weights = kernel(distance).astype(F)
        total = weights.sum(dtype=F)
        if abs(total) >= 1000 * np.finfo(F).tiny:
            made[row, begin:end] = weights * (F(1) / total)
    return made
