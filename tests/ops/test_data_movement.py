"""Evaluators and inference of operators that move, index, fill and reduce elements, against the runtime."""

import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, TensorType
from litesmith.ir.folding import NO_FOLDING
from litesmith.ops import OPS
from litesmith.runtime.runner import Runner
from tests.arrays import f32
from tests.ops.harness import Case, Quantized, check_evaluator, i32, ints, operation, program_of, refuses, scalar

F32 = 2e-6
"""Rounding of float32 sums in another order."""

NAN = np.nan
I32, I64 = dict(output_type=DType.INT32), dict(output_type=DType.INT64)


def i64(*elements):
    """An int64 vector."""
    return np.array(elements, np.int64)


def _fixed(name, op, operands, *constant, **attrs):
    """A row whose last operands, or the ones named, are constants of the file."""
    return Case(name, op, operands, 0, attrs, constant or range(1, len(operands)))


X = f32(2, 3, 4)
STRINGS = np.array([b"a", b"bc", b"", b"def"], object)

LAYOUT = (
    _fixed("rank3", "TRANSPOSE", (X, i32(2, 0, 1))),
    _fixed("negative", "TRANSPOSE", (X, i32(-1, 0, 1))),
    _fixed("rank6", "TRANSPOSE", (f32(1, 2, 1, 3, 2, 2), i32(5, 3, 1, 0, 2, 4))),
    Case("fed", "TRANSPOSE", (X, i32(1, 0, 2)), 0, symbolic=(0,)),
    *(Case(f"axis{a}", "CONCATENATION", (X, f32(2, 3, 4, seed="b")), 0, dict(axis=a)) for a in (0, 2, -2)),
    Case("sizes", "CONCATENATION", (X, f32(2, 1, 4), f32(2, 0, 4)), 0, dict(axis=1)),
    *(Case(f"axis{a}", "PACK", (X, f32(2, 3, 4, seed="b")), 0, dict(axis=a, values_count=2)) for a in (0, 3, -1)),
    *(Case(f"axis{a}", "UNPACK", (X,), 0, dict(axis=a, num=n), symbolic=()) for a, n in ((0, 2), (2, 4), (-2, 3))),
    Case("even", "SPLIT", (i32([2]), X), 0, dict(num_splits=2), (0,)),
    Case("negative", "SPLIT", (scalar(-2), X), 0, dict(num_splits=3), (0,)),
    _fixed("uneven", "SPLIT_V", (X, i32(1, 3), scalar(2)), num_splits=2),
    _fixed("rest", "SPLIT_V", (X, i32(1, -1, 1), scalar(-2)), num_splits=3),
    _fixed("twice", "TILE", (X, i32(2, 1, 3))),
    _fixed("none", "TILE", (X, i64(1, 0, 1))),
    Case("fed", "TILE", (X, i32(1, 2, 1)), 0, symbolic=(0,)),
    _fixed("strings", "TILE", (STRINGS, i32([2]))),
    _fixed("ones", "BROADCAST_TO", (f32(2, 1, 3), i32(2, 4, 3))),
    _fixed("new_axes", "BROADCAST_TO", (f32(3), i64(2, 4, 3))),
    _fixed("scalar", "BROADCAST_TO", (scalar(7), i32(2, 2))),
    _fixed("one", "REVERSE_V2", (X, i32([1]))),
    _fixed("consecutive", "REVERSE_V2", (X, i32(-1, 1))),
    Case("rows", "REVERSE_SEQUENCE", (X, i32(2, 0)), 0, dict(seq_dim=1, batch_dim=0)),
    Case("columns", "REVERSE_SEQUENCE", (X, i64(1, 3, 2)), 0, dict(seq_dim=2, batch_dim=1)),
    _fixed("known", "RESHAPE", (X, i32(4, 6))),
    _fixed("inferred", "RESHAPE", (X, i32(3, -1))),
    _fixed("scalar", "RESHAPE", (f32(1, 1), np.zeros(0, np.int32))),
    Case("int32", "SHAPE", (X,), 0, dict(out_type=DType.INT32)),
    Case("int64", "SHAPE", (X,), 0, dict(out_type=DType.INT64)),
    Case("rank3", "RANK", (X,), 0),
    *(_fixed(f"axis{a}", "EXPAND_DIMS", (X, scalar(a))) for a in (0, 3, -1, -2)),
    Case("named", "SQUEEZE", (f32(1, 2, 1, 3),), 0, dict(squeeze_dims=(0, -2))),
    Case("all", "SQUEEZE", (f32(1, 2, 1, 3),), 0, symbolic=()),
    Case("shapes", "BROADCAST_ARGS", (i32(2, 1, 4), i32(3, 1)), 0, symbolic=()),
)

