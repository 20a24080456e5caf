"""Samples for quantization: digits, patches of photographs, and stand-ins for spectrograms.

``python -m benchmarks.quantization.data`` keeps the photographs of scikit-learn as arrays, which needs Pillow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SEED = 7
PHOTOGRAPHS = Path(__file__).resolve().parents[1] / ".cache" / "quantization" / "photographs.npy"


def digits() -> tuple[np.ndarray, np.ndarray]:
    """The digits of scikit-learn, shuffled: float32 [1797, 8, 8] from 0 to 1, and their labels."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    order = np.random.default_rng(SEED).permutation(len(loaded.target))
    return (loaded.images / 16).astype(np.float32)[order], loaded.target.astype(np.int64)[order]


def patches(count: int, size: int, seed: int = SEED) -> np.ndarray:
    """Natural patches of the photographs that scikit-learn has, at several magnifications, 0 to 255: [N, S, S, 3]."""
    rng = np.random.default_rng(seed)
    photographs = np.load(PHOTOGRAPHS)
    views = []
    for index in range(count):
        photograph = photographs[index % len(photographs)]
        side = int(min(photograph.shape[:2]) * rng.uniform(0.15, 0.9))
        top, left = (int(rng.integers(0, extent - side)) for extent in photograph.shape[:2])
        places = np.linspace(0, side - 1, size).round().astype(int)
        views.append(photograph[top + places][:, left + places].astype(np.float32))
    stack = np.stack(views)
    flipped = rng.integers(0, 2, count).astype(bool)
    stack[flipped] = stack[flipped, :, ::-1]
    return stack


def spectrograms(count: int, shape: tuple[int, ...], low: float, high: float, seed: int = SEED) -> np.ndarray:
    """Smooth maps over time with a spread that differs by band, within bounds: float32 [N, *shape]."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    coarse = rng.standard_normal((count, 16))
    places = np.linspace(0, 15, size)
    smooth = np.stack([np.interp(places, np.arange(16), row) for row in coarse])
    maps = smooth + 0.5 * rng.standard_normal((count, size))
    middle, half = (low + high) / 2, (high - low) / 2
    return np.clip(middle + half * maps / 3, low, high).reshape(count, *shape).astype(np.float32)


def tokens(count: int, length: int, vocabulary: int, seed: int = SEED) -> np.ndarray:
    """Ids with padded ends: int32 [N, T]."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, vocabulary, (count, length))
    lengths = rng.integers(length // 3, length, (count, 1))
    return np.where(np.arange(length) < lengths, ids, 0).astype(np.int32)


def split(samples: np.ndarray, calibrating: int) -> dict[str, Any]:
    """The first ones to calibrate with, the others held back."""
    return {"calibration": samples[:calibrating], "held": samples[calibrating:]}


def main() -> None:
    """Keeps the photographs: uint8 [2, 427, 640, 3]."""
    from sklearn.datasets import load_sample_images

    PHOTOGRAPHS.parent.mkdir(parents=True, exist_ok=True)
    np.save(PHOTOGRAPHS, np.stack(load_sample_images().images))


if __name__ == "__main__":
    main()
