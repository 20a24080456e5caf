"""Which layers a quantization costs: their errors, and what each of them alone costs the output."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from litesmith._util.node_data import node_data
from litesmith._util.pages import render_page
from litesmith.formats.tflite import write_model
from litesmith.ir import DType, Op, Program
from litesmith.ir.clone import clone
from litesmith.ir.constant import Array
from litesmith.quantize.exchange import with_outputs
from litesmith.quantize.fidelity import FloatAnswers, compare, decibels
from litesmith.quantize.plan import FLOAT, STATIC, OpPlan, Plan
from litesmith.quantize.quantized import Quantized
from litesmith.quantize.ranges import LIMITS
from litesmith.quantize.rewrite import Improvements, rewrite
from litesmith.quantize.samples import Call
from litesmith.quantize.variables import ACCESSES

SAMPLES = 16
"""How many samples the layers are looked at with."""


@dataclass(frozen=True)
class LayerError:
    """The error of one layer's result, over samples, against the float model's.

    rmse_per_scale: root of the mean squared error in steps of the stored integers (about 0.29 is rounding alone). sqnr: in
    dB. saturated: share of elements at an end of the stored range. alone: SQNR of the model's output when this layer alone
    is quantized, NaN where it was not measured. index: the number of the operation in the quantized file's first subgraph.
    """

    key: str
    operator: str
    layer: str
    tensor: str
    type: str
    scale: float
    zero_point: int
    num_elements: int
    mean_error: float
    stddev: float
    max_abs_error: float
    mean_squared_error: float
    rmse_per_scale: float
    sqnr: float
    cosine: float
    saturated: float
    alone: float = float("nan")
    index: int = -1

    @property
    def advice(self) -> str:
        """The edit of the recipe that mends it."""
        name = self.layer or self.tensor
        if self.rmse_per_scale > 4 or self.alone < 25:
            return f"leave it float: --exclude '{name}', or mode: int16x8 for it"
        if self.saturated > 0.01:
            return "the range is exceeded: calibrate with more samples, or headroom: 1.1"
        return ""


@dataclass(frozen=True)
class DebugReport:
    """What the debugger found. layers: the worst first; sqnr: of the model's outputs, by name; samples: how many; graph:
    the name of the first subgraph."""

    layers: tuple[LayerError, ...]
    sqnr: Mapping[str, float]
    samples: int
    graph: str = "main"

    def to_json(self) -> dict[str, object]:
        """As JSON holds it."""
        rows = [{**asdict(layer), "advice": layer.advice} for layer in self.layers]
        rows = [{k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()} for row in rows]
        return {"layers": rows, "sqnr": dict(self.sqnr), "samples": self.samples}

    def node_data(self) -> dict[str, object]:
        """Node data for Model Explorer, which colours the layers by the noise they add to the output, each alone (else by
        their own): dB below the signal, the worst darkest."""
        found = {str(y.index): -(y.alone if np.isfinite(y.alone) else y.sqnr) for y in self.layers if y.index >= 0}
        return {self.graph: node_data(found, "quantization noise, dB")}

    def save(self, path: str | Path) -> None:
        """Writes it as JSON, CSV (``.csv``), an HTML page (``.html``), node data for Model Explorer (``.overlay.json``) or a
        picture (``.png``, ``.svg``; needs the extra ``plots``)."""
        target = Path(path)
        if target.suffix in (".html", ".htm"):
            target.write_text(render_page("litesmith.quantize", "debug.html", report=self, finite=np.isfinite), "utf-8")
        elif target.name.endswith(".overlay.json"):
            target.write_text(json.dumps(self.node_data(), indent=1), encoding="utf-8")
        elif target.suffix == ".csv":
            with target.open("w", newline="", encoding="utf-8") as file:
                self.write_csv(file)
        elif target.suffix in (".png", ".svg", ".pdf"):
            from litesmith.quantize.plots import plot_layers

            plot_layers(self, target)
        else:
            target.write_text(json.dumps(self.to_json(), indent=1), encoding="utf-8")

    def write_csv(self, file: Any) -> None:
        """A line a layer, with a header."""
        names = [f.name for f in fields(LayerError)]
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([getattr(layer, name) for name in names] for layer in self.layers)


class Pairs:
    """The tensors of the layers of a quantized model beside those of its float model, sample by sample."""

    def __init__(self, quantized: Quantized) -> None:
        self.quantized = quantized
        self.ops: list[tuple[str, Op, Op]] = _pair_ops(quantized)
        self._float = with_outputs(quantized.float_program, [a.results[0] for _, a, _ in self.ops], "layer")
        self._narrow = with_outputs(quantized.program, [b.results[0] for _, _, b in self.ops], "layer")

    def over(self, calls: Iterable[Call]) -> Iterable[list[tuple[Array, Array, Array]]]:
        """For each sample and layer: the float result, the quantized one as real numbers, and its stored integers."""
        from litesmith.quantize.exchange import RealRunner
        from litesmith.runtime import Runner

        exact, narrow = Runner(self._float), RealRunner(self._narrow)
        for key, inputs in calls:
            a = exact.run(dict(inputs), key)
            b = narrow.run_stored(inputs, key)
            yield [(a[f"layer/{i}"], *b[f"layer/{i}"]) for i in range(len(self.ops)) if f"layer/{i}" in a]


def _pair_ops(quantized: Quantized) -> list[tuple[str, Op, Op]]:
    from litesmith.quantize.plan import Keys

    originals = {key: op for key, op in Keys(quantized.float_program).all if key.startswith("0:")}
    found = []
    for op in quantized.program.main.ops:
        key = quantized.keys.get(id(op), "")
        plan = quantized.plan.ops.get(key)
        if plan is not None and plan.form == STATIC and key in originals and op.name not in ACCESSES:
            result = op.results[0] if op.results else None
            if result is not None and result.type.quant is not None:
                found.append((key, originals[key], op))
    return found


def debug(quantized: Quantized, calls: Iterable[Call], alone: bool = True) -> DebugReport:
    """The errors of all layers over samples of the first graph.

    alone: whether it is measured what each layer alone costs the output, which takes a run of the model for each.
    """
    from itertools import islice

    samples = list(islice(calls, SAMPLES))
    pairs = Pairs(quantized)
    sums = [_Sums() for _ in pairs.ops]
    for rows in pairs.over(samples):
        for total, (_, _, op), row in zip(sums, pairs.ops, rows, strict=True):
            total.add(*row, _zero_point(op))
    costs = costs_alone(quantized, samples, [key for key, _, _ in pairs.ops]) if alone else {}
    places = {id(op): i for i, op in enumerate(quantized.program.main.ops)}
    layers = [
        replace(total.layer(key, op, quantized.plan.ops[key], costs.get(key, float("nan"))), index=places[id(op)])
        for (key, _, op), total in zip(pairs.ops, sums, strict=True)
    ]
    layers.sort(key=lambda layer: (layer.alone if np.isfinite(layer.alone) else layer.sqnr, layer.sqnr))
    whole = compare(write_model(quantized.float_program), write_model(quantized.program), samples)
    return DebugReport(tuple(layers), whole.sqnr, len(samples), quantized.program.main.name or "main")


def costs_alone(quantized: Quantized, samples: Sequence[Call], keys: Sequence[str]) -> dict[str, float]:
    """SQNR of the output, in dB, when one operation alone is quantized."""
    exact = FloatAnswers(write_model(quantized.float_program), samples)
    return {key: exact.compare(write_model(_quantize_only(quantized, key))).worst for key in keys}


def _quantize_only(quantized: Quantized, key: str) -> Program:
    plan = quantized.plan
    ops = {k: op if k == key else OpPlan(op.operator, op.layer, FLOAT) for k, op in plan.ops.items()}
    single = Plan(ops, plan.tensors, plan.fixed)
    copy = clone(quantized.float_program).program
    recipe = replace(quantized.recipe, input_type=DType.FLOAT32, output_type=DType.FLOAT32, integer_only=False)
    rewrite(copy, single, recipe, Improvements())
    return copy


def _zero_point(op: Op) -> int:
    quant = op.results[0].type.quant
    return int(quant.zero_point[0]) if quant is not None else 0


class _Sums:
    def __init__(self) -> None:
        self.count = 0
        self.error = self.squared = self.signal = self.dot = self.other = 0.0
        self.largest = 0.0
        self.ends = 0

    def add(self, exact: Array, narrow: Array, stored: Array, zero_point: int) -> None:
        a, b = exact.astype(np.float64).ravel(), narrow.astype(np.float64).ravel()
        difference = b - a
        self.count += a.size
        self.error += float(difference.sum())
        self.squared += float(np.square(difference).sum())
        self.signal += float(np.square(a).sum())
        self.other += float(np.square(b).sum())
        self.dot += float(a @ b)
        self.largest = max(self.largest, float(np.abs(difference).max(initial=0)))
        least, most = LIMITS[DType.of(stored.dtype)]
        ends = (stored == most) | ((stored == least) & (zero_point != least))  # 0 itself is no end
        self.ends += int(ends.sum())

    def layer(self, key: str, op: Op, plan: OpPlan, alone: float) -> LayerError:
        quant = op.results[0].type.quant
        assert quant is not None
        scale, count = float(quant.scale[0]), max(self.count, 1)
        mean, squared = self.error / count, self.squared / count
        norm = float(np.sqrt(self.signal * self.other))
        return LayerError(
            key,
            op.name,
            plan.layer,
            op.results[0].name,
            op.results[0].type.dtype.text,
            scale,
            _zero_point(op),
            self.count,
            mean,
            float(np.sqrt(max(squared - mean * mean, 0.0))),
            self.largest,
            squared,
            float(np.sqrt(squared)) / scale,
            decibels(self.signal, self.squared),
            self.dot / norm if norm else 1.0,
            self.ends / count,
            alone,
        )
