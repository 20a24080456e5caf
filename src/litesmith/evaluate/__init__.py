"""Evaluation of models on data of any size: metrics by slice, thresholds, reports (docs/evaluate.md)."""

from litesmith.evaluate.api import evaluate
from litesmith.evaluate.engine import Result

__all__ = ["Result", "evaluate"]
