"""An evaluation from data to values: predict, add up, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from litesmith.data.columns import Array, Batch, DataError
from litesmith.data.sources import Dataset, Shard
from litesmith.evaluate.accumulate import Accumulator
from litesmith.evaluate.keys import MetricKey, SliceKey, slice_name, slice_order
from litesmith.evaluate.metrics import Metric
from litesmith.evaluate.plan import ModelPlan, Plan, Threshold, value_of
from litesmith.evaluate.predict import predictor_of_thread
from litesmith.evaluate.slicing import SliceSpec
from litesmith.evaluate.statistics import Statistic
from litesmith.evaluate.views import Outputs


@dataclass(frozen=True)
class Work:
    """What a worker needs to add up a shard; it can be pickled.

    paths: model name -> file; inputs: input name -> feature name; skip: how many bad records a shard may have.
    """

    models: tuple[ModelPlan, ...]
    paths: Mapping[str, str]
    statistics: tuple[Statistic, ...]
    slices: tuple[SliceSpec, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    batch_size: int = 1024
    threads: int = 1
    skip: int = 0

    def empty(self) -> Accumulator:
        return Accumulator(self.statistics, self.slices)

    def of_shard(self, shard: Shard) -> Accumulator:
        """Run the models on a shard and add up."""
        total = self.empty()
        for batch in shard.batches(self.batch_size, self.skip):
            total.add(self._predict(batch))
        return total

    def merge(self, total: Accumulator, part: Accumulator) -> Accumulator:
        total.merge(part)
        if total.skipped > self.skip:
            raise DataError(f"more than {self.skip} bad records; the last: {total.reasons[-1]}")
        return total

    def _predict(self, batch: Batch) -> Outputs:
        """A batch with the outputs of every model."""
        if not batch.size:
            return Outputs(batch, {})
        predictions = {
            model.name: predictor_of_thread(
                self.paths[model.name], model.signature, self.inputs, self.threads
            ).predict(batch)
            for model in self.models
        }
        return Outputs(batch, predictions)




@dataclass(frozen=True)
class Failure:
    """A threshold that does not hold in a slice; value None: the metric was not computed there."""

    slice: SliceKey
    threshold: Threshold
    value: float | None


@dataclass(frozen=True)
class Validation:
    """Whether every threshold holds. missing: slices that thresholds name and the data do not have."""

    ok: bool
    failures: tuple[Failure, ...] = ()
    missing: tuple[SliceSpec, ...] = ()
    checked: int = 0


@dataclass(frozen=True)
class Result:
    """Metrics and plots by slice and key, and whether the thresholds hold.

    counts: examples by slice; omitted: slices of fewer examples than the least that are reported.
    """

    plan: Plan
    metrics: Mapping[SliceKey, Mapping[MetricKey, Any]]
    plots: Mapping[SliceKey, Mapping[MetricKey, Any]]
    counts: Mapping[SliceKey, int]
    validation: Validation
    omitted: int = 0
    skipped: tuple[str, ...] = ()
    data_location: str = ""
    data_format: str = ""
    model_locations: Mapping[str, str] = field(default_factory=dict)

    @property
    def blessed(self) -> bool:
        """Whether every threshold holds."""
        return self.validation.ok

    def value(self, name: str, slice_key: SliceKey = (), model: str | None = None) -> Any:
        """The value of the first metric of a name."""
        for key, value in self.metrics[slice_key].items():
            if key.name == name and not key.is_diff and model in (None, key.model_name):
                return value
        raise KeyError(name)


def result_of(plan: Plan, total: Accumulator, data: Dataset, paths: Mapping[str, str]) -> Result:
    """The values of all metrics in all slices. Raises DataError when there were no examples, or none in a slice."""
    if not total.counts.sum() and SliceSpec() in plan.slices:
        raise DataError("there are no examples to evaluate", path=data.location)
    empty = [str(spec) for spec in plan.slices if not any(map(spec.covers, total.slots))]
    if empty:
        fix = "slice by features and values that the data have"
        raise DataError(f"no example lies in the slice {', '.join(empty)}", path=data.location, fix=fix)
    cells = {s: t.values() for s, t in zip(total.statistics, total.tables, strict=True) if t is not None}
    metrics: dict[SliceKey, dict[MetricKey, Any]] = {}
    plots: dict[SliceKey, dict[MetricKey, Any]] = {}
    counts = {key: int(total.counts[slot]) for key, slot in total.slots.items()}
    kept = [key for key in slice_order(list(counts)) if counts[key] >= max(plan.min_slice_size, 1)]
    for key in kept:
        metrics[key], plots[key] = _values(plan, cells, total.slots[key])
    validation = validate(plan, metrics)
    titles = {model.title or model.name: paths[model.name] for model in plan.models}
    return Result(
        plan, metrics, plots, {key: counts[key] for key in kept}, validation, len(counts) - len(kept), total.reasons,
        data.location, data.format, titles,
    )  # fmt: skip


def _values(plan: Plan, cells: Mapping[Statistic, Array], slot: int) -> tuple[dict[MetricKey, Any], dict[MetricKey, Any]]:
    metrics: dict[MetricKey, Any] = {}
    plots: dict[MetricKey, Any] = {}
    for metric in plan.metrics:
        value = value_of(metric, lambda statistic: cells[statistic][slot])
        (plots if isinstance(metric, Metric) and metric.plot else metrics)[metric.key] = value
    if plan.baseline is not None:
        metrics.update(_differences(metrics, plan.baseline))
    return metrics, plots


def _differences(metrics: Mapping[MetricKey, Any], baseline: str) -> dict[MetricKey, Any]:
    """Model minus baseline, of every metric both have as a number or an array."""
    found = {}
    for key, value in metrics.items():
        other = metrics.get(replace(key, model_name=baseline))
        if key.model_name != baseline and isinstance(value, float | np.ndarray) and isinstance(other, float | np.ndarray):
            found[key.diff()] = value - other
    return found


def validate(plan: Plan, metrics: Mapping[SliceKey, Mapping[MetricKey, Any]]) -> Validation:
    """Check every threshold in every slice it is about."""
    failures, missing, checked = [], [], 0
    for threshold in plan.thresholds:
        slices = [key for key in metrics if threshold.slices is None or threshold.slices.covers(key)]
        if not slices and threshold.slices is not None:
            missing.append(threshold.slices)
        for key in slices:
            checked += 1
            value = metrics[key].get(threshold.key)
            base = metrics[key].get(replace(threshold.key, is_diff=False, model_name=plan.baseline or ""))
            number = float(value) if isinstance(value, float) else None
            if number is None or not threshold.holds(number, base if isinstance(base, float) else None):
                failures.append(Failure(key, threshold, number))
    return Validation(not failures and not missing, tuple(failures), tuple(dict.fromkeys(missing)), checked)


def failure_texts(validation: Validation) -> list[str]:
    """A line for each threshold that does not hold."""
    lines = []
    for failure in validation.failures:
        value = "is not computed" if failure.value is None else f"is {failure.value:.6g}"
        lines.append(f"{slice_name(failure.slice)}: {failure.threshold.key} {value}, not {failure.threshold}")
    return lines + [f"no slice {spec} in the data, for which a threshold is set" for spec in validation.missing]
