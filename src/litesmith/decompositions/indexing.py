"""Slices whose place is known only when the model runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import broadcast_to, cast, move_axis, reshape, shape_vector, with_dims
from litesmith.ir import Builder, Dim, DType, Sym, Value
from litesmith.ir.dims import non_negative, substitute, symbol_names


def start_vector(b: Builder, starts: Sequence[Value | int]) -> Value:
    """Start indices (scalars of any integer type, or ints) as an int32 vector."""
    parts = [
        reshape(b, cast(b, s, DType.INT32), ()) if isinstance(s, Value) else b.constant(np.array(s, np.int32))
        for s in starts
    ]
    return b.pack(*parts, axis=0) if len(parts) > 1 else b.reshape(parts[0], [1])


def clamp(b: Builder, x: Value, low: Value | int, high: Value | int) -> Value:
    """``x`` brought into low … high."""
    return b.minimum(b.maximum(x, low), high)


def known_start(start: Value | int, size: Dim, count: Dim) -> Dim | None:
    """A start index known while converting, brought within bounds; None where the model has to find it.

    Sizes are at least ``count`` wherever the slice means anything, so named ones are taken to be at least 1.
    """
    if size == count:
        return 0
    if isinstance(start, Value) and (start.sym is None or start.type.count != 1):
        return None
    place: Dim = start.sym.reshape(-1)[0] if isinstance(start, Value) and start.sym is not None else start  # type: ignore[assignment]
    limit = size - count
    if isinstance(place, int) and isinstance(limit, int):
        return min(max(place, 0), limit)
    return place if _certain(place) and _certain(limit - place) else None


def _certain(dim: Dim) -> bool:
    """Whether a number is at least 0 when every named size is at least 1."""
    return non_negative(substitute(dim, {name: Sym.named(name) + 1 for name in symbol_names(dim)}))


def dynamic_slice(b: Builder, x: Value, starts: Sequence[Value | int], sizes: Sequence[Dim]) -> Value:
    """``sizes`` elements of each dimension from ``starts`` on, moved as far as needed to lie within ``x``.

    starts: one scalar (or int) for each dimension.
    """
    if not x.rank:
        return x
    known = [known_start(*row) for row in zip(starts, x.dims, sizes, strict=True)]
    places = [k for k in known if k is not None]
    if len(places) == len(known):
        return slice_static(b, x, places, [k + n for k, n in zip(places, sizes, strict=True)])
    vector = start_vector(b, [s if not isinstance(k, int) else k for s, k in zip(starts, known, strict=True)])
    limits = shape_vector(b, [d - n for d, n in zip(x.dims, sizes, strict=True)], x)
    inside = clamp(b, vector, b.constant(np.zeros(1, np.int32)), limits)
    part = b.slice(x, inside, shape_vector(b, sizes, x))
    return with_dims(part, sizes)


def dynamic_update_slice(b: Builder, x: Value, update: Value, starts: Sequence[Value | int]) -> Value:
    """``x`` with the part that begins at ``starts`` (moved to lie within) replaced by ``update``."""
    if update.type.shape == x.type.shape:
        return update
    vector = start_vector(b, [0 if d == u else s for d, u, s in zip(x.dims, update.dims, starts, strict=True)])
    return b.dynamic_update_slice(x, update, vector)


def take_along_axis(b: Builder, x: Value, indices: Value, axis: int) -> Value:
    """NumPy's take_along_axis for indices within range; the other dimensions broadcast."""
    axis %= x.rank
    last = x.rank - 1
    if axis != last:
        taken = take_along_axis(b, move_axis(b, x, axis, last), move_axis(b, indices, axis, last), last)
        return move_axis(b, taken, last, axis)
    rows = [d if d != 1 else e for d, e in zip(x.dims[:-1], indices.dims[:-1], strict=True)]
    x = broadcast_to(b, x, [*rows, x.dims[-1]], indices)
    indices = broadcast_to(b, indices, [*rows, indices.dims[-1]], x)
    return b.gather(x, indices, axis=last, batch_dims=last)
