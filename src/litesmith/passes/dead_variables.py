"""Variables that nothing but themselves depends on are removed.

    CALL_ONCE() {init_subgraph=@init}         init: ASSIGN_VARIABLE(%seed, …)
    %h = VAR_HANDLE() {shared_name="seed"}
    %s = READ_VARIABLE(%h)
    ASSIGN_VARIABLE(%h, ADD(%s, 1))
    return %x
⇒
    return %x

Such are the seeds of random layers, which are drawn at inference and not used. Legal because only the model reads its
variables. One is kept when an output of any graph, an effect, or another variable that is kept depends on it, and when
its handle goes anywhere but into a read or an assignment.
"""

from __future__ import annotations

from collections.abc import Iterable

from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ops.control import CALL_ONCE
from litesmith.ops.variables import ASSIGN_VARIABLE, READ_VARIABLE, VAR_HANDLE
from litesmith.passes.driver import ProgramPass, erase_dead, has_effects

_ACCESSES = (READ_VARIABLE, ASSIGN_VARIABLE)

Name = tuple[str, str]


def remove_dead_variables(program: Program) -> int:
    """Removes what reads, assigns and initializes them. Returns how many operations that were."""
    accesses = _accesses(program)
    dead = set(accesses) - _live_variables(program, accesses)
    gone = [op for name in dead for op in accesses[name]]
    return sum(_erase(op) for op in gone if op.defn is ASSIGN_VARIABLE) + _forget_initializers(program)


def _accesses(program: Program) -> dict[Name, list[Op]]:
    """The reads and assignments of each variable whose handle is used for nothing else."""
    found: dict[Name, list[Op]] = {}
    escaped: set[Name] = set()
    for graph in program.all_graphs():
        for op in graph.ops:
            if op.defn is not VAR_HANDLE:
                continue
            name = (str(op.attrs["container"]), str(op.attrs["shared_name"]))
            users = list(op.results[0].users)
            found.setdefault(name, []).extend(users)
            if not name[1] or op.results[0].output_uses or any(user.defn not in _ACCESSES for user in users):
                escaped.add(name)
    return {name: ops for name, ops in found.items() if name not in escaped}


def _live_variables(program: Program, accesses: dict[Name, list[Op]]) -> set[Name]:
    """The variables that outputs or effects depend on."""
    name_of = {id(op): name for name, ops in accesses.items() for op in ops}
    live: set[Name] = set()
    seen: set[int] = set()
    pending = list(_roots(program, name_of))
    while pending:
        value = pending.pop()
        op = value.op
        if op is None or id(op) in seen:
            continue
        seen.add(id(op))
        pending.extend(op.inputs)
        name = name_of.get(id(op))
        if name is not None and name not in live:
            live.add(name)
            pending.extend(v for access in accesses[name] for v in access.inputs)
    return live


def _roots(program: Program, name_of: dict[int, Name]) -> Iterable[Value]:
    """Outputs of every graph, and operands of effects, assignments of the variables in question aside."""
    for graph in program.all_graphs():
        yield from graph.outputs
        for op in graph.ops:
            if has_effects(op) and id(op) not in name_of:
                yield from op.inputs


def _erase(op: Op) -> int:
    graph, sources = op.graph, [v.op for v in op.inputs if v.op is not None]
    assert graph is not None
    graph.erase(op)
    return 1 + len(erase_dead(graph, sources))


def _forget_initializers(program: Program) -> int:
    """Erases calls of initializers that have nothing left to do."""
    idle = [(g, op) for g in program.all_graphs() for op in g.ops if op.defn is CALL_ONCE and _is_idle(op)]
    for graph, op in idle:
        graph.erase(op)
    return len(idle)


def _is_idle(op: Op) -> bool:
    graphs: Iterable[Graph] = op.subgraphs
    return not any(has_effects(inner) for graph in graphs for inner in graph.ops)


DEAD_VARIABLES = ProgramPass("dead-variables", remove_dead_variables, after=("dead-code",))
PASSES = (DEAD_VARIABLES,)
