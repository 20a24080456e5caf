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

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ops.elementwise import ADD, DIV, MAXIMUM, MUL
from litesmith.ops.normalization import EPSILON
from litesmith.ops.reduction import SUM, reduced_axes
from litesmith.ops.unary import RSQRT, SQRT, SQUARE
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, constant_operand, is_float, is_number, producer

ROUNDING = 1e-6


def normalize(op: Op, b: Builder) -> Outcome:
    """MUL by the reciprocal length or DIV by the length."""
    for x, other in (op.inputs, reversed(op.inputs)):
        squares = _squares(other, op.name)
        if squares is None or activation(op) != "NONE" or not is_float(x):
            continue
        total, bounded = squares
        if not _sums_squares_of(total, x):
            continue
        if not bounded:
            return Declined(f"the length is not bounded by {EPSILON:g} from below, as in the kernel")
        return b.l2_normalization(x)
    return None


def _squares(value: Value, name: str) -> tuple[Op, bool] | None:
    """The sum of squares below a (reciprocal) length, and whether it is bounded as in the kernel."""
    if name == "MUL":
        root = producer(value, RSQRT)
        return _bounded_sum(root["x"], EPSILON**2) if root is not None else None
    root = producer(value, SQRT)
    if root is not None:
        return _bounded_sum(root["x"], EPSILON**2)
    bound = producer(value, MAXIMUM, ADD)
    found = constant_operand(bound) if bound is not None else None
    root = producer(found.variable, SQRT) if found is not None else None
    total = producer(root["x"], SUM) if root is not None else None
    if bound is None or found is None or total is None:
        return None
    return total, bound.defn is MAXIMUM and is_number(found.constant, EPSILON, ROUNDING)


def _bounded_sum(value: Value, least: float) -> tuple[Op, bool] | None:
    bound = producer(value, MAXIMUM, ADD)
    found = constant_operand(bound) if bound is not None else None
    total = producer(found.variable if found is not None else value, SUM)
    if total is None:
        return None
    exact = bound is not None and bound.defn is MAXIMUM and found is not None
    return total, exact and found is not None and is_number(found.constant, least, ROUNDING)


def _sums_squares_of(total: Op, x: Value) -> bool:
    """Whether a SUM adds up the squares of ``x`` along the last dimension, which it keeps."""
    square = producer(total["x"], SQUARE, MUL)
    if square is None or activation(square) != "NONE" or any(v is not x for v in square.inputs):
        return False
    return bool(total.attrs["keep_dims"]) and reduced_axes(total) == (x.rank - 1,)


L2_NORMALIZATION = Pass("l2-normalization", (MUL, DIV), normalize, after=("kept-dimensions", "powers"))
PASSES = (L2_NORMALIZATION,)
