"""Tensor contractions in matrix products with the fewest transpositions."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from litesmith.decompositions.byte_matmul import exact_parts, narrow
from litesmith.decompositions.shapes import cast, full, reshape, single, transpose, with_dims
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Dim, DType, Value
from litesmith.ir.dims import product

Axes = Sequence[int]

STACK_RANK, OUTER_RANK = 5, 4
"""Dimensions in which BATCH_MATMUL and MUL broadcast."""


def dot_general(
    b: Builder,
    x: Value,
    y: Value,
    contracting: tuple[Axes, Axes],
    batch: tuple[Axes, Axes] = ((), ()),
    dtype: DType | None = None,
) -> Value:
    """Products of ``x`` and ``y`` summed over the contracting dimensions, for each index of the batch dimensions.

    Returns [*batch, *rest of x, *rest of y] in element type ``dtype`` (default: that of ``x``). float32 becomes
    FULLY_CONNECTED (constant ``y``, no batch) or BATCH_MATMUL; float16 and bfloat16 are computed in float32; integers
    as an exact product and sum, 8-bit ones by float kernels that are exact for them (see `byte_matmul`).
    """
    dtype = dtype or x.type.dtype
    if x.type.dtype.is_float:
        x, y, compute = single(b, x), single(b, y), DType.FLOAT32
    elif x.type.dtype.is_integer and dtype.is_integer:
        compute = dtype if dtype in (DType.INT32, DType.INT64) else DType.INT32
    else:
        compute = dtype
    if compute in (DType.INT32, DType.INT64) and not (x.is_const and y.is_const):
        small = narrow(x), narrow(y)
        products = _byte_products(b, small[0], small[1], contracting, batch) if small[0] and small[1] else None
        if products is not None:
            return cast(b, products, dtype)
    left, right = _sides(cast(b, x, compute), cast(b, y, compute), contracting, batch)
    return cast(b, _contract(b, left, right), dtype)


@dataclass(frozen=True)
class _Side:
    """One operand with its dimensions by role; pairs of batch and contracting dimensions stand in the same order."""

    x: Value
    batch: tuple[int, ...]
    inner: tuple[int, ...]

    @property
    def free(self) -> tuple[int, ...]:
        taken = {*self.batch, *self.inner}
        return tuple(a for a in range(self.x.rank) if a not in taken)

    def dims(self, axes: Axes) -> list[Dim]:
        return [self.x.dims[a] for a in axes]


def _sides(x: Value, y: Value, contracting: tuple[Axes, Axes], batch: tuple[Axes, Axes]) -> tuple[_Side, _Side]:
    sides = (
        _Side(v, tuple(a % v.rank for a in b), tuple(a % v.rank for a in c))
        for v, b, c in zip((x, y), batch, contracting, strict=True)
    )
    left, right = sides
    for mine, theirs in ((left.batch, right.batch), (left.inner, right.inner)):
        sizes = list(zip(left.dims(mine), right.dims(theirs), strict=True))
        if any(isinstance(a, int) and isinstance(c, int) and a != c for a, c in sizes):
            raise UnsupportedError(f"{x.type} and {y.type} do not contract: sizes {sizes}", "make the sizes agree")
    return left, right


def _contract(b: Builder, left: _Side, right: _Side) -> Value:
    result = [*left.dims(left.batch), *left.dims(left.free), *right.dims(right.free)]
    sources = (left.x, right.x)
    if any(isinstance(d, int) and d == 0 for d in left.dims(left.inner)):  # sums of nothing
        return full(b, result, 0, left.x.type.dtype, *sources)
    if not left.inner and len(result) <= OUTER_RANK:
        return _outer_product(b, left, right)
    if left.x.type.dtype is not DType.FLOAT32 or not left.inner or not (left.free or right.free):
        return reshape(b, _multiply_and_sum(b, left, right), result, *sources)
    left, right = _best_order(left, right)
    multiply = _fully_connected if not left.batch and right.x.is_const else _batch_matmul
    if multiply is _batch_matmul and _is_stack(left) and right.free:
        multiply = _stack_by_matrix
    products = multiply(b, left, right)
    if products.rank == len(result) and (len(left.batch), len(left.free), len(right.free)) == (products.rank - 2, 1, 1):
        products = with_dims(products, result)  # batch sizes are equal, also where that is not known
    return reshape(b, products, result, *sources)


# -- layouts ----------------------------------------------------------------------------------------------------------


def _is_ordered(side: _Side, first: Axes, second: Axes) -> bool:
    """Whether the operand already lies as [batch, first, second], dimensions of size 1 aside."""
    axes = [a for a in (*side.batch, *first, *second) if side.x.dims[a] != 1]
    return axes == sorted(axes)


def _cost(side: _Side) -> int:
    """Transpositions needed to multiply this operand: none when it is a matrix or its adjoint."""
    if side.x.is_const:
        return 0
    return int(not (_is_ordered(side, side.free, side.inner) or _is_ordered(side, side.inner, side.free)))


def _best_order(left: _Side, right: _Side) -> tuple[_Side, _Side]:
    """The contracting dimensions in the order (the same on both sides) that needs the fewest transpositions."""
    count = len(left.inner)
    by_left = sorted(range(count), key=lambda i: left.inner[i])
    by_right = sorted(range(count), key=lambda i: right.inner[i])
    orders = [list(range(count)), by_left, by_right]
    pairs = [
        (
            _Side(left.x, left.batch, tuple(left.inner[i] for i in order)),
            _Side(right.x, right.batch, tuple(right.inner[i] for i in order)),
        )
        for order in orders
    ]
    return min(pairs, key=lambda pair: _cost(pair[0]) + _cost(pair[1]))


# -- products ---------------------------------------------------------------------------------------------------------


def _fully_connected(b: Builder, left: _Side, right: _Side) -> Value:
    """Product with constant weights, kept as [units, features]; a matrix has one row for each remaining index."""
    features = product(left.dims(left.inner))
    weights = reshape(
        b, transpose(b, right.x, [*right.free, *right.inner]), [product(right.dims(right.free)), features]
    )
    rows = reshape(b, transpose(b, left.x, [*left.free, *left.inner]), [*left.dims(left.free), features])
    products = b.fully_connected(rows, weights, None, keep_num_dims=rows.rank > 2)
    if rows.rank == 1:
        products = reshape(b, products, [weights.dims[0]])
    return products


def _byte_products(
    b: Builder, x: Value, y: Value, contracting: tuple[Axes, Axes], batch: tuple[Axes, Axes]
) -> Value | None:
    """Product of 8-bit integers as int32, by float kernels (see `byte_matmul`); None where these are not exact."""
    left, right = _sides(x, y, contracting, batch)
    if not left.inner or not (left.free or right.free):
        return None
    left, right = _best_order(left, right)
    inner = product(left.dims(left.inner))
    constant = not left.batch and y.is_const
    weights = _rows(b, right) if constant else None
    parts = exact_parts(x, y, inner, weights.x if weights is not None else None)
    if parts is None:
        return None
    multiply = _fully_connected if constant else _batch_matmul
    sums = []
    for part in parts:
        sides = _part(b, left, part, len(parts)), _part(b, weights or right, part, len(parts))
        products = multiply(b, *(replace(side, x=cast(b, side.x, DType.FLOAT32)) for side in sides))
        sums.append(cast(b, products, DType.INT32))
    result = [*left.dims(left.batch), *left.dims(left.free), *right.dims(right.free)]
    return reshape(b, functools.reduce(b.add, sums), result, x, y)


def _rows(b: Builder, side: _Side) -> _Side:
    """An operand without batch as a matrix [free, inner]."""
    ordered = transpose(b, side.x, [*side.free, *side.inner])
    matrix = reshape(b, ordered, [product(side.dims(side.free)), product(side.dims(side.inner))])
    return _Side(matrix, (), (1,))


def _part(b: Builder, side: _Side, part: tuple[int, int], count: int) -> _Side:
    """The operand restricted to a range of its contracted dimensions, which become one; as it is where that is all."""
    if count == 1:
        return side
    kept = [*side.batch, *side.free]
    dims = [*side.dims(kept), product(side.dims(side.inner))]
    flat = reshape(b, transpose(b, side.x, [*kept, *side.inner]), dims, side.x)
    begin = np.array([0] * len(kept) + [part[0]], np.int32)
    size = np.array([-1] * len(kept) + [part[1] - part[0]], np.int32)
    return _Side(b.slice(flat, begin, size), tuple(range(len(side.batch))), (len(kept),))


def _batch_matmul(b: Builder, left: _Side, right: _Side) -> Value:
    batches = [side.dims(side.batch) for side in (left, right)]
    if len(left.batch) > 3:
        batches = [[product(batch)] for batch in batches]
    rows, columns = product(left.dims(left.free)), product(right.dims(right.free))
    inner = product(left.dims(left.inner))
    adj_x = not _is_ordered(left, left.free, left.inner) and _is_ordered(left, left.inner, left.free)
    adj_y = not _is_ordered(right, right.inner, right.free) and _is_ordered(right, right.free, right.inner)
    x = _matrix(b, left, batches[0], (left.free, rows), (left.inner, inner), adj_x)
    y = _matrix(b, right, batches[1], (right.inner, inner), (right.free, columns), adj_y)
    return b.batch_matmul(x, y, adj_x=adj_x, adj_y=adj_y)


def _is_stack(side: _Side) -> bool:
    """Whether the operand is better seen as [..., rows, inner] than as one matrix, which takes changes of shape.

    Not where its matrices have one row each: together they are multiplied faster.
    """
    several = not side.batch and 1 < len(side.free) < STACK_RANK and side.x.dims[side.free[-1]] != 1
    return several and (_is_ordered(side, side.free, side.inner) or not _is_ordered(side, side.inner, side.free))


def _stack_by_matrix(b: Builder, left: _Side, right: _Side) -> Value:
    """Every matrix of a stack times one matrix."""
    inner = product(left.dims(left.inner))
    adjoint = not _is_ordered(right, right.inner, right.free) and _is_ordered(right, right.free, right.inner)
    x = transpose(b, left.x, [*left.free, *left.inner])
    x = reshape(b, x, [*left.dims(left.free), inner], left.x)
    y = _matrix(b, right, [], (right.inner, inner), (right.free, product(right.dims(right.free))), adjoint)
    return b.batch_matmul(x, y, adj_x=False, adj_y=adjoint)


def _outer_product(b: Builder, left: _Side, right: _Side) -> Value:
    """Element-wise products as [batch, rest of left, rest of right]."""
    wide, narrow = left.dims(left.free), right.dims(right.free)
    x, y = transpose(b, left.x, [*left.batch, *left.free]), transpose(b, right.x, [*right.batch, *right.free])
    batch = left.dims(left.batch)
    x = reshape(b, x, [*batch, *wide, *[1] * len(narrow)], x)
    if batch:
        y = reshape(b, y, [*batch, *[1] * len(wide), *narrow], y)
    return b.mul(x, y)


def _matrix(
    b: Builder, side: _Side, batch: list[Dim], rows: tuple[Axes, Dim], columns: tuple[Axes, Dim], adjoint: bool
) -> Value:
    first, second = (columns, rows) if adjoint else (rows, columns)
    ordered = transpose(b, side.x, [*side.batch, *first[0], *second[0]])
    return reshape(b, ordered, [*batch, first[1], second[1]])


def _multiply_and_sum(b: Builder, left: _Side, right: _Side) -> Value:
    """Element-wise products as [batch, rows, columns, inner], summed over the last: exact for integers."""
    batch = product(left.dims(left.batch))
    rows, columns = product(left.dims(left.free)), product(right.dims(right.free))
    inner = product(left.dims(left.inner))
    x = reshape(b, transpose(b, left.x, [*left.batch, *left.free, *left.inner]), [batch, rows, 1, inner])
    y = reshape(b, transpose(b, right.x, [*right.batch, *right.free, *right.inner]), [batch, 1, columns, inner])
    products = b.mul(x, y)
    if not left.inner:
        return products
    return b.sum(products, [3], keep_dims=False)
