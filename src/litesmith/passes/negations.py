"""Signs move into sums and constants.

    ABS(SUM(EXP(%a)))           ⇒  SUM(EXP(%a))

Legal to the last bit: rounding is symmetric, and integers wrap alike (but for the sign of a zero).
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ops.activation import LOGISTIC
from litesmith.ops.reduction import MEAN, REDUCE_MAX, SUM
from litesmith.ops.unary import ABS, EXP, SQUARE
from litesmith.passes.driver import Outcome, Pass
from litesmith.passes.match import is_float
from litesmith.passes.rules import Rule, rules_pass


def drop_abs(op: Op, b: Builder) -> Outcome:
    """The absolute value of what has no sign."""
    return op["x"] if _has_no_sign(op["x"]) else None


def _has_no_sign(value: Value) -> bool:
    op = value.op
    while op is not None and op.defn in (SUM, MEAN, REDUCE_MAX):
        op = op["x"].op
    return op is not None and op.defn in (EXP, LOGISTIC, SQUARE, ABS) and is_float(value)


ABSOLUTE_VALUES = Pass("absolute-values", (ABS,), drop_abs)
NEGATED_PARTS = rules_pass(
    "negated-parts",
    Rule("NEG(ADD(RELU(NEG(%a)), %b)) => SUB(MINIMUM(%a, 0), %b)", floats=True),
    Rule("ABS(NEG(%a)) => ABS(%a)", floats=True),
)
NEGATED_TERMS = rules_pass(
    "negated-terms",
    Rule("ADD(%x, NEG(%y)) => SUB(%x, %y)"),
    Rule("SUB(%x, NEG(%y)) => ADD(%x, %y)"),
    Rule("ADD(%x, MUL(NEG(%a), %b)) => SUB(%x, MUL(%a, %b))"),
    Rule("SUB(%x, MUL(NEG(%a), %b)) => ADD(%x, MUL(%a, %b))"),
)
NEGATED_FACTORS = rules_pass(
    "negated-factors",
    Rule("MUL(NEG(%a), NEG(%b)) => MUL(%a, %b)"),
    Rule("MUL(NEG(%a), $c) => MUL(%a, NEG($c))"),
)
PASSES = (NEGATED_FACTORS, NEGATED_TERMS, NEGATED_PARTS, ABSOLUTE_VALUES)