GRID = f32(2, 3, 4, 5)


def _strided(name, begin, end, strides, x=X, **masks):
    return _fixed(name, "STRIDED_SLICE", (x, i32(*begin), i32(*end), i32(*strides)), **masks)


SLICES = (
    _fixed("inside", "SLICE", (X, i32(0, 1, 2), i32(2, 1, 2))),
    _fixed("rest", "SLICE", (X, i64(1, 0, 2), i64(-1, 2, -1))),
    Case("fed", "SLICE", (X, i32(0, 1, 0), i32(1, 2, 3)), 0, symbolic=(0,)),
    _fixed("strings", "SLICE", (STRINGS, i32([1]), i32([2]))),
    _strided("forward", (0, 1, 0), (2, 3, 4), (1, 1, 2)),
    _strided("negative_places", (-1, -3, -2), (2, -1, 4), (1, 1, 1)),
    _strided("backward", (1, 2, -1), (-3, 0, -5), (-1, -1, -2)),
    _strided("beyond", (-9, 1, 2), (9, 99, 99), (1, 1, 1)),
    _strided("empty", (1, 2, 3), (1, -9, 1), (1, 1, 1)),
    _strided("no_elements_backward", (0, 1, 0), (1, 2, 0), (-1, -1, 1), end_mask=4),
    _strided("masked", (1, 1, 1), (1, 1, 1), (1, -1, 2), begin_mask=7, end_mask=7),
    _strided("shrunk", (1, 0, -1), (2, 3, 0), (1, 1, 1), shrink_axis_mask=5),
    _strided("few", ([1],), ([2],), ([1],)),
    _strided("ellipsis", (0, 1), (0, 3), (1, 1), GRID, ellipsis_mask=1),
    _strided("ellipsis_inside", (1, 0, -2), (2, 0, 5), (1, 1, 1), GRID, ellipsis_mask=2),
    _strided("new_axis", (0, 1, 0), (0, 3, 0), (1, 1, 1), x=f32(4, 5), new_axis_mask=5),
    _strided("everything", (0, 0, 0, 2), (0, 0, 0, 3), (1, 1, 1, 1), ellipsis_mask=2, new_axis_mask=5,
             shrink_axis_mask=8),
    _strided("offset", (1, 1, 0), (1, 2, 3), (1, 1, 1), offset=True),
    Case("fed", "STRIDED_SLICE", (X, i32(0, 1, 0), i32(2, 3, 4), i32(1, 1, 2)), 0, constant=(3,), symbolic=(0,)),
    Case("inside", "DYNAMIC_UPDATE_SLICE", (X, f32(1, 2, 2), i32(1, 1, 0)), 0, symbolic=(0,)),
    Case("moved_inside", "DYNAMIC_UPDATE_SLICE", (X, f32(1, 2, 2), i64(9, -9, 3)), 0, symbolic=(0,)),
)  # fmt: skip

IMAGE = f32(2, 4, 6, 4)
ONES = i32([[0, 0], [0, 0]])

PADDINGS = (
    _fixed("zeros", "PAD", (X, i32([[1, 0], [0, 2], [3, 1]]))),
    _fixed("int64", "PAD", (ints(2, 3), np.array([[1, 1], [0, 2]], np.int64))),
    _fixed("bools", "PAD", (np.array([[True, False]]), i32([[1, 1], [0, 2]]))),
    _fixed("value", "PADV2", (X, i32([[1, 0], [0, 2], [3, 1]]), scalar(2.5, np.float32))),
    _fixed("low", "PADV2", (ints(2, 3), i32([[1, 0], [0, 2]]), scalar(-7))),
    _fixed("reflect", "MIRROR_PAD", (X, i32([[1, 0], [2, 2], [3, 1]])), mode="REFLECT"),
    _fixed("symmetric", "MIRROR_PAD", (X, i32([[2, 0], [3, 2], [4, 1]])), mode="SYMMETRIC"),
    Case("two", "SPACE_TO_DEPTH", (IMAGE,), 0, dict(block_size=2)),
    Case("two", "DEPTH_TO_SPACE", (IMAGE,), 0, dict(block_size=2)),
    _fixed("rank4", "SPACE_TO_BATCH_ND", (IMAGE, i32(2, 3), i32([[1, 1], [3, 0]]))),
    _fixed("rank3", "SPACE_TO_BATCH_ND", (f32(2, 5, 3), i32([3]), i32([[0, 1]]))),
    _fixed("rank4", "BATCH_TO_SPACE_ND", (f32(12, 2, 3, 2), i32(2, 3), i32([[1, 1], [3, 0]]))),
    _fixed("rank3", "BATCH_TO_SPACE_ND", (f32(6, 2, 3), i32([3]), i32([[0, 1]]))),
    _fixed("spread", "DILATE", (X, i32(2, 1, 3), scalar(-1.0, np.float32))),
)

