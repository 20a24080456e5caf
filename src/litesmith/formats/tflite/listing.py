"""What lies in a `.tflite` file, as it lies there: tensors and buffers by number, operators with their versions.

`read_model` gives the meaning of a file; this gives its layout, for reports.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litesmith._util.mapping import map_file
from litesmith.errors import FormatError
from litesmith.formats.tflite import slots
from litesmith.formats.tflite.decoder import FlatBuffer, Table
from litesmith.formats.tflite.options import CUSTOM, element_type, operator_number
from litesmith.formats.tflite.packing import stored_size
from litesmith.formats.tflite.writer import FILE_IDENTIFIER
from litesmith.ir import DType
from litesmith.ir.constant import Array
from litesmith.ops import OPS

SHOWN = 5
"""As many elements of a constant are listed."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class BufferEntry:
    """A buffer: how many bytes it has, and whether all of them are zero."""

    size: int
    is_zero: bool = False


@dataclass(frozen=True)
class TensorEntry:
    """A tensor. shape: None where the rank is unknown; signature: with -1 for unknown sizes, empty where all are known;
    values: the first elements of a constant; scales: how many there are (0 for no quantization)."""

    name: str
    dtype: DType
    shape: tuple[int, ...] | None
    signature: tuple[int, ...] = ()
    buffer: int = 0
    size: int = 0
    values: tuple[Any, ...] = ()
    count: int = 0
    scales: int = 0
    is_variable: bool = False
    is_sparse: bool = False


@dataclass(frozen=True)
class OperatorEntry:
    """An operator. name: its built-in name; code: the name of a custom one; subgraphs: those it calls, by role."""

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    code: str = ""
    subgraphs: tuple[tuple[str, int], ...] = ()

    @property
    def title(self) -> str:
        """The custom operator's own name, or the built-in one's."""
        return self.code or self.name


@dataclass(frozen=True)
class GraphEntry:
    """A subgraph."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensors: tuple[TensorEntry, ...]
    operators: tuple[OperatorEntry, ...]


@dataclass(frozen=True)
class SignatureEntry:
    """A signature: names of its inputs and outputs, with the numbers of their tensors."""

    key: str
    graph: int
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Listing:
    """The layout of a file. metadata: sizes of the entries by name."""

    size: int
    description: str
    graphs: tuple[GraphEntry, ...]
    signatures: tuple[SignatureEntry, ...]
    buffers: tuple[BufferEntry, ...]
    metadata: dict[str, int] = field(default_factory=dict)

    @property
    def shared_buffers(self) -> dict[int, int]:
        """Buffers that several tensors share, with how many do."""
        counts: dict[int, int] = {}
        for graph in self.graphs:
            for tensor in graph.tensors:
                if tensor.size:
                    counts[tensor.buffer] = counts.get(tensor.buffer, 0) + 1
        return {number: count for number, count in counts.items() if count > 1}


def list_model(source: bytes | bytearray | memoryview | str | os.PathLike[str]) -> Listing:
    """The layout of a `.tflite` file, given as its bytes or its path. Raises FormatError for a damaged one."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _File(np.frombuffer(source, np.uint8)).listing()
    path = os.fspath(source)
    try:
        return _File(map_file(path)).listing()
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", path=path) from error
    except FormatError as error:
        raise FormatError(error.message, path=path, fix=error.fix) from None


