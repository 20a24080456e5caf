"""Labels, predictions and weights in the form a metric takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litesmith.data.columns import Array, Batch, DataError
from litesmith.evaluate.keys import SubKey


@dataclass(frozen=True)
class Outputs:
    """A batch with what the models say to it: model -> output -> array [n, …]."""

    batch: Batch
    predictions: Mapping[str, Mapping[str, Array]]
    cache: dict[Any, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class ViewSpec:
    """Where labels, predictions and weights come from.

    model, output: of the predictions; label_key: the feature with the labels (empty: none); weight_key: the feature
    with the weights (empty: each example counts 1). sub_key: the part of the classes taken. averaged: whether what
    ``top_k`` leaves out is dropped (in averages over classes) instead of set to minus infinity. class_weights: factor of
    the weights by class, where classes are flattened.
    """

    model: str = ""
    output: str = ""
    label_key: str = ""
    weight_key: str = ""
    sub_key: SubKey | None = None
    averaged: bool = False
    class_weights: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Rows:
    """labels: class numbers [n], or values like the predictions [n, c]; predictions [n, c]; weights [n]; float64."""

    labels: Array
    predictions: Array
    weights: Array

    @property
    def classes(self) -> Array:
        """The number of each example's class [n]."""
        return self.labels if self.labels.ndim == 1 else self.labels.argmax(axis=1).astype(np.float64)

    @property
    def dense(self) -> Array:
        """Labels like the predictions [n, c]: class numbers as one-hot vectors."""
        if self.labels.ndim == 2:
            return self.labels
        return np.asarray(self.labels[:, None] == np.arange(self.predictions.shape[1]), np.float64)


@dataclass(frozen=True)
class Flat:
    """The classes side by side: labels, predictions, weights [n, c] float64."""

    labels: Array
    predictions: Array
    weights: Array


def rows_of(outputs: Outputs, spec: ViewSpec) -> Rows:
    """Labels and predictions example by example, of the part of the classes that the sub key names. Raises DataError."""
    if spec.sub_key is not None:
        flat = flat_of(outputs, spec)
        return Rows(flat.labels, flat.predictions, whole_rows_of(outputs, spec).weights)
    return whole_rows_of(outputs, spec)


def whole_rows_of(outputs: Outputs, spec: ViewSpec) -> Rows:
    """Labels and predictions of all classes. Raises DataError."""
    key = ("rows", spec.model, spec.output, spec.label_key, spec.weight_key)
    if key not in outputs.cache:
        outputs.cache[key] = _rows(outputs, spec)
    rows: Rows = outputs.cache[key]
    return rows


def flat_of(outputs: Outputs, spec: ViewSpec) -> Flat:
    """Labels and predictions of all classes, or of the part that the sub key names. Raises DataError."""
    if spec not in outputs.cache:
        outputs.cache[spec] = _flat(whole_rows_of(outputs, spec), spec)
    flat: Flat = outputs.cache[spec]
    return flat


def predictions_of(outputs: Outputs, model: str, output: str) -> Array:
    """[n, c] float64. Raises DataError when the model has no such output or several and none is named."""
    of_model = outputs.predictions[model]
    if output and output not in of_model:
        raise DataError(f"the model has no output {output!r}, only {', '.join(map(repr, of_model))}")
    if not output and len(of_model) > 1:
        raise DataError(
            f"the model has several outputs ({', '.join(map(repr, of_model))}); the metrics must name one",
            fix="set output_names of the metrics, or prediction_key of the model",
        )
    array = of_model[output] if output else next(iter(of_model.values()))
    if array.dtype.kind not in "fiub":
        raise DataError(f"the output {output!r} is not numeric ({array.dtype})")
    return array.reshape(len(array), -1).astype(np.float64)


def _rows(outputs: Outputs, spec: ViewSpec) -> Rows:
    batch = outputs.batch
    predictions = predictions_of(outputs, spec.model, spec.output)
    weights: Array = np.ones(batch.size)
    if spec.weight_key:
        values = _numbers(batch, spec.weight_key, "weight").reshape(batch.size, -1)
        if values.shape[1] != 1:
            raise DataError(f"weight {spec.weight_key!r} has {values.shape[1]} values an example, not one")
        weights = values[:, 0]
    labels: Array = np.zeros((batch.size, predictions.shape[1]))
    if spec.label_key:
        labels = _numbers(batch, spec.label_key, "label").reshape(batch.size, -1)
    width = predictions.shape[1]
    if labels.shape[1] == 1 and width > 1:
        labels = labels[:, 0]
        outside = np.flatnonzero((labels < 0) | (labels >= width) | (labels != np.rint(labels)))
        if outside.size:
            row = int(outside[0])
            raise DataError(f"label {labels[row]:g} in {batch.place(row)}, where there are {width} classes")
    elif labels.shape[1] != width:
        raise DataError(f"labels {spec.label_key!r} have {labels.shape[1]} values an example, predictions {width}")
    return Rows(labels, predictions, weights)


def _numbers(batch: Batch, name: str, what: str) -> Array:
    column = batch.column(name, what)
    if column.dtype.kind not in "fiub":
        raise DataError(f"{what} {name!r} is not numeric ({column.dtype})", path=batch.source)
    return column.astype(np.float64)


def _flat(rows: Rows, spec: ViewSpec) -> Flat:
    labels, predictions = rows.dense, rows.predictions
    sub_key = spec.sub_key or SubKey()
    if sub_key.k is not None:
        order = _best(predictions, sub_key.k)[:, sub_key.k - 1 :]
        labels, predictions = _select(labels, order), _select(predictions, order)
    elif sub_key.top_k is not None:
        order = np.sort(_best(predictions, sub_key.top_k), axis=1)
        if spec.averaged:
            labels, predictions = _select(labels, order), _select(predictions, order)
        else:
            kept = np.full(predictions.shape, -np.inf)
            np.put_along_axis(kept, order, _select(predictions, order), axis=1)
            predictions = kept
    if sub_key.class_id is not None:
        if sub_key.class_id >= predictions.shape[1]:
            raise DataError(f"there is no class {sub_key.class_id} among the {predictions.shape[1]} of the predictions")
        labels, predictions = labels[:, [sub_key.class_id]], predictions[:, [sub_key.class_id]]
    weights = np.broadcast_to(rows.weights[:, None], predictions.shape)
    if spec.class_weights:
        factors = dict(spec.class_weights)
        weights = weights * np.array([factors.get(i, 0.0) for i in range(predictions.shape[1])])
    return Flat(labels, predictions, weights)


def _best(predictions: Array, k: int) -> Array:
    """The classes of the k largest predictions, largest first; of equal ones the first."""
    if k > predictions.shape[1]:
        raise DataError(f"the best {k} are asked for, but the predictions have {predictions.shape[1]} classes")
    return np.argsort(-predictions, axis=1, kind="stable")[:, :k]


def _select(values: Array, order: Array) -> Array:
    return np.take_along_axis(values, order, axis=1)
