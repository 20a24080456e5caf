"""`evaluate`: models and data in, a result out."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from litesmith.data import open_data
from litesmith.data.sources import Source, run_on_shards
from litesmith.errors import UsageError
from litesmith.evaluate import protos
from litesmith.evaluate.config import plan_of, read_config
from litesmith.evaluate.engine import Result, Work, result_of
from litesmith.evaluate.metrics import CLASSES
from litesmith.evaluate.plan import Plan
from litesmith.evaluate.predict import load_predictor

PathLike: TypeAlias = "str | os.PathLike[str]"
Models: TypeAlias = "PathLike | Sequence[PathLike] | Mapping[str, PathLike]"

DEFAULT_METRICS: Mapping[str, tuple[str, ...]] = {
    "classification": (
        "ExampleCount", "SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "SparseCategoricalCrossentropy",
        "MultiClassConfusionMatrixPlot",
    ),
    "binary": (
        "ExampleCount", "BinaryAccuracy", "AUC", "AUCPrecisionRecall", "Precision", "Recall", "F1Score", "Calibration",
        "BinaryCrossentropy", "ConfusionMatrixPlot", "CalibrationPlot",
    ),
    "regression": (
        "ExampleCount", "MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "SquaredPearsonCorrelation",
        "MeanLabel", "MeanPrediction",
    ),
}  # fmt: skip
"""Metrics of a task where none are asked for."""

_AGREEMENT = ("Sqnr", "OutputCosine", "MaxOutputError", "LabelFlipRate")
_ALIASES = {
    "accuracy": "SparseCategoricalAccuracy",
    "top_k_accuracy": "SparseTopKCategoricalAccuracy",
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "rmse": "RootMeanSquaredError",
    "mcc": "MatthewsCorrelationCoefficient",
}
_THRESHOLD = re.compile(
    r"\s*(?P<metric>\w+)\s*(?P<change>change|relative)?\s*(?P<sense>>=|<=)\s*(?P<bound>[-+.\deE]+)\s*(?:@\s*(?P<slice>.+?)\s*)?"
)


def evaluate(  # noqa: PLR0913 (an entry point: all but two have defaults)
    models: Models,
    data: Source,
    *,
    config: Any = None,
    label: str = "label",
    weight: str = "",
    task: str | None = None,
    metrics: Sequence[str] = (),
    slices: Sequence[str] = (),
    thresholds: Sequence[str] = (),
    baseline: str | None = None,
    output: PathLike | None = None,
    html: PathLike | None = None,
    inputs: Mapping[str, str] | None = None,
    data_format: str | None = None,
    image_size: tuple[int, int] | None = None,
    batch_size: int = 1024,
    threads: int = 1,
    skip_bad_records: int = 0,
    runner: str | None = None,
    runner_options: Sequence[str] = (),
) -> Result:
    """Evaluate models on data.

    models: a .tflite file (or, where TensorFlow is installed, a SavedModel), several, or a mapping of names to them.
    data: see `litesmith.data.open_data`. config: an EvalConfig (a message of TFMA, or the path of a text proto or JSON
    file), in the place of the next seven parameters. label, weight: features. task: ``classification``, ``binary`` or
    ``regression``, for the metrics where none are named. metrics, slices, thresholds: as docs/evaluate.md has them
    (``'Precision:{"thresholds": 0.9}'``, ``"country*age"``, ``"auc >= 0.9 @ overall"``). baseline: name or path of the model
    others are compared with. output: a folder to write in TFMA's structure; html: a report. inputs: input name -> feature
    name where they differ. skip_bad_records: how many damaged records are passed over. runner: an Apache Beam runner
    with its options; by default everything runs in this process, without Beam.

    Raises UsageError, DataError, FormatError and what the runtime raises; nothing is written then.
    """
    paths, dataset = _paths(models), open_data(data, format=data_format, image_size=image_size)
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, got {batch_size}")
    message = _message(config) if config is not None else _config_of(
        paths, label=label, weight=weight, task=task or _task_of(paths) if not metrics else task, metrics=metrics,
        slices=slices, thresholds=thresholds, baseline=baseline,
    )  # fmt: skip
    plan = plan_of(message, paths)
    by_name = {model.name: path for model, path in zip(plan.models, _in_order(paths, message), strict=True)}
    work = _work(plan, by_name, inputs or {}, batch_size, threads, skip_bad_records)
    total = run_on_shards(work, dataset, runner, runner_options)
    result = result_of(plan, total, dataset, by_name)
    _write(result, output, html)
    return result


def _work(
    plan: Plan, paths: Mapping[str, str], inputs: Mapping[str, str], batch_size: int, threads: int, skip: int
) -> Work:
    sizes = [model.batch_size for model in plan.models if model.batch_size]
    return Work(
        plan.models, paths, plan.statistics, plan.slices, dict(inputs), min(sizes, default=batch_size), threads, skip
    )


def _write(result: Result, output: PathLike | None, html: PathLike | None) -> None:
    if output is not None:
        from litesmith.evaluate.output import write_folder

        write_folder(result, Path(output))
    if html is not None:
        from litesmith.evaluate.report import write_html

        write_html(result, Path(html))


def _paths(models: Models) -> dict[str, str]:
    """Model name -> path."""
    if isinstance(models, Mapping):
        return {name: os.fspath(path) for name, path in models.items()}
    given = [models] if isinstance(models, str | os.PathLike) else list(models)
    if not given:
        raise UsageError("no model is given")
    names = [Path(path).stem for path in given]
    if len(set(names)) < len(names):
        names = [os.fspath(path) for path in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"the model {twice} is named twice")
    return {name: os.fspath(path) for name, path in zip(names, given, strict=True)}


def _in_order(paths: Mapping[str, str], config: Any) -> list[str]:
    """The paths in the order of the model_specs: by name where the names agree, else in the order given."""
    names = [spec.name for spec in config.model_specs]
    return [paths[name] for name in names] if set(names) == set(paths) else list(paths.values())


def _message(config: Any) -> Any:
    """Ours, of a path or of a message of TFMA."""
    if isinstance(config, str | os.PathLike):
        return read_config(Path(config))
    if not hasattr(config, "SerializeToString"):
        raise UsageError(f"config must be an EvalConfig or the path of one, got {type(config).__name__}")
    return protos.EvalConfig.FromString(config.SerializeToString())


def _task_of(paths: Mapping[str, str]) -> str:
    """The task that the first model's outputs suggest. Raises UsageError where they do not."""
    path = next(iter(paths.values()))
    signature = getattr(load_predictor(path), "signature", None)
    outputs = signature.outputs if signature is not None else ()
    shapes = [tuple(tensor.shape or ()) for tensor in outputs]
    if len(shapes) == 1 and len(shapes[0]) == 2 and shapes[0][-1] > 1:
        return "classification"
    raise UsageError(f"{path}: the outputs do not tell the task; say classification, binary or regression, or the metrics")


