"""Writes a program as a `.tflite` file.

The FlatBuffer tables come first and the weights after them, in order of first use: references point forward, so the
tables are laid out with room for them, the weights are streamed one at a time, and then it is filled in where each
went.
A file too large for the 2 GB of a FlatBuffer keeps its weights behind it, found by ``Buffer.offset`` and ``.size``.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from litesmith._util.progress import tell
from litesmith._util.replacing import replacing
from litesmith.formats.tflite import slots
from litesmith.formats.tflite.archive import write_archive
from litesmith.formats.tflite.buffers import BufferPool
from litesmith.formats.tflite.encoder import PLACEHOLDER, REF, Encoder, Field
from litesmith.formats.tflite.options import CUSTOM, CUSTOM_CODE, CUSTOM_OPTIONS, write_options
from litesmith.formats.tflite.requirements import MIN_RUNTIME_VERSION, min_runtime_version
from litesmith.formats.tflite.tensors import GraphTensors, write_tensor
from litesmith.ir import Graph, Op, Program, Signature, Value

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"
LARGEST_FLATBUFFER = 2**31 - 2**20
"""Files up to this size are one FlatBuffer; in larger ones the weights lie behind it."""

PLACEHOLDER_CODE = 127
"""What the one-byte field of the operator number says for numbers that do not fit it."""


def write_model(program: Program, *, external_over: int = LARGEST_FLATBUFFER) -> bytes:
    """The program as the bytes of a `.tflite` file. Same program, same bytes.

    ``external_over``: size in bytes above which the weights lie behind the FlatBuffer. Raises ValueError for a program
    that is not valid IR.
    """
    out = io.BytesIO()
    _write(program, out, external_over)
    return out.getvalue()


def write_file(
    program: Program,
    path: str | os.PathLike[str],
    *,
    external_over: int = LARGEST_FLATBUFFER,
    check: Callable[[Path], None] | None = None,
) -> None:
    """Writes the program to a `.tflite` file, streaming: no more than one constant is in memory at a time.

    The file appears whole or not at all; an older one stays until then. ``check`` is called with the whole new file
    before it takes its place, and keeps it from doing so by raising. Raises OSError where it cannot be written.
    """
    with replacing(path, check) as out:
        _write(program, out, external_over)


def file_size(program: Program) -> int:
    """Bytes of the file, which is not made: no more than one constant is in memory at a time."""
    out = _Measure()
    _write(program, out, LARGEST_FLATBUFFER)
    return out.size


class _Measure(io.BytesIO):
    """A file that forgets what is written to it but how much it was."""

    def __init__(self) -> None:
        super().__init__()
        self.position = self.size = 0

    def write(self, data: Any) -> int:
        """Counts the bytes."""
        count = memoryview(data).nbytes
        self.position += count
        self.size = max(self.size, self.position)
        return count

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves on or back."""
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def tell(self) -> int:
        """The position."""
        return self.position


def tables_size(program: Program) -> int:
    """Bytes of the file without its weights and what travels behind them."""
    return len(_Tables(program, LARGEST_FLATBUFFER).data)


def _write(program: Program, out: BinaryIO, external_over: int) -> None:
    tables = _Tables(program, external_over)
    out.write(bytes(len(tables.data)))
    for number, place in enumerate(tables.pool.stream(out, len(tables.data), tables.external)):
        tables.locate(number, place.start, place.size)
        tell("writing", place.start, tables.pool.total)
    out.seek(0)
    out.write(tables.data)
    out.seek(0, os.SEEK_END)
    write_archive(out, program.files)


