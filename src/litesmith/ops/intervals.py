"""What the numbers of the operands say of the numbers of a result: the rules that declarations name as ``interval``.

Float32 rounding keeps order: what holds for both ends of an interval holds for all between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, TypeAlias

import numpy as np

from litesmith.ir.constant import Array
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.intervals import FALSE, TRUE, Interval, Intervals, of_integers, union
from litesmith.ir.opdef import IntervalRule
from litesmith.ir.types import TensorType
from litesmith.ops.common import const_ints

ELEMENTS = 64
"""Tensors up to this size are known element by element."""

SAFE = 2**31
"""Products of two such numbers are computed in int64 without overflow."""


def arithmetic(apply: Callable[[Array, Array], Array], crossed: bool = False) -> IntervalRule:
    """Of an operator that grows with its first operand, and with its second (``crossed``: falls with it)."""

    def rule(op: Op, known: Intervals) -> Interval | None:
        x, y = (known[v] for v in op.operands)
        if x is None or y is None or not _safe(x) or not _safe(y):
            return None
        low, high = (y.high, y.low) if crossed else (y.low, y.high)
        return _finite(apply(x.low, low), apply(x.high, high))

    return rule


def product(op: Op, known: Intervals) -> Interval | None:
    """Between the products of the ends."""
    x, y = (known[v] for v in op.operands)
    if x is None or y is None or not _safe(x) or not _safe(y):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        corners = [np.multiply(a, b) for a in x for b in y]
    return _finite(np.minimum.reduce(corners), np.maximum.reduce(corners))


def _safe(ends: Interval) -> bool:
    return bool(ends.low.dtype == np.float32 or (np.all(ends.low >= -SAFE) and np.all(ends.high <= SAFE)))


def _finite(low: Array, high: Array) -> Interval | None:
    return Interval(low, high) if np.all(np.isfinite(low)) and np.all(np.isfinite(high)) else None


def both(apply: Callable[[Array, Array], Array]) -> IntervalRule:
    """MINIMUM and MAXIMUM; of floats both have to be known, as one may be NaN."""

    def rule(op: Op, known: Intervals) -> Interval | None:
        x, y = (known[v] for v in op.operands)
        if x is None or y is None:
            return None
        return Interval(apply(x.low, y.low), apply(x.high, y.high))

    return rule


def floor(op: Op, known: Intervals) -> Interval | None:
    """The integers below the ends."""
    x = known[op.inputs[0]]
    return None if x is None else Interval(np.floor(x.low), np.floor(x.high))


def absolute(op: Op, known: Intervals) -> Interval | None:
    """What has no sign already."""
    x = known[op.inputs[0]]
    return x if x is not None and np.all(x.low >= 0) else None


def remainder(op: Op, known: Intervals) -> Interval | None:
    """Less than a positive divisor that is one integer."""
    divisor = known[op.inputs[1]]
    number = None if divisor is None else divisor.number
    return of_integers(0, int(number) - 1) if isinstance(number, np.int64) and number > 0 else None


def cast(op: Op, known: Intervals) -> Interval | None:
    """Integers stay what they are where they fit; floats are rounded."""
    x, (before, after) = known[op.inputs[0]], (op.inputs[0].type.dtype, op.result.type.dtype)
    if x is None or DType.FLOAT32 is before:
        return None
    if after is DType.FLOAT32:
        return Interval(np.asarray(x.low, np.float32), np.asarray(x.high, np.float32))
    return None if after is DType.BOOL else x


def selection(op: Op, known: Intervals) -> Interval | None:
    """One of two branches."""
    condition, x, y = (known[v] for v in op.operands)
    if condition is not None and (certain := condition.number) is not None:
        return x if certain else y
    return None if x is None or y is None else union(x.ends, y.ends)


def union_of_operands(op: Op, known: Intervals) -> Interval | None:
    """The elements of all operands."""
    parts = [p for v in op.inputs if (p := known[v]) is not None]
    if not parts or len(parts) < len(op.inputs):
        return None
    types = [v.type for v in op.inputs]
    if op.defn.evaluate is None or not all(_is_small(t) for t in [*types, op.result.type]):
        return union(*(p.ends for p in parts))
    ends = ([np.broadcast_to(p[end], t.static_shape) for p, t in zip(parts, types, strict=True)] for end in (0, 1))
    low, high = (np.asarray(op.defn.evaluate(*end, **op.attrs)) for end in ends)
    return Interval(low, high)


def _is_small(type_: TensorType) -> bool:
    return type_.is_static and prod(type_.static_shape) <= ELEMENTS


def index_along_axis(op: Op, known: Intervals) -> Interval | None:
    """An index along the operand ``axis`` of the first one."""
    axis = const_ints(op, "axis")
    return _index(op, axis[0]) if axis else None


def index_along_last(op: Op, known: Intervals) -> Interval | None:
    """An index along the last dimension of the first operand."""
    return _index(op, -1)


def _index(op: Op, axis: int) -> Interval | None:
    dims = op.inputs[0].type.shape
    size = dims[axis] if dims else None
    return of_integers(0, size - 1) if isinstance(size, int) and size > 0 else None


def counting(op: Op, known: Intervals) -> Interval | None:
    """RANGE of a positive step starts with its least number, and ends below its limit."""
    start, limit, step = (known[v] for v in op.operands)
    if start is None or limit is None or step is None or start.low.dtype != np.int64 or np.any(step.low <= 0):
        return None
    return of_integers(int(start.low.min()), max(int(limit.high.max()) - 1, int(start.high.max())))


def either(*operands: int) -> IntervalRule:
    """An operator whose result holds elements of these operands."""

    def rule(op: Op, known: Intervals) -> Interval | None:
        parts = [p.ends for i in operands if (p := known[op.operands[i]]) is not None]
        return union(*parts) if len(parts) == len(operands) else None

    return rule


def operand_or_zero(op: Op, known: Intervals) -> Interval | None:
    """Of integers: the operand's, and 0."""
    x = known[op.inputs[0]]
    return None if x is None or x.low.dtype != np.int64 else union(x.ends, FALSE)


