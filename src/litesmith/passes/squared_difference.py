"""The square of a difference is one operation.

    %1 = SUB(%x, %y)
    %2 = SQUARE(%1)                or MUL(%1, %1)
⇒
    %2 = SQUARED_DIFFERENCE(%x, %y)

Legal because the kernel subtracts and then multiplies the difference by itself, just so. Only where nobody else uses
the difference. POW with exponent 2 becomes SQUARE first (see `powers`).
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, producer


def square_difference(op: Op, b: Builder) -> Outcome:
    """SQUARE of a difference, or the product of a difference with itself."""
    if len(set(op.inputs)) != 1 or activation(op) != "NONE":
        return None
    difference = producer(op.inputs[0], "SUB")
    if difference is None or op.result.type.dtype not in (DType.FLOAT32, DType.INT32):
        return None
    if activation(difference) != "NONE":
        return Declined("the difference has an activation")
    if difference.result.use_count != len(op.inputs):
        return Declined("the difference has other users")
    made: Value = b.squared_difference(difference["x"], difference["y"])
    if made.op is not None and made.op.defn.check is not None and made.op.defn.check(made.op) is not None:
        return Declined("the kernel does not broadcast so many dimensions")
    return made


SQUARED_DIFFERENCE = Pass("squared-difference", ("SQUARE", "MUL"), square_difference, after=("powers",))
PASSES = (SQUARED_DIFFERENCE,)
