"""What a benchmark model is: how it is saved and what its inputs look like. Imports no framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Exporter = Literal["export", "saved_model"]
Sampler = Callable[[np.random.Generator, tuple[int, ...], Any], np.ndarray]

DYNAMIC_BATCH = 2  # what an unknown batch is filled with in the reference data


@dataclass(frozen=True)
class Options:
    """How a model is saved: ``batch`` None leaves it dynamic; ``small`` shrinks the model for quick tests."""

    batch: int | None = 1
    exporter: Exporter = "export"
    small: bool = False


@dataclass(frozen=True)
class Entry:
    """One model of the registry.

    save: writes the SavedModel into a directory. samplers: input name -> sampler; the key "" is the default.
    dims: sizes for unknown dimensions other than the batch, by axis. stateful: whether a call changes the next one's
    answer. variations: how many other inputs the reference holds besides the first. big: takes tens of seconds with
    the official converter. batched: whether a dynamic-batch variant makes sense. has_exporters: whether
    ``Options.exporter`` matters.
    """

    name: str
    save: Callable[[str, Options], None]
    samplers: Mapping[str, Sampler] = field(default_factory=dict)
    dims: Mapping[int, int] = field(default_factory=dict)
    stateful: bool = False
    variations: int = 1
    big: bool = False
    batched: bool = True
    has_exporters: bool = False

    def sample(
        self, rng: np.random.Generator, name: str, shape: tuple[int | None, ...], dtype: Any, *, grow: int = 0
    ) -> np.ndarray:
        """A seeded value for one signature input; unknown dimensions are filled in, ``grow`` larger than usual."""
        full = tuple(self._fill(axis) + grow if size is None else size for axis, size in enumerate(shape))
        sampler = self.samplers.get(name) or self.samplers.get("") or normal
        return np.asarray(sampler(rng, full, dtype)).astype(dtype)

    def _fill(self, axis: int) -> int:
        return self.dims.get(axis, DYNAMIC_BATCH if axis == 0 else 12)


def normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Standard normal values; small integers for an integer input."""
    if np.issubdtype(dtype, np.integer):
        return rng.integers(0, 4, shape)
    return rng.standard_normal(shape)


def integers(low: int, high: int) -> Sampler:
    """Uniform integers in [low, high)."""
    return lambda rng, shape, dtype: rng.integers(low, high, shape)


def tokens(vocabulary: int) -> Sampler:
    """Token ids with a zero-padded tail in every row but the first, so that masks matter. shape: [N, T]."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        ids = rng.integers(1, vocabulary, shape)
        lengths = rng.integers(max(1, shape[1] // 3), shape[1], shape[0])
        return np.where(np.arange(shape[1]) < lengths[:, None], ids, 0)

    return sample


def image(low: float, high: float) -> Sampler:
    """Images with large-scale structure (white noise alone averages out to the same features). shape: [N, H, W, C]."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        n, height, width, channels = shape
        coarse = rng.uniform(0, 1, (n, 5, 5, channels))
        rows = np.linspace(0, 4, height).round().astype(int)
        columns = np.linspace(0, 4, width).round().astype(int)
        smooth = coarse[:, rows][:, :, columns]
        noisy = np.clip(0.75 * smooth + 0.25 * rng.uniform(0, 1, shape), 0, 1)
        return low + (high - low) * noisy

    return sample
