"""Factorizations and linear equations against NumPy in float64."""

from typing import Any

import numpy as np
import pytest

from litesmith.decompositions import linalg, spectral
from litesmith.decompositions.shapes import reshape
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, DType, Graph, tensor
from litesmith.ops import OPS
from tests.arrays import f32
from tests.decompositions.harness import Case, check


def _wide(function: Any) -> Any:
    """The reference in float64, rounded at the end."""

    def run(*arrays: Any) -> Any:
        made = function(*(a.astype(np.float64) for a in arrays))
        return [m.astype(np.float32) for m in made] if isinstance(made, (list, tuple)) else made.astype(np.float32)

    return run


def _regular(*shape: int) -> Any:
    return f32(*shape) + shape[-1] * np.eye(*shape[-2:], dtype=np.float32)


def _definite(*shape: int) -> Any:
    x = f32(*shape)
    return x @ np.swapaxes(x, -1, -2) / shape[-1] + np.eye(shape[-1], dtype=np.float32) / 2


def _rebuilt(b: Builder, parts: Any) -> Any:
    u, values, vt = parts
    return b.batch_matmul(b.mul(u, reshape(b, values, [*values.dims[:-1], 1, values.dims[-1]])), vt)


CASES = [
    *(
        Case(f"{name} of {n}", build, _wide(reference), inputs, 5e-6, shapes)
        for n in (2, 5, 16)
        for name, build, reference, inputs, shapes in (
            ("cholesky", linalg.cholesky, np.linalg.cholesky, (_definite(2, n, n),), [["a", n, n]]),
            ("inverse", linalg.inverse, np.linalg.inv, (_regular(2, 3, n, n),), [["a", "b", n, n]]),
            ("determinant", linalg.determinant, np.linalg.det, (f32(3, n, n),), ()),
            ("its logarithm", linalg.log_determinant, np.linalg.slogdet, (f32(3, n, n),), ()),
            ("solve", linalg.solve, np.linalg.solve, (_regular(n, n), f32(n, 3)), ()),
            ("eigenvalues", lambda b, x: spectral.eigh(b, x)[0], np.linalg.eigvalsh, (_definite(2, n, n),), ()),
            (
                "singular values",
                spectral.singular_values,
                lambda x: np.linalg.svd(x, compute_uv=False),
                (f32(2, n, n + 3),),
                [["a", n, n + 3]],
            ),
            ("svd", lambda b, x: _rebuilt(b, spectral.svd(b, x)), lambda x: x, (f32(2, n + 3, n),), [["a", n + 3, n]]),
            ("qr", lambda b, x: b.batch_matmul(*linalg.qr(b, x)), lambda x: x, (f32(2, n, n + 2),), ()),
        )
    ),
]


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_linalg(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    ("dtype", "shape", "message"),
    [(DType.INT32, (3, 3), "int32 matrices"), (DType.FLOAT32, ("n", "n"), "the rows of a matrix needs a fixed size")],
)
def test_refused(dtype: DType, shape: Any, message: str) -> None:
    from litesmith.ir import Sym

    graph = Graph()
    x = graph.add_input(tensor(dtype, [Sym.named(d) if isinstance(d, str) else d for d in shape]), "x")
    with pytest.raises(UnsupportedError, match=message):
        linalg.cholesky(Builder(graph, OPS), x)
