"""Arrays that tests feed, and how they compare what comes back."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def rng(name: str) -> np.random.Generator:
    """A generator seeded by a name."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def f32(*shape: int, seed: str = "", low: float = -2.0, high: float = 2.0) -> Array:
    """Uniform float32 numbers, seeded by shape and ``seed``."""
    return rng(f"{shape}{seed}").uniform(low, high, shape).astype(np.float32)


def i32(*shape: int, low: int = -10, high: int = 10, seed: str = "") -> Array:
    """Uniform int32 numbers below ``high``."""
    return rng(f"{shape}{seed}").integers(low, high, shape).astype(np.int32)


def assert_close(got: Array, want: Array, tolerance: float) -> None:
    """Same dtype and shape, integers equal, NaN and infinities in the same places, errors within ``tolerance`` of the
    finite range."""
    assert got.shape == want.shape, f"shape {got.shape}, expected {want.shape}"
    assert got.dtype == want.dtype, f"{got.dtype}, expected {want.dtype}"
    if want.dtype.kind not in "fcV":
        np.testing.assert_array_equal(got, want)
        return
    if want.dtype.kind == "c":
        got, want = np.stack([got.real, got.imag]), np.stack([want.real, want.imag])
    got, want = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(want)
    np.testing.assert_array_equal(np.where(finite, 0, got), np.where(finite, 0, want))
    if finite.any():
        scale = max(float(np.max(np.abs(want[finite]))), 1e-30)
        error = float(np.max(np.abs(got[finite] - want[finite]))) / scale
        assert error <= tolerance, f"error {error:.3g} of the range, allowed {tolerance}"
