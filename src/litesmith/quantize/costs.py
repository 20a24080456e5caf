"""What operations cost, in elements of a float32 ADD: enough to decide where integers are worth their conversions."""

from __future__ import annotations

import math

from litesmith.ir import DType, Op, Sym, Value
from litesmith.ir.dims import Dim, substitute, symbol_names
from litesmith.ir.opdef import Trait
from litesmith.ops.convolution import CONV_2D, DEPTHWISE_CONV_2D

MULTIPLY_ADD = 0.09
"""Of a matrix product or a convolution, whose loops are the best the runtime has."""

DEPTHWISE_MULTIPLY_ADD = 0.27
CALL = 2000.0
"""Of making any operation at all."""

POSITION = 14.0
"""Of each position a float convolution computes, beside its products."""

TILE, TILE_CHANNELS = 90.0, 64
TILE_TAP, TILE_DEPTH = 10.0, 0.35
"""Of each position and each so many channels that a convolution of 8 bits computes: whatever it does there, for each tap of
a filter larger than 1x1, and for each weight of a channel. Where a filter has few weights, the float kernel is faster."""

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
        positions = POSITION * _positions(op) if op.defn is CONV_2D else 0.0
        return CALL + max(largest, positions + each * _size(op.defn.cost(op)))
    return CALL + largest * (rule.float_time if rule is not None else 1.0)


def integer_cost(op: Op, dtype: DType) -> float:
    """Of the kernel on integers of this type."""
    assert op.defn.quant is not None
    if is_clamp_of_bytes(op, dtype):
        return float_cost(op)
    usual = (float_cost(op) - CALL) * op.defn.quant.kernels[dtype].time
    return CALL + (max(usual, _tiles_cost(op)) if op.defn is CONV_2D and dtype is DType.INT8 else usual)


def _positions(op: Op) -> float:
    result = op.results[0]
    return elements(result) / max(_size(result.dims[-1]), 1) if result.type.shape is not None else 1.0


def _tiles_cost(op: Op) -> float:
    """Of a convolution of 8 bits as the matrix kernels compute it."""
    units, *window, depth = (_size(d) for d in op["filter"].dims)
    taps = math.prod(window)
    tile = TILE + (TILE_TAP * taps if taps > 1 else 0.0) + TILE_DEPTH * taps * depth
    return _positions(op) * -(-units // TILE_CHANNELS) * tile


def is_clamp_of_bytes(op: Op, dtype: DType) -> bool:
    """What a QUANTIZE from integers to integers does as well, and 60 times as fast: the range of its result is the clamp."""
    return op.defn.clamps is not None and dtype in (DType.INT8, DType.UINT8)


def conversion_cost(value: Value, to_integers: bool) -> float:
    """Of one tensor from floats to integers, or back."""
    return CALL + elements(value) * (QUANTIZE if to_integers else DEQUANTIZE)
