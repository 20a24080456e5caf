"""What metrics that are means, or made of a few sums, add up for each example: functions of rows and of flat classes."""

from __future__ import annotations

import numpy as np

from litesmith.data.columns import Array
from litesmith.evaluate.views import Flat, Rows

_KERAS_LOW = float(np.float32(1e-7))
_KERAS_HIGH = float(np.float32(1) - np.float32(1e-7))


def flat_mean(flat: Flat, values: Array) -> Array:
    """Sums of values and of weights over the classes [n, 2]; NaN values are left out, as TFMA does."""
    weights = np.where(np.isnan(values), 0.0, flat.weights)
    return np.stack([np.sum(np.nan_to_num(values, nan=0.0) * weights, axis=1), weights.sum(axis=1)], axis=1)


def row_mean(rows: Rows, values: Array) -> Array:
    """The weighted values and the weights [n, 2]."""
    return np.stack([values * rows.weights, rows.weights], axis=1)


def count(rows: Rows) -> Array:
    return rows.weights[:, None]


def squared_error(flat: Flat) -> Array:
    return flat_mean(flat, (flat.labels - flat.predictions) ** 2)


def absolute_error(flat: Flat) -> Array:
    return flat_mean(flat, np.abs(flat.labels - flat.predictions))


def percentage_error(flat: Flat) -> Array:
    errors = 100 * np.abs((flat.labels - flat.predictions) / flat.labels)
    return flat_mean(flat, np.where(flat.labels == 0, np.nan, errors))


def logarithmic_error(flat: Flat) -> Array:
    return flat_mean(flat, (np.log(flat.labels + 1) - np.log(flat.predictions + 1)) ** 2)


def exact_match(flat: Flat) -> Array:
    return flat_mean(flat, (flat.labels == flat.predictions).astype(np.float64))


def calibration_sums(flat: Flat) -> Array:
    """Weighted labels, weighted predictions, weights [n, 3]."""
    labels, predictions = flat.labels * flat.weights, flat.predictions * flat.weights
    return np.stack([labels.sum(axis=1), predictions.sum(axis=1), flat.weights.sum(axis=1)], axis=1)


def correlation_sums(flat: Flat) -> Array:
    """Weighted sums of l, p, l², p², lp and 1 [n, 6]."""
    l, p, w = flat.labels, flat.predictions, flat.weights  # noqa: E741
    return np.stack([np.sum(w * x, axis=1) for x in (l, p, l * l, p * p, l * p, np.ones_like(l))], axis=1)


def discrimination_sums(flat: Flat) -> Array:
    """Weights and weighted predictions of positives and negatives [n, 4]."""
    l, p, w = flat.labels, flat.predictions, flat.weights  # noqa: E741
    return np.stack([np.sum(x * w, axis=1) for x in (l, l * p, 1 - l, (1 - l) * p)], axis=1)


def label_sums(rows: Rows) -> Array:
    """Weighted labels of each class [n, c]."""
    return rows.dense * rows.weights[:, None]


def binary_crossentropy(rows: Rows, from_logits: bool = False, label_smoothing: float = 0.0) -> Array:
    """As Keras': probabilities are clipped."""
    labels = rows.dense * (1 - label_smoothing) + 0.5 * label_smoothing
    p = rows.predictions
    if from_logits:
        losses = np.maximum(p, 0) - p * labels + np.log1p(np.exp(-np.abs(p)))
    else:
        p = np.clip(p, _KERAS_LOW, _KERAS_HIGH)
        losses = -(labels * np.log(p + _KERAS_LOW) + (1 - labels) * np.log(1 - p + _KERAS_LOW))
    return row_mean(rows, losses.mean(axis=1))


def exact_binary_crossentropy(flat: Flat, from_logits: bool = False, label_smoothing: float = 0.0) -> Array:
    """As TFMA's BinaryCrossEntropy: nothing is clipped."""
    labels = flat.labels * (1 - label_smoothing) + 0.5 * label_smoothing
    p = flat.predictions
    if from_logits:
        losses = np.maximum(p, 0) - p * labels + np.log(1 + np.exp(-np.abs(p)))
    else:
        losses = -labels * np.log(p) - (1 - labels) * np.log(1 - p)
    return np.stack([np.sum(losses * flat.weights, axis=1), flat.weights.sum(axis=1)], axis=1)


def categorical_crossentropy(rows: Rows, from_logits: bool = False, label_smoothing: float = 0.0) -> Array:
    """As Keras': probabilities are normalized, then clipped."""
    classes = rows.predictions.shape[1]
    labels = rows.dense * (1 - label_smoothing) + label_smoothing / classes
    if from_logits:
        return row_mean(rows, -np.sum(labels * _log_softmax(rows.predictions), axis=1))
    p = rows.predictions / rows.predictions.sum(axis=1, keepdims=True)
    return row_mean(rows, -np.sum(labels * np.log(np.clip(p, _KERAS_LOW, _KERAS_HIGH)), axis=1))


def sparse_categorical_crossentropy(rows: Rows, from_logits: bool = False) -> Array:
    """As Keras': probabilities are clipped, then normalized."""
    logits = rows.predictions if from_logits else np.log(np.clip(rows.predictions, _KERAS_LOW, _KERAS_HIGH))
    losses = -np.take_along_axis(_log_softmax(logits), rows.classes.astype(np.int64)[:, None], axis=1)[:, 0]
    return row_mean(rows, losses)


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def class_accuracy(rows: Rows) -> Array:
    """Whether the largest prediction is that of the right class."""
    return row_mean(rows, (rows.predictions.argmax(axis=1) == rows.classes).astype(np.float64))


def top_k_accuracy(rows: Rows, k: int = 5) -> Array:
    """Whether fewer than k predictions exceed that of the right class."""
    right = np.take_along_axis(rows.predictions, rows.classes.astype(np.int64)[:, None], axis=1)
    within = (np.sum(rows.predictions > right, axis=1) < k) & np.isfinite(right[:, 0])
    return row_mean(rows, within.astype(np.float64))


def equal_values(rows: Rows) -> Array:
    return row_mean(rows, (rows.dense == rows.predictions).mean(axis=1))


def mean_row_squared_error(rows: Rows) -> Array:
    return row_mean(rows, ((rows.dense - rows.predictions) ** 2).mean(axis=1))


def cosine_similarity(rows: Rows) -> Array:
    """The cosine between labels and predictions; 0 where one of them is zero."""
    norms = np.sqrt(np.sum(rows.dense**2, axis=1) * np.sum(rows.predictions**2, axis=1))
    products = np.sum(rows.dense * rows.predictions, axis=1)
    return row_mean(rows, np.divide(products, norms, out=np.zeros_like(norms), where=norms > 0))


def kl_divergence(rows: Rows) -> Array:
    labels, p = np.clip(rows.dense, _KERAS_LOW, 1), np.clip(rows.predictions, _KERAS_LOW, 1)
    return row_mean(rows, np.sum(labels * np.log(labels / p), axis=1))


def poisson(rows: Rows) -> Array:
    return row_mean(rows, (rows.predictions - rows.dense * np.log(rows.predictions + _KERAS_LOW)).mean(axis=1))


def log_cosh(rows: Rows) -> Array:
    x = rows.predictions - rows.dense
    return row_mean(rows, (np.logaddexp(x, -x) - np.log(2)).mean(axis=1))
