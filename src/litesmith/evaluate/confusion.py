"""Metrics of two classes: from the numbers of true and false positives and negatives at thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.data.columns import Array
from litesmith.evaluate.statistics import DEFAULT_BUCKETS, Histogram, ThresholdCounts

EPSILON = 1e-7


@dataclass(frozen=True)
class Matrices:
    """Weights of true and false positives and negatives at each threshold: a prediction above it is positive."""

    thresholds: Array
    tp: Array
    tn: Array
    fp: Array
    fn: Array


def interpolated_thresholds(count: int) -> tuple[float, ...]:
    """Thresholds evenly spread from just below 0 to just above 1, as Keras and TFMA have them for areas under curves."""
    return (-EPSILON, *((i + 1) / (count - 1) for i in range(count - 2)), 1.0 + EPSILON)


def matrices_of_counts(statistic: ThresholdCounts, cells: Array) -> Matrices:
    """The matrices at explicit thresholds."""
    positive, negative = cells.reshape(-1, 2).T
    above = np.cumsum(np.stack([positive, negative])[:, ::-1], axis=1)[:, ::-1][:, 1:]
    tp, fp = above
    return Matrices(np.array(statistic.thresholds), tp, negative.sum() - fp, fp, positive.sum() - tp)


def matrices_of_histogram(statistic: Histogram, cells: Array, thresholds: Sequence[float]) -> Matrices:
    """The matrices at thresholds that lie between the buckets of a histogram, computed as TFMA does."""
    weights, positives = cells.reshape(statistic.buckets + 2, -1)[:, :2].T
    below = np.concatenate([[-np.inf], np.arange(statistic.buckets) / statistic.buckets, [np.inf]])
    bounds = [t + EPSILON if t != 0 else t for t in thresholds]
    if thresholds[0] >= 0:
        bounds = [-EPSILON, *bounds]
    if thresholds[-1] < 1.0:
        bounds = [*bounds, 1.0 + EPSILON]
    place = np.maximum(np.searchsorted(np.array(bounds), below, side="right") - 1, 0)
    pos = np.bincount(place, positives, len(bounds))
    neg = np.bincount(place, weights - positives, len(bounds))
    offset = 1 if (thresholds[0] >= 0 or len(thresholds) == 1) and len(bounds) > 1 else 0
    part = slice(offset, offset + len(thresholds))
    tp, fp = np.cumsum(pos[::-1])[::-1][part], np.cumsum(neg[::-1])[::-1][part]
    fn = np.concatenate([[0.0], np.cumsum(pos)[:-1]])[part]
    tn = np.concatenate([[0.0], np.cumsum(neg)[:-1]])[part]
    last = np.array(thresholds) >= 1.0 + EPSILON
    tp, fp = np.where(last, 0.0, tp), np.where(last, 0.0, fp)
    return Matrices(np.array(thresholds), tp, np.where(last, fp[0], tn), fp, np.where(last, tp[0], fn))


def ratio(numerator: Array, denominator: Array) -> Array:
    """The quotient where the denominator is positive, NaN elsewhere."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(denominator) > 0, np.divide(numerator, denominator), np.nan)


def _where(condition: Array, value: Array) -> Array:
    return np.where(condition, value, np.nan)


def _prevalence_threshold(tp: Array, tn: Array, fp: Array, fn: Array) -> Any:
    tpr, tnr = ratio(tp, tp + fn), ratio(tn, tn + fp)
    return (np.sqrt(tpr * (1 - tnr)) + tnr - 1) / (tpr + tnr - 1)


def _matthews(tp: Array, tn: Array, fp: Array, fn: Array) -> Array:
    return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def _negative_likelihood(tp: Array, tn: Array, fp: Array, fn: Array) -> Array:
    return _where(tn > 0, ratio(fn, fn + tp) / ratio(tn, tn + fp))


Ratio = Callable[..., Any]

