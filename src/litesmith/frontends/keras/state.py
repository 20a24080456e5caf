"""Tensors that go in and out of a function become variables of the model, which keep their values between calls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.ir import Builder, Graph, Program, Value
from litesmith.ops import OPS


def keep_state(program: Program, names: Sequence[str], initial: Sequence[object]) -> Program:
    """The program with its last inputs and outputs, as many as there are names, turned into variables.

    Each starts with its ``initial`` array, set once before the first invocation. Those no output depends on are dropped.
    """
    signature = program.signatures[0]
    graph, count = signature.graph, len(names)
    states, results = graph.inputs[-count:], graph.outputs[-count:]
    needed = _needed_states(graph.outputs[:-count], states, results)
    graph.inputs, graph.outputs = graph.inputs[:-count], graph.outputs[:-count]
    signature.inputs = {n: i for n, i in signature.inputs.items() if i < len(graph.inputs)}
    signature.outputs = {n: i for n, i in signature.outputs.items() if i < len(graph.outputs)}
    kept = [item for item in zip(names, initial, states, results, strict=True) if item[2] in needed]
    if not kept:
        _erase_dead(graph)
        return program
    before = Builder(graph, OPS, before=next(iter(graph.ops), None))
    before.call_once(init_subgraph=_initializer([k[0] for k in kept], [k[1] for k in kept]))
    after = Builder(graph, OPS)
    for name, _, old, new in kept:
        handle = before.var_handle(container="", shared_name=name)
        read = before.read_variable(handle, result_types=[old.type])
        graph.replace_value(old, read)
        after.assign_variable(handle, read if new is old else new)
    _erase_dead(graph)
    return program


def _needed_states(outputs: Sequence[Value], states: Sequence[Value], results: Sequence[Value]) -> set[Value]:
    """The states that outputs depend on, directly or through other states. (A seed nobody draws from is none.)"""
    after = dict(zip(map(id, states), results, strict=True))
    seen: dict[int, Value] = {}
    pending = list(outputs)
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if id(value) in after:
            pending.append(after[id(value)])
        if value.op is not None:
            pending.extend(value.op.inputs)
    return {state for state in states if id(state) in seen}


def _erase_dead(graph: Graph) -> None:
    """Removes what only led to states that are gone."""
    for op in list(graph.reversed_ops):
        if op.defn.is_pure and not any(v.users or v.output_uses for v in op.results):
            graph.erase(op)


def _initializer(names: Sequence[str], initial: Sequence[object]) -> Graph:
    graph = Graph("initialize_variables")
    b = Builder(graph, OPS)
    for name, array in zip(names, initial, strict=True):
        b.assign_variable(b.var_handle(container="", shared_name=name), Value.constant(np.asarray(array), name))
    return graph
