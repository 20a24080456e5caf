"""The order and names of tensors in the official converter's files, which existing code relies on.

``get_input_details()`` lists the inputs of the first graph in the file's order. The official converter orders graphs by
signature key, and inputs and outputs by `fingerprint64` of their names in the signature, unless it converts a frozen
graph, whose order it keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from litesmith._util.fingerprint import fingerprint64
from litesmith.ir import Graph, Program, Signature, Value

_T = TypeVar("_T")


def order_by_fingerprint(program: Program) -> None:
    """Graphs by signature key, inputs and outputs by fingerprint of their names. Signatures keep their meaning."""
    program.signatures.sort(key=lambda s: s.key)
    entries: dict[Graph, Signature] = {}
    for signature in program.signatures:
        entries.setdefault(signature.graph, signature)
    program.graphs = [*entries, *(g for g in program.graphs if g not in entries)]
    for graph, first in entries.items():
        graph.name = "main" if len(entries) == 1 else first.key
        inputs, outputs = _order(first.inputs), _order(first.outputs)
        graph.inputs = _take(graph.inputs, inputs)
        graph.outputs = _take(graph.outputs, outputs)
        for signature in (s for s in program.signatures if s.graph is graph):
            signature.inputs = {name: inputs.index(i) for name, i in sorted(signature.inputs.items())}
            signature.outputs = {name: outputs.index(i) for name, i in sorted(signature.outputs.items())}


def _order(places: Mapping[str, int]) -> list[int]:
    """The positions in the file's order."""
    return [places[name] for name in sorted(places, key=fingerprint64)]


def _take(values: Sequence[_T], order: Sequence[int]) -> list[_T]:
    rest = [i for i in range(len(values)) if i not in order]
    return [values[i] for i in (*order, *rest)]


def name_as_exported(program: Program, calls: Mapping[str, str]) -> None:
    """Tensor names as in a SavedModel made of the program: ``KEY_NAME:0`` and ``StatefulPartitionedCall:0`` …

    calls: signature key -> name of the node that calls its function.
    """
    for signature in program.signatures:
        graph = signature.graph
        for name, place in signature.inputs.items():
            graph.inputs[place].name = f"{signature.key}_{name}:0"
        for rank, (_, place) in enumerate(sorted(signature.outputs.items())):
            _rename(graph.outputs[place], f"{calls[signature.key]}:{rank}")


def name_as_frozen(program: Program) -> None:
    """Tensor names as the official converter gives them to a frozen graph: without a final ``:0``."""
    for graph in program.graphs:
        for value in (*graph.inputs, *graph.outputs):
            value.name = value.name.removesuffix(":0")


def _rename(value: Value, name: str) -> None:
    if value.op is not None:
        value.name = name
