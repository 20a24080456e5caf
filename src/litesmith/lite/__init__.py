"""The drop-in face: the names of ``tf.lite`` that concern conversion.

import litesmith as lite
converter = lite.TFLiteConverter.from_saved_model("dir", signature_keys=["serving_default"])
open("model.tflite", "wb").write(converter.convert())

docs/drop-in.md tells for each name whether it is the same, better, or without effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litesmith.errors import ConverterError
from litesmith.lite import experimental
from litesmith.lite.converter import TFLiteConverter
from litesmith.lite.options import OpsSet, Optimize, RepresentativeDataset, TargetSpec

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

__all__ = [
    "ConverterError",
    "Interpreter",
    "OpsSet",
    "Optimize",
    "RepresentativeDataset",
    "TFLiteConverter",
    "TargetSpec",
    "experimental",
]


def __getattr__(name: str) -> Any:
    if name == "Interpreter":
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
