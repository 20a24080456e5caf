"""The metrics by the names of their classes: what each adds up and how its value comes from the sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from litesmith.data.columns import Array
from litesmith.errors import UsageError
from litesmith.evaluate import confusion, means
from litesmith.evaluate.agreement import AGREEMENT, PairSums, quotient
from litesmith.evaluate.confusion import Matrices, ratio
from litesmith.evaluate.keys import MetricKey, SubKey
from litesmith.evaluate.statistics import ClassMatrix, Histogram, Statistic, Sums, ThresholdCounts
from litesmith.evaluate.views import ViewSpec, flat_of

Config: TypeAlias = Mapping[str, Any]
Compute: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Recipe:
    """statistics: what is added up; compute: the value from the cells of each [cells] float64."""

    statistics: tuple[Statistic, ...]
    compute: Compute


@dataclass(frozen=True)
class Metric:
    """A metric of an evaluation. plot: whether its value is a plot (see `plots`)."""

    key: MetricKey
    recipe: Recipe
    plot: bool = False


@dataclass(frozen=True)
class MetricClass:
    """A class of metrics. name: of its metrics unless the configuration gives one; build: view and configuration to the
    recipe; options: configuration it takes, with what is allowed None; labels: whether it needs them; sub_keys: whether
    it takes parts of the classes; models: whether it compares a model with the baseline."""

    name: str
    build: Callable[..., Recipe]
    options: frozenset[str] = frozenset()
    labels: bool = True
    sub_keys: bool = True
    plot: bool = False
    models: bool = False


_SUB_KEYS = frozenset({"top_k", "class_id"})


def _view_with(view: ViewSpec, top_k: int | None, class_id: int | None) -> ViewSpec:
    if top_k is None and class_id is None:
        return view
    sub_key = view.sub_key or SubKey()
    if (top_k is not None and sub_key.top_k is not None) or (class_id is not None and sub_key.class_id is not None):
        raise UsageError("a metric sets top_k or class_id, and so does binarize; leave one of them out")
    changes = {"top_k": top_k, "class_id": class_id}
    return replace(view, sub_key=replace(sub_key, **{k: v for k, v in changes.items() if v is not None}))


def _matrices(
    view: ViewSpec, default: tuple[float, ...] | None, thresholds: Any = None, num_thresholds: int | None = None
) -> tuple[Statistic, Callable[[Array], Matrices]]:
    """The counts at thresholds and how they become matrices; default None: the interpolated thresholds."""
    if thresholds is not None and num_thresholds is None:
        default = tuple(sorted(float(t) for t in np.atleast_1d(thresholds)))
    elif num_thresholds is None and view.sub_key is not None and view.sub_key.top_k is not None:
        default = (-np.inf,)
    if default is not None and num_thresholds is None:
        counts = ThresholdCounts(view, default)
        return counts, lambda cells: confusion.matrices_of_counts(counts, cells)
    if num_thresholds is not None and num_thresholds < 2:
        raise UsageError(f"num_thresholds must be at least 2, got {num_thresholds}")
    points = confusion.default_thresholds(num_thresholds)
    histogram = Histogram(view)
    return histogram, lambda cells: confusion.matrices_of_histogram(histogram, cells, points)


def _ratio_class(name: str, default: float = 0.5) -> MetricClass:
    function = confusion.RATIOS[name][1]

    def build(
        view: ViewSpec, thresholds: Any = None, num_thresholds: int | None = None, top_k: int | None = None,
        class_id: int | None = None,
    ) -> Recipe:  # fmt: skip
        statistic, matrices = _matrices(_view_with(view, top_k, class_id), (default,), thresholds, num_thresholds)
        return Recipe((statistic,), lambda cells: confusion.value_at_thresholds(matrices(cells), function))

    return MetricClass(name, build, _SUB_KEYS | {"thresholds", "num_thresholds"})


def _curve(compute: Compute, name: str, *required: str, default: tuple[float, ...] | None = None,
           optional: tuple[str, ...] = ()) -> MetricClass:  # fmt: skip
    """A metric of the whole curve of matrices."""

    def build(
        view: ViewSpec, thresholds: Any = None, num_thresholds: int | None = None, top_k: int | None = None,
        class_id: int | None = None, **config: Any,
    ) -> Recipe:  # fmt: skip
        missing = [option for option in required if option not in config]
        if missing:
            raise UsageError(f"metric {name} needs {', '.join(missing)} in its config")
        statistic, matrices = _matrices(_view_with(view, top_k, class_id), default, thresholds, num_thresholds)
        return Recipe((statistic,), lambda cells: compute(matrices(cells), **config))

    options = _SUB_KEYS | {"thresholds", "num_thresholds", *required, *optional}
    return MetricClass(name, build, options)


def _area(m: Matrices, curve: str = "ROC", summation_method: str = "interpolation") -> float:
    curve, method = curve.upper(), summation_method.lower()
    return confusion.area_under_curve(m, curve, method)


def _rate(tp: Array, other: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        rate: Array = tp / (tp + other)
        return rate


_CURVES = {
    "AUC": _curve(_area, "auc", optional=("curve", "summation_method")),
    "AUCPrecisionRecall": _curve(
        lambda m, **config: _area(m, "PR", **config), "auc_precision_recall", optional=("summation_method",)
    ),
    "SensitivityAtSpecificity": _curve(
        lambda m, specificity: confusion.best_under_constraint(_rate(m.tn, m.fp), _rate(m.tp, m.fn), specificity),
        "sensitivity_at_specificity", "specificity",
    ),
    "SpecificityAtSensitivity": _curve(
        lambda m, sensitivity: confusion.best_under_constraint(_rate(m.tp, m.fn), _rate(m.tn, m.fp), sensitivity),
        "specificity_at_sensitivity", "sensitivity",
    ),
    "PrecisionAtRecall": _curve(
        lambda m, recall: confusion.best_under_constraint(_rate(m.tp, m.fn), _rate(m.tp, m.fp), recall),
        "precision_at_recall", "recall",
    ),
    "RecallAtPrecision": _curve(
        lambda m, precision: confusion.best_under_constraint(_rate(m.tp, m.fp), _rate(m.tp, m.fn), precision),
        "recall_at_precision", "precision",
    ),
    "RecallAtFalsePositiveRate": _curve(
        lambda m, false_positive_rate: confusion.best_under_constraint(
            _rate(m.fp, m.tn), _rate(m.tp, m.fn), false_positive_rate, np.less_equal
        ),
        "recall_at_false_positive_rate", "false_positive_rate",
    ),
    "ThresholdAtRecall": _curve(
        lambda m, recall: confusion.best_under_constraint(_rate(m.tp, m.fn), m.thresholds, recall),
        "threshold_at_recall", "recall",
    ),
    "ConfusionMatrixAtThresholds": _curve(lambda m: m, "confusion_matrix_at_thresholds", default=(0.5,)),
}  # fmt: skip


def _flat(name: str, function: Callable[..., Array], compute: Compute = quotient, *options: str) -> MetricClass:
    def build(view: ViewSpec, **config: Any) -> Recipe:
        return Recipe((Sums(view, function, tuple(sorted(config.items())), flat_of),), compute)

    return MetricClass(name, build, frozenset(options))


def _rows(
    name: str, function: Callable[..., Array], *options: str, compute: Compute = quotient, counts: bool = False
) -> MetricClass:
    def build(view: ViewSpec, **config: Any) -> Recipe:
        return Recipe((Sums(view, function, tuple(sorted(config.items()))),), compute)

    return MetricClass(name, build, frozenset(options), labels=not counts)


def _squared_correlation(cells: Array) -> float:
    l, p, ll, pp, lp, n = (float(c) for c in cells)  # noqa: E741
    if n <= 0:
        return float("nan")
    denominator = (ll - l * l / n) * (pp - p * p / n)
    return (lp - l * p / n) ** 2 / denominator if denominator > 0 else float("nan")


def _discrimination(cells: Array) -> float:
    return float(ratio(cells[1], cells[0]) - ratio(cells[3], cells[2]))


def _relative_discrimination(cells: Array) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(ratio(cells[1], cells[0]) / ratio(cells[3], cells[2])) if cells[3] else float("nan")


_SUMS = {
    "MeanSquaredError": _flat("mean_squared_error", means.squared_error),
    "MeanAbsoluteError": _flat("mean_absolute_error", means.absolute_error),
    "MeanAbsolutePercentageError": _flat("mean_absolute_percentage_error", means.percentage_error),
    "MeanSquaredLogarithmicError": _flat("mean_squared_logarithmic_error", means.logarithmic_error),
    "MeanLabel": _flat("mean_label", means.calibration_sums, lambda c: float(ratio(c[0], c[2]))),
    "MeanPrediction": _flat("mean_prediction", means.calibration_sums, lambda c: float(ratio(c[1], c[2]))),
    "Calibration": _flat("calibration", means.calibration_sums, lambda c: float(ratio(c[1], c[0]))),
    "ExactMatch": _flat("exact_match", means.exact_match),
    "SquaredPearsonCorrelation": _flat(
        "squared_pearson_correlation", means.correlation_sums, _squared_correlation
    ),
    "CoefficientOfDiscrimination": _flat(
        "coefficient_of_discrimination", means.discrimination_sums, _discrimination
    ),
    "RelativeCoefficientOfDiscrimination": _flat(
        "relative_coefficient_of_discrimination", means.discrimination_sums, _relative_discrimination
    ),
    "BinaryCrossEntropy": _flat(
        "binary_crossentropy", means.exact_binary_crossentropy, quotient, "from_logits", "label_smoothing"
    ),
    "BinaryCrossentropy": _rows(
        "binary_crossentropy", means.binary_crossentropy, "from_logits", "label_smoothing"
    ),
    "CategoricalCrossentropy": _rows(
        "categorical_crossentropy", means.categorical_crossentropy, "from_logits", "label_smoothing"
    ),
    "SparseCategoricalCrossentropy": _rows(
        "sparse_categorical_crossentropy", means.sparse_categorical_crossentropy, "from_logits"
    ),
    "Accuracy": _rows("accuracy", means.equal_values),
    "CategoricalAccuracy": _rows("categorical_accuracy", means.class_accuracy),
    "SparseCategoricalAccuracy": _rows("sparse_categorical_accuracy", means.class_accuracy),
    "TopKCategoricalAccuracy": _rows("top_k_categorical_accuracy", means.top_k_accuracy, "k"),
    "SparseTopKCategoricalAccuracy": _rows("sparse_top_k_categorical_accuracy", means.top_k_accuracy, "k"),
    "RootMeanSquaredError": _rows(
        "root_mean_squared_error", means.mean_row_squared_error, compute=lambda c: float(np.sqrt(quotient(c)))
    ),
    "CosineSimilarity": _rows("cosine_similarity", means.cosine_similarity),
    "KLDivergence": _rows("kl_divergence", means.kl_divergence),
    "Poisson": _rows("poisson", means.poisson),
    "LogCoshError": _rows("log_cosh_error", means.log_cosh),
    "ExampleCount": _rows("example_count", means.count, compute=lambda c: float(c[0]), counts=True),
    "WeightedExampleCount": _rows("weighted_example_count", means.count, compute=lambda c: float(c[0]), counts=True),
}


@dataclass(frozen=True)
class ClassMatrices:
    """counts [thresholds, actual classes, predicted classes + 1]; the last column: no class was predicted."""

    thresholds: tuple[float, ...]
    counts: Array


@dataclass(frozen=True)
class Calibration:
    """Buckets of predictions: bounds and weights, weighted labels, weighted predictions of each."""

    lower: Array
    upper: Array
    weights: Array
    labels: Array
    predictions: Array


def _class_matrix(
    view: ViewSpec, thresholds: Any = None, num_thresholds: int | None = None, default: float = 0.0
) -> Recipe:
    points: tuple[float, ...] = (default,)
    if num_thresholds is not None:
        points = confusion.interpolated_thresholds(num_thresholds)
    elif thresholds is not None:
        points = tuple(float(t) for t in np.atleast_1d(thresholds))
    statistic = ClassMatrix(view, points)

    def compute(cells: Array) -> ClassMatrices:
        classes = round(((1 + 4 * len(cells) / len(points)) ** 0.5 - 1) / 2)  # cells = classes * (classes + 1)
        return ClassMatrices(points, cells.reshape(len(points), classes, classes + 1))

    return Recipe((statistic,), compute)


def _confusion_plot(view: ViewSpec, num_thresholds: int = 1000) -> Recipe:
    histogram = Histogram(view)
    points = (-1e-6, *(i / num_thresholds for i in range(num_thresholds + 1)))
    return Recipe((histogram,), lambda cells: confusion.matrices_of_histogram(histogram, cells, points))


def _calibration_plot(view: ViewSpec, num_buckets: int = 1000) -> Recipe:
    histogram = Histogram(view, with_predictions=True)
    bounds = np.arange(num_buckets + 1) / num_buckets

    def compute(cells: Array) -> Calibration:
        table = cells.reshape(histogram.buckets + 2, 3)
        starts = np.concatenate([[-np.inf], np.arange(histogram.buckets) / histogram.buckets, [np.inf]])
        place = np.searchsorted(bounds, starts, side="right")
        sums = [np.bincount(place, table[:, i], num_buckets + 2) for i in range(3)]
        return Calibration(np.concatenate([[-np.inf], bounds]), np.concatenate([bounds, [np.inf]]), *sums)

    return Recipe((histogram,), compute)


_MATRIX_OPTIONS = frozenset({"thresholds", "num_thresholds"})

_PLOTS = {
    "MultiClassConfusionMatrixAtThresholds": MetricClass(
        "multi_class_confusion_matrix_at_thresholds", partial(_class_matrix, default=0.5), frozenset({"thresholds"}),
        sub_keys=False,
    ),
    "MultiClassConfusionMatrixPlot": MetricClass(
        "multi_class_confusion_matrix_plot", _class_matrix, _MATRIX_OPTIONS, sub_keys=False, plot=True
    ),
    "ConfusionMatrixPlot": MetricClass(
        "confusion_matrix_plot", _confusion_plot, frozenset({"num_thresholds"}), plot=True
    ),
    "CalibrationPlot": MetricClass("calibration_plot", _calibration_plot, frozenset({"num_buckets"}), plot=True),
}  # fmt: skip


def _agreement(name: str) -> MetricClass:
    function, compute = AGREEMENT[name]

    def build(view: ViewSpec, baseline: ViewSpec, **config: Any) -> Recipe:
        return Recipe((PairSums(view, baseline, function, tuple(sorted(config.items()))),), compute)

    options = frozenset({"threshold"}) if "flip" in name else frozenset()
    return MetricClass(name, build, options, labels=False, sub_keys=False, models=True)


CLASSES: Mapping[str, MetricClass] = {
    **{name: _ratio_class(key) for key, (names, _) in confusion.RATIOS.items() for name in names},
    "MaxRecall": replace(_ratio_class("recall", 1e-12), name="max_recall"),
    **_CURVES,
    **_SUMS,
    **_PLOTS,
    **{"".join(word.capitalize() for word in name.split("_")): _agreement(name) for name in AGREEMENT},
}
"""Class name -> metric class."""
