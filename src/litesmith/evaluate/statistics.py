"""What is added up over the examples: the only state of an evaluation, merged without loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from litesmith.data.columns import Array, DataError
from litesmith.evaluate.views import Flat, Outputs, Rows, ViewSpec, flat_of, rows_of

DEFAULT_BUCKETS = 10_000
"""Buckets of predictions between 0 and 1, as many as TFMA's; one more on each side holds what lies outside."""

Parameters = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Entries:
    """Numbers to add: cells [n, m] or [m], values [n, m]; of how many cells."""

    cells: Array
    values: Array
    count: int


class Statistic(Protocol):
    """Something that is added up in the cells of each slice. Equal statistics are added up once."""

    @property
    def coarse(self) -> bool:
        """Whether a rounding to multiples of 2^-64 does no harm (see `ExactSums`)."""
        ...

    def entries(self, outputs: Outputs) -> Entries: ...


@dataclass(frozen=True)
class Sums:
    """Sums over the examples of what a function of their labels and predictions gives: [n, m] float64.

    select: whether the function takes them example by example (`rows_of`) or with the classes side by side (`flat_of`).
    """

    view: ViewSpec
    function: Callable[..., Array]
    parameters: Parameters = ()
    select: Callable[[Outputs, ViewSpec], Rows | Flat] = rows_of
    coarse = False

    def entries(self, outputs: Outputs) -> Entries:
        with np.errstate(all="ignore"):
            values = self.function(self.select(outputs, self.view), **dict(self.parameters))
        return Entries(np.arange(values.shape[1]), values, values.shape[1])


@dataclass(frozen=True)
class Histogram:
    """Weights and weighted labels (and weighted predictions) by bucket of the prediction: cells [buckets + 2, channels]."""

    view: ViewSpec
    buckets: int = DEFAULT_BUCKETS
    with_predictions: bool = False
    coarse = True

    @property
    def channels(self) -> int:
        return 3 if self.with_predictions else 2

    def entries(self, outputs: Outputs) -> Entries:
        flat = _with_fractions(flat_of(outputs, self.view), outputs)
        index = np.clip(flat.predictions * self.buckets + 1, 0, self.buckets + 1)
        bucket = np.nan_to_num(index, nan=0.0).astype(np.int64)
        channels = [flat.weights, flat.weights * flat.labels]
        if self.with_predictions:
            with np.errstate(invalid="ignore"):
                channels.append(np.where(flat.weights == 0, 0.0, flat.weights * flat.predictions))
        cells = bucket[..., None] * self.channels + np.arange(self.channels)
        return _entries(cells, np.stack(channels, -1), (self.buckets + 2) * self.channels)


@dataclass(frozen=True)
class ThresholdCounts:
    """Weights of positive and negative labels by the number of thresholds the prediction exceeds: cells [t + 1, 2]."""

    view: ViewSpec
    thresholds: tuple[float, ...]
    coarse = True

    def entries(self, outputs: Outputs) -> Entries:
        flat = _with_fractions(flat_of(outputs, self.view), outputs)
        exceeded = np.searchsorted(np.array(self.thresholds), flat.predictions, side="left")
        exceeded = np.where(np.isnan(flat.predictions), 0, exceeded)
        positive = flat.weights * flat.labels
        values = np.stack([positive, flat.weights - positive], -1)
        cells = exceeded[..., None] * 2 + np.arange(2)
        return _entries(cells, values, 2 * (len(self.thresholds) + 1))


@dataclass(frozen=True)
class ClassMatrix:
    """Weights by actual and predicted class, at some thresholds: cells [thresholds, classes, classes + 1].

    The last predicted class stands for none: no prediction exceeds the threshold.
    """

    view: ViewSpec
    thresholds: tuple[float, ...] = (0.0,)
    coarse = True

    def entries(self, outputs: Outputs) -> Entries:
        rows = rows_of(outputs, self.view)
        classes = rows.predictions.shape[1]
        predicted = rows.predictions.argmax(axis=1)
        best = rows.predictions[np.arange(len(predicted)), predicted]
        exceeds = best[:, None] > np.array(self.thresholds)
        chosen = np.where(exceeds, predicted[:, None], classes)
        first = np.arange(len(self.thresholds)) * classes
        cells = (first + rows.classes.astype(np.int64)[:, None]) * (classes + 1) + chosen
        values = np.broadcast_to(rows.weights[:, None], cells.shape)
        return Entries(cells, values, len(self.thresholds) * classes * (classes + 1))


def _entries(cells: Array, values: Array, count: int) -> Entries:
    examples = len(cells)
    return Entries(cells.reshape(examples, -1), values.reshape(examples, -1), count)


def _with_fractions(flat: Flat, outputs: Outputs) -> Flat:
    """Labels must lie within [0, 1]: one between counts for both sides in proportion. Raises DataError."""
    outside = (flat.labels < -1e-7) | (flat.labels > 1 + 1e-7) | np.isnan(flat.labels)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        label = flat.labels[row, column]
        raise DataError(
            f"label {label:g} in {outputs.batch.place(int(row))}, where this metric takes labels from 0 to 1",
            fix="leave the metric out, or name the class it is about (binarize)",
        )
    return flat
