"""Matrix factorizations and linear equations, by the direct methods of LAPACK, a column at a time.

Every function takes stacks of float32 matrices ``[..., rows, columns]`` of static sizes; what stands in front may be
unknown. Small matrices are written out, larger ones become a loop over the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.rnn import loop
from litesmith.decompositions.shapes import (
    broadcast_to,
    cast,
    full,
    reshape,
    static_int,
    transpose,
)
from litesmith.decompositions.special import is_nan, number
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Dim, DType, Value

UNROLLED = 6
"""Matrices of at most this many columns are written out."""

Step = Callable[[Builder, Value, list[Value]], list[Value]]


# -- stacks of matrices as tensors of rank 3, and their parts ---------------------------------------------------------


@dataclass(frozen=True)
class Stack:
    """Matrices as ``[batch, rows, columns]``, and the dimensions that were in front."""

    value: Value
    front: tuple[Dim, ...]

    def restore(self, b: Builder, made: Value) -> Value:
        """A result ``[batch, …]`` with the dimensions it had in front."""
        return reshape(b, made, [*self.front, *made.dims[1:]], self.value)


def stack_matrices(b: Builder, x: Value) -> Stack:
    """The matrices of `x` in one row. Raises UnsupportedError for other numbers than float32."""
    if x.type.dtype is not DType.FLOAT32:
        raise UnsupportedError(f"factorizations of {x.type.dtype} matrices", "convert to float32", code="LS012")
    total: Dim = 1
    for size in x.dims[:-2]:
        total = total * size
    rows, columns = sizes_of(x)
    return Stack(reshape(b, x, [total, rows, columns]), x.dims[:-2])


def sizes_of(x: Value) -> tuple[int, int]:
    """Rows and columns of the matrices. Raises UnsupportedError where they are unknown."""
    return static_int(x.dims[-2], "the rows of a matrix"), static_int(x.dims[-1], "the columns of a matrix")


def adjoint(b: Builder, x: Value) -> Value:
    """The matrices transposed."""
    return transpose(b, x, [*range(x.rank - 2), x.rank - 1, x.rank - 2])


def steps(b: Builder, count: int, step: Step, state: Sequence[Value], name: str) -> list[Value]:
    """``step`` with 0, 1, … as an int32 scalar, one after another: written out, or a loop where they are many."""
    values = list(state)
    if count <= UNROLLED:
        for k in range(count):
            values = step(b, _int(b, k), values)
        return values

    def condition(cb: Builder, inner: list[Value]) -> Value:
        return cb.less(inner[0], _int(cb, count))

    def body(bb: Builder, inner: list[Value]) -> list[Value]:
        return [bb.add(inner[0], _int(bb, 1)), *step(bb, inner[0], inner[1:])]

    return loop(b, condition, body, [_int(b, 0), *values], name)[1:]


def _int(b: Builder, value: int) -> Value:
    return b.constant(np.array(value, np.int32))


def _line(b: Builder, count: int, axis: int) -> Value:
    """0, 1, … along the rows (axis 1) or columns (axis 2)."""
    return b.constant(np.arange(count, dtype=np.int32).reshape([1, count, 1] if axis == 1 else [1, 1, count]))


def _at(b: Builder, x: Value, k: Value, axis: int) -> Value:
    """Row (axis 1) or column (axis 2) k, its dimension kept."""
    return b.gather(x, reshape(b, k, [1]), axis=axis)


def _entry(b: Builder, x: Value, k: Value) -> Value:
    """The element on the diagonal, [batch, 1, 1]."""
    return _at(b, _at(b, x, k, 1), k, 2)


def _zero_unless(b: Builder, where: Value, x: Value) -> Value:
    """``x`` where the condition holds, 0 elsewhere."""
    return select(b, where, x, number(b, 0, x))


def _zeros(b: Builder, like: Value, rows: int, columns: int) -> Value:
    return full(b, [like.dims[0], rows, columns], 0, DType.FLOAT32, like)


def _upper(b: Builder, x: Value) -> Value:
    """The upper triangle, zeros below it."""
    rows, columns = sizes_of(x)
    return _zero_unless(b, b.constant(~np.tri(rows, columns, -1, bool)), x)


# -- Cholesky ---------------------------------------------------------------------------------------------------------


def cholesky(b: Builder, x: Value) -> Value:
    """The lower triangle l with l lᵀ = x, from the lower triangle of x; NaN all over where a pivot is not positive."""
    stack = stack_matrices(b, x)
    n, _ = sizes_of(x)
    rows, columns = _line(b, n, 1), _line(b, n, 2)

    def step(b: Builder, k: Value, state: list[Value]) -> list[Value]:
        rest, made, failed = state
        pivot = _entry(b, rest, k)
        column = b.div(_at(b, rest, k, 2), b.sqrt(pivot))
        column = _zero_unless(b, b.greater_equal(rows, k), column)
        made = select(b, b.equal(columns, k), column, made)
        rest = b.sub(rest, b.mul(column, reshape(b, column, [column.dims[0], 1, n])))
        return [rest, made, b.logical_or(failed, b.less_equal(pivot, number(b, 0, pivot)))]

    start = [_zeros(b, stack.value, n, n), full(b, [stack.value.dims[0], 1, 1], False, DType.BOOL, stack.value)]
    _, made, failed = steps(b, n, step, [stack.value, *start], "cholesky")
    lost = b.logical_and(failed, b.constant(np.tri(n, dtype=bool)[None]))
    return stack.restore(b, select(b, lost, number(b, np.nan, made), made))


# -- triangular equations ---------------------------------------------------------------------------------------------


def triangular_solve(b: Builder, a: Value, y: Value, lower: bool, unit_diagonal: bool = False) -> Value:
    """x with a x = y, of one triangle of a: [..., n, n] and [..., n, columns], the same dimensions in front."""
    stack, right = stack_matrices(b, a), stack_matrices(b, y)
    n, width = sizes_of(y)
    rows = _line(b, n, 1)

    def step(b: Builder, index: Value, state: list[Value]) -> list[Value]:
        matrix, rest, made = state
        k = index if lower else b.sub(_int(b, n - 1), index)
        row = _at(b, rest, k, 1)
        if not unit_diagonal:
            row = b.div(row, _entry(b, matrix, k))
        beyond = b.greater(rows, k) if lower else b.less(rows, k)
        factors = _zero_unless(b, beyond, _at(b, matrix, k, 2))
        return [matrix, b.sub(rest, b.mul(factors, row)), select(b, b.equal(rows, k), row, made)]

    state = [stack.value, right.value, _zeros(b, right.value, n, width)]
    return right.restore(b, steps(b, n, step, state, "triangular_solve")[2])


# -- elimination ------------------------------------------------------------------------------------------------------


def lu(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """Elimination with exchanges of rows: both triangles in one, the row each step took, and the order of the rows.

    x: [..., m, n]; the second result is [..., min(m, n)] and the third [..., m], both int32. Row i of the product of
    the triangles (ones on the lower one's diagonal) is row order[i] of x.
    """
    stack = stack_matrices(b, x)
    m, n = sizes_of(x)
    count = min(m, n)
    rows, columns = _line(b, m, 1), _line(b, n, 2)
    line = b.constant(np.arange(m, dtype=np.int32)[None])

    def step(b: Builder, k: Value, state: list[Value]) -> list[Value]:
        matrix, taken, order = state
        sizes = b.abs(_at(b, matrix, k, 2))
        unordered = select(b, b.equal(rows, k), number(b, np.inf, sizes), number(b, -1, sizes))  # as BLAS takes NaN
        sizes = select(b, is_nan(b, sizes), unordered, sizes)
        sizes = select(b, b.greater_equal(rows, k), sizes, number(b, -1, sizes))
        best = b.arg_max(reshape(b, sizes, [sizes.dims[0], m]), np.array(1, np.int32), output_type=DType.INT32)
        best = reshape(b, best, [sizes.dims[0], 1])
        swap = _exchange(b, line, k, best)
        matrix = b.gather(matrix, swap, axis=1, batch_dims=1)
        order = b.gather(order, swap, axis=1, batch_dims=1)
        taken = select(b, b.equal(b.constant(np.arange(count, dtype=np.int32)[None]), k), best, taken)
        return [_eliminate(b, matrix, k, rows, columns), taken, order]

    batch = stack.value.dims[0]
    start = [full(b, [batch, count], 0, DType.INT32, stack.value), broadcast_to(b, line, [batch, m], stack.value)]
    made = steps(b, count, step, [stack.value, *start], "lu")
    matrix, taken, order = (stack.restore(b, v) for v in made)
    return matrix, taken, order


def _exchange(b: Builder, line: Value, k: Value, other: Value) -> Value:
    """0, 1, … with k and the other index (one for each matrix) in each other's place."""
    return select(b, b.equal(line, k), other, select(b, b.equal(line, other), k, line))


def _eliminate(b: Builder, matrix: Value, k: Value, rows: Value, columns: Value) -> Value:
    """A step of the elimination: multiples of row k taken from those below, the factors in their place."""
    pivot, column, row = _entry(b, matrix, k), _at(b, matrix, k, 2), _at(b, matrix, k, 1)
    factors = select(b, b.equal(pivot, number(b, 0, pivot)), column, b.div(column, pivot))
    below = select(b, b.equal(columns, k), factors, matrix)
    below = select(b, b.greater(columns, k), b.sub(matrix, b.mul(factors, row)), below)
    return select(b, b.greater(rows, k), below, matrix)


def permutation_of(b: Builder, taken: Value, size: int) -> Value:
    """The order of ``size`` rows after exchanging row i with row taken[i] for each i. taken: [..., count] int32."""
    count = static_int(taken.dims[-1], "the number of exchanges")
    batch: Dim = 1
    for d in taken.dims[:-1]:
        batch = batch * d
    line = b.constant(np.arange(size, dtype=np.int32)[None])

    def step(b: Builder, k: Value, state: list[Value]) -> list[Value]:
        order, exchanges = state
        swap = _exchange(b, line, k, b.gather(exchanges, reshape(b, k, [1]), axis=1))
        return [b.gather(order, swap, axis=1, batch_dims=1), exchanges]

    flat = reshape(b, taken, [batch, count])
    order, _ = steps(b, count, step, [broadcast_to(b, line, [batch, size], flat), flat], "permutation")
    return reshape(b, order, [*taken.dims[:-1], size], taken)


def lu_solve(b: Builder, factors: Value, order: Value, y: Value) -> Value:
    """x with a x = y for the `lu` of a. y: [..., n, columns]."""
    right = stack_matrices(b, y)
    n, _ = sizes_of(y)
    swapped = b.gather(right.value, reshape(b, order, [right.value.dims[0], n], y), axis=1, batch_dims=1)
    swapped = right.restore(b, swapped)
    inner = triangular_solve(b, factors, swapped, lower=True, unit_diagonal=True)
    return triangular_solve(b, factors, inner, lower=False)


def solve(b: Builder, a: Value, y: Value) -> Value:
    """x with a x = y. a: [..., n, n]; y: [..., n, columns], the same dimensions in front."""
    factors, _, order = lu(b, a)
    return lu_solve(b, factors, order, y)


def inverse(b: Builder, x: Value) -> Value:
    """The inverse of each matrix; infinite or NaN where there is none."""
    n, _ = sizes_of(x)
    return solve(b, x, broadcast_to(b, b.constant(np.eye(n, dtype=np.float32)), x.dims, x))


def log_determinant(b: Builder, x: Value) -> tuple[Value, Value]:
    """The sign of each determinant and the logarithm of its size. x: [..., n, n]; results [...]."""
    diagonal, sign = _determinant_parts(b, x)
    last = np.array([diagonal.rank - 1], np.int32)
    signs = b.reduce_prod(b.sign(diagonal), last, keep_dims=False)
    return b.mul(signs, sign), b.sum(b.log(b.abs(diagonal)), last, keep_dims=False)


def determinant(b: Builder, x: Value) -> Value:
    """The determinant of each matrix. x: [..., n, n]; result [...]."""
    diagonal, sign = _determinant_parts(b, x)
    return b.mul(b.reduce_prod(diagonal, np.array([diagonal.rank - 1], np.int32), keep_dims=False), sign)


def _determinant_parts(b: Builder, x: Value) -> tuple[Value, Value]:
    """The diagonal of the upper triangle [..., n], and the sign of the order [...]."""
    n, _ = sizes_of(x)
    factors, taken, _ = lu(b, x)
    diagonal = b.sum(
        _zero_unless(b, b.constant(np.eye(n, dtype=bool)), factors), np.array([x.rank - 1], np.int32), keep_dims=False
    )
    moved = cast(b, b.not_equal(taken, b.constant(np.arange(n, dtype=np.int32))), DType.INT32)
    odd = b.floor_mod(b.sum(moved, np.array([x.rank - 2], np.int32), keep_dims=False), _int(b, 2))
    sign = b.sub(number(b, 1, diagonal), b.mul(cast(b, odd, DType.FLOAT32), number(b, 2, diagonal)))
    return diagonal, sign


# -- reflections ------------------------------------------------------------------------------------------------------


def householder(b: Builder, x: Value) -> tuple[Value, Value]:
    """Reflections that make x upper triangular, as LAPACK's geqrf gives them.

    x: [..., m, n]. Results: the triangle with the reflections' vectors below it (their first elements, 1, left out),
    and the reflections' factors, [..., min(m, n)].
    """
    stack = stack_matrices(b, x)
    m, n = sizes_of(x)
    count = min(m, n)
    rows, columns = _line(b, m, 1), _line(b, n, 2)

    def step(b: Builder, k: Value, state: list[Value]) -> list[Value]:
        matrix, factors = state
        column, alpha = _at(b, matrix, k, 2), _entry(b, matrix, k)
        below = _zero_unless(b, b.greater(rows, k), column)
        beta, factor, scale = _reflection(b, alpha, below)
        vector = select(b, b.equal(rows, k), number(b, 1, below), b.mul(below, scale))
        turned = _reflect(b, matrix, vector, factor)
        replaced = select(b, b.equal(rows, k), beta, select(b, b.greater(rows, k), vector, matrix))
        matrix = select(b, b.greater(columns, k), turned, select(b, b.equal(columns, k), replaced, matrix))
        return [matrix, select(b, b.equal(_line(b, count, 2), k), factor, factors)]

    matrix, factors = steps(b, count, step, [stack.value, _zeros(b, stack.value, 1, count)], "householder")
    return stack.restore(b, matrix), stack.restore(b, reshape(b, factors, [stack.value.dims[0], count]))


def _reflection(b: Builder, alpha: Value, below: Value) -> tuple[Value, Value, Value]:
    """What is left of a column, the reflection's factor, and what its vector is scaled by; all [batch, 1, 1]."""
    zero, one = number(b, 0, alpha), number(b, 1, alpha)
    largest = b.maximum(b.abs(alpha), b.reduce_max(b.abs(below), np.array([1], np.int32), keep_dims=True))
    unit = select(b, b.equal(largest, zero), one, largest)
    squares = [b.mul(b.div(v, unit), b.div(v, unit)) for v in (below, alpha)]
    length = b.mul(b.sqrt(b.add(b.sum(squares[0], np.array([1], np.int32), keep_dims=True), squares[1])), unit)
    is_done = b.equal(b.reduce_max(b.abs(below), np.array([1], np.int32), keep_dims=True), zero)
    beta = select(b, b.less(alpha, zero), length, b.neg(length))
    safe = select(b, is_done, one, beta)
    factor = select(b, is_done, zero, b.div(b.sub(beta, alpha), safe))
    scale = b.div(one, select(b, is_done, one, b.sub(alpha, beta)))
    return select(b, is_done, alpha, beta), factor, scale


def _reflect(b: Builder, matrix: Value, vector: Value, factor: Value) -> Value:
    """The matrix less factor times vector times (vectorᵀ matrix)."""
    products = b.sum(b.mul(vector, matrix), np.array([1], np.int32), keep_dims=True)
    return b.sub(matrix, b.mul(b.mul(vector, factor), products))


def householder_product(b: Builder, x: Value, factors: Value, columns: int | None = None) -> Value:
    """The first columns (those of x) of the product of reflections, as LAPACK's orgqr gives them.

    x: [..., m, n] with the vectors below the diagonal; factors: [..., count].
    """
    stack = stack_matrices(b, x)
    m, n = sizes_of(x)
    width = n if columns is None else columns
    count = static_int(factors.dims[-1], "the number of reflections")
    rows = _line(b, m, 1)
    weights = reshape(b, factors, [stack.value.dims[0], 1, count])
    identity = b.constant(np.eye(m, width, dtype=np.float32)[None])

    def step(b: Builder, index: Value, state: list[Value]) -> list[Value]:
        made, vectors, weights = state
        k = b.sub(_int(b, count - 1), index)
        below = _zero_unless(b, b.greater(rows, k), _at(b, vectors, k, 2))
        vector = select(b, b.equal(rows, k), number(b, 1, below), below)
        return [_reflect(b, made, vector, _at(b, weights, k, 2)), vectors, weights]

    start = broadcast_to(b, identity, [stack.value.dims[0], m, width], stack.value)
    made, _, _ = steps(b, count, step, [start, stack.value, weights], "householder_product")
    return stack.restore(b, made)


def qr(b: Builder, x: Value, full_matrices: bool = False) -> tuple[Value, Value]:
    """q with orthonormal columns and the upper triangle r whose product is x, with LAPACK's signs.

    x: [..., m, n]; q: [..., m, k] and r: [..., k, n], k = m where ``full_matrices``, else min(m, n).
    """
    m, n = sizes_of(x)
    k = m if full_matrices else min(m, n)
    packed, factors = householder(b, x)
    upper = _upper(b, packed)
    if k < m:
        upper = slice_static(b, upper, [0] * x.rank, [*x.dims[:-2], k, n])
    return householder_product(b, packed, factors, k), upper
