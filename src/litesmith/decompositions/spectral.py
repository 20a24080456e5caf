"""Eigenvalues of symmetric matrices and singular values, by Jacobi's rotations.

A round turns disjoint pairs of rows and columns at once, a sweep is as many rounds as it takes for every pair to have
its turn (G. H. Golub, C. F. Van Loan, Matrix Computations, 8.5 and 8.6). A loop makes sweeps until nothing is left to
turn. Vectors are unique up to their signs (those of equal values up to a rotation): other methods give other ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litesmith.decompositions import linalg, special
from litesmith.decompositions.gather import select
from litesmith.decompositions.indexing import take_along_axis
from litesmith.decompositions.linalg import adjoint, sizes_of, stack_matrices
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.rnn import loop
from litesmith.decompositions.shapes import broadcast_to, expand_dims, reshape
from litesmith.decompositions.sort import argsort
from litesmith.decompositions.special import number
from litesmith.ir import Builder, Value

SWEEPS = 14
"""More than float32 numbers need: convergence is quadratic."""

NEGLIGIBLE = 1e-8
"""Pairs whose product is smaller, relative to what is on the diagonal, are not turned."""

Rotation = tuple[Value, Value]
"""Cosine and sine for each index, as it is seen from there: the new vector is cosine * own - sine * partner's."""


