"""A constant added to each channel becomes the bias.

    %1 = CONV_2D(%x, w, b) : float32[n, h, w, 8]
    %2 = ADD(%1, c)  {fused_activation_function=RELU}        c: float32[8]
⇒
    %2 = CONV_2D(%x, w, b + c) {fused_activation_function=RELU}

    %1 = FULLY_CONNECTED(%x, w)
    %2 = ADD(%y, %1)
    %3 = ADD(%2, c)
⇒
    %1 = FULLY_CONNECTED(%x, w, c)
    %3 = ADD(%y, %1)

For every operator with weights and a bias. SUB subtracts. Reshapes may stand between, and move behind, where the
constant still has one element for each channel: after splitting 128 channels into [4, 32], one of [4, 32]. Legal
because the kernels add the bias along the last dimension of the result before the activation; only the order of two
additions changes. Declined where the operation has an activation already or other users.
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef
from litesmith.ops.elementwise import ADD, SUB
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import (
    absorption_obstacle,
    activation,
    before_movements,
    channel_vector,
    constant_operand,
    linear,
    rebuild,
    sole_producer,
)


def fuse_bias(op: Op, b: Builder) -> Outcome:
    """ADD or SUB of a per-channel constant after a linear operation."""
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
    if op.defn is SUB and not found.on_right:
        return Declined("the result is subtracted from the constant")
    delta = channel_vector(b, found.constant, found.variable.dims, target.channels)
    biased = target.rebuild(b, bias=_sum(b, op.defn, target.bias, delta), fused_activation_function=activation(op))
    return moved.replay(b, biased)


def _sum(b: Builder, defn: OpDef, bias: Value | None, delta: Value) -> Value:
    if defn is SUB:
        total: Value = b.neg(delta) if bias is None else b.sub(bias, delta)
    else:
        total = delta if bias is None else b.add(bias, delta)
    return total


def fuse_distant_bias(op: Op, b: Builder) -> Outcome:
    """ADD of a per-channel constant after an ADD of what a linear operation makes."""
    found = constant_operand(op)
    total = sole_producer(found.variable, ADD) if found is not None else None
    if found is None or total is None or activation(total) != "NONE":
        return None
    for value, other in (total.inputs, total.inputs[::-1]):
        target = linear(value.op)
        if target is None or other.is_const or value.type != total.result.type:
            continue
        if absorption_obstacle(op, found, target) is None:
            bias = _sum(b, ADD, target.bias, channel_vector(b, found.constant, value.dims, target.channels))
            return rebuild(b, op, [other, target.rebuild(b, bias=bias)])
    return None


DISTANT_BIAS = Pass("distant-bias", (ADD,), fuse_distant_bias, after=("bias-fusion",))
BIAS_FUSION = Pass("bias-fusion", (ADD, SUB), fuse_bias)
PASSES = (BIAS_FUSION, DISTANT_BIAS)
