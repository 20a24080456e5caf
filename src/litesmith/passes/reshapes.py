"""Changes of shape go behind what can be done before them, where two of them meet and one goes.

    %1 = RESHAPE(%a, [1, 24, 8])              %a, %b: [1, 1, 24, 8]
    %2 = RESHAPE(%b, [1, 24, 8])
    %3 = ADD(%1, %2)
⇒
    %1 = ADD(%a, %b)
    %3 = RESHAPE(%1, [1, 24, 8])

`shared-reshapes` does so for element-wise operations on operands reshaped alike, `reshaped-paddings` for a PAD between
two RESHAPE that add or drop unit dimensions, as between convolutions of one dimension. Legal because elements keep
their order: what is equal in one shape is equal in the other. Only where nobody else uses the reshaped operands.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Trait
from litesmith.ops.activation import PRELU
from litesmith.ops.padding import PAD, PADV2
from litesmith.ops.shape import RESHAPE, constant_target
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import is_single_number, rebuild, sole_producer, unit_places

# -- element-wise operations ------------------------------------------------------------------------------------------


def reshape_after(op: Op, b: Builder) -> Outcome:
    """An element-wise operation whose operands, but for single numbers, are all reshaped alike."""
    if len(op.inputs) < 2 or len(op.results) != 1 or len(op.inputs) != len(op.operands) or op.defn is PRELU:
        return None
    sources = [_source(v) for v in op.inputs]
    reshaped = [(s, v) for s, v in zip(sources, op.inputs, strict=True) if s is not v]
    if len({v for _, v in reshaped}) < 2 or not _are_alike(op, reshaped):
        return None
    if any(s is v and not is_single_number(v) for s, v in zip(sources, op.inputs, strict=True)):
        return None
    trial = Op(op.defn, sources, op.attrs)
    if op.defn.check is not None and op.defn.check(trial) is not None:
        return Declined("the kernel does not take the shape before")
    change = reshaped[0][1].op
    assert change is not None
    return rebuild(b, change, [rebuild(b, op, sources), *change.operands[1:]])


def _source(value: Value) -> Value:
    change = sole_producer(value, Trait.KEEPS_ORDER)
    return value if change is None else change.inputs[0]


def _are_alike(op: Op, reshaped: Sequence[tuple[Value, Value]]) -> bool:
    before, after = {s.type.shape for s, _ in reshaped}, {v.type.shape for _, v in reshaped}
    return len(before) == len(after) == 1 and None not in before and after == {op.result.type.shape}


# -- paddings ---------------------------------------------------------------------------------------------------------


def pad_before(op: Op, b: Builder) -> Outcome:
    """PAD of what a RESHAPE made, which only another RESHAPE uses."""
    change = sole_producer(op["x"], RESHAPE)
    user = op.result.only_user
    if change is None or user is None or user.defn is not RESHAPE or op.result.output_uses or not op["paddings"].is_const:
        return None
    source = change["x"]
    if source.type.shape is None or op.result.type.shape is None:
        return None
    places = unit_places(source.type.shape, op["x"].dims)
    target = constant_target(op.result.dims)
    if places is None or target is None or source.rank > _MOST_DIMENSIONS:
        return Declined("the RESHAPE does more than add or drop unit dimensions")
    rows = np.zeros((source.rank, 2), op["paddings"].numpy().dtype)
    for place, row in zip(places, op["paddings"].numpy(), strict=True):
        if place is not None:
            rows[place] = row
        elif row.any():
            return Declined("a dimension that the RESHAPE added is padded")
    return b.reshape(rebuild(b, op, [source, b.constant(rows), *op.operands[2:]]), np.array(target, np.int32))


_MOST_DIMENSIONS = 5  # of PAD


SHARED_RESHAPES = Pass("shared-reshapes", (Trait.ELEMENTWISE,), reshape_after)
RESHAPED_PADDINGS = Pass("reshaped-paddings", (PAD, PADV2), pad_before, after=("shared-reshapes",))
PASSES = (SHARED_RESHAPES, RESHAPED_PADDINGS)
