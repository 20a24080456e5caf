"""Multiply-adds of operators that are no convolutions or products, told from the tensors they read or make."""

from __future__ import annotations

import math

from litesmith.ir.dims import Dim
from litesmith.ir.graph import Op


def result_elements(op: Op) -> Dim:
    """One for each result element."""
    return op.results[0].type.count


def operand_elements(op: Op) -> Dim:
    """One for each element of the first operand."""
    return op.inputs[0].type.count


def normalizes(op: Op) -> Dim:
    """An exponential, a sum and a division for each element."""
    cost: Dim = 3 * op.inputs[0].type.count
    return cost


def sorts(op: Op) -> Dim:
    """n log n, along the last dimension of the first operand."""
    x = op.inputs[0].type
    length = x.dims[-1] if x.dims else 1
    cost: Dim = x.count * (max(1, math.ceil(math.log2(length))) if isinstance(length, int) and length > 1 else 1)
    return cost


def transforms(op: Op) -> Dim:
    """A fast Fourier transform: two multiply-adds for each element and halving."""
    result = op.results[0].type
    sizes = [d for d in result.dims[-2:] if isinstance(d, int) and d > 1]
    cost: Dim = result.count * 2 * max(1, math.ceil(math.log2(math.prod(sizes) or 1)))
    return cost


def compares_pairs(op: Op) -> Dim:
    """Every box with every other."""
    boxes = op.inputs[0].type.dims[0]
    return boxes * boxes
