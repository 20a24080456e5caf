"""The names of TensorFlow 1: its converter, and those of `litesmith.lite` that are the same in both."""

from litesmith.compat.v1 import lite
from litesmith.compat.v1.lite import TFLiteConverter

__all__ = ["TFLiteConverter", "lite"]
