"""Metadata of programs: attached, read, and kept right when inputs and outputs change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from litesmith.errors import FormatError
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.codec import TFLITE_METADATA, decode, encode, unknown_fields
from litesmith.formats.metadata.defaults import default_metadata
from litesmith.formats.metadata.described import UPGRADE, fitting_metadata, recorded_files
from litesmith.formats.metadata.requests import Requested
from litesmith.formats.metadata.stored_tensors import ProgramTensors, Storage
from litesmith.ir import Program, TensorType, Value


def attached_metadata(program: Program) -> s.ModelMetadata | None:
    """The metadata of a program, None where it has none. Raises FormatError for damaged ones."""
    stored = program.metadata.get(TFLITE_METADATA)
    return None if stored is None else decode(stored)


def attach(program: Program, metadata: s.ModelMetadata | None, files: Mapping[str, bytes] | None = None) -> None:
    """Gives a program metadata (None: takes them off) and associated files (None: those it has).

    Raises UsageError for metadata that do not fit the program, with every reason.
    """
    if metadata is None:
        program.metadata.pop(TFLITE_METADATA, None)
        program.files = {}
        return
    files = program.files if files is None else files
    program.metadata[TFLITE_METADATA] = encode(fitting_metadata(metadata, files, ProgramTensors(program)))
    program.files = dict(files)


def give_metadata(program: Program, requested: Requested, name: str = "") -> None:
    """Gives a program the metadata that were asked for. Files it has stay where the metadata name them.

    name: of the model, where the metadata have none. Raises UsageError for metadata that do not fit the program.
    """
    metadata, files = requested.for_model(ProgramTensors(program), name)
    recorded = {f.name for f in recorded_files(metadata)}
    attach(program, metadata, {**{n: c for n, c in program.files.items() if n in recorded}, **files})


@dataclass(frozen=True)
class Interface:
    """The inputs and outputs of a program's main graph at some time, for `follow`."""

    inputs: tuple[Value, ...]
    input_types: tuple[TensorType, ...]
    output_types: tuple[TensorType, ...]

    @classmethod
    def of(cls, program: Program) -> Interface:
        """The interface as it is now."""
        graph = program.main
        types = (tuple(v.type for v in values) for values in (graph.inputs, graph.outputs))
        return cls(tuple(graph.inputs), *types)

    def places_of(self, inputs: Sequence[Value]) -> list[int | None]:
        """Where inputs were: told by their values; one that took another's place is in that place."""
        numbers = {id(value): place for place, value in enumerate(self.inputs)}
        same = len(self.inputs) == len(inputs)
        return [numbers.get(id(v), place if same else None) for place, v in enumerate(inputs)]


Places = Sequence[int | None]
"""For each input (or output) that a program has now, the place it had before; None for a new one."""


def follow(program: Program, before: Interface, inputs: Places | None = None, outputs: Places | None = None) -> None:
    """Keeps the metadata of a program right after its inputs or outputs were moved, removed, added or stored otherwise.

    inputs, outputs: where each was before; by default inputs are told by their values, and outputs have kept their
    places. Statistics, which count in stored numbers, are converted; normalization, which counts in real ones, stays.
    Raises FormatError where fields of a newer schema would be lost.
    """
    stored = program.metadata.get(TFLITE_METADATA)
    if stored is None:
        return
    if outputs is None and len(before.output_types) != len(program.main.outputs):
        raise ValueError("the number of outputs has changed: say where each was before")
    types = [tuple(v.type for v in values) for values in (program.main.inputs, program.main.outputs)]
    sides = (
        _Side("input", before.input_types, types[0], inputs or before.places_of(program.main.inputs)),
        _Side("output", before.output_types, types[1], outputs or range(len(types[1]))),
    )
    if all(side.is_unchanged for side in sides):
        return
    if unknown := unknown_fields(stored):
        reason = f"its metadata have fields of a newer schema, which would be lost: {', '.join(unknown[:5])}"
        raise FormatError(reason, fix=UPGRADE)
    metadata: s.ModelMetadata = decode(stored)
    if metadata.subgraph_metadata:
        graph, *others = metadata.subgraph_metadata
        usual = default_metadata(ProgramTensors(program)).subgraph_metadata[0]
        for side in sides:
            graph = side.move(graph, usual)
        program.metadata[TFLITE_METADATA] = encode(replace(metadata, subgraph_metadata=(graph, *others)))


@dataclass(frozen=True)
class _Side:
    """The inputs, or the outputs, before and now."""

    name: str
    before: tuple[TensorType, ...]
    now: tuple[TensorType, ...]
    places: Places

    @property
    def is_unchanged(self) -> bool:
        in_place = len(self.before) == len(self.now) and list(self.places) == list(range(len(self.now)))
        return in_place and all(Storage.of(a) == Storage.of(b) for a, b in zip(self.before, self.now, strict=True))

    def move(self, graph: s.SubGraphMetadata, usual: s.SubGraphMetadata) -> s.SubGraphMetadata:
        """The metadata with the tensors at their places; what is new is described as in ``usual``."""
        field, groups = f"{self.name}_tensor_metadata", f"{self.name}_tensor_groups"
        described, new = getattr(graph, field), getattr(usual, field)
        if len(described) != len(self.before):
            return graph  # which never fitted
        moved = tuple(
            new[number]
            if place is None
            else follow_storage(described[place], Storage.of(self.before[place]), Storage.of(self.now[number]))
            for number, place in enumerate(self.places)
        )
        changes: dict[str, Any] = {field: moved, groups: _present(getattr(graph, groups), moved)}
        return replace(graph, **changes)


def follow_storage(described: s.TensorMetadata, before: Storage, now: Storage) -> s.TensorMetadata:
    """The metadata of a tensor that holds the same real numbers in another storage."""
    stats = described.stats
    if stats is None or before == now:
        return described
    low, high = (tuple(_requantize(v, before, now) for v in values) for values in (stats.min, stats.max))
    return replace(described, stats=s.Stats(max=high, min=low))


def _requantize(number: float, before: Storage, now: Storage) -> float:
    real = before.scale * (number - before.zero_point) if before.is_quantized else number
    if not now.is_quantized:
        return real
    bits = int(now.dtype.lstrip("uint"))
    low, high = (0, 2**bits - 1) if now.dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return float(np.clip(np.round(real / now.scale) + now.zero_point, low, high))


def _present(groups: Sequence[s.TensorGroup], tensors: Sequence[s.TensorMetadata]) -> tuple[s.TensorGroup, ...]:
    """The groups without tensors that are gone."""
    names = {t.name for t in tensors}
    kept = (replace(g, tensor_names=tuple(n for n in g.tensor_names if n in names)) for g in groups)
    return tuple(g for g in kept if g.tensor_names)

