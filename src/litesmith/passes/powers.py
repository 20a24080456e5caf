"""Powers and roots in their cheapest form.

    POW(%x, 2)     ⇒  SQUARE(%x)         POW(%x, 0.5)   ⇒  SQRT(%x)
    POW(%x, -0.5)  ⇒  RSQRT(%x)          DIV(1, SQRT(%x))  ⇒  RSQRT(%x)
    DIV(%y, SQRT(%x))  ⇒  MUL(%y, RSQRT(%x))

Legal up to the last bit for finite operands; zero, infinite and NaN operands give what they gave, but for the roots of
-infinity, which C's pow makes infinite and the roots make NaN. The official converter exchanges the same ones.
A DIV by a root that others use too is declined, as the root would stay.
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, is_float, is_number, keeps_shape, producer, scalar

EXPONENTS = {2.0: "square", 0.5: "sqrt", -0.5: "rsqrt"}


def name_power(op: Op, b: Builder) -> Outcome:
    """POW with a constant exponent that has an operator of its own."""
    x, exponent = op["x"], scalar(op["y"])
    if exponent is None or not is_float(x) or float(exponent) not in EXPONENTS or not keeps_shape(op, x):
        return None
    return b.apply(EXPONENTS[float(exponent)], x)


def divide_by_root(op: Op, b: Builder) -> Outcome:
    """DIV by a square root."""
    root = producer(op["y"], "SQRT")
    if root is None or not is_float(op["x"], op["y"]):
        return None
    if op["y"].use_count != 1:
        return Declined("the root has other users")
    if is_number(op["x"], 1.0) and keeps_shape(op, op["y"]) and activation(op) == "NONE":
        made: Value = b.rsqrt(root["x"])
    else:
        made = b.mul(op["x"], b.rsqrt(root["x"]), fused_activation_function=activation(op))
    return made


POWERS = Pass("powers", ("POW",), name_power)
DIVISION_BY_ROOT = Pass("division-by-root", ("DIV",), divide_by_root)
PASSES = (POWERS, DIVISION_BY_ROOT)
