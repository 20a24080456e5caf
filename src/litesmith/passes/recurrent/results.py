"""What the results of a loop are of the cell it runs, and what its users get instead of them."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from litesmith.decompositions.recurrent import LSTM, RecurrentLayer, Results
from litesmith.decompositions.shapes import reshape, size_value, transpose
from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.passes.driver import replace_result
from litesmith.passes.recurrent.affine import UnclearError, same_value
from litesmith.passes.recurrent.cells import Cell
from litesmith.passes.recurrent.loops import Scan


class LoopResults:
    """The results of a loop that are used, by their number.

    sequence: those that hold the outputs of all steps; last: those that are a last state, with its number (0: h, 1: c).
    Raises UnclearError where one is anything else.
    """

    def __init__(self, scan: Scan, cell: Cell) -> None:
        self.scan, self.cell = scan, cell
        self.sequence: list[int] = []
        self.last: dict[int, int] = {}
        self.counts: list[int] = []
        for index, result in enumerate(scan.op.results):
            if result.users or result.output_uses:
                self._classify_result(index)
        if any(scan.collected[i].reverse != scan.rows[cell.row].reverse for i in self.sequence):
            raise UnclearError("the outputs are collected in another order than the inputs are read")

    def _classify_result(self, index: int) -> None:
        scan = self.scan
        states = [self.cell.new_h, self.cell.new_c]
        if index in scan.counters:
            self.counts.append(index)
        elif index in scan.collected and scan.collected[index].row is self.cell.new_h:
            self.sequence.append(index)
        elif index not in scan.collected and same_value(scan.body.outputs[index]) in states:
            self.last[index] = states.index(same_value(scan.body.outputs[index]))
        elif not scan.is_invariant(index):
            raise UnclearError("the loop computes more than the states and the outputs of the cell")

    def final(self, idle: Container[Op] = ()) -> list[bool]:
        """Which of the last states anyone but the ``idle`` operations wants."""
        wanted = {
            state
            for index, state in self.last.items()
            if (result := self.scan.op.results[index]).output_uses or any(user not in idle for user in result.users)
        }
        return [state in wanted for state in range(2 if self.cell.kind == LSTM else 1)]

    def replace(self, b: Builder, layer: RecurrentLayer, results: Results, flipped: bool) -> None:
        """Gives the users of the loop's results those of the form.

        flipped: whether the loop collects the outputs in the order it reads, and the layer reads from the end.
        """
        op, graph = self.scan.op, b.graph
        for index in self.counts:
            count = size_value(b, self.scan.length, layer.x)
            replace_result(graph, op.results[index], _restore_type(b, count, op.results[index]))
        for index in self.sequence:
            replace_result(graph, op.results[index], _as_collected(b, layer, results.sequence, flipped))
        for index, state in self.last.items():
            value = results.final[state]
            if value is not None:
                replace_result(graph, op.results[index], _restore_type(b, value, op.results[index]))
        for index, result in enumerate(op.results):
            if self.scan.is_invariant(index) and (result.users or result.output_uses):
                replace_result(graph, result, self.scan.outer(index))


def _as_collected(b: Builder, layer: RecurrentLayer, sequence: Value, flipped: bool) -> Value:
    if flipped:
        sequence = b.reverse_v2(sequence, np.array([layer.time_axis], np.int32))
    return sequence if layer.time_major else transpose(b, sequence, [1, 0, 2])


def _restore_type(b: Builder, value: Value, result: Value) -> Value:
    """A state in the shape, and a count in the type, the loop gave it."""
    if value.type.dtype is not result.type.dtype:
        value = b.cast(value, in_data_type=value.type.dtype, out_data_type=result.type.dtype)
    return value if value.type.shape == result.type.shape else reshape(b, value, result.dims, value)
