"""The square of a difference is one operation.

Legal because the kernel subtracts and then multiplies the difference by itself, just so. Only where nobody else uses
the difference. POW with exponent 2 becomes SQUARE first (see `powers`).
"""

from __future__ import annotations

from litesmith.ir.dtypes import DType
from litesmith.passes.rules import Match, Rule, has_other_users, rules_pass


def obstacle(match: Match) -> str | None:
    """Why a difference and its square stay two operations."""
    return has_other_users(match) if match.root.result.type.dtype in (DType.FLOAT32, DType.INT32) else ""


SQUARED_DIFFERENCE = rules_pass(
    "squared-difference",
    Rule("SQUARE(SUB(%x, %y)) => SQUARED_DIFFERENCE(%x, %y)", obstacle),
    Rule("MUL(SUB(%x, %y), SUB(%x, %y)) => SQUARED_DIFFERENCE(%x, %y)", obstacle),
    after=("powers",),
)
PASSES = (SQUARED_DIFFERENCE,)
