"""What the interpreter does not tell of a .tflite file: order of names, exact types, state, custom operators.

Only the few tables needed are read, straight from the (memory-mapped) file, after the runtime has verified
its structure. The slot numbers are field positions in the declarations of
``tensorflow/lite/schema/schema.fbs``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Buffer = bytes | memoryview

# The names of the schema's TensorType, in its order.
TENSOR_TYPES = (
    "float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64 resource "
    "variant uint32 uint16 int4 bfloat16 int2 uint4 float8_e4m3fn float8_e5m2"
).split()
# What the runtime's Python interface exchanges for types NumPy has no name for.
EXCHANGED_AS = {"string": "object", "int4": "int8", "uint4": "uint8"}
NOT_EXCHANGED = {"resource", "variant", "bfloat16", "int2", "float8_e4m3fn", "float8_e5m2"}

_MAX_RANK = 32

CUSTOM = 32
STATE_OPS = {142, 143, 144}  # VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE
# RANDOM_STANDARD_NORMAL, RANDOM_UNIFORM, MULTINOMIAL, STABLEHLO_RNG_BIT_GENERATOR
RANDOM_OPS = {146, 148, 149, 204}
SELECT_STATE_OPS = {
    "FlexVarHandleOp",
    *("FlexHashTableV2", "FlexMutableHashTableV2", "FlexMutableDenseHashTableV2", "FlexIteratorV2"),
}
"""Select TF operators whose resources outlive a run."""
SELECT_RANDOM = "FlexRandom"
"""What the names of random Select TF operators that draw anew begin with."""


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature.

    name: its name in the signature; type: the schema's type name (``float32``, ``int4``, ``string`` …);
    shape: -1 for unknown sizes, None when even the rank is unknown; scale, zero_point: per-tensor
    quantization (scale 0.0: none); index: its tensor in the subgraph.
    """

    name: str
    type: str
    shape: tuple[int, ...] | None
    index: int
    scale: float = 0.0
    zero_point: int = 0

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The NumPy dtype of arrays exchanged with the runtime (object for strings). TypeError when there is
        none."""
        if self.type in NOT_EXCHANGED or self.type not in TENSOR_TYPES:
            raise TypeError(f"the runtime's Python interface does not exchange {self.type} arrays")
        return np.dtype(EXCHANGED_AS.get(self.type, self.type))

    def __str__(self) -> str:
        shape = "…" if self.shape is None else ", ".join("?" if d == -1 else str(d) for d in self.shape)
        return f"{self.name}: {self.type}[{shape}]"


@dataclass(frozen=True)
class SignatureInfo:
    """One entry point, inputs and outputs in the order of the file. ``key`` is "" for a model without
    signatures."""

    key: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    subgraph: int = 0


@dataclass(frozen=True)
class ModelFacts:
    """signatures: at least one; variables: whether anything may be kept from one run to the next; random:
    whether results may differ from run to run by design; custom_ops: names of the operators the schema does
    not define."""

    signatures: tuple[SignatureInfo, ...]
    variables: bool
    random: bool
    custom_ops: tuple[str, ...]


class _Table:
    """A FlatBuffer table: fields are found by their position in the schema's declaration."""

    def __init__(self, buffer: Buffer, position: int) -> None:
        from flatbuffers.table import Table

        self._table: Any = Table(buffer, position)

    @staticmethod
    def root(buffer: Buffer) -> _Table:
        return _Table(buffer, int.from_bytes(buffer[:4], "little"))

    def _field(self, slot: int) -> int:
        """The field's absolute position; 0 when it is absent."""
        offset: int = self._table.Offset(4 + 2 * slot)
        return offset and offset + self._table.Pos

    def scalar(self, slot: int, dtype: str, default: int = 0) -> int:
        position = self._field(slot)
        return int(np.frombuffer(self._table.Bytes, dtype, 1, position)[0]) if position else default

    def text(self, slot: int) -> str:
        position = self._field(slot)
        return bytes(self._table.String(position)).decode("utf-8", "replace") if position else ""

    def array(self, slot: int, dtype: str) -> np.ndarray[Any, Any] | None:
        """A vector of scalars; None when absent."""
        offset = self._table.Offset(4 + 2 * slot)
        if not offset:
            return None
        length, start = self._table.VectorLen(offset), self._table.Vector(offset)
        return np.frombuffer(self._table.Bytes, dtype, length, start)

    def table(self, slot: int) -> _Table | None:
        position = self._field(slot)
        return _Table(self._table.Bytes, self._table.Indirect(position)) if position else None

    def tables(self, slot: int) -> Iterator[_Table]:
        """A vector of tables."""
        offset = self._table.Offset(4 + 2 * slot)
        if offset:
            start = self._table.Vector(offset)
            for i in range(self._table.VectorLen(offset)):
                yield _Table(self._table.Bytes, self._table.Indirect(start + 4 * i))


