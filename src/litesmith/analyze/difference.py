"""What differs between two models: sizes, operators by layer, types, weights, cost."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from litesmith.analyze.report import OpFacts, Report
from litesmith.formats.tflite.buffers import chunks
from litesmith.ir import Program, Value


@dataclass(frozen=True)
class Change:
    """One thing that differs: what it is, and what it is on each side (empty where it is not there)."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """What differs between two reports. totals: (before, after) of sums; operators: counts; layers: operators of
    layers that both models have; tensors: types of tensors of one name; weights: constants of one name that hold other
    values, or that one side lacks."""

    totals: Mapping[str, tuple[int, int]]
    operators: tuple[Change, ...]
    layers: tuple[Change, ...]
    tensors: tuple[Change, ...]
    weights: tuple[Change, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        changed = any(before != after for before, after in self.totals.values())
        return not (changed or self.operators or self.layers or self.tensors or self.weights)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`."""
        return asdict(self)


def compare(before: Report, after: Report, programs: tuple[Program, Program]) -> Difference:
    """What makes ``after`` another model than ``before``. programs: theirs, whose weights are compared."""
    return Difference(
        _totals(before, after),
        tuple(_changes(before.operators, after.operators)),
        tuple(_changes(_layers(before), _layers(after), common=True)),
        tuple(_changes(_types(before), _types(after), common=True)),
        tuple(_changes(_digests(programs[0]), _digests(programs[1]))),
    )


def _totals(before: Report, after: Report) -> dict[str, tuple[int, int]]:
    figures: dict[str, Callable[[Report], int]] = {
        "file": lambda r: r.size or 0,
        "parameters": lambda r: r.weights.parameters,
        "weights": lambda r: sum(r.weights.bytes.values()),
        "multiply-adds": lambda r: r.multiply_adds,
        "other operations": lambda r: r.other_operations,
        "activations": lambda r: r.memory.arena,
        "operators": lambda r: sum(r.operators.values()),
    }
    return {name: (figure(before), figure(after)) for name, figure in figures.items()}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], common: bool = False) -> Iterable[Change]:
    """Entries that differ. common: only those that both sides have."""
    for name in dict.fromkeys([*before, *after]):
        left, right = before.get(name), after.get(name)
        if left != right and not (common and (left is None or right is None)):
            yield Change(name, "" if left is None else str(left), "" if right is None else str(right))


def _layers(report: Report) -> dict[str, str]:
    """The operators of each layer, in order."""
    layers: dict[str, list[OpFacts]] = {}
    for graph in report.graphs:
        for op in graph.operators:
            if op.layer:
                layers.setdefault(op.layer, []).append(op)
    return {layer: ", ".join(op.name for op in ops) for layer, ops in layers.items()}


def _types(report: Report) -> dict[str, str]:
    tensors = [
        t
        for graph in report.graphs
        for group in (graph.inputs, graph.outputs, *((*op.inputs, *op.outputs) for op in graph.operators))
        for t in group
    ]
    counts = Counter(name for name, _ in {(t.name, f"{t.dtype}{t.shape}") for t in tensors})
    return {t.name: f"{t.dtype}{t.shape} {t.quantization}".strip() for t in tensors if t.name and counts[t.name] == 1}


def _digests(program: Program) -> dict[str, str]:
    """Types and checksums of constants by name."""
    values = [v for graph in program.all_graphs() for v in graph.constants() if v.name]
    return {v.name: f"{v.type} {_checksum(v):08x}" for v in values}


def _checksum(value: Value) -> int:
    assert value.const is not None
    checksum = 0
    for chunk in chunks(value.const):
        checksum = zlib.crc32(chunk, checksum)
    return checksum
