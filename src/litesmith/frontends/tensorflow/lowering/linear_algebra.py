"""Factorizations of matrices, linear equations, and special functions that are summed.

Where TensorFlow stops a model (a matrix that is not positive definite, or singular), the result is NaN or infinite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from litesmith.decompositions import linalg, series, spectral
from litesmith.decompositions.shapes import broadcast_to, cast
from litesmith.frontends.tensorflow.registry import Lowering, lowers
from litesmith.frontends.tensorflow.resources import Results
from litesmith.ir import Builder, Dim, DType, Value
from litesmith.ir.dims import broadcast


def _joint(*shapes: Sequence[Dim]) -> list[Dim]:
    """The shape these broadcast to."""
    rank = max(map(len, shapes))
    padded = [(*(1,) * (rank - len(s)), *s) for s in shapes]
    return [reduce(broadcast, sizes) for sizes in zip(*padded, strict=True)]


# -- factorizations ---------------------------------------------------------------------------------------------------


@lowers("Cholesky", "BatchCholesky")
def cholesky(b: Builder, x: Value) -> Value:
    return linalg.cholesky(b, x)


@lowers("Lu", outputs=("lu", "p"))
def lu(b: Builder, x: Value, *, output_idx_type: DType = DType.INT32) -> list[Value]:
    factors, _, order = linalg.lu(b, x)
    return [factors, cast(b, order, output_idx_type)]


@lowers("Qr", outputs=("q", "r"))
def qr(b: Builder, x: Value, *, full_matrices: bool = False) -> list[Value]:
    return list(linalg.qr(b, x, full_matrices))


@lowers("SelfAdjointEigV2", "BatchSelfAdjointEigV2", outputs=("e", "v"))
def self_adjoint_eig(b: Builder, x: Value, *, compute_v: bool = True) -> list[Value]:
    """The signs of the vectors are not those of other methods."""
    return list(spectral.eigh(b, x))


@lowers("Svd", "BatchSvd", outputs=("s", "u", "v"))
def svd(b: Builder, x: Value, *, compute_uv: bool = True, full_matrices: bool = False) -> list[Value]:
    """The signs of the vectors are not those of other methods."""
    if not compute_uv:
        values = spectral.singular_values(b, x)
        return [values, values, values]
    u, values, vt = spectral.svd(b, x, full_matrices)
    return [values, u, linalg.adjoint(b, vt)]


# -- equations --------------------------------------------------------------------------------------------------------


@lowers("MatrixInverse", "BatchMatrixInverse")
def matrix_inverse(b: Builder, x: Value, *, adjoint: bool = False) -> Value:
    inverse = linalg.inverse(b, x)
    return linalg.adjoint(b, inverse) if adjoint else inverse


@lowers("MatrixDeterminant", "BatchMatrixDeterminant")
def matrix_determinant(b: Builder, x: Value) -> Value:
    return linalg.determinant(b, x)


@lowers("LogMatrixDeterminant", outputs=("sign", "log_abs_determinant"))
def log_matrix_determinant(b: Builder, x: Value) -> list[Value]:
    return list(linalg.log_determinant(b, x))


@lowers("MatrixSolve", "BatchMatrixSolve")
def matrix_solve(b: Builder, matrix: Value, rhs: Value, *, adjoint: bool = False) -> Value:
    return linalg.solve(b, linalg.adjoint(b, matrix) if adjoint else matrix, rhs)


@lowers("MatrixTriangularSolve", "BatchMatrixTriangularSolve")
def matrix_triangular_solve(
    b: Builder, matrix: Value, rhs: Value, *, lower: bool = True, adjoint: bool = False
) -> Value:
    """What stands in front of the matrices broadcasts."""
    front = _joint(matrix.dims[:-2], rhs.dims[:-2])
    sides = [broadcast_to(b, v, [*front, *v.dims[-2:]], matrix, rhs) for v in (matrix, rhs)]
    if adjoint:
        sides[0], lower = linalg.adjoint(b, sides[0]), not lower
    return linalg.triangular_solve(b, sides[0], sides[1], lower)


# -- special functions ------------------------------------------------------------------------------------------------


def _sum_lowering(name: str, function: Callable[..., Value]) -> Lowering[..., Results]:
    def lowering(b: Builder, operands: list[Value]) -> Value:
        dims = _joint(*(v.dims for v in operands))
        return function(b, *(broadcast_to(b, v, dims, *operands) for v in operands))

    return lowers(name)(lowering)


SUMMED = (
    _sum_lowering("Igamma", series.igamma),
    _sum_lowering("Igammac", series.igammac),
    _sum_lowering("Betainc", series.betainc),
    _sum_lowering("Zeta", series.zeta),
    _sum_lowering("Polygamma", series.polygamma),
)
