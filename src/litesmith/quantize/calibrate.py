"""Calibration: what the tensors of the float model hold when it runs on samples.

The float program gets observers of its own operators: for each tensor its smallest and largest element. Loops carry what
they saw from step to step, branches give what the one that ran has seen. So the runtime does the work, at its own speed,
and nothing large is copied out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from litesmith.errors import Problem, QuantizationError, UsageError
from litesmith.formats.tflite import write_model
from litesmith.formats.tflite.names import tensor_names
from litesmith.ir import Builder, DType, Graph, Op, Program, Quantization, TensorType, Value
from litesmith.ir.clone import Clone, clone
from litesmith.ir.constant import Array
from litesmith.ir.folding import NO_FOLDING
from litesmith.ir.opdef import Trait
from litesmith.ops import OPS
from litesmith.ops.layout import TRANSPOSE
from litesmith.quantize.ranges import Range
from litesmith.quantize.roles import clamp_of
from litesmith.quantize.trained import Trained

LOWS, HIGHS = "litesmith/lows", "litesmith/highs"
"""Names of the outputs that observers add to each signature."""


@dataclass
class Calibration:
    """What samples showed. ranges: of tensors, by key; samples: how many.
    trained: grids that training settled, which hold whatever samples show.

    Calibrations of parts of the samples merge into that of all: exactly for ranges, in any order.
    """

    ranges: dict[str, Range] = field(default_factory=dict)
    samples: int = 0
    trained: dict[str, Trained] = field(default_factory=dict)

    def merge(self, other: Calibration) -> Calibration:
        """What both have seen."""
        ranges = dict(self.ranges)
        for key, seen in other.ranges.items():
            ranges[key] = ranges.get(key, Range()).union(seen)
        return Calibration(ranges, self.samples + other.samples, {**self.trained, **other.trained})

    def to_json(self) -> dict[str, object]:
        """As JSON holds it."""
        ranges = {k: [r.low, r.high] for k, r in self.ranges.items() if not r.is_empty}
        return {"litesmith": "calibration", "samples": self.samples, "ranges": ranges}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Calibration:
        """From what `to_json` gave. Raises UsageError for anything else."""
        try:
            ranges = {str(k): Range(float(low), float(high)) for k, (low, high) in data["ranges"].items()}
            return Calibration(ranges, int(data["samples"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"this is not a saved calibration: {error}; make one with --calibration-out") from error

    def save(self, path: str | Path) -> None:
        """Writes it as a JSON file."""
        Path(path).write_text(json.dumps(self.to_json()), encoding="utf-8")

    @staticmethod
    def load(path: str | Path) -> Calibration:
        """Reads such a file. Raises UsageError where it is none."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read the calibration {path}: {error}") from error
        return Calibration.from_json(data)


def tensor_keys(program: Program) -> dict[int, str]:
    """A name for every tensor that is no constant, by the ``id`` of its value: its graph's number and its own name."""
    keys: dict[int, str] = {}
    for number, graph in enumerate(program.all_graphs()):
        values = [*graph.inputs, *(r for op in graph.ops for r in op.results)]
        for value, name in zip(values, tensor_names(values, [*graph.inputs, *graph.outputs]), strict=True):
            keys[id(value)] = f"{number}:{name}"
    return keys


def is_observed(value: Value) -> bool:
    """Whether a tensor has a range: floats that are no constants."""
    return value.type.dtype is DType.FLOAT32 and not value.is_const and not value.is_variable


