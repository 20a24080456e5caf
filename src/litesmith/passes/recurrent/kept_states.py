"""States that a model keeps from one invocation to the next in resource variables, and no one else touches.

    CALL_ONCE() {init_subgraph=@init}            init: ASSIGN_VARIABLE(%v, 0)
    %v = VAR_HANDLE() {shared_name="h"}
    %h = READ_VARIABLE(%v)
    %1, … = WHILE(0, %h, …)
    ASSIGN_VARIABLE(%v, %1)

The runtime's ``reset_all_variables`` resets no resource variable, but variable tensors, to zeros. Where all states start
from zeros and a fused operator computes the layer, they are its own. Elsewhere they are kept in one variable tensor
beside the layer (`keep_in_tensors`):

    %h, %0, %flag = SPLIT_V(%state, …)                     %state: a variable tensor
    %1, … = WHILE(0, SELECT_V2(%flag > 0, %h, saved), …)   without the select where the first state is zeros
    SVDF(CONCATENATION(%1, …, 1), 1, 1, %state)            leaves in its state what it is given: times one

SVDF is the operator of every runtime, TFLite Micro too, that stores exactly what it gets; it depends on what was read, so
that no delegate changes their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from litesmith.decompositions.recurrent.states import is_zero
from litesmith.decompositions.shapes import reshape
from litesmith.ir.builder import Builder
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ir.opdef import Trait
from litesmith.ir.types import TensorType
from litesmith.ops import OPS
from litesmith.ops.control import CALL_ONCE, WHILE
from litesmith.ops.convolution import CONV_2D, CONV_3D
from litesmith.ops.joining import SPLIT_V
from litesmith.ops.layout import TRANSPOSE
from litesmith.ops.matmul import BATCH_MATMUL, FULLY_CONNECTED
from litesmith.ops.recurrent import SVDF
from litesmith.ops.variables import ASSIGN_VARIABLE, READ_VARIABLE, VAR_HANDLE
from litesmith.passes.driver import erase_dead, replace_result
from litesmith.passes.match import is_any, producer
from litesmith.passes.recurrent.cells import Cell
from litesmith.passes.recurrent.loops import Scan

PRODUCTS = (FULLY_CONNECTED, BATCH_MATMUL, CONV_2D, CONV_3D)


@dataclass(frozen=True)
class KeptStates:
    """The assignments that keep all states of a loop."""

    assignments: frozenset[Op]


@dataclass(frozen=True)
class Stored:
    """A resource variable that one graph reads once and assigns once. start: what it holds at first; None for zeros."""

    read: Op
    assignment: Op
    start: Value | None

    @property
    def is_zero(self) -> bool:
        """Whether it starts from zeros."""
        return is_zero(self.start)


# -- what is stored ---------------------------------------------------------------------------------------------------


@dataclass
class _Uses:
    reads: list[Op] = field(default_factory=list)
    assignments: list[Op] = field(default_factory=list)
    others: int = 0


def find_stored(program: Program) -> dict[Value, Stored]:
    """The variables that nobody but one entry graph touches, by the value it reads."""
    first = {g for graph in program.graphs for op in graph.ops if op.defn is CALL_ONCE for g in op.subgraphs}
    found = {}
    for uses in _uses(program).values():
        initial = [op for op in uses.assignments if op.graph in first]
        later = [op for op in uses.assignments if op.graph not in first]
        if uses.others or len(uses.reads) != 1 or len(later) != 1 or len(initial) > 1:
            continue
        (read,), (assignment,) = uses.reads, later
        if read.graph is assignment.graph and read.graph in program.graphs:
            start = initial[0].inputs[1] if initial else None
            found[read.result] = Stored(read, assignment, start)
    return found


def _uses(program: Program) -> Mapping[tuple[str, str], _Uses]:
    """Every use of each variable."""
    found: dict[tuple[str, str], _Uses] = {}
    for graph in program.all_graphs():
        for op in graph.ops:
            if op.defn is not VAR_HANDLE:
                continue
            uses = found.setdefault((str(op.attrs["container"]), str(op.attrs["shared_name"])), _Uses())
            uses.others += op.result.output_uses
            for user in op.result.users:
                kinds = {READ_VARIABLE: uses.reads, ASSIGN_VARIABLE: uses.assignments}
                if user.defn in kinds:
                    kinds[user.defn].append(user)
                else:
                    uses.others += 1
    return found


def kept_states(known: Mapping[Value, Stored], scan: Scan, cell: Cell) -> KeptStates | None:
    """How a loop's states are kept, where all of them are, start from zeros, and nobody else wants them; else None."""
    states = [s for s in (cell.h, cell.c) if s is not None]
    kept = frozenset(op for state in states if (op := _assignment(known, scan, state)) is not None)
    return KeptStates(kept) if len(kept) == len(states) else None


def _assignment(known: Mapping[Value, Stored], scan: Scan, state: int) -> Op | None:
    before = scan.outer(state)
    one = known.get(before)
    if one is None or not one.is_zero or len(before.users) != 1 or before.output_uses:
        return None
    return one.assignment if one.assignment in scan.op.results[state].users else None


