"""Estimating ranges from the distribution of a tensor: percentiles, least squared error, least loss of information.

A histogram counts how often each number occurs, rounded to the 16 bits that bfloat16 keeps of it. Its bins are the same for
every tensor and every part of the data, so histograms merge exactly, in any order, and need no range beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from litesmith.formats.tflite import write_model
from litesmith.ir import DType, Program
from litesmith.ir.clone import clone
from litesmith.ir.constant import Array
from litesmith.quantize.calibrate import Calibration, is_observed, tensor_keys
from litesmith.quantize.ranges import Range, parameters

PERCENTILE = 99.99
"""Of the magnitudes on each side of 0, what a percentile range keeps."""

SHARES = np.linspace(0.4, 1.0, 25)
"""Shares of the whole range that are tried."""

LEVELS = 256


@dataclass
class Histogram:
    """How often each number occurred, by the upper 16 bits of its float32 form."""

    counts: dict[int, int] = field(default_factory=dict)

    def add(self, array: Array) -> None:
        """Counts the elements of an array."""
        bits = np.ascontiguousarray(array, np.float32).view(np.uint32).ravel() >> np.uint32(16)
        keys, counts = np.unique(bits, return_counts=True)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            self.counts[key] = self.counts.get(key, 0) + count

    def merge(self, other: Histogram) -> Histogram:
        """What both have counted: exactly the histogram of all."""
        merged = dict(self.counts)
        for key, count in other.counts.items():
            merged[key] = merged.get(key, 0) + count
        return Histogram(merged)

    def distribution(self) -> tuple[Array, Array]:
        """The middles of the bins that occurred, ascending, and how often each did."""
        keys = np.array(sorted(self.counts), np.uint32)
        counts = np.array([self.counts[int(k)] for k in keys], np.float64)
        values = ((keys << np.uint32(16)) | np.uint32(0x8000)).view(np.float32).astype(np.float64)
        values = np.where(keys & 0x7FFF == 0, 0.0, values)
        finite = np.isfinite(values)
        order = np.argsort(values[finite], kind="stable")
        return values[finite][order], counts[finite][order]


def percentile(histogram: Histogram, seen: Range) -> Range:
    """The range without the rarest numbers at its ends."""
    values, counts = histogram.distribution()
    share = np.cumsum(counts) / counts.sum()
    rare = (100 - PERCENTILE) / 100
    low = values[int(np.searchsorted(share, rare))]
    high = values[min(int(np.searchsorted(share, 1 - rare)), len(values) - 1)]
    return Range(max(seen.low, min(float(low), 0.0)), min(seen.high, max(float(high), 0.0)))


def least_squares(histogram: Histogram, seen: Range) -> Range:
    """The range that 8 bits say the distribution with in the least squared error."""
    return _best_range(histogram, seen, _squared_error)


def least_entropy(histogram: Histogram, seen: Range) -> Range:
    """The range that loses the least information (Kullback–Leibler divergence) in 8 bits."""
    return _best_range(histogram, seen, _divergence)


def _best_range(histogram: Histogram, seen: Range, loss: Callable[[Array, Array, Range], float]) -> Range:
    values, counts = histogram.distribution()
    tried = [seen.widen(float(share)) for share in SHARES]
    return min(tried, key=lambda r: float(loss(values, counts, r)))


def _squared_error(values: Array, counts: Array, kept: Range) -> float:
    scale, zero = parameters(kept, DType.INT8)
    steps = np.clip(np.rint(values / scale) + zero, -128, 127)
    return float((np.square((steps - zero) * scale - values) * counts).sum())


def _divergence(values: Array, counts: Array, kept: Range) -> float:
    scale, zero = parameters(kept, DType.INT8)
    steps = (np.clip(np.rint(values / scale) + zero, -128, 127) + 128).astype(np.int64)
    share = counts / counts.sum()
    level = np.bincount(steps, share, LEVELS)
    width = np.bincount(steps, np.ones(len(values)), LEVELS)
    inside = (values >= kept.low) & (values <= kept.high)
    spread = np.where(inside, level[steps] / np.maximum(width[steps], 1), 1e-12)
    return float((share * np.log(np.maximum(share, 1e-30) / np.maximum(spread, 1e-12))).sum())


ESTIMATORS: Mapping[str, Callable[[Histogram, Range], Range]] = {
    "percentile": percentile,
    "mse": least_squares,
    "entropy": least_entropy,
}


def histograms(program: Program, calls: Iterable[tuple[str, Mapping[str, Array]]], threads: int = 1) -> dict[str, Histogram]:
    """Histograms of the observed tensors of the entry graphs, by key. (What loops hold inside is not counted.)"""
    from litesmith.runtime import Runner

    copy, keys = clone(program), tensor_keys(program)
    names: dict[str, dict[str, str]] = {}
    originals = {id(copy.graphs[id(g)]): g for g in program.graphs}
    for signature in copy.program.signatures:
        graph = signature.graph
        source = originals[id(graph)]
        values = [v for v in (*source.inputs, *(r for op in source.ops for r in op.results)) if is_observed(v)]
        start = len(source.outputs)
        if len(graph.outputs) == start:
            graph.outputs = [*graph.outputs, *(copy.values[id(v)] for v in values)]
        added = {f"tensor/{i}": keys[id(v)] for i, v in enumerate(values)}
        signature.outputs.update({name: start + i for i, name in enumerate(added)})
        names[signature.key] = added
    runner = Runner(write_model(copy.program), threads)
    found: dict[str, Histogram] = {}
    for key, inputs in calls:
        answer = runner.run(dict(inputs), key)
        for name, tensor in names[key].items():
            found.setdefault(tensor, Histogram()).add(answer[name])
    return found


def estimate_ranges(seen: Calibration, counted: Mapping[str, Histogram], estimator: str) -> Calibration:
    """The calibration with the ranges of the counted tensors estimated anew."""
    estimate = ESTIMATORS[estimator]
    ranges = dict(seen.ranges)
    for key, histogram in counted.items():
        if histogram.counts and ranges.get(key, Range()).is_finite:
            ranges[key] = estimate(histogram, ranges[key])
    return Calibration(ranges, seen.samples, seen.trained)
