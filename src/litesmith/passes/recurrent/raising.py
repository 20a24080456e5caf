"""Loops that run a known cell over the steps of sequences become the form that was asked for.

    %1, %2, %3, %4 = WHILE(0, %outputs, %h, %c, %x)      @body: c' = f * c + i * g, h' = o * tanh(c')
⇒
    %h0, %c0 = SPLIT(0, zeros)                           variable tensors, written in every invocation
    %1 = UNIDIRECTIONAL_SEQUENCE_LSTM(%x, …, %h0, %c0)

Whoever wrote the loop: it is read by what a step computes (`loops`, `cells`), described as a
`decompositions.recurrent.RecurrentLayer`, and the description says which form is possible and which is the fastest. A
loop that is not certain to be a known cell stays a loop, and the result of the pass says why.
"""

from __future__ import annotations

import numpy as np

from litesmith.decompositions.recurrent import LSTM, RecurrentLayer, Results, choose, fused, obstacle
from litesmith.decompositions.recurrent.choice import AUTO, FUSED, LOOP
from litesmith.decompositions.shapes import reshape, size_value, transpose
from litesmith.ir.builder import Builder
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ops import OPS
from litesmith.passes.driver import Declined, PassResult, erase_dead, merge_origins, replace_result
from litesmith.passes.match import producer
from litesmith.passes.recurrent.affine import Unclear, same_value
from litesmith.passes.recurrent.cells import Cell, read_cell
from litesmith.passes.recurrent.loops import Scan, read_scan

NAME = "raised-loops"


def run(program: Program, asked: str) -> PassResult:
    """Gives every loop of the entry graphs that runs a known cell the form that is asked for.

    Says in the result, and in a note where the user asked for another form, why a loop stays one.
    """
    result = PassResult(NAME)
    for graph in program.graphs:
        for op in graph.ops:
            if op.name != "WHILE" or op.graph is not graph:
                continue
            outcome = _raise(op, graph, asked)
            if isinstance(outcome, Declined):
                result.declined.append((op, outcome.reason))
            else:
                result.rewrites += 1
    if asked not in (AUTO, LOOP):
        program.notes += [f"{_label(op)} stays a loop: {reason}" for op, reason in result.declined]
    return result


def _label(op: Op) -> str:
    return op.origin.label or op.attrs["body_subgraph"].name


def _raise(op: Op, graph: Graph, asked: str) -> Declined | None:
    try:
        scan = read_scan(op)
        cell = read_cell(scan)
        outputs = _Outputs(scan, cell)
    except Unclear as reason:
        return Declined(str(reason))
    b = Builder(graph, OPS, before=op)
    b.origins = op.origins
    previous = op.prev
    layer = _describe(b, scan, cell)
    choice = choose(layer, bool(outputs.sequence), asked)
    reason = choice.reason if choice.form != FUSED else obstacle(b, layer)
    if reason is not None:
        erase_dead(graph, list(_between(graph, previous, op)))
        return Declined(reason)
    outputs.replace(b, layer, fused(b, layer, outputs.final))
    made = list(_between(graph, previous, op))
    erase_dead(graph, [op])
    merge_origins(made, [op], op, NAME)
    return None


def _between(graph: Graph, previous: Op | None, end: Op) -> list[Op]:
    found = []
    op = next(graph.ops) if previous is None else previous.next
    while op is not None and op is not end:
        found.append(op)
        op = op.next
    return found


# -- the description --------------------------------------------------------------------------------------------------


def _describe(b: Builder, scan: Scan, cell: Cell) -> RecurrentLayer:
    row = scan.rows[cell.row]
    x, time_major = _batch_major(b, scan.outer(row.variable))
    states = [cell.h, cell.c] if cell.c is not None else [cell.h]
    return RecurrentLayer(
        cell.kind,
        x,
        cell.weights,
        cell.recurrent,
        cell.bias,
        cell.peepholes,
        projection=cell.projection,
        projection_bias=cell.projection_bias,
        activation=cell.activation,
        cell_clip=cell.cell_clip,
        projection_clip=cell.projection_clip,
        initial=tuple(scan.outer(s) for s in states),
        time_major=time_major,
        reverse=row.reverse,
        name=_label(scan.op),
    )