class Observed:
    """A program with observers. keys: of the observed tensors of each signature, in the order of its vectors."""

    def __init__(self, program: Program) -> None:
        names = tensor_keys(program)
        self.copy: Clone = clone(program)
        self._keys = {id(self.copy.values[i]): key for i, key in names.items() if i in self.copy.values}
        self._seen: dict[int, list[str]] = {}
        self.keys: dict[str, list[str]] = {}
        for signature in self.copy.program.signatures:
            self.keys[signature.key] = self._observe_graph(signature.graph)
            count = len(signature.graph.outputs)
            signature.outputs.update({LOWS: count - 2, HIGHS: count - 1})

    def _observers(self, b: Builder, graph: Graph) -> tuple[Value, Value, list[str]]:
        """Vectors of the smallest and largest elements of all tensors of a graph and of those it calls, and their keys."""
        seen = [v for v in graph.inputs if is_observed(v)]
        lows: list[Value] = []
        highs: list[Value] = []
        keys: list[str] = []
        for op in list(graph.ops):
            seen += [r for r in op.results if is_observed(r)]
            if op.name in ("WHILE", "IF"):
                inner = self._observe_call(b, op)
                if inner is not None:
                    lows.append(inner[0])
                    highs.append(inner[1])
                    keys += inner[2]
        own = [v for v in seen if id(v) in self._keys]
        if own:
            lows.insert(0, _pack(b, _extremes(b, own, "reduce_min")))
            highs.insert(0, _pack(b, _extremes(b, own, "reduce_max")))
        keys = [*(self._keys[id(v)] for v in own), *keys]
        if not lows:
            nothing = b.constant(np.zeros(1, np.float32))
            return nothing, nothing, []
        return _concatenate(b, lows), _concatenate(b, highs), keys

    def _observe_call(self, b: Builder, op: Op) -> tuple[Value, Value, list[str]] | None:
        graphs = [op.attrs["body_subgraph"]] if op.name == "WHILE" else op.subgraphs
        keys = [self._observe_graph(graph) for graph in graphs]
        if not any(keys):
            return None
        if op.name == "WHILE":
            return (*self._carry(b, op, len(keys[0])), keys[0])
        return (*self._choose(op, [len(k) for k in keys]), [k for part in keys for k in part])

    def _observe_graph(self, graph: Graph) -> list[str]:
        """The keys of a called graph; its observers become its last two outputs, once."""
        if id(graph) not in self._seen:
            b = Builder(graph, OPS, folding=NO_FOLDING)
            lows, highs, keys = self._observers(b, graph)
            self._seen[id(graph)] = keys
            if keys or any(graph is g for g in self.copy.program.graphs):
                graph.outputs = [*graph.outputs, lows, highs]
        return self._seen[id(graph)]

    def _carry(self, b: Builder, op: Op, count: int) -> tuple[Value, Value]:
        """A loop takes along what it has seen: two more carried tensors."""
        kind = TensorType(DType.FLOAT32, (count,))
        body, cond = op.attrs["body_subgraph"], op.attrs["cond_subgraph"]
        if len(body.inputs) == len(op.operands):
            inner = Builder(body, OPS, folding=NO_FOLDING)
            *kept, lows, highs = body.outputs
            before = [body.add_input(kind), body.add_input(kind)]
            body.outputs = [*kept, inner.minimum(lows, before[0]), inner.maximum(highs, before[1])]
        while len(cond.inputs) < len(body.inputs):
            cond.add_input(kind)
        empty = [np.full(count, np.inf, np.float32), np.full(count, -np.inf, np.float32)]
        op.set_operands([*op.operands, *(Value.constant(e) for e in empty)])
        return _new_results(op, kind, kind)

    def _choose(self, op: Op, counts: Sequence[int]) -> tuple[Value, Value]:
        """Each branch gives what it has seen, and nothing for the tensors of the other."""
        total = sum(counts)
        kind = TensorType(DType.FLOAT32, (total,))
        start = 0
        for graph, count in zip(op.subgraphs, counts, strict=True):
            if len(graph.outputs) < len(op.results) + 2 or graph.outputs[-1].type.shape != (total,):
                _pad_branch(graph, start, count, total)
            start += count
        return _new_results(op, kind, kind)


def _pad_branch(graph: Graph, start: int, count: int, total: int) -> None:
    b = Builder(graph, OPS, folding=NO_FOLDING)
    kept, seen = (graph.outputs[:-2], graph.outputs[-2:]) if count else (list(graph.outputs), ())
    extremes = []
    for index, nothing in enumerate((np.inf, -np.inf)):
        before, after = (np.full(n, nothing, np.float32) for n in (start, total - start - count))
        parts = [b.constant(before)] * bool(start) + ([seen[index]] if count else [])
        parts += [b.constant(after)] * bool(total - start - count)
        # an operation of the branch has to make its output: constants alone are not copied
        extremes.append(b.concatenation(*parts, axis=0) if len(parts) > 1 else b.maximum(parts[0], parts[0]))
    graph.outputs = [*kept, *extremes]


def _new_results(op: Op, *types: TensorType) -> tuple[Value, Value]:
    results = [Value(t) for t in types]
    for value in results:
        value.op, value.index = op, len(op.results)
        op.results.append(value)
    return results[0], results[1]


def _extremes(b: Builder, values: Sequence[Value], reduction: str) -> list[Value]:
    """A scalar for each tensor; one reduction serves all that hold the same elements."""
    known: dict[int, Value] = {}
    observed = {id(v) for v in values}
    found = []
    for value in values:
        first = value
        while first.op is not None and _reorders(first.op) and id(first.op.inputs[0]) in observed:
            first = first.op.inputs[0]
        if id(first) not in known:
            known[id(first)] = _extreme(b, first, reduction)
        found.append(known[id(first)])
    if all(v.is_const for v in found):  # an operation of the graph has to make its output
        return [getattr(b, reduction)(b.reshape(values[0], np.array([-1], np.int32)), np.array([0], np.int32)), *found[1:]]
    return found


def _reorders(op: Op) -> bool:
    """Whether the results hold what the first operand holds, in another order or shape."""
    return op.defn is TRANSPOSE or bool(op.defn.traits & Trait.KEEPS_ORDER)


