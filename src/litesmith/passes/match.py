"""What the passes ask of the IR: who made a value, is it this constant, does it vary along the channels only."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.dims import Dim
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef, Trait, WeightsLayout
from litesmith.ir.types import Shape
from litesmith.ops import OPS

Kind: TypeAlias = OpDef | Trait
"""An operator, or all that have a trait."""


def is_any(op: Op, *kinds: Kind) -> bool:
    """Whether an operation is one of these operators, or has one of these traits."""
    return any(op.defn is kind if isinstance(kind, OpDef) else bool(op.defn.traits & kind) for kind in kinds)


def producer(value: Value | None, *kinds: Kind) -> Op | None:
    """The operation this value is a result of, when it is one of these operators or has one of these traits."""
    return value.op if value is not None and value.op is not None and is_any(value.op, *kinds) else None


def sole_producer(value: Value | None, *kinds: Kind) -> Op | None:
    """Like `producer`, when this use of the value is the only one, so that rewriting leaves no second copy."""
    op = producer(value, *kinds)
    return op if op is not None and len(op.results) == 1 and op.result.use_count == 1 else None


def scalar(value: Value | None) -> Any:
    """The one number all elements of a small constant are equal to, as a NumPy scalar; else None."""
    if value is None or not value.is_small_const or value.type.quant is not None:
        return None
    elements = value.numpy().ravel()
    if elements.size == 0 or elements.dtype == object or (elements.size > 1 and np.any(elements != elements[0])):
        return None
    return elements[0]


def is_single_number(value: Value) -> bool:
    """Whether a value is one constant number that broadcasts to any shape."""
    return value.is_const and value.type.count == 1 and value.rank <= 1


def is_number(value: Value | None, number: float, tolerance: float = 0.0) -> bool:
    """Whether every element of a small constant is ``number``, up to a relative ``tolerance``."""
    got = scalar(value)
    return got is not None and abs(float(got) - number) <= tolerance * abs(number)


class ConstantOperand(NamedTuple):
    """The operands of a binary operation of which just one is constant."""

    variable: Value
    constant: Value
    on_right: bool


def constant_operand(op: Op) -> ConstantOperand | None:
    """The variable and the constant operand of a binary operation, or None where that is not what it has."""
    if len(op.inputs) != 2:
        return None
    left, right = op.inputs
    if left.is_const == right.is_const:
        return None
    return ConstantOperand(left, right, True) if right.is_const else ConstantOperand(right, left, False)


def is_float(*values: Value | None) -> bool:
    """Whether all present values are float32 and not quantized."""
    return all(v.type.dtype is DType.FLOAT32 and v.type.quant is None for v in values if v is not None)


def activation(op: Op) -> str:
    """The fused activation of an operation, ``NONE`` where it has no such attribute."""
    return str(op.attrs.get("fused_activation_function", "NONE"))


def keeps_shape(op: Op, operand: Value) -> bool:
    """Whether broadcasting leaves this operand's shape as it is."""
    return operand.type.shape is not None and op.result.type.shape == operand.type.shape


def last_dim(value: Value) -> Dim | None:
    """The last dimension, None where there is none or the rank is unknown."""
    return value.type.shape[-1] if value.type.shape else None


def rebuild(b: Builder, op: Op, operands: Sequence[Value | None] | None = None, **attrs: Any) -> Value:
    """The operation made anew, at the builder's place, with other operands or attributes. Its only result."""
    (value,) = b.emit(op.defn, op.operands if operands is None else operands, **{**op.attrs, **attrs})
    return value


def with_operands(op: Op, **replaced: Value | None) -> list[Value | None]:
    """The operands of an operation with some, by declared name, replaced."""
    operands = list(op.operands)
    for name, value in replaced.items():
        index = op.defn.operand_index(name)
        operands += [None] * (index + 1 - len(operands))
        operands[index] = value
    while len(operands) > len(op.operands) and operands[-1] is None:
        operands.pop()
    return operands


# -- per-channel constants --------------------------------------------------------------------------------------------


def channel_dims(dims: Shape, channels: int) -> tuple[int, ...] | None:
    """The last dimensions that together count the channels: the last one, or those a reshape split it into."""
    for start in range(len(dims), -1, -1):
        suffix = tuple(d for d in dims[start:] if isinstance(d, int))
        if len(suffix) < len(dims) - start:
            return None
        if prod(suffix) == channels:
            return suffix
    return None


def is_per_channel(constant: Value, dims: Shape, channels: int) -> bool:
    """Whether a constant, broadcast against a tensor of these dimensions, varies along its channels only."""
    suffix = channel_dims(dims, channels)
    shape = _without_leading_ones(constant.type.static_shape)
    if suffix is None or constant.rank > len(dims) or len(shape) > len(suffix):
        return False
    return all(s in (1, d) for s, d in zip(reversed(shape), reversed(suffix), strict=False))


