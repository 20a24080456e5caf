"""Biases as integers, in the scale of the accumulator."""

from __future__ import annotations

import numpy as np

from litesmith.ir import Constant, DType, Op, TensorType, Value
from litesmith.ir.constant import Array
from litesmith.quantize.plan import OpPlan
from litesmith.quantize.ranges import quantization
from litesmith.quantize.recipe import Recipe

LARGEST_SUM = 2**31 - 1
LARGEST_BIAS = 2**30
"""Of what a bias of 32 bits may be in steps, so that there is room for the products."""


def least_weight_scales(op: Op, count: int) -> Array | None:
    """The least scales of a layer's weights [count] with which its bias fits into 32 bits; None where any do.

    Where inputs and weights are tiny beside the bias, the steps of their products are too fine to count the bias in. The
    products are next to nothing then, and coarser weights do no harm.
    """
    rule = op.defn.quant
    bias = op.get(rule.bias) if rule is not None and rule.bias is not None else None
    quant = op["x"].type.quant if bias is not None else None
    if bias is None or bias.const is None or quant is None or op["x"].type.dtype not in (DType.INT8, DType.UINT8):
        return None
    most = np.abs(bias.const.array().reshape(-1).astype(np.float64))
    if count == 1:
        most = most.max(initial=0, keepdims=True)
    if most.size != count:
        return None
    return np.asarray(most / (LARGEST_BIAS * float(quant.scale[0]))).astype(np.float32)


def quantize_bias(op: Op, plan: OpPlan, recipe: Recipe, shift: Array | None = None) -> tuple[Value, DType]:
    """The bias of a layer whose operands are integers already, and its element type.

    shift: what is added to it first, by channel.
    """
    rule = op.defn.quant
    assert rule is not None
    assert rule.bias is not None
    old = op[rule.bias]
    assert old.const is not None
    x = op["x"].type.quant
    assert x is not None
    (name,) = rule.weights
    weights = op[name]
    w = weights.type.quant
    scale = (x.scale.astype(np.float64) * (w.scale if w is not None else np.ones(1))).astype(np.float32)
    bias = old.const.array().astype(np.float64).reshape(-1)
    if shift is not None:
        bias = bias + shift
    units = bias.size
    steps = np.rint(bias / np.broadcast_to(scale.astype(np.float64), (units,)))
    kind = _bias_type(op, plan, recipe, steps, weights)
    limit = float(LARGEST_SUM if kind is DType.INT32 else 2**62)
    integers = np.clip(steps, -limit, limit).astype(kind.numpy).reshape(old.const.shape)
    quant = quantization(scale)
    return Value(TensorType(kind, old.const.shape, quant), old.name, Constant.of(integers, kind)), kind


def _bias_type(op: Op, plan: OpPlan, recipe: Recipe, steps: Array, weights: Value) -> DType:
    rule = op.defn.quant
    assert rule is not None
    kernel = rule.kernels[plan.activations]
    if plan.activations is not DType.INT16:
        return DType.INT32
    if DType.INT32 not in kernel.biases:
        return DType.INT64
    if recipe.bias_type is not None:
        return recipe.bias_type
    return DType.INT32 if _fits(op, steps, weights) else DType.INT64


def _fits(op: Op, steps: Array, weights: Value) -> bool:
    """Whether no input at all can make the sums of a layer overflow 32 bits."""
    if weights.const is None:
        return False
    (axis,) = op.defn.quant.weights.values()  # type: ignore[union-attr]
    array = np.abs(weights.const.array().astype(np.int64))
    others = tuple(a for a in range(array.ndim) if a != (axis or 0))
    sums = array.sum(axis=others) * 32768 + np.abs(steps).astype(np.float64)
    return bool(np.all(sums < LARGEST_SUM))
