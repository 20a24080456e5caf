"""A variable whose value is known is not read again.

    %1 = READ_VARIABLE(%h)
    ASSIGN_VARIABLE(%h, %2)
    %3 = READ_VARIABLE(%h)
    %4 = READ_VARIABLE(%h)
⇒
    %1 = READ_VARIABLE(%h)
    ASSIGN_VARIABLE(%h, %2)                 users of %3 and %4 use %2

Legal because only the model itself assigns its variables, in the order of its operations: the value is the one last read
or assigned in the same graph, unless an operation in between may assign elsewhere.
"""

from __future__ import annotations

from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ops.variables import ASSIGN_VARIABLE, READ_VARIABLE, VAR_HANDLE
from litesmith.passes.driver import ProgramPass, erase_dead, has_effects, replace_result

Name = tuple[str, str]


def reuse_reads(program: Program) -> int:
    """Replaces reads of values that are known. Returns how many those were."""
    return sum(_reuse_in(graph) for graph in program.all_graphs())


def _reuse_in(graph: Graph) -> int:
    known: dict[Name, Value] = {}
    changes = 0
    for op in list(graph.ops):
        name = _variable_of(op)
        if name is None:
            if has_effects(op):
                known.clear()
        elif op.defn is ASSIGN_VARIABLE:
            known[name] = op.inputs[1]
        elif known.setdefault(name, op.result).type == op.result.type and known[name] is not op.result:
            replace_result(graph, op.result, known[name])
            erase_dead(graph, [op])
            changes += 1
    return changes


def _variable_of(op: Op) -> Name | None:
    """The variable a read or an assignment is about, where its handle tells."""
    handle = op.inputs[0].op if op.defn in (READ_VARIABLE, ASSIGN_VARIABLE) else None
    if handle is None or handle.defn is not VAR_HANDLE or not handle.attrs["shared_name"]:
        return None
    return str(handle.attrs["container"]), str(handle.attrs["shared_name"])


VARIABLE_READS = ProgramPass("variable-reads", reuse_reads, after=("dead-variables",))
PASSES = (VARIABLE_READS,)
