"""Tensors of a subgraph: which there are, in which order, and their tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from litesmith.formats.tflite import slots
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
            values = [None if t is None else Value(t, name) for t in types]
            self.intermediates[id(op)] = [-1 if v is None else self._add(v) for v in values]

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
    fields: list[Field] = [(slots.Tensor.NAME, REF, encoder.string(tensors.names[number]))]
    if kind.shape is not None:
        shape = [1 if isinstance(d, Sym) else d for d in kind.shape]
        fields.append((slots.Tensor.SHAPE, REF, encoder.scalars(shape, "<i4")))
        fields.append((slots.Tensor.HAS_RANK, "?", True))
        if not kind.is_static:
            signature = [-1 if isinstance(d, Sym) else d for d in kind.shape]
            fields.append((slots.Tensor.SHAPE_SIGNATURE, REF, encoder.scalars(signature, "<i4")))
    if kind.dtype.value:
        fields.append((slots.Tensor.TYPE, "b", kind.dtype.value))
    if value.const is not None:
        fields.append((slots.Tensor.BUFFER, "I", pool[value.const]))
        if value.const.sparsity is not None:
            fields.append((slots.Tensor.SPARSITY, REF, _write_sparsity(encoder, value.const.sparsity)))
    if kind.quant is not None:
        fields.append((slots.Tensor.QUANTIZATION, REF, _write_quantization(encoder, kind.quant, tensors)))
    if value.is_variable:
        fields.append((slots.Tensor.IS_VARIABLE, "?", True))
    return encoder.table(fields)


def _write_quantization(encoder: Encoder, quant: Quantization, tensors: GraphTensors) -> int:
    vectors: list[tuple[int, Any, str]] = [
        (slots.QuantizationParameters.MINIMUM, quant.minimum, "<f4"),
        (slots.QuantizationParameters.MAXIMUM, quant.maximum, "<f4"),
        (slots.QuantizationParameters.SCALE, quant.scale.reshape(-1), "<f4"),
        (slots.QuantizationParameters.ZERO_POINT, quant.zero_point.reshape(-1), "<i8"),
    ]
    fields: list[Field] = [(slot, REF, encoder.scalars(v, dtype)) for slot, v, dtype in vectors if len(v)]
    if quant.details is not None:
        fields += _details(encoder, quant.details, tensors)
    if quant.axis:
        fields.append((slots.QuantizationParameters.AXIS, "i", quant.axis))
    return encoder.table(fields)


def _details(encoder: Encoder, details: Blockwise | bytes, tensors: GraphTensors) -> list[Field]:
    """The union of other quantizations: its member (1 custom, 2 blockwise) and its table."""
    if isinstance(details, bytes):
        return _details_of(1, encoder.table([(slots.ONLY, REF, encoder.octets(details, 16))]))
    fields: list[Field] = [
        (slots.BlockwiseQuantization.SCALES, "i", tensors.index[id(tensors.scales[id(details.scales)])])
    ]
    if details.zero_points is not None:
        number = tensors.index[id(tensors.scales[id(details.zero_points)])]
        fields.append((slots.BlockwiseQuantization.ZERO_POINTS, "i", number))
    fields.append((slots.BlockwiseQuantization.BLOCK_SIZE, "i", details.block_size))
    if details.block_shape:
        fields.append((slots.BlockwiseQuantization.BLOCK_SHAPE, REF, encoder.scalars(details.block_shape, "<i4")))
    return _details_of(2, encoder.table(fields))


def _details_of(member: int, table: int) -> list[Field]:
    return [
        (slots.QuantizationParameters.DETAILS_TYPE, "B", member),
        (slots.QuantizationParameters.DETAILS, REF, table),
    ]


def _write_sparsity(encoder: Encoder, sparsity: Sparsity) -> int:
    levels = [encoder.table(list(_level(encoder, level))) for level in sparsity.levels]
    fields: list[Field] = [(slots.SparsityParameters.ORDER, REF, encoder.scalars(sparsity.order, "<i4"))]
    if sparsity.blocks:
        fields.append((slots.SparsityParameters.BLOCKS, REF, encoder.scalars(sparsity.blocks, "<i4")))
    return encoder.table([*fields, (slots.SparsityParameters.LEVELS, REF, encoder.references(levels))])


SPARSE_VECTORS: dict[int, np.dtype[Any]] = {1: np.dtype("<i4"), 2: np.dtype("<u2"), 3: np.dtype("u1")}
"""Members of the union of index vectors, with the dtype of their elements."""


def _level(encoder: Encoder, level: Dimension) -> Iterator[Field]:
    if level.segments is None or level.indices is None:
        yield slots.DimensionMetadata.SIZE, "i", level.size
        return
    yield slots.DimensionMetadata.FORMAT, "b", 1
    if level.size:
        yield slots.DimensionMetadata.SIZE, "i", level.size
    known = slots.DimensionMetadata
    for slot, vector in ((known.SEGMENTS_TYPE, level.segments), (known.INDICES_TYPE, level.indices)):
        yield slot, "B", next(m for m, dtype in SPARSE_VECTORS.items() if dtype == vector.dtype)
        yield slot + 1, REF, encoder.table([(slots.ONLY, REF, encoder.scalars(vector, vector.dtype))])
