"""Grids that training settled, in arithmetic: what FAKE_QUANT's kernel does not take."""

from __future__ import annotations

import numpy as np

from litesmith.ir import Builder, Program, Value
from litesmith.ir.constant import Array
from litesmith.ir.graph import Op
from litesmith.ops import OPS
from litesmith.ops.quantization import SHIFTED, TRAINED_GRID, UP

F = np.float32


def from_least(b: Builder, x: Value, least: Array, greatest: Array, step: Array, inverse: Array) -> Value:
    """Numbers on a grid whose steps are counted from the least; of arrays, a grid for each element they have."""
    clamped = b.minimum(b.maximum(x, least), greatest)
    steps = b.floor(b.add(b.mul(b.sub(clamped, least), inverse), F(0.5)))
    return b.add(b.mul(steps, step), least)


def from_zero(
    b: Builder, x: Value, least: Array, greatest: Array, step: Array, inverse: Array, ties_up: bool
) -> Value:
    """The same with steps counted from 0, and ties to even or up."""
    scaled = b.mul(b.minimum(b.maximum(x, least), greatest), inverse)
    return b.mul(b.floor(b.add(scaled, F(0.5))) if ties_up else b.round(scaled), step)


def _in_arithmetic(b: Builder, op: Op) -> Value:
    least, greatest, step, inverse = (np.asarray(op.attrs[name], F) for name in ("least", "greatest", "step", "inverse"))
    if op.attrs["rounding"] == SHIFTED:
        return from_least(b, op["x"], least, greatest, step, inverse)
    return from_zero(b, op["x"], least, greatest, step, inverse, op.attrs["rounding"] == UP)


def spell_out(program: Program) -> bool:
    """Replaces every TRAINED_GRID of a program, in place. Returns whether there was one."""
    found = False
    for graph in program.all_graphs():
        for op in [op for op in graph.ops if op.name == TRAINED_GRID.name]:
            b = Builder(graph, OPS, op, op.origins)
            result = _in_arithmetic(b, op)
            result.name = op.results[0].name
            graph.replace_value(op.results[0], result)
            graph.erase(op)
            found = True
    return found
