"""Clamps said with MINIMUM and MAXIMUM become the activations that clamp.

    %1 = MAXIMUM(%x, 0)
    %2 = MINIMUM(%1, 6)
⇒
    %2 = RELU6(%x)

    %1 = GREATER(%x, 6)
    %2 = SELECT_V2(%1, 6, %x)
⇒
    %2 = MINIMUM(%x, 6)

[0, ∞) is RELU, [0, 6] RELU6, [-1, 1] RELU_N1_TO_1 and [0, 1] RELU_0_TO_1; the order of the two does not matter, and a
clamp of a clamp is the narrower one. Float32 only. Legal for every number; for NaN the kernels of MAXIMUM and RELU keep
no promise, and the official converter makes the same exchange.
"""

from __future__ import annotations

from math import inf, isnan
from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ops import OPS
from litesmith.ops.comparison import ORDERS
from litesmith.ops.elementwise import MAXIMUM, MINIMUM
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import constant_operand, is_float, keeps_shape, scalar


class Clamp(NamedTuple):
    """``min(max(x, low), high)`` with low <= high."""

    x: Value
    low: float
    high: float


ACTIVATIONS = {defn.clamps: defn for defn in OPS.values() if defn.clamps is not None}
"""The activations that clamp, by their bounds."""


def clamp_of(value: Value) -> Clamp | None:
    """The value as a clamp of what the operation before takes, None where it is none."""
    op = value.op
    if op is None or not is_float(value):
        return None
    if op.defn.clamps is not None:
        return Clamp(op["x"], *op.defn.clamps)
    if op.defn not in (MINIMUM, MAXIMUM):
        return None
    found = constant_operand(op)
    bound = None if found is None else scalar(found.constant)
    if found is None or bound is None or isnan(bound) or not keeps_shape(op, found.variable):
        return None
    limit = float(bound)
    return Clamp(found.variable, -inf, limit) if op.defn is MINIMUM else Clamp(found.variable, limit, inf)


def name_clamp(op: Op, b: Builder) -> Outcome:
    """A clamp, perhaps of a clamp, that has a name."""
    outer = clamp_of(op.result)
    if outer is None:
        return None
    for clamp in (_join_inner(outer), outer):
        named = ACTIVATIONS.get((clamp.low, clamp.high))
        if named is not None:
            return None if named is op.defn and clamp.x is op.operands[0] else b.apply(named, clamp.x)
    return Declined(f"no activation clamps to [{outer.low:g}, {outer.high:g}]")


def clamp_select(op: Op, b: Builder) -> Outcome:
    """A select between a number and what is beyond it."""
    found = _read_selection(op)
    if found is None:
        return None
    extremum, limit, value = found
    return b.apply(extremum, value, b.constant(np.float32(limit)))


def _read_selection(op: Op) -> tuple[OpDef, float, Value] | None:
    """Of ``x > c ? c : x``, or of that with x clamped around c, the operator, c and the value; else None."""
    condition, limit, value = op["condition"].op, scalar(op["x"]), op["y"]
    order = ORDERS.get(condition.defn) if condition is not None else None
    compared = constant_operand(condition) if condition is not None and order is not None else None
    if order is None or compared is None or limit is None or isnan(limit) or not is_float(op.result):
        return None
    if scalar(compared.constant) != limit or not keeps_shape(op, value) or not keeps_shape(op, compared.variable):
        return None
    inner = Clamp(value, -inf, inf) if compared.variable is value else clamp_of(value)
    if inner is None or inner.x is not compared.variable or not inner.low <= limit <= inner.high:
        return None
    return MAXIMUM if order.is_below == compared.on_right else MINIMUM, float(limit), value


def _join_inner(outer: Clamp) -> Clamp:
    """With the clamp before it."""
    inner = clamp_of(outer.x) or Clamp(outer.x, -inf, inf)
    low, high = (min(max(bound, outer.low), outer.high) for bound in (inner.low, inner.high))
    return Clamp(inner.x, low, high)


CLAMPS = Pass("clamps", (MINIMUM, MAXIMUM, *ACTIVATIONS.values()), name_clamp)
SELECT_CLAMPS = Pass("select-clamps", (Trait.SELECTS,), clamp_select)
PASSES = (SELECT_CLAMPS, CLAMPS)
