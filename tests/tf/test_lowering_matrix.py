"""Products of matrices, einsum, diagonals, bands; decompositions that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, ints, parity_test  # noqa: E402

raw = tf.raw_ops
A, B = f32(3, 4), f32(4, 5, seed=1)
WEIGHTS = f32(4, 5, seed=2)
BATCH = dict(spec=[(None, 4)], also=[[f32(7, 4)]])

PRODUCTS = [
    Case("matmul of nothing", tf.matmul, [f32(3, 0), f32(0, 4)], ops=0),
    Case("matmul of no rows", tf.matmul, [f32(0, 3), f32(3, 4)], ops=0),
    Case("matmul", tf.matmul, [A, B], ops={"BATCH_MATMUL": 1}),
    Case("matmul constant", lambda x: tf.matmul(x, WEIGHTS), [A], **BATCH, ops={"FULLY_CONNECTED": 1}),
    Case(
        "matmul constant bias",
        lambda x: tf.matmul(x, WEIGHTS) + np.arange(5, dtype=np.float32),
        [A],
        **BATCH,
        ops={"FULLY_CONNECTED": 1},
    ),
    Case("matmul constant transposed", lambda x: tf.matmul(x, WEIGHTS.T, transpose_b=True), [A], **BATCH, ops=1),
    Case("matmul constant left", lambda x: tf.matmul(WEIGHTS.T, x), [f32(4, 2)]),
    Case(
        "matmul a transposed", lambda x, y: tf.matmul(x, y, transpose_a=True), [f32(4, 3), B], ops={"BATCH_MATMUL": 1}
    ),
    Case(
        "matmul b transposed", lambda x, y: tf.matmul(x, y, transpose_b=True), [A, f32(5, 4)], ops={"BATCH_MATMUL": 1}
    ),
    Case(
        "matmul both transposed",
        lambda x, y: tf.matmul(x, y, transpose_a=True, transpose_b=True),
        [f32(4, 3), f32(5, 4)],
    ),
    Case("matmul a transposed constant", lambda x: tf.matmul(x, WEIGHTS, transpose_a=True), [f32(4, 3)]),
    Case("matmul dynamic", tf.matmul, [A, B], spec=[(None, None), (None, 5)], also=[[f32(2, 6), f32(6, 5)]]),
    Case("matmul half", tf.matmul, [A.astype(np.float16), B.astype(np.float16)], tol=4e-3),
    Case("matmul half constant", lambda x: tf.matmul(x, WEIGHTS.astype(np.float16)), [A.astype(np.float16)], tol=4e-3),
    Case(
        "matmul bfloat16",
        lambda x, y: tf.cast(tf.matmul(tf.cast(x, tf.bfloat16), tf.cast(y, tf.bfloat16)), tf.float32),
        [A, B],
        tol=3e-2,
    ),
    *(Case(f"matmul {d}", tf.matmul, [ints(3, 4, dtype=d), ints(4, 5, dtype=d)]) for d in ("int32", "int64")),
    Case(
        "matmul int32 transposed",
        lambda x, y: tf.matmul(x, y, transpose_a=True, transpose_b=True),
        [ints(4, 3), ints(5, 4)],
    ),
    Case(
        "matmul int8 to int32",
        lambda x, y: tf.matmul(x, y, output_type=tf.int32),
        [ints(2, 3, 4, dtype="int8"), ints(2, 4, 5, dtype="int8")],
    ),
    Case("matmul double is refused", tf.matmul, [np.float64(A), np.float64(B)], raises="LS012", says="float64"),
    Case(
        "einsum double is refused",
        lambda x: tf.einsum("ij,kj->ik", x, x),
        [np.float64(A)],
        raises="LS012",
        says="float64",
    ),
    Case("matmul no rows", lambda x: tf.matmul(x, WEIGHTS), [f32(2, 4)], spec=[(None, 4)], also=[[f32(0, 4)]]),
    Case("batch", tf.matmul, [f32(2, 3, 4), f32(2, 4, 5)], ops={"BATCH_MATMUL": 1}),
    Case(
        "batch dynamic",
        tf.matmul,
        [f32(2, 3, 4), f32(2, 4, 5)],
        spec=[(None, 3, 4), (None, 4, 5)],
        also=[[f32(4, 3, 4), f32(4, 4, 5)]],
    ),
    Case(
        "batch transposed",
        lambda x, y: tf.matmul(x, y, transpose_a=True, transpose_b=True),
        [f32(2, 4, 3), f32(2, 5, 4)],
    ),
    Case("batch broadcast", tf.matmul, [f32(2, 1, 3, 4), f32(3, 4, 5)]),
    Case("batch broadcast rank", tf.matmul, [f32(2, 3, 4), f32(4, 5)]),
    Case(
        "batch constant", lambda x: tf.matmul(x, WEIGHTS), [f32(2, 3, 4)], spec=[(None, None, 4)], also=[[f32(3, 2, 4)]]
    ),
    Case("batch rank 6", tf.matmul, [f32(2, 1, 2, 1, 3, 4), f32(1, 2, 2, 1, 4, 5)]),
    Case(
        "batch rank 6 transposed",
        lambda x, y: tf.matmul(x, y, transpose_b=True),
        [f32(2, 1, 2, 1, 3, 4), f32(2, 1, 2, 1, 5, 4)],
    ),
    Case("batch half", tf.matmul, [f32(2, 3, 4).astype(np.float16), f32(2, 4, 5).astype(np.float16)], tol=4e-3),
    Case("batch int32 broadcast", tf.matmul, [ints(2, 1, 3, 4), ints(3, 4, 5)]),
    Case("batch v1", lambda x, y: raw.BatchMatMul(x=x, y=y), [f32(2, 3, 4), f32(2, 4, 5)]),
    Case("batch v3", lambda x, y: raw.BatchMatMulV3(x=x, y=y, Tout=tf.float32), [f32(2, 3, 4), f32(2, 4, 5)]),
    Case("matvec", tf.linalg.matvec, [f32(3, 4), f32(4)]),
    Case("tensordot 1", lambda x, y: tf.tensordot(x, y, 1), [f32(2, 3, 4), f32(4, 5)]),
    Case("tensordot 2", lambda x, y: tf.tensordot(x, y, 2), [f32(2, 3, 4), f32(3, 4, 5)]),
    Case("tensordot axes", lambda x, y: tf.tensordot(x, y, [[0, 2], [1, 0]]), [f32(2, 3, 4), f32(4, 2, 5)]),
    Case(
        "tensordot constant",
        lambda x: tf.tensordot(x, WEIGHTS, [[2], [0]]),
        [f32(2, 3, 4)],
        spec=[(None, None, 4)],
        also=[[f32(3, 2, 4)]],
    ),
    Case("tensordot outer", lambda x, y: tf.tensordot(x, y, 0), [f32(2), f32(3)]),
    Case("cross", tf.linalg.cross, [f32(4, 3), f32(4, 3, seed=1)]),
    Case("cross dynamic", tf.linalg.cross, [f32(4, 3), f32(4, 3, seed=1)], spec=[(None, 3), (None, 3)]),
    Case("norm", tf.norm, [A]),
    Case("norm axis", lambda x: tf.norm(x, axis=-1, keepdims=True), [A], **BATCH),
    Case("trace", tf.linalg.trace, [f32(2, 3, 3)]),
    Case("l2_normalize", lambda x: tf.math.l2_normalize(x, -1), [A], **BATCH),
    Case(
        "kronecker-like",
        lambda x, y: tf.reshape(x[:, None, :, None] * y[None, :, None, :], [6, 8]),
        [f32(2, 2), f32(3, 4)],
    ),
]
test_products = parity_test(PRODUCTS)

EQUATIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "ij,jk->ik": ((2, 3), (3, 4)),
    "bij,bjk->bik": ((2, 3, 4), (2, 4, 5)),
    "bhqd,bhkd->bhqk": ((2, 3, 4, 5), (2, 3, 6, 5)),
    "bqhd,bkhd->bhqk": ((2, 4, 3, 5), (2, 6, 3, 5)),
    "bhqk,bkhd->bqhd": ((2, 3, 4, 6), (2, 6, 3, 5)),
    "abc,cd->abd": ((2, 3, 4), (4, 5)),
    "abc,cde->abde": ((2, 3, 4), (4, 5, 6)),
    "abcd,cde->abe": ((2, 3, 4, 5), (4, 5, 6)),
    "ij->ji": ((2, 3),),
    "ij->i": ((2, 3),),
    "ii->i": ((3, 3),),
    "i,j->ij": ((2,), (3,)),
    "i,i->": ((4,), (4,)),
    "...ij,...jk->...ik": ((2, 3, 4), (2, 4, 5)),
    "...ij,jk": ((2, 3, 4), (4, 5)),
    "ab,bc,cd->ad": ((2, 3), (3, 4), (4, 5)),
    "bij,bkj->bki": ((2, 3, 4), (2, 5, 4)),
    "b...,b->b...": ((2, 3, 4), (2,)),
}
EINSUMS = [
    case
    for equation, shapes in EQUATIONS.items()
    for xs in [[f32(*s, seed=i) for i, s in enumerate(shapes)]]
    for case in (
        Case(f"einsum {equation}", lambda *xs, e=equation: tf.einsum(e, *xs), xs),
        *(
            [Case(f"einsum constant {equation}", lambda x, e=equation, w=xs[1:]: tf.einsum(e, x, *w), xs[:1])]
            if len(xs) == 2
            else []
        ),
    )
] + [
    Case(
        "einsum dynamic",
        lambda x, y: tf.einsum("bqhd,bkhd->bhqk", x, y),
        [f32(2, 4, 3, 5), f32(2, 6, 3, 5)],
        spec=[(None, None, 3, 5), (None, None, 3, 5)],
        also=[[f32(1, 2, 3, 5), f32(1, 3, 3, 5)]],
    ),
    Case("einsum int32", lambda x, y: tf.einsum("ij,jk->ik", x, y), [ints(2, 3), ints(3, 4)]),
    Case(
        "einsum half",
        lambda x, y: tf.einsum("ij,jk->ki", x, y),
        [f32(2, 3).astype("float16"), f32(3, 4).astype("float16")],
        tol=4e-3,
    ),
]
test_einsum = parity_test(EINSUMS)

# -- bands and diagonals ----------------------------------------------------------------------------------------------

M = f32(2, 3, 4)
S = f32(3, 3)


SQUARE = [(None, None, 4)]


def square(x: Any) -> Any:
    """Matrices with as many rows as columns."""
    return tf.matmul(x, x, transpose_b=True)


def diag_part(x: Any, k: Any, align: str = "RIGHT_LEFT", padding: float = 0.0) -> Any:
    return tf.linalg.diag_part(x, k=k, align=align, padding_value=padding)


DIAGONALS = [
    *(
        Case(f"band {low} {high}", lambda x, low=low, high=high: tf.linalg.band_part(x, low, high), [M])
        for low, high in ((0, 0), (1, 1), (-1, 0), (0, -1), (-1, -1), (2, 0), (2, 3))
    ),
    Case("band infinite", lambda x: tf.linalg.band_part(x / 0.0, -1, 0), [np.abs(S) + 1]),
    Case(
        "band dynamic", lambda x: tf.linalg.band_part(x, -1, 0), [M], spec=[(None, None, None)], also=[[f32(1, 5, 2)]]
    ),
    Case("band fed", tf.linalg.band_part, [M, np.int64(1), np.int64(-1)]),
    *(
        Case(f"band {d}", lambda x: tf.linalg.band_part(x, -1, 0), [ints(3, 4, dtype=d)])
        for d in ("int32", "int64", "int8")
    ),
    Case("band bool", lambda x: tf.linalg.band_part(x, -1, 0), [np.ones((3, 4), bool)]),
    Case(
        "causal mask",
        lambda x: tf.linalg.band_part(tf.ones([tf.shape(x)[0]] * 2), -1, 0),
        [f32(3, 2)],
        spec=[(None, 2)],
        also=[[f32(5, 2)]],
    ),
    *(Case(f"diag {d}", tf.linalg.diag, [np.array(f32(2, 3) * 9, d)]) for d in ("float32", "int32", "int64", "int8")),
    Case("diag half", tf.linalg.diag, [f32(2, 3).astype(np.float16)]),
    Case("diag dynamic", tf.linalg.diag, [f32(2, 3)], spec=[(None, None)], also=[[f32(1, 4)]]),
    Case("diag above", lambda x: tf.linalg.diag(x, k=1), [f32(2, 3)]),
    Case("diag below", lambda x: tf.linalg.diag(x, k=-2), [f32(2, 3)]),
    Case("diag sized", lambda x: tf.linalg.diag(x, k=0, num_rows=4, num_cols=3), [f32(2, 3)]),
    Case("diag padded", lambda x: tf.linalg.diag(x, padding_value=7.0), [f32(2, 3)]),
    *(
        Case(f"diag band {align}", lambda x, align=align: tf.linalg.diag(x, k=(-1, 1), align=align), [f32(2, 3, 3)])
        for align in ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT")
    ),
    Case(
        "diag band wide",
        lambda x: tf.linalg.diag(x, k=(0, 2), num_rows=3, num_cols=5, padding_value=-1.0),
        [f32(2, 3, 3)],
    ),
    Case("diag v1", lambda x: raw.MatrixDiag(diagonal=x), [f32(2, 3)]),
    Case(
        "diag v2", lambda x: raw.MatrixDiagV2(diagonal=x, k=0, num_rows=-1, num_cols=-1, padding_value=0.0), [f32(2, 3)]
    ),
    Case("diag part", tf.linalg.diag_part, [M]),
    *(
        Case(
            f"diag part of unknown size {k}",
            lambda x, k=k: diag_part(square(x), k),
            [M],
            spec=SQUARE,
            also=[[f32(2, 6, 4)]],
        )
        for k in (0, 1, -2)
    ),
    Case("diag part dynamic", tf.linalg.diag_part, [M], spec=[(None, 3, 4)], also=[[f32(5, 3, 4)]]),
    *(Case(f"diag part {k}", lambda x, k=k: diag_part(x, k), [M]) for k in (1, -1, 2, 3, -2)),
    *(
        Case(f"diag part band {align}", lambda x, align=align: diag_part(x, (-1, 2), align, 9.0), [M])
        for align in ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT")
    ),
    Case("diag part int64", tf.linalg.diag_part, [ints(2, 3, 3, dtype="int64")]),
    Case("diag part v1", lambda x: raw.MatrixDiagPart(input=x), [M]),
    Case("diag part v2", lambda x: raw.MatrixDiagPartV2(input=x, k=[-1, 1], padding_value=0.0), [M]),
    Case("set diag", tf.linalg.set_diag, [M, f32(2, 3)], ops={"MATRIX_SET_DIAG": 1}),
    Case("set diag half", tf.linalg.set_diag, [M.astype(np.float16), f32(2, 3).astype(np.float16)]),
    Case("set diag int64", tf.linalg.set_diag, [ints(2, 3, 4, dtype="int64"), ints(2, 3, dtype="int64")]),
    *(
        Case(f"set diag {k}", lambda x, d, k=k: tf.linalg.set_diag(x, d, k=k), [M, f32(2, n)])
        for k, n in ((1, 3), (-1, 2), (3, 1))
    ),
    *(
        Case(
            f"set diag band {align}",
            lambda x, d, align=align: tf.linalg.set_diag(x, d, k=(-1, 1), align=align),
            [M, f32(2, 3, 3)],
        )
        for align in ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT")
    ),
    Case(
        "set diag dynamic", lambda x, d: tf.linalg.set_diag(x, d, k=1), [M, f32(2, 3)], spec=[(None, 3, 4), (None, 3)]
    ),
    Case("set diag v1", lambda x, d: raw.MatrixSetDiag(input=x, diagonal=d), [M, f32(2, 3)]),
    Case("set diag v2", lambda x, d: raw.MatrixSetDiagV2(input=x, diagonal=d, k=1), [M, f32(2, 3)]),
    Case("tensor diag", tf.linalg.tensor_diag, [f32(2, 3)]),
    Case("tensor diag part", tf.linalg.tensor_diag_part, [f32(2, 3, 2, 3)]),
    Case("set diag nothing fits", lambda x: tf.linalg.set_diag(x, tf.zeros([2, 3])), [M]),
    Case(
        "diag part of unknown size is refused",
        tf.linalg.diag_part,
        [M],
        spec=[(None, None, None)],
        raises="LS001",
        says="fixed",
    ),
]
test_diagonals = parity_test(DIAGONALS)

CASES = [*PRODUCTS, *EINSUMS, *DIAGONALS]
