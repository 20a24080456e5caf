"""Loops that start with an empty tensor carry it with one element more.

    %r = WHILE(float32[0, 3]()) {body_subgraph=@body}     body(%v: [n, 3]): return CONCATENATION(%v, %row)
⇒
    %p = WHILE(float32[1, 3](0, 0, 0)) {…}                body(%p: [n+1, 3]): %v = STRIDED_SLICE(%p, [:-1])
    %r = STRIDED_SLICE(%p, [:-1])                           return CONCATENATION(CONCATENATION(%v, %row), [[0, 0, 0]])

The runtime's WHILE fails when it hands over a tensor without elements, as an array that grows is at first. Legal
because the element at the end is cut off wherever the tensor is used. It is done where the tensor is known to be empty
and the subgraphs belong to this one operation only.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ir.types import Shape, TensorType
from litesmith.ops import OPS
from litesmith.ops.control import WHILE
from litesmith.passes.driver import ProgramPass
from litesmith.passes.subgraph_variables import call_counts

_MOST_DIMENSIONS = 5  # of STRIDED_SLICE


def pad_empty_variables(program: Program) -> int:
    """Lengthens every empty loop variable. Returns how many there were."""
    calls = call_counts(program)
    loops = [op for g in program.all_graphs() for op in g.ops if op.defn is WHILE]
    own = [op for op in loops if all(calls[id(g)] == 1 for g in op.subgraphs)]
    return sum(_lengthen(op, index) for op in own for index in range(len(op.results)))


def _lengthen(op: Op, index: int) -> int:
    operand, body = op.operands[index], op.attrs["body_subgraph"]
    axis = _empty_axis(operand, body.inputs[index].type)
    if operand is None or axis is None:
        return 0
    sizes = [1 if a == axis else d for a, d in enumerate(operand.type.static_shape)]
    filler = np.zeros(sizes, operand.type.dtype.numpy)
    op.set_operand(index, Value.constant(filler))
    for graph in op.subgraphs:
        _shorten_input(graph, index, axis)
    b = Builder(body, OPS)
    outputs = list(body.outputs)
    outputs[index] = b.concatenation(outputs[index], filler, axis=axis)
    body.outputs = outputs
    _shorten_result(op, index, axis)
    return 1


def _empty_axis(operand: Value | None, inside: TensorType) -> int | None:
    """The one dimension of size 0 of a constant whose other sizes the loop keeps; None for any other operand."""
    if operand is None or not operand.is_const or inside.shape is None or operand.type.dtype is DType.STRING:
        return None
    empty = [axis for axis, size in enumerate(operand.dims) if size == 0]
    others = [(a, b) for a, b in zip(operand.dims, inside.shape, strict=True) if a != 0]
    is_kept = len(empty) == 1 and all(a == b for a, b in others) and operand.rank <= _MOST_DIMENSIONS
    return empty[0] if is_kept else None


def _shorten_input(graph: Graph, index: int, axis: int) -> None:
    short = graph.inputs[index]
    long = Value(_lengthened_type(short.type, axis), short.name)
    short.name = ""
    graph.inputs[index] = long
    _replace_by_slice(graph, short, long, axis, next(graph.ops, None))


def _shorten_result(op: Op, index: int, axis: int) -> None:
    assert op.graph is not None
    short = op.results[index]
    long = Value(_lengthened_type(short.type, axis), short.name)
    long.op, long.index, short.name = op, index, ""
    op.results[index] = long
    _replace_by_slice(op.graph, short, long, axis, op.next)


def _replace_by_slice(graph: Graph, short: Value, long: Value, axis: int, before: Op | None) -> None:
    b = Builder(graph, OPS, before=before)
    others = sum(1 << a for a in range(long.rank) if a != axis)
    end = [-1 if a == axis else 0 for a in range(long.rank)]
    zeros, ones = [0] * long.rank, [1] * long.rank
    cut = b.strided_slice(long, zeros, end, ones, begin_mask=others | 1 << axis, end_mask=others)
    cut.type = short.type
    graph.replace_value(short, cut)


def _lengthened_type(short: TensorType, axis: int) -> TensorType:
    shape: Shape = tuple(d + 1 if a == axis else d for a, d in enumerate(short.dims))
    return short.with_shape(shape)


EMPTY_VARIABLES = ProgramPass("empty-variables", pad_empty_variables, after=("subgraph-variables",))
PASSES = (EMPTY_VARIABLES,)