def _is_clamped_at_zero(value: Value) -> bool:
    """Whether 0 may stand for the least element: it is no less, and every range holds 0 anyway."""
    clamp = clamp_of(value.op) if value.op is not None else None
    return clamp is not None and clamp.low == 0 and not any(_fails_at_zero(user, value) for user in value.users)


def _fails_at_zero(op: Op, value: Value) -> bool:
    rule = op.defn.quant
    return rule is not None and rule.not_zero is not None and op.get(rule.not_zero) is value


def _extreme(b: Builder, value: Value, reduction: str) -> Value:
    if reduction == "reduce_min" and _is_clamped_at_zero(value):
        return b.constant(np.float32(0))
    if value.type.shape is None or value.rank > 4:
        value = b.reshape(value, np.array([-1], np.int32))
    if value.rank == 0:
        return value
    extreme: Value = getattr(b, reduction)(value, np.arange(value.rank, dtype=np.int32), keep_dims=False)
    return extreme


WIDEST = 100
"""More operands than this are joined in steps."""


def _pack(b: Builder, scalars: Sequence[Value]) -> Value:
    """A vector of them."""
    return _concatenate(b, [b.pack(*scalars[i : i + WIDEST], axis=0) for i in range(0, len(scalars), WIDEST)])


def _concatenate(b: Builder, parts: Sequence[Value]) -> Value:
    while len(parts) > 1:
        groups = [parts[i : i + WIDEST] for i in range(0, len(parts), WIDEST)]
        parts = [b.concatenation(*g, axis=0) if len(g) > 1 else g[0] for g in groups]
    return parts[0]


def calibrate(
    program: Program,
    calls: Iterable[tuple[str, Mapping[str, Array]]],
    threads: int = 1,
    progress: Callable[[int], object] | None = None,
    smoothing: float = 0.0,
) -> Calibration:
    """Runs the float program on calls of its signatures and gives what its tensors held.

    calls: pairs of a signature's key and its inputs by name. progress: called with the number of calls made so far.
    smoothing: 0 for the least and largest elements of all samples; else the weight of what was seen before in a moving
    average over the samples, in their order.
    Raises QuantizationError where there is no call, or a tensor becomes NaN or infinite.
    """
    from litesmith.runtime import Runner

    observed = Observed(program)
    runner = Runner(write_model(observed.copy.program), threads)
    found = Calibration()
    for number, (key, inputs) in enumerate(calls, 1):
        answer = runner.run(dict(inputs), key)
        seen = ranges_of(observed.keys[key], answer)
        found = found.merge(_smooth(found, seen, smoothing) if smoothing else seen)
        if progress is not None:
            progress(number)
    require_ranges(found)
    return found


def require_ranges(found: Calibration) -> None:
    """Raises QuantizationError where there was no sample, or a tensor became NaN."""
    if not found.samples:
        raise QuantizationError([Problem("LS041", "the calibration data has no sample", "give at least one sample")])
    _require_numbers(found)


def _smooth(before: Calibration, seen: Calibration, weight: float) -> Calibration:
    """What was seen, averaged with what was before; takes the place of the latter."""
    for key, now in seen.ranges.items():
        old = before.ranges.pop(key, Range())
        if not (old.is_empty or now.is_empty):
            low, high = (weight * a + (1 - weight) * b for a, b in ((old.low, now.low), (old.high, now.high)))
            seen.ranges[key] = Range(low, high)
        elif now.is_empty:
            seen.ranges[key] = old
    return seen


def record_ranges(program: Program, seen: Calibration) -> None:
    """Writes ranges into the types of a float program's tensors, as the schema has them for statistics."""
    keys = tensor_keys(program)
    nothing = np.zeros(0)
    for graph in program.all_graphs():
        for value in (*graph.inputs, *(r for op in graph.ops for r in op.results)):
            found = seen.ranges.get(keys[id(value)], Range())
            if not found.is_empty:
                stats = Quantization(nothing, nothing.astype(np.int64), 0, (found.low,), (found.high,))
                value.type = replace(value.type, quant=stats)


def ranges_of(keys: Sequence[str], answer: Mapping[str, Array]) -> Calibration:
    """What the observed tensors of a signature held in one call. keys: theirs, in the order of the observers' vectors."""
    pairs = zip(keys, answer[LOWS], answer[HIGHS], strict=False)
    return Calibration({name: Range(float(low), float(high)) for name, low, high in pairs}, 1)


def _require_numbers(found: Calibration) -> None:
    bad = [key for key, seen in found.ranges.items() if np.isnan(seen.low) or np.isnan(seen.high)]
    if bad:
        names = ", ".join(k.partition(":")[2] for k in bad[:5])
        reason = f"on the calibration data {len(bad)} tensors become NaN, first {names}"
        fix = "look at the samples and at that layer; samples must be what the model is trained for"
        raise QuantizationError([Problem("LS042", reason, fix)])
