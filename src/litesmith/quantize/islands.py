"""Where integers are worth their conversions: which operations that could be integers stay floats.

Starting from integers everywhere, an operation changes sides where that lowers the cost of itself and of the conversions
around it, until none does. Layers with weights stay integers (that is what was asked for), unless their integer kernel is
far slower than the float one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from litesmith.ir import DType, Op, Value
from litesmith.ir.opdef import Trait
from litesmith.quantize.costs import conversion_cost, float_cost, integer_cost
from litesmith.quantize.roles import ANY_TYPE

ROUNDS = 12
FAR_SLOWER = 4.0
"""A layer stays float whose integer kernel takes more than this times as long."""

SENSITIVE = ("DIV", "RSQRT", "SQRT", "LOG", "REDUCE_PROD", "SQUARED_DIFFERENCE")
"""Operators whose results spread so far that integers say little of them."""

TOLERANCE = 1.02
"""Floats are preferred where they cost no more than this: they are exact."""

Sides = dict[Op, "DType | None"]


def choose_islands(candidates: Mapping[Op, DType], graph_ops: Iterable[Op]) -> Sides:
    """For each operation that could be integers, its type, or None where it stays float."""
    sides: Sides = dict(candidates)
    compounds = _compounds(candidates)
    for op, dtype in candidates.items():
        if op in compounds or op.name in SENSITIVE or _is_far_slower(op, dtype):
            sides[op] = None
    order = [op for op in graph_ops if op in candidates and not _has_weights(op) and sides[op] is not None]
    for _ in range(ROUNDS):
        changed = False
        for op in (*order, *reversed(order)):
            best = _best_side(op, candidates[op], sides)
            changed |= best is not sides[op]
            sides[op] = best
        if not changed:
            break
    return sides


PARTS = 4
"""So many element-wise operations that came from one of the source are a function that was written out."""


def _compounds(candidates: Mapping[Op, DType]) -> set[Op]:
    """The parts of functions that were written out (softplus, erf, lgamma): rounding each part to integers loses what they
    compute, so that they are floats whole, and their result is what is rounded."""
    parts: dict[tuple[str, str], list[Op]] = {}
    for op in candidates:
        if op.defn.traits & Trait.ELEMENTWISE and not _has_weights(op) and op.origin.node:
            parts.setdefault((op.origin.op, op.origin.node), []).append(op)
    return {op for group in parts.values() if len(group) >= PARTS for op in group}


def _is_far_slower(op: Op, dtype: DType) -> bool:
    return _has_weights(op) and op.defn.quant is not None and op.defn.quant.kernels[dtype].time > FAR_SLOWER


def _has_weights(op: Op) -> bool:
    return op.defn.quant is not None and bool(op.defn.quant.weights)


def _best_side(op: Op, dtype: DType, sides: Sides) -> DType | None:
    as_integers = integer_cost(op, dtype) + _conversions(op, dtype, sides)
    as_floats = float_cost(op) + _conversions(op, None, sides)
    return None if as_floats <= as_integers * TOLERANCE else dtype


def _conversions(op: Op, side: DType | None, sides: Sides) -> float:
    """Cost of the conversions of this operation's tensors, if it were on this side."""

    def side_of(other: Op) -> DType | None:
        return side if other is op else sides.get(other)

    total = 0.0
    for value in {id(v): v for v in (*op.inputs, *op.results)}.values():
        if value.type.dtype is DType.FLOAT32 and not value.is_const:
            total += _conversions_of(value, side_of(value.op) if value.op is not None else None, side_of)
    return total


def _conversions_of(value: Value, home: DType | None, side_of: Any) -> float:
    wanted = {side_of(user) for user in value.users if user.name not in ANY_TYPE}
    if value.output_uses:
        wanted.add(None)
    return sum(conversion_cost(value, to_integers=w is not None) for w in wanted if w is not home)
