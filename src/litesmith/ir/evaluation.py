"""What a graph computes, by the NumPy evaluators of its operators' declarations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.ir.constant import Array
from litesmith.ir.graph import Graph, Op, Value

MAX_STEPS = 10_000
"""Iterations of a loop that are followed."""


class NoEvaluatorError(Exception):
    """An operation has no evaluator, or state."""


def evaluate(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """The graph's outputs. Raises NoEvaluatorError where an operation cannot be computed here."""
    values: dict[Value, Array] = dict(zip(graph.inputs, inputs, strict=True))

    def read(value: Value) -> Array:
        if value.is_variable:
            raise NoEvaluatorError(value.name)
        return value.numpy() if value.is_const else values[value]

    for op in graph.ops:
        operands = [None if v is None else read(v) for v in op.operands]
        values.update(zip(op.results, _results(op, operands), strict=True))
    return [read(v) for v in graph.outputs]


def _results(op: Op, operands: Sequence[Array | None]) -> list[Array]:
    given = [o for o in operands if o is not None]
    if op.name == "IF":
        return evaluate(op.attrs["then_subgraph" if given[0].item() else "else_subgraph"], given[1:])
    if op.name == "WHILE":
        return _loop(op, given)
    if op.defn.evaluate is None or not op.defn.is_pure:
        raise NoEvaluatorError(op.name)
    with np.errstate(all="ignore"):
        results = op.defn.evaluate(*operands, **op.attrs)
    return [np.asarray(r) for r in results] if isinstance(results, (list, tuple)) else [np.asarray(results)]


def _loop(op: Op, carried: list[Array]) -> list[Array]:
    for _ in range(MAX_STEPS):
        if not evaluate(op.attrs["cond_subgraph"], carried)[0].item():
            return carried
        carried = evaluate(op.attrs["body_subgraph"], carried)
    raise NoEvaluatorError("a loop that does not end")
