"""Parameters, and what the file would take with weights of other types."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.analyze.report import Weights
from litesmith.formats.tflite.buffers import nbytes
from litesmith.formats.tflite.writer import tables_size
from litesmith.ir import Constant, DType, Op, Program, Value

SMALLEST_QUANTIZED = 1024
"""Weights with fewer elements stay float in dynamic-range quantization."""

_SCALE_BYTES = 12
"""A float32 scale and an int64 zero point."""


def weigh(program: Program, other_bytes: int | None = None) -> Weights:
    """Parameters and sizes. other_bytes: what the file takes besides constants, where there is a file."""
    constants = {id(c): (v, c) for v in _constants(program) if (c := v.const) is not None}
    channels = _weight_channels(program)
    by_type: dict[str, int] = {}
    parameters = 0
    rest = tables_size(program) if other_bytes is None else other_bytes
    sizes = dict.fromkeys(("float32", "float16", "dynamic_range", "int8"), rest)
    for key, (value, constant) in constants.items():
        size = nbytes(constant)
        by_type[constant.dtype.text] = by_type.get(constant.dtype.text, 0) + size
        parameters += constant.size if is_parameter(value) else 0
        for scheme, bytes_ in _sizes(constant, is_parameter(value), channels.get(key)).items():
            sizes[scheme] += bytes_
    return Weights(parameters, dict(sorted(by_type.items())), sizes)


def _constants(program: Program) -> Iterator[Value]:
    for graph in program.all_graphs():
        yield from graph.constants()


def is_parameter(value: Value) -> bool:
    """Whether the elements of a constant were learned, as far as one can tell: floats, and quantized integers."""
    dtype = value.type.dtype
    return dtype.is_float or value.type.quant is not None or (dtype.is_integer and dtype.bits < 8)


def weight_operands(op: Op) -> Iterator[tuple[Value, int]]:
    """The constant operands that quantize as weights, each with the number of its channels."""
    rule = op.defn.quant
    for name, axis in (rule.weights if rule is not None else {}).items():
        value = op.get(name)
        if value is not None and value.const is not None:
            yield value, value.const.shape[axis] if axis is not None and value.const.shape else 1


def _weight_channels(program: Program) -> dict[int, int]:
    return {
        id(value.const): channels
        for graph in program.all_graphs()
        for op in graph.ops
        for value, channels in weight_operands(op)
    }


def _sizes(constant: Constant, parameter: bool, channels: int | None) -> dict[str, int]:
    """Bytes of one constant by representation."""
    stored, count = nbytes(constant), constant.size
    if not parameter:
        return dict.fromkeys(("float32", "float16", "dynamic_range", "int8"), stored)
    is_weight = channels is not None
    quantized = count + _SCALE_BYTES * (channels or 1)
    plain = 4 * count
    bias = plain if constant.dtype in (DType.FLOAT32, DType.INT32) else stored
    return {
        "float32": plain,
        "float16": 2 * count,
        "dynamic_range": quantized if is_weight and count >= SMALLEST_QUANTIZED else plain,
        "int8": quantized if is_weight else bias,
    }
