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
from litesmith.formats.tflite.decoder import FlatBuffer, Table
from litesmith.formats.tflite.options import CUSTOM, element_type
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
        self.spans = [self._span(table) for table in self.root.tables(4, "Buffer")]
        self.codes = [self._code(table) for table in self.root.tables(1, "OperatorCode")]

    def listing(self) -> Listing:
        """Everything."""
        return Listing(
            self.buffer.size,
            self.root.text(3),
            tuple(self._graph(table) for table in self.root.tables(2, "SubGraph")),
            tuple(self._signature(table) for table in self.root.tables(7, "SignatureDef")),
            tuple(BufferEntry(size, self._is_zero(start, size)) for start, size in self.spans),
            {t.text(0): self._size(t.scalar(1, "I")) for t in self.root.tables(6, "Metadata")},
        )

    def _span(self, table: Table) -> tuple[int, int]:
        start, size = table.scalar(1, "Q"), table.scalar(2, "Q")
        if start <= 1:
            return table.span(0)
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
        number = max(table.scalar(0, "b"), table.scalar(3, "i"))
        defn = OPS.by_code(number)
        name = defn.name if defn is not None else f"BUILTIN_{number}"
        return name, table.text(1) if number == CUSTOM else "", table.scalar(2, "i", 1)

    def _graph(self, table: Table) -> GraphEntry:
        inputs, outputs = (tuple(table.array(slot, "<i4").tolist()) for slot in (1, 2))
        return GraphEntry(
            table.text(4),
            inputs,
            outputs,
            tuple(self._tensor(t) for t in table.tables(0, "Tensor")),
            tuple(self._operator(t) for t in table.tables(3, "Operator")),
        )

    def _operator(self, table: Table) -> OperatorEntry:
        index = table.scalar(0, "I")
        if index >= len(self.codes):
            raise FormatError(f"an operator has code {index} of {len(self.codes)}")
        name, code, version = self.codes[index]
        inputs, outputs = (tuple(table.array(slot, "<i4").tolist()) for slot in (1, 2))
        return OperatorEntry(name, version, inputs, outputs, code, self._called(table, name))

    def _called(self, table: Table, name: str) -> tuple[tuple[str, int], ...]:
        defn = OPS.get(name)
        if defn is None or not defn.calls_graphs or defn.options is None:
            return ()
        options = table.table(12 if defn.options2 else 4, f"{name} options")
        if options is None:
            return ()
        called = []
        for place, (attr_name, attr) in enumerate(defn.attrs.items()):
            slot = place if attr.slot is None else attr.slot
            role = attr_name.removesuffix("_index").removesuffix("_subgraph").removesuffix("_subgraphs").title()
            if attr.kind == "subgraph" and options.place(slot) is not None:
                called.append((role, int(options.scalar(slot, "i"))))
            elif attr.kind == "subgraphs":
                called += [(f"{role} {i}", int(n)) for i, n in enumerate(options.array(slot, "<i4"))]
        return tuple(called)

    def _tensor(self, table: Table) -> TensorEntry:
        shape, signature = (tuple(table.array(slot, "<i4").tolist()) for slot in (0, 7))
        number, dtype = table.scalar(2, "I"), element_type(table.scalar(1, "b"))
        quantization = table.table(4, "QuantizationParameters")
        size = self._size(number)
        values = self._values(number, dtype, shape)
        return TensorEntry(
            table.text(3),
            dtype,
            shape if shape or table.scalar(8, "?") or size else (),
            signature if -1 in signature else (),
            number,
            size,
            tuple(values[:SHOWN]),
            len(values),
            0 if quantization is None else len(quantization.array(2, "<f4")),
            bool(table.scalar(5, "?")),
            table.table(6, "SparsityParameters") is not None,
        )

    def _values(self, number: int, dtype: DType, shape: Sequence[int]) -> Array:
        """The elements of a constant; nothing where they are packed, sparse or strings."""
        start, size = self.spans[number] if number < len(self.spans) else (0, 0)
        if not size or dtype.bits < 8 or size != stored_size(dtype, int(np.prod(shape, dtype=object))):
            return np.empty(0)
        return self.buffer.data[start : start + size].view(dtype.numpy)

    def _signature(self, table: Table) -> SignatureEntry:
        maps = (
            tuple((entry.text(0), int(entry.scalar(1, "I"))) for entry in table.tables(slot, "TensorMap"))
            for slot in (0, 1)
        )
        return SignatureEntry(table.text(2), int(table.scalar(4, "I")), *maps)
