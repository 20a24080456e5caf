"""The inputs and outputs of a model's first subgraph as they stand in the file, without reading the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.errors import FormatError
from litesmith.formats.tflite.decoder import FlatBuffer, Table
from litesmith.formats.tflite.options import element_type
from litesmith.formats.tflite.writer import FILE_IDENTIFIER

_INPUTS, _OUTPUTS = 1, 2
_SHAPE, _TYPE, _NAME, _SIGNATURE = 0, 1, 3, 7


@dataclass(frozen=True)
class StoredTensor:
    """An input or output. number: of the tensor in its subgraph; shape: -1 for unknown sizes; dtype: ``float32``, …"""

    number: int
    name: str
    dtype: str
    shape: tuple[int, ...]


def stored_tensors(data: np.ndarray[Any, Any]) -> tuple[tuple[StoredTensor, ...], tuple[StoredTensor, ...]]:
    """Inputs and outputs of the first subgraph of a `.tflite` file. Raises FormatError for a damaged file."""
    graphs = FlatBuffer(data).root(FILE_IDENTIFIER).tables(2, "SubGraph")
    if not graphs:
        raise FormatError("the file has no subgraph")
    tensors = graphs[0].tables(0, "Tensor")
    numbers = [graphs[0].array(slot, "<i4").tolist() for slot in (_INPUTS, _OUTPUTS)]
    if any(not 0 <= number < len(tensors) for number in [*numbers[0], *numbers[1]]):
        raise FormatError("the first subgraph has an input or output that is no tensor of it")
    inputs, outputs = (tuple(_stored(tensors[i], i) for i in part) for part in numbers)
    return inputs, outputs


def _stored(table: Table, number: int) -> StoredTensor:
    shape = table.array(_SIGNATURE if table.place(_SIGNATURE) is not None else _SHAPE, "<i4")
    dtype = element_type(table.scalar(_TYPE, "b")).name.lower()
    return StoredTensor(number, table.text(_NAME), dtype, tuple(shape.tolist()))