# -- variable tensors -------------------------------------------------------------------------------------------------


def keep_in_tensors(program: Program, *, saved_only: bool = False) -> int:
    """Keeps the states of loops, and of cells that stand there without a loop, in variable tensors.

    saved_only: of loops with a state that starts from other than zeros.

    Returns how many states that are.
    """
    known = find_stored(program)
    changes = 0
    for graph in program.graphs:
        states = dict.fromkeys(_states_of_loops(graph, known, saved_only)) if known else {}
        if known and not saved_only:
            states |= dict.fromkeys(_states_of_cells([s for s in known.values() if s.read.graph is graph and _fits(s)]))
        if states:
            _keep(graph, list(states))
        changes += len(states)
    return changes


def _states_of_loops(graph: Graph, known: Mapping[Value, Stored], saved_only: bool) -> Iterator[Stored]:
    for op in graph.ops:
        if op.defn is not WHILE:
            continue
        states = [known[v] for v in map(_before_reshapes, op.inputs) if v in known]
        if saved_only and all(s.is_zero for s in states):
            continue
        if all(_fits(s) for s in states):
            yield from states


def _states_of_cells(states: Sequence[Stored]) -> Iterator[Stored]:
    """States that are multiplied by weights to make the next ones, and those of the same cell that are not."""
    after = {s: _dependents([s.read]) for s in states}
    through = {s: _dependents([op for op in after[s] if _is_product(op)]) for s in states}
    multiplied = [s for s in states if s.assignment in through[s]]
    for s in states:
        if any(s.assignment in through[m] for m in multiplied):
            yield s


def _is_product(op: Op) -> bool:
    """Whether an operation multiplies by weights that are known."""
    return is_any(op, *PRODUCTS) and op.inputs[1].is_const


def _dependents(ops: Sequence[Op]) -> set[Op]:
    """Whatever depends on the results of operations."""
    found: set[Op] = set()
    stack = list(ops)
    while stack:
        for user in (u for r in stack.pop().results for u in r.users):
            if user not in found:
                found.add(user)
                stack.append(user)
    return found


def _before_reshapes(value: Value) -> Value:
    """The value that operations on its form alone were made of."""
    while (op := producer(value, Trait.KEEPS_ORDER, TRANSPOSE)) is not None:
        value = op.inputs[0]
    return value


def _fits(state: Stored) -> bool:
    """Whether a variable tensor can hold it: floats, as many each time, known at first, that depend on those before."""
    before, after, start = state.read.result, state.assignment.inputs[1], state.start
    if before.type.dtype is not DType.FLOAT32 or not before.type.is_static or before.type.shape != after.type.shape:
        return False
    if not before.type.count or not (state.is_zero or (start is not None and start.is_const)):
        return False
    return after is before or after.op in _dependents([state.read])


def _keep(graph: Graph, states: Sequence[Stored]) -> None:
    """One variable tensor for all of them: a column, with a one at its end as soon as it holds what was assigned."""
    reads, assignments = [s.read for s in states], [s.assignment for s in states]
    sizes = [prod(s.read.result.type.static_shape) for s in states]
    flagged = not all(s.is_zero for s in states)
    lengths = [*sizes, 1] if flagged else sizes
    variable = Value.variable(TensorType(DType.FLOAT32, (sum(lengths), 1)), "state")
    b = Builder(graph, OPS, before=next(op for op in graph.ops if op in reads))
    b.origins = tuple(dict.fromkeys(o for op in reads for o in op.origins))
    parts = _split_variable(b, variable, lengths)
    has_run = b.greater(parts[-1], np.float32(0)) if flagged else None
    for state, part in zip(states, parts, strict=False):
        old = part if state.is_zero or has_run is None else b.select_v2(has_run, part, _column(b, state.start))
        replace_result(graph, state.read.result, reshape(b, old, state.read.result.dims))
    b = Builder(graph, OPS, before=next(op for op in graph.reversed_ops if op in assignments))
    b.origins = tuple(dict.fromkeys(o for op in assignments for o in op.origins))
    columns = [_column(b, a.inputs[1]) for a in assignments]
    one = b.constant(np.ones((1, 1), np.float32))
    joined = b.concatenation(*columns, *([one] if flagged else []), axis=0)
    b.emit(SVDF, [joined, one, one, None, variable], rank=1, fused_activation_function="NONE")
    for op in assignments:
        graph.erase(op)
    erase_dead(graph, reads)


def _split_variable(b: Builder, variable: Value, lengths: Sequence[int]) -> list[Value]:
    """The parts of the variable, in tensors of their own."""
    operands = [variable, b.constant(np.array(lengths, np.int32)), b.constant(np.array(0, np.int32))]
    return list(b.emit(SPLIT_V, operands, as_is=True, num_splits=len(lengths)))


def _column(b: Builder, value: Value | None) -> Value:
    assert value is not None
    return reshape(b, value, [prod(value.type.static_shape), 1])
