"""Running sums, products, extrema."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litesmith.decompositions.padding import pad
from litesmith.decompositions.shapes import cast, static_int
from litesmith.decompositions.special import logaddexp
from litesmith.decompositions.windows import identity_of
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, DType, Value

CUMULATIVE = ("sum", "prod", "max", "min", "logsumexp")
_WIDENED = frozenset({DType.BOOL, DType.INT8, DType.UINT8, DType.INT16, DType.UINT16, DType.UINT32})
"""What CUMSUM does not take and is right in int32, whose sums wrap as theirs do."""


def cumulative(b: Builder, x: Value, kind: str, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Value:
    """Running ``kind`` (sum, prod, max, min, logsumexp) along ``axis``, from its end where ``reverse``.

    exclusive: element i joins those before i only. Sums are CUMSUM; the others double the reach of each element
    log2(size) times, which needs a fixed size. Raises UnsupportedError for an unknown one.
    """
    if kind not in CUMULATIVE:
        raise UnsupportedError(f"a cumulative {kind!r}", f"use one of {', '.join(CUMULATIVE)}")
    axis %= x.rank
    if kind == "sum":
        wide = cast(b, x, DType.INT32) if x.type.dtype in _WIDENED else x
        summed: Value = b.cumsum(wide, np.array(axis, np.int32), exclusive=exclusive, reverse=reverse)
        return cast(b, summed, x.type.dtype)
    neutral = -np.inf if kind == "logsumexp" else identity_of(kind.replace("prod", "mul"), x.type.dtype)
    size = static_int(x.dims[axis], f"a cumulative {kind}")
    if exclusive:
        x = _shifted(b, x, axis, 1, reverse, neutral)
    step = 1
    while step < size:
        x = _JOIN[kind](b, x, _shifted(b, x, axis, step, reverse, neutral))
        step *= 2
    return x


def _shifted(b: Builder, x: Value, axis: int, step: int, reverse: bool, neutral: float) -> Value:
    """``x`` moved ``step`` places along the axis, neutral elements moving in."""
    pads = [(0, 0)] * x.rank
    pads[axis] = (-step, step) if reverse else (step, -step)
    size = static_int(x.dims[axis], "a cumulative function")
    if step >= size:
        pads[axis] = (-size, size) if reverse else (size, -size)
    return pad(b, x, pads, neutral)


def _maximum(b: Builder, x: Value, y: Value) -> Value:
    made: Value = b.maximum(x, y)
    return made


def _minimum(b: Builder, x: Value, y: Value) -> Value:
    made: Value = b.minimum(x, y)
    return made


def _product(b: Builder, x: Value, y: Value) -> Value:
    made: Value = b.mul(x, y)
    return made


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
