"""Loops and branches carry only what they need.

    %0, %1 = WHILE(0, %x) {cond_subgraph=@cond, body_subgraph=@body}      %0 is not used, nor by @cond
⇒
    %1 = WHILE(%x) {…}                                                    and @body no longer counts

- An operand the loop body passes on unchanged is the loop's result; a constant one moves into the body and the
  condition, where weights have to be constant to be folded and fused.
- Two loop variables that start alike and both stay, or both count by the same step, are one.
- A loop variable that decides neither the condition, nor a used result, nor an effect is dropped.
- Results of IF that nobody uses, and operands no branch uses, are dropped; constant operands move into the branches.

Legal where the subgraphs belong to this one operation only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ir.opdef import OpDef
from litesmith.ops.control import IF, WHILE
from litesmith.ops.elementwise import ADD, SUB
from litesmith.passes.driver import ProgramPass, has_effects, is_dead, replace_result, touches_variables


def trim_subgraphs(program: Program) -> int:
    """Trims every WHILE and IF of the program. Returns how many variables, operands and results changed."""
    calls = call_counts(program)
    return sum(_trim(op, calls) for graph in program.all_graphs() for op in graph.ops if op.defn in TRIM)


def call_counts(program: Program) -> dict[int, int]:
    """How often each graph, by its id, is called; an entry point once from outside."""
    calls: dict[int, int] = {id(g): 1 for g in program.graphs}
    for graph in program.all_graphs():
        for op in graph.ops:
            for called in op.subgraphs:
                calls[id(called)] = calls.get(id(called), 0) + 1
    return calls


def _trim(op: Op, calls: dict[int, int]) -> int:
    if touches_variables(op):
        return 0
    return TRIM[op.defn](op) if all(calls[id(g)] == 1 for g in op.subgraphs) else 0


# -- loops ------------------------------------------------------------------------------------------------------------


def _trim_while(op: Op) -> int:
    cond, body = op.attrs["cond_subgraph"], op.attrs["body_subgraph"]
    changes = sum(_forward(op, index, cond, body) for index in range(len(op.results)))
    changes += sum(_merge(op, index, cond, body) for index in range(1, len(op.results)))
    needed = _live_variables(op, cond, body)
    if not needed or len(needed) == len(op.results):
        return changes
    kept = sorted(needed)
    _keep_results(op, kept)
    op.set_operands([op.operands[i] for i in kept])
    body.outputs = [body.outputs[i] for i in kept]
    for graph in (body, cond):
        _sweep(graph)
        graph.inputs = [graph.inputs[i] for i in kept]
    return changes + 1


def _forward(op: Op, index: int, cond: Graph, body: Graph) -> int:
    """A variable the body passes on unchanged."""
    operand, result = op.operands[index], op.results[index]
    if body.outputs[index] is not body.inputs[index] or operand is None:
        return 0
    changes = 0
    if (result.users or result.output_uses) and operand.type == result.type:
        assert op.graph is not None
        replace_result(op.graph, result, operand)
        changes += 1
    if operand.is_const:
        outputs = list(body.outputs)
        changes += _move_in(operand, index, cond) + _move_in(operand, index, body)
        outputs[index] = body.inputs[index]
        body.outputs = outputs
    return changes


def _merge(op: Op, index: int, cond: Graph, body: Graph) -> int:
    """A variable that starts as an earlier one does, and changes as that one does, is that one."""
    twin = next((i for i in range(index) if _are_twins(op, i, index, body)), None)
    if twin is None:
        return 0
    assert op.graph is not None
    changes = 0
    for graph, values in ((cond, cond.inputs), (body, body.inputs), (op.graph, op.results)):
        if values[index].users or values[index].output_uses:
            graph.replace_value(values[index], values[twin])
            changes += 1
    return changes


def _are_twins(op: Op, first: int, second: int, body: Graph) -> bool:
    starts, (x, y) = [op.operands[i] for i in (first, second)], (body.outputs[i] for i in (first, second))
    if op.results[first].type != op.results[second].type or not _are_equal(*starts):
        return False
    if x is body.inputs[first] and y is body.inputs[second]:
        return True
    steps = _step(x, body.inputs[first]), _step(y, body.inputs[second])
    return steps[0] is not None and steps[0] == steps[1]


def _are_equal(x: Value | None, y: Value | None) -> bool:
    if x is None or y is None or x is y:
        return x is y
    return x.is_small_const and y.is_small_const and x.numpy().tobytes() == y.numpy().tobytes()


def _step(after: Value, before: Value) -> Hashable:
    """How one variable becomes the next by a constant, None where it does not."""
    op = after.op
    if op is None or op.defn not in (ADD, SUB) or op.operands[0] is not before or not op.inputs[1].is_small_const:
        return None
    number = op.inputs[1].numpy()
    return op.name, str(op.attrs), number.shape, number.tobytes()


def _move_in(operand: Value, index: int, graph: Graph) -> int:
    """Gives the users of a graph's input the constant it always is."""
    value = graph.inputs[index]
    if not value.users or not operand.is_const or value.type != operand.type:
        return 0
    inside = Value.constant(operand.const, operand.name)
    inside.type = operand.type
    graph.replace_value(value, inside)
    return 1


