"""Padding and cropping with any number, any sign, also between the elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.shapes import always, merge, reshape, shape_vector, with_dims
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Dim, Sym, Value
from litesmith.ir.dims import non_negative


def pad(b: Builder, x: Value, pads: Sequence[tuple[Dim, Dim]], fill: float | int | bool | Value = 0) -> Value:
    """``x`` with ``low`` and ``high`` elements of ``fill`` added at the ends of each dimension; negative ones crop.

    fill: a number, or a scalar value of the type of ``x``.
    """
    x = crop(b, x, [(_amount_to_cut(low), _amount_to_cut(high)) for low, high in pads])
    added = [(_amount_to_add(low), _amount_to_add(high)) for low, high in pads]
    if all(p == (0, 0) for p in added):
        return x
    if x.rank > 5:
        return _pad_high_rank(b, x, added, fill)
    vector = shape_vector(b, [d for pair in added for d in pair], x)
    paddings = b.reshape(vector, [x.rank, 2])
    if not isinstance(fill, Value) and fill == 0 and not np.signbit(fill):
        padded = b.pad(x, paddings)
    else:
        padded = b.padv2(x, paddings, fill if isinstance(fill, Value) else np.array(fill, x.type.dtype.numpy))
    return padded


def _amount_to_cut(amount: Dim) -> Dim:
    if isinstance(amount, Sym):
        if non_negative(amount) or always(lambda n: n >= 0, amount):
            return 0
        if non_negative(-amount) or always(lambda n: n <= 0, amount):
            return -amount
        raise UnsupportedError(f"padding by the unknown size {amount} of unknown sign", "give the input a fixed shape")
    return max(-amount, 0)


def _amount_to_add(amount: Dim) -> Dim:
    if isinstance(amount, Sym):
        return 0 if _amount_to_cut(amount) != 0 else amount
    return max(amount, 0)


def _pad_high_rank(b: Builder, x: Value, pads: list[tuple[Dim, Dim]], fill: float | int | bool | Value) -> Value:
    """More dimensions than the kernel takes: neighbours that are not padded become one."""
    groups = _mergeable([amount == (0, 0) for amount in pads], "padding")
    padded = pad(b, merge(b, x, *groups), [pads[g[0]] for g in groups], fill)
    return reshape(b, padded, [d + p[0] + p[1] for d, p in zip(x.dims, pads, strict=True)], x)


def crop(b: Builder, x: Value, cuts: Sequence[tuple[Dim, Dim]]) -> Value:
    """``x`` without the first ``low`` and last ``high`` elements of each dimension."""
    if all(c == (0, 0) for c in cuts):
        return x
    ends = [d - high for d, (_, high) in zip(x.dims, cuts, strict=True)]
    return slice_static(b, x, [low for low, _ in cuts], ends)


def slice_static(
    b: Builder, x: Value, begin: Sequence[Dim], end: Sequence[Dim], strides: Sequence[int] | None = None
) -> Value:
    """``x[begin:end:stride]`` in every dimension, all within bounds, strides positive.

    An end that is the whole dimension is masked, so that an unknown size costs nothing.
    """
    steps = [int(s) for s in strides] if strides is not None else [1] * x.rank
    whole = [e == d for e, d in zip(end, x.dims, strict=True)]
    if all(whole) and not any(isinstance(f, Sym) or f for f in begin) and set(steps) <= {1}:
        return x
    if x.rank > 5:
        return _slice_high_rank(b, x, begin, end, steps)
    first = [_from_end(f, d) for f, d in zip(begin, x.dims, strict=True)]
    last = [0 if w else _from_end(e, d) for w, e, d in zip(whole, end, x.dims, strict=True)]
    part = b.strided_slice(
        x,
        shape_vector(b, first, x),
        shape_vector(b, last, x),
        np.array(steps, np.int32),
        end_mask=sum(1 << i for i, w in enumerate(whole) if w),
        begin_mask=sum(1 << i for i, f in enumerate(begin) if not isinstance(f, Sym) and f == 0),
    )
    return with_dims(part, [(e - f + s - 1) // s for f, e, s in zip(begin, end, steps, strict=True)])


def _from_end(place: Dim, size: Dim) -> Dim:
    """A place known only from the end of its dimension, as the negative number the kernel counts from there."""
    distance = place - size
    return distance if isinstance(place, Sym) and isinstance(distance, int) and distance < 0 else place


def _mergeable(whole: Sequence[bool], doing: str) -> list[list[int]]:
    """The axes in groups of neighbours that stay as they are. Raises UnsupportedError for more than five groups."""
    groups: list[list[int]] = []
    for axis, is_whole in enumerate(whole):
        if groups and is_whole and whole[groups[-1][0]]:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    if len(groups) > 5:
        raise UnsupportedError(f"{doing} a tensor of rank {len(whole)}", "reshape it to at most five dimensions")
    return groups


def _slice_high_rank(b: Builder, x: Value, begin: Sequence[Dim], end: Sequence[Dim], steps: list[int]) -> Value:
    """More dimensions than the kernel takes: neighbours taken whole become one."""
    kept = [
        not isinstance(f, Sym) and f == 0 and e == d and s == 1
        for f, e, d, s in zip(begin, end, x.dims, steps, strict=True)
    ]
    groups = _mergeable(kept, "slicing")
    first = [g[0] for g in groups]
    merged = merge(b, x, *groups)
    stops = [size if kept[a] else end[a] for size, a in zip(merged.dims, first, strict=True)]
    part = slice_static(b, merged, [begin[a] for a in first], stops, [steps[a] for a in first])
    dims = [(e - f + s - 1) // s for f, e, s in zip(begin, end, steps, strict=True)]
    return reshape(b, part, dims, x)


def pad_interior(b: Builder, x: Value, interior: Sequence[int], fill: float | int | bool | Value = 0) -> Value:
    """``x`` with that many elements of ``fill`` between neighbours of each dimension."""
    if not any(interior):
        return x
    number = fill if isinstance(fill, Value) else b.constant(np.array(fill, x.type.dtype.numpy))
    return b.dilate(x, np.array([i + 1 for i in interior], np.int32), number)
