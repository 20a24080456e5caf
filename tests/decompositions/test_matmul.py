"""Contractions: dot_general, einsum, tensordot, matmul."""

import numpy as np
import pytest

from litesmith.decompositions.einsum import einsum, parse_equation
from litesmith.decompositions.matmul import dot_general, matmul, tensordot
from litesmith.errors import UnsupportedError
from tests.decompositions.harness import Case, check, f32, i32

TOLERANCE = 1e-6


def _dot(name, x, y, contracting, batch=((), ()), equation="", shapes=(), constant=(), tolerance=TOLERANCE, **expect):
    return Case(
        name,
        lambda b, p, q: dot_general(b, p, q, contracting, batch),
        lambda p, q: np.einsum(equation, p, q),
        (x, y),
        tolerance,
        shapes,
        constant,
        expect,
    )


def _einsum(equation, *arrays, shapes=(), constant=(), tolerance=TOLERANCE, **expect):
    return Case(
        equation,
        lambda b, *xs: einsum(b, equation, xs),
        lambda *xs: np.einsum(equation, *xs),
        arrays,
        tolerance,
        shapes,
        constant,
        expect,
    )


CASES = [
    _dot("matrices", f32(3, 4), f32(4, 5), ((1,), (0,)), equation="ij,jk->ik", BATCH_MATMUL=1, TRANSPOSE=0),
    _dot("weights", f32(3, 4), f32(4, 5), ((1,), (0,)), equation="ij,jk->ik", constant=[1], FULLY_CONNECTED=1),
    _dot(
        "dense of rank 3",
        f32(2, 3, 4),
        f32(4, 5),
        ((2,), (0,)),
        equation="aij,jk->aik",
        constant=[1],
        shapes=[("n", "t", 4)],
        FULLY_CONNECTED=1,
        TRANSPOSE=0,
        RESHAPE=0,
    ),
    _dot(
        "dense into heads",
        f32(2, 3, 4),
        f32(4, 5, 2),
        ((2,), (0,)),
        equation="aij,jkl->aikl",
        constant=[1],
        shapes=[("n", 3, 4)],
        FULLY_CONNECTED=1,
        TRANSPOSE=0,
    ),
    _dot(
        "dense from heads",
        f32(2, 3, 4, 5),
        f32(4, 5, 6),
        ((2, 3), (0, 1)),
        equation="abij,ijk->abk",
        constant=[1],
        shapes=[("n", "t", 4, 5)],
        FULLY_CONNECTED=1,
        TRANSPOSE=0,
    ),
    _dot("adjoint left", f32(4, 3), f32(4, 5), ((0,), (0,)), equation="ji,jk->ik", BATCH_MATMUL=1, TRANSPOSE=0),
    _dot("adjoint right", f32(3, 4), f32(5, 4), ((1,), (1,)), equation="ij,kj->ik", BATCH_MATMUL=1, TRANSPOSE=0),
    _dot(
        "batch",
        f32(2, 3, 4),
        f32(2, 4, 5),
        ((2,), (1,)),
        ((0,), (0,)),
        "bij,bjk->bik",
        shapes=[("n", 3, 4), ("n", 4, 5)],
        BATCH_MATMUL=1,
        RESHAPE=0,
    ),
    _dot(
        "scores",
        f32(2, 3, 4, 5),
        f32(2, 6, 4, 5),
        ((3,), (3,)),
        ((0, 2), (0, 2)),
        "bqhd,bkhd->bhqk",
        shapes=[("n", "q", 4, 5), ("n", "k", 4, 5)],
        BATCH_MATMUL=1,
        TRANSPOSE=2,
    ),
    _dot("batch last", f32(3, 4, 2), f32(4, 5, 2), ((1,), (0,)), ((2,), (2,)), "ijb,jkb->bik"),
    _dot("two free each", f32(2, 3, 4), f32(4, 5, 6), ((2,), (0,)), equation="abj,jcd->abcd", shapes=[("a", "b", 4)]),
    _dot("contract crossed", f32(2, 3, 4), f32(4, 3, 5), ((1, 2), (1, 0)), equation="aij,jik->ak"),
    _dot("vectors", f32(7), f32(7), ((0,), (0,)), equation="i,i->", BATCH_MATMUL=0),
    _dot("matrix and vector", f32(3, 7), f32(7), ((1,), (0,)), equation="ki,i->k"),
    _dot("matrix and weight vector", f32(3, 7), f32(7), ((1,), (0,)), equation="ki,i->k", constant=[1]),
    _dot("vector and weights", f32(7), f32(7, 3), ((0,), (0,)), equation="i,ij->j", constant=[1]),
    _dot("outer", f32(3), f32(4), ((), ()), equation="i,j->ij", MUL=1),
    _dot(
        "rank 6",
        f32(2, 2, 3, 2, 3, 4),
        f32(2, 2, 3, 2, 4, 5),
        ((5,), (4,)),
        ((0, 1, 2, 3), (0, 1, 2, 3)),
        "abcdij,abcdjk->abcdik",
    ),
    _dot("int32", i32(3, 4), i32(4, 5), ((1,), (0,)), equation="ij,jk->ik", tolerance=0),
    _dot(
        "batch int32",
        i32(2, 3, 4),
        i32(2, 4, 5),
        ((2,), (1,)),
        ((0,), (0,)),
        "bij,bjk->bik",
        tolerance=0,
        shapes=[("n", 3, 4), ("n", 4, 5)],
    ),
    _einsum("ij,jk,kl->il", f32(2, 3), f32(3, 4), f32(4, 5)),
    _einsum("ii->i", f32(4, 4)),
    _einsum("ii->i", f32(4, 4), shapes=[("n", "n")]),
    _einsum("ii->", f32(4, 4)),
    _einsum("bii->ib", f32(2, 3, 3)),
    _einsum("iij->ij", f32(3, 3, 2)),
    _einsum("ij->ji", f32(3, 4)),
    _einsum("ijk->", f32(2, 3, 4)),
    _einsum("ij", f32(3, 4)),
    _einsum("ba,ac", f32(3, 4), f32(4, 2)),
    _einsum("...ij,...jk->...ik", f32(2, 1, 3, 4), f32(5, 4, 2)),
    _einsum("...ij,jk->...ik", f32(2, 3, 4), f32(4, 5), shapes=[("n", 3, 4)]),
    _einsum("i...,i...->...", f32(3, 2), f32(3, 2)),
    _einsum("ij,ij->ij", f32(3, 4), f32(3, 4), MUL=1),
    _einsum("ij,k->ijk", f32(3, 4), f32(2)),
    _einsum("bqhd,bkhd->bhqk", f32(2, 3, 4, 5), f32(2, 6, 4, 5), BATCH_MATMUL=1),
    _einsum("bhqk,bkhd->bqhd", f32(2, 4, 3, 6), f32(2, 6, 4, 5), shapes=[("n", 4, "q", "k"), ("n", "k", 4, 5)]),
    _einsum("ab,cd->", f32(2, 3), f32(4, 5)),
    Case(
        "tensordot",
        lambda b, x, y: tensordot(b, x, y, 2),
        lambda x, y: np.tensordot(x, y, 2),
        (f32(2, 3, 4), f32(3, 4, 5)),
        TOLERANCE,
    ),
    *[
        Case(f"matmul {x.shape} {y.shape}", matmul, np.matmul, (x, y), TOLERANCE)
        for x, y in [
            (f32(4), f32(4)),
            (f32(3, 4), f32(4)),
            (f32(4), f32(2, 4, 5)),
            (f32(2, 3, 4), f32(2, 4, 5)),
            (f32(2, 1, 3, 4), f32(5, 4, 2)),
            (f32(2, 3, 4), f32(4)),
            (i32(2, 3, 4), i32(4, 5)),
        ]
    ],
]


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_contraction(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(("equation", "ranks"), [("ij,jk->ik", [2]), ("ij->i", [3]), ("...i,i", [0, 1])])
def test_equation_that_does_not_fit(equation: str, ranks: list[int]) -> None:
    with pytest.raises(UnsupportedError, match="einsum"):
        parse_equation(equation, ranks)
