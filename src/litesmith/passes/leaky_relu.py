"""Slopes for negative numbers: LEAKY_RELU, and PRELU where each channel has its own.

    ADD(RELU(%x), MUL(a, MINIMUM(%x, 0)))                              ⇒  PRELU(%x, a)
    SUB(RELU(%x), MUL(a, RELU(NEG(%x))))                               ⇒  PRELU(%x, a)

A slope that is one number makes LEAKY_RELU, a constant of one for each channel PRELU. Legal because in each form one
term is x for positive and a * x for negative numbers and the other is left out or zero; NaN stays NaN.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ops.activation import RELU
from litesmith.ops.elementwise import ADD, MINIMUM, MUL, SUB
from litesmith.ops.unary import NEG
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, constant_operand, is_float, is_number, producer, scalar
from litesmith.passes.rules import Match, Rule, rules_pass


def obstacle(match: Match) -> str | None:
    """Why the maximum of a number and a multiple of it is no LEAKY_RELU."""
    slope = match.number("$a")
    if slope is None:
        return ""
    return None if 0 < slope < 1 else f"the slope {slope:g} is not between 0 and 1"


def slopes_differ(match: Match) -> str | None:
    """Silent where the slope is no single number."""
    return "" if match.number("$a") is None else None


def _leaky(b: Builder, x: Value, slope: float) -> Value:
    return b.leaky_relu(x, alpha=slope)


# -- sums of parts ----------------------------------------------------------------------------------------------------


def name_sum(op: Op, b: Builder) -> Outcome:
    """The positive part of a number plus a multiple of its negative part."""
    sides = [tuple(op.inputs)] if op.defn is SUB else [tuple(op.inputs), tuple(reversed(op.inputs))]
    for left, right in sides:
        relu = producer(left, RELU)
        alpha = _negative_slope(b, right, relu["x"]) if relu is not None else None
        if relu is None or alpha is None or not is_float(op.result) or activation(op) != "NONE":
            continue
        return _with_slope(b, relu["x"], b.neg(alpha) if op.defn is SUB else alpha)
    return None


def _negative_slope(b: Builder, value: Value, x: Value) -> Value | None:
    """The constant a, where the value is a * min(x, 0)."""
    op = value.op
    if op is None or activation(op) != "NONE":
        return None
    if op.defn is NEG:
        below = _negative_slope(b, op["x"], x)
        return None if below is None else b.neg(below)
    found = constant_operand(op)
    if op.defn is not MUL or found is None:
        return None
    sign = _negative_part(found.variable, x)
    if sign is None:
        return None
    return found.constant if sign > 0 else b.neg(found.constant)


def _negative_part(value: Value, x: Value) -> int | None:
    """1 where the value is min(x, 0), -1 where it is -min(x, 0), else None."""
    op = value.op
    if op is None:
        return None
    if op.defn is NEG:
        below = _negative_part(op["x"], x)
        return None if below is None else -below
    if op.defn is RELU:
        negated = producer(op["x"], NEG)
        return -1 if negated is not None and negated["x"] is x else None
    found = constant_operand(op) if op.defn is MINIMUM else None
    return 1 if found is not None and found.variable is x and is_number(found.constant, 0) else None


def _with_slope(b: Builder, x: Value, alpha: Value) -> Outcome:
    shape, slope = alpha.type.static_shape, scalar(alpha)
    if slope is not None:
        return _leaky(b, x, float(slope))
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    if x.type.shape is None or len(shape) >= x.rank or any(
        s not in (1, d) for s, d in zip(reversed(shape), reversed(x.dims), strict=False)
    ):
        return Declined("the slopes do not broadcast over the batch")
    return b.prelu(x, b.reshape(alpha, np.array(shape, np.int32)))


LEAKY_MAXIMUM = rules_pass(
    "leaky-maximum",
    Rule("MAXIMUM(%x, MUL(%x, $a)) => LEAKY_RELU(%x) {alpha=$a}", obstacle, floats=True),
    Rule("MAXIMUM(MUL(%x, $a), %x) => LEAKY_RELU(%x) {alpha=$a}", obstacle, floats=True),
)
LEAKY_CHOICE = rules_pass(
    "leaky-choice",
    *(
        Rule(f"SELECT|SELECT_V2({choice}) => LEAKY_RELU(%x) {{alpha=$a}}", slopes_differ, floats=True)
        for choice in (
            "GREATER|GREATER_EQUAL(%x, 0), %x, MUL(%x, $a)",
            "LESS|LESS_EQUAL(%x, 0), MUL(%x, $a), %x",
        )
    ),
)
LEAKY_SUM = Pass("leaky-sum", (ADD, SUB), name_sum, after=("clamps",))
PASSES = (LEAKY_MAXIMUM, LEAKY_CHOICE, LEAKY_SUM)
