"""Grids that training settled, in arithmetic: what FAKE_QUANT's kernel does not take."""

from __future__ import annotations

import numpy as np

from litesmith.ir import Builder, Program, Value
from litesmith.ir.graph import Op
from litesmith.ops import OPS
from litesmith.ops.quantization import SHIFTED, TO_EVEN, TRAINED_GRID

F = np.float32


def in_arithmetic(b: Builder, op: Op) -> Value:
    """The result of a TRAINED_GRID by operators that kernels have."""
    least, greatest, step, inverse = (F(op.attrs[name]) for name in ("least", "greatest", "step", "inverse"))
    clamped = b.minimum(b.maximum(op["x"], least), greatest)
    if op.attrs["rounding"] == SHIFTED:
        steps = b.floor(b.add(b.mul(b.sub(clamped, least), inverse), F(0.5)))
        return b.add(b.mul(steps, step), least)
    scaled = b.mul(clamped, inverse)
    steps = b.round(scaled) if op.attrs["rounding"] == TO_EVEN else b.floor(b.add(scaled, F(0.5)))
    return b.mul(steps, step)


def spell_out(program: Program) -> bool:
    """Replaces every TRAINED_GRID of a program, in place. Returns whether there was one."""
    found = False
    for graph in program.all_graphs():
        for op in [op for op in graph.ops if op.name == TRAINED_GRID.name]:
            b = Builder(graph, OPS, before=op)
            b.origins = op.origins
            made = in_arithmetic(b, op)
            made.name = op.results[0].name
            graph.replace_value(op.results[0], made)
            graph.erase(op)
            found = True
    return found
