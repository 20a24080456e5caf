"""``tf.lite.experimental``: the analyzer, the runtime's own names, and the quantization debugger's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from litesmith.errors import ConverterError, Problem
from litesmith.lite import authoring
from litesmith.lite.analyzer import Analyzer

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


class QuantizationDebugOptions:
    """What a `QuantizationDebugger` measures: functions by name, and operators and nodes left in float.

    Raises ValueError where two metrics have the same name.
    """

    def __init__(
        self,
        layer_debug_metrics: Mapping[str, Callable[..., float]] | None = None,
        model_debug_metrics: Mapping[str, Callable[..., float]] | None = None,
        layer_direct_compare_metrics: Mapping[str, Callable[..., float]] | None = None,
        denylisted_ops: list[str] | None = None,
        denylisted_nodes: list[str] | None = None,
        fully_quantize: bool = False,
    ) -> None:
        metrics = (layer_debug_metrics, model_debug_metrics, layer_direct_compare_metrics)
        names = [name for metric in metrics for name in metric or ()]
        if len(names) != len(set(names)):
            raise ValueError("Provided metrics have duplicate keys.")
        self.layer_debug_metrics, self.model_debug_metrics, self.layer_direct_compare_metrics = metrics
        self.denylisted_ops = denylisted_ops
        self.denylisted_nodes = denylisted_nodes
        self.fully_quantize = fully_quantize


class QuantizationDebugger:
    """Compares a quantized model with its float one, layer by layer.

    It can be made, and its options read; this version does not quantize, so running it raises ConverterError.
    """

    def __init__(
        self,
        quant_debug_model_path: str | None = None,
        quant_debug_model_content: bytes | None = None,
        float_model_path: str | None = None,
        float_model_content: bytes | None = None,
        debug_dataset: Callable[[], Iterable[Sequence[Any]]] | None = None,
        debug_options: QuantizationDebugOptions | None = None,
        converter: Any = None,
    ) -> None:
        self._options = debug_options or QuantizationDebugOptions()
        self.converter = converter
        self.layer_statistics: dict[str, Any] = {}
        self.model_statistics: dict[str, Any] = {}

    @property
    def options(self) -> QuantizationDebugOptions:
        """What is measured."""
        return self._options

    @options.setter
    def options(self, options: QuantizationDebugOptions) -> None:
        self._options = options

    def run(self) -> None:
        """Collects the statistics. Not in this version: raises ConverterError."""
        raise _not_yet("QuantizationDebugger.run")

    def layer_statistics_dump(self, file: Any) -> None:
        """Writes the statistics as CSV. Not in this version: raises ConverterError."""
        raise _not_yet("QuantizationDebugger.layer_statistics_dump")

    def get_nondebug_quantized_model(self) -> bytes:
        """The quantized model. Not in this version: raises ConverterError."""
        raise _not_yet("QuantizationDebugger.get_nondebug_quantized_model")

    def get_debug_quantized_model(self) -> bytes:
        """The quantized model with debug operators. Not in this version: raises ConverterError."""
        raise _not_yet("QuantizationDebugger.get_debug_quantized_model")


def _not_yet(name: str) -> ConverterError:
    reason = f"{name} needs a quantized model, which this version does not make"
    return ConverterError(Problem("LS030", reason, "compare float models with litesmith.runtime.compare"))
