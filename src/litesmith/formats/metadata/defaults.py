"""What a model says of itself without metadata: the names of its signature, layers and types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.stored_tensors import HasTensors, StoredTensor


def default_metadata(model: HasTensors, name: str = "") -> s.ModelMetadata:
    """Metadata that name a model's inputs and outputs by its signature, or else as its tensors are called."""
    inputs, outputs = model.inputs(), model.outputs()
    graph = s.SubGraphMetadata(
        input_tensor_metadata=_describe_tensors(inputs, "Read by"),
        output_tensor_metadata=_describe_tensors(outputs, "Made by"),
    )
    return s.ModelMetadata(name, subgraph_metadata=(graph,))


def _describe_tensors(tensors: Sequence[StoredTensor], relation: str) -> tuple[s.TensorMetadata, ...]:
    names: list[str] = []
    for tensor in tensors:
        wanted = tensor.alias or tensor.name
        candidates = (f"{wanted}_{number}" if number else wanted for number in count())
        names.append(next(name for name in candidates if name not in names))
    texts = [f"{relation} {tensor.origin}." if tensor.origin else "" for tensor in tensors]
    return tuple(s.TensorMetadata(name, text) for name, text in zip(names, texts, strict=True))


def fill_in_defaults(metadata: s.ModelMetadata, defaults: s.ModelMetadata) -> s.ModelMetadata:
    """Metadata with the defaults where they say nothing: the model's name, the tensors' names and descriptions."""
    metadata = _fill_missing(metadata, defaults, "name")
    if not metadata.subgraph_metadata:
        return replace(metadata, subgraph_metadata=defaults.subgraph_metadata)
    graph, usual = metadata.subgraph_metadata[0], defaults.subgraph_metadata[0]
    sides: dict[str, Any] = {}
    for side in ("input_tensor_metadata", "output_tensor_metadata"):
        given, offered = getattr(graph, side), getattr(usual, side)
        sides[side] = given or offered
        if len(given) == len(offered):
            sides[side] = tuple(_fill_missing(g, o, "name", "description") for g, o in zip(given, offered, strict=True))
    return replace(metadata, subgraph_metadata=(replace(graph, **sides), *metadata.subgraph_metadata[1:]))


def _fill_missing(table: Any, defaults: Any, *names: str) -> Any:
    return replace(table, **{name: getattr(table, name) or getattr(defaults, name) for name in names})
