"""Tensors are put together and taken apart once.

    %1 = CONCATENATION(%a, %b) {axis=3}
    %2 = CONCATENATION(%1, %c) {axis=3}
⇒
    %2 = CONCATENATION(%a, %b, %c) {axis=3}

    %1, %2 = SPLIT(axis, %x)
    %3 = CONCATENATION(%1, %2)  along the same axis                       ⇒  %x   (PACK of UNPACK likewise)

    %1, %2, %3 = SPLIT(axis, %x)   of which one is used                   ⇒  SLICE(%x)

    SLICE(SLICE(%x))                                                      ⇒  SLICE(%x)

Legal because all are data movements. A concatenation that others use too is left, and so is one with an activation
and one that XNNPACK takes in parts only (it joins up to five tensors).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ops import OPS
from litesmith.ops.common import const_ints
from litesmith.ops.joining import CONCATENATION
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, rebuild, sole_producer
from litesmith.passes.rules import Match, Rule, rules_pass

# -- putting together -------------------------------------------------------------------------------------------------


def flatten(op: Op, b: Builder) -> Outcome:
    """CONCATENATION of concatenations along the same axis."""
    operands: list[Value] = []
    for value in op.inputs:
        inner = sole_producer(value, CONCATENATION)
        joins = inner is not None and activation(inner) == "NONE" and _axis(inner) == _axis(op)
        operands += inner.inputs if inner is not None and joins else [value]
    if len(operands) == len(op.inputs):
        return None
    if _loses_delegate(op, operands):
        return Declined("XNNPACK takes the concatenations one by one, not all in one")
    return rebuild(b, op, operands)


def _loses_delegate(op: Op, operands: Sequence[Value]) -> bool:
    """Whether XNNPACK takes the concatenation as it is, but not one of all these operands."""
    takes = op.defn.xnnpack
    if takes is None or takes(op) is not None:
        return False
    trial = Op(op.defn, list(operands), op.attrs)
    trial.results = op.results
    return takes(trial) is not None


def _axis(op: Op) -> int:
    return int(op.attrs["axis"]) % op.result.rank


PARTING = tuple(defn for defn in OPS.values() if defn.joined_by is CONCATENATION)
JOINING = tuple(dict.fromkeys(defn.joined_by for defn in OPS.values() if defn.joined_by is not None))
"""What puts together again what another operator took apart."""


def rejoin(op: Op, b: Builder) -> Outcome:
    """All parts of a SPLIT put together again, or those of an UNPACK packed."""
    parts = op.inputs[0].op
    if parts is None or parts.defn.joined_by is not op.defn or list(op.inputs) != list(parts.results):
        return None
    if activation(op) != "NONE":
        return None
    axis = const_ints(parts, "axis") if op.defn is CONCATENATION else (int(parts.attrs["axis"]),)
    rank = parts["x"].rank
    if axis is None or axis[0] % rank != int(op.attrs["axis"]) % rank:
        return Declined("taken apart along another axis")
    return parts["x"]

# -- taking apart -----------------------------------------------------------------------------------------------------


def use_slice(op: Op, b: Builder) -> Outcome:
    """A SPLIT or SPLIT_V with just one used result."""
    used = [r for r in op.results if r.users or r.output_uses]
    axis = const_ints(op, "axis")
    if len(used) != 1 or len(op.results) < 2 or axis is None:
        return None
    along = axis[0] % op["x"].rank
    sizes = [r.dims[along] for r in op.results]
    before = [s for s in sizes[: used[0].index] if isinstance(s, int)]
    size = used[0].dims[along]
    if len(before) < used[0].index or not isinstance(size, int):
        return Declined("the place of the part is not known")
    begin, extent = _ranges(op["x"].rank, along, sum(before), size)
    part: Value = b.slice(op["x"], begin, extent)
    return [part if r is used[0] else None for r in op.results]


def _ranges(rank: int, axis: int, begin: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    begins, sizes = np.zeros(rank, np.int32), np.full(rank, -1, np.int32)
    begins[axis], sizes[axis] = begin, size
    return begins, sizes


def join_slices(match: Match, b: Builder) -> Value | None:
    """SLICE(%x)."""
    first, kept, second, sizes = (match[name].numpy() for name in ("$begin", "$size", "$second", "$sizes"))
    if match.root["x"].use_count != 1:
        return None
    ends = np.where(sizes >= 0, sizes, np.where(kept >= 0, kept - second, -1))  # -1: what is left
    return b.slice(match["%x"], np.add(first, second, dtype=np.int32), ends.astype(np.int32))


NESTED_CONCATENATIONS = Pass("nested-concatenations", (CONCATENATION,), flatten)
REJOINED_PARTS = Pass("rejoined-parts", JOINING, rejoin)
SINGLE_PARTS = Pass("single-parts", PARTING, use_slice)
NESTED_SLICES = rules_pass(
    "nested-slices", Rule("SLICE(SLICE(%x, $begin, $size), $second, $sizes)", make=join_slices)
)
PASSES = (REJOINED_PARTS, NESTED_CONCATENATIONS, SINGLE_PARTS, NESTED_SLICES)
