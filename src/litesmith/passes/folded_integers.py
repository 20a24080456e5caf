"""What a folded constant is made of: integers, zero points and scales, read off without computing it.

    (q - z) * s / a         q: int8[32, 64], z and s: [32, 1], a: [1, 64]

A constant remembers the operation it was folded from (`Constant.made_by`), and so do that operation's operands. The
integers come out as they are stored, the other factors as tables: arrays with the constant's rank that are 1 long where
they do not vary. So weights of hundreds of megabytes are understood by looking at their integers and a few vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import prod
from typing import NamedTuple

import numpy as np

from litesmith.ir.constant import Array, Constant
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ops.elementwise import ADD, DIV, MUL, SUB
from litesmith.ops.layout import TRANSPOSE
from litesmith.ops.unary import CAST
from litesmith.passes.match import activation

SAFE = 2.0**100
"""Scales and all their products are within 1 / SAFE and SAFE, or the order they are multiplied in would matter."""

SLAB = 1 << 18
"""Elements of large tables that are looked at together."""

LARGEST_ZERO = 1 << 12
"""Zero points are not larger than this; those of 8-bit weights are not larger than 255."""

EXACT = {DType.FLOAT32: 1 << 24, DType.FLOAT16: 1 << 11, DType.BFLOAT16: 1 << 8}
"""Integers up to this are exact in a float type."""


class Affine(NamedTuple):
    """A constant as ``(integers - zeros) * product of scales``.

    integers: the constant's shape, any integer type. zeros: an integer table. scales: tables of floats, not negative
    or 0 unless said; none where the constant is the integers.
    """

    integers: Array
    zeros: Array
    scales: tuple[Array, ...] = ()


def affine(const: Constant) -> Affine | None:
    """What the constant was folded from. None where it is anything but integers that were shifted and scaled.

    The products are those of exact arithmetic: the constant differs from them by the rounding of each step. That is
    2^-9 where a step was made in bfloat16; the runtime computes in float32 what the source computes in 16 bits.
    """
    op = const.made_by
    if op is None or activation(op) != "NONE":
        return None
    first, *others = (v.const for v in op.inputs if v.const is not None)
    if op.defn is CAST:
        return _cast(first, const)
    if op.defn.traits & Trait.MOVES_DATA:
        inner = affine(first)
        return None if inner is None else _apply_movement(op, inner, others, const.shape)
    if op.defn not in (MUL, DIV, ADD, SUB):
        return None
    (second,) = others
    inner = affine(first)
    if inner is None and op.defn.traits & Trait.COMMUTATIVE:
        inner, second = affine(second), first
    return None if inner is None or inner.integers.shape != const.shape else _combine(op.defn, inner, second)


def _cast(source: Constant, const: Constant) -> Affine | None:
    """Integers as floats, or floats as others: of more bits, or as long as they are integers that have few enough."""
    if const.dtype not in EXACT:
        return None
    if source.dtype.is_integer:
        form = Affine(source.array(), np.zeros((1,) * len(const.shape), np.int32))
        return form if _is_exact(form, const.dtype) else None
    before = affine(source)
    if before is None or EXACT[const.dtype] >= EXACT.get(source.dtype, 0) or _is_exact(before, const.dtype):
        return before
    return None


def _is_exact(found: Affine, dtype: DType) -> bool:
    most = max(abs(int(part)) for t in (found.integers, found.zeros) for part in (t.min(), t.max()))
    return not found.scales and most <= EXACT[dtype]


def _combine(defn: OpDef, inner: Affine, other: Constant) -> Affine | None:
    """Shifted or scaled integers, times or by or less another constant."""
    wide = other.unrounded_array()
    values = table(wide if wide.dtype == np.float64 else wide.astype(np.float32, copy=False), inner.integers.ndim)
    if defn in (MUL, DIV):
        with np.errstate(divide="ignore"):
            factor = values if defn is MUL else 1 / values.astype(np.float64)
        return inner._replace(scales=(*inner.scales, factor))
    if defn in (SUB, ADD) and not inner.scales and _is_zero_point(values):
        shift = np.rint(values).astype(np.int32)
        return inner._replace(zeros=table(inner.zeros + (shift if defn is SUB else -shift)))
    return None


def _is_zero_point(values: Array) -> bool:
    return bool(np.all(values == np.clip(np.rint(values), -LARGEST_ZERO, LARGEST_ZERO)))


def transpose_affine(found: Affine) -> Affine:
    """The transpose of a matrix."""
    return Affine(found.integers.T, found.zeros.T, tuple(scale.T for scale in found.scales))


def range_obstacle(scales: Sequence[Array]) -> str | None:
    """Why the product of the scales may differ from what multiplying the integers by one after the other gives."""
    low = high = 1.0
    for scale in scales:
        sizes = np.abs(scale)
        least, most = float(sizes.min()), float(sizes.max())
        if not (least > 0 and most < np.inf):
            return "a scale is not a positive number"
        low, high = low * least, high * most
        if not (low > 1 / SAFE and high < SAFE):
            return "the scales are beyond what can be multiplied in any order"
    return None


# -- tables -----------------------------------------------------------------------------------------------------------


def table(array: Array, rank: int = 0) -> Array:
    """The array (with at least ``rank`` dimensions), 1 long where all that is along a dimension is the same."""
    array = array.reshape((1,) * (rank - array.ndim) + array.shape)
    for axis in range(array.ndim):
        first = array.take([0], axis)
        if array.shape[axis] > 1 and np.all(array.take([-1], axis) == first) and np.all(array == first):
            array = first
    return array


def product(tables: Sequence[Array], rank: int) -> Array:
    """The tables multiplied, as a table."""
    factors = np.ones((1,) * rank)
    for factor in tables:
        factors = factors * factor
    return table(factors)


def varying_axes(tables: Sequence[Array]) -> list[int]:
    """The dimensions along which any of the tables varies."""
    return sorted({axis for t in tables for axis, size in enumerate(t.shape) if size > 1})


def column_groups(tables: Sequence[Array], length: int) -> Array:
    """A number for each place along the last dimension; the same number where all the tables are the same.

    Columns are told apart by sums of their bits with random factors, and compared then.
    """
    rows = [t.reshape(-1, length) for t in tables if t.shape[-1] > 1]
    draw = np.random.default_rng(0)
    sums = np.zeros(length, np.uint64)
    for slab in (part for matrix in rows for part in _slabs(matrix)):
        bits = np.ascontiguousarray(slab).view(f"u{slab.itemsize}").astype(np.uint64)
        sums += (bits * draw.integers(1, 1 << 63, (len(slab), 1), np.uint64)).sum(axis=0, dtype=np.uint64)
    _, first, groups = np.unique(sums, return_index=True, return_inverse=True)
    alike = all(np.array_equal(slab, slab[:, first[groups]]) for matrix in rows for slab in _slabs(matrix))
    return np.argsort(np.argsort(first))[groups] if alike else np.arange(length)


def _slabs(matrix: Array) -> Iterator[Array]:
    """Some rows at a time."""
    step = max(1, SLAB // max(1, matrix.shape[1]))
    yield from (matrix[start : start + step] for start in range(0, len(matrix), step))


# -- moves ------------------------------------------------------------------------------------------------------------


def _apply_movement(op: Op, inner: Affine, others: Sequence[Constant], shape: tuple[int, ...]) -> Affine | None:
    """What a data movement does to integers and tables."""
    integers = _evaluate(op, inner.integers, others)
    if integers.shape != shape:
        return None
    zeros, *scales = (_move_table(op, t, inner.integers.shape, others, shape) for t in (inner.zeros, *inner.scales))
    return Affine(integers, zeros, tuple(scales))


def _evaluate(op: Op, part: Array, others: Sequence[Constant]) -> Array:
    assert op.defn.evaluate is not None
    return np.asarray(op.defn.evaluate(part, *(c.array() for c in others), **op.attrs))


def _move_table(op: Op, part: Array, old: tuple[int, ...], others: Sequence[Constant], new: tuple[int, ...]) -> Array:
    """What the movement does to a table; the constant had shape ``old`` and has shape ``new`` now."""
    if op.defn is TRANSPOSE:
        return _evaluate(op, part, others)
    if prod(old) == prod(new) and bool(op.defn.traits & Trait.KEEPS_ORDER):
        return reshape_table(part, old, new)
    return table(_evaluate(op, np.broadcast_to(part, old), others))


def reshape_table(part: Array, old: tuple[int, ...], new: tuple[int, ...]) -> Array:
    """The table of a constant of shape ``old`` when that is reshaped to ``new``.

    Dimensions that are split or joined stay 1 where the table does not vary along any of them.
    """
    expanded: list[int] = []
    target: list[int] = []
    for olds, news in _matching_runs(old, new):
        sizes = part.shape[len(expanded) : len(expanded) + len(olds)]
        varies = any(size > 1 for size in sizes)
        expanded += olds if varies else sizes
        target += news if varies else [1] * len(news)
    return np.broadcast_to(part, expanded).reshape(target)


def _matching_runs(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Runs of old and of new dimensions that hold the same number of elements, each as short as can be."""
    olds, news = list(old), list(new)
    while olds or news:
        left, right = olds[:1], news[:1]
        del olds[:1], news[:1]
        while prod(left) != prod(right) or not (olds and news):
            source, run = (olds, left) if olds and (prod(left) < prod(right) or not news) else (news, right)
            if not source:
                break
            run.append(source.pop(0))
        yield left, right


def run_lengths(numbers: Sequence[int] | Array) -> list[int]:
    """How often each number stands in a row, in order."""
    return [len(list(run)) for _, run in groupby(numbers)]
