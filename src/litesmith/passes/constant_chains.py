"""Chains of additions, or of multiplications, of constants become one.

    %1 = MUL(%x, a)
    %2 = DIV(%1, c)
⇒
    %2 = MUL(%x, a / c)

    %1 = SUB(a, %x)
    %2 = ADD(%1, c)
⇒
    %2 = SUB(a + c, %x)

A first constant that is one number is met behind changes of layout, too. Legal by associativity: exact for integers
(they wrap), rounded once instead of twice for floats. Only where nobody else uses the first result. Declined where the
constants would broadcast to more elements than either has, where the joined constant over- or underflows though the two
did not, and where large float terms cancel: that is how one rounds to a multiple of 2^n. Integer division is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef
from litesmith.ops.elementwise import ADD, DIV, MUL, SUB
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import (
    activation,
    before_movements,
    constant_operand,
    is_float,
    keeps_shape,
    scalar,
    sole_producer,
)


class Link(NamedTuple):
    """An operation as ``x**x_sign * constant**constant_sign``, or the same said of sums: signs are 1 or -1."""

    x: Value
    constant: Value
    x_sign: int
    constant_sign: int


LARGE, CANCELLED = 2.0**16, 2.0**-10
"""A float term as large as this, of which the other leaves less than this part, is added and taken off to round."""

FAMILIES = ((ADD, SUB), (MUL, DIV))
"""An operation and its inverse."""


def join_constants(op: Op, b: Builder) -> Outcome:
    """The second of two operations with constants."""
    family = next(f for f in FAMILIES if op.defn in f)
    outer = _link(op)
    moved = before_movements(outer.x, keep_order=False) if outer is not None else None
    before = sole_producer(moved.value, *family) if moved is not None else None
    inner = _link(before) if before is not None and activation(before) == "NONE" else None
    if outer is None or inner is None or before is None or moved is None:
        return None
    if moved.movements and not (_is_number(inner.constant) and keeps_shape(before, inner.x)):
        return None
    if DIV in (op.defn, before.defn) and not is_float(op.result):
        return None
    constant = _join_constants(b, inner, outer, family)
    reason = _obstacle(constant, inner.constant, outer.constant, factors=MUL in family)
    if reason is not None:
        return Declined(reason)
    same, inverse = family
    inverted = inner.x_sign * outer.x_sign < 0
    both_inverse = inner.constant_sign < 0 and outer.constant_sign < 0
    x = moved.replay(b, inner.x)
    operands = (constant, x) if inverted else (x, constant)
    joined = inverse if inverted or both_inverse else same
    return b.apply(joined, *operands, fused_activation_function=activation(op))


def _link(op: Op) -> Link | None:
    found = constant_operand(op)
    if found is None or found.constant.type.quant is not None:
        return None
    if op.defn in (ADD, MUL):
        return Link(found.variable, found.constant, 1, 1)
    return Link(found.variable, found.constant, *((1, -1) if found.on_right else (-1, 1)))


def _join_constants(b: Builder, inner: Link, outer: Link, family: tuple[OpDef, OpDef]) -> Value:
    """Both constants as one; the inverse of it where both are inverted (and then the operand is not)."""
    same, inverse = family
    inner_sign = inner.constant_sign * outer.x_sign
    if inner_sign == outer.constant_sign:
        return b.apply(same, inner.constant, outer.constant)
    if inner_sign > 0:
        return b.apply(inverse, inner.constant, outer.constant)
    return b.apply(inverse, outer.constant, inner.constant)


def _obstacle(joined: Value, *parts: Value, factors: bool) -> str | None:
    if joined.const is None or joined.const.size > max(p.const.size for p in parts if p.const is not None):
        return "the joined constant has more elements than either"
    if joined.is_small_const and _is_healthy(parts, factors) and not _is_healthy((joined,), factors):
        return "the joined constant over- or underflows"
    if not factors and is_float(joined) and joined.is_small_const and _cancel(joined, parts):
        return "the constants cancel"
    return None


def _cancel(joined: Value, parts: Sequence[Value]) -> bool:
    """Whether any element of a sum of constants is far smaller than its large terms."""
    if any(not p.is_small_const for p in parts):
        return False
    size = np.maximum(*(np.abs(p.numpy()) for p in parts))
    return bool(np.any((size >= LARGE) & (np.abs(joined.numpy()) < size * CANCELLED)))


def _is_number(constant: Value) -> bool:
    return scalar(constant) is not None and constant.type.count == 1 and constant.rank <= 1


def _is_healthy(constants: Sequence[Value], factors: bool) -> bool:
    """Whether every element is finite, and no factor zero."""
    arrays = [c.numpy() for c in constants]
    return all(bool(np.all(np.isfinite(a))) and not (factors and 0 in a) for a in arrays)


CONSTANT_CHAINS = Pass("constant-chains", (ADD, SUB, MUL, DIV), join_constants)
PASSES = (CONSTANT_CHAINS,)
