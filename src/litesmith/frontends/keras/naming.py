"""Readable names: operations and tensors are called after the layer they come from, the same on every backend."""

from __future__ import annotations

import re
from dataclasses import replace

from litesmith.frontends.keras.layers import CALL, PREFIX
from litesmith.ir import Graph, Op, Origin, Program


def name_by_layers(program: Program) -> Program:
    """The program with names like ``encoder/block_3/Relu``; inputs and outputs have those of the signature."""
    for graph in program.all_graphs():
        for op in graph.ops:
            _name(op)
    for signature in program.signatures:
        _name_boundary(signature.graph, signature.inputs, signature.outputs)
    return program


def _name(op: Op) -> None:
    op.origins = tuple(_plain(origin) for origin in op.origins)
    place = op.origin
    for value in op.results:
        if place.layer or PREFIX in value.name:
            value.name = place.node


def _plain(origin: Origin) -> Origin:
    """The origin with its node named by its layer and the last part of the backend's name."""
    last = origin.node.rstrip("/").rpartition("/")[2]
    if last.startswith((PREFIX, CALL)):
        last = origin.op.rpartition(".")[2]
    last = re.sub(r"_\d+$", "", last)
    return replace(origin, node="/".join(part for part in (origin.layer, last) if part))


def _name_boundary(graph: Graph, inputs: dict[str, int], outputs: dict[str, int]) -> None:
    for name, index in inputs.items():
        graph.inputs[index].name = name
    given = set(map(id, graph.inputs))
    for name, index in outputs.items():
        value = graph.outputs[index]
        if value.op is not None and id(value) not in given:
            value.name = name
            given.add(id(value))