def extreme(op: Op, known: Intervals) -> Interval | None:
    """The largest, or least, of at least one number."""
    x, dims = known[op.inputs[0]], op.inputs[0].type.shape
    return x.ends if x is not None and dims is not None and all(isinstance(d, int) and d for d in dims) else None


Decide: TypeAlias = "Callable[[Interval, Interval], Any]"


def _comparison(holds: Decide, fails: Decide, reflexive: bool) -> IntervalRule:
    """holds, fails: whether it does, whatever the numbers are. reflexive: what it says of an integer and itself."""

    def rule(op: Op, known: Intervals) -> Interval | None:
        x, y = (known[v] for v in op.operands)
        if x is None or y is None:
            return None
        if op.operands[0] is op.operands[1]:
            return TRUE if reflexive else FALSE
        return TRUE if np.all(holds(x, y)) else FALSE if np.all(fails(x, y)) else None

    return rule


def _below(x: Interval, y: Interval) -> Any:
    return x.high < y.low


def _at_most(x: Interval, y: Interval) -> Any:
    return x.high <= y.low


def _above(x: Interval, y: Interval) -> Any:
    return x.low > y.high


def _at_least(x: Interval, y: Interval) -> Any:
    return x.low >= y.high


def _same(x: Interval, y: Interval) -> Any:
    return (x.low == x.high) & (y.low == y.high) & (x.low == y.low)


def _apart(x: Interval, y: Interval) -> Any:
    return _below(x, y) | _above(x, y)


COMPARISONS: Mapping[str, IntervalRule] = {
    "LESS": _comparison(_below, _at_least, False),
    "LESS_EQUAL": _comparison(_at_most, _above, True),
    "GREATER": _comparison(_above, _at_most, False),
    "GREATER_EQUAL": _comparison(_at_least, _below, True),
    "EQUAL": _comparison(_same, _apart, True),
    "NOT_EQUAL": _comparison(_apart, _same, False),
}


def truth_reduction(outcome: Interval) -> IntervalRule:
    """A reduction of truths all of which are ``outcome`` is that, even of none."""
    return lambda op, known: outcome if _is(known[op.inputs[0]], outcome) else None


def truth_connective(neutral: Interval, decisive: Interval) -> IntervalRule:
    """AND and OR: where both operands are neutral so is the result, and one decisive operand decides."""

    def rule(op: Op, known: Intervals) -> Interval | None:
        operands = [known[v] for v in op.inputs]
        if all(_is(v, neutral) for v in operands):
            return neutral
        return decisive if any(_is(v, decisive) for v in operands) else None

    return rule


def _is(found: Interval | None, truth: Interval) -> bool:
    return found is not None and found.number == truth.number


def truth_negation(op: Op, known: Intervals) -> Interval | None:
    """True where the operand is false."""
    x = known[op.inputs[0]]
    return None if x is None else Interval(1 - x.high, 1 - x.low)
