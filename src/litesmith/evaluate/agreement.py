"""How a model's outputs agree with those of the baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.data.columns import Array
from litesmith.evaluate.statistics import Entries, Parameters
from litesmith.evaluate.views import Outputs, ViewSpec, predictions_of, rows_of


@dataclass(frozen=True)
class PairSums:
    """Sums over the examples of what a function of both models' predictions and the weights gives: [n, m]."""

    view: ViewSpec
    baseline: ViewSpec
    function: Callable[..., Array]
    parameters: Parameters = ()
    coarse = False

    @property
    def largest(self) -> bool:
        """Whether the largest value is kept, not the sum."""
        return self.function is _largest_error

    def entries(self, outputs: Outputs) -> Entries:
        model = predictions_of(outputs, self.view.model, self.view.output)
        reference = predictions_of(outputs, self.baseline.model, self.baseline.output)
        weights = rows_of(outputs, self.view).weights
        values = self.function(model, reference, weights, **dict(self.parameters))
        return Entries(np.arange(values.shape[1]), values, values.shape[1])


def _noise(model: Array, reference: Array, weights: Array) -> Array:
    """Squares of the reference and of the error."""
    return np.stack([np.sum(reference**2, axis=1), np.sum((model - reference) ** 2, axis=1)], axis=1)


def _products(model: Array, reference: Array, weights: Array) -> Array:
    pairs = ((model, reference), (model, model), (reference, reference))
    return np.stack([np.sum(a * b, axis=1) for a, b in pairs], axis=1)


def _errors(model: Array, reference: Array, weights: Array) -> Array:
    return np.stack([np.abs(model - reference).mean(axis=1) * weights, weights], axis=1)


def _largest_error(model: Array, reference: Array, weights: Array) -> Array:
    return np.asarray(np.abs(model - reference).max(axis=1, keepdims=True))


def _labels_differ(model: Array, reference: Array, weights: Array) -> Array:
    differ = model.argmax(axis=1) != reference.argmax(axis=1)
    return np.stack([differ * weights, weights], axis=1)


def _flips(model: Array, reference: Array, weights: Array, threshold: float = 0.5) -> Array:
    """Weights of the four ways from the baseline's side of the threshold to the model's, and of all."""
    before, after = reference > threshold, model > threshold
    ways = (~before & ~after, ~before & after, before & ~after, before & after, np.ones_like(before))
    return np.stack([np.sum(way * weights[:, None], axis=1) for way in ways], axis=1)


def _sqnr(cells: Array) -> float:
    """10 log10 of the signal's power to the error's; infinite without any error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10(np.divide(cells[0], cells[1])))


def _cosine(cells: Array) -> float:
    norm = float(np.sqrt(cells[1] * cells[2]))
    return float(cells[0] / norm) if norm else float("nan")


def quotient(cells: Array) -> float:
    """The mean from a weighted sum and the weights."""
    return float(cells[0] / cells[1]) if cells[1] else float("nan")


def _share(*ways: int) -> Callable[[Array], float]:
    return lambda cells: float(cells[list(ways)].sum() / cells[4]) if cells[4] else float("nan")


AGREEMENT: Mapping[str, tuple[Callable[..., Array], Callable[[Array], Any]]] = {
    "sqnr": (_noise, _sqnr),
    "output_cosine": (_products, _cosine),
    "mean_output_error": (_errors, quotient),
    "max_output_error": (_largest_error, lambda cells: float(cells[0])),
    "label_flip_rate": (_labels_differ, quotient),
    "symmetric_flip_rate": (_flips, _share(1, 2)),
    "neg_to_neg_flip_rate": (_flips, _share(0)),
    "neg_to_pos_flip_rate": (_flips, _share(1)),
    "pos_to_neg_flip_rate": (_flips, _share(2)),
    "pos_to_pos_flip_rate": (_flips, _share(3)),
}
"""Metric -> what is added up for each example, and its value from the sums."""
