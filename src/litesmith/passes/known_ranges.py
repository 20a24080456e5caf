"""Comparisons of random numbers whose outcome is certain are folded.

    %1 = RANDOM_UNIFORM(%shape)
    %2 = GREATER_EQUAL(%1, 0)
    %3 = SELECT_V2(%2, %x, 0)
⇒
    %x

That is what dropout leaves in a graph that keeps everything. The numbers of RANDOM_UNIFORM are multiples of 2^-23 in
[0, 1); none is NaN, nor is their sum or product with a finite constant. Legal because float32 rounding keeps order:
what holds for both ends of a range holds for all between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, constant_operand, is_float, keeps_shape, scalar

Range: TypeAlias = tuple[np.float32, np.float32]

UNIFORM: Range = (np.float32(0), np.float32(1 - 2**-23))
_DEPTH = 8
"""So many operations after the draw are looked through."""

_COMPARE: dict[str, tuple[Callable[[Range, np.float32], bool], Callable[[Range, np.float32], bool]]] = {
    "GREATER_EQUAL": (lambda r, c: bool(r[0] >= c), lambda r, c: bool(r[1] < c)),
    "GREATER": (lambda r, c: bool(r[0] > c), lambda r, c: bool(r[1] <= c)),
    "LESS": (lambda r, c: bool(r[1] < c), lambda r, c: bool(r[0] >= c)),
    "LESS_EQUAL": (lambda r, c: bool(r[1] <= c), lambda r, c: bool(r[0] > c)),
}
"""Comparison with a constant on the right -> (is it always true, is it always false)."""
_MIRRORED = {"GREATER_EQUAL": "LESS_EQUAL", "GREATER": "LESS", "LESS": "GREATER", "LESS_EQUAL": "GREATER_EQUAL"}


def known_range(value: Value, depth: int = _DEPTH) -> Range | None:
    """The least and the largest number a value that comes from a draw can have; None where that is not known."""
    op = value.op
    if op is None or not depth or activation(op) != "NONE":
        return None
    if op.name == "RANDOM_UNIFORM":
        return UNIFORM
    if op.name == "FLOOR":
        inner = known_range(op.inputs[0], depth - 1)
        return None if inner is None else (np.floor(inner[0]), np.floor(inner[1]))
    found = constant_operand(op) if op.name in ("ADD", "SUB", "MUL") else None
    number = scalar(found.constant) if found is not None else None
    inner = known_range(found.variable, depth - 1) if found is not None and number is not None else None
    if found is None or number is None or inner is None or not np.isfinite(number):
        return None
    ends = [_computed(op.name, end, np.float32(number), found.on_right) for end in inner]
    return min(ends), max(ends)


def _computed(name: str, end: np.float32, number: np.float32, on_right: bool) -> np.float32:
    left, right = (end, number) if on_right else (number, end)
    with np.errstate(all="ignore"):
        return np.float32({"ADD": left + right, "SUB": left - right, "MUL": left * right}[name])


def certain(value: Value | None) -> bool | None:
    """What a comparison always says, None where that depends."""
    op = value.op if value is not None else None
    found = constant_operand(op) if op is not None and op.name in _COMPARE else None
    if op is None or found is None or not is_float(found.variable):
        return None
    range_, number = known_range(found.variable), scalar(found.constant)
    if range_ is None or number is None:
        return None
    always, never = _COMPARE[op.name if found.on_right else _MIRRORED[op.name]]
    return True if always(range_, number) else False if never(range_, number) else None


def fold_certain(op: Op, b: Builder) -> Outcome:
    """A choice by a comparison that is certain, that comparison itself, and the floor of a range within one integer."""
    if op.name in ("SELECT", "SELECT_V2"):
        outcome = certain(op["condition"])
        if outcome is None:
            return None
        chosen = op.inputs[1] if outcome else op.inputs[2]
        return chosen if keeps_shape(op, chosen) else Declined("the other operands broadcast the one that is chosen")
    if not op.result.type.is_static:
        return None
    shape = op.result.type.static_shape
    if op.name == "FLOOR":
        floor = known_range(op.result)
        return b.constant(np.full(shape, floor[0])) if floor is not None and floor[0] == floor[1] else None
    outcome = certain(op.result)
    return None if outcome is None else b.constant(np.full(shape, outcome))


KNOWN_RANGES = Pass("known-ranges", ("SELECT", "SELECT_V2", "FLOOR", *_COMPARE), fold_certain)
PASSES = (KNOWN_RANGES,)
