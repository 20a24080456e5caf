"""Unit dimensions come and go in as few operations as can be, also where other sizes are unknown.

    %1 = EXPAND_DIMS(%x, 2)                                               %x: [b, t, 2, 8]
    %2 = TRANSPOSE(%1, [0, 3, 1, 2, 4])
    %3 = SQUEEZE(%2, [3])
⇒
    %3 = TRANSPOSE(%x, [0, 2, 1, 3])

A change of shape after another is one change, or none, also with operations on each element between. What only moves
unit dimensions puts them elsewhere to begin with: where at most one size is unknown the builder has done so with
RESHAPE, this is for the others. Legal because elements keep their order.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Trait
from litesmith.ir.types import Shape
from litesmith.ops.layout import TRANSPOSE
from litesmith.ops.shape import RESHAPE, constant_target
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.layout_rules import before_changes, is_change, permutation_of
from litesmith.passes.match import (
    is_any,
    is_single_number,
    producer,
    rebuild,
    sole_producer,
    unit_places,
    unit_steps,
)


def merge_changes(op: Op, b: Builder) -> Outcome:
    """A change of shape after others."""
    chain = _chain(op)
    target = op.result.type.shape
    if len(chain) < 2 or target is None:
        return None
    alone = 1 + next((i for i, c in enumerate(chain[1:]) if c.result.use_count != 1), len(chain) - 1)
    for length in range(len(chain), 1, -1):
        source = chain[length - 1].inputs[0]
        most = min(alone, length - (not any(c.defn is TRANSPOSE for c in chain[:length])))
        if (changed := _change_shape(b, source, target, most)) is not None:
            return changed
    return rebuild(b, op, [chain[1].inputs[0], *op.operands[1:]]) if op.defn is RESHAPE else None


def _chain(op: Op) -> list[Op]:
    """The changes of shape that end with this one, the last first; empty where it is none."""
    chain = []
    at: Op | None = op
    while at is not None and is_change(at) and at.inputs[0].type.shape is not None:
        chain.append(at)
        at = at.inputs[0].op
    return chain


def _change_shape(b: Builder, source: Value, target: Shape, most: int = 1) -> Value | None:
    """The source in another shape by so many operations at most, None where that takes more."""
    if source.dims == target:
        return source
    changed: Value = source
    if (vector := constant_target(target)) is not None:
        changed = b.reshape(source, np.array(vector, np.int32))
        return changed
    steps = unit_steps(source.dims, target)
    if steps is None or bool(steps[0]) + len(steps[1]) > most:
        return None
    dropped, added = steps
    if dropped:
        changed = b.squeeze(changed, squeeze_dims=tuple(dropped))
    for axis in added:
        changed = b.expand_dims(changed, axis)
    return changed


def transpose_without(op: Op, b: Builder) -> Outcome:
    """A change that drops the unit dimensions which were added before a TRANSPOSE, or a RESHAPE after it."""
    transpose = sole_producer(op.inputs[0], TRANSPOSE)
    perm = permutation_of(transpose)
    added = producer(transpose["x"], Trait.KEEPS_ORDER) if transpose is not None else None
    if perm is None or added is None or added.inputs[0].type.shape is None:
        return None
    source = added.inputs[0]
    places = unit_places(source.dims, added.result.dims)
    if places is None:
        return None
    kept = [places[p] for p in perm if places[p] is not None]
    if len(kept) != source.rank:
        return None
    transposed: Value = b.transpose(source, np.array(kept, np.int32))
    if transposed.dims == op.result.type.shape:
        return transposed
    return rebuild(b, op, [transposed, *op.operands[1:]]) if op.defn is RESHAPE else None


def transpose_with(op: Op, b: Builder) -> Outcome:
    """A change that puts the unit dimensions back which were dropped before a TRANSPOSE."""
    transpose = sole_producer(op.inputs[0], TRANSPOSE)
    perm = permutation_of(transpose)
    dropped = producer(transpose["x"], Trait.KEEPS_ORDER) if transpose is not None else None
    if transpose is None or perm is None or dropped is None or dropped.inputs[0].type.shape is None:
        return None
    source = dropped.inputs[0]
    before, after = unit_places(source.dims, dropped.result.dims), unit_places(transpose.result.dims, op.result.dims)
    if before is None or after is None or None in before:
        return None
    kept = [None if place is None else before[perm[place]] for place in after]
    spare = iter(a for a in range(source.rank) if a not in kept)
    order = [next(spare, None) if axis is None else axis for axis in kept]
    if sorted(a for a in order if a is not None) != list(range(source.rank)) or len(order) != source.rank:
        return None
    if tuple(source.dims[a] for a in order if a is not None) != op.result.dims:
        return None
    return b.transpose(source, np.array(order, np.int32))


def merge_around(op: Op, b: Builder) -> Outcome:
    """A change of shape, operations on each element, and another change: the operations take what was before."""
    steps: list[Op] = []
    value = op.inputs[0]
    if not is_change(op):
        return None
    while (step := value.op) is not None and value.use_count == 1 and _is_plain(step):
        steps.append(step)
        value = step.operands[_operand_index(step)] or value
    source = before_changes(value)
    if not steps or source is value or source.type.shape is None or op.result.type.shape is None:
        return None
    if any(is_any(s, Trait.BY_ROW) for s in steps) and source.dims[-1:] != value.dims[-1:]:
        return Declined("the last dimension changes")
    for step in reversed(steps):
        trial = Op(step.defn, [source if i == _operand_index(step) else v for i, v in enumerate(step.operands)], step.attrs)
        if step.defn.check is not None and step.defn.check(trial) is not None:
            return Declined("the kernel does not take the shape before")
        source = rebuild(b, step, trial.operands)
    changed = _change_shape(b, source, op.result.type.shape)
    return rebuild(b, op, [source, *op.operands[1:]]) if changed is None and op.defn is RESHAPE else changed


def _operand_index(op: Op) -> int:
    """Which operand varies."""
    return next((i for i, v in enumerate(op.operands) if v is not None and not v.is_const), 0)


def _is_plain(op: Op) -> bool:
    """Whether an operation works on each element of one operand, or each row, with single numbers besides."""
    if op.defn.traits & Trait.BY_ROW:
        return op.inputs[0].rank > 0
    if not op.defn.traits & Trait.ELEMENTWISE or len(op.results) != 1 or len(op.inputs) != len(op.operands):
        return False
    place = _operand_index(op)
    others = [v for i, v in enumerate(op.inputs) if i != place]
    return op.result.type.shape == op.inputs[place].type.shape and all(is_single_number(v) for v in others)


ROOTS = (Trait.KEEPS_ORDER, TRANSPOSE)
UNIT_DIMENSIONS = Pass("unit-dimensions", ROOTS, merge_changes)
TRANSPOSED_UNITS = Pass("transposed-units", (Trait.KEEPS_ORDER,), transpose_without, after=("unit-dimensions",))
MERGED_CHANGES = Pass("merged-changes", ROOTS, merge_around, after=("unit-dimensions",))
RESTORED_UNITS = Pass("restored-units", (Trait.KEEPS_ORDER,), transpose_with, after=("transposed-units",))
PASSES = (UNIT_DIMENSIONS, TRANSPOSED_UNITS, RESTORED_UNITS, MERGED_CHANGES)
