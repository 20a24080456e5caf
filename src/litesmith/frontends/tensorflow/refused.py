"""TensorFlow operators that have no form in built-in operators on purpose, and why."""

from __future__ import annotations

from collections.abc import Mapping

_OUTSIDE = "compute it outside the model, or allow Select TF operators"


def _table(*rows: tuple[str, str, str]) -> dict[str, tuple[str, str]]:
    return {op: (reason, fix) for ops, reason, fix in rows for op in ops.split()}


REFUSED: Mapping[str, tuple[str, str]] = _table(
    ("Cholesky BatchCholesky", "a Cholesky decomposition has no kernel", _OUTSIDE),
    ("MatrixInverse BatchMatrixInverse", "the inverse of a matrix has no kernel", _OUTSIDE),
    (
        "MatrixDeterminant BatchMatrixDeterminant LogMatrixDeterminant",
        "the determinant of a matrix has no kernel",
        _OUTSIDE,
    ),
    (
        "MatrixSolve MatrixSolveLs MatrixTriangularSolve BandedTriangularSolve TridiagonalSolve",
        "the solution of linear equations has no kernel",
        _OUTSIDE,
    ),
    (
        "MatrixExponential MatrixLogarithm MatrixSquareRoot",
        "a function of a matrix has no kernel",
        _OUTSIDE,
    ),
    ("Qr Svd Lu Eig SelfAdjointEig SelfAdjointEigV2", "a decomposition of a matrix has no kernel", _OUTSIDE),
    (
        "FractionalAvgPool FractionalMaxPool",
        "a fractional pool chooses its windows at random and has no kernel",
        "use a max or average pool, or allow Select TF operators",
    ),
    (
        "Igamma Igammac Betainc Zeta Polygamma Ndtri Spence Dawsn Expint FresnelCos FresnelSin BesselJ0 BesselJ1 "
        "BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1",
        "this special function has no kernel and no decomposition of float32 accuracy",
        _OUTSIDE,
    ),
    ("CTCLoss CTCLossV2 CTCGreedyDecoder CTCBeamSearchDecoder", "CTC has no kernel", _OUTSIDE),
    ("CombinedNonMaxSuppression", "suppression over classes has no kernel", "use tf.image.non_max_suppression_padded"),
    ("DrawBoundingBoxes DrawBoundingBoxesV2", "drawing has no kernel", "draw outside the model"),
)
"""Operator -> (reason, way out)."""
