"""The slots of the schema's tables: where a field stands, one name for reader and writer.

The members of a class are all the fields this package knows of a table, in the order of the schema. The type of a
union stands right before it.
"""

from __future__ import annotations

from enum import IntEnum


class Model(IntEnum):
    """The root of a file."""

    VERSION, OPERATOR_CODES, SUBGRAPHS, DESCRIPTION, BUFFERS = range(5)
    METADATA_BUFFER, METADATA, SIGNATURES, EXTERNAL_GROUPS, EXTERNAL_BUFFERS = range(5, 10)


class OperatorCode(IntEnum):
    """Number and version of an operator; NARROW is the number in one byte."""

    NARROW, CUSTOM_CODE, VERSION, CODE = range(4)


class SubGraph(IntEnum):
    """A graph."""

    TENSORS, INPUTS, OUTPUTS, OPERATORS, NAME, DEBUG_METADATA = range(6)


class Operator(IntEnum):
    """An operation."""

    CODE, INPUTS, OUTPUTS, OPTIONS_TYPE, OPTIONS, CUSTOM_OPTIONS, CUSTOM_FORMAT, MUTATING, INTERMEDIATES = range(9)
    LARGE_CUSTOM_START, LARGE_CUSTOM_SIZE, OPTIONS_2_TYPE, OPTIONS_2, DEBUG_METADATA = range(9, 14)


class Tensor(IntEnum):
    """A tensor."""

    SHAPE, TYPE, BUFFER, NAME, QUANTIZATION, IS_VARIABLE, SPARSITY, SHAPE_SIGNATURE, HAS_RANK = range(9)
    VARIANTS, EXTERNAL_BUFFER = range(9, 11)


class QuantizationParameters(IntEnum):
    """How a tensor is quantized."""

    MINIMUM, MAXIMUM, SCALE, ZERO_POINT, DETAILS_TYPE, DETAILS, AXIS = range(7)


class BlockwiseQuantization(IntEnum):
    """Scales and zero points as tensors, by number."""

    SCALES, ZERO_POINTS, BLOCK_SIZE, BLOCK_SHAPE = range(4)


class SparsityParameters(IntEnum):
    """How a sparse tensor is stored."""

    ORDER, BLOCKS, LEVELS = range(3)


class DimensionMetadata(IntEnum):
    """A dimension of a sparse tensor."""

    FORMAT, SIZE, SEGMENTS_TYPE, SEGMENTS, INDICES_TYPE, INDICES = range(6)


class Buffer(IntEnum):
    """The elements of a constant: in the table, or behind the FlatBuffer."""

    DATA, OFFSET, SIZE = range(3)


class Metadata(IntEnum):
    """An entry of the metadata, in a buffer."""

    NAME, BUFFER = range(2)


class SignatureDef(IntEnum):
    """A signature; DEPRECATED_TAG is not read."""

    INPUTS, OUTPUTS, KEY, DEPRECATED_TAG, SUBGRAPH = range(5)


class TensorMap(IntEnum):
    """A name of a signature and its tensor, by number."""

    NAME, TENSOR = range(2)


ONLY = 0
"""The slot of tables with one field: custom quantization, vectors of indices."""
