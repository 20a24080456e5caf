"""Slices whose place is known only when the model runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import broadcast_to, cast, reshape, shape_vector
from litesmith.ir import Builder, Dim, DType, Value


def start_vector(b: Builder, starts: Sequence[Value | int]) -> Value:
    """Start indices (scalars of any integer type, or ints) as an int32 vector."""
    parts = [
        reshape(b, cast(b, s, DType.INT32), ()) if isinstance(s, Value) else b.constant(np.array(s, np.int32))
        for s in starts
    ]
    packed: Value = b.pack(*parts, axis=0) if len(parts) > 1 else b.reshape(parts[0], [1])
    return packed


def clamp(b: Builder, x: Value, low: Value | int, high: Value | int) -> Value:
    """``x`` brought into low … high."""
    made: Value = b.minimum(b.maximum(x, low), high)
    return made


def clamped_starts(b: Builder, x: Value, starts: Sequence[Value | int], sizes: Sequence[Dim]) -> Value:
    """Start indices brought to where a slice of these sizes lies within ``x``, as an int32 vector."""
    whole = [d == s for d, s in zip(x.dims, sizes, strict=True)]
    vector = start_vector(b, [0 if w else s for w, s in zip(whole, starts, strict=True)])
    if all(whole):
        return vector
    limits = shape_vector(b, [d - s for d, s in zip(x.dims, sizes, strict=True)], x)
    zero = b.constant(np.zeros(1, np.int32))
    return clamp(b, vector, zero, limits)


def dynamic_slice(b: Builder, x: Value, starts: Sequence[Value | int], sizes: Sequence[Dim]) -> Value:
    """``sizes`` elements of each dimension from ``starts`` on, moved as far as needed to lie within ``x``.

    starts: one scalar (or int) for each dimension.
    """
    if not x.rank:
        return x
    vector = clamped_starts(b, x, starts, sizes)
    if vector.sym is not None:
        begin = list(vector.sym)
        return slice_static(b, x, begin, [f + s for f, s in zip(begin, sizes, strict=True)])
    made: Value = b.slice(x, vector, shape_vector(b, sizes, x))
    return made


def dynamic_update_slice(b: Builder, x: Value, update: Value, starts: Sequence[Value | int]) -> Value:
    """``x`` with the part that begins at ``starts`` (moved to lie within) replaced by ``update``."""
    if update.type.shape == x.type.shape:
        return update
    vector = start_vector(b, [0 if d == u else s for d, u, s in zip(x.dims, update.dims, starts, strict=True)])
    made: Value = b.dynamic_update_slice(x, update, vector)
    return made


def take_along_axis(b: Builder, x: Value, indices: Value, axis: int) -> Value:
    """NumPy's take_along_axis for indices within range; the other dimensions broadcast."""
    axis %= x.rank
    last = x.rank - 1
    if axis != last:
        from litesmith.decompositions.shapes import move_axis

        taken = take_along_axis(b, move_axis(b, x, axis, last), move_axis(b, indices, axis, last), last)
        return move_axis(b, taken, last, axis)
    rows = [d if d != 1 else e for d, e in zip(x.dims[:-1], indices.dims[:-1], strict=True)]
    x = broadcast_to(b, x, [*rows, x.dims[-1]], indices)
    indices = broadcast_to(b, indices, [*rows, indices.dims[-1]], x)
    made: Value = b.gather(x, indices, axis=last, batch_dims=last)
    return made
