"""Running sums, products, extrema."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litesmith.decompositions.padding import pad
from litesmith.decompositions.rnn import loop
from litesmith.decompositions.shapes import cast, size_value, static_int, with_dims
from litesmith.decompositions.special import logaddexp
from litesmith.decompositions.windows import identity_of
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, DType, Sym, Value

CUMULATIVE = ("sum", "prod", "max", "min", "logsumexp")
_WIDENED = frozenset({DType.BOOL, DType.INT8, DType.UINT8, DType.INT16, DType.UINT16, DType.UINT32})
"""What CUMSUM does not take and is right in int32, whose sums wrap as theirs do."""


def cumulative(b: Builder, x: Value, kind: str, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Value:
    """Running ``kind`` (sum, prod, max, min, logsumexp) along ``axis``, from its end where ``reverse``.

    exclusive: element i joins those before i only. Sums are CUMSUM; the others double the reach of each element
    log2(size) times, in a loop where the size is unknown.
    """
    if kind not in CUMULATIVE:
        raise UnsupportedError(f"a cumulative {kind!r}", f"use one of {', '.join(CUMULATIVE)}")
    axis %= x.rank
    if kind == "sum":
        wide = cast(b, x, DType.INT32) if x.type.dtype in _WIDENED else x
        summed: Value = b.cumsum(wide, np.array(axis, np.int32), exclusive=exclusive, reverse=reverse)
        return cast(b, summed, x.type.dtype)
    neutral = -np.inf if kind == "logsumexp" else identity_of(kind.replace("prod", "mul"), x.type.dtype)
    size = x.dims[axis]
    if isinstance(size, Sym):
        return _in_a_loop(b, x, kind, axis, exclusive, reverse, neutral)
    if exclusive:
        x = _shift(b, x, axis, 1, reverse, neutral)
    step = 1
    while step < size:
        x = _JOIN[kind](b, x, _shift(b, x, axis, step, reverse, neutral))
        step *= 2
    return x


def _shift(b: Builder, x: Value, axis: int, step: int, reverse: bool, neutral: float) -> Value:
    """``x`` moved ``step`` places along the axis, neutral elements moving in."""
    pads = [(0, 0)] * x.rank
    pads[axis] = (-step, step) if reverse else (step, -step)
    size = static_int(x.dims[axis], "a cumulative function")
    if step >= size:
        pads[axis] = (-size, size) if reverse else (size, -size)
    return pad(b, x, pads, neutral)


def _in_a_loop(b: Builder, x: Value, kind: str, axis: int, exclusive: bool, reverse: bool, neutral: float) -> Value:
    """The same along a dimension of unknown size, one pass of the loop for each doubling."""

    def shift(b: Builder, y: Value, step: Value) -> Value:
        rows = np.zeros((x.rank, 2), np.int32)
        rows[axis, int(reverse)] = 1
        padded = b.padv2(y, b.mul(step, rows), b.constant(np.array(neutral, x.type.dtype.numpy)))
        begin = b.mul(step, rows[:, 1]) if reverse else np.zeros(x.rank, np.int32)
        return with_dims(b.slice(padded, begin, b.shape(y, out_type=DType.INT32)), x.dims)

    def step_up(b: Builder, state: list[Value]) -> list[Value]:
        step, count, y = state
        return [b.mul(step, 2), count, _JOIN[kind](b, y, shift(b, y, step))]

    one = b.constant(np.array(1, np.int32))
    start = shift(b, x, one) if exclusive else x
    init = [one, size_value(b, x.dims[axis], x), start]
    return loop(b, lambda b, state: b.less(state[0], state[1]), step_up, init, "cumulative")[2]


def _maximum(b: Builder, x: Value, y: Value) -> Value:
    return b.maximum(x, y)


def _minimum(b: Builder, x: Value, y: Value) -> Value:
    return b.minimum(x, y)


def _product(b: Builder, x: Value, y: Value) -> Value:
    return b.mul(x, y)


_JOIN: dict[str, Callable[[Builder, Value, Value], Value]] = {
    "prod": _product,
    "max": _maximum,
    "min": _minimum,
    "logsumexp": logaddexp,
}


def reverse(b: Builder, x: Value, axes: tuple[int, ...]) -> Value:
    """``x`` with the order along these dimensions turned round; the kernel takes dimensions that lie together."""
    turned = sorted({axis for axis in axes if x.dims[axis] != 1})
    starts = [i for i, axis in enumerate(turned) if not i or turned[i - 1] != axis - 1]
    for start, end in zip(starts, [*starts[1:], len(turned)], strict=False):
        x = b.reverse_v2(x, np.array(turned[start:end], np.int32))
    return x
