"""A select within a select by the same condition is decided by the outer one.

    %1 = SELECT_V2(%c, 0, %x)
    %2 = ELU(%1)
    %3 = SELECT_V2(%c, %x, %2)
⇒
    %2 = ELU(%x)
    %3 = SELECT_V2(%c, %x, %2)

Functions are written so that what is not selected has no infinite derivative. Legal because operations in between are
element-wise: where the outer select takes their result, the inner one takes that same branch. Constants in between are
single numbers, and nothing changes its shape, so that elements stay in their places.
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Trait
from litesmith.passes.driver import Outcome, Pass
from litesmith.passes.match import keeps_shape, rebuild, scalar, with_operands

DEPTH = 8
"""Operations between the two selects that are looked through."""

def drop_inner(op: Op, b: Builder) -> Outcome:
    """The outer select."""
    condition = op["condition"]
    for name in ("x", "y"):
        branch = _without_select(b, op, name, op[name], condition, DEPTH)
        if branch is not None:
            return rebuild(b, op, with_operands(op, **{name: branch}))
    return None


def _without_select(b: Builder, outer: Op, name: str, value: Value, condition: Value, depth: int) -> Value | None:
    """The value with the branch ``name`` of the inner select in its place; None where there is no such select."""
    op = value.op
    if op is None or not depth or value.use_count != 1 or len(op.results) != 1 or not keeps_shape(outer, value):
        return None
    if op.defn.traits & Trait.SELECTS and op["condition"] is condition and keeps_shape(outer, condition):
        return op[name] if keeps_shape(op, op[name]) else None
    variable = _only_variable(op)
    if variable is None:
        return None
    inner = _without_select(b, outer, name, variable, condition, depth - 1)
    return None if inner is None else rebuild(b, op, [inner if v is variable else v for v in op.operands])


def _only_variable(op: Op) -> Value | None:
    """The operand of an element-wise operation whose other operands are single numbers."""
    if not op.defn.traits & Trait.ELEMENTWISE or not op.defn.is_pure:
        return None
    variables = {v for v in op.inputs if not v.is_const}
    if len(variables) != 1 or any(v.is_const and scalar(v) is None for v in op.inputs):
        return None
    return next(iter(variables))


NESTED_SELECTS = Pass("nested-selects", (Trait.SELECTS,), drop_inner, after=("common-subexpressions",))
PASSES = (NESTED_SELECTS,)
