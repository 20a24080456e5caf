"""Per-channel factors around an operation with weights go into the weights: the multiplying half of batch norm.

After it (`scale-folding`):

    %1 = CONV_2D(%x, w, b)
    %2 = MUL(%1, s)                     s: float32[8]
⇒
    %2 = CONV_2D(%x, w * s, b * s)      along the output channels of w

Before it (`input-scale-folding`), through zero padding and through reshapes:

    %1 = MUL(%x, s)
    %2 = PAD(%1, [[0, 0], [1, 1], [1, 1], [0, 0]])
    %3 = CONV_2D(%2, w, b)
⇒
    %2 = PAD(%x, …)
    %3 = CONV_2D(%2, w * s, b)          along the input channels of w

DIV divides. An ADD or SUB before the operation adds ``sum(w * t)`` to the bias, and is declined where the operation
pads, since the zeros it pads with do not get the shift. Legal because the operations are linear in their operand; the
products are rounded once in the weights instead of once in each result element, as the official converter does. A
factor that is infinite or NaN makes weights that are, as it made results that were.

The weights stay lazy: nothing is multiplied before the writer asks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ops.convolution import CONV_3D_TRANSPOSE, TRANSPOSE_CONV
from litesmith.ops.elementwise import ADD, DIV, MUL, SUB
from litesmith.ops.matmul import FULLY_CONNECTED
from litesmith.ops.padding import PAD
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import (
    LINEAR,
    Linear,
    absorption_obstacle,
    activation,
    before_movements,
    channel_vector,
    constant_operand,
    is_per_channel,
    keeps_shape,
    last_dim,
    linear,
    rebuild,
    reshape_static,
    sole_producer,
)

# -- after the operation ----------------------------------------------------------------------------------------------


def fold_scale(op: Op, b: Builder) -> Outcome:
    """MUL or DIV by a per-channel constant after a linear operation."""
    found = constant_operand(op)
    if found is None:
        return None
    moved = before_movements(found.variable, keep_order=True)
    target = linear(moved.value.op)
    if target is None:
        return None
    reason = absorption_obstacle(op, found, target)
    if reason is not None:
        return Declined(reason)
    if not target.weights.is_const:
        return Declined("the weights are not constant")
    if op.defn is DIV and not found.on_right:
        return Declined("the constant is divided by the result")
    factor = channel_vector(b, found.constant, found.variable.dims, target.channels)
    weights = _scale_weights(b, op.defn, target.weights, factor, target.layout.outputs)
    bias = None if target.bias is None else b.apply(op.defn, target.bias, factor)
    return moved.replay(b, target.rebuild(b, weights=weights, bias=bias, fused_activation_function=activation(op)))


def _scale_weights(b: Builder, defn: OpDef, weights: Value, factor: Value, axis: int) -> Value:
    """Weights multiplied (or divided) along one dimension by a vector."""
    shape = [1] * weights.rank
    shape[axis] = int(factor.type.static_shape[0])
    return b.apply(defn, weights, reshape_static(b, factor, shape))


# -- before the operation ---------------------------------------------------------------------------------------------


class _Source(NamedTuple):
    """The operation that computes a linear operation's operand, and the PAD and reshapes between the two."""

    op: Op
    between: tuple[Op, ...]

    def replay(self, b: Builder, value: Value) -> Value:
        for op in self.between:
            value = rebuild(b, op, [value, *op.operands[1:]])
        return value


def fold_input_scale(op: Op, b: Builder) -> Outcome:
    """A linear operation whose operand is scaled or shifted by a per-channel constant."""
    target = linear(op)
    if target is None or not target.weights.is_const:
        return None
    source = _source(target)
    if source is None:
        return None
    found = constant_operand(source.op)
    if found is None or (not found.on_right and source.op.defn in (DIV, SUB)):
        return None
    reason = _input_obstacle(target, source, found.variable, found.constant)
    if reason is not None:
        return Declined(reason)
    vector = channel_vector(b, found.constant, found.variable.dims, _channels(found.variable))
    data = source.replay(b, found.variable)
    if source.op.defn in (MUL, DIV):
        return target.rebuild(b, x=data, weights=_scale_inputs(b, source.op.defn, target, vector))
    return target.rebuild(b, x=data, bias=_shift_bias(b, source.op.defn, target, vector))


