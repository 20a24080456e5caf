"""Channels of layers brought to one size before they are quantized, which pays where one scale serves all channels.

    %1 = CONV_2D(%x, %a, %b) {RELU}      channel i of %a and %b divided by s[i]
    %2 = DEPTHWISE_CONV_2D(%1, %c, %d)   channel i of %c multiplied by it

What lies between two layers has to let factors above 0 through: nothing, a RELU, a pool. The factors are powers of two, so
that the program computes what it did, bit for bit.
Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from litesmith.ir import Constant, DType, Op, Program, TensorType, Value
from litesmith.ir.constant import Array
from litesmith.ops.activation import RELU
from litesmith.ops.pooling import AVERAGE_POOL_2D, MAX_POOL_2D
from litesmith.quantize.roles import LAYERS, weights_of

BETWEEN = (RELU, MAX_POOL_2D, AVERAGE_POOL_2D)
LET_THROUGH = ("NONE", "RELU")
"""Fused activations that commute with factors above 0."""

ROUNDS = 20


def equalize(program: Program) -> int:
    """Equalizes all pairs of layers, in place; returns how many there are."""
    pairs = [pair for graph in program.all_graphs() for op in graph.ops if (pair := _pair(op)) is not None]
    for _ in range(ROUNDS):
        changes = [_balance(pair) for pair in pairs]
        if not any(changes):
            break
    return len(pairs)


@dataclass(frozen=True)
class _Pair:
    first: Op
    second: Op


def _pair(op: Op) -> _Pair | None:
    """The layer and the one that alone takes its result, where factors pass from one to the other."""
    if op.defn not in LAYERS or not _is_own(op):
        return None
    for follower in _followers(op):
        if follower.defn in LAYERS:
            return _Pair(op, follower) if _is_own(follower) and _takes_channels(op, follower) else None
    return None


def _followers(op: Op) -> Iterator[Op]:
    """The chain of operations behind a layer that let factors through, up to the next layer."""
    while op.attrs.get("fused_activation_function", "NONE") in LET_THROUGH:
        (result,) = op.results
        users = list(result.users)
        if len(users) != 1 or result.output_uses or users[0].defn not in (*LAYERS, *BETWEEN):
            return
        (op,) = users
        if op["x"] is not result:
            return
        yield op


def _is_own(op: Op) -> bool:
    """Whether weights and bias are constants in floats that no other operation shares."""
    values = [op[weights_of(op)[0]], op.get("bias")]
    return all(
        v is None or (v.is_const and v.type.dtype is DType.FLOAT32 and len(list(v.users)) == 1 and not v.output_uses)
        for v in values
    )


def _takes_channels(first: Op, second: Op) -> bool:
    """Whether each channel of one layer's result is one of the weights of the next: no groups, no flattened images."""
    name, axis = weights_of(first)
    count, x = first[name].type.static_shape[axis], second["x"].type
    return x.shape is not None and second[weights_of(second)[0]].type.static_shape[-1] == count == x.shape[-1]


def _balance(pair: _Pair) -> bool:
    """Whether some factor was other than 1."""
    (first, axis), (second, _) = weights_of(pair.first), weights_of(pair.second)
    a, b = _array(pair.first, first), _array(pair.second, second)
    out, taken = _largest_magnitudes(a, axis), _largest_magnitudes(b, b.ndim - 1)
    both = (out > 0) & (taken > 0)
    steps = np.rint(np.log2(np.where(both, out, 1) / np.where(both, taken, 1)) / 2)
    if not steps.any():
        return False
    factors = np.exp2(steps).astype(np.float32)
    _set(pair.first, first, a / factors.reshape([-1 if i == axis else 1 for i in range(a.ndim)]))
    if pair.first.get("bias") is not None:
        bias = _array(pair.first, "bias")
        _set(pair.first, "bias", bias / factors.reshape(bias.shape))
    _set(pair.second, second, b * factors)
    return True


def _array(op: Op, name: str) -> Array:
    const = op[name].const
    assert const is not None
    return const.array()


def _largest_magnitudes(array: Array, axis: int) -> Array:
    return np.asarray(np.abs(array).max(axis=tuple(i for i in range(array.ndim) if i != axis), initial=0), np.float64)


def _set(op: Op, name: str, array: Array) -> None:
    old = op[name]
    value = Value(TensorType(DType.FLOAT32, array.shape), old.name, Constant.of(array, DType.FLOAT32))
    op.set_operand(op.defn.operand_index(name), value)
