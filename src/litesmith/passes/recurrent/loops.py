"""WHILE loops over the rows of tensors, read: which variables count, carry, collect, and which rows a step takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from litesmith.ir.dims import Dim
from litesmith.ir.graph import Graph, Op, Value
from litesmith.ir.opdef import Trait
from litesmith.ops.comparison import GREATER, LESS
from litesmith.ops.elementwise import ADD, SUB
from litesmith.ops.indexing import GATHER
from litesmith.ops.joining import CONCATENATION, PACK
from litesmith.ops.logical import LOGICAL_AND
from litesmith.ops.shape import RESHAPE
from litesmith.ops.slicing import DYNAMIC_UPDATE_SLICE, STRIDED_SLICE
from litesmith.passes.driver import has_effects
from litesmith.passes.match import activation, producer, scalar
from litesmith.passes.recurrent.affine import UnclearError, same_value


@dataclass(frozen=True)
class Row:
    """What a step takes of a tensor that all steps share: row i, or the i-th from the end, along an axis.

    variable: the tensor's number.
    """

    variable: int
    reverse: bool
    axis: int = 0


@dataclass(frozen=True)
class Collected:
    """A variable that holds one row of each step: the value a step puts there."""

    row: Value
    reverse: bool


@dataclass
class Scan:
    """A WHILE that runs ``length`` times, by the roles of its variables.

    rows: by value of the body. carried: variables whose last value the step reads and replaces. collected: by variable.
    written: variables that are only written, each with its value of the body.
    """

    op: Op
    length: Dim
    counters: set[int]
    rows: dict[Value, Row] = field(default_factory=dict)
    carried: list[int] = field(default_factory=list)
    collected: dict[int, Collected] = field(default_factory=dict)
    written: dict[int, Value] = field(default_factory=dict)

    @property
    def body(self) -> Graph:
        """The step."""
        graph: Graph = self.op.attrs["body_subgraph"]
        return graph

    def outer(self, variable: int) -> Value:
        """What a variable starts from."""
        value = self.op.operands[variable]
        assert value is not None
        return value

    def is_invariant(self, variable: int) -> bool:
        """Whether no step changes a variable."""
        return self.body.outputs[variable] is self.body.inputs[variable]


def read_scan(op: Op) -> Scan:
    """The loop, read. Raises UnclearError, with the reason, where it is none over rows."""
    body: Graph = op.attrs["body_subgraph"]
    counters = {i for i in range(len(op.results)) if _counts(op, i)}
    scan = Scan(op, _length(op, counters), counters)
    if scan.length != 1 and (flags := {i for i in counters if _is_one(body.outputs[i])}):
        scan = Scan(op, _length(op, counters - flags), counters - flags)
    if any(has_effects(inner) or inner.subgraphs for inner in body.ops):
        raise UnclearError("a step does more than compute")
    places = _Places(scan)
    for inner in body.ops:
        row = _row(scan, places, inner)
        if row is not None:
            scan.rows[inner.result] = row
    for index in range(len(op.results)):
        if index not in scan.counters and not scan.is_invariant(index):
            _classify(scan, places, index)
    return scan


def _counts(op: Op, index: int) -> bool:
    """Whether a variable counts 0, 1, 2 …; or becomes 1, which is known where a loop has one step."""
    body: Graph = op.attrs["body_subgraph"]
    if op.results[index].type.shape != () or scalar(op.operands[index]) != 0:
        return False
    if _is_one(body.outputs[index]):
        return True
    step = producer(body.outputs[index], ADD)
    if step is None or activation(step) != "NONE" or body.inputs[index] not in step.inputs:
        return False
    return any(scalar(v) == 1 for v in step.inputs)


def _is_one(after: Value) -> bool:
    return after.is_small_const and scalar(after) == 1


# -- how often --------------------------------------------------------------------------------------------------------


def _length(op: Op, counters: set[int]) -> Dim:
    """How many steps: every part of the condition says that a counter is less than this number."""
    cond: Graph = op.attrs["cond_subgraph"]
    lengths = [_step_count(op, cond, part, counters) for part in _conjuncts(cond.outputs[0])]
    if not lengths or any(n != lengths[0] for n in lengths):
        raise UnclearError("the number of steps is not told by one comparison")
    return lengths[0]


def _conjuncts(condition: Value) -> Iterator[Value]:
    both = producer(condition, LOGICAL_AND)
    if both is None:
        yield condition
    else:
        for value in both.inputs:
            yield from _conjuncts(value)


def _step_count(op: Op, cond: Graph, condition: Value, counters: set[int]) -> Dim:
    less = producer(condition, LESS, GREATER)
    if less is None:
        raise UnclearError("the loop does not run a number of steps")
    count, limit = less.inputs if less.defn is LESS else reversed(less.inputs)
    if count not in cond.inputs or cond.inputs.index(count) not in counters:
        raise UnclearError("the condition compares what is no counter")
    known = limit.sym
    if limit in cond.inputs:
        index = cond.inputs.index(limit)
        body: Graph = op.attrs["body_subgraph"]
        outside = op.operands[index]
        known = outside.sym if outside is not None and body.outputs[index] is body.inputs[index] else None
    if known is None or known.size != 1:
        raise UnclearError("the number of steps is not known")
    length: Dim = known.item()
    return length


# -- where ------------------------------------------------------------------------------------------------------------


class _Places:
    """Which row an index of the body means: i counts up from the first row, or down from the last."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan

    def of(self, index: Value) -> bool | None:
        """False for row i, True for the i-th from the end, None for any other."""
        found = self._linear(index)
        if found == (1, 0) or (found == (0, 0) and self.scan.length == 1):
            return False
        return True if found is not None and found[0] == -1 and found[1] == self.scan.length - 1 else None

    def _linear(self, value: Value) -> tuple[int, Dim] | None:
        """An integer of the body as (factor of i, rest)."""
        body = self.scan.body
        if value in body.inputs:
            index = body.inputs.index(value)
            if index in self.scan.counters:
                return 1, 0
            known = self.scan.outer(index).sym if self.scan.is_invariant(index) else None
            return None if known is None or known.size != 1 else (0, known.item())
        if value.sym is not None and value.sym.size == 1:
            return 0, value.sym.item()
        return self._compute_place(value)

    def _compute_place(self, value: Value) -> tuple[int, Dim] | None:
        op = value.op
        if op is None or len(op.results) != 1:
            return None
        if bool(op.defn.traits & Trait.KEEPS_ORDER) or (op.defn is PACK and len(op.inputs) == 1):
            return self._linear(op.inputs[0])
        if op.defn not in (ADD, SUB) or activation(op) != "NONE":
            return None
        x, y = (self._linear(v) for v in op.inputs)
        if x is None or y is None:
            return None
        sign = 1 if op.defn is ADD else -1
        return x[0] + sign * y[0], x[1] + sign * y[1]


