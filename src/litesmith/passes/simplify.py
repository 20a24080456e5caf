"""What the builder would not have made is taken out: identities, pairs that cancel, operations on constants.

    %1 = RESHAPE(%x, [4, 2])            %x: float32[2, 4]
    %2 = RESHAPE(%1, [8])
    %3 = CAST(%2) {out_data_type=float32}
⇒
    %3 = RESHAPE(%x, [8])

Each operator's declaration says what is simpler than it (`OpDef.simplify`) and how to evaluate it; the builder asks
when it makes an operation. Rewrites and model files leave operations the builder has not seen with their present
operands; this pass asks again. Of quantized operations data movements are asked, where
operand and result have one scale for all elements in common: a movement less is the same integers. And what is known
to have no elements is a constant, whatever it is computed from.
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.folding import fold
from litesmith.ir.graph import Op
from litesmith.ir.opdef import Trait
from litesmith.passes.driver import EVERY, Outcome, Pass


def simplify(op: Op, b: Builder) -> Outcome:
    """A simpler value for any pure operation."""
    if not op.defn.is_pure or op.subgraphs:
        return None
    if any(v.type.quant is not None for v in (*op.inputs, *op.results)):
        return _with_less_movement(op, b)
    if op.defn.simplify is not None:
        simpler = op.defn.simplify(b, op)
        if simpler is not None:
            return simpler
    return fold(op, [r.type for r in op.results])


def _with_less_movement(op: Op, b: Builder) -> Outcome:
    """A simpler value for a movement of quantized data."""
    quant = op.inputs[0].type.quant
    if not op.defn.traits & Trait.MOVES_DATA or op.defn.simplify is None or len(op.results) != 1:
        return None
    if quant is None or quant.per_channel or quant.details is not None or op.result.type.quant != quant:
        return None
    simpler = op.defn.simplify(b, op)
    return simpler if simpler is not None and simpler.type.quant == quant else None


SIMPLIFY = Pass("simplify", (EVERY,), simplify, quantized=True)
PASSES = (SIMPLIFY,)
