"""Broadcasts of more dimensions than a kernel takes are made with fewer.

    %1 = LESS(%x, %y)                                   %x: float32[2, 3, 4, 5, 6], %y: float32[5, 6]
⇒
    %2 = RESHAPE(%x, [24, 30])
    %3 = RESHAPE(%y, [1, 30])
    %4 = LESS(%2, %3)
    %1 = RESHAPE(%4, [2, 3, 4, 5, 6])

Neighbouring dimensions in which each operand either has the result's sizes or has 1 become one. Where that is not
enough the operands are broadcast before: kernels take equal shapes of any rank. Element-wise operations only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.dims import Dim, product
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Trait
from litesmith.ir.types import Shape
from litesmith.ops.common import is_quantized, needs_broadcast
from litesmith.ops.shape import constant_target
from litesmith.passes.driver import Declined, Outcome, Pass


def lower_rank(op: Op, b: Builder) -> Outcome:
    """An element-wise operation whose kernel refuses the rank of its broadcast."""
    if len(op.inputs) < 2 or len(op.results) != 1 or op.defn.check is None or not needs_broadcast(op):
        return None
    if any(v.type.shape is None or is_quantized(v) for v in (*op.inputs, op.result)) or op.defn.check(op) is None:
        return None
    merged = _merge_dimensions(op, b)
    return merged if merged is not None else _broadcast_before(op, b)


def _with_leading_ones(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + tuple(shape)


def _groups(shapes: Sequence[Shape], result: Shape) -> list[list[int]]:
    """Runs of neighbouring dimensions in which every operand is whole or has size 1 all along."""
    runs: list[list[int]] = []
    last: Any = None
    for axis, size in enumerate(result):
        pattern = tuple(s[axis] == size for s in shapes)
        if size == 1 and runs:
            runs[-1].append(axis)
        elif runs and (pattern == last or last is None):
            runs[-1].append(axis)
            last = pattern
        else:
            runs.append([axis])
            last = None if size == 1 else pattern
    return runs


def _merge_dimensions(op: Op, b: Builder) -> Value | None:
    result = op.result.dims
    shapes = [_with_leading_ones(v.dims, len(result)) for v in op.inputs]
    if any(s != r and s != 1 for shape in shapes for s, r in zip(shape, result, strict=True)):
        return None
    groups = _groups(shapes, result)
    targets = [constant_target(_group_sizes(s, groups)) for s in (*shapes, result)]
    back = constant_target(result)
    whole = next((v for v in op.inputs if v.dims == result), None)
    if any(t is None for t in targets) or (back is None and whole is None):
        return None
    trial = Op(op.defn, [Value(v.type.with_shape(_group_sizes(s, groups))) for v, s in zip(op.inputs, shapes, strict=True)],
               op.attrs)  # fmt: skip
    if op.defn.check is not None and op.defn.check(trial) is not None:
        return None
    operands = [b.reshape(v, np.array(t, np.int32)) for v, t in zip(op.inputs, targets, strict=False)]
    (merged,) = b.emit(op.defn, operands, **op.attrs)
    if back is None and whole is not None:
        return b.reshape(merged, b.shape(whole, out_type=DType.INT32))
    return b.reshape(merged, np.array(back, np.int32))


def _group_sizes(shape: Shape, groups: Sequence[Sequence[int]]) -> tuple[Dim, ...]:
    return tuple(product([shape[axis] for axis in group]) for group in groups)


def _broadcast_before(op: Op, b: Builder) -> Outcome:
    result = op.result.type
    if result.rank > 8:
        return Declined("the result has more dimensions than BROADCAST_TO takes")
    if result.is_static:
        shape: Any = np.array(result.static_shape, np.int32)
    elif len(op.inputs) == 2:
        shape = b.broadcast_args(*(b.shape(v, out_type=DType.INT32) for v in op.inputs))
    else:
        return Declined("the result's shape is not static")
    operands = [b.broadcast_to(v, shape) for v in op.inputs]
    (output,) = b.emit(op.defn, operands, **op.attrs)
    return output


BROADCAST_RANK = Pass("broadcast-rank", (Trait.ELEMENTWISE,), lower_rank)
PASSES = (BROADCAST_RANK,)
