"""Tensors of a subgraph: which there are, in which order, and their tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from litesmith.formats.tflite.buffers import BufferPool
from litesmith.formats.tflite.encoder import REF, Encoder, Field
from litesmith.formats.tflite.names import tensor_names
from litesmith.formats.tflite.sparsity import Dimension, Sparsity
from litesmith.ir import Constant, Graph, Op, Quantization, Sym, TensorType, Value
from litesmith.ir.types import Blockwise

INTERMEDIATES = "intermediates"
"""Attribute, no field of the options, that gives the types of an operation's intermediate tensors, None for none."""


class GraphTensors:
    """The tensors of one subgraph in file order: inputs, then operands and results by operation, then outputs.

    Besides the graph's values there are the scales of blockwise quantized tensors and the intermediate tensors of
    operations. ``index[id(value)]`` is a value's number.
    """

    def __init__(self, graph: Graph) -> None:
        self.values: list[Value] = []
        self.index: dict[int, int] = {}
        self.scales: dict[int, Value] = {}
        self.intermediates: dict[int, list[int]] = {}
        for value in graph.inputs:
            self._add(value)
        for op in graph.ops:
            self._add_op(op)
        for value in graph.outputs:
            self._add(value)
        self.names = tensor_names(self.values, [*graph.inputs, *graph.outputs])

    @property
    def constants(self) -> Iterator[Constant]:
        """The constants among the tensors."""
        return (v.const for v in self.values if v.const is not None)

    def _add_op(self, op: Op) -> None:
        for value in [*op.inputs, *op.results]:
            self._add(value)
        types: list[TensorType | None] = list(op.attrs.get(INTERMEDIATES) or ())
        if types:
            name = f"{op.origin.label or op.name.lower()}/intermediate"
            made = [None if t is None else Value(t, name) for t in types]
            self.intermediates[id(op)] = [-1 if v is None else self._add(v) for v in made]

    def _add(self, value: Value) -> int:
        found = self.index.get(id(value))
        if found is None:
            found = self.index[id(value)] = len(self.values)
            self.values.append(value)
            if value.type.quant is not None and isinstance(value.type.quant.details, Blockwise):
                self._add_blockwise(value.type.quant.details, value.name)
        return found

    def _add_blockwise(self, details: Blockwise, name: str) -> None:
        for part, suffix in ((details.scales, "scales"), (details.zero_points, "zero_points")):
            if part is not None and id(part) not in self.scales:
                self.scales[id(part)] = value = Value.constant(part, f"{name or 'const'}_{suffix}")
                self._add(value)


def write_tensor(encoder: Encoder, tensors: GraphTensors, number: int, pool: BufferPool) -> int:
    """Writes the table of a tensor and returns its position."""
    value = tensors.values[number]
    kind = value.type
    fields: list[Field] = [(3, REF, encoder.string(tensors.names[number]))]
    if kind.shape is not None:
        fields.append((0, REF, encoder.scalars([1 if isinstance(d, Sym) else d for d in kind.shape], "<i4")))
        fields.append((8, "?", True))
        if not kind.is_static:
            fields.append((7, REF, encoder.scalars([-1 if isinstance(d, Sym) else d for d in kind.shape], "<i4")))
    if kind.dtype.value:
        fields.append((1, "b", kind.dtype.value))
    if value.const is not None:
        fields.append((2, "I", pool[value.const]))
        if value.const.sparsity is not None:
            fields.append((6, REF, _write_sparsity(encoder, value.const.sparsity)))
    if kind.quant is not None:
        fields.append((4, REF, _write_quantization(encoder, kind.quant, tensors)))
    if value.is_variable:
        fields.append((5, "?", True))
    return encoder.table(fields)


def _write_quantization(encoder: Encoder, quant: Quantization, tensors: GraphTensors) -> int:
    vectors: list[tuple[int, Any, str]] = [
        (0, quant.minimum, "<f4"),
        (1, quant.maximum, "<f4"),
        (2, quant.scale.reshape(-1), "<f4"),
        (3, quant.zero_point.reshape(-1), "<i8"),
    ]
    fields: list[Field] = [(slot, REF, encoder.scalars(v, dtype)) for slot, v, dtype in vectors if len(v)]
    if quant.details is not None:
        fields += _details(encoder, quant.details, tensors)
    if quant.axis:
        fields.append((6, "i", quant.axis))
    return encoder.table(fields)


def _details(encoder: Encoder, details: Blockwise | bytes, tensors: GraphTensors) -> list[Field]:
    """The union of other quantizations: its member (1 custom, 2 blockwise) and its table."""
    if isinstance(details, bytes):
        return [(4, "B", 1), (5, REF, encoder.table([(0, REF, encoder.octets(details, 16))]))]
    fields: list[Field] = [(0, "i", tensors.index[id(tensors.scales[id(details.scales)])])]
    if details.zero_points is not None:
        fields.append((1, "i", tensors.index[id(tensors.scales[id(details.zero_points)])]))
    fields.append((2, "i", details.block_size))
    if details.block_shape:
        fields.append((3, REF, encoder.scalars(details.block_shape, "<i4")))
    return [(4, "B", 2), (5, REF, encoder.table(fields))]


def _write_sparsity(encoder: Encoder, sparsity: Sparsity) -> int:
    levels = [encoder.table(list(_level(encoder, level))) for level in sparsity.levels]
    fields: list[Field] = [(0, REF, encoder.scalars(sparsity.order, "<i4"))]
    if sparsity.blocks:
        fields.append((1, REF, encoder.scalars(sparsity.blocks, "<i4")))
    return encoder.table([*fields, (2, REF, encoder.references(levels))])


SPARSE_VECTORS: dict[int, np.dtype[Any]] = {1: np.dtype("<i4"), 2: np.dtype("<u2"), 3: np.dtype("u1")}
"""Members of the union of index vectors, with the dtype of their elements."""


def _level(encoder: Encoder, level: Dimension) -> Iterator[Field]:
    if level.segments is None or level.indices is None:
        yield 1, "i", level.size
        return
    yield 0, "b", 1
    if level.size:
        yield 1, "i", level.size
    for slot, vector in ((2, level.segments), (4, level.indices)):
        yield slot, "B", next(m for m, dtype in SPARSE_VECTORS.items() if dtype == vector.dtype)
        yield slot + 1, REF, encoder.table([(0, REF, encoder.scalars(vector, vector.dtype))])
