"""What the builder would not have made is taken out: identities, pairs that cancel, operations on constants.

    %1 = RESHAPE(%x, [4, 2])            %x: float32[2, 4]
    %2 = RESHAPE(%1, [8])
    %3 = CAST(%2) {out_data_type=float32}
⇒
    %3 = RESHAPE(%x, [8])

Each operator's declaration says what is simpler than it (`OpDef.simplify`) and how to evaluate it; the builder asks
when it makes an operation. Rewrites and model files leave operations the builder has not seen with their present
operands; this pass asks again.
"""

from __future__ import annotations

from litesmith.ir.builder import Builder, fold
from litesmith.ir.graph import Op
from litesmith.passes.driver import EVERY, Outcome, Pass


def simplify(op: Op, b: Builder) -> Outcome:
    """A simpler value for any pure operation."""
    if not op.defn.is_pure or op.subgraphs or any(v.type.quant is not None for v in op.inputs):
        return None
    if op.defn.simplify is not None:
        simpler = op.defn.simplify(b, op)
        if simpler is not None:
            return simpler
    return fold(op, [r.type for r in op.results])


SIMPLIFY = Pass("simplify", (EVERY,), simplify)
PASSES = (SIMPLIFY,)
