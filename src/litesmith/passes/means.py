"""A sum divided by the number of its terms is a mean; a reduction reshaped to keep its dimensions keeps them.

    %1 = SUM(%x, [1, 2])                     %x: [n, 7, 7, c]
    %2 = MUL(%1, 1 / 49)                     or DIV(%1, 49)
⇒
    %2 = MEAN(%x, [1, 2])

    %1 = SUM(%x, [-1])
    %2 = RESHAPE(%1, [n, t, 1])              %x: [n, t, c]
⇒
    %2 = SUM(%x, [-1]) {keep_dims=True}

Legal because the MEAN kernel adds up and divides, in float; the factor must be the reciprocal to the last bit but one.
Only where nobody else uses the reduction, and where the number of terms is known.
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.dims import product
from litesmith.ir.graph import Op
from litesmith.ir.opdef import Trait
from litesmith.ops.elementwise import DIV
from litesmith.ops.reduction import SUM, reduced_axes
from litesmith.ops.shape import EXPAND_DIMS, RESHAPE
from litesmith.passes.driver import Outcome, Pass
from litesmith.passes.match import (
    is_number,
    rebuild,
    sole_producer,
)
from litesmith.passes.rules import Match, Rule, has_other_users, rules_pass

ROUNDING = 1.2e-7
"""Relative distance of neighbouring float32 numbers."""



def obstacle(match: Match) -> str | None:
    """Why a factor of a sum stays."""
    if has_other_users(match):
        return ""
    axes = reduced_axes(match.op(SUM))
    count = None if axes is None else product([match["%x"].dims[a] for a in axes])
    if not isinstance(count, int) or count == 0:
        return "the number of terms is unknown"
    if not is_number(match["$c"], count if match.root.defn is DIV else 1 / count, ROUNDING):
        return f"the factor is not that of {count} terms"
    return None


def keep_dimensions(op: Op, b: Builder) -> Outcome:
    """A reshape that puts back the dimensions a reduction dropped, with size 1."""
    reduction = sole_producer(op.inputs[0], Trait.REDUCES)
    if reduction is None or reduction.attrs["keep_dims"] or op.result.type.quant is not None:
        return None
    axes = reduced_axes(reduction)
    dims = reduction["x"].dims
    if axes is None or op.result.dims != tuple(1 if i in axes else d for i, d in enumerate(dims)):
        return None
    return rebuild(b, reduction, keep_dims=True)


MEANS = rules_pass(
    "means",
    Rule("MUL(SUM(%x, $axes), $c) => MEAN(%x, $axes) {keep_dims=SUM.keep_dims}", obstacle, floats=True),
    Rule("DIV(SUM(%x, $axes), $c) => MEAN(%x, $axes) {keep_dims=SUM.keep_dims}", obstacle, floats=True),
)
KEPT_DIMENSIONS = Pass("kept-dimensions", (RESHAPE, EXPAND_DIMS), keep_dimensions)
PASSES = (KEPT_DIMENSIONS, MEANS)
