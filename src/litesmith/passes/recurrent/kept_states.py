"""States that a model keeps from one invocation to the next in resource variables, and no one else touches.

    CALL_ONCE() {init_subgraph=@init}            init: ASSIGN_VARIABLE(%v, 0)
    %v = VAR_HANDLE() {shared_name="h"}
    %h = READ_VARIABLE(%v)
    %1, … = WHILE(0, %h, …)
    ASSIGN_VARIABLE(%v, %1)

Such a state is the fused operator's own: a variable tensor, zero at first, which the runtime's
``reset_all_variables`` resets (it does not reset resource variables).
"""

from __future__ import annotations

from dataclasses import dataclass

from litesmith.decompositions.recurrent.states import is_zero
from litesmith.ir.graph import Graph, Op, Program
from litesmith.ops.control import CALL_ONCE
from litesmith.ops.variables import ASSIGN_VARIABLE, READ_VARIABLE, VAR_HANDLE
from litesmith.passes.match import producer
from litesmith.passes.recurrent.cells import Cell
from litesmith.passes.recurrent.loops import Scan


@dataclass(frozen=True)
class KeptStates:
    """The assignments that keep all states of a loop."""

    assignments: frozenset[Op]


def kept_states(program: Program, graph: Graph, scan: Scan, cell: Cell) -> KeptStates | None:
    """How a loop's states are kept, where all of them are and start from zeros; else None."""
    states = [s for s in (cell.h, cell.c) if s is not None]
    found = [_assignment(program, graph, scan, state) for state in states]
    kept = frozenset(op for op in found if op is not None)
    return KeptStates(kept) if len(kept) == len(states) else None


def _assignment(program: Program, graph: Graph, scan: Scan, state: int) -> Op | None:
    read = producer(scan.outer(state), READ_VARIABLE)
    handle = producer(read.inputs[0], VAR_HANDLE) if read is not None else None
    if read is None or handle is None:
        return None
    name = handle.attrs["shared_name"], handle.attrs["container"]
    after = [
        op
        for op in scan.op.results[state].users
        if op.defn is ASSIGN_VARIABLE and op.graph is graph and _name(op) == name
    ]
    others = [op for op in _accesses(program, name) if op is not read and op not in after]
    initializers = _initializers(program)
    initial = [op for op in others if op.defn is ASSIGN_VARIABLE and op.graph in initializers]
    if len(after) != 1 or len(others) != len(initial) or len(read.result.users) != 1:
        return None
    return after[0] if all(is_zero(op.inputs[1]) for op in initial) else None


def _name(op: Op) -> tuple[str, str] | None:
    handle = producer(op.inputs[0], VAR_HANDLE)
    return (handle.attrs["shared_name"], handle.attrs["container"]) if handle is not None else None


def _initializers(program: Program) -> list[Graph]:
    """The graphs that run once, before anything else."""
    called = [op for graph in program.graphs for op in graph.ops if op.defn is CALL_ONCE]
    return [graph for op in called for graph in op.subgraphs]


def _accesses(program: Program, name: tuple[str, str]) -> list[Op]:
    """Every use of the variable in the program."""
    found = []
    for graph in program.all_graphs():
        for op in graph.ops:
            if op.defn is VAR_HANDLE and (op.attrs["shared_name"], op.attrs["container"]) == name:
                found += list(op.result.users)
    return found
