"""The plan of a quantization: what stands between observing and rewriting, and what both obey."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from litesmith.errors import UsageError
from litesmith.ir import DType, Graph, Op, Program
from litesmith.quantize.calibrate import tensor_keys

STATIC, HYBRID, WIDENED, FLOAT = "integer", "hybrid", "widened", "float"
"""How an operation computes: on integers; on floats, with integer weights its kernel takes; on floats, with weights that are
made floats again beside it; on floats."""

TABLE, WITHIN = "table", "within"
"""Its result is read from a table, as what it is a function of; it is a step of such a function."""


@dataclass(frozen=True)
class OpPlan:
    """What becomes of an operation. form: one of those above. activations, weights: element types; axis: of the weights'
    channels, None for one scale for all; why: the reason, where it is not simply what was asked for."""

    operator: str
    layer: str = ""
    form: str = FLOAT
    activations: DType = DType.FLOAT32
    weights: DType | None = None
    per_channel: bool = True
    why: str = ""

    def to_json(self) -> dict[str, object]:
        """As JSON holds it."""
        found: dict[str, Any] = {"operator": self.operator, "layer": self.layer, "form": self.form}
        if self.form in (STATIC, TABLE):
            found["activations"] = self.activations.text
        if self.weights is not None:
            found |= {"weights": self.weights.text, "per_channel": self.per_channel}
        return found | ({"why": self.why} if self.why else {})


@dataclass(frozen=True)
class TensorPlan:
    """How a tensor is stored as integers: scale, zero point, and why these."""

    dtype: DType
    scale: float
    zero_point: int
    why: str = ""

    def to_json(self) -> dict[str, object]:
        """As JSON holds it."""
        found = {"type": self.dtype.text, "scale": self.scale, "zero_point": self.zero_point}
        return found | ({"why": self.why} if self.why else {})


@dataclass
class Plan:
    """What a quantization does.

    ops: by the key of the operation (number of its graph, number in it). tensors: by tensor key and element type; an
    operation that works on this type takes and gives it so. fixed: tensors whose producer gives other parameters than their
    users take, so that a QUANTIZE stands between them.
    """

    ops: dict[str, OpPlan] = field(default_factory=dict)
    tensors: dict[tuple[str, DType], TensorPlan] = field(default_factory=dict)
    fixed: dict[tuple[str, DType], TensorPlan] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """As JSON holds it."""
        return {
            "litesmith": "quantization plan",
            "operations": {key: op.to_json() for key, op in self.ops.items()},
            "tensors": {f"{key}|{dtype}": t.to_json() for (key, dtype), t in self.tensors.items()},
            "fixed": {f"{key}|{dtype}": t.to_json() for (key, dtype), t in self.fixed.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Plan:
        """From what `to_json` gave, edited or not. Raises UsageError for anything else."""
        try:
            return Plan(
                {key: _op_plan(op) for key, op in data["operations"].items()},
                {_tensor_key(key): _tensor_plan(t) for key, t in data["tensors"].items()},
                {_tensor_key(key): _tensor_plan(t) for key, t in data.get("fixed", {}).items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"this is not a quantization plan: {error!r}") from error

    def save(self, path: str | Path) -> None:
        """Writes it as a JSON file."""
        Path(path).write_text(json.dumps(self.to_json(), indent=1), encoding="utf-8")

    @staticmethod
    def load(path: str | Path) -> Plan:
        """Reads such a file. Raises UsageError where it is none."""
        try:
            return Plan.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, json.JSONDecodeError) as error:
            raise UsageError(f"cannot read the plan {path}: {error}") from error

    def differences(self, other: Plan) -> list[str]:
        """What another plan does otherwise, a line each."""
        found = []
        for key in dict.fromkeys([*self.ops, *other.ops]):
            mine, theirs = self.ops.get(key), other.ops.get(key)
            if mine != theirs:
                found.append(f"{key}: {_line(mine)} → {_line(theirs)}")
        for tensor in dict.fromkeys([*self.tensors, *other.tensors]):
            a, b = self.tensors.get(tensor), other.tensors.get(tensor)
            if a != b:
                found.append(f"{tensor[0]} {tensor[1]}: {a} → {b}")
        return found

    def __str__(self) -> str:
        return "\n".join(f"{key:>6} {_line(op)}" for key, op in self.ops.items())


def _line(op: OpPlan | None) -> str:
    if op is None:
        return "–"
    kind = op.activations.text if op.form == STATIC else op.form
    weights = f"×{op.weights.text}" if op.weights is not None else ""
    why = f"  ({op.why})" if op.why else ""
    return f"{op.operator} {op.layer}: {kind}{weights}{why}"


def _op_plan(data: Mapping[str, Any]) -> OpPlan:
    if data["form"] not in (STATIC, HYBRID, WIDENED, FLOAT, TABLE, WITHIN):
        raise ValueError(f"form {data['form']!r}")
    return OpPlan(
        data["operator"],
        data.get("layer", ""),
        data["form"],
        DType.parse(data.get("activations", "float32")),
        DType.parse(data["weights"]) if data.get("weights") else None,
        bool(data.get("per_channel", True)),
        data.get("why", ""),
    )


def _tensor_key(text: str) -> tuple[str, DType]:
    key, _, dtype = text.rpartition("|")
    return key, DType.parse(dtype)


def _tensor_plan(data: Mapping[str, Any]) -> TensorPlan:
    scale = float(data["scale"])
    if not np.isfinite(scale) or scale <= 0:
        raise ValueError(f"scale {scale}")
    return TensorPlan(DType.parse(data["type"]), scale, int(data["zero_point"]), data.get("why", ""))


class Keys:
    """Names of the operations and tensors of a program, as plans and calibrations use them."""

    def __init__(self, program: Program) -> None:
        self.graphs: list[Graph] = program.all_graphs()
        self.tensors: dict[int, str] = tensor_keys(program)
        self._ops: dict[int, str] = {}
        self.all: list[tuple[str, Op]] = list(self._number_ops())
        self._ops = {id(op): key for key, op in self.all}

    def _number_ops(self) -> Iterator[tuple[str, Op]]:
        for number, graph in enumerate(self.graphs):
            for index, op in enumerate(graph.ops):
                yield f"{number}:{index}", op

    def op(self, op: Op) -> str:
        """The key of an operation."""
        return self._ops[id(op)]
