"""Sorting, by TOPK_V2: largest first and stable, which makes every other order by a key that turns it round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.indexing import take_along_axis
from litesmith.decompositions.shapes import bitcast, cast, dim_value, move_axis, reshape, single, static_int
from litesmith.decompositions.special import is_nan, number
from litesmith.ir import Builder, DType, Value
from litesmith.ir.dims import product


def ascending_key(b: Builder, x: Value) -> Value:
    """An integer tensor ordered as ``x``: NaN above everything, -0 and 0 equal."""
    dtype = x.type.dtype
    if dtype is DType.BOOL:
        return cast(b, x, DType.INT32)
    if not dtype.is_float:
        return cast(b, x, DType.INT64 if dtype in (DType.INT64, DType.UINT32) else DType.INT32)
    x = single(b, x)
    plain = b.add(x, number(b, 0, x))
    bits = bitcast(b, select(b, is_nan(b, x), number(b, np.nan, x), plain), DType.INT32)
    zero = b.constant(np.array(0, np.int32))
    flipped = b.sub(b.constant(np.array(np.iinfo(np.int32).min, np.int32)), bits)
    return select(b, b.less(bits, zero), flipped, bits)


def reverse_order(b: Builder, key: Value) -> Value:
    """An integer key of the opposite order: -1 - key never overflows."""
    return b.sub(b.constant(np.array(-1, key.type.dtype.numpy)), key)


def _rows(b: Builder, x: Value) -> Value:
    return reshape(b, x, [product(x.dims[:-1]), x.dims[-1]]) if x.rank > 2 else x


def argsort_last(b: Builder, key: Value, descending: bool = False) -> Value:
    """Stable order of integer keys along the last dimension: int32 indices."""
    rows = _rows(b, key if descending else reverse_order(b, key))
    _, order = b.topk_v2(rows, dim_value(b, key, key.rank - 1))
    return reshape(b, order, key.dims, key)


def argsort(b: Builder, x: Value, axis: int = -1, descending: bool = False) -> Value:
    """Stable order of the elements along ``axis``, as int32 indices."""
    axis %= x.rank
    key = ascending_key(b, move_axis(b, x, axis, x.rank - 1))
    return move_axis(b, argsort_last(b, key, descending), x.rank - 1, axis)


def sort(b: Builder, operands: Sequence[Value], axis: int = -1, keys: int = 1, descending: bool = False) -> list[Value]:
    """All operands in the order that sorts the first ``keys`` of them along ``axis``, stably; earlier keys count more.

    NaN sorts above everything.
    """
    axis %= operands[0].rank
    last = operands[0].rank - 1
    if operands[0].dims[axis] in (0, 1):
        return list(operands)
    moved = [move_axis(b, x, axis, last) for x in operands]
    order: Value | None = None
    for x in reversed(moved[:keys]):
        key = ascending_key(b, x)
        if order is None:
            order = argsort_last(b, key, descending)
        else:
            finer = argsort_last(b, _take_in_order(b, key, order), descending)
            order = _take_in_order(b, order, finer)
    assert order is not None
    return [move_axis(b, _take_in_order(b, x, order), last, axis) for x in moved]


def _take_in_order(b: Builder, x: Value, order: Value) -> Value:
    return take_along_axis(b, x, order, x.rank - 1)


def topk(b: Builder, x: Value, k: int, axis: int = -1, largest: bool = True) -> tuple[Value, Value]:
    """The ``k`` largest (or smallest) elements along ``axis`` and their int32 indices, of equal ones the first.

    NaN counts as above everything.
    """
    axis %= x.rank
    moved = move_axis(b, x, axis, x.rank - 1)
    key = ascending_key(b, moved)
    if not largest:
        key = reverse_order(b, key)
    static_int(k, "top_k")
    _, order = b.topk_v2(_rows(b, key), np.array(k, np.int32))
    order = reshape(b, order, [*moved.dims[:-1], k], moved)
    values = _take_in_order(b, moved, order)
    return move_axis(b, values, x.rank - 1, axis), move_axis(b, order, x.rank - 1, axis)
