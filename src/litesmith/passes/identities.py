"""Arithmetic that leaves its operand as it is.

    %1 = ADD(%x, 0)
    %2 = MAXIMUM(%1, -inf)
⇒
    %x

The builder drops what is exact to the last bit (multiplying by 1, adding -0.0). Here go the ones that are equal as
numbers: adding 0.0 turns -0.0 into 0.0 and nothing else; the extremum with the infinity that never wins is the operand.
Legal where broadcasting leaves the operand's shape as it is and no activation is fused.
"""

from __future__ import annotations

from math import inf

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, constant_operand, is_float, keeps_shape, scalar

NEUTRAL = {"ADD": 0.0, "SUB": 0.0, "MAXIMUM": -inf, "MINIMUM": inf}
"""The constant that changes nothing; on the right for SUB."""


def drop_identity(op: Op, b: Builder) -> Outcome:
    """A binary operation with its neutral element."""
    found = constant_operand(op)
    if found is None or not is_float(found.variable) or scalar(found.constant) != NEUTRAL[op.name]:
        return None
    if op.name == "SUB" and not found.on_right:
        return None
    if not keeps_shape(op, found.variable):
        return Declined("the constant broadcasts the operand")
    return found.variable if activation(op) == "NONE" else None


IDENTITIES = Pass("identities", tuple(NEUTRAL), drop_identity)
PASSES = (IDENTITIES,)
