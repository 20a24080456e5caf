"""Copies of programs: graphs, operations and values anew, constants shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from litesmith.ir.graph import Graph, Op, Program, Signature, Value


@dataclass
class Clone:
    """A copy of a program. values, graphs, ops: what became of each part of the original, by its ``id``."""

    program: Program
    values: dict[int, Value] = field(default_factory=dict)
    graphs: dict[int, Graph] = field(default_factory=dict)
    ops: dict[int, Op] = field(default_factory=dict)


def clone(program: Program) -> Clone:
    """A copy to be changed freely; the original, and the elements of its constants, are left as they are."""
    copies = Clone(replace(program, metadata=dict(program.metadata), notes=list(program.notes), files=dict(program.files)))
    originals = program.all_graphs()
    copies.graphs = {id(g): Graph(g.name) for g in originals}
    for graph in originals:
        _fill(graph, copies)
    copies.program.graphs = [copies.graphs[id(g)] for g in program.graphs]
    copies.program.signatures = [
        Signature(s.key, copies.graphs[id(s.graph)], dict(s.inputs), dict(s.outputs)) for s in program.signatures
    ]
    return copies


def _fill(graph: Graph, copies: Clone) -> None:
    target = copies.graphs[id(graph)]
    target.inputs = [_copy(v, copies) for v in graph.inputs]
    for op in graph.ops:
        operands = [None if v is None else _copy(v, copies) for v in op.operands]
        copy = Op(op.defn, operands, {k: _with_graphs(v, copies.graphs) for k, v in op.attrs.items()}, op.origins)
        copy.results = [_copy(v, copies) for v in op.results]
        for index, value in enumerate(copy.results):
            value.op, value.index = copy, index
        target.insert(copy)
        copies.ops[id(op)] = copy
    target.outputs = [_copy(v, copies) for v in graph.outputs]


def _copy(value: Value, copies: Clone) -> Value:
    found = copies.values.get(id(value))
    if found is None:
        found = copies.values[id(value)] = Value(value.type, value.name, value.const)
        found.is_variable = value.is_variable
        found.sym = value._sym
    return found


def _with_graphs(attr: Any, graphs: Mapping[int, Graph]) -> Any:
    if isinstance(attr, Graph):
        return graphs[id(attr)]
    if isinstance(attr, (tuple, list)) and any(isinstance(a, Graph) for a in attr):
        return type(attr)(graphs[id(a)] if isinstance(a, Graph) else a for a in attr)
    return attr