def _partners(n: int) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """A tournament: in each round, each index's partner; its own index where it has none."""
    seats = [*range(n), *[-1] * (n % 2)]
    rounds = []
    for _ in range(max(len(seats) - 1, 1)):
        partner = list(range(n))
        for i, j in zip(seats[: len(seats) // 2], seats[::-1], strict=False):
            if i >= 0 and j >= 0:
                partner[i], partner[j] = j, i
        rounds.append(partner)
        seats = [seats[0], seats[-1], *seats[1:-1]]
    return np.array(rounds, np.int32)


def _rotation(b: Builder, own: Value, partners: Value, product: Value, partner: Value) -> Rotation:
    """The rotation that makes a pair's product zero. All [batch, n], of the diagonal's two elements and their product."""
    n = int(own.dims[1])  # type: ignore[arg-type]
    zero, one = number(b, 0, own), number(b, 1, own)
    index = b.constant(np.arange(n, dtype=np.int32)[None])
    limit = b.mul(number(b, NEGLIGIBLE, own), b.mul(b.sqrt(b.abs(own)), b.sqrt(b.abs(partners))))
    turns = b.logical_and(b.greater(b.abs(product), limit), b.not_equal(index, partner))
    tau = b.div(b.sub(partners, own), b.mul(number(b, 2, own), select(b, turns, product, one)))
    first = b.logical_or(b.greater(tau, zero), b.logical_and(b.equal(tau, zero), b.less(index, partner)))
    tangent = b.div(one, b.add(b.abs(tau), b.sqrt(b.add(b.mul(tau, tau), one))))
    tangent = select(b, turns, select(b, first, tangent, b.neg(tangent)), zero)
    cosine = b.div(one, b.sqrt(b.add(b.mul(tangent, tangent), one)))
    return cosine, b.mul(tangent, cosine)


def _rotate(b: Builder, x: Value, rotation: Rotation, partner: Value, axis: int) -> Value:
    """The rows (axis 1) or columns (axis 2) of x [batch, …] turned in pairs."""
    cosine, sine = (expand_dims(b, v, 3 - axis) for v in rotation)
    return b.sub(b.mul(cosine, x), b.mul(sine, b.gather(x, partner, axis=axis)))


def _sweeps(
    b: Builder, n: int, state: list[Value], turn: Callable[[Builder, list[Value], Value], tuple[list[Value], Value]]
) -> list[Value]:
    """Rounds of ``turn(b, state, partner) -> (state, whether any pair was turned)`` until a sweep turns none."""
    table = _partners(n)
    rounds = len(table)
    count = [b.constant(np.array(v, np.int32)) for v in (0, 0)]  # rounds made, and when one last turned something

    def condition(cb: Builder, values: list[Value]) -> Value:
        some = cb.less(cb.sub(values[0], values[1]), cb.constant(np.array(rounds, np.int32)))
        return cb.logical_and(some, cb.less(values[0], cb.constant(np.array(SWEEPS * rounds, np.int32))))

    def body(bb: Builder, values: list[Value]) -> list[Value]:
        index = bb.floor_mod(values[0], bb.constant(np.array(rounds, np.int32)))
        partner = bb.gather(bb.constant(table), index, axis=0)
        new, some = turn(bb, values[2:], partner)
        following = bb.add(values[0], bb.constant(np.array(1, np.int32)))
        return [following, select(bb, some, following, values[1]), *new]

    return loop(b, condition, body, [*count, *state], "jacobi")[2:]


def _scale_to_one(b: Builder, x: Value) -> tuple[Value, Value]:
    """x with a largest element of size 1, so that no square leaves the range, and what it was divided by [batch, 1]."""
    size = b.reduce_max(b.abs(x), np.array([1, 2], np.int32), keep_dims=False)
    usable = b.logical_and(b.greater(size, number(b, 0, size)), special.is_finite(b, size))
    scale = select(b, usable, size, number(b, 1, size))
    return b.div(x, expand_dims(b, scale, 1, 2)), expand_dims(b, scale, 1)


def _any_turned(b: Builder, rotation: Rotation) -> Value:
    turned = b.not_equal(rotation[1], number(b, 0, rotation[1]))
    return b.reduce_any(turned, np.array([0, 1], np.int32), keep_dims=False)


def _where_partner(b: Builder, x: Value, partner: Value) -> Value:
    """The elements x[:, i, partner[i]] as [batch, n]."""
    n = int(x.dims[1])  # type: ignore[arg-type]
    is_there = b.equal(reshape(b, partner, [1, n, 1]), b.constant(np.arange(n, dtype=np.int32)[None, None]))
    return b.sum(select(b, is_there, x, number(b, 0, x)), np.array([2], np.int32), keep_dims=False)


def _diagonal(b: Builder, x: Value) -> Value:
    n = int(x.dims[1])  # type: ignore[arg-type]
    kept = select(b, b.constant(np.eye(n, dtype=bool)[None]), x, number(b, 0, x))
    return b.sum(kept, np.array([2], np.int32), keep_dims=False)


def eigh(b: Builder, x: Value, lower: bool = True) -> tuple[Value, Value]:
    """Eigenvalues in increasing order [..., n] and eigenvectors as columns of the symmetric matrices of one triangle."""
    stack = stack_matrices(b, x)
    n, _ = sizes_of(x)
    kept = b.constant((np.tri(n, dtype=bool) if lower else np.tri(n, dtype=bool).T)[None])
    matrix, scale = _scale_to_one(b, select(b, kept, stack.value, adjoint(b, stack.value)))
    start = broadcast_to(b, b.constant(np.eye(n, dtype=np.float32)[None]), matrix.dims, matrix)

    def turn(b: Builder, state: list[Value], partner: Value) -> tuple[list[Value], Value]:
        matrix, vectors = state
        own = _diagonal(b, matrix)
        others = b.gather(own, partner, axis=1)
        product = _where_partner(b, matrix, partner)
        product = b.mul(b.add(product, b.gather(product, partner, axis=1)), number(b, 0.5, product))  # symmetric again
        rotation = _rotation(b, own, others, product, partner)
        matrix = _rotate(b, _rotate(b, matrix, rotation, partner, 1), rotation, partner, 2)
        return [matrix, _rotate(b, vectors, rotation, partner, 2)], _any_turned(b, rotation)

    matrix, vectors = _sweeps(b, n, [matrix, start], turn)
    values = b.mul(_diagonal(b, matrix), scale)
    order = argsort(b, values, 1)
    values, vectors = take_along_axis(b, values, order, 1), _columns(b, vectors, order)
    return stack.restore(b, values), stack.restore(b, vectors)


def _columns(b: Builder, x: Value, order: Value) -> Value:
    """The columns in an order of each matrix's own."""
    made: Value = b.gather(adjoint(b, x), order, axis=1, batch_dims=1)
    return adjoint(b, made)


def svd(b: Builder, x: Value, full_matrices: bool = False) -> tuple[Value, Value, Value]:
    """u, the singular values in decreasing order and the adjoint of v, of [..., m, n] matrices."""
    m, n = sizes_of(x)
    if m < n:
        left, values, right = svd(b, adjoint(b, x), full_matrices)
        return adjoint(b, right), values, adjoint(b, left)
    stack = stack_matrices(b, x)
    matrix, scale = _scale_to_one(b, stack.value)
    columns, vectors = _orthogonal_columns(b, matrix)
    order = argsort(b, b.neg(_squares(b, columns)), 1)
    columns, vectors = _columns(b, columns, order), _columns(b, vectors, order)
    u, triangle = linalg.qr(b, columns, full_matrices)
    diagonal = _diagonal(b, triangle if m == n or not full_matrices else _top(b, triangle, n))
    negative = b.less(diagonal, number(b, 0, diagonal))
    signs = select(b, negative, number(b, -1, diagonal), number(b, 1, diagonal))
    if m > n and full_matrices:
        signs = b.pad(signs, np.array([[0, 0], [0, m - n]], np.int32))
        signs = select(b, b.constant(np.arange(m)[None] < n), signs, number(b, 1, signs))
    u = b.mul(u, expand_dims(b, signs, 1))
    return (
        stack.restore(b, u),
        stack.restore(b, b.mul(b.abs(diagonal), scale)),
        stack.restore(b, adjoint(b, vectors)),
    )


def _top(b: Builder, x: Value, rows: int) -> Value:
    return slice_static(b, x, [0, 0, 0], [x.dims[0], rows, x.dims[2]])


def singular_values(b: Builder, x: Value) -> Value:
    """The singular values in decreasing order, [..., min(m, n)]."""
    m, n = sizes_of(x)
    stack = stack_matrices(b, adjoint(b, x) if m < n else x)
    matrix, scale = _scale_to_one(b, stack.value)
    columns, _ = _orthogonal_columns(b, matrix)
    sizes = b.mul(b.sqrt(_squares(b, columns)), scale)
    order = argsort(b, b.neg(sizes), 1)
    return stack.restore(b, take_along_axis(b, sizes, order, 1))


def _orthogonal_columns(b: Builder, x: Value) -> tuple[Value, Value]:
    """x with its columns turned until they are orthogonal, and the rotation: x [batch, m, n], m >= n."""
    n = int(x.dims[2])  # type: ignore[arg-type]
    start = broadcast_to(b, b.constant(np.eye(n, dtype=np.float32)[None]), [x.dims[0], n, n], x)

    def turn(b: Builder, state: list[Value], partner: Value) -> tuple[list[Value], Value]:
        columns, vectors = state
        own = _squares(b, columns)
        product = b.sum(b.mul(columns, b.gather(columns, partner, axis=2)), np.array([1], np.int32), keep_dims=False)
        rotation = _rotation(b, own, b.gather(own, partner, axis=1), product, partner)
        turned = [_rotate(b, v, rotation, partner, 2) for v in (columns, vectors)]
        return turned, _any_turned(b, rotation)

    columns, vectors = _sweeps(b, n, [x, start], turn)
    return columns, vectors


def _squares(b: Builder, columns: Value) -> Value:
    return b.sum(b.mul(columns, columns), np.array([1], np.int32), keep_dims=False)
