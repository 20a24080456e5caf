"""Functions of a sliding window: pools, and the general reduce_window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.decompositions.convolution import resolve_padding, same_pads
from litesmith.decompositions.gather import select
from litesmith.decompositions.padding import pad, pad_interior, slice_static
from litesmith.decompositions.shapes import cast, full, merge, reshape, single, transpose, with_dims
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Dim, DType, Value
from litesmith.ir.dims import product

REDUCERS = {
    "add": ("sum", "ADD"),
    "mul": ("reduce_prod", "MUL"),
    "min": ("reduce_min", "MINIMUM"),
    "max": ("reduce_max", "MAXIMUM"),
    "and": ("reduce_all", "ALL"),
    "or": ("reduce_any", "ANY"),
}


def identity_of(kind: str, dtype: DType) -> Any:
    """The neutral element of a reduction, as a NumPy scalar."""
    numpy = dtype.numpy
    if kind in ("add", "mul"):
        return numpy.type(kind == "mul")
    if kind in ("and", "or"):
        return np.bool_(kind == "and")
    if dtype is DType.BOOL:
        return np.bool_(kind == "min")
    if dtype.is_float:
        return numpy.type(np.inf if kind == "min" else -np.inf)
    limits = np.iinfo(numpy)
    return numpy.type(limits.max if kind == "min" else limits.min)


@dataclass(frozen=True)
class _Window:
    """One dimension's window: its size, step, dilation and padding."""

    size: int
    stride: int
    dilation: int
    pads: tuple[Dim, Dim]

    @property
    def span(self) -> int:
        return (self.size - 1) * self.dilation + 1

    @property
    def is_idle(self) -> bool:
        return self.size == self.stride == 1 and self.pads == (0, 0)


