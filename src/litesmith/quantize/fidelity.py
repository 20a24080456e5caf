"""How far a quantized model is from the float one: figures over samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from litesmith.ir.constant import Array
from litesmith.quantize.ranges import range_of
from litesmith.quantize.roles import MASK, is_mask

CAP = 200.0
"""dB of outputs that are equal."""

CALLS = 64
"""How many samples are compared at most."""


@dataclass(frozen=True)
class Fidelity:
    """sqnr: signal-to-quantization-noise ratio in dB, by signature and output; agreement: how often the largest element of
    an output is the same one; samples: how many were compared."""

    sqnr: Mapping[str, float]
    agreement: Mapping[str, float]
    samples: int

    @property
    def worst(self) -> float:
        """The lowest ratio of all outputs."""
        return min(self.sqnr.values(), default=CAP)

    @property
    def mean(self) -> float:
        """The mean ratio of all outputs."""
        return float(np.mean(list(self.sqnr.values()))) if self.sqnr else CAP


class Comparison:
    """Sums over samples from which the figures follow."""

    def __init__(self) -> None:
        self.signal: dict[str, float] = {}
        self.noise: dict[str, float] = {}
        self.agreed: dict[str, list[int]] = {}
        self.samples = 0

    def add(self, key: str, expected: Mapping[str, Array], actual: Mapping[str, Array]) -> None:
        """One sample's outputs of both models."""
        self.samples += 1
        for name, value in expected.items():
            if value.dtype.kind != "f" or name not in actual:
                continue
            label = f"{key}/{name}" if key else name
            wide, other = value.astype(np.float64), np.asarray(actual[name], np.float64)
            finite = np.isfinite(wide) & np.isfinite(other) & ~_common_masks(wide, other)
            error = np.where(finite, wide - np.where(finite, other, 0), 0)
            self.signal[label] = self.signal.get(label, 0.0) + float(np.square(np.where(finite, wide, 0)).sum())
            self.noise[label] = self.noise.get(label, 0.0) + float(np.square(np.where(finite, error, 0)).sum())
            if np.isfinite(wide).all() and not np.isfinite(other).all():
                self.noise[label] = np.inf
            self._agree(label, wide, other)

    def _agree(self, label: str, wide: Array, other: Array) -> None:
        if wide.ndim < 1 or wide.shape[-1] < 2 or wide.shape != other.shape:
            return
        same = wide.argmax(axis=-1) == other.argmax(axis=-1)
        counts = self.agreed.setdefault(label, [0, 0])
        counts[0] += int(same.sum())
        counts[1] += same.size

    def result(self) -> Fidelity:
        """The figures."""
        sqnr = {k: decibels(s, self.noise[k]) for k, s in self.signal.items()}
        return Fidelity(sqnr, {k: right / max(n, 1) for k, (right, n) in self.agreed.items()}, self.samples)


def _common_masks(wide: Array, other: Array) -> Array:
    """Which elements stand for minus infinity in an output, and still are the least: how far they are from it is nothing."""
    seen = range_of(wide)
    if wide.shape != other.shape or seen.is_empty or not is_mask(seen):
        return np.zeros(wide.shape, bool)
    masked = wide < -max(MASK, 100 * seen.high)
    kept: Array = masked & (other <= other[~masked].min(initial=np.inf))
    return kept


def decibels(signal: float, noise: float) -> float:
    """Ten times the logarithm of signal by noise, at most `CAP`."""
    if noise <= 0:
        return CAP
    if signal <= 0 or not np.isfinite(noise):
        return -CAP if not np.isfinite(noise) else 0.0
    return float(min(CAP, 10 * np.log10(signal / noise)))


class FloatAnswers:
    """What the float file answers on calls of its signatures, run once for all files it is compared with."""

    def __init__(self, float_model: bytes, calls: Iterable[tuple[str, Mapping[str, Array]]]) -> None:
        from litesmith.runtime import Runner

        runner = Runner(float_model)
        self._calls = [(key, inputs, runner.run(dict(inputs), key)) for key, inputs in islice(calls, CALLS)]

    def compare(self, model: bytes) -> Fidelity:
        """The figures of a quantized file.

        Inputs and outputs of integer type are quantized and dequantized by what the file says of them.
        """
        from litesmith.quantize.exchange import RealRunner

        actual, found = RealRunner(model), Comparison()
        for key, inputs, expected in self._calls:
            found.add(key, expected, actual.run(inputs, key))
        return found.result()


def compare(float_model: bytes, model: bytes, calls: Iterable[tuple[str, Mapping[str, Array]]]) -> Fidelity:
    """The figures of one quantized file against the float one on calls of their signatures."""
    return FloatAnswers(float_model, calls).compare(model)
