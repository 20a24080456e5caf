"""Powers and roots in their cheapest form.

Legal up to the last bit for finite operands; zero, infinite and NaN operands give what they gave, but for the roots of
-infinity, which C's pow makes infinite and the roots make NaN. The official converter exchanges the same ones.
A DIV by a root that others use too is declined, as the root would stay.
"""

from __future__ import annotations

from litesmith.passes.rules import Rule, has_other_users, rules_pass

POWERS = rules_pass(
    "powers",
    Rule("POW(%x, 2) => SQUARE(%x)", floats=True),
    Rule("POW(%x, 0.5) => SQRT(%x)", floats=True),
    Rule("POW(%x, -0.5) => RSQRT(%x)", floats=True),
)
DIVISION_BY_ROOT = rules_pass(
    "division-by-root",
    Rule("DIV(1, SQRT(%x)) => RSQRT(%x)", has_other_users, floats=True),
    Rule("DIV(%y, SQRT(%x)) => MUL(%y, RSQRT(%x))", has_other_users, floats=True),
)
PASSES = (POWERS, DIVISION_BY_ROOT)
