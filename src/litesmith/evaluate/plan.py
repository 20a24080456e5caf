"""What an evaluation computes: metrics, slices and thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.data.columns import Array
from litesmith.evaluate.keys import MetricKey
from litesmith.evaluate.metrics import Metric
from litesmith.evaluate.slicing import SliceSpec
from litesmith.evaluate.statistics import Statistic


@dataclass(frozen=True)
class Average:
    """A mean over the classes. parts: the metric of each class; weights: one factor a class; labels: a statistic of the
    weighted labels by class, where classes count by how often they occur, and the class of each part."""

    key: MetricKey
    parts: tuple[Metric, ...]
    weights: tuple[float, ...]
    labels: Statistic | None = None

    def compute(self, values: Callable[[Statistic], Array]) -> float:
        """The mean; values gives the cells of a statistic."""
        factors = np.array(self.weights)
        if self.labels is not None:
            sums = values(self.labels)
            factors = factors * [sums[part.key.sub_key.class_id or 0] if part.key.sub_key else 0 for part in self.parts]
        found = [float(value_of(part, values)) for part in self.parts]
        return float(np.dot(found, factors) / factors.sum()) if factors.sum() else float("nan")


def value_of(metric: Metric | Average, values: Callable[[Statistic], Array]) -> Any:
    """The value of a metric or an average from the cells of its statistics."""
    if isinstance(metric, Average):
        return metric.compute(values)
    return metric.recipe.compute(*[values(statistic) for statistic in metric.recipe.statistics])


def statistics_of(metric: Metric | Average) -> list[Statistic]:
    """Everything a metric adds up."""
    if isinstance(metric, Average):
        own = [] if metric.labels is None else [metric.labels]
        return own + [s for part in metric.parts for s in part.recipe.statistics]
    return list(metric.recipe.statistics)


@dataclass(frozen=True)
class Threshold:
    """A bound on a metric. slices: where it holds (None: in every slice). Of a change against the baseline
    (key.is_diff): absolute and relative, with the direction that is better."""

    key: MetricKey
    slices: SliceSpec | None = None
    lower: float | None = None
    upper: float | None = None
    absolute: float | None = None
    relative: float | None = None
    higher_is_better: bool = True

    def holds(self, value: float, baseline: float | None) -> bool:
        """Whether a value (of a change: the difference) keeps the bound; NaN never does."""
        if not self.key.is_diff:
            low = -np.inf if self.lower is None else self.lower
            high = np.inf if self.upper is None else self.upper
            return bool(low <= value <= high)
        checks = []
        if self.absolute is not None:
            checks.append((value, self.absolute))
        if self.relative is not None:
            checks.append((value / baseline if baseline else float("nan"), self.relative))
        return all(v >= bound if self.higher_is_better else v <= bound for v, bound in checks)

    def __str__(self) -> str:
        better = ">=" if self.higher_is_better else "<="
        parts = [
            f">= {self.lower:g}" if self.lower is not None else "",
            f"<= {self.upper:g}" if self.upper is not None else "",
            f"change {better} {self.absolute:g}" if self.absolute is not None else "",
            f"relative change {better} {self.relative:g}" if self.relative is not None else "",
        ]
        return " and ".join(part for part in parts if part)


@dataclass(frozen=True)
class ModelPlan:
    """A model of an evaluation. name: as in keys of metrics ("" for an only one); signature: its entry point."""

    name: str
    title: str = ""
    signature: str | None = None
    baseline: bool = False
    batch_size: int = 0


@dataclass(frozen=True)
class Plan:
    """What to compute. config: the EvalConfig message it was made of, for reports."""

    metrics: tuple[Metric | Average, ...]
    slices: tuple[SliceSpec, ...]
    models: tuple[ModelPlan, ...]
    thresholds: tuple[Threshold, ...] = ()
    min_slice_size: int = 1
    config: Any = None

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Everything that is added up, each once."""
        return tuple(dict.fromkeys(s for metric in self.metrics for s in statistics_of(metric)))

    @property
    def baseline(self) -> str | None:
        """The name of the baseline among the models."""
        return next((model.name for model in self.models if model.baseline), None)
