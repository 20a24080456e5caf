"""What operations cost, in elements of a float32 ADD: enough to decide where integers are worth their conversions."""

from __future__ import annotations

from litesmith.ir import DType, Op, Sym, Value
from litesmith.ir.dims import Dim, substitute, symbol_names
from litesmith.ir.opdef import Trait

MULTIPLY_ADD = 0.09
"""Of a matrix product or a convolution, whose loops are the best the runtime has."""

DEPTHWISE_MULTIPLY_ADD = 0.27
CALL = 2000.0
"""Of making any operation at all."""

QUANTIZE, DEQUANTIZE = 0.9, 0.7
"""Of converting an element."""

SLOW = {"SOFTMAX": 3.0, "LOG_SOFTMAX": 6.0, "GELU": 1.6, "L2_NORMALIZATION": 3.0, "EXP": 1.3, "TANH": 1.3, "LOGISTIC": 1.2}
"""Float operators that cost more than an ADD, for each element."""


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
    if op.defn.traits & Trait.MOVES_DATA and op.name in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
        return CALL
    if op.defn.quant is not None and op.defn.quant.weights and op.defn.cost is not None:
        each = DEPTHWISE_MULTIPLY_ADD if op.name == "DEPTHWISE_CONV_2D" else MULTIPLY_ADD
        return CALL + max(largest, each * _size(op.defn.cost(op)))
    return CALL + largest * SLOW.get(op.name, 1.0)


def integer_cost(op: Op, dtype: DType) -> float:
    """Of the kernel on integers of this type."""
    assert op.defn.quant is not None
    if op.name in CLAMPS and dtype in (DType.INT8, DType.UINT8):
        return float_cost(op)
    return CALL + (float_cost(op) - CALL) * op.defn.quant.kernels[dtype].time


CLAMPS = {"RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}
"""What a QUANTIZE from integers to integers does as well, and 60 times as fast: the range of its result is the clamp."""


def conversion_cost(value: Value, to_integers: bool) -> float:
    """Of one tensor from floats to integers, or back."""
    return CALL + elements(value) * (QUANTIZE if to_integers else DEQUANTIZE)
