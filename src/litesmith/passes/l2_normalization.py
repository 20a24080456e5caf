"""Vectors divided by their length are L2_NORMALIZATION.

    %1 = SQUARE(%x)                               or MUL(%x, %x)
    %2 = SUM(%1, [-1]) {keep_dims=True}
    %3 = MAXIMUM(%2, 1e-12)
    %4 = RSQRT(%3)
    %5 = MUL(%x, %4)                              or DIV(%x, SQRT(%3)), or DIV(%x, MAXIMUM(SQRT(%2), 1e-06))
⇒
    %5 = L2_NORMALIZATION(%x)

The kernel divides by the length or 1e-6, whichever is greater, along the last dimension. So only that bound, said of
the length or (as 1e-12) of its square, is legal: any other epsilon, an added one, or none, is declined.
"""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.ir.builder import Builder
from litesmith.ops.normalization import EPSILON
from litesmith.ops.reduction import SUM, reduced_axes
from litesmith.passes.driver import Declined
from litesmith.passes.match import is_number
from litesmith.passes.rules import Match, Rule, rules_pass

ROUNDING = 1e-6

SUMS = ("SUM(SQUARE(%x), $axes)", "SUM(MUL(%x, %x), $axes)")
"""The square of the length."""

ROOTS = ("MUL(%x, RSQRT({}))", "DIV(%x, SQRT({}))")
"""What is divided by the root of something."""

UNBOUNDED = f"the length is not bounded by {EPSILON:g} from below, as in the kernel"


def check_square_bound(match: Match) -> str | None:
    """Whether the square of the length has the kernel's bound."""
    return _obstacle(match, EPSILON**2)


def check_length_bound(match: Match) -> str | None:
    """Whether the length has the kernel's bound."""
    return _obstacle(match, EPSILON)


def _obstacle(match: Match, least: float) -> str | None:
    if not _is_of_last_dimension(match):
        return ""
    return None if is_number(match["$least"], least, ROUNDING) else UNBOUNDED


def _is_of_last_dimension(match: Match) -> bool:
    total = match.op(SUM)
    return bool(total.attrs["keep_dims"]) and reduced_axes(total) == (match["%x"].rank - 1,)


def decline_unbounded(match: Match, b: Builder) -> Declined | None:
    """Left as it is, since the kernel bounds the length from below."""
    return Declined(UNBOUNDED) if _is_of_last_dimension(match) else None


def _rules(total: str) -> Iterator[Rule]:
    """The rules for a sum of squares."""
    for form in ROOTS:
        yield Rule(f"{form.format(f'MAXIMUM~({total}, $least)')} => L2_NORMALIZATION(%x)", check_square_bound, floats=True)
    yield Rule(f"DIV(%x, MAXIMUM~(SQRT({total}), $least)) => L2_NORMALIZATION(%x)", check_length_bound, floats=True)
    others = [form.format(inner) for form in ROOTS for inner in (f"ADD({total}, $least)", total)]
    for text in (*others, f"DIV(%x, ADD(SQRT({total}), $least))"):
        yield Rule(text, floats=True, make=decline_unbounded)


L2_NORMALIZATION = rules_pass(
    "l2-normalization", *(rule for total in SUMS for rule in _rules(total)), after=("kept-dimensions", "powers")
)
PASSES = (L2_NORMALIZATION,)
