"""Values that are given a dimension and joined along it are packed.

    %1 = RESHAPE(%a, [1, 8])
    %2 = RESHAPE(%b, [1, 8])
    %3 = CONCATENATION(%1, %2) {axis=0}
⇒
    %3 = PACK(%a, %b) {axis=0}

Legal for the element types the kernel packs. Only where more operations go than come.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Trait
from litesmith.ops.joining import CONCATENATION, PACK
from litesmith.passes.driver import Outcome, Pass
from litesmith.passes.match import activation, producer

_TYPES = PACK.inputs[0].dtypes or frozenset()


def pack(op: Op, b: Builder) -> Outcome:
    """CONCATENATION of single slices along a dimension they were all given for it."""
    if activation(op) != "NONE" or op.result.type.shape is None or op.result.type.dtype not in _TYPES:
        return None
    axis = int(op.attrs["axis"]) % op.result.rank
    parts = [_without_dimension(op, v, axis) for v in op.inputs]
    if len(parts) < 2 or any(p is None for p in parts) or sum(not v.is_const for v in op.inputs) < 2:
        return None
    values = [b.constant(p) if isinstance(p, np.ndarray) else p for p in parts]
    return b.pack(*values, axis=axis)


def _without_dimension(op: Op, value: Value, axis: int) -> Value | Array | None:
    """What a value is made of by adding this unit dimension; None where it is made in another way."""
    if value.type.shape is None or value.dims[axis] != 1:
        return None
    if value.is_small_const:
        return np.squeeze(value.numpy(), axis)
    change = producer(value, Trait.KEEPS_ORDER)
    if change is None or value.use_count != sum(v is value for v in op.operands):
        return None
    if change.inputs[0].type.shape != (*value.dims[:axis], *value.dims[axis + 1 :]):
        return None
    return change.inputs[0]


PACKS = Pass("packs", (CONCATENATION,), pack)
PASSES = (PACKS,)
