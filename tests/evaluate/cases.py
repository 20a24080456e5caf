"""Evaluations that TFMA can do, too: the same data and configurations for both, and values recorded from TFMA.

``python -m tests.evaluate.cases`` in an environment with TFMA records them again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RECORDED = Path(__file__).parent / "tfma.json"
ROWS = 120

BINARY = """
    AUC AUCPrecisionRecall BinaryAccuracy Precision Recall F1Score TruePositives TP TN FP FN TrueNegatives FalsePositives
    FalseNegatives PPV TPR Specificity TNR FallOut FPR MissRate FNR NegativePredictiveValue NPV FalseDiscoveryRate
    FalseOmissionRate Prevalence PrevalenceThreshold ThreatScore BalancedAccuracy MatthewsCorrelationCoefficient
    FowlkesMallowsIndex Informedness Markedness PositiveLikelihoodRatio NegativeLikelihoodRatio DiagnosticOddsRatio
    PredictedPositiveRate MaxRecall MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError
    MeanSquaredLogarithmicError MeanLabel MeanPrediction Calibration ExactMatch SquaredPearsonCorrelation
    CoefficientOfDiscrimination RelativeCoefficientOfDiscrimination BinaryCrossentropy RootMeanSquaredError
    CosineSimilarity KLDivergence Poisson LogCoshError Accuracy ExampleCount WeightedExampleCount
    SensitivityAtSpecificity:"specificity":0.7 SpecificityAtSensitivity:"sensitivity":0.7 PrecisionAtRecall:"recall":0.6
    RecallAtPrecision:"precision":0.8 RecallAtFalsePositiveRate:"false_positive_rate":0.2 ThresholdAtRecall:"recall":0.5
    Precision:"name":"precisions","thresholds":[0.2,0.7] AUC:"name":"auc_200","num_thresholds":200
    AUC:"name":"auc_major","curve":"PR","summation_method":"majoring" AUC:"name":"auc_minor","summation_method":"minoring"
"""
CLASSES = """
    SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy:"k":2 AUC Precision ExampleCount
    MeanSquaredError Precision:"name":"precision_2","top_k":2 Recall:"name":"recall_1","class_id":1 MeanLabel
