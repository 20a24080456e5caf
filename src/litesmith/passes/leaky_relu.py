"""Slopes for negative numbers: LEAKY_RELU, and PRELU where each channel has its own.

    MAXIMUM(%x, MUL(%x, a))                              0 < a < 1     ⇒  LEAKY_RELU(%x)
    SELECT_V2(GREATER(%x, 0), %x, MUL(%x, a))                          ⇒  LEAKY_RELU(%x)
    ADD(RELU(%x), MUL(a, MINIMUM(%x, 0)))                              ⇒  PRELU(%x, a)
    SUB(RELU(%x), MUL(a, RELU(NEG(%x))))                               ⇒  PRELU(%x, a)

A slope that is one number makes LEAKY_RELU, a constant of one for each channel PRELU. Legal because in each form one
term is x for positive and a * x for negative numbers and the other is left out or zero; NaN stays NaN.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, constant_operand, is_float, is_number, keeps_shape, producer, scalar


def name_maximum(op: Op, b: Builder) -> Outcome:
    """MAXIMUM of a number and a part of it."""
    for x, other in (op.inputs, reversed(op.inputs)):
        slope = _slope(other, x)
        if slope is None or not is_float(x):
            continue
        if not 0 < slope < 1:
            return Declined(f"the slope {slope:g} is not between 0 and 1")
        return _leaky(b, x, slope)
    return None


def name_choice(op: Op, b: Builder) -> Outcome:
    """SELECT by sign between a number and a part of it."""
    test = producer(op["condition"], "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
    if test is None or not is_number(test["y"], 0) or not is_float(op.result):
        return None
    x = test["x"]
    positive, negative = (op["x"], op["y"]) if test.name.startswith("GREATER") else (op["y"], op["x"])
    slope = _slope(negative, x) if positive is x and op.result.type.shape == x.type.shape else None
    return None if slope is None else _leaky(b, x, slope)


def _slope(value: Value, x: Value) -> float | None:
    """a, where the value is MUL(x, a)."""
    op = producer(value, "MUL")
    found = constant_operand(op) if op is not None and activation(op) == "NONE" else None
    if found is None or found.variable is not x or op is None or not keeps_shape(op, x):
        return None
    slope = scalar(found.constant)
    return None if slope is None else float(slope)


def _leaky(b: Builder, x: Value, slope: float) -> Value:
    return b.leaky_relu(x, alpha=slope)


# -- sums of parts ----------------------------------------------------------------------------------------------------


def name_sum(op: Op, b: Builder) -> Outcome:
    """The positive part of a number plus a multiple of its negative part."""
    sides = [tuple(op.inputs)] if op.name == "SUB" else [tuple(op.inputs), tuple(reversed(op.inputs))]
    for left, right in sides:
        relu = producer(left, "RELU")
        alpha = _negative_slope(b, right, relu["x"]) if relu is not None else None
        if relu is None or alpha is None or not is_float(op.result) or activation(op) != "NONE":
            continue
        return _with_slope(b, relu["x"], b.neg(alpha) if op.name == "SUB" else alpha)
    return None


def _negative_slope(b: Builder, value: Value, x: Value) -> Value | None:
    """The constant a, where the value is a * min(x, 0)."""
    op = value.op
    if op is None or activation(op) != "NONE":
        return None
    if op.name == "NEG":
        below = _negative_slope(b, op["x"], x)
        return None if below is None else b.neg(below)
    found = constant_operand(op)
    if op.name != "MUL" or found is None:
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
    if op.name == "NEG":
        below = _negative_part(op["x"], x)
        return None if below is None else -below
    if op.name == "RELU":
        negated = producer(op["x"], "NEG")
        return -1 if negated is not None and negated["x"] is x else None
    found = constant_operand(op) if op.name == "MINIMUM" else None
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


LEAKY_MAXIMUM = Pass("leaky-maximum", ("MAXIMUM",), name_maximum)
LEAKY_CHOICE = Pass("leaky-choice", ("SELECT", "SELECT_V2"), name_choice)
LEAKY_SUM = Pass("leaky-sum", ("ADD", "SUB"), name_sum, after=("clamps",))
PASSES = (LEAKY_MAXIMUM, LEAKY_CHOICE, LEAKY_SUM)
