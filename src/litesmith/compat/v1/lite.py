"""``tf.compat.v1.lite``."""

from __future__ import annotations

from typing import Any

from litesmith.compat.v1 import constants
from litesmith.lite import OpsSet, Optimize, RepresentativeDataset, TargetSpec, experimental
from litesmith.lite.v1 import TFLiteConverter, TocoConverter

__all__ = [
    "Interpreter",  # noqa: F822 (resolved when asked for)
    "OpsSet",
    "Optimize",
    "RepresentativeDataset",
    "TFLiteConverter",
    "TargetSpec",
    "TocoConverter",
    "constants",
    "experimental",
]


def __getattr__(name: str) -> Any:
    if name == "Interpreter":
        from litesmith.lite import Interpreter

        return Interpreter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
