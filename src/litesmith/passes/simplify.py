"""What the builder would not have made is taken out: identities, pairs that cancel, operations on constants.

    %1 = RESHAPE(%x, [4, 2])            %x: float32[2, 4]
    %2 = RESHAPE(%1, [8])
    %3 = CAST(%2) {out_data_type=float32}
⇒
    %3 = RESHAPE(%x, [8])

Each operator's declaration says what is simpler than it (`OpDef.simplify`) and how to evaluate it; the builder asks
when it makes an operation. Rewrites and model files leave operations the builder has not seen with their present
operands; this pass asks again. And what is known to have no elements is a constant, whatever it is computed from.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder, fold
from litesmith.ir.graph import Op, Value
from litesmith.ir.types import TensorType
from litesmith.passes.driver import EVERY, Outcome, Pass


def simplify(op: Op, b: Builder) -> Outcome:
    """A simpler value for any pure operation."""
    if not op.defn.is_pure or op.subgraphs or any(v.type.quant is not None for v in op.inputs):
        return None
    if op.defn.simplify is not None:
        simpler = op.defn.simplify(b, op)
        if simpler is not None:
            return simpler
    if op.results and all(map(_is_empty, op.results)):
        return [_nothing(r.type) for r in op.results]
    return fold(op, [r.type for r in op.results])


def _nothing(wanted: TensorType) -> Value:
    return Value.constant(np.zeros(wanted.static_shape, wanted.dtype.numpy), dtype=wanted.dtype)


def _is_empty(result: Value) -> bool:
    return 0 in (result.type.shape or ()) and result.type.is_static and result.type.quant is None


SIMPLIFY = Pass("simplify", (EVERY,), simplify)
PASSES = (SIMPLIFY,)
