"""Powers and roots in their cheapest form.

    POW(%x, 2)     ⇒  SQUARE(%x)         POW(%x, 0.5)   ⇒  SQRT(%x)

and, where %x is something and a positive number (an epsilon) or no less than one,

    POW(%x, -0.5)      ⇒  RSQRT(%x)
    DIV(1, SQRT(%x))   ⇒  RSQRT(%x)
    DIV(%y, SQRT(%x))  ⇒  MUL(%y, RSQRT(%x))

elsewhere the other way round:

    MUL(%y, RSQRT(%x))  ⇒  DIV(%y, SQRT(%x))           so for MUL(%y, POW(%x, -0.5))

because RSQRT of 0 is NaN under XNNPACK, and SQRT is exact there. Legal up to the last bit for finite operands; zero,
infinite and NaN operands give what they gave, but for the roots of -infinity, which C's pow makes infinite and the
roots make NaN. A root that others use too is left, as it would stay.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, constant_operand, is_float, is_number, keeps_shape, producer, scalar

LEAST = 1e-30
"""RSQRT is exact under XNNPACK from here on."""

EXPONENTS = {2.0: "square", 0.5: "sqrt", -0.5: "rsqrt"}


def name_power(op: Op, b: Builder) -> Outcome:
    """POW with a constant exponent that has an operator of its own."""
    x, exponent = op["x"], scalar(op["y"])
    if exponent is None or not is_float(x) or float(exponent) not in EXPONENTS or not keeps_shape(op, x):
        return None
    if exponent < 0 and not _is_above_zero(x) and not _are_products(op.result):
        return Declined("RSQRT of 0 is not exact")
    return b.apply(EXPONENTS[float(exponent)], x)


def divide_by_root(op: Op, b: Builder) -> Outcome:
    """DIV by a square root."""
    root = producer(op["y"], "SQRT")
    if root is None or not is_float(op["x"], op["y"]):
        return None
    if op["y"].use_count != 1:
        return Declined("the root has other users")
    if not _is_above_zero(root["x"]):
        return Declined("RSQRT of 0 is not exact")
    if is_number(op["x"], 1.0) and keeps_shape(op, op["y"]) and activation(op) == "NONE":
        made: Value = b.rsqrt(root["x"])
    else:
        made = b.mul(op["x"], b.rsqrt(root["x"]), fused_activation_function=activation(op))
    return made


def _is_above_zero(x: Value) -> bool:
    """Whether the operand of a root shows that nobody means it to be 0: an epsilon was added, or is its least."""
    added = constant_operand(x.op) if x.op is not None and x.op.name in ("ADD", "MAXIMUM") else None
    if added is None or not added.constant.is_small_const:
        return False
    return bool(np.all(added.constant.numpy() >= LEAST))


def _are_products(value: Value) -> bool:
    """Whether the only use is a product."""
    return value.use_count == 1 and bool(value.users) and all(op.name == "MUL" for op in value.users)


def divide_instead(op: Op, b: Builder) -> Outcome:
    """A product with RSQRT of what may be 0."""
    for y, value in (op.inputs, reversed(op.inputs)):
        root = producer(value, "RSQRT")
        if root is None or not is_float(op.result, y) or _is_above_zero(root["x"]):
            continue
        if value.use_count != 1:
            return Declined("the root has other users")
        made: Value = b.div(y, b.sqrt(root["x"]), fused_activation_function=activation(op))
        return made
    return None


POWERS = Pass("powers", ("POW",), name_power)
DIVISION_BY_ROOT = Pass("division-by-root", ("DIV",), divide_by_root)
DIVISION_INSTEAD = Pass("division-instead", ("MUL",), divide_instead)
PASSES = (POWERS, DIVISION_BY_ROOT, DIVISION_INSTEAD)
