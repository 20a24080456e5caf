"""Signs move into sums and constants.

    ADD(%x, NEG(%y))            ⇒  SUB(%x, %y)
    SUB(%x, NEG(%y))            ⇒  ADD(%x, %y)
    ADD(%x, MUL(NEG(%a), %b))   ⇒  SUB(%x, MUL(%a, %b))
    MUL(NEG(%a), NEG(%b))       ⇒  MUL(%a, %b)
    MUL(NEG(%a), c)             ⇒  MUL(%a, -c)
    ABS(SUM(EXP(%a)))           ⇒  SUM(EXP(%a))
    ABS(NEG(%a))                ⇒  ABS(%a)
    NEG(ADD(RELU(NEG(%a)), %b)) ⇒  SUB(MINIMUM(%a, 0), %b)

Legal to the last bit: rounding is symmetric, and integers wrap alike (but for the sign of a zero). The product in the
third form and the sum in the last must have no other user.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.passes.driver import Outcome, Pass
from litesmith.passes.match import activation, constant_operand, is_float, producer, sole_producer


def move_sign(op: Op, b: Builder) -> Outcome:
    """A sum with a negated term."""
    x, y = op.inputs
    made: Value
    right = _without_sign(b, y)
    if right is not None:
        made = (b.sub if op.name == "ADD" else b.add)(x, right, fused_activation_function=activation(op))
        return made
    left = _without_sign(b, x) if op.name == "ADD" else None
    if left is not None:
        made = b.sub(y, left, fused_activation_function=activation(op))
        return made
    return None


def _without_sign(b: Builder, value: Value) -> Value | None:
    """v, where the value is -v."""
    negation = producer(value, "NEG")
    if negation is not None:
        return negation["x"]
    factors = sole_producer(value, "MUL")
    if factors is None or activation(factors) != "NONE":
        return None
    for factor, other in (factors.inputs, reversed(factors.inputs)):
        negation = producer(factor, "NEG")
        if negation is not None and producer(other, "NEG") is None:
            return b.mul(negation["x"], other)
    return None


def drop_signs(op: Op, b: Builder) -> Outcome:
    """A product with two negated factors, or with one and a constant."""
    signs = [producer(v, "NEG") for v in op.inputs]
    made: Value
    if all(signs):
        x, y = (n["x"] for n in signs if n is not None)
        made = b.mul(x, y, fused_activation_function=activation(op))
        return made
    found = constant_operand(op)
    negation = producer(found.variable, "NEG") if found is not None else None
    if found is None or negation is None:
        return None
    made = b.mul(negation["x"], b.neg(found.constant), fused_activation_function=activation(op))
    return made


def negate_parts(op: Op, b: Builder) -> Outcome:
    """A negated sum of which one term is the negative part of something, without its sign (log_sigmoid)."""
    total = sole_producer(op["x"], "ADD")
    if total is None or activation(total) != "NONE" or not is_float(op["x"]):
        return None
    for part, other in (total.inputs, reversed(total.inputs)):
        relu = sole_producer(part, "RELU")
        negation = producer(relu["x"], "NEG") if relu is not None else None
        if negation is not None:
            below = b.minimum(negation["x"], b.constant(np.float32(0)))
            made: Value = b.sub(below, other)
            return made
    return None


def drop_abs(op: Op, b: Builder) -> Outcome:
    """The absolute value of what has no sign, or of a number with its sign changed."""
    negation = producer(op["x"], "NEG")
    if negation is not None and is_float(op["x"]):
        made: Value = b.abs(negation["x"])
        return made
    return op["x"] if _has_no_sign(op["x"]) else None


def _has_no_sign(value: Value) -> bool:
    op = value.op
    while op is not None and op.name in ("SUM", "MEAN", "REDUCE_MAX"):
        op = op["x"].op
    return op is not None and op.name in ("EXP", "LOGISTIC", "SQUARE", "ABS") and is_float(value)


ABSOLUTE_VALUES = Pass("absolute-values", ("ABS",), drop_abs)
NEGATED_PARTS = Pass("negated-parts", ("NEG",), negate_parts)
NEGATED_TERMS = Pass("negated-terms", ("ADD", "SUB"), move_sign)
NEGATED_FACTORS = Pass("negated-factors", ("MUL",), drop_signs)
PASSES = (NEGATED_FACTORS, NEGATED_TERMS, NEGATED_PARTS, ABSOLUTE_VALUES)
