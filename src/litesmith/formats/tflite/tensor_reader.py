"""Reads tensors, their quantization and sparsity, and the constants in their buffers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from litesmith.errors import FormatError
from litesmith.formats.tflite import slots
from litesmith.formats.tflite.decoder import FlatBuffer, Table
from litesmith.formats.tflite.infer import UNKNOWN, Inference
from litesmith.formats.tflite.options import element_type
from litesmith.formats.tflite.packing import stored_size, unpack_bits, unpack_strings
from litesmith.formats.tflite.sparsity import Dimension, Sparsity
from litesmith.formats.tflite.tensors import SPARSE_VECTORS
from litesmith.ir import Constant, DType, Quantization, TensorType, Value
from litesmith.ir.constant import Array
from litesmith.ir.types import Blockwise

_MOST_DIMENSIONS = 32
"""What every version of NumPy takes; kernels take eight at most."""

_LARGEST_SPARSE = 2**31
"""Elements a sparse constant may stand for."""


class BufferReader:
    """The buffers of a file. Constants are made of them once for each type and shape."""

    def __init__(self, file: FlatBuffer, tables: Sequence[Table]) -> None:
        self.file = file
        self._spans = [self._span(table) for table in tables]
        self._constants: dict[tuple[int, DType, tuple[int, ...]], Constant] = {}

    def _span(self, table: Table) -> tuple[int, int]:
        table.require_known(slots.Buffer)
        start, size = table.scalar(slots.Buffer.OFFSET, "Q"), table.scalar(slots.Buffer.SIZE, "Q")
        if start <= 1:  # the converters write 1 as a placeholder they may leave behind
            return table.span(slots.Buffer.DATA)
        if table.span(slots.Buffer.DATA)[1] or start + size > self.file.size:
            raise FormatError(f"a buffer of {size} bytes at {start} is not inside the file of {self.file.size} bytes")
        return start, size

    def size(self, number: int) -> int:
        """Bytes in a buffer."""
        return self._at(number)[1]

    def _at(self, number: int) -> tuple[int, int]:
        if not 0 <= number < len(self._spans):
            raise FormatError(f"there is no buffer {number}")
        return self._spans[number]

    def contents(self, number: int) -> bytes:
        """The bytes of a buffer."""
        return self.bytes_at(*self._at(number))

    def bytes_at(self, start: int, size: int) -> bytes:
        """Bytes of the file."""
        if start + size > self.file.size:
            raise FormatError(f"{size} bytes at {start} are not inside the file of {self.file.size} bytes")
        self.file.charge(size)
        return self.file.data[start : start + size].tobytes()

    def constant(self, number: int, dtype: DType, shape: tuple[int, ...]) -> Constant:
        """The constant of this type in a buffer. Raises FormatError where the sizes do not match."""
        key = (number, dtype, shape)
        if key not in self._constants:
            self._constants[key] = self._constant(number, dtype, shape)
        return self._constants[key]

    def _constant(self, number: int, dtype: DType, shape: tuple[int, ...]) -> Constant:
        start, size = self._at(number)
        stored = self.file.data[start : start + size]
        count = math.prod(shape)
        if dtype is DType.STRING:
            self.file.charge(size)
            return Constant(dtype, shape, unpack_strings(stored.data, shape))
        if dtype.bits == 0 or size != stored_size(dtype, count):
            raise FormatError(f"a buffer of {size} bytes does not hold {dtype}{list(shape)}")
        if dtype.bits < 8:
            return Constant.lazy(dtype, shape, lambda: unpack_bits(stored, dtype, count).reshape(shape))
        return Constant(dtype, shape, stored.view(dtype.numpy).reshape(shape))

    def sparse(self, number: int, dtype: DType, shape: tuple[int, ...], parameters: Table) -> Constant:
        """The constant that the elements in a buffer stand for by sparsity parameters."""
        start, size = self._at(number)
        sparsity = _sparsity(parameters, shape, dtype)
        if sparsity.stored_bytes != size or math.prod(shape) > _LARGEST_SPARSE:
            raise FormatError(f"a buffer of {size} bytes does not hold the elements of a sparse {dtype}{list(shape)}")
        stored = self.file.data[start : start + size].view(dtype.numpy)
        constant = Constant.lazy(dtype, shape, lambda: sparsity.dense(stored))
        constant.sparsity = sparsity
        return constant


def _sparsity(table: Table, shape: tuple[int, ...], dtype: DType) -> Sparsity:
    table.require_known(slots.SparsityParameters)
    if dtype.bits < 8:
        raise FormatError(f"a sparse tensor of {dtype} is not known")
    order, blocks = (
        tuple(table.array(slot, "<i4").tolist())
        for slot in (slots.SparsityParameters.ORDER, slots.SparsityParameters.BLOCKS)
    )
    levels = tuple(_level(t) for t in table.tables(slots.SparsityParameters.LEVELS, "DimensionMetadata"))
    sparsity = Sparsity(order, blocks, levels, shape, dtype.bits // 8)
    sparsity.check()
    return sparsity


def _level(table: Table) -> Dimension:
    table.require_known(slots.DimensionMetadata)
    size = table.scalar(slots.DimensionMetadata.SIZE, "i")
    if table.scalar(slots.DimensionMetadata.FORMAT, "b") == 0:
        return Dimension(size)
    vectors = []
    for slot in (slots.DimensionMetadata.SEGMENTS_TYPE, slots.DimensionMetadata.INDICES_TYPE):
        member = int(table.scalar(slot, "B"))
        inner = table.table(slot + 1, "sparse index vector")
        if inner is None or member not in SPARSE_VECTORS:
            raise FormatError("a sparse dimension lacks its segments or indices")
        vectors.append(inner.array(slots.ONLY, SPARSE_VECTORS[member]))
    return Dimension(size, *vectors)


class TensorReader:
    """The tensors of one subgraph."""

    def __init__(self, subgraph: Table, buffers: BufferReader, inference: Inference) -> None:
        self._tables = subgraph.tables(slots.SubGraph.TENSORS, "Tensor")
        for table in self._tables:
            table.require_known(slots.Tensor)
            if table.scalar(slots.Tensor.EXTERNAL_BUFFER, "I"):
                raise FormatError("a tensor lies in another file, which is not supported")
        self._buffers = buffers
        self._types: dict[int, TensorType] = {}
        self.inputs = self._numbers(subgraph, slots.SubGraph.INPUTS)
        self.outputs = self._numbers(subgraph, slots.SubGraph.OUTPUTS)
        inference.see(table.scalar(slots.Tensor.HAS_RANK, "?") for table in self._tables)
        self._inference = inference

    def _numbers(self, subgraph: Table, slot: int) -> list[int]:
        return [int(n) for n in subgraph.array(slot, "<i4")]

    def _table(self, number: int) -> Table:
        if not 0 <= number < len(self._tables):
            raise FormatError(f"there is no tensor {number}, only {len(self._tables)}")
        return self._tables[number]

    def name(self, number: int) -> str:
        """Name of a tensor, as the file has it."""
        return self._table(number).text(slots.Tensor.NAME)

    def is_variable(self, number: int) -> bool:
        """Whether a tensor keeps its elements between invocations."""
        return bool(self._table(number).scalar(slots.Tensor.IS_VARIABLE, "?"))

    def has_data(self, number: int) -> bool:
        """Whether a tensor has elements in a buffer."""
        return self._buffers.size(self._table(number).scalar(slots.Tensor.BUFFER, "I")) > 0

    def type(self, number: int) -> TensorType:
        """Type of a tensor. Dimensions the file leaves open are `UNKNOWN`."""
        found = self._types.get(number)
        if found is None:
            found = self._types[number] = self._read_type(number)
        return found

    def _read_type(self, number: int) -> TensorType:
        table = self._table(number)
        shape, signature = (table.array(s, "<i4") for s in (slots.Tensor.SHAPE, slots.Tensor.SHAPE_SIGNATURE))
        if len(signature) and len(signature) != len(shape):
            raise FormatError(f"shape and shape signature of tensor {number} differ in rank")
        dims = (signature if len(signature) else shape).tolist()
        if len(dims) > _MOST_DIMENSIONS or min(dims, default=0) < -1 or (len(shape) and shape.min() < 0):
            raise FormatError(f"tensor {number} has the shape {dims[:_MOST_DIMENSIONS]}")
        quantization = table.table(slots.Tensor.QUANTIZATION, "QuantizationParameters")
        return TensorType(
            element_type(table.scalar(slots.Tensor.TYPE, "b")),
            tuple(UNKNOWN if d == -1 else d for d in dims) if dims or self._is_scalar(table) else None,
            None if quantization is None else self._quantization(quantization, number),
        )

    def _is_scalar(self, table: Table) -> bool:
        """Whether a tensor without dimensions is a scalar, or its rank unknown."""
        return (
            bool(table.scalar(slots.Tensor.HAS_RANK, "?"))
            or not self._inference.ranks_are_marked
            or self._has_bytes(table)
        )

    def _has_bytes(self, table: Table) -> bool:
        return self._buffers.size(table.scalar(slots.Tensor.BUFFER, "I")) > 0

    def source(self, number: int, user: str) -> Value:
        """The value of a tensor that neither is an input nor comes from an operation: a constant or a variable."""
        table, name = self._table(number), self.name(number)
        if self.is_variable(number):
            if self.has_data(number):
                raise FormatError(f"variable tensor {name!r} has a buffer")
            return Value.variable(self._inference.name_dimensions(self.type(number)), name)
        type_ = self.type(number)
        if not type_.is_static or not (self.has_data(number) or 0 in type_.dims):
            raise FormatError(f"{user} uses tensor {number} ({name!r}), which nothing has made")
        value = Value(type_, name, self._constant(table, type_))
        return value

    def _constant(self, table: Table, type_: TensorType) -> Constant:
        shape, number = type_.static_shape, table.scalar(slots.Tensor.BUFFER, "I")
        sparsity = table.table(slots.Tensor.SPARSITY, "SparsityParameters")
        if sparsity is not None:
            return self._buffers.sparse(number, type_.dtype, shape, sparsity)
        if 0 in shape:
            if math.prod(d or 1 for d in shape) * type_.dtype.numpy.itemsize >= 2**63:
                raise FormatError(f"a constant of shape {list(shape)} is larger than any array")
            return Constant(type_.dtype, shape, np.empty(shape, type_.dtype.numpy))
        return self._buffers.constant(number, type_.dtype, shape)

    def _quantization(self, table: Table, number: int) -> Quantization | None:
        known = slots.QuantizationParameters
        table.require_known(known)
        minimum, maximum = (tuple(table.array(slot, "<f4").tolist()) for slot in (known.MINIMUM, known.MAXIMUM))
        scale, zero_point = _affine(table.array(known.SCALE, "<f4"), table.array(known.ZERO_POINT, "<i8"), number)
        axis, details = table.scalar(known.AXIS, "i"), self._details(table, number)
        if not (len(scale) or minimum or maximum or details or axis):
            return None
        return Quantization(scale, zero_point, axis, minimum, maximum, details)

    def _details(self, table: Table, number: int) -> Blockwise | bytes | None:
        known = slots.QuantizationParameters
        member, inner = table.scalar(known.DETAILS_TYPE, "B"), table.table(known.DETAILS, "QuantizationDetails")
        if not member or inner is None:
            return None
        if member == 1:
            inner.require_known([slots.ONLY])
            return inner.octets(slots.ONLY)
        if member != 2:
            raise FormatError(f"tensor {number} is quantized in a way that is not known ({member})")
        inner.require_known(slots.BlockwiseQuantization)
        scales, zeros, size, shape = slots.BlockwiseQuantization
        zero_points = None if inner.place(zeros) is None else self._blockwise_part(inner.scalar(zeros, "i"), number)
        block_shape = tuple(inner.array(shape, "<i4").tolist())
        return Blockwise(
            self._blockwise_part(inner.scalar(scales, "i"), number), zero_points, inner.scalar(size, "i"), block_shape
        )

    def _blockwise_part(self, part: int, number: int) -> Constant:
        if part == number or self._table(part).table(slots.Tensor.QUANTIZATION, "QuantizationParameters") is not None:
            raise FormatError(f"the scales of tensor {number} are quantized themselves")
        value = self.source(part, f"the quantization of tensor {number}")
        assert value.const is not None
        return value.const


def _affine(scale: Array, zero_point: Array, number: int) -> tuple[Array, Array]:
    """Scale and zero point, of the same size. They are copied, so that they do not hold the file."""
    if len(zero_point) == 1 < len(scale):
        zero_point = np.repeat(zero_point, len(scale))
    if len(zero_point) != len(scale):
        raise FormatError(f"tensor {number} has {len(scale)} scales and {len(zero_point)} zero points")
    return scale.astype(np.float32), zero_point.astype(np.int64)