RATIOS: Mapping[str, tuple[tuple[str, ...], Ratio]] = {
    "true_positives": (("TruePositives",), lambda tp, tn, fp, fn: tp),
    "tp": (("TP",), lambda tp, tn, fp, fn: tp),
    "true_negatives": (("TrueNegatives",), lambda tp, tn, fp, fn: tn),
    "tn": (("TN",), lambda tp, tn, fp, fn: tn),
    "false_positives": (("FalsePositives",), lambda tp, tn, fp, fn: fp),
    "fp": (("FP",), lambda tp, tn, fp, fn: fp),
    "false_negatives": (("FalseNegatives",), lambda tp, tn, fp, fn: fn),
    "fn": (("FN",), lambda tp, tn, fp, fn: fn),
    "binary_accuracy": (("BinaryAccuracy",), lambda tp, tn, fp, fn: ratio(tp + tn, tp + fp + tn + fn)),
    "precision": (("Precision",), lambda tp, tn, fp, fn: ratio(tp, tp + fp)),
    "ppv": (("PPV",), lambda tp, tn, fp, fn: ratio(tp, tp + fp)),
    "recall": (("Recall",), lambda tp, tn, fp, fn: ratio(tp, tp + fn)),
    "tpr": (("TPR",), lambda tp, tn, fp, fn: ratio(tp, tp + fn)),
    "specificity": (("Specificity",), lambda tp, tn, fp, fn: ratio(tn, tn + fp)),
    "tnr": (("TNR",), lambda tp, tn, fp, fn: ratio(tn, tn + fp)),
    "fall_out": (("FallOut",), lambda tp, tn, fp, fn: ratio(fp, fp + tn)),
    "fpr": (("FPR",), lambda tp, tn, fp, fn: ratio(fp, fp + tn)),
    "miss_rate": (("MissRate",), lambda tp, tn, fp, fn: ratio(fn, fn + tp)),
    "fnr": (("FNR",), lambda tp, tn, fp, fn: ratio(fn, fn + tp)),
    "negative_predictive_value": (("NegativePredictiveValue",), lambda tp, tn, fp, fn: ratio(tn, tn + fn)),
    "npv": (("NPV",), lambda tp, tn, fp, fn: ratio(tn, tn + fn)),
    "false_discovery_rate": (("FalseDiscoveryRate",), lambda tp, tn, fp, fn: ratio(fp, fp + tp)),
    "false_omission_rate": (("FalseOmissionRate",), lambda tp, tn, fp, fn: ratio(fn, fn + tn)),
    "prevalence": (("Prevalence",), lambda tp, tn, fp, fn: ratio(tp + fn, tp + tn + fp + fn)),
    "prevalence_threshold": (("PrevalenceThreshold",), _prevalence_threshold),
    "threat_score": (("ThreatScore",), lambda tp, tn, fp, fn: ratio(tp, tp + fn + fp)),
    "balanced_accuracy": (
        ("BalancedAccuracy",),
        lambda tp, tn, fp, fn: (ratio(tp, tp + fn) + ratio(tn, tn + fp)) / 2,
    ),
    "f1_score": (("F1Score",), lambda tp, tn, fp, fn: ratio(2 * tp, 2 * tp + fp + fn)),
    "matthews_correlation_coefficient": (("MatthewsCorrelationCoefficient",), _matthews),
    "fowlkes_mallows_index": (
        ("FowlkesMallowsIndex",),
        lambda tp, tn, fp, fn: np.sqrt(ratio(tp, tp + fp) * ratio(tp, tp + fn)),
    ),
    "informedness": (("Informedness",), lambda tp, tn, fp, fn: ratio(tp, tp + fn) + ratio(tn, tn + fp) - 1),
    "markedness": (("Markedness",), lambda tp, tn, fp, fn: ratio(tp, tp + fp) + ratio(tn, tn + fn) - 1),
    "positive_likelihood_ratio": (
        ("PositiveLikelihoodRatio",),
        lambda tp, tn, fp, fn: _where(fp > 0, ratio(tp, tp + fn) / ratio(fp, fp + tn)),
    ),
    "negative_likelihood_ratio": (("NegativeLikelihoodRatio",), _negative_likelihood),
    "diagnostic_odds_ratio": (
        ("DiagnosticOddsRatio",),
        lambda tp, tn, fp, fn: _where((fn > 0) & (fp > 0) & (tn > 0), (tp / fn) / (fp / tn)),
    ),
    "predicted_positive_rate": (
        ("PredictedPositiveRate",),
        lambda tp, tn, fp, fn: ratio(tp + fp, tp + fp + tn + fn),
    ),
}
"""Metric -> its class and its value from the four numbers, at each threshold."""


def value_at_thresholds(matrices: Matrices, function: Ratio) -> float | Array:
    """A ratio at the only threshold, or an array over the thresholds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.asarray(function(matrices.tp, matrices.tn, matrices.fp, matrices.fn), np.float64)
    return float(values[0]) if len(values) == 1 else values


def area_under_curve(matrices: Matrices, curve: str = "ROC", summation_method: str = "interpolation") -> float:
    """The area under the ROC or the precision-recall curve, summed as Keras and TFMA do."""
    m = matrices
    with np.errstate(divide="ignore", invalid="ignore"):
        if curve == "PR" and summation_method == "interpolation":
            return _interpolated_pr_area(m)
        recall = np.nan_to_num(ratio(m.tp, m.tp + m.fn), nan=0.0)
        x, y = np.nan_to_num(ratio(m.fp, m.fp + m.tn), nan=0.0), recall
        if curve == "PR":
            x, y = recall, np.nan_to_num(ratio(m.tp, m.tp + m.fp), nan=0.0)
        heights = {
            "interpolation": (y[:-1] + y[1:]) / 2,
            "minoring": np.minimum(y[:-1], y[1:]),
            "majoring": np.maximum(y[:-1], y[1:]),
        }[summation_method]
        return float(np.nansum((x[:-1] - x[1:]) * heights))


def _interpolated_pr_area(m: Matrices) -> float:
    """After Davis and Goadrich, 2006: true and false positives are interpolated, not the precision."""
    dtp = m.tp[:-1] - m.tp[1:]
    p = m.tp + m.fp
    slope = dtp / np.maximum(p[:-1] - p[1:], 0)
    intercept = m.tp[1:] - slope * p[1:]
    safe_ratio = np.divide(p[:-1], p[1:], out=np.ones_like(p[1:]), where=p[1:] != 0)
    increments = slope * (dtp + intercept * np.log(safe_ratio)) / np.maximum(m.tp[1:] + m.fn[1:], 0)
    return float(np.nansum(increments))


def best_under_constraint(
    constrained: Array,
    dependent: Array,
    bound: float | Sequence[float] | Array,
    compare: Callable[[Array, float], Array] = np.greater_equal,
) -> float | Array:
    """The largest dependent value where the constrained one meets the bound (or each of several); 0 where none does."""
    found = []
    for value in np.atleast_1d(bound):
        with np.errstate(invalid="ignore"):
            feasible = dependent[compare(constrained, value)]
        finite = feasible[~np.isnan(feasible)]
        found.append(float(finite.max()) if finite.size else (np.nan if feasible.size else 0.0))
    return found[0] if np.ndim(bound) == 0 else np.array(found)


def default_thresholds(count: int | None) -> tuple[float, ...]:
    return interpolated_thresholds(count or DEFAULT_BUCKETS)
