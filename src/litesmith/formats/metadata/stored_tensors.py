"""The inputs and outputs of a model's first subgraph, of a file (without reading the model) or of a program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from litesmith.errors import FormatError
from litesmith.formats.tflite import slots
from litesmith.formats.tflite.decoder import FlatBuffer, Table
from litesmith.formats.tflite.options import element_type
from litesmith.formats.tflite.tensors import GraphTensors
from litesmith.formats.tflite.writer import FILE_IDENTIFIER
from litesmith.ir import Program, Sym, TensorType, Value


@dataclass(frozen=True)
class Storage:
    """How a tensor holds numbers: ``real = scale * (stored - zero_point)``; scale 0 where it is not quantized."""

    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    @property
    def is_quantized(self) -> bool:
        """Whether the stored numbers are not the real ones."""
        return math.isfinite(self.scale) and self.scale > 0

    @classmethod
    def of(cls, kind: TensorType) -> Storage:
        """The storage of a value of this type, which has one scale."""
        dtype, quant = kind.dtype.name.lower(), kind.quant
        if quant is None or quant.scale.size != 1:
            return cls(dtype)
        return cls(dtype, float(quant.scale.flat[0]), int(quant.zero_point.flat[0]) if quant.zero_point.size else 0)


@dataclass(frozen=True)
class StoredTensor:
    """An input or output. number: of the tensor in its subgraph; shape: -1 for unknown sizes; dtype: ``float32``, …

    alias: its name in the first signature of the subgraph; origin: the layer or node it comes from or goes to.
    """

    number: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    storage: Storage = Storage("float32")
    alias: str = ""
    origin: str = ""


class HasTensors(Protocol):
    """What has inputs and outputs to describe: a file or a program."""

    def inputs(self) -> tuple[StoredTensor, ...]:
        """Inputs of the first subgraph."""

    def outputs(self) -> tuple[StoredTensor, ...]:
        """Outputs of the first subgraph."""


@dataclass(frozen=True)
class ProgramTensors:
    """The inputs and outputs of a program as its file will have them."""

    program: Program

    def inputs(self) -> tuple[StoredTensor, ...]:
        """Inputs of the main graph."""
        origins = [next(iter(v.users)).origin.label if v.users else "" for v in self.program.main.inputs]
        return self._tensors(self.program.main.inputs, self._aliases("inputs"), origins)

    def outputs(self) -> tuple[StoredTensor, ...]:
        """Outputs of the main graph."""
        origins = [v.op.origin.label if v.op else "" for v in self.program.main.outputs]
        return self._tensors(self.program.main.outputs, self._aliases("outputs"), origins)

    def _aliases(self, side: str) -> dict[int, str]:
        for signature in self.program.signatures:
            if signature.graph is self.program.main:
                return {place: name for name, place in getattr(signature, side).items()}
        return {}

    def _tensors(
        self, values: Sequence[Value], aliases: dict[int, str], origins: Sequence[str]
    ) -> tuple[StoredTensor, ...]:
        tensors = GraphTensors(self.program.main)
        found = []
        for place, value in enumerate(values):
            number, dims = tensors.index[id(value)], value.type.shape or ()
            shape = tuple(-1 if isinstance(d, Sym) else d for d in dims)
            name, dtype = tensors.names[number], value.type.dtype.name.lower()
            storage, alias = Storage.of(value.type), aliases.get(place, "")
            found.append(StoredTensor(number, name, dtype, shape, storage, alias, origins[place]))
        return tuple(found)


def stored_tensors(data: NDArray[np.uint8]) -> tuple[tuple[StoredTensor, ...], tuple[StoredTensor, ...]]:
    """Inputs and outputs of the first subgraph of a `.tflite` file. Raises FormatError for a damaged file."""
    root = FlatBuffer(data).root(FILE_IDENTIFIER)
    graphs = root.tables(slots.Model.SUBGRAPHS, "SubGraph")
    if not graphs:
        raise FormatError("the file has no subgraph")
    tensors = graphs[0].tables(slots.SubGraph.TENSORS, "Tensor")
    numbers = [graphs[0].array(slot, "<i4").tolist() for slot in (slots.SubGraph.INPUTS, slots.SubGraph.OUTPUTS)]
    if any(not 0 <= number < len(tensors) for number in [*numbers[0], *numbers[1]]):
        raise FormatError("the first subgraph has an input or output that is not a tensor of it")
    aliases = _aliases(root)
    inputs, outputs = (
        tuple(_stored_tensor(tensors[number], number, aliases[side].get(number, "")) for number in part)
        for side, part in enumerate(numbers)
    )
    return inputs, outputs


def count_subgraphs(data: NDArray[np.uint8]) -> int:
    """How many subgraphs a `.tflite` file has."""
    return len(FlatBuffer(data).root(FILE_IDENTIFIER).tables(slots.Model.SUBGRAPHS, "SubGraph"))


def _aliases(root: Table) -> tuple[dict[int, str], dict[int, str]]:
    """Names of the inputs and outputs in the first signature of the first subgraph, by tensor number."""
    for table in root.tables(slots.Model.SIGNATURES, "SignatureDef"):
        if table.scalar(slots.SignatureDef.SUBGRAPH, "I") == 0:
            inputs, outputs = (
                {
                    e.scalar(slots.TensorMap.TENSOR, "I"): e.text(slots.TensorMap.NAME)
                    for e in table.tables(slot, "TensorMap")
                }
                for slot in (slots.SignatureDef.INPUTS, slots.SignatureDef.OUTPUTS)
            )
            return inputs, outputs
    return {}, {}


def _stored_tensor(table: Table, number: int, alias: str) -> StoredTensor:
    is_open = table.place(slots.Tensor.SHAPE_SIGNATURE) is not None
    slot = slots.Tensor.SHAPE_SIGNATURE if is_open else slots.Tensor.SHAPE
    shape = table.array(slot, "<i4")
    dtype = element_type(table.scalar(slots.Tensor.TYPE, "b")).name.lower()
    return StoredTensor(
        number, table.text(slots.Tensor.NAME), dtype, tuple(shape.tolist()), _storage(table, dtype), alias
    )


def _storage(table: Table, dtype: str) -> Storage:
    quantization = table.table(slots.Tensor.QUANTIZATION, "QuantizationParameters")
    if quantization is None:
        return Storage(dtype)
    scales = quantization.array(slots.QuantizationParameters.SCALE, "<f4").tolist()
    zero_points = quantization.array(slots.QuantizationParameters.ZERO_POINT, "<i8").tolist()
    if len(scales) != 1:
        return Storage(dtype)
    return Storage(dtype, scales[0], zero_points[0] if zero_points else 0)
