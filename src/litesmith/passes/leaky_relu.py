"""Slopes for negative numbers: LEAKY_RELU, and PRELU where each channel has its own.

A slope that is one number makes LEAKY_RELU, a constant of one for each channel PRELU. Legal because in each form one
term is x for positive and a * x for negative numbers and the other is left out or zero; NaN stays NaN.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Value
from litesmith.passes.driver import Declined
from litesmith.passes.match import scalar
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


def with_slope(match: Match, b: Builder) -> Value | Declined:
    """LEAKY_RELU(%x) or PRELU(%x, $a)."""
    return _leaky_relu(b, match["%x"], match["$a"])


def with_negated_slope(match: Match, b: Builder) -> Value | Declined:
    """LEAKY_RELU(%x) or PRELU(%x, -$a)."""
    return _leaky_relu(b, match["%x"], b.neg(match["$a"]))


def _leaky_relu(b: Builder, x: Value, alpha: Value) -> Value | Declined:
    shape, slope = alpha.type.static_shape, scalar(alpha)
    if slope is not None:
        return b.leaky_relu(x, alpha=float(slope))
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    if x.type.shape is None or len(shape) >= x.rank or any(
        s not in (1, d) for s, d in zip(reversed(shape), reversed(x.dims), strict=False)
    ):
        return Declined("the slopes do not broadcast over the batch")
    return b.prelu(x, b.reshape(alpha, np.array(shape, np.int32)))


LEAKY_MAXIMUM = rules_pass(
    "leaky-maximum",
    Rule("MAXIMUM~(%x, MUL(%x, $a)) => LEAKY_RELU(%x) {alpha=$a}", obstacle, floats=True),
)
LEAKY_SELECT = rules_pass(
    "leaky-select",
    *(
        Rule(f"SELECT|SELECT_V2({select}) => LEAKY_RELU(%x) {{alpha=$a}}", slopes_differ, floats=True)
        for select in (
            "GREATER|GREATER_EQUAL(%x, 0), %x, MUL(%x, $a)",
            "LESS|LESS_EQUAL(%x, 0), MUL(%x, $a), %x",
        )
    ),
)
LEAKY_SUM = rules_pass(
    "leaky-sum",
    *(
        Rule(text, floats=True, make=make)
        for text, make in (
            ("ADD(RELU(%x), MUL(MINIMUM~(%x, 0), $a))", with_slope),
            ("SUB(RELU(%x), MUL(MINIMUM~(%x, 0), $a))", with_negated_slope),
            ("ADD(RELU(%x), MUL(RELU(NEG(%x)), $a))", with_negated_slope),
            ("SUB(RELU(%x), MUL(RELU(NEG(%x)), $a))", with_slope),
            ("ADD(RELU(%x), NEG(MUL(RELU(NEG(%x)), $a)))", with_slope),
        )
    ),
    after=("clamps",),
)
PASSES = (LEAKY_MAXIMUM, LEAKY_SELECT, LEAKY_SUM)
