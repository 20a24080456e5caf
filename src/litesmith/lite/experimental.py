"""``tf.lite.experimental``: the analyzer, the runtime's own names, and the quantization debugger's."""

from __future__ import annotations

from typing import Any

from litesmith.lite import authoring
from litesmith.lite.analyzer import Analyzer
from litesmith.lite.quantization_debugger import QuantizationDebugger, QuantizationDebugOptions

__all__ = [
    "Analyzer",
    "OpResolverType",  # noqa: F822 (resolved when asked for)
    "QuantizationDebugOptions",
    "QuantizationDebugger",
    "authoring",
    "load_delegate",  # noqa: F822
]

_RUNTIME = ("OpResolverType", "load_delegate")


def __getattr__(name: str) -> Any:
    if name in _RUNTIME:
        from ai_edge_litert import interpreter

        return getattr(interpreter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