def _channels(value: Value) -> int:
    channels = last_dim(value)
    return channels if isinstance(channels, int) else 0


def _source(target: Linear) -> _Source | None:
    between: list[Op] = []
    value = target.op["x"]
    while (op := sole_producer(value, PAD, Trait.KEEPS_ORDER)) is not None:
        if target.op.defn is not FULLY_CONNECTED and last_dim(op.result) != last_dim(op.inputs[0]):
            return None
        between.insert(0, op)
        value = op.inputs[0]
    found = sole_producer(value, MUL, DIV, ADD, SUB)
    return None if found is None else _Source(found, tuple(between))


def _input_obstacle(target: Linear, source: _Source, variable: Value, constant: Value) -> str | None:
    channels = _channels(variable)
    if activation(source.op) != "NONE":
        return "the operation before has an activation"
    if not channels or not keeps_shape(source.op, variable):
        return "the number of channels is unknown"
    if not is_per_channel(constant, variable.dims, channels):
        return "the constant is not one number for each channel"
    if _input_channels(target) % channels:
        return "the weights do not have the channels of the operand"
    if any(op.defn is PAD and not pads_space_only(op) for op in source.between):
        return "the channels are padded"
    return _shift_obstacle(target, source) if source.op.defn in (ADD, SUB) else None


def _shift_obstacle(target: Linear, source: _Source) -> str | None:
    if any(op.defn is PAD for op in source.between):
        return "the padding does not get the shift"
    if target.op.attrs.get("padding", "VALID") != "VALID" and not _is_pointwise(target):
        return "the operation pads its operand, and the padding does not get the shift"
    if target.op.defn in (TRANSPOSE_CONV, CONV_3D_TRANSPOSE):
        return "not every result element sees the whole kernel"
    if target.bias is not None and not target.bias.is_const:
        return "the bias is not constant"
    return None


def _input_channels(target: Linear) -> int:
    """How many input channels the weights have."""
    size = int(target.weights.type.static_shape[target.layout.inputs])
    return size // int(target.op.attrs.get("depth_multiplier", 1) or 1)


def _is_pointwise(target: Linear) -> bool:
    channels = (target.layout.outputs, target.layout.inputs)
    return all(d == 1 for i, d in enumerate(target.weights.dims) if i not in channels)


def pads_space_only(op: Op) -> bool:
    """Whether a PAD has constant paddings and leaves the last dimension alone."""
    paddings = op["paddings"]
    return paddings.is_const and not np.any(paddings.numpy()[-1])


def _along_inputs(b: Builder, target: Linear, vector: Value) -> Value:
    """The vector, repeated to one element for each input channel of the weights, shaped to broadcast against them."""
    shape = [1] * target.weights.rank
    axis = target.layout.inputs
    shape[axis] = int(target.weights.type.static_shape[axis])
    channels = int(vector.type.static_shape[0])
    multiplier = int(target.op.attrs.get("depth_multiplier", 1) or 1)
    repeats = shape[axis] // (channels * multiplier)
    column = b.tile(reshape_static(b, vector, (1, channels, 1)), np.array([repeats, 1, multiplier], np.int32))
    return reshape_static(b, column, shape)


def _scale_inputs(b: Builder, defn: OpDef, target: Linear, vector: Value) -> Value:
    return b.apply(defn, target.weights, _along_inputs(b, target, vector))


def _shift_bias(b: Builder, defn: OpDef, target: Linear, vector: Value) -> Value:
    """The bias plus (SUB: minus) what a constant operand makes of the weights."""
    products = b.mul(target.weights, _along_inputs(b, target, vector))
    others = [i for i in range(target.weights.rank) if i != target.layout.outputs]
    delta = b.sum(products, np.array(others, np.int32), keep_dims=False)
    if target.bias is None:
        bias: Value = delta if defn is ADD else b.neg(delta)
    else:
        bias = b.apply(defn, target.bias, delta)
    return bias


SCALE_FOLDING = Pass("scale-folding", (MUL, DIV), fold_scale, after=("bias-fusion",))
INPUT_SCALE_FOLDING = Pass(
    "input-scale-folding", LINEAR, fold_input_scale, after=("scale-folding",)
)
PASSES = (SCALE_FOLDING, INPUT_SCALE_FOLDING)
