"""What the operands of an operation are to a quantizer: weights, bias, activations."""

from __future__ import annotations

from litesmith.ir import DType, Op, Value
from litesmith.ir.opdef import Kernel
from litesmith.ops import OPS
from litesmith.ops.convolution import CONV_2D, DEPTHWISE_CONV_2D
from litesmith.ops.matmul import FULLY_CONNECTED
from litesmith.quantize import fused_lstm
from litesmith.quantize.ranges import Range
from litesmith.quantize.recipe import Mode

MASK = 1000.0
"""Numbers below minus this, and 100 times as far from 0 as the largest, stand for minus infinity in a mask."""


def is_mask(seen: Range) -> bool:
    """Whether a range is that of numbers beside minus infinities."""
    return seen.low < -max(MASK, 100 * seen.high)


LAYERS = (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED)
"""Layers whose weights are scaled and rounded with a view to others."""


def weights_of(op: Op) -> tuple[str, int]:
    """The weights of such a layer, and their axis of the channels of its result, as its declaration has them."""
    assert op.defn.quant is not None
    ((name, axis),) = op.defn.quant.weights.items()
    assert axis is not None
    return name, axis


def weight_operands(op: Op) -> list[str]:
    """The operands of an operation that are its constant float weights."""
    rule = op.defn.quant
    if rule is None or op.name == "PRELU":
        return []
    found = [n for n in rule.weights if (v := op.get(n)) is not None and v.const is not None]
    return [n for n in found if op[n].type.dtype is DType.FLOAT32 and op[n].type.quant is None]


LARGE = 1024
"""Elements from which on a constant that is no weight of a layer is worth storing in float16."""


def large_constants(op: Op) -> list[int]:
    """The places of an operation's large float constants."""
    return [
        i for i, v in enumerate(op.operands)
        if v is not None and v.const is not None and v.type.dtype is DType.FLOAT32 and v.const.size >= LARGE
    ]  # fmt: skip


def float_operands(op: Op) -> list[Value]:
    """The operands of an operation that are activations: floats, and neither weights nor bias."""
    rule = op.defn.quant
    apart = {id(op[n]) for n in weight_operands(op)}
    if rule is not None and rule.bias is not None and (bias := op.get(rule.bias)) is not None:
        apart.add(id(bias))
    if op.name == fused_lstm.NAME:
        return [op["x"]] if op["x"].type.dtype.is_float else []
    return [v for v in op.inputs if v.type.dtype.is_float and id(v) not in apart]


def weight_type(kernel: Kernel, mode: Mode) -> DType | None:
    """The element type of weights a kernel takes that is nearest to what is asked for."""
    for dtype in (mode.weights, DType.INT8, DType.UINT8, DType.INT16):
        if dtype in kernel.weights:
            return dtype
    return None


def clamp_of(op: Op) -> Range | None:
    """The numbers an operation's result can hold at all, by its clamp."""
    fused = OPS.get(op.attrs.get("fused_activation_function", "NONE"))
    bounds = op.defn.clamps or (fused.clamps if fused is not None else None)
    return Range(*bounds) if bounds is not None else None