class _Tables:
    """Everything of a model but its weights, as the bytes at the head of the file."""

    def __init__(self, program: Program, external_over: int) -> None:
        self._encoder = Encoder()
        self._graphs = program.all_graphs()
        self._graph_index = {id(g): i for i, g in enumerate(self._graphs)}
        self._tensors = [GraphTensors(g) for g in self._graphs]
        self._codes: dict[tuple[int, str, int], int] = {}
        self.pool = BufferPool(c for tensors in self._tensors for c in tensors.constants)
        subgraphs = [self._subgraph(g, t) for g, t in zip(self._graphs, self._tensors, strict=True)]
        signatures = [self._signature(s) for s in program.signatures]
        metadata = {**program.metadata, MIN_RUNTIME_VERSION: min_runtime_version(program)}
        room = sum(len(data) for data in metadata.values()) + self._encoder.size + 64 * len(self.pool.constants)
        self.external = room + self.pool.total > external_over
        self._slots: list[int] = []
        buffers, entries = self._buffers(metadata)
        root = self._root(program, subgraphs, buffers, entries, signatures)
        self.data = self._encoder.finish(root, FILE_IDENTIFIER)

    def locate(self, number: int, start: int, size: int) -> None:
        """Fills in where the bytes of one of the pool's constants are."""
        place = len(self.data) - self._slots[number]
        if self.external:
            struct.pack_into("<QQ", self.data, place, start, size)
        else:
            struct.pack_into("<I", self.data, place, start - 4 - place)

    def _root(
        self, program: Program, subgraphs: list[int], buffers: list[int], metadata: list[int], signatures: list[int]
    ) -> int:
        encoder = self._encoder
        fields: list[Field] = [
            (slots.Model.VERSION, "I", SCHEMA_VERSION),
            (slots.Model.OPERATOR_CODES, REF, encoder.references([self._operator_code(*key) for key in self._codes])),
            (slots.Model.SUBGRAPHS, REF, encoder.references(subgraphs)),
            (slots.Model.DESCRIPTION, REF, encoder.string(program.description)),
            (slots.Model.BUFFERS, REF, encoder.references(buffers)),
            (slots.Model.METADATA, REF, encoder.references(metadata)),
        ]
        if signatures:
            fields.append((slots.Model.SIGNATURES, REF, encoder.references(signatures)))
        return encoder.table(fields)

    def _buffers(self, metadata: Mapping[str, bytes]) -> tuple[list[int], list[int]]:
        """Tables of the buffers (the empty one, the constants' own, those of the metadata) and of the metadata."""
        encoder = self._encoder
        tables = [encoder.table([])]
        empty: list[Field] = [(slots.Buffer.DATA, PLACEHOLDER, 0)]
        if self.external:
            empty = [(slots.Buffer.OFFSET, "Q", 0), (slots.Buffer.SIZE, "Q", 0)]
        first_slot = encoder.layout(empty).places[0]
        for _ in self.pool.constants:
            tables.append(encoder.table(empty))
            self._slots.append(tables[-1] - first_slot)
        if self.pool.has_empty:
            tables.append(encoder.table([(slots.Buffer.DATA, REF, encoder.octets(b""))]))
        entries = []
        for name, data in metadata.items():
            fields: list[Field] = [
                (slots.Metadata.NAME, REF, encoder.string(name)),
                (slots.Metadata.BUFFER, "I", len(tables)),
            ]
            entries.append(encoder.table(fields))
            tables.append(encoder.table([(slots.Buffer.DATA, REF, encoder.octets(data, 16))]))
        return tables, entries

    def _subgraph(self, graph: Graph, tensors: GraphTensors) -> int:
        encoder = self._encoder
        operators = [self._operator(op, tensors) for op in graph.ops]
        tables = [write_tensor(encoder, tensors, i, self.pool) for i in range(len(tensors.values))]
        return encoder.table(
            [
                (slots.SubGraph.TENSORS, REF, encoder.references(tables)),
                (slots.SubGraph.INPUTS, REF, encoder.scalars([tensors.index[id(v)] for v in graph.inputs], "<i4")),
                (slots.SubGraph.OUTPUTS, REF, encoder.scalars([tensors.index[id(v)] for v in graph.outputs], "<i4")),
                (slots.SubGraph.OPERATORS, REF, encoder.references(operators)),
                (slots.SubGraph.NAME, REF, encoder.string(graph.name)),
            ]
        )

    def _operator(self, op: Op, tensors: GraphTensors) -> int:
        encoder, defn = self._encoder, op.defn
        key = (defn.code, op.attrs[CUSTOM_CODE] if defn.code == CUSTOM else "", defn.version_of(op))
        operands = [-1 if v is None else tensors.index[id(v)] for v in op.slots]
        fields: list[Field] = [
            (slots.Operator.CODE, "I", self._codes.setdefault(key, len(self._codes))),
            (slots.Operator.INPUTS, REF, encoder.scalars(operands, "<i4")),
            (slots.Operator.OUTPUTS, REF, encoder.scalars([tensors.index[id(v)] for v in op.results], "<i4")),
        ]
        if defn.options is not None:
            slot = slots.Operator.OPTIONS_2_TYPE if defn.options2 else slots.Operator.OPTIONS_TYPE
            table = write_options(encoder, defn, op.attrs, self._index_of)
            fields += [(slot, "B", defn.options[1]), (slot + 1, REF, table)]
        if defn.code == CUSTOM:
            fields.append((slots.Operator.CUSTOM_OPTIONS, REF, encoder.octets(op.attrs[CUSTOM_OPTIONS], 16)))
        if id(op) in tensors.intermediates:
            fields.append((slots.Operator.INTERMEDIATES, REF, encoder.scalars(tensors.intermediates[id(op)], "<i4")))
        return encoder.table(fields)

    def _index_of(self, graph: Graph) -> int:
        return self._graph_index[id(graph)]

    def _operator_code(self, code: int, custom: str, version: int) -> int:
        fields: list[Field] = [
            (slots.OperatorCode.NARROW, "b", min(code, PLACEHOLDER_CODE)),
            (slots.OperatorCode.CODE, "i", code),
            (slots.OperatorCode.VERSION, "i", version),
        ]
        if code == CUSTOM:
            fields.append((slots.OperatorCode.CUSTOM_CODE, REF, self._encoder.string(custom)))
        return self._encoder.table(fields)

    def _signature(self, signature: Signature) -> int:
        encoder, tensors = self._encoder, self._tensors[self._index_of(signature.graph)]

        def maps(places: Mapping[str, int], values: Sequence[Value]) -> int:
            pairs = [(encoder.string(name), tensors.index[id(values[place])]) for name, place in places.items()]
            name_slot, tensor_slot = slots.TensorMap
            return encoder.references([encoder.table([(name_slot, REF, n), (tensor_slot, "I", i)]) for n, i in pairs])

        return encoder.table(
            [
                (slots.SignatureDef.INPUTS, REF, maps(signature.inputs, signature.graph.inputs)),
                (slots.SignatureDef.OUTPUTS, REF, maps(signature.outputs, signature.graph.outputs)),
                (slots.SignatureDef.KEY, REF, encoder.string(signature.key)),
                (slots.SignatureDef.SUBGRAPH, "I", self._index_of(signature.graph)),
            ]
        )