def _config_of(
    paths: Mapping[str, str], *, label: str, weight: str, task: str | None, metrics: Sequence[str],
    slices: Sequence[str], thresholds: Sequence[str], baseline: str | None,
) -> Any:  # fmt: skip
    """The EvalConfig that parameters amount to. Raises UsageError."""
    if task is not None and task not in DEFAULT_METRICS:
        raise UsageError(f"unknown task {task!r}; there are: {', '.join(DEFAULT_METRICS)}")
    base = None if baseline is None else _baseline_name(paths, baseline)
    message = protos.EvalConfig()
    for name in paths:
        message.model_specs.add(name=name, label_key=label, example_weight_key=weight, is_baseline=name == base)
    spec = message.metrics_specs.add()
    wanted = list(metrics) or [*DEFAULT_METRICS[task or "classification"], *(_AGREEMENT if base is not None else ())]
    configs = {}
    for text in wanted:
        name, _, config = text.partition(":")
        entry = spec.metrics.add(class_name=_class_name(name.strip()), config=config)
        configs[entry.class_name] = entry
    for text in thresholds:
        _set_threshold(text, configs)
    for text in ["", *slices]:
        _set_slice(message.slicing_specs.add(), text)
    return message


def _set_slice(spec: Any, text: str) -> None:
    """``"country*age"``, ``"country=fr"`` into a SlicingSpec."""
    for part in text.split("*"):
        name, is_value, value = (piece.strip() for piece in part.partition("="))
        if is_value:
            spec.feature_values[name] = value
        elif name:
            spec.feature_keys.append(name)


def _baseline_name(paths: Mapping[str, str], baseline: str) -> str:
    found = [name for name, path in paths.items() if baseline in (name, path)]
    if not found or len(paths) < 2:
        raise UsageError(f"the baseline {baseline!r} must be one of two or more models: {', '.join(paths)}")
    return found[0]


def _class_name(name: str) -> str:
    """A metric by its class, its name or a common short name."""
    if name in CLASSES:
        return name
    by_name = {kind.name: class_name for class_name, kind in CLASSES.items()}
    return _ALIASES.get(name) or by_name.get(name) or name


def _set_threshold(text: str, metrics: Mapping[str, Any]) -> None:
    match = _THRESHOLD.fullmatch(text)
    if match is None:
        raise UsageError(f"threshold {text!r}; write it like 'auc >= 0.9' or 'auc change >= -0.01'")
    entry = metrics.get(_class_name(match["metric"]))
    if entry is None:
        raise UsageError(f"threshold {text!r}: no such metric is computed, only {', '.join(metrics)}")
    try:
        bound = float(match["bound"])
    except ValueError:
        raise UsageError(f"threshold {text!r}: {match['bound']!r} is not a number") from None
    target = entry.threshold
    if match["slice"] is not None:
        part = entry.per_slice_thresholds.add()
        _set_slice(part.slicing_specs.add(), "" if match["slice"] == "overall" else match["slice"])
        target = part.threshold
    up = match["sense"] == ">="
    if match["change"] is None:
        getattr(target.value_threshold, "lower_bound" if up else "upper_bound").value = bound
        return
    change = target.change_threshold
    getattr(change, "absolute" if match["change"] == "change" else "relative").value = bound
    change.direction = protos.HIGHER_IS_BETTER if up else protos.LOWER_IS_BETTER