"""
PARTS = "AUC Precision BinaryCrossentropy MeanLabel ExampleCount MeanSquaredError Calibration"
CURVES = "AUC Precision"
WEIGHTS = "class_weights { key: 0 value: 1 } class_weights { key: 1 value: 2 }"


@dataclass(frozen=True)
class Case:
    """metrics: names with configurations after a colon; more: of the MetricsSpec; classes: whether there are several."""

    name: str
    metrics: str
    more: str = ""
    weight: str = ""
    classes: bool = False

    @property
    def config(self) -> str:
        """The EvalConfig as text proto."""
        parts = [text.partition(":") for text in self.metrics.split()]
        metrics = "".join(f"metrics {{ class_name: '{name}' config: {json.dumps(config)} }}\n" for name, _, config in parts)
        weight = f"example_weight_key: '{self.weight}'" if self.weight else ""
        slices = "slicing_specs {} slicing_specs { feature_keys: 'g' }"
        restricted = "slicing_specs { feature_keys: 'g' feature_values { key: 'h' value: '1' } }"
        model = f"model_specs {{ label_key: 'label' prediction_key: 'prediction' {weight} }}"
        return f"{model}\nmetrics_specs {{ {metrics} {self.more} }}\n{slices} {restricted}"


CASES = [
    Case("binary", BINARY),
    Case("weighted", BINARY, weight="w"),
    Case("classes", CLASSES, classes=True),
    Case("class_ids", PARTS, "binarize { class_ids { values: [0, 2] } }", "w", True),
    Case("k_list", CURVES, "binarize { k_list { values: [1, 2] } }", classes=True),
    Case("top_k_list", CURVES, "binarize { top_k_list { values: [2] } }", classes=True),
    Case("micro", CURVES, f"aggregate {{ micro_average: true {WEIGHTS} }}", classes=True),
    Case("micro_top", CURVES, "aggregate { micro_average: true top_k_list { values: [2] } }", classes=True),
    Case("macro", CURVES, f"aggregate {{ macro_average: true {WEIGHTS} }}", classes=True),
    Case("macro_top", CURVES, "aggregate { macro_average: true top_k_list { values: [2] } }", classes=True),
    Case("weighted_macro", CURVES, f"aggregate {{ weighted_macro_average: true {WEIGHTS} }}", classes=True),
]


def data_of(case: Case) -> dict[str, np.ndarray]:
    """Columns label, w, g, h and prediction; the same on every machine."""
    spread = (np.arange(ROWS) * 2654435761 % 2**32) / 2**32
    other = (np.arange(ROWS) * 40503 % 65536) / 65536
    g = np.arange(ROWS) % 3
    columns = {"w": (other * 3).astype(np.float32), "g": g, "h": (g > 0).astype(np.int64)}
    if not case.classes:
        spread[:5] = [0, 1, 0.5, 0.25, 1e-6]
        return {**columns, "label": (other < spread).astype(np.int64), "prediction": spread.astype(np.float32)}
    scores = np.stack([np.roll(spread, i * 7) * (i + 1) ** 0.5 for i in range(4)], axis=1)
    scores = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    return {**columns, "label": (np.arange(ROWS) * 7 // 3) % 4, "prediction": scores}


def tfma_values(case: Case) -> dict[str, Any]:
    """What TFMA computes, by "slice | part | metric"."""
    import pandas as pd
    import tensorflow_model_analysis as tfma
    from google.protobuf import text_format
    from tensorflow_model_analysis.proto import config_pb2

    frame = pd.DataFrame({name: list(column) for name, column in data_of(case).items()})
    result = tfma.analyze_raw_data(frame, text_format.Parse(case.config, config_pb2.EvalConfig()))
    found = {}
    for key, outputs in result.slicing_metrics:
        for parts in outputs.values():
            for part, metrics in parts.items():
                for name, value in metrics.items():
                    what = f"{[list(pair) for pair in key]} | {part} | {name.splitlines()[-1].lstrip('_')}"
                    found[what] = value.get("doubleValue", value.get("arrayValue", {}).get("float64Values"))
    return {k: [float(x) for x in v] if isinstance(v, list) else float(v) for k, v in sorted(found.items())}


def our_values(case: Case) -> dict[str, Any]:
    """What we compute, by the same names."""
    from litesmith.data import Batch
    from litesmith.evaluate.accumulate import Accumulator
    from litesmith.evaluate.config import parse_config, plan_of
    from litesmith.evaluate.engine import result_of
    from litesmith.evaluate.views import Outputs

    config = parse_config(case.config)
    config.model_specs[0].prediction_key = ""  # TFMA's name for the only prediction in a table
    plan = plan_of(config, {"model": "model"})
    total = Accumulator(plan.statistics, plan.slices)
    columns = data_of(case)
    predictions = columns.pop("prediction")
    for start in range(0, ROWS, 50):
        rows = slice(start, min(start + 50, ROWS))
        batch = Batch({name: column[rows] for name, column in columns.items()}, rows.stop - rows.start)
        total.add(Outputs(batch, {"": {"out": predictions[rows]}}))
    result = result_of(plan, total, open_nothing(), {"": "model"})
    return {
        f"{[list(pair) for pair in key]} | {_part(metric.sub_key)} | {metric.name}": value
        for key, metrics in result.metrics.items()
        for metric, value in metrics.items()
    }


def open_nothing() -> Any:
    from litesmith.data import Dataset

    return Dataset((), "arrays")


def _part(sub_key: Any) -> str:
    if sub_key is None:
        return ""
    names = {"classId": sub_key.class_id, "k": sub_key.k, "topK": sub_key.top_k}
    return " ".join(f"{name}:{value}" for name, value in names.items() if value is not None)


def assert_equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """The same metrics in the same slices, within 1e-6."""
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-6, atol=1e-6, err_msg=name, equal_nan=True)


if __name__ == "__main__":
    RECORDED.write_text(json.dumps({case.name: tfma_values(case) for case in CASES}, indent=0) + "\n")