BATCHED = (i32([[0, 2], [1, 1]]),)
PICKS = i32([[0, 2], [1, 0], [1, 1]])
TABLE = f32(5, 3)
HOT, COLD = scalar(5.0, np.float32), scalar(-1.0, np.float32)

INDEXING = (
    *(Case(f"axis{a}", "GATHER", (X, i32([[0, 1], [1, 0]])), 0, dict(axis=a), symbolic=(0,)) for a in (0, 1, -1)),
    Case("scalar", "GATHER", (X, scalar(1)), 0, dict(axis=1)),
    Case("batch", "GATHER", (X, *BATCHED), 0, dict(axis=1, batch_dims=1), symbolic=()),
    Case("batch_before_axis", "GATHER", (X, *BATCHED), 0, dict(axis=2, batch_dims=1), symbolic=()),
    Case("negative_batch", "GATHER", (X, *BATCHED), 0, dict(axis=-1, batch_dims=-1), symbolic=()),
    Case("int64", "GATHER", (TABLE, i64(4, 0)), 0),
    Case("int16", "GATHER", (TABLE, np.array([4, 0], np.int16)), 0),
    Case("strings", "GATHER", (STRINGS, i32(3, 0)), 0),
    Case("rows", "GATHER_ND", (X, PICKS), 0, symbolic=(0,)),
    Case("elements", "GATHER_ND", (X, np.array([[1, 2, 3]], np.int64)), 0, symbolic=(0,)),
    Case("batch", "GATHER_ND", (X, PICKS.reshape(1, 3, 2)), 0, symbolic=(0,)),
    Case("adds_up", "SCATTER_ND", (i32([[0], [2], [0]]), f32(3, 4), i32(3, 4)), 0, constant=(2,), symbolic=()),
    Case("elements", "SCATTER_ND", (PICKS, ints(3), i32(2, 4)), 0, constant=(2,), symbolic=()),
    Case("bools", "SCATTER_ND", (i32([[0], [0]]), np.array([True, True]), i32([3])), 0, constant=(2,), symbolic=()),
    Case("vector", "SPARSE_TO_DENSE", (i32(0, 3), i32([5]), f32(2), scalar(-1.0, np.float32)), 0, constant=(1, 3)),
    Case("matrix", "SPARSE_TO_DENSE", (PICKS, i32(2, 3), ints(3), scalar(9)), 0, constant=(1, 3)),
    Case("scalar", "SPARSE_TO_DENSE", (scalar(2), i32([5]), scalar(7), scalar(9)), 0, constant=(1, 3)),
    Case("rows", "EMBEDDING_LOOKUP", (i32(4, 0, 0), TABLE), 0, constant=(1,)),
    *(Case(f"axis{a}", "ONE_HOT", (i32([[0, 3], [-1, 1]]), scalar(3), HOT, COLD), 0, dict(axis=a), (1, 2, 3))
      for a in (-1, 0, 1, 2)),
    Case("int64", "ONE_HOT", (i64(1, 0), scalar(4), scalar(1), scalar(0)), 0, dict(axis=-1), (1, 2, 3)),
    Case("edges", "BUCKETIZE", (np.array([0.5, 0.4, 1.0, -np.inf, NAN], np.float32),), 0, dict(boundaries=(0.5, 1.0))),
    Case("int64", "BUCKETIZE", (i64(-5, 0, 9),), 0, dict(boundaries=(0.0, 3.5))),
    _fixed("ties", "TOPK_V2", (np.array([[1, 3, 3, 2, 3], [0, -1, 9, 5, 2]], np.float32), scalar(3))),
    _fixed("int32", "TOPK_V2", (ints(3, 7), scalar(7))),
    _fixed("int16", "TOPK_V2", (ints(2, 9, dtype=np.int16), scalar(2, np.int16)), index_type=DType.INT16),
    Case("bools", "WHERE", (np.array([[True, False], [True, True]]),), 0),
    Case("floats", "WHERE", (np.array([NAN, 0.0, -0.0, 3.0], np.float32),), 0),
    Case("int32", "UNIQUE", (i32(3, 1, 3, 2, 1),), 0),
    Case("int64", "UNIQUE", (f32(4),), 0, dict(idx_out_type=DType.INT64)),
)  # fmt: skip

