"""Sliding windows: output sizes, paddings and patches, shared by convolutions and pools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product as positions

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, floordiv
from litesmith.ir.graph import Op


def extent(window: Dim, dilation: int) -> Dim:
    """How many elements a dilated window spans."""
    span: Dim = (window - 1) * dilation + 1
    return span


def window_count(size: Dim, window: Dim, stride: int, dilation: int, padding: str) -> Dim:
    """How many windows fit along one dimension: ceil(size / stride) for SAME, windows wholly inside for VALID."""
    covered = size if padding == "SAME" else size - extent(window, dilation) + 1
    return floordiv(covered + stride - 1, stride)


def window_counts(
    op: Op, sizes: Sequence[Dim], window: Sequence[Dim], strides: Sequence[int], dilations: Sequence[int]
) -> list[Dim]:
    """`window_count` along each dimension. Raises UnsupportedError where a stride is 0 or no window fits."""
    if min(*strides, *dilations) < 1:
        raise UnsupportedError(f"strides {strides} and dilations {dilations} must be positive", op=op.name)
    counts = [
        window_count(n, k, s, d, op.attrs["padding"])
        for n, k, s, d in zip(sizes, window, strides, dilations, strict=True)
    ]
    if any(isinstance(n, int) and n < 1 for n in counts):
        reason = f"a window of {list(window)} (dilated by {list(dilations)}) does not fit {list(sizes)}"
        raise UnsupportedError(reason, "use a larger input or SAME padding", op=op.name)
    return counts


def _static(dim: Dim) -> int:
    assert isinstance(dim, int)
    return dim


def padding_around(size: int, count: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    """Elements added before and after one dimension so that ``count`` windows fit; 0 where they fit anyway."""
    total = max((count - 1) * stride + _static(extent(window, dilation)) - size, 0)
    return total // 2, total - total // 2


def patches(
    x: Array,
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    padding: str,
    fill: float = 0.0,
) -> Array:
    """Windows of ``x`` [N, *spatial, C] as a view [N, *counts, *window, C]; padding is filled with ``fill``."""
    spatial = x.shape[1:-1]
    axes = list(zip(spatial, window, strides, dilations, strict=True))
    counts = [_static(window_count(n, k, s, d, padding)) for n, k, s, d in axes]
    pads = [padding_around(n, c, k, s, d) for (n, k, s, d), c in zip(axes, counts, strict=True)]
    padded = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    steps = padded.strides[1:-1]
    return np.lib.stride_tricks.as_strided(
        padded,
        (x.shape[0], *counts, *window, x.shape[-1]),
        (
            padded.strides[0],
            *(step * s for step, s in zip(steps, strides, strict=True)),
            *(step * d for step, d in zip(steps, dilations, strict=True)),
            padded.strides[-1],
        ),
        writeable=False,
    )


def convolve(
    x: Array, filter: Array, strides: Sequence[int], dilations: Sequence[int], padding: str, groups: int = 1
) -> Array:
    """Convolution of ``x`` [N, *spatial, groups * I] with ``filter`` [*window, I, groups * O].

    The result is [N, *counts, groups * O]. Output channel ``g * O + o`` sees the input channels of group ``g``.
    """
    *window, depth, units = filter.shape
    taps = int(np.prod(window))
    views = patches(x, window, strides, dilations, padding)
    counts = views.shape[: 1 + len(window)]
    left = views.reshape(-1, taps, groups, depth).transpose(2, 0, 1, 3).reshape(groups, -1, taps * depth)
    right = filter.reshape(taps * depth, groups, units // groups).transpose(1, 0, 2)
    return np.asarray(np.matmul(left, right).transpose(1, 0, 2).reshape(*counts, units))


def convolve_transposed(
    x: Array, filter: Array, shape: Sequence[int], strides: Sequence[int], dilations: Sequence[int], padding: str
) -> Array:
    """The gradient form: every element of ``x`` [N, *spatial, I] adds ``filter`` [*window, I, O] to ``shape``.

    ``shape`` [N, *sizes, O] is the result's; the padding is the one a convolution from it to ``x`` would have.
    """
    *window, _, units = filter.shape
    sizes, spatial = list(shape[1:-1]), x.shape[1:-1]
    before = [
        padding_around(n, _static(window_count(n, k, s, d, padding)), k, s, d)[0]
        for n, k, s, d in zip(sizes, window, strides, dilations, strict=True)
    ]
    room = [
        max((i - 1) * s + _static(extent(k, d)), p + n)
        for i, k, s, d, p, n in zip(spatial, window, strides, dilations, before, sizes, strict=True)
    ]
    total = np.zeros((x.shape[0], *room, units), x.dtype)
    for tap in positions(*map(range, window)):
        target = tuple(
            slice(t * d, t * d + (i - 1) * s + 1, s)
            for t, d, i, s in zip(tap, dilations, spatial, strides, strict=True)
        )
        total[(slice(None), *target)] += x @ filter[tap]
    inside = tuple(slice(p, p + n) for p, n in zip(before, sizes, strict=True))
    return total[(slice(None), *inside)]


def reduce_windows(
    x: Array,
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
    fill: float,
    reduce: Callable[..., Array],
) -> Array:
    """``reduce`` (taking ``axis``) over each window of ``x`` [N, H, W, C]."""
    views = patches(x, window, strides, [1] * len(window), padding, fill)
    rank = len(window)
    return reduce(views, axis=tuple(range(1 + rank, 1 + 2 * rank)))
