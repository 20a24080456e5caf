"""SOFTMAX and LOG_SOFTMAX from their definitions.

    %1 = REDUCE_MAX(%x, [-1]) {keep_dims=True}
    %2 = SUB(%x, %1)
    %3 = EXP(%2)
    %4 = SUM(%3, [-1]) {keep_dims=True}
    %5 = DIV(%3, %4)                              or SUB(%2, LOG(%4))
⇒
    %5 = SOFTMAX(%x) {beta=1}                     or LOG_SOFTMAX(%x)

Legal because the kernels compute just that, over the last dimension; another axis is brought there and back. Dimensions
of size 1 may come and go between the maximum and the difference. A softmax written without the subtraction is left
alone: it overflows to NaN where the kernel does not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Value
from litesmith.ops.elementwise import SUB
from litesmith.ops.reduction import REDUCE_MAX, SUM, reduced_axes
from litesmith.passes.driver import Declined
from litesmith.passes.layout_rules import before_changes
from litesmith.passes.match import activation, producer
from litesmith.passes.rules import Match, Rule, rules_pass


class Shifted(NamedTuple):
    """``x - max(x)`` and the axes of the maximum."""

    x: Value
    axes: tuple[int, ...]


def softmax(match: Match, b: Builder) -> Value | Declined | None:
    """SOFTMAX(%x), where %d is x - max(x)."""
    return _rewrite_softmax(match, b, partial(b.softmax, beta=1.0))


def log_softmax(match: Match, b: Builder) -> Value | Declined | None:
    """LOG_SOFTMAX(%x), where %d is x - max(x)."""
    return _rewrite_softmax(match, b, b.log_softmax)


def _rewrite_softmax(match: Match, b: Builder, kernel: Callable[[Value], Value]) -> Value | Declined | None:
    total, shifted = match.op(SUM), _read_shift(match["%d"])
    axes = reduced_axes(total) if total.attrs["keep_dims"] else None
    if axes is None:
        return None
    if shifted is None:
        return Declined("the greatest element is not subtracted first")
    if shifted.axes != axes or len(axes) != 1:
        return Declined("there are several axes")
    return _apply_along(b, shifted, kernel)


def _apply_along(b: Builder, shifted: Shifted, kernel: Callable[[Value], Value]) -> Value:
    """What the kernel makes of the one axis."""
    (axis,), last = shifted.axes, shifted.x.rank - 1
    if axis == last:
        return kernel(shifted.x)
    order = [last if i == axis else axis if i == last else i for i in range(last + 1)]
    swap = np.array(order, np.int32)
    return b.transpose(kernel(b.transpose(shifted.x, swap)), swap)


def _read_shift(value: Value) -> Shifted | None:
    difference = producer(value, SUB)
    if difference is None or activation(difference) != "NONE":
        return None
    x, greatest = difference["x"], producer(before_changes(difference["y"]), REDUCE_MAX)
    axes = reduced_axes(greatest) if greatest is not None else None
    if greatest is None or axes is None:
        return None
    if greatest["x"] is x and greatest.result is difference["y"]:
        return Shifted(x, axes) if greatest.attrs["keep_dims"] else None
    axis = _same_axis(greatest["x"], axes, x)
    return Shifted(x, (axis,)) if axis is not None and _broadcasts_along(difference["y"], x, axis) else None


def _same_axis(reduced: Value, axes: tuple[int, ...], x: Value) -> int | None:
    """The axis of ``x`` that one reduced axis is, where the two differ by unit dimensions only."""
    if len(axes) != 1 or before_changes(reduced) is not before_changes(x) or reduced.dims[axes[0]] == 1:
        return None
    before, after = ([i for i, d in enumerate(v.dims) if d != 1] for v in (reduced, x))
    same = [reduced.dims[i] for i in before] == [x.dims[i] for i in after]
    return after[before.index(axes[0])] if same else None


def _broadcasts_along(value: Value, x: Value, axis: int) -> bool:
    """Whether a value has the dimensions of ``x`` but for this axis."""
    expected = [1 if i == axis else d for i, d in enumerate(x.dims)]
    return [1] * (x.rank - value.rank) + list(value.dims) == expected


SOFTMAX = rules_pass(
    "softmax",
    Rule("DIV(EXP(%d), SUM(EXP(%d), $axes))", floats=True, make=softmax),
    after=("kept-dimensions",),
)
LOG_SOFTMAX = rules_pass(
    "log-softmax",
    Rule("SUB(%d, LOG(SUM(EXP(%d), $axes)))", floats=True, make=log_softmax),
    after=("kept-dimensions",),
)
PASSES = (SOFTMAX, LOG_SOFTMAX)