IDS = i32(2, -1, 0, 2)
SEGMENTED = f32(4, 3)

FILLS = (
    Case("vector", "FILL", (i32(2, 3), scalar(1.5, np.float32)), 0, constant=(0,)),
    Case("scalar", "FILL", (np.zeros(0, np.int64), scalar(3)), 0, constant=(0,)),
    Case("fed", "FILL", (i32(2, 3), scalar(True, np.bool_)), 0, symbolic=()),
    _fixed("down", "RANGE", (scalar(10), scalar(1), scalar(-3)), 0),
    Case("fed", "RANGE", (scalar(1), scalar(8), scalar(2)), 0),
    Case("added_up", "RANGE", tuple(scalar(e, np.float32) for e in (0.0, 100.0, 0.3)), 0),
    Case("int64", "RANGE", tuple(scalar(e, np.int64) for e in (0, 2**33, 2**32)), 0),
    Case("batch", "MATRIX_DIAG", (f32(2, 3),), 0),
    Case("square", "MATRIX_SET_DIAG", (f32(2, 3, 3), f32(2, 3, seed="d")), 0),
    Case("wide", "MATRIX_SET_DIAG", (f32(2, 3, 5), f32(2, 3, seed="d")), 0),
    Case("tall", "MATRIX_SET_DIAG", (ints(4, 2), ints(2, seed="d")), 0),
    Case("rows", "SEGMENT_SUM", (SEGMENTED, i32(0, 0, 1, 2)), F32, symbolic=(0,)),
    *(Case("rows", f"UNSORTED_SEGMENT_{r}", (SEGMENTED, IDS, scalar(4)), F32, constant=(2,), symbolic=())
      for r in ("SUM", "PROD", "MIN", "MAX")),
    *(Case("int32", f"UNSORTED_SEGMENT_{r}", (ints(2, 2, 3), i32([[0, 1], [1, 1]]), scalar(3)), 0, constant=(2,),
           symbolic=()) for r in ("SUM", "PROD", "MIN", "MAX")),
)  # fmt: skip

REDUCTIONS = ("SUM", "MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")
TRUTH = np.array([[[True, False], [True, True]], [[False, False], [True, False]]])
TIES = np.array([[1, 3, 3, 0], [2, 2, 5, 5]])


def _reduce(name, op, x, axes, tolerance=F32, **attrs):
    return Case(name, op, (x, np.array(axes, np.int32)), tolerance, attrs, (1,))