def read_facts(buffer: Buffer) -> ModelFacts:
    """Read the facts of a model whose structure the runtime has already verified."""
    root = _Table.root(buffer)
    graphs = list(root.tables(2))
    tensors = [list(graph.tables(0)) for graph in graphs]
    signatures = tuple(_signature(table, tensors) for table in root.tables(7))
    codes = {_code(table): table.text(1) for table in root.tables(1)}
    kinds = {code for code, _ in codes}
    return ModelFacts(
        signatures or (_main_graph(graphs[0], tensors[0]),),
        bool(kinds & STATE_OPS)
        or any(name in SELECT_STATE_OPS for _, name in codes)
        or any(table.scalar(5, "?") for graph in tensors for table in graph),
        bool(kinds & RANDOM_OPS) or any(name.startswith(SELECT_RANDOM) for _, name in codes),
        tuple(name for (code, _), name in codes.items() if code == CUSTOM),
    )


def _code(table: _Table) -> tuple[int, str]:
    """An operator's number (written in one of two fields, by its size) and its custom name."""
    return max(table.scalar(0, "i1"), table.scalar(3, "<i4")), table.text(1)


def _signature(table: _Table, tensors: list[list[_Table]]) -> SignatureInfo:
    subgraph = table.scalar(4, "<u4")

    def infos(slot: int) -> tuple[TensorInfo, ...]:
        entries = ((entry.text(0), entry.scalar(1, "<u4")) for entry in table.tables(slot))
        return tuple(_tensor(name, index, tensors[subgraph][index]) for name, index in entries)

    return SignatureInfo(table.text(2), infos(0), infos(1), subgraph)


def _main_graph(graph: _Table, tensors: list[_Table]) -> SignatureInfo:
    """The entry point of a model without signatures: subgraph 0, under the names of its tensors."""

    def infos(slot: int, prefix: str) -> tuple[TensorInfo, ...]:
        indices = graph.array(slot, "<i4")
        positions = [] if indices is None else indices.tolist()
        names = _distinct([tensors[i].text(3) for i in positions], prefix)
        return tuple(_tensor(name, i, tensors[i]) for name, i in zip(names, positions, strict=True))

    return SignatureInfo("", infos(1, "input"), infos(2, "output"))


def _distinct(names: list[str], prefix: str) -> list[str]:
    """The names, each that is empty or not the only one of its kind replaced by its place."""
    return [n if n and names.count(n) == 1 else f"{prefix}_{i}" for i, n in enumerate(names)]


def _tensor(name: str, index: int, table: _Table) -> TensorInfo:
    code = table.scalar(1, "i1")
    kind = TENSOR_TYPES[code] if 0 <= code < len(TENSOR_TYPES) else f"type {code}"
    return TensorInfo(name, kind, _shape(table), index, *_per_tensor(table.table(4)))


def _per_tensor(quantization: _Table | None) -> tuple[float, int]:
    """Scale and zero point where there is one of each, else zeros."""
    if quantization is None:
        return 0.0, 0
    scale, zero = quantization.array(2, "<f4"), quantization.array(3, "<i8")
    if scale is None or scale.size != 1:
        return 0.0, 0
    return float(scale[0]), int(zero[0]) if zero is not None and zero.size else 0


def _shape(table: _Table) -> tuple[int, ...] | None:
    """Field 7 (only in files with unknown sizes) has -1 where field 0 has a placeholder; field 8 tells a
    scalar from an unknown rank. Old writers left field 8 out, so without it no claim is made about an empty
    shape."""
    for slot in (7, 0):
        shape = table.array(slot, "<i4")
        if shape is not None and shape.size:
            if shape.size > _MAX_RANK or shape.min() < -1:
                raise ValueError(f"a tensor has the shape {shape[:_MAX_RANK].tolist()}")
            return tuple(shape.tolist())
    return () if table.scalar(8, "?") else None
