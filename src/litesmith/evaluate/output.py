"""Results in TFMA's structure: a folder of protos that `tfma.load_eval_result` opens, with a report beside them."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from litesmith.data.tfrecord import write_records
from litesmith.errors import UsageError
from litesmith.evaluate import protos
from litesmith.evaluate.confusion import Matrices, ratio
from litesmith.evaluate.engine import Result, failure_texts
from litesmith.evaluate.keys import MetricKey, SliceKey, SubKey, slice_name
from litesmith.evaluate.metrics import Calibration, ClassMatrices
from litesmith.evaluate.plan import Threshold
from litesmith.evaluate.slicing import SliceSpec

TFMA_VERSION = "0.52.0"
"""Of the format that is written."""

BLESSED, NOT_BLESSED = "BLESSED", "NOT_BLESSED"
_CONFIG = "eval_config.json"


def write_folder(result: Result, path: Path) -> None:
    """Write all of a result into a folder, which appears whole; an earlier result there is replaced.

    Raises UsageError when something else lies there, and OSError.
    """
    if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not (path / _CONFIG).exists())):
        raise UsageError(f"{path} exists and holds something else than a result; name another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        for name, write in _FILES.items():
            (scratch / name).write_bytes(write(result))
        (scratch / (BLESSED if result.blessed else NOT_BLESSED)).touch()
        scratch.chmod(0o755)
        _take_place(scratch, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _take_place(scratch: Path, path: Path) -> None:
    if not path.exists():
        os.replace(scratch, path)
        return
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as old:
        os.replace(path, Path(old) / "old")
        os.replace(scratch, path)


def result_json(result: Result) -> dict[str, Any]:
    """All of a result but the plots, for programs. NaN and infinities are null."""
    return {
        "blessed": result.blessed,
        "failures": failure_texts(result.validation),
        "data": result.data_location,
        "models": dict(result.model_locations),
        "skipped": list(result.skipped),
        "omitted_slices": result.omitted,
        "slices": [
            {
                "slice": dict(key),
                "name": slice_name(key),
                "examples": result.counts[key],
                "metrics": [_metric_json(k, v) for k, v in metrics.items() if not isinstance(v, ClassMatrices | Matrices)],
            }
            for key, metrics in result.metrics.items()
        ],
    }


def _metric_json(key: MetricKey, value: Any) -> dict[str, Any]:
    fields = {
        "name": key.name, "model": key.model_name, "output": key.output_name, "sub_key": str(key.sub_key or ""),
        "aggregation": key.aggregation, "weighted": key.example_weighted, "difference": key.is_diff,
    }  # fmt: skip
    numbers = [_finite(v) for v in np.ravel(value)]
    return {**{k: v for k, v in fields.items() if v}, "value": numbers if isinstance(value, np.ndarray) else numbers[0]}


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _records(messages: Iterable[Any]) -> bytes:
    import io

    out = io.BytesIO()
    write_records(out, (message.SerializeToString(deterministic=True) for message in messages))
    return out.getvalue()


def _config_file(result: Result) -> bytes:
    from google.protobuf import json_format

    config = result.plan.config or protos.EvalConfig()
    run = protos.EvalRun(
        eval_config=config, version=TFMA_VERSION, data_location=result.data_location, file_format=result.data_format,
        model_locations={name if len(result.model_locations) > 1 else "": path
                         for name, path in result.model_locations.items()},
    )  # fmt: skip
    return json_format.MessageToJson(run).encode()


def _metrics_file(result: Result) -> bytes:
    messages = []
    for key, metrics in result.metrics.items():
        message = protos.MetricsForSlice(slice_key=_slice_key(key))
        for metric, value in metrics.items():
            message.metric_keys_and_values.add(key=_metric_key(metric), value=_metric_value(value))
        messages.append(message)
    return _records(messages)


def _plots_file(result: Result) -> bytes:
    messages = []
    for key, plots in result.plots.items():
        if not plots:
            continue
        message = protos.PlotsForSlice(slice_key=_slice_key(key))
        merged: dict[MetricKey, Any] = {}
        for metric, value in plots.items():
            bare = MetricKey("", metric.model_name, metric.output_name, metric.sub_key,
                             example_weighted=metric.example_weighted)  # fmt: skip
            merged.setdefault(bare, protos.PlotData()).MergeFrom(_plot_data(value))
        for metric, data in merged.items():
            plot_key = protos.PlotKey(model_name=metric.model_name, output_name=metric.output_name)
            _set_common(plot_key, metric)
            message.plot_keys_and_values.add(key=plot_key, value=data)
        messages.append(message)
    return _records(messages)


def _attributions_file(result: Result) -> bytes:
    return _records(protos.AttributionsForSlice(slice_key=_slice_key(key)) for key in result.metrics)


def _validation_file(result: Result) -> bytes:
    validation = result.validation
    message = protos.ValidationResult(validation_ok=validation.ok, missing_thresholds=not result.plan.thresholds)
    by_slice: dict[SliceKey, Any] = {}
    for failure in validation.failures:
        if failure.slice not in by_slice:
            by_slice[failure.slice] = message.metric_validations_per_slice.add(slice_key=_slice_key(failure.slice))
        entry = by_slice[failure.slice].failures.add(metric_key=_metric_key(failure.threshold.key))
        entry.metric_threshold.CopyFrom(_threshold(failure.threshold))
        if failure.value is None:
            entry.message = "Metric not found."
        else:
            entry.metric_value.double_value.value = failure.value
    for spec in validation.missing:
        message.missing_slices.add().CopyFrom(_slicing_spec(spec))
    return _records([message])


def _json_file(result: Result) -> bytes:
    return (json.dumps(result_json(result), indent=2) + "\n").encode()


_FILES: Mapping[str, Callable[[Result], bytes]] = {
    _CONFIG: _config_file,
    "metrics-00000-of-00001.tfrecord": _metrics_file,
    "plots-00000-of-00001.tfrecord": _plots_file,
    "attributions-00000-of-00001.tfrecord": _attributions_file,
    "validations.tfrecord": _validation_file,
    "result.json": _json_file,
}


def _slice_key(key: SliceKey) -> Any:
    message = protos.SliceKey()
    for feature, value in key:
        entry = message.single_slice_keys.add(column=feature)
        if isinstance(value, str):
            entry.bytes_value = value.encode()
        elif isinstance(value, int):
            entry.int64_value = value
        else:
            entry.float_value = value
    return message


def _slicing_spec(spec: SliceSpec) -> Any:
    return protos.SlicingSpec(feature_keys=spec.features, feature_values=dict(spec.values))


def _metric_key(key: MetricKey) -> Any:
    message = protos.MetricKey(
        name=key.name, model_name=key.model_name, output_name=key.output_name, is_diff=key.is_diff
    )
    if key.aggregation:
        setattr(message.aggregation_type, key.aggregation, True)
    _set_common(message, key)
    return message


def _set_common(message: Any, key: MetricKey) -> None:
    message.example_weighted.value = key.example_weighted
    sub_key = key.sub_key or SubKey()
    for name in ("class_id", "k", "top_k"):
        value = getattr(sub_key, name)
        if value is not None:
            getattr(message.sub_key, name).value = value


def _threshold(threshold: Threshold) -> Any:
    message = protos.MetricThreshold()
    change = message.change_threshold if threshold.key.is_diff else message.value_threshold
    bounds = {"lower_bound": threshold.lower, "upper_bound": threshold.upper, "absolute": threshold.absolute,
              "relative": threshold.relative}  # fmt: skip
    for name, value in bounds.items():
        if value is not None:
            getattr(change, name).value = value
    if threshold.key.is_diff:
        change.direction = protos.HIGHER_IS_BETTER if threshold.higher_is_better else protos.LOWER_IS_BETTER
    return message


def _metric_value(value: Any) -> Any:
    if isinstance(value, Matrices):
        return protos.MetricValue(confusion_matrix_at_thresholds=_matrices(value))
    if isinstance(value, ClassMatrices):
        return protos.MetricValue(multi_class_confusion_matrix_at_thresholds=_class_matrices(value))
    message = protos.MetricValue()
    if isinstance(value, np.ndarray):
        message.array_value.data_type = message.array_value.FLOAT64
        message.array_value.shape.extend(value.shape)
        message.array_value.float64_values.extend(value.ravel().tolist())
    else:
        message.double_value.value = float(value)
    return message


def _plot_data(value: Any) -> Any:
    if isinstance(value, Matrices):
        return protos.PlotData(confusion_matrix_at_thresholds=_matrices(value))
    if isinstance(value, ClassMatrices):
        return protos.PlotData(multi_class_confusion_matrix_at_thresholds=_class_matrices(value))
    return protos.PlotData(calibration_histogram_buckets=_buckets(value))


def _matrices(m: Matrices) -> Any:
    """With the figures that follow from the counts, as TFMA fills them in where they are not defined."""
    precision = np.nan_to_num(ratio(m.tp, m.tp + m.fp), nan=1.0)
    recall = np.nan_to_num(ratio(m.tp, m.tp + m.fn), nan=0.0)
    columns = {
        "threshold": np.round(m.thresholds, 6),
        "true_positives": m.tp, "false_positives": m.fp, "true_negatives": m.tn, "false_negatives": m.fn,
        "precision": precision,
        "recall": recall,
        "false_positive_rate": np.nan_to_num(ratio(m.fp, m.fp + m.tn), nan=0.0),
        "false_omission_rate": ratio(m.fn, m.fn + m.tn),
        "f1": np.nan_to_num(ratio(2 * precision * recall, precision + recall), nan=0.0),
        "accuracy": np.nan_to_num(ratio(m.tp + m.tn, m.tp + m.tn + m.fp + m.fn), nan=0.0),
    }  # fmt: skip
    message = protos.ConfusionMatrixAtThresholds()
    for row in zip(*(np.asarray(column, np.float64).tolist() for column in columns.values()), strict=True):
        message.matrices.add(**dict(zip(columns, row, strict=True)))
    return message


def _class_matrices(value: ClassMatrices) -> Any:
    message = protos.MultiClassConfusionMatrixAtThresholds()
    for threshold, table in zip(value.thresholds, value.counts, strict=True):
        matrix = message.matrices.add(threshold=threshold)
        none = table.shape[1] - 1
        for actual, predicted in np.argwhere(table):
            matrix.entries.add(
                actual_class_id=int(actual),
                predicted_class_id=-1 if predicted == none else int(predicted),
                num_weighted_examples=float(table[actual, predicted]),
            )
    return message


def _buckets(value: Calibration) -> Any:
    message = protos.CalibrationHistogramBuckets()
    for lower, upper, *sums in zip(value.lower, value.upper, value.weights, value.labels, value.predictions, strict=True):
        bucket = message.buckets.add(lower_threshold_inclusive=lower, upper_threshold_exclusive=upper)
        for name, number in zip(
            ("num_weighted_examples", "total_weighted_label", "total_weighted_refined_prediction"), sums, strict=True
        ):
            getattr(bucket, name).value = number
    return message
