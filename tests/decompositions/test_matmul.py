"""Contractions: dot_general, einsum."""

import numpy as np
import pytest

from litesmith.decompositions.einsum import einsum, parse_equation
from litesmith.decompositions.matmul import dot_general
from litesmith.decompositions.shapes import cast
from litesmith.errors import UnsupportedError
from litesmith.ir import DType
from tests.arrays import f32, i32
from tests.decompositions.harness import Case, check

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


def i8(*shape, low=-128, high=128):
    return i32(*shape, low=low, high=high).astype(np.int8)


def u8(*shape):
    return i32(*shape, low=0, high=256).astype(np.uint8)


def _byte_dot(name, x, y, contracting, equation, batch=((), ()), constant=(1,), shapes=(), dtype=np.int32, **expect):
    """A product of 8-bit integers, exact in ``dtype``, against the one in int64."""
    wide = [a.astype(np.int64) for a in (x, y)]
    return Case(
        name,
        lambda b, p, q: dot_general(b, p, q, contracting, batch, DType.of(np.dtype(dtype))),
        lambda p, q: np.einsum(equation, *wide).astype(dtype),
        (x, y),
        0,
        shapes,
        constant,
        expect,
    )


BYTES = [("int8", i8(3, 40), i8(40, 50)), ("uint8", u8(3, 40), u8(40, 50)), ("uint8 by int8", u8(3, 40), i8(40, 50))]


def _bytes(name, x, y):
    """Constant weights, small ones, and products of two inputs, also where both were widened before."""
    dot = [((1,), (0,)), "ij,jk->ik"]
    yield _byte_dot(f"{name} weights", x, y, *dot, shapes=[("n", 40)], FULLY_CONNECTED=1, CAST=2)
    yield _byte_dot(f"{name} small weights", x, y[:, :5], *dot, FULLY_CONNECTED=1, CAST=2)
    yield _byte_dot(f"{name} inputs", x, y, *dot, constant=[], BATCH_MATMUL=1)
    yield Case(
        f"{name} widened",
        lambda b, p, q: dot_general(b, cast(b, p, DType.INT32), cast(b, q, DType.INT32), ((1,), (0,))),
        lambda p, q: p.astype(np.int32) @ q.astype(np.int32),
        (x, y),
        0,
        expect={"BATCH_MATMUL": 1},
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
    *(case for name, x, y in BYTES for case in _bytes(name, x, y)),
    _byte_dot("bytes from heads", i8(2, 3, 4, 5), i8(4, 5, 70), ((2, 3), (0, 1)), "abij,ijk->abk", FULLY_CONNECTED=1),
    _byte_dot("bytes into heads", i8(2, 3, 40), i8(40, 6, 7), ((2,), (0,)), "aij,jkl->aikl", FULLY_CONNECTED=1),
    _byte_dot("int8 by uint8 weights", i8(3, 40), u8(40, 50), ((1,), (0,)), "ij,jk->ik", FULLY_CONNECTED=1),
    _byte_dot(
        "wide sums",
        np.full((2, 3000), -128, np.int8),
        np.full((3000, 4), -128, np.int8),
        ((1,), (0,)),
        "ij,jk->ik",
        FULLY_CONNECTED=3,
    ),
    _byte_dot(
        "small weights in one sum",
        i8(2, 3000),
        i8(3000, 4, low=-8, high=8),
        ((1,), (0,)),
        "ij,jk->ik",
        FULLY_CONNECTED=1,
    ),
    _byte_dot(
        "too many parts",
        i8(1, 20000),
        i8(20000, 1),
        ((1,), (0,)),
        "ij,jk->ik",
        constant=[],
        FULLY_CONNECTED=0,
        BATCH_MATMUL=0,
    ),
    _byte_dot("no elements", i8(2, 0), i8(0, 3), ((1,), (0,)), "ij,jk->ik"),
    _byte_dot("no rows", i8(0, 4), i8(4, 3), ((1,), (0,)), "ij,jk->ik"),
    _byte_dot("narrow result", i8(3, 40), i8(40, 5), ((1,), (0,)), "ij,jk->ik", dtype=np.int8),
    _byte_dot("long result", i8(3, 40), i8(40, 5), ((1,), (0,)), "ij,jk->ik", dtype=np.int64),
    _byte_dot(
        "bytes of any batch",
        i8(2, 3, 40),
        i8(2, 40, 50),
        ((2,), (1,)),
        "bij,bjk->bik",
        batch=((0,), (0,)),
        constant=[],
        shapes=[("n", "t", 40), ("n", 40, "u")],
        BATCH_MATMUL=1,
    ),
    _byte_dot(
        "wide sums of any batch",
        np.full((2, 3, 2000), 127, np.int8),
        np.full((2, 2000, 2), -128, np.int8),
        ((2,), (1,)),
        "bij,bjk->bik",
        batch=((0,), (0,)),
        constant=[],
        shapes=[("n", "t", 2000), ("n", 2000, "u")],
        BATCH_MATMUL=2,
    ),
    _byte_dot(
        "batch of weights",
        i8(3, 4, 40),
        i8(3, 40, 50),
        ((2,), (1,)),
        "bij,bjk->bik",
        batch=((0,), (0,)),
        BATCH_MATMUL=1,
    ),
    _byte_dot(
        "weights on the left",
        i8(30, 40),
        i8(40, 5),
        ((1,), (0,)),
        "ij,jk->ik",
        constant=[0],
        shapes=[(30, 40), (40, "n")],
        BATCH_MATMUL=1,
    ),
    _byte_dot("row of many", i8(40), i8(40, 50), ((0,), (0,)), "i,ij->j"),
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
]


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_contraction(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(("equation", "ranks"), [("ij,jk->ik", [2]), ("ij->i", [3]), ("...i,i", [0, 1])])
def test_equation_that_does_not_fit(equation: str, ranks: list[int]) -> None:
    with pytest.raises(UnsupportedError, match="einsum"):
        parse_equation(equation, ranks)
