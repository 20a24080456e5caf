"""What operations cost, in elements of a float32 ADD: enough to decide where integers are worth their conversions."""

from __future__ import annotations

from litesmith.ir import DType, Op, Sym, Value
from litesmith.ir.dims import Dim, substitute, symbol_names
from litesmith.ir.opdef import Trait
from litesmith.ops.convolution import DEPTHWISE_CONV_2D

MULTIPLY_ADD = 0.09
"""Of a matrix product or a convolution, whose loops are the best the runtime has."""

DEPTHWISE_MULTIPLY_ADD = 0.27
CALL = 2000.0
"""Of making any operation at all."""

QUANTIZE, DEQUANTIZE = 0.9, 0.7
"""Of converting an element."""


def elements(value: Value) -> float:
    """How many elements a tensor has; unknown sizes count as 1."""
    if value.type.shape is None:
        return 1.0
    count = 1.0
    for dim in value.dims:
        count *= max(_size(dim), 0)
    return count


def _size(dim: Dim) -> int:
    if not isinstance(dim, Sym):
        return int(dim)
    try:
        size = substitute(dim, dict.fromkeys(symbol_names(dim), 1))
    except (ValueError, ZeroDivisionError):
        return 1
    return 1 if isinstance(size, Sym) else int(size)


def float_cost(op: Op) -> float:
    """Of the float32 kernel."""
    sizes = [elements(v) for v in (*op.results, *(v for v in op.inputs if not v.is_const))]
    largest = max(sizes, default=1.0)
    rule = op.defn.quant
    if op.defn.traits & Trait.KEEPS_ORDER:
        return CALL
    if rule is not None and rule.weights and op.defn.cost is not None:
        each = DEPTHWISE_MULTIPLY_ADD if op.defn is DEPTHWISE_CONV_2D else MULTIPLY_ADD
        return CALL + max(largest, each * _size(op.defn.cost(op)))
    return CALL + largest * (rule.float_time if rule is not None else 1.0)


def integer_cost(op: Op, dtype: DType) -> float:
    """Of the kernel on integers of this type."""
    assert op.defn.quant is not None
    if is_clamp_of_bytes(op, dtype):
        return float_cost(op)
    return CALL + (float_cost(op) - CALL) * op.defn.quant.kernels[dtype].time


def is_clamp_of_bytes(op: Op, dtype: DType) -> bool:
    """What a QUANTIZE from integers to integers does as well, and 60 times as fast: the range of its result is the clamp."""
    return op.defn.clamps is not None and dtype in (DType.INT8, DType.UINT8)


def conversion_cost(value: Value, to_integers: bool) -> float:
    """Of one tensor from floats to integers, or back."""
    return CALL + elements(value) * (QUANTIZE if to_integers else DEQUANTIZE)