def _row(scan: Scan, places: _Places, op: Op) -> Row | None:
    found = _read_index(op)
    if found is None or op.inputs[0] not in scan.body.inputs:
        return None
    index, axis = found
    variable = scan.body.inputs.index(op.inputs[0])
    if not scan.is_invariant(variable) or op.inputs[0].dims[axis] != scan.length:
        return None
    reverse = places.of(index)
    return None if reverse is None else Row(variable, reverse, axis)


def _read_index(op: Op) -> tuple[Value, int] | None:
    """The index an operation takes of its first operand, and along which axis; None where it does anything else."""
    if op.defn is GATHER:
        plain = op.inputs[0].type.shape and not op.attrs["batch_dims"] and op["indices"].type.count == 1
        return (op["indices"], int(op.attrs["axis"]) % op.inputs[0].rank) if plain else None
    if op.defn is not STRIDED_SLICE or op["x"].type.shape is None or op["strides"].const is None:
        return None
    begin, shrunk = producer(op["begin"], PACK), op.attrs["shrink_axis_mask"]
    if begin is None or any(op.attrs[name] for name in ("ellipsis_mask", "new_axis_mask", "offset")):
        return None
    axis = shrunk.bit_length() - 1
    if shrunk != 1 << axis or axis >= len(begin.inputs) or set(op["strides"].numpy().tolist()) != {1}:
        return None
    others = [a for a in range(len(begin.inputs)) if a != axis]
    whole = all(op.attrs["end_mask"] >> a & 1 for a in others)
    from_start = all(op.attrs["begin_mask"] >> a & 1 or _is_zero(begin.inputs[a]) for a in others)
    return (begin.inputs[axis], axis) if whole and from_start else None


# -- what becomes of the variables ------------------------------------------------------------------------------------


def _classify(scan: Scan, places: _Places, index: int) -> None:
    before, after = scan.body.inputs[index], scan.body.outputs[index]
    cond: Graph = scan.op.attrs["cond_subgraph"]
    if cond.inputs[index].users:
        raise UnclearError("the condition reads what the steps compute")
    if not before.users and not any(before is v for v in scan.body.outputs):
        scan.written[index] = after
        return
    collected = _find_collected(places, before, after)
    if collected is None:
        scan.carried.append(index)
    elif before.dims[0] != scan.length:
        raise UnclearError("a collected tensor has more rows than there are steps")
    else:
        scan.collected[index] = collected


def _find_collected(places: _Places, before: Value, after: Value) -> Collected | None:
    update = producer(after, DYNAMIC_UPDATE_SLICE)
    if update is None or update["x"] is not before or before.use_count != 1:
        return None
    row, start = update["update"], producer(update["start"], PACK, CONCATENATION, RESHAPE)
    if start is None or row.dims[0] != 1 or row.dims[1:] != before.dims[1:]:
        return None
    if not all(_is_zero(v) for v in start.inputs[1:]):
        return None
    reverse = places.of(start.inputs[0])
    return None if reverse is None else Collected(same_value(row), reverse)


def _is_zero(value: Value) -> bool:
    return value.is_small_const and not np.any(value.numpy())


def label_of(loop: Op) -> str:
    """What a loop is called in texts for users."""
    return loop.origin.label or str(loop.attrs["body_subgraph"].name)