REDUCED = (
    *(_reduce("middle", op, X, [1]) for op in REDUCTIONS),
    *(_reduce("kept", op, X, [-1, 0], keep_dims=True) for op in REDUCTIONS),
    *(_reduce("all", op, X, [0, 1, 2]) for op in REDUCTIONS),
    *(_reduce("scalar_axis", op, X, 2) for op in REDUCTIONS),
    *(_reduce(str(d), op, ints(3, 4, dtype=d), [1], 0) for op in REDUCTIONS for d in ("int32", "int64")),
    *(_reduce(str(d), op, ints(3, 4, dtype=d), [1], 0) for op in ("REDUCE_MAX", "REDUCE_MIN")
      for d in ("int8", "int16")),
    *(_reduce("axis", op, TRUTH, [1], 0) for op in ("REDUCE_ANY", "REDUCE_ALL")),
    *(_reduce("kept", op, TRUTH, [0, 2], 0, keep_dims=True) for op in ("REDUCE_ANY", "REDUCE_ALL")),
    _reduce("nan", "SUM", np.array([[1, NAN], [2, 3]], np.float32), [1]),
    _reduce("no_elements", "REDUCE_PROD", np.zeros((2, 0), np.float32), [1]),
    _reduce("overflow", "SUM", i32(2**31 - 1, 2), [0], 0),
    *(Case(f"{x.dtype}", op, (x, scalar(axis)), 0, types, (1,))
      for op in ("ARG_MAX", "ARG_MIN")
      for x, axis, types in (
          (f32(3, 4), 0, I32), (TIES.astype(np.int32), 1, I64), (TIES.astype(np.int8), -1, I32), (TRUTH, 1, I32))),
    *(Case(f"{e}{r}", "CUMSUM", (X, scalar(a)), F32, dict(exclusive=e, reverse=r), (1,))
      for e in (False, True) for r in (False, True) for a in (1, -1)),
    Case("int64", "CUMSUM", (ints(3, 4, dtype=np.int64), scalar(0)), 0, dict(exclusive=True), (1,)),
    *(_fixed(r.lower(), "REDUCE_WINDOW", (ints(5, 6), scalar(0), i64(2, 3), i64(2, 1), i64(1, 2)), reduce_function=r)
      for r in ("ADD", "MUL", "MINIMUM", "MAXIMUM")),
    *(_fixed(r.lower(), "REDUCE_WINDOW", (TRUTH, scalar(r == "ALL", np.bool_), i64(1, 2, 2), i64(1, 1, 1),
                                          i64(1, 1, 1)), reduce_function=r) for r in ("ALL", "ANY")),
)  # fmt: skip


@pytest.mark.parametrize("case", LAYOUT + SLICES + PADDINGS + INDEXING + FILLS + REDUCED, ids=repr)
def test_evaluator_agrees_with_the_runtime(case):
    check_evaluator(case)


HIGH = f32(1, 2, 1, 2, 1, 2, 1)
REFUSED = (
    (_fixed("rank7", "TRANSPOSE", (HIGH, i32(*range(6, -1, -1)))), "rank 7 is above 6"),
    (_fixed("scalar", "TRANSPOSE", (f32(), np.zeros(0, np.int32))), "rank 0 is below 1"),
    (_fixed("twice", "TRANSPOSE", (X, i32(0, 0, 1))), "not a permutation"),
    (_fixed("rank6", "SLICE", (HIGH[0], i32(*[0] * 6), i32(*[1] * 6))), "rank 6 is above 5"),
    (_fixed("outside", "SLICE", (X, i32(0, 1, 0), i32(2, 3, 4))), "does not fit"),
    (_strided("rank6", (0,) * 6, (1,) * 6, (1,) * 6, HIGH[0]), "rank 6 is above 5"),
    (_strided("new_axes", (0, 0), (0, 0), (1, 1), f32(1, 2, 1, 2), new_axis_mask=3), "rank 6 with the new dimensions"),
    (_strided("outside", (2, 0, 0), (0, 0, 0), (1, 1, 1), shrink_axis_mask=1), "out of range"),
    (_strided("end_of_zero", (0, 0, 1), (2, 3, 0), (1, 1, 1)), "takes an end of 0"),
    (_strided("offset", (0, 0, 1), (2, 3, 0), (1, 1, 1), offset=True, end_mask=1), "offset is taken"),
    (_strided("no_stride", (0, 0, 0), (1, 1, 1), (1, 0, 1)), "stride is 0"),
    (_fixed("rank6", "PAD", (HIGH[0], i32([[0, 0]] * 6))), "rank 6 is above 5"),
    (_fixed("negative", "PAD", (X, i32([[0, 0], [0, -1], [0, 0]]))), "padding is negative"),
    (_fixed("too_much", "MIRROR_PAD", (X, i32([[2, 0], [0, 0], [0, 0]]))), "mirrors more"),
    (_fixed("gap", "REVERSE_V2", (X, i32(0, 2))), "do not follow each other"),
    (_fixed("rank2", "SPACE_TO_BATCH_ND", (f32(2, 4), i32([2]), i32([[0, 0]]))), "rank 3 and 4"),
    (Case("uneven", "SPACE_TO_DEPTH", (f32(1, 3, 4, 1),), 0, dict(block_size=2)), "does not divide"),
    (Case("uneven", "SPLIT", (scalar(1), X), 0, dict(num_splits=2), (0,)), "does not divide"),
    (_fixed("uneven", "SPLIT_V", (X, i32(1, 1), scalar(1)), num_splits=2), "do not make up"),
    (Case("axis", "CONCATENATION", (X, X), 0, dict(axis=3)), "out of range"),
    (Case("sizes", "CONCATENATION", (X, f32(2, 2, 4)), 0, dict(axis=2)), "has sizes"),
    (Case("bools", "PACK", (TRUTH, TRUTH), 0, dict(values_count=2)), "bool is not taken"),
    (_fixed("uneven", "RESHAPE", (X, i32(5, -1))), "cannot reshape"),
    (Case("strings", "GATHER", (STRINGS.reshape(2, 2), i32([0])), 0), "from vectors only"),
    (Case("odd_int4", "GATHER", (Quantized(ints(4, 3) % 8, 1.0, 0, 0, DType.INT4), i32(0)), 0, constant=(0,)),
     "are not whole bytes"),
    (Case("rank2", "UNIQUE", (ints(2, 3),), 0), "rank 2 is above 1"),
    (Case("scalar", "WHERE", (scalar(True, np.bool_),), 0), "rank 0 is below 1"),
    (_fixed("many", "TOPK_V2", (f32(3), scalar(4))), "k = 4 of 3"),
    (Case("rank5", "SPARSE_TO_DENSE", (i32([[0] * 5]), i32(*[2] * 5), f32(1), scalar(0.0, np.float32)), 0,
          constant=(1, 3)), "up to rank 4"),
    (Case("broadcast", "SPARSE_TO_DENSE", (i32(0, 1), i32([5]), scalar(1), scalar(0)), 0, constant=(1, 3)),
     "only where there is one index"),
    (Case("int64", "ARG_MAX", (ints(3, dtype=np.int64), scalar(0)), 0, I32, (1,)), "int64 is not taken"),
    (_reduce("bool", "REDUCE_MAX", TRUTH, [0]), "bool is not taken"),
    (_reduce("plain_int8", "SUM", ints(2, 3, dtype=np.int8), [0]), "only with quantization"),
    (_reduce("axis", "SUM", X, [3]), "out of range"),
)  # fmt: skip


