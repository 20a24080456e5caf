"""Operands are broadcast by the operation that uses them, not before it.

    %1 = BROADCAST_TO(%y, [2, 3, 4])          %y: [4]; also TILE of sizes 1, RESHAPE to [1, 1, 4], and FILL
    %2 = ADD(%x, %1)                          %x: [2, 3, 4]
⇒
    %2 = ADD(%x, %y)

Legal where the result keeps its shape, and for kernels that broadcast the operands left (the declarations tell).
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Trait
from litesmith.ir.types import Shape
from litesmith.ops.activation import PRELU
from litesmith.ops.elementwise import same_shapes
from litesmith.ops.filling import FILL
from litesmith.ops.layout import BROADCAST_TO, TILE
from litesmith.ops.shape import RESHAPE
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import rebuild


def drop_broadcasts(op: Op, b: Builder) -> Outcome:
    """An element-wise operation with an operand that was broadcast."""
    if len(op.inputs) < 2 or op.defn is PRELU or len(op.results) != 1 or op.defn.check is same_shapes:
        return None
    operands = [None if v is None else _narrow(v) for v in op.operands]
    if all(new is old for new, old in zip(operands, op.operands, strict=True)):
        return None
    result = rebuild(b, op, operands)
    if result.type.shape != op.result.type.shape:
        return Declined("the result would be smaller")
    if result.op is None or op.defn.check is None or op.defn.check(op) is not None:
        return result
    reason = result.op.defn.check(result.op) if result.op.defn.check is not None else None
    return result if reason is None else Declined(reason)


def _narrow(value: Value) -> Value:
    """What the value is a broadcast of; itself where it is none."""
    op = value.op
    if op is None or op.defn not in (BROADCAST_TO, TILE, FILL, RESHAPE):
        return value
    if op.defn is FILL:
        return op["value"]
    source = op["x"]
    if source.type.shape is None or value.type.shape is None:
        return value
    if op.defn is RESHAPE:
        return source if _is_led_by_ones(value.type.shape, source.type.shape) else value
    offset = value.rank - source.rank
    fits = all(s in (1, d) for s, d in zip(source.dims, value.dims[offset:], strict=True))
    return source if fits else value


def _is_led_by_ones(long: Shape, short: Shape) -> bool:
    """Whether a shape is another one with sizes of 1 put before."""
    added = len(long) - len(short)
    return added > 0 and long[added:] == short and all(d == 1 for d in long[:added])


BROADCASTS = Pass(
    "broadcasts",
    (Trait.ELEMENTWISE,),
    drop_broadcasts,
    after=("softmax", "log-softmax", "l2-normalization"),  # which look for one tensor in two places
)
PASSES = (BROADCASTS,)
