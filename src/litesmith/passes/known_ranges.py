"""Checks, selects and limits whose outcome is certain are folded.

    %1 = ARG_MAX(%x, 1)                                                   %x: [b, 10]
    %2 = SELECT_V2(LESS(%1, 0), ADD(%1, 10), %1)                          a negative index counts from the end
    %3 = MINIMUM(MAXIMUM(%2, 0), 9)
    %4 = GATHER(%table, %3)
⇒
    %4 = GATHER(%table, %1)

and what dropout leaves in a graph that keeps everything:

    %1 = RANDOM_UNIFORM(%shape)
    %2 = SELECT_V2(GREATER_EQUAL(%1, 0), %x, 0)
⇒
    %x

Legal because every number the operands can hold (`passes.ranges`) gives the same outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import SMALL, Graph, Op, Program, Value
from litesmith.ir.opdef import OpDef
from litesmith.ops import OPS
from litesmith.ops.comparison import SELECT, SELECT_V2
from litesmith.ops.elementwise import FLOOR_MOD, MAXIMUM, MINIMUM
from litesmith.ops.unary import ABS, FLOOR
from litesmith.passes.driver import ProgramPass, erase_dead, merge_origins, replace_result
from litesmith.passes.match import activation, keeps_shape, reshape_static
from litesmith.passes.ranges import Ranges


def fold_certain(program: Program) -> int:
    """Replaces what is certain by a constant or by the operand it is. Returns how many results that were."""
    total = 0
    while folded := _fold_once(program):
        total += folded
    return total


def _fold_once(program: Program) -> int:
    """One time over the program. What is folded away can make two operands of a comparison the same."""
    ranges = Ranges(program)
    return sum(_fold(graph, op, ranges) for graph in program.all_graphs() for op in graph.ops)


def _fold(graph: Graph, op: Op, ranges: Ranges) -> bool:
    if len(op.results) != 1 or op.result.type.quant is not None or not (op.result.users or op.result.output_uses):
        return False
    found = _constant(op, ranges) or _operand(op, ranges)
    if found is None:
        return False
    if found.type.shape != op.result.type.shape:
        b = Builder(graph, OPS, before=op)
        found = reshape_static(b, found, op.result.type.static_shape)
    replace_result(graph, op.result, found)
    if found.op is not None:
        merge_origins([found.op], [found.op], op, "known-ranges")
    erase_dead(graph, [op])
    return True


def _constant(op: Op, ranges: Ranges) -> Value | None:
    """A result all of whose elements are one number."""
    type_ = op.result.type
    if not type_.is_static or prod(type_.static_shape) > SMALL or not _folds(op):
        return None
    found = ranges[op.result]
    number = None if found is None else found.number
    return None if number is None else Value.constant(np.full(type_.static_shape, number, type_.dtype.numpy))


def _folds(op: Op) -> bool:
    """Of floats only FLOOR: what is made of random numbers and comes to just one is a whole number."""
    return op.defn.is_pure and not op.subgraphs and (op.result.type.dtype is not DType.FLOAT32 or op.defn is FLOOR)


def _operand(op: Op, ranges: Ranges) -> Value | None:
    """The operand the result is equal to, whatever the numbers are."""
    if op.defn not in _SELECTIONS or activation(op) != "NONE":
        return None
    chosen = _SELECTIONS[op.defn](op, ranges)
    return chosen if chosen is not None and (keeps_shape(op, chosen) or _same_count(op.result, chosen)) else None


def _same_count(x: Value, y: Value) -> bool:
    return x.type.is_static and y.type.is_static and x.type.count == y.type.count


def _select_branch(op: Op, ranges: Ranges) -> Value | None:
    condition = ranges[op["condition"]]
    number = None if condition is None else condition.number
    return None if number is None else op.inputs[1] if number else op.inputs[2]


def _larger_operand(op: Op, ranges: Ranges) -> Value | None:
    x, y = op.inputs
    return x if _is_at_least(ranges, x, y) else y if _is_at_least(ranges, y, x) else None


def _smaller_operand(op: Op, ranges: Ranges) -> Value | None:
    x, y = op.inputs
    return x if _is_at_least(ranges, y, x) else y if _is_at_least(ranges, x, y) else None


def _is_at_least(ranges: Ranges, x: Value, y: Value) -> bool:
    left, right = ranges[x], ranges[y]
    return left is not None and right is not None and bool(np.all(left.low >= right.high))


def _remainder(op: Op, ranges: Ranges) -> Value | None:
    x, modulus = ranges[op["x"]], ranges[op["y"]]
    if x is None or modulus is None or x.low.dtype != np.int64:
        return None
    return op["x"] if np.all(x.low >= 0) and np.all(x.high < modulus.low) else None


def _magnitude(op: Op, ranges: Ranges) -> Value | None:
    x = ranges[op.inputs[0]]
    return op.inputs[0] if x is not None and x.low.dtype == np.int64 and np.all(x.low >= 0) else None


_SELECTIONS: dict[OpDef, Callable[[Op, Ranges], Value | None]] = {
    SELECT: _select_branch,
    SELECT_V2: _select_branch,
    MAXIMUM: _larger_operand,
    MINIMUM: _smaller_operand,
    FLOOR_MOD: _remainder,
    ABS: _magnitude,
}

KNOWN_RANGES = ProgramPass("known-ranges", fold_certain)
PASSES = (KNOWN_RANGES,)