def channel_vector(b: Builder, constant: Value, dims: Shape, channels: int) -> Value:
    """A constant for which `is_per_channel` holds, as a vector of one element for each channel."""
    if constant.type.count == 1:
        return b.constant(np.full(channels, scalar(constant), constant.type.dtype.numpy))
    suffix = channel_dims(dims, channels) or ()
    shape = _without_leading_ones(constant.type.static_shape)
    full: Value = reshape_static(b, constant, (1,) * (len(suffix) - len(shape)) + shape)
    if full.type.static_shape != suffix:
        full = b.broadcast_to(full, np.array(suffix, np.int32))
    return reshape_static(b, full, (channels,))


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = next((i for i, d in enumerate(shape) if d != 1), len(shape))
    return shape[first:]


def reshape_static(b: Builder, value: Value, shape: Sequence[int]) -> Value:
    """RESHAPE to a static shape (folded on a constant)."""
    return b.reshape(value, np.array(shape, np.int32))


# -- operators with weights and a bias --------------------------------------------------------------------------------


LINEAR = tuple(defn for defn in OPS.values() if defn.weights is not None)
"""The operators that multiply operand x by weights and add a bias along the last dimension of the result."""


class Linear(NamedTuple):
    """A float operation of `LINEAR` with ``channels`` output channels."""

    op: Op
    layout: WeightsLayout
    weights: Value
    bias: Value | None
    channels: int

    def rebuild(
        self,
        b: Builder,
        *,
        x: Value | None = None,
        weights: Value | None = None,
        bias: Value | None = None,
        **attrs: Any,
    ) -> Value:
        """The operation made anew with another operand, other weights or another bias (None: the same)."""
        operands = {"x": x or self.op["x"], self.layout.operand: weights or self.weights, "bias": bias or self.bias}
        return rebuild(b, self.op, with_operands(self.op, **operands), **attrs)


def linear(op: Op | None) -> Linear | None:
    """The operation as a `Linear`, when it is one, all float32 and dense, with a known number of channels."""
    layout = op.defn.weights if op is not None else None
    if op is None or layout is None:
        return None
    weights, bias = op[layout.operand], op.get("bias")
    channels = weights.dims[layout.outputs]
    if not is_float(op.result, weights, bias) or not isinstance(channels, int) or last_dim(op.result) != channels:
        return None
    if weights.const is not None and weights.const.sparsity is not None:
        return None
    return Linear(op, layout, weights, bias, channels)


def absorption_obstacle(op: Op, found: ConstantOperand, target: Linear) -> str | None:
    """Why a per-channel constant applied after a linear operation cannot go into its weights or bias, or None."""
    if target.op.result.use_count != 1:
        return "the operation before has other users"
    if activation(target.op) != "NONE":
        return "the operation before has an activation"
    if not keeps_shape(op, found.variable) or not is_per_channel(found.constant, found.variable.dims, target.channels):
        return "the constant is not one number for each channel"
    if target.bias is not None and not target.bias.is_const:
        return "the bias is not constant"
    return None


class Moved(NamedTuple):
    """A value, and the data movements between it and the value asked about, nearest to that one last."""

    value: Value
    movements: tuple[Op, ...]

    def replay(self, b: Builder, value: Value) -> Value:
        """The same movements applied to another value."""
        for op in self.movements:
            value = rebuild(b, op, [value, *op.operands[1:]])
        return value


def before_movements(value: Value, keep_order: bool) -> Moved:
    """Walks up over data movements, used here only, that add and drop no elements.

    With ``keep_order`` they only change the shape, so that each element keeps its place in row-major order.
    """
    movements: list[Op] = []
    while (op := value.op) is not None and _is_movement(op, keep_order) and value.use_count == 1:
        movements.insert(0, op)
        value = op.inputs[0]
    return Moved(value, tuple(movements))


def _is_movement(op: Op, keep_order: bool) -> bool:
    if len(op.results) != 1 or not is_any(op, Trait.KEEPS_ORDER if keep_order else Trait.MOVES_DATA):
        return False
    before, after = op.inputs[0].type, op.result.type
    return before.shape is not None and after.shape is not None and before.count == after.count


def unit_places(before: Shape, after: Shape) -> list[int | None] | None:
    """Where each dimension was (None: nowhere, it has size 1), when the shapes differ by unit dimensions only."""
    places: list[int | None] = []
    at = 0
    for size in after:
        while at < len(before) and before[at] != size and before[at] == 1:
            at += 1
        if at < len(before) and before[at] == size:
            places.append(at)
            at += 1
        elif size == 1:
            places.append(None)
        else:
            return None
    return places if all(d == 1 for d in before[at:]) else None


def unit_steps(before: Shape, after: Shape) -> tuple[list[int], list[int]] | None:
    """Unit dimensions to drop from one shape, and then to add, in order, for another; None where more differs."""
    if [d for d in before if d != 1] != [d for d in after if d != 1]:
        return None
    dropped: list[int] = []
    added: list[int] = []
    at = 0
    for axis, size in enumerate(after):
        if size != 1:
            while before[at] == 1:
                dropped.append(at)
                at += 1
        if at < len(before) and before[at] == size:
            at += 1
        else:
            added.append(axis)
    return [*dropped, *range(at, len(before))], added