def _batch_major(b: Builder, x: Value) -> tuple[Value, bool]:
    """The tensor a time-major one was made of, where it was; else that one, and True."""
    reversed_rows = producer(x, "REVERSE_V2")
    if reversed_rows is not None and _is_axis(reversed_rows["axis"], 0):
        inner, time_major = _batch_major(b, reversed_rows["x"])
        if not time_major:
            return b.reverse_v2(inner, np.array([1], np.int32)), False
    moved = producer(x, "TRANSPOSE")
    if moved is not None and moved["perm"].is_const and moved["perm"].numpy().tolist() == [1, 0, 2]:
        return moved["x"], False
    moved = producer(x, "RESHAPE")
    if moved is not None and x.dims[1] == 1 and moved["x"].type.shape == (1, x.dims[0], x.dims[2]):
        return moved["x"], False
    return x, True


def _is_axis(value: Value, axis: int) -> bool:
    return value.is_small_const and value.numpy().tolist() == [axis]


# -- what the loop's results become -----------------------------------------------------------------------------------


class _Outputs:
    """The results of a loop that are used, by what they are of the cell. Raises Unclear where one is anything else."""

    def __init__(self, scan: Scan, cell: Cell) -> None:
        self.scan, self.cell = scan, cell
        self.sequence: list[int] = []
        self.last: dict[int, int] = {}
        self.counts: list[int] = []
        for index, result in enumerate(scan.op.results):
            if result.users or result.output_uses:
                self._see(index)
        row = scan.rows[cell.row]
        if any(scan.collected[i].reverse != row.reverse for i in self.sequence):
            raise Unclear("the outputs are collected in another order than the inputs are read")

    def _see(self, index: int) -> None:
        scan = self.scan
        states = [self.cell.new_h, self.cell.new_c]
        if index in scan.counters:
            self.counts.append(index)
        elif index in scan.collected and scan.collected[index].row is self.cell.new_h:
            self.sequence.append(index)
        elif index not in scan.collected and same_value(scan.body.outputs[index]) in states:
            self.last[index] = states.index(same_value(scan.body.outputs[index]))
        elif not scan.is_invariant(index):
            raise Unclear("the loop computes more than the states and the outputs of the cell")

    @property
    def final(self) -> list[bool]:
        """Which of the last states are wanted."""
        return [state in self.last.values() for state in range(2 if self.cell.kind == LSTM else 1)]

    def replace(self, b: Builder, layer: RecurrentLayer, results: Results) -> None:
        """Gives the users of the loop's results those of the form."""
        op, graph = self.scan.op, b.graph
        for index in self.counts:
            count = size_value(b, self.scan.length, layer.x)
            replace_result(graph, op.results[index], self._like(b, count, op.results[index]))
        for index in self.sequence:
            replace_result(graph, op.results[index], _time_major(b, layer, results.sequence))
        for index, state in self.last.items():
            value = results.final[state]
            assert value is not None
            replace_result(graph, op.results[index], self._like(b, value, op.results[index]))
        for index, result in enumerate(op.results):
            if self.scan.is_invariant(index) and (result.users or result.output_uses):
                replace_result(graph, result, self.scan.outer(index))

    @staticmethod
    def _like(b: Builder, value: Value, result: Value) -> Value:
        """A state in the shape the loop gave it."""
        if value.type.dtype is not result.type.dtype:
            value = b.cast(value, in_data_type=value.type.dtype, out_data_type=result.type.dtype)
        return value if value.type.shape == result.type.shape else reshape(b, value, result.dims, value)


def _time_major(b: Builder, layer: RecurrentLayer, sequence: Value) -> Value:
    return sequence if layer.time_major else transpose(b, sequence, [1, 0, 2])


