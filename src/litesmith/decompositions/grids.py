"""Grids that training settled, in arithmetic: what FAKE_QUANT's kernel does not take."""

from __future__ import annotations

import numpy as np

from litesmith.ir import Builder, Program, Value
from litesmith.ir.constant import Array
from litesmith.ir.graph import Op
from litesmith.ops import OPS
from litesmith.ops.quantization import SHIFTED, TO_EVEN, TRAINED_GRID

F = np.float32


def on_grid(
    b: Builder, x: Value, least: Array, greatest: Array, step: Array, inverse: Array, rounding: int
) -> Value:
    """The numbers of a tensor on a grid, by operators that kernels have; of arrays, a grid for each element they have."""
    clamped = b.minimum(b.maximum(x, least), greatest)
    if rounding == SHIFTED:
        steps = b.floor(b.add(b.mul(b.sub(clamped, least), inverse), F(0.5)))
        return b.add(b.mul(steps, step), least)
    scaled = b.mul(clamped, inverse)
    steps = b.round(scaled) if rounding == TO_EVEN else b.floor(b.add(scaled, F(0.5)))
    return b.mul(steps, step)


def _in_arithmetic(b: Builder, op: Op) -> Value:
    least, greatest, step, inverse = (np.asarray(op.attrs[name], F) for name in ("least", "greatest", "step", "inverse"))
    return on_grid(b, op["x"], least, greatest, step, inverse, op.attrs["rounding"])


def spell_out(program: Program) -> bool:
    """Replaces every TRAINED_GRID of a program, in place. Returns whether there was one."""
    found = False
    for graph in program.all_graphs():
        for op in [op for op in graph.ops if op.name == TRAINED_GRID.name]:
            b = Builder(graph, OPS, before=op)
            b.origins = op.origins
            made = _in_arithmetic(b, op)
            made.name = op.results[0].name
            graph.replace_value(op.results[0], made)
            graph.erase(op)
            found = True
    return found
