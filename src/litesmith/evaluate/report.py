"""A result as one HTML page that needs nothing else: tables, and curves drawn as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from litesmith._util.pages import render_page
from litesmith._util.replacing import replacing
from litesmith.data.columns import Array
from litesmith.evaluate.confusion import Matrices, ratio
from litesmith.evaluate.engine import Result, failure_texts
from litesmith.evaluate.keys import MetricKey, SliceKey, slice_name
from litesmith.evaluate.metrics import Calibration, ClassMatrices

_SIDE = 260  # of a drawing, in pixels
_POINTS = 400  # at most, of a curve
_CLASSES = 60  # at most, of a matrix that is drawn


@dataclass(frozen=True)
class Curve:
    """A line in the unit square. points: as SVG takes them."""

    title: str
    x_label: str
    y_label: str
    points: str
    diagonal: bool = False


@dataclass(frozen=True)
class Grid:
    """A confusion matrix: rows of (count, share of the row); without: how many had no prediction."""

    title: str
    rows: list[list[tuple[float, float]]]
    without: float


def write_html(result: Result, path: Path) -> None:
    """Write the report; it appears whole."""
    content = render(result).encode()
    with replacing(path) as file:
        file.write(content)


def render(result: Result) -> str:
    """The report as text."""
    keys = _columns(result)
    return render_page(
        "litesmith.evaluate",
        "report.html",
        result=result,
        failures=failure_texts(result.validation),
        columns=[(str(key), _model(result, key)) for key in keys],
        rows=[
            (slice_name(s), result.counts[s], [_cell(metrics.get(k)) for k in keys], _failures(result, s, keys))
            for s, metrics in result.metrics.items()
        ],
        drawings=[(slice_name(s), list(_drawings(result, plots))) for s, plots in result.plots.items() if plots],
        side=_SIDE,
    )


def _columns(result: Result) -> list[MetricKey]:
    """Metrics that are numbers in some slice, in order."""
    found: dict[MetricKey, None] = {}
    for metrics in result.metrics.values():
        found.update((key, None) for key, value in metrics.items() if isinstance(value, float))
    return list(found)


def _model(result: Result, key: MetricKey) -> str:
    return key.model_name or (next(iter(result.model_locations), "") if len(result.model_locations) == 1 else "")


def _cell(value: object) -> tuple[str, float | None]:
    """How a number is shown, and what it is sorted by."""
    if not isinstance(value, float):
        return "", None
    return (f"{value:.6g}", value if np.isfinite(value) else None)


def _failures(result: Result, slice_key: SliceKey, keys: list[MetricKey]) -> list[bool]:
    failed = {f.threshold.key for f in result.validation.failures if f.slice == slice_key}
    return [key in failed for key in keys]


def _drawings(result: Result, plots: Mapping[MetricKey, Any]) -> Iterator[Curve | Grid]:
    for key, value in plots.items():
        of = f" of {_model(result, key)}" if key.model_name else ""
        part = f" ({key.sub_key})" if key.sub_key else ""
        if isinstance(value, Matrices):
            yield from _curves(value, of + part)
        elif isinstance(value, ClassMatrices):
            yield _grid(value, of)
        elif isinstance(value, Calibration):
            yield _calibration(value, of + part)


def _curves(m: Matrices, of: str) -> Iterator[Curve]:
    recall, fall_out = ratio(m.tp, m.tp + m.fn), ratio(m.fp, m.fp + m.tn)
    yield Curve("ROC" + of, "false positive rate", "true positive rate", _points(fall_out, recall), diagonal=True)
    yield Curve("Precision and recall" + of, "recall", "precision", _points(recall, ratio(m.tp, m.tp + m.fp)))


def _calibration(value: Calibration, of: str) -> Curve:
    """Mean label by mean prediction, over twenty ranges of predictions."""
    groups = np.array_split(np.arange(1, len(value.weights) - 1), 20)
    weights = np.array([value.weights[g].sum() for g in groups])
    x = ratio(np.array([value.predictions[g].sum() for g in groups]), weights)
    y = ratio(np.array([value.labels[g].sum() for g in groups]), weights)
    return Curve("Calibration" + of, "mean prediction", "mean label", _points(x, y), diagonal=True)


def _grid(value: ClassMatrices, of: str) -> Grid:
    table = value.counts[0][:_CLASSES, :-1][:, :_CLASSES]
    totals = np.maximum(table.sum(axis=1, keepdims=True), 1e-300)
    rows = [[(float(c), float(s)) for c, s in zip(*pair, strict=True)] for pair in zip(table, table / totals, strict=True)]
    title = "Confusion matrix" + of
    if len(value.counts[0]) > _CLASSES:
        title += f", the first {_CLASSES} of {len(value.counts[0])} classes"
    return Grid(title, rows, float(value.counts[0][:, -1].sum()))


def _points(x: Array, y: Array) -> str:
    """The finite points, thinned where they are many, in pixels."""
    keep = np.isfinite(x) & np.isfinite(y)
    x, y = np.clip(x[keep], 0, 1), np.clip(y[keep], 0, 1)
    if len(x) > _POINTS:
        moved = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        index = np.unique(np.searchsorted(moved, np.linspace(0, moved[-1], _POINTS)).clip(0, len(x) - 1))
        x, y = x[index], y[index]
    return " ".join(f"{a * _SIDE:.1f},{(1 - b) * _SIDE:.1f}" for a, b in zip(x, y, strict=True))