def _live_variables(op: Op, cond: Graph, body: Graph) -> set[int]:
    """The loop variables that matter to the condition, a used result or an effect."""
    place = {value: index for index, value in enumerate(body.inputs)}
    needed: set[int] = set()
    seen: set[Value] = set()
    stack: list[Value] = [v for inner in body.ops if has_effects(inner) for v in inner.inputs]

    def need(index: int) -> None:
        if index not in needed:
            needed.add(index)
            stack.append(body.outputs[index])

    for index, result in enumerate(op.results):
        decides = cond.inputs[index]
        if result.users or result.output_uses or decides.users or decides.output_uses:
            need(index)
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        if value in place:
            need(place[value])
        if value.op is not None:
            stack.extend(value.op.inputs)
    return needed


# -- branches ---------------------------------------------------------------------------------------------------------


def _trim_if(op: Op) -> int:
    branches = op.subgraphs
    changes = 0
    for index, operand in enumerate(op.operands[1:]):
        if operand is not None and operand.is_const:
            changes += sum(_move_in(operand, index, branch) for branch in branches)
    kept = [i for i, r in enumerate(op.results) if r.users or r.output_uses]
    if len(kept) < len(op.results) and kept:
        _keep_results(op, kept)
        for branch in branches:
            branch.outputs = [branch.outputs[i] for i in kept]
            _sweep(branch)
        changes += 1
    return changes + _drop_operands(op, branches)


def _drop_operands(op: Op, branches: Sequence[Graph]) -> int:
    used = [
        index
        for index in range(len(op.operands) - 1)
        if any(b.inputs[index].users or b.inputs[index].output_uses for b in branches)
    ]
    if len(used) == len(op.operands) - 1:
        return 0
    op.set_operands([op.operands[0], *(op.operands[1 + i] for i in used)])
    for branch in branches:
        branch.inputs = [branch.inputs[i] for i in used]
    return 1


# -- edits ------------------------------------------------------------------------------------------------------------


def _keep_results(op: Op, kept: Iterable[int]) -> None:
    op.results = [op.results[i] for i in kept]
    for index, result in enumerate(op.results):
        result.index = index


def _sweep(graph: Graph) -> None:
    for op in graph.reversed_ops:
        if is_dead(op):
            graph.erase(op)


TRIM: dict[OpDef, Callable[[Op], int]] = {WHILE: _trim_while, IF: _trim_if}

SUBGRAPH_VARIABLES = ProgramPass("subgraph-variables", trim_subgraphs, after=("dead-code",))
PASSES = (SUBGRAPH_VARIABLES,)