@pytest.mark.parametrize(("case", "expected"), REFUSED, ids=lambda v: repr(v) if isinstance(v, Case) else "")
def test_what_the_kernel_does_not_take_is_refused(case, expected):
    refuses(case, expected)


UNFOLDED = (
    Case("outside", "GATHER", (X, i32(-1, 0)), 0, dict(axis=1)),
    Case("outside", "GATHER_ND", (X, i32([[2]])), 0),
    Case("outside", "SCATTER_ND", (i32([[5]]), f32(1), i32([4])), 0),
    Case("outside", "SPARSE_TO_DENSE", (i32([5]), i32([4]), f32(1), scalar(0.0, np.float32)), 0),
    Case("outside", "EMBEDDING_LOOKUP", (i32([5]), TABLE), 0),
    Case("gap", "SEGMENT_SUM", (SEGMENTED, i32(0, 0, 2, 2)), 0),
    Case("outside", "UNSORTED_SEGMENT_SUM", (SEGMENTED, i32(0, 0, 4, 0), scalar(4)), 0),
    Case("nan", "REDUCE_MAX", (np.array([NAN, 1], np.float32), i32([0])), 0),
    Case("empty", "MEAN", (np.zeros((0, 2), np.float32), i32([0])), 0),
    Case("nan", "ARG_MAX", (np.array([NAN, 1], np.float32), scalar(0)), 0, I32),
    Case("nan", "TOPK_V2", (np.array([NAN, 1], np.float32), scalar(1)), 0),
)


@pytest.mark.parametrize("case", UNFOLDED, ids=repr)
def test_what_has_no_defined_result_is_not_folded(case):
    op = operation(Case(case.name, case.op, case.operands, 0, case.attrs, range(len(case.operands))))
    assert op.defn.foldable is not None
    assert not op.defn.foldable(op)


def test_slice_that_ends_at_zero_is_empty():
    graph = Graph()
    x = graph.add_input(TensorType(DType.FLOAT32, (5,)), "in0")
    made = Builder(graph, OPS, folding=NO_FOLDING).strided_slice(x, [1], [0], [1])
    made.name = "out0"
    graph.outputs = [made]
    assert made.type.shape == (0,)
    (result,) = Runner(write_model(program_of(made.op))).run([f32(5)]).values()
    assert result.shape == (0,)
