"""What a converted model tells of itself: its signatures, operators and sizes, as data, text and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from litesmith._util.text import human_bytes
from litesmith.ir import Program
from litesmith.ir.graph import Signature as GraphSignature
from litesmith.ir.types import TensorType

Shape = tuple["int | None", ...]


@dataclass(frozen=True)
class Tensor:
    """An input or output. shape: None for each unknown size, None as a whole where the rank is unknown."""

    name: str
    dtype: str
    shape: Shape | None

    def __str__(self) -> str:
        sizes = "[*]" if self.shape is None else f"[{', '.join('?' if d is None else str(d) for d in self.shape)}]"
        return f"{self.name}: {self.dtype}{sizes}"

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"name": self.name, "dtype": self.dtype, "shape": None if self.shape is None else list(self.shape)}


@dataclass(frozen=True)
class Signature:
    """An entry point of a model: its key, and its inputs and outputs in order."""

    key: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def __str__(self) -> str:
        return f"{self.key}({', '.join(map(str, self.inputs))}) -> {', '.join(map(str, self.outputs))}"

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "key": self.key,
            "inputs": [t.to_json() for t in self.inputs],
            "outputs": [t.to_json() for t in self.outputs],
        }


@dataclass(frozen=True)
class Summary:
    """What a model consists of. constant_bytes: of its weights; equal ones, which
    the file holds once, are counted for each graph. graphs: operators by graph.

    ``str()`` is a text of 80 columns.
    """

    signatures: tuple[Signature, ...]
    operators: Mapping[str, int]
    graphs: Mapping[str, Mapping[str, int]]
    constant_bytes: int

    @property
    def operator_count(self) -> int:
        """How many operators there are."""
        return sum(self.operators.values())

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "signatures": [s.to_json() for s in self.signatures],
            "operators": dict(self.operators),
            "graphs": {name: dict(ops) for name, ops in self.graphs.items()},
            "constant_bytes": self.constant_bytes,
        }

    def __str__(self) -> str:
        lines = []
        for signature in self.signatures:
            lines += [f"signature {signature.key}"]
            lines += [f"  in   {t}" for t in signature.inputs] + [f"  out  {t}" for t in signature.outputs]
        lines.append(f"{self.operator_count} operators, weights {human_bytes(self.constant_bytes)}")
        lines += [f"  {count:>6}  {name}" for name, count in by_count(self.operators)]
        return "\n".join(lines)


def by_count(operators: Mapping[str, int]) -> list[tuple[str, int]]:
    """Operators and how often they occur, the most frequent first."""
    return sorted(operators.items(), key=lambda item: (-item[1], item[0]))


def summarize(program: Program) -> Summary:
    """What a program consists of."""
    graphs = program.all_graphs()
    constants = {id(v.const): v.const.nbytes for g in graphs for v in g.constants() if v.const is not None}
    return Summary(
        tuple(map(describe, program.signatures)),
        program.histogram(),
        {graph.name: graph.histogram() for graph in graphs},
        sum(constants.values()),
    )


def describe(signature: GraphSignature) -> Signature:
    """A signature of a program, with the names it has there."""
    graph = signature.graph
    return Signature(
        signature.key,
        tuple(_tensor(name, graph.inputs[i].type) for name, i in signature.inputs.items()),
        tuple(_tensor(name, graph.outputs[i].type) for name, i in signature.outputs.items()),
    )


def _tensor(name: str, declared: TensorType) -> Tensor:
    shape = declared.shape
    sizes = None if shape is None else tuple(d if isinstance(d, int) else None for d in shape)
    return Tensor(name, str(declared.dtype), sizes)


def default_signature(signatures: Sequence[Signature]) -> Signature:
    """The one that is meant where none is named: ``serving_default``, else the first."""
    return next((s for s in signatures if s.key == "serving_default"), signatures[0])


def html_of(summary: Summary) -> str:
    """The summary as a piece of HTML, as notebooks show it."""
    rows = [
        f"<tr><td>{escape(s.key)}</td><td>{_lines(s.inputs)}</td><td>{_lines(s.outputs)}</td></tr>"
        for s in summary.signatures
    ]
    operators = ", ".join(f"{count} × {escape(name)}" for name, count in by_count(summary.operators))
    return (
        f"<b>litesmith.Model</b>: {summary.operator_count} operators, weights {human_bytes(summary.constant_bytes)}"
        f"<table><thead><tr><th>signature</th><th>inputs</th><th>outputs</th></tr></thead><tbody>{''.join(rows)}</tbody>"
        f"</table><details><summary>operators</summary>{operators}</details>"
    )


def _lines(tensors: Sequence[Tensor]) -> str:
    return "<br>".join(escape(str(t)) for t in tensors)
