"""Factorizations of matrices, linear equations, and special functions that are summed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, parity_test  # noqa: E402


def regular(*shape: int) -> Any:
    return f32(*shape) + 2 * shape[-1] * np.eye(*shape[-2:], dtype=np.float32)


def definite(*shape: int) -> Any:
    x = f32(*shape)
    return x @ np.swapaxes(x, -1, -2) / shape[-1] + np.eye(shape[-1], dtype=np.float32) / 2


def rebuilt(x: Any, full_matrices: bool = False) -> Any:
    s, u, v = tf.linalg.svd(x, full_matrices=full_matrices)
    k = s.shape[-1]
    return s, (u[..., :k] * s[..., None, :]) @ tf.linalg.matrix_transpose(v[..., :k])


def exponential(x: Any) -> Any:
    e, v = tf.linalg.eigh(x)
    return e, (v * tf.exp(e)[..., None, :]) @ tf.linalg.matrix_transpose(v)


def regression(x: Any, y: Any) -> Any:
    """Equations of a matrix that is positive definite whatever the input."""
    return tf.linalg.cholesky_solve(tf.linalg.cholesky(tf.matmul(x, x, transpose_a=True) + tf.eye(4)), y)


BATCH: dict[str, Any] = {"spec": [(None, 4, 4)], "also": [[regular(5, 4, 4)]]}
CASES = [
    *(
        row
        for n in (4, 11)
        for row in (
            Case(f"cholesky {n}", tf.linalg.cholesky, [definite(2, n, n)]),
            Case(f"inverse {n}", tf.linalg.inv, [regular(n, n)]),
            Case(f"adjoint inverse {n}", lambda x: tf.linalg.inv(x, adjoint=True), [regular(2, n, n)]),
            Case(f"determinant {n}", tf.linalg.det, [f32(3, n, n)]),
            Case(f"slogdet {n}", tf.linalg.slogdet, [f32(3, n, n)]),
            Case(f"solve {n}", tf.linalg.solve, [regular(n, n), f32(n, 2)]),
            Case(f"adjoint solve {n}", lambda x, y: tf.linalg.solve(x, y, adjoint=True), [regular(n, n), f32(n, 2)]),
            Case(f"lu {n}", tf.linalg.lu, [f32(2, n, n)]),
            Case(f"qr {n}", tf.linalg.qr, [f32(2, n, n)]),
            Case(f"eigh {n}", exponential, [definite(2, n, n)]),
            Case(f"eigvalsh {n}", tf.linalg.eigvalsh, [definite(n, n)]),
            Case(f"svd {n}", rebuilt, [f32(2, n, n + 2)]),
            Case(f"singular values {n}", lambda x: tf.linalg.svd(x, compute_uv=False), [f32(n + 3, n)]),
        )
    ),
    Case("inverses", tf.linalg.inv, [regular(2, 4, 4)], **BATCH),
    Case("full qr", lambda x: tf.linalg.qr(x, full_matrices=True), [f32(7, 3)]),
    Case("full svd", lambda x: rebuilt(x, full_matrices=True), [f32(7, 3)]),
    Case("order in int64", lambda x: tf.linalg.lu(x, output_idx_type=tf.int64), [f32(3, 3)]),
    *(
        Case(
            f"triangular {lower} {adjoint}",
            lambda a, y, lower=lower, adjoint=adjoint: tf.linalg.triangular_solve(a, y, lower, adjoint),
            [regular(2, 1, 4, 4), f32(3, 4, 2)],
        )
        for lower in (True, False)
        for adjoint in (True, False)
    ),
    Case("cholesky solve", regression, [f32(4, 4), f32(4, 2)]),
    Case("pinv", tf.linalg.pinv, [f32(5, 3)]),
    Case("expm", tf.linalg.expm, [f32(4, 4)]),
    Case("igamma", tf.math.igamma, [f32(3, 1, low=0.2, high=20), f32(5, low=0.1, high=25)], tol=2e-5),
    Case("igammac", tf.math.igammac, [f32(3, 1, low=0.2, high=20), f32(5, low=0.1, high=25)], tol=2e-5),
    Case("betainc", tf.math.betainc, [f32(9, low=0.2, high=9), f32(9, low=0.2, high=9, seed=1), f32(9, low=0, high=1)]),
    Case("zeta", tf.math.zeta, [f32(4, 1, low=1.5, high=9), f32(7, low=0.3, high=30)]),
    Case("polygamma", lambda x: tf.math.polygamma(np.float32([[0], [1], [2], [5]]), x), [f32(7, low=0.3, high=9)]),
    Case("float64", tf.linalg.inv, [np.eye(3)], raises="LS012", says="float32"),
    Case("unknown size", tf.linalg.cholesky, [definite(3, 3)], spec=[(None, None)], raises="LS001", says="fixed size"),
]
test_linear_algebra = parity_test(CASES)
