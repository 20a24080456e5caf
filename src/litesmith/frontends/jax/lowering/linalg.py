"""Matrix factorizations and linear equations."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from litesmith.decompositions import linalg, spectral
from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import expand_dims
from litesmith.decompositions.special import number
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import Jaxpr
from litesmith.frontends.jax.registry import lowers
from litesmith.frontends.jax.types import Item, Tensor, dim_of
from litesmith.ir import Builder, Value


class Lengths(Protocol):
    """How many constants each function of `jax.lax.custom_linear_solve` has."""

    matvec: int
    vecmat: int
    solve: int
    transpose_solve: int


class Solver(Protocol):
    """The functions of `jax.lax.custom_linear_solve`."""

    solve: Jaxpr


@lowers("cholesky")
def cholesky(b: Builder, x: Value) -> Value:
    return linalg.cholesky(b, x)


@lowers("triangular_solve")
def triangular_solve(
    b: Builder, a: Value, y: Value, *, left_side: bool, lower: bool, transpose_a: bool, unit_diagonal: bool
) -> Value:
    """Equations from the right are those of the transposed matrices."""
    if transpose_a == left_side:
        a, lower = linalg.adjoint(b, a), not lower
    if left_side:
        return linalg.triangular_solve(b, a, y, lower, unit_diagonal)
    return linalg.adjoint(b, linalg.triangular_solve(b, a, linalg.adjoint(b, y), lower, unit_diagonal))


@lowers("lu")
def lu(b: Builder, x: Value) -> list[Value]:
    return list(linalg.lu(b, x))


@lowers("lu_pivots_to_permutation")
def lu_pivots_to_permutation(b: Builder, pivots: Value, *, permutation_size: int) -> Value:
    return linalg.permutation_of(b, pivots, int(permutation_size))


@lowers("custom_linear_solve", complex=None)
def custom_linear_solve(ctx: Context, args: list[Tensor], *, const_lengths: Lengths, jaxprs: Solver) -> list[Item]:
    """The solver the function brings along."""
    first = const_lengths.matvec + const_lengths.vecmat
    total = first + const_lengths.solve + const_lengths.transpose_solve
    return ctx.call(jaxprs.solve, [*args[first : first + const_lengths.solve], *args[total:]])


@lowers("qr")
def qr(b: Builder, x: Value, *, full_matrices: bool, pivoting: bool = False) -> list[Value]:
    if pivoting:
        raise UnsupportedError("pivots columns while factorizing", "factorize without pivoting", code="LS010")
    return list(linalg.qr(b, x, full_matrices))


@lowers("geqrf")
def geqrf(b: Builder, x: Value) -> list[Value]:
    return list(linalg.householder(b, x))


@lowers("householder_product")
def householder_product(b: Builder, x: Value, factors: Value) -> Value:
    return linalg.householder_product(b, x, factors)


@lowers("tridiagonal_solve")
def tridiagonal_solve(
    b: Builder, below: Value, diagonal: Value, above: Value, y: Value, *, perturb_singular: bool = False
) -> Value:
    """As equations of whole matrices."""
    if perturb_singular:
        raise UnsupportedError("perturbs singular matrices", "leave perturb_singular out", code="LS010")
    n = int(dim_of(diagonal.dims[-1]))  # type: ignore[arg-type]
    places = np.arange(n)[None] - np.arange(n)[:, None]
    matrix = number(b, 0, diagonal)
    for offset, line in ((-1, below), (0, diagonal), (1, above)):
        matrix = select(b, b.constant(places == offset), expand_dims(b, line, line.rank), matrix)
    return linalg.solve(b, matrix, y)


def _whole(subset_by_index: object) -> None:
    if subset_by_index is not None:
        raise UnsupportedError("computes a subset of the values", "compute all, and slice them", code="LS010")


@lowers("eigh")
def eigh(b: Builder, x: Value, *, lower: bool, subset_by_index: object = None) -> list[Value]:
    """The signs of the vectors are not those of other methods."""
    _whole(subset_by_index)
    values, vectors = spectral.eigh(b, x, lower)
    return [vectors, values]


@lowers("svd")
def svd(b: Builder, x: Value, *, full_matrices: bool, compute_uv: bool, subset_by_index: object = None) -> list[Value]:
    """The signs of the vectors are not those of other methods."""
    _whole(subset_by_index)
    if not compute_uv:
        return [spectral.singular_values(b, x)]
    u, values, vt = spectral.svd(b, x, full_matrices)
    return [values, u, vt]
