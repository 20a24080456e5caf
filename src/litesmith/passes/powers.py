"""Powers and roots in their cheapest form.

RSQRT where the operand is something and a positive number (an epsilon) or no less than one, elsewhere a division by SQRT:
RSQRT of 0 is NaN under XNNPACK, and SQRT is exact there. Legal up to the last bit for finite operands; zero, infinite and
NaN operands give what they gave, but for the roots of -infinity, which C's pow makes infinite and the roots make NaN. A
root that others use too is left, as it would stay.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.graph import Value
from litesmith.ops.elementwise import ADD, MAXIMUM, MUL
from litesmith.passes.match import constant_operand
from litesmith.passes.rules import Match, Rule, has_other_users, rules_pass

LEAST = 1e-30
"""RSQRT is exact under XNNPACK from here on."""

NOT_EXACT = "RSQRT of 0 is not exact"


def power_obstacle(match: Match) -> str | None:
    """Why a power stays one: RSQRT is right for products too, which become divisions (`DIVISION_INSTEAD`)."""
    return None if _is_above_zero(match["%x"]) or _are_products(match.root.result) else NOT_EXACT


def division_obstacle(match: Match) -> str | None:
    """Why a division by a root stays one."""
    return has_other_users(match) or (None if _is_above_zero(match["%x"]) else NOT_EXACT)


def product_obstacle(match: Match) -> str | None:
    """Why a product with a reciprocal root stays one; silent where it is as it should be."""
    return "" if _is_above_zero(match["%x"]) else has_other_users(match)


def _is_above_zero(x: Value) -> bool:
    """Whether the operand of a root shows that nobody means it to be 0: an epsilon was added, or is its least."""
    added = constant_operand(x.op) if x.op is not None and x.op.defn in (ADD, MAXIMUM) else None
    if added is None or not added.constant.is_small_const:
        return False
    return bool(np.all(added.constant.numpy() >= LEAST))


def _are_products(value: Value) -> bool:
    """Whether the only use is a product."""
    return value.use_count == 1 and bool(value.users) and all(op.defn is MUL for op in value.users)


POWERS = rules_pass(
    "powers",
    Rule("POW(%x, 2) => SQUARE(%x)", floats=True),
    Rule("POW(%x, 0.5) => SQRT(%x)", floats=True),
    Rule("POW(%x, -0.5) => RSQRT(%x)", power_obstacle, floats=True),
)
DIVISION_BY_ROOT = rules_pass(
    "division-by-root",
    Rule("DIV(1, SQRT(%x)) => RSQRT(%x)", division_obstacle, floats=True),
    Rule("DIV(%y, SQRT(%x)) => MUL(%y, RSQRT(%x))", division_obstacle, floats=True),
)
DIVISION_INSTEAD = rules_pass(
    "division-instead", Rule("MUL(%y, RSQRT(%x)) => DIV(%y, SQRT(%x))", product_obstacle, floats=True)
)
PASSES = (POWERS, DIVISION_BY_ROOT, DIVISION_INSTEAD)