class _File:
    def __init__(self, data: Array) -> None:
        self.buffer = FlatBuffer(data)
        self.root = self.buffer.root(FILE_IDENTIFIER)
        self.spans = [self._span(table) for table in self.root.tables(slots.Model.BUFFERS, "Buffer")]
        self.codes = [self._code(table) for table in self.root.tables(slots.Model.OPERATOR_CODES, "OperatorCode")]

    def listing(self) -> Listing:
        """Everything."""
        return Listing(
            self.buffer.size,
            self.root.text(slots.Model.DESCRIPTION),
            tuple(self._graph(table) for table in self.root.tables(slots.Model.SUBGRAPHS, "SubGraph")),
            tuple(self._signature(table) for table in self.root.tables(slots.Model.SIGNATURES, "SignatureDef")),
            tuple(BufferEntry(size, self._is_zero(start, size)) for start, size in self.spans),
            {
                t.text(slots.Metadata.NAME): self._size(t.scalar(slots.Metadata.BUFFER, "I"))
                for t in self.root.tables(slots.Model.METADATA, "Metadata")
            },
        )

    def _span(self, table: Table) -> tuple[int, int]:
        start, size = table.scalar(slots.Buffer.OFFSET, "Q"), table.scalar(slots.Buffer.SIZE, "Q")
        if start <= 1:
            return table.span(slots.Buffer.DATA)
        if start + size > self.buffer.size:
            raise FormatError(f"a buffer of {size} bytes at {start} is not inside the file of {self.buffer.size} bytes")
        return start, size

    def _size(self, number: int) -> int:
        return self.spans[number][1] if number < len(self.spans) else 0

    def _is_zero(self, start: int, size: int) -> bool:
        data = self.buffer.data
        chunks = (data[at : min(at + _CHUNK, start + size)] for at in range(start, start + size, _CHUNK))
        return size > 0 and not any(bool(chunk.any()) for chunk in chunks)

    def _code(self, table: Table) -> tuple[str, str, int]:
        number, custom_code, version = operator_number(table)
        defn = OPS.by_code(number)
        name = defn.name if defn is not None else f"BUILTIN_{number}"
        return name, custom_code if number == CUSTOM else "", version

    def _graph(self, table: Table) -> GraphEntry:
        return GraphEntry(
            table.text(slots.SubGraph.NAME),
            tuple(table.array(slots.SubGraph.INPUTS, "<i4").tolist()),
            tuple(table.array(slots.SubGraph.OUTPUTS, "<i4").tolist()),
            tuple(self._tensor(t) for t in table.tables(slots.SubGraph.TENSORS, "Tensor")),
            tuple(self._operator(t) for t in table.tables(slots.SubGraph.OPERATORS, "Operator")),
        )

    def _operator(self, table: Table) -> OperatorEntry:
        index = table.scalar(slots.Operator.CODE, "I")
        if index >= len(self.codes):
            raise FormatError(f"an operator has code {index} of {len(self.codes)}")
        name, code, version = self.codes[index]
        places = (slots.Operator.INPUTS, slots.Operator.OUTPUTS)
        inputs, outputs = (tuple(table.array(slot, "<i4").tolist()) for slot in places)
        return OperatorEntry(name, version, inputs, outputs, code, self._called_graphs(table, name))

    def _called_graphs(self, table: Table, name: str) -> tuple[tuple[str, int], ...]:
        defn = OPS.get(name)
        if defn is None or not defn.calls_graphs or defn.options is None:
            return ()
        slot = slots.Operator.OPTIONS_2 if defn.options2 else slots.Operator.OPTIONS
        options = table.table(slot, f"{name} options")
        if options is None:
            return ()
        called = []
        for place, (attr_name, attr) in enumerate(defn.attrs.items()):
            field = place if attr.slot is None else attr.slot
            role = attr_name.removesuffix("_index").removesuffix("_subgraph").removesuffix("_subgraphs").title()
            if attr.kind == "subgraph" and options.place(field) is not None:
                called.append((role, int(options.scalar(field, "i"))))
            elif attr.kind == "subgraphs":
                called += [(f"{role} {i}", int(n)) for i, n in enumerate(options.array(field, "<i4"))]
        return tuple(called)

    def _tensor(self, table: Table) -> TensorEntry:
        shape, signature = (
            tuple(table.array(slot, "<i4").tolist()) for slot in (slots.Tensor.SHAPE, slots.Tensor.SHAPE_SIGNATURE)
        )
        number, dtype = table.scalar(slots.Tensor.BUFFER, "I"), element_type(table.scalar(slots.Tensor.TYPE, "b"))
        quantization = table.table(slots.Tensor.QUANTIZATION, "QuantizationParameters")
        size = self._size(number)
        values = self._values(number, dtype, shape)
        return TensorEntry(
            table.text(slots.Tensor.NAME),
            dtype,
            shape if shape or table.scalar(slots.Tensor.HAS_RANK, "?") or size else (),
            signature if -1 in signature else (),
            number,
            size,
            tuple(values[:SHOWN]),
            len(values),
            0 if quantization is None else len(quantization.array(slots.QuantizationParameters.SCALE, "<f4")),
            bool(table.scalar(slots.Tensor.IS_VARIABLE, "?")),
            table.table(slots.Tensor.SPARSITY, "SparsityParameters") is not None,
        )

    def _values(self, number: int, dtype: DType, shape: Sequence[int]) -> Array:
        """The elements of a constant; nothing where they are packed, sparse or strings."""
        start, size = self.spans[number] if number < len(self.spans) else (0, 0)
        if not size or dtype.bits < 8 or size != stored_size(dtype, int(np.prod(shape, dtype=object))):
            return np.empty(0)
        return self.buffer.data[start : start + size].view(dtype.numpy)

    def _signature(self, table: Table) -> SignatureEntry:
        maps = (
            tuple((e.text(slots.TensorMap.NAME), int(e.scalar(slots.TensorMap.TENSOR, "I"))) for e in entries)
            for entries in (
                table.tables(s, "TensorMap") for s in (slots.SignatureDef.INPUTS, slots.SignatureDef.OUTPUTS)
            )
        )
        return SignatureEntry(
            table.text(slots.SignatureDef.KEY), int(table.scalar(slots.SignatureDef.SUBGRAPH, "I")), *maps
        )
