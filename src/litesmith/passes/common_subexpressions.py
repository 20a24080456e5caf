"""Equal computations are done once, equal constants kept once.

    %1 = RSQRT(%x)
    %2 = RSQRT(%x)
    %3 = MUL(%1, %2)
⇒
    %1 = RSQRT(%x)
    %3 = MUL(%1, %1)

Legal for pure operations with the same operands, attributes and result types; those with state, random numbers or
subgraphs are left alone. Small constants are compared by content; large ones count as equal only when they share their
elements already, so that no weights are read (the writer shares equal buffers). Commutative operands are compared in
any order.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ir.opdef import Trait
from litesmith.passes.driver import ProgramPass, erase_dead, merge_origins, replace_result, touches_variables


def share_constants(program: Program) -> int:
    """Makes equal constants one value, in each graph."""
    return sum(_share_constants(graph) for graph in program.all_graphs())


def _share_constants(graph: Graph) -> int:
    kept: dict[Hashable, Value] = {}
    changes = 0
    for value in list(graph.constants()):
        first = kept.setdefault(_constant_key(value), value)
        if first is not value:
            graph.replace_value(value, first)
            changes += 1
    return changes


def _constant_key(value: Value) -> Hashable:
    if not value.is_small_const or value.type.dtype.numpy == np.dtype(object):
        return (id(value.const), value.type)
    return (value.type, value.numpy().tobytes())


def merge_equal(program: Program) -> int:
    """Replaces each operation by an equal one before it in the same graph."""
    return sum(_merge_equal(graph) for graph in program.all_graphs())


def _merge_equal(graph: Graph) -> int:
    seen: dict[Hashable, Op] = {}
    changes = 0
    for op in graph.ops:
        if not op.defn.is_pure or op.subgraphs or not op.inputs or touches_variables(op):
            continue
        first = seen.setdefault(_key(op), op)
        if first is op:
            continue
        for old, new in zip(op.results, first.results, strict=True):
            replace_result(graph, old, new)
        merge_origins([first], [first], op, "common-subexpressions")
        erase_dead(graph, [op])
        changes += 1
    return changes


def _key(op: Op) -> Hashable:
    operands = [None if v is None else id(v) for v in op.operands]
    if op.defn.traits & Trait.COMMUTATIVE:
        operands.sort(key=str)
    attrs = tuple((name, _hashable(value)) for name, value in op.attrs.items())
    return (op.name, tuple(operands), attrs, tuple(r.type for r in op.results))


def _hashable(value: Any) -> Hashable:
    if isinstance(value, np.ndarray):
        return (value.shape, value.tobytes())
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    return value if isinstance(value, Hashable) else id(value)


SHARED_CONSTANTS = ProgramPass("shared-constants", share_constants)
COMMON_SUBEXPRESSIONS = ProgramPass("common-subexpressions", merge_equal, after=("shared-constants",))
PASSES = (SHARED_CONSTANTS, COMMON_SUBEXPRESSIONS)
