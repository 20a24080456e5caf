"""``tf.lite.experimental.QuantizationDebugger``: the errors of a quantized model's layers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from litesmith.errors import UsageError

Metric = Callable[..., float]

LAYER_METRICS: dict[str, Metric] = {
    "num_elements": lambda diffs: float(diffs.size),
    "stddev": np.std,
    "mean_error": np.average,
    "max_abs_error": lambda diffs: float(np.max(np.abs(diffs), initial=0)),
    "mean_squared_error": lambda diffs: float(np.average(diffs**2)),
}
"""What is measured of each layer's difference, whatever the options add."""

IN_DEBUG_MODE = "Please check if the quantized model is in debug mode."
"""What the original says of such a model; code looks for it."""


class QuantizationDebugOptions:
    """What a `QuantizationDebugger` measures: functions by name, and operators and nodes left in float.

    layer_debug_metrics take the differences of a layer's result; layer_direct_compare_metrics take the float result, the
    stored integers, scale and zero point; model_debug_metrics take the outputs of both models, as lists.
    Raises ValueError where two metrics have the same name.
    """

    def __init__(
        self,
        layer_debug_metrics: Mapping[str, Metric] | None = None,
        model_debug_metrics: Mapping[str, Metric] | None = None,
        layer_direct_compare_metrics: Mapping[str, Metric] | None = None,
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

    converter: a `TFLiteConverter` with its attributes set; it is converted here. Or, instead of it, the files of both
    models (quant_debug_model_…, float_model_…), whose tensors of one name are compared.
    debug_dataset: a function giving samples, lists in the order of the inputs or dicts.

    After `run`, layer_statistics has for each tensor its metrics, averaged over the samples; model_statistics those of
    the options' model_debug_metrics.
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
        self._data_gen = debug_dataset
        self.converter = converter
        self.layer_statistics: dict[str, dict[str, Any]] = {}
        self.model_statistics: dict[str, Any] = {}
        self._places: dict[str, dict[str, Any]] = {}
        self._quantized: Any = None
        narrow = _content(quant_debug_model_path, quant_debug_model_content)
        exact = _content(float_model_path, float_model_content)
        if converter is not None:
            self._convert()
        elif narrow is None:
            raise ValueError("give a converter, or quant_debug_model_path or quant_debug_model_content")
        elif exact is None:
            raise ValueError("give float_model_path or float_model_content: what the quantized model is compared with")
        else:
            self._quantized = _from_files(exact, narrow)

    @property
    def options(self) -> QuantizationDebugOptions:
        """What is measured, and what is left float; setting it converts again."""
        return self._options

    @options.setter
    def options(self, options: QuantizationDebugOptions) -> None:
        self._options = options
        if self.converter is not None:
            self._convert()

    def _convert(self) -> None:
        from litesmith.lite.quantization import with_denied

        def edit(recipe: Any) -> Any:
            options = self._options
            made = replace(recipe, integer_only=True) if options.fully_quantize else recipe
            return with_denied(made, options.denylisted_ops, options.denylisted_nodes)

        model = self.converter.to_model(edit_recipe=edit)
        if model.quantized is None:
            raise ValueError("the converter makes a float model; set optimizations and a representative_dataset")
        if not model.quantized.has_integers:
            raise ValueError(f"no layer is quantized, so there is nothing to compare. {IN_DEBUG_MODE}")
        content: bytes = model.content
        self._content, self._quantized = content, model.quantized

    def get_nondebug_quantized_model(self) -> bytes:
        """The quantized model. Raises ValueError where there is no converter."""
        if self.converter is None:
            raise ValueError("the debugger was made of files; there is no converter to quantize with")
        return self._content

    def get_debug_quantized_model(self) -> bytes:
        """The quantized model; to debug it, nothing has to be added to it here."""
        return self.get_nondebug_quantized_model()

    def run(self) -> None:
        """Runs both models over the samples and collects the statistics. Raises ValueError without a debug_dataset."""
        from litesmith.quantize.debugger import Pairs
        from litesmith.quantize.samples import calls_of

        if self._data_gen is None:
            raise ValueError("give a debug_dataset: a function that gives samples")
        calls = list(calls_of(self._quantized.float_program, self._data_gen))
        pairs = Pairs(self._quantized)
        collected: dict[str, dict[str, list[Any]]] = {}
        for rows in pairs.over(calls):
            for number, ((_, exact, op), row) in enumerate(zip(pairs.ops, rows, strict=True)):
                name = exact.results[0].name
                self._places[name] = _place(op, number)
                for metric, value in self._layer_metrics(op, *row).items():
                    collected.setdefault(name, {}).setdefault(metric, []).append(value)
        self.layer_statistics = {n: {m: np.mean(v) for m, v in rows.items()} for n, rows in collected.items()}
        self.model_statistics = self._model_metrics(calls)

    def _layer_metrics(self, op: Any, exact: Any, narrow: Any, stored: Any) -> dict[str, float]:
        difference = narrow.astype(np.float32) - exact
        found = {n: float(f(difference)) for n, f in {**LAYER_METRICS, **(self._options.layer_debug_metrics or {})}.items()}
        quant = op.results[0].type.quant
        scale, zero = float(quant.scale[0]), int(quant.zero_point[0])
        for name, metric in (self._options.layer_direct_compare_metrics or {}).items():
            found[name] = float(metric(exact, stored, scale, zero))
        return found

    def _model_metrics(self, calls: Sequence[Any]) -> dict[str, float]:
        from litesmith.formats.tflite import write_model
        from litesmith.quantize.exchange import RealRunner
        from litesmith.runtime import Runner

        metrics = self._options.model_debug_metrics
        if not metrics:
            return {}
        exact = Runner(write_model(self._quantized.float_program))
        narrow = RealRunner(write_model(self._quantized.program))
        found: dict[str, list[float]] = {name: [] for name in metrics}
        for key, inputs in calls:
            outputs = [list(r.run(dict(inputs), key).values()) for r in (exact, narrow)]
            for name, metric in metrics.items():
                found[name].append(float(metric(*outputs)))
        return {name: float(np.mean(values)) for name, values in found.items()}

    def layer_statistics_dump(self, file: TextIO) -> None:
        """Writes the statistics as CSV, a line a layer, to an open text file."""
        metrics = list(next(iter(self.layer_statistics.values()), {}))
        writer = csv.DictWriter(file, ["op_name", "tensor_idx", *metrics, "scale", "zero_point", "tensor_name"])
        writer.writeheader()
        for name, statistics in self.layer_statistics.items():
            writer.writerow({**self._places[name], **statistics, "tensor_name": name})


def _place(op: Any, number: int) -> dict[str, Any]:
    """What the file tells of a layer beside its metrics."""
    quant = op.results[0].type.quant
    scale, zero = float(quant.scale[0]), int(quant.zero_point[0])
    return {"op_name": op.name, "tensor_idx": number, "scale": scale, "zero_point": zero}


def _content(path: str | None, content: bytes | None) -> bytes | None:
    if content is not None or path is None:
        return content
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _from_files(exact: bytes, narrow: bytes) -> Any:
    """Two files as a quantization whose layers are their tensors of one name."""
    from litesmith.formats.tflite import read_model
    from litesmith.quantize.plan import STATIC, Keys, OpPlan, Plan
    from litesmith.quantize.quantized import Quantized
    from litesmith.quantize.recipe import Recipe
    from litesmith.quantize.samples import add_signature

    programs = read_model(exact), read_model(narrow)
    for program in programs:
        add_signature(program)
    by_name = {op.results[0].name: key for key, op in Keys(programs[0]).all if op.results and key.startswith("0:")}
    plan = Plan({key: OpPlan("", "", STATIC) for key in by_name.values()})
    ops = [op for op in programs[1].main.ops if op.results and op.results[0].name in by_name]
    keys = {id(op): by_name[op.results[0].name] for op in ops}
    return Quantized(programs[1], programs[0], plan, None, Recipe(), keys=keys)