def reduce_window(
    b: Builder,
    x: Value,
    kind: str,
    window: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: Sequence[tuple[Dim, Dim]] | None = None,
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Value:
    """``kind`` (add, mul, min, max, and, or) of the elements in each place of a window over all dimensions of ``x``.

    Padding counts as the neutral element. float32 with at most two sliding dimensions becomes a pool, anything else
    REDUCE_WINDOW.
    """
    rank = x.rank
    ones = [1] * rank
    x = pad_interior(b, x, [d - 1 for d in base_dilation or ones], identity_of(kind, x.type.dtype))
    rows = zip(window, strides or ones, window_dilation or ones, padding or [(0, 0)] * rank, strict=True)
    windows = [_Window(int(k), int(s), int(d), (p[0], p[1])) for k, s, d, p in rows]
    x, windows = _reduce_whole(b, x, kind, windows)
    active = [a for a, w in enumerate(windows) if not w.is_idle]
    if not active:
        return x
    simple = all(w.dilation == 1 for w in windows) and x.type.dtype is DType.FLOAT32
    if simple and len(active) <= 2 and kind in _POOLS:
        return _POOLS[kind](b, x, windows, active)
    return _reduce_window(b, x, kind, windows)


def _reduce_whole(b: Builder, x: Value, kind: str, windows: list[_Window]) -> tuple[Value, list[_Window]]:
    """Reduces the dimensions whose only window is the whole of them."""
    whole = [a for a, w in enumerate(windows) if w.size > 1 and w.pads == (0, 0) and w.span == x.dims[a] == w.size]
    if not whole:
        return x, windows
    reduced = b.apply(REDUCERS[kind][0], x, np.array(whole, np.int32), keep_dims=True)
    return reduced, [_Window(1, 1, 1, (0, 0)) if a in whole else w for a, w in enumerate(windows)]


def _reduce_window(b: Builder, x: Value, kind: str, windows: Sequence[_Window]) -> Value:
    neutral = identity_of(kind, x.type.dtype)
    x = pad(b, x, [w.pads for w in windows], neutral)
    if all(w.size == 1 for w in windows):
        return slice_static(b, x, [0] * x.rank, x.dims, [w.stride for w in windows])
    numbers = [np.array(n, np.int64) for n in zip(*((w.size, w.stride, w.dilation) for w in windows), strict=True)]
    return b.reduce_window(x, b.constant(np.array(neutral)), *numbers, reduce_function=REDUCERS[kind][1])


# -- as pools ---------------------------------------------------------------------------------------------------------


def _in_pool_layout(
    b: Builder,
    x: Value,
    windows: Sequence[_Window],
    active: list[int],
    run: Callable[[Value, list[_Window]], Value],
) -> Value:
    """Calls ``run`` on ``x`` as [N, H, W, C] with the sliding dimensions as H and W, and restores the layout."""
    if x.rank == 4 and set(active) <= {1, 2}:
        return run(x, [windows[1], windows[2]])
    if len(active) == 1:
        spare = active[0] - 1 if active[0] else None
        dims = list(x.dims)
        if spare is None:
            moved = run(reshape(b, x, [1, dims[0], 1, product(dims[1:])]), [windows[0], _IDLE])
            return reshape(b, moved, [moved.dims[1], *dims[1:]], x)
        at = active[0]
        flat = reshape(b, x, [product(dims[:at]), dims[at], 1, product(dims[at + 1 :])], x)
        moved = run(flat, [windows[at], _IDLE])
        return reshape(b, moved, [*dims[:at], moved.dims[1], *dims[at + 1 :]], x)
    return _two_sliding(b, x, windows, active, run)


_IDLE = _Window(1, 1, 1, (0, 0))


def _two_sliding(
    b: Builder,
    x: Value,
    windows: Sequence[_Window],
    active: list[int],
    run: Callable[[Value, list[_Window]], Value],
) -> Value:
    h, w = active
    before, after = list(range(h)), [a for a in range(h + 1, x.rank) if a != w]
    if w == h + 1 and (after or not before):
        order = list(range(x.rank))
        channels = after
    else:
        order = [*before[:1], h, w, *before[1:], *after]
        before, channels = before[:1], [*before[1:], *after]
    laid = transpose(b, x, order)
    dims = laid.dims
    split = len(before)
    flat = reshape(b, laid, [product(dims[:split]), *dims[split : split + 2], product(dims[split + 2 :])], x)
    reduced = run(flat, [windows[h], windows[w]])
    shape = [*dims[:split], reduced.dims[1], reduced.dims[2], *dims[split + 2 :]]
    assert len(channels) == len(dims) - split - 2
    return transpose(b, reshape(b, reduced, shape, x), [order.index(a) for a in range(x.rank)])


def _pool_attrs(windows: Sequence[_Window], mode: str) -> dict[str, Any]:
    h, w = windows
    return dict(padding=mode, stride_h=h.stride, stride_w=w.stride, filter_height=h.size, filter_width=w.size)


def _max_pool(b: Builder, x: Value, windows: Sequence[_Window], active: list[int]) -> Value:
    def run(flat: Value, pair: list[_Window]) -> Value:
        spans, strides = [p.size for p in pair], [p.stride for p in pair]
        padded, mode = resolve_padding(b, flat, spans, strides, [p.pads for p in pair], -np.inf)
        return b.max_pool_2d(padded, **_pool_attrs(pair, mode))

    return _in_pool_layout(b, x, windows, active, run)


def _min_pool(b: Builder, x: Value, windows: Sequence[_Window], active: list[int]) -> Value:
    return b.neg(_max_pool(b, b.neg(x), windows, active))


def _sum_pool(b: Builder, x: Value, windows: Sequence[_Window], active: list[int]) -> Value:
    """The mean of a window padded with zeros, times its size."""

    def run(flat: Value, pair: list[_Window]) -> Value:
        padded = pad(b, flat, [(0, 0), *(p.pads for p in pair), (0, 0)])
        mean = b.average_pool_2d(padded, **_pool_attrs(pair, "VALID"))
        return b.mul(mean, float(pair[0].size * pair[1].size))

    return _in_pool_layout(b, x, windows, active, run)


_POOLS: dict[str, Callable[[Builder, Value, Sequence[_Window], list[int]], Value]] = {
    "max": _max_pool,
    "min": _min_pool,
    "add": _sum_pool,
}

# -- channels-last pools ----------------------------------------------------------------------------------------------


def pool(
    b: Builder,
    x: Value,
    kind: str,
    window: Sequence[int],
    strides: Sequence[int],
    padding: str | Sequence[tuple[Dim, Dim]] = "VALID",
    count_padding: bool = False,
) -> Value:
    """``max`` or ``avg`` pool of [N, *spatial, C], over one, two or three spatial dimensions.

    count_padding: whether padding counts in the divisor of a mean. SAME is the kernel's own; other paddings are made
    explicit. Three dimensions are pooled two and one at a time.
    """
    if kind not in ("max", "avg"):
        raise UnsupportedError(f"a pool of kind {kind!r}", "use max or avg")
    if x.type.dtype is not DType.FLOAT32:
        return cast(b, pool(b, single(b, x), kind, window, strides, padding, count_padding), x.type.dtype)
    pads = _pads_of(x, window, strides, padding)
    if len(window) == 1:
        flat = merge(b, x, [0], [1], [], [2])
        pair = ([*window, 1], [*strides, 1], [*pads, (0, 0)])
        return merge(b, _pool_2d(b, flat, kind, *pair, count_padding), [0], [1, 2], [3])
    if len(window) == 2:
        return _pool_2d(b, x, kind, window, strides, pads, count_padding)
    return _pool_3d(b, x, kind, window, strides, pads, count_padding)


def _pads_of(
    x: Value, window: Sequence[int], strides: Sequence[int], padding: str | Sequence[tuple[Dim, Dim]]
) -> list[tuple[Dim, Dim]]:
    if not isinstance(padding, str):
        return [(low, high) for low, high in padding]
    if padding == "VALID":
        return [(0, 0)] * len(window)
    return [same_pads(n, k, s) for n, k, s in zip(x.dims[1:-1], window, strides, strict=True)]


def _pool_2d(
    b: Builder,
    x: Value,
    kind: str,
    window: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[tuple[Dim, Dim]],
    count_padding: bool,
) -> Value:
    windows = [_Window(k, s, 1, p) for k, s, p in zip(window, strides, pads, strict=True)]
    padded, mode = resolve_padding(b, x, window, strides, list(pads), -np.inf if kind == "max" else 0.0)
    if kind == "max":
        return b.max_pool_2d(padded, **_pool_attrs(windows, mode))
    if mode == "SAME" and not count_padding:
        return b.average_pool_2d(padded, **_pool_attrs(windows, mode))
    explicit = pad(b, x, [(0, 0), *pads, (0, 0)])
    pooled = b.average_pool_2d(explicit, **_pool_attrs(windows, "VALID"))
    if count_padding or all(p == (0, 0) for p in pads):
        return pooled
    share = _pool_2d(b, _ones_like_plane(b, x), "avg", window, strides, pads, True)
    return b.div(pooled, share)


def _ones_like_plane(b: Builder, x: Value) -> Value:
    """[1, H, W, 1] ones."""
    return full(b, [1, *x.dims[1:-1], 1], 1, x.type.dtype, x)


def _pool_3d(
    b: Builder,
    x: Value,
    kind: str,
    window: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[tuple[Dim, Dim]],
    count_padding: bool,
) -> Value:
    """Planes [H, W] first, then depth: both maxima and means of boxes can be taken so."""
    flat = merge(b, x, [0, 1], [2], [3], [4])
    planes = _pool_2d(b, flat, kind, window[1:], strides[1:], pads[1:], count_padding)
    n, depth, *_ = x.dims
    _, h, w, c = planes.dims
    columns = reshape(b, planes, [n, depth, h * w, c], x)
    pooled = _pool_2d(b, columns, kind, [window[0], 1], [strides[0], 1], [pads[0], (0, 0)], count_padding)
    return reshape(b, pooled, [n, pooled.dims[1], h, w, c], x, planes)


# -- the gradient of a pool -------------------------------------------------------------------------------------------

LARGEST_UNROLLED = 64
"""Windows with more elements than this are refused where each needs operations of its own."""


def select_and_scatter_add(
    b: Builder,
    x: Value,
    source: Value,
    kind: str,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> Value:
    """Adds each element of ``source`` where its window of ``x`` has its first maximum (or minimum): a pool's gradient.

    One slice of ``x`` for each place in the window is compared with the best of the others.
    """
    if int(np.prod(window)) > LARGEST_UNROLLED:
        raise UnsupportedError(f"the gradient of a pool over windows of {list(window)}", "use smaller windows")
    worst = identity_of(kind, x.type.dtype)
    padded = pad(b, x, list(padding), worst)
    idle = [w == s == 1 and tuple(p) == (0, 0) for w, s, p in zip(window, strides, padding, strict=True)]
    source = with_dims(source, [d if i else n for i, d, n in zip(idle, x.dims, source.dims, strict=True)])
    places = list(np.ndindex(*window))
    ends = [[p + (n - 1) * s + 1 for p, n, s in zip(at, source.dims, strides, strict=True)] for at in places]
    views = [slice_static(b, padded, at, end, strides) for at, end in zip(places, ends, strict=True)]
    best, winner = views[0], b.constant(np.array(0, np.int32))
    for number, view in enumerate(views[1:], 1):
        better = b.greater(view, best) if kind == "max" else b.less(view, best)
        winner = select(b, better, b.constant(np.array(number, np.int32)), winner)
        best = select(b, better, view, best)
    zero = b.constant(np.zeros((), x.type.dtype.numpy))
    total: Value | None = None
    for number, (at, end) in enumerate(zip(places, ends, strict=True)):
        share = select(b, b.equal(winner, b.constant(np.array(number, np.int32))), source, zero)
        spread = pad_interior(b, share, [s - 1 for s in strides])
        rest = [(p, d - e) for p, d, e in zip(at, padded.dims, end, strict=True)]
        placed = pad(b, spread, rest)
        total = placed if total is None else b.add(total, placed)
    assert total is not None
    return pad(b, total, [(-low, -high) for low, high in padding])
