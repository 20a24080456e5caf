"""Evaluators and inference of arithmetic, activations, comparisons, casts and choices against the runtime."""

import numpy as np
import pytest

from litesmith.errors import UnsupportedError
from litesmith.ir import DType
from tests.arrays import f32
from tests.ops.harness import Case, check_evaluator, i32, ints, operation, refuses, scalar

F32 = 2e-6
"""Rounding of transcendental functions by other approximations."""

NAN, INF = np.nan, np.inf


def f(*elements):
    """A float32 tensor of these elements."""
    return np.array(elements[0] if isinstance(elements[0], list) else elements, np.float32)


def _signed(name, op, dtype, **attrs):
    """Both signs of both operands."""
    x, y = np.array([7, -7, 7, -7, 0, 6], dtype), np.array([2, 2, -2, -2, 3, -3], dtype)
    return Case(name, op, (x, y), 0, attrs)


BINARY = ("ADD", "SUB", "MUL", "DIV", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")
COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
MIXED = (f(NAN, 1.0, 2.0, -1.0, 0.0, -0.0), f(1.0, 1.0, 3.0, -2.0, -0.0, 0.0))

ARITHMETIC = (
    *(Case("broadcast", op, (f32(2, 3, 4), f32(3, 1, low=0.5)), F32) for op in BINARY),
    *(Case("scalar", op, (f32(2, 3), scalar(1.5, np.float32)), F32) for op in BINARY),
    *(Case("both_ways", op, (f32(2, 1, 4), f32(3, 1, low=0.5)), F32) for op in BINARY),
    *(Case("broadcast_rank4", op, (f32(2, 1, 3, 2), f32(1, 4, 3, 1, low=0.5)), F32) for op in BINARY),
    *(Case("constant", op, (f32(2, 3), f32(3, low=0.5)), F32, constant=(1,)) for op in BINARY),
    *(_signed("int32", op, np.int32) for op in BINARY),
    *(_signed("int64", op, np.int64) for op in ("ADD", "SUB", "MUL", "FLOOR_MOD", "MAXIMUM", "MINIMUM")),
    *(_signed("int16", op, np.int16) for op in ("ADD", "MUL", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM")),
    *(_signed("int8", op, np.int8) for op in ("FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM")),
    *(_signed("relu6", op, np.int32, fused_activation_function="RELU6") for op in ("ADD", "SUB", "MUL")),
    *(
        Case(a.lower(), op, (f32(3, 4, low=-5, high=5), f32(3, 4, low=0.5, seed="y")), F32,
             dict(fused_activation_function=a))
        for op in ("ADD", "SUB", "MUL", "DIV")
        for a in ("RELU", "RELU_N1_TO_1", "RELU6")
    ),
    *(Case("nan", op, MIXED, 0) for op in ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")),
    Case("broadcast_rank6", "ADD", (f32(2, 1, 2, 1, 2, 1), f32(1, 3, 1, 2, 1, 2)), F32),
    Case("broadcast_rank5", "MAXIMUM", (f32(2, 1, 2, 1, 2), f32(1, 3, 1, 2, 1)), F32),
    Case("same_rank8", "MUL", (f32(1, 2, 1, 2, 1, 2, 1, 2), f32(1, 2, 1, 2, 1, 2, 1, 2)), F32),
    Case("overflow", "ADD", (i32(2**31 - 1, -(2**31)), i32(1, -1)), 0),
    Case("overflow", "MUL", (i32(2**30, -(2**30)), i32(4, 3)), 0),
    Case("complex", "MUL", (np.array([1 + 2j, 3j], np.complex64), np.array([2 - 1j, 1 + 1j], np.complex64)), F32),
    Case("uint32", "MUL", (np.array([3, 2**31], np.uint32), np.array([5, 3], np.uint32)), 0),
    Case("in_double_precision", "FLOOR_DIV", (f(1.0, 0.3, -1.0), f(0.1, 0.1, 0.1)), 0),
    Case("infinite", "FLOOR_MOD", (f(-1.0, 1.0, INF, 5.5), f(INF, INF, 2.0, -2.0)), 0),
    Case("reals", "POW", (f32(2, 3, low=0.1), f32(3)), F32),
    Case("special", "POW", (f(0.0, -2.0, -2.0, INF, NAN, 1.0), f(0.0, 3.0, 0.5, -1.0, 0.0, NAN)), F32),
    Case("integers", "POW", (i32(2, -3, 0, 7), i32(10, 3, 0, 1)), 0),
    Case("three", "ADD_N", (f32(2, 3), f32(2, 3, seed="b"), f32(2, 3, seed="c")), F32),
    Case("int32", "ADD_N", (ints(2, 3), ints(2, 3, seed="b")), 0),
    Case("quadrants", "ATAN2", (f(1, 1, -1, -1, 0, 0), f(1, -1, 1, -1, -1, 0)), F32),
    Case("float64", "ATAN2", (f32(5).astype(np.float64), f32(5, seed="x").astype(np.float64)), F32),
    *(
        Case(dtype, "BITWISE_XOR", (ints(2, 3, dtype=dtype, low=0, high=99), ints(3, dtype=dtype, low=0, high=99)), 0)
        for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32")
    ),
    Case("truncates", "DIV", (i32(7, -7, 7, -7), i32(2, 2, -2, -2)), 0),
    *(
        Case(dtype, "RIGHT_SHIFT", (np.array([100, -100, 5, 7, 9], dtype), np.array([1, 2, 0, 40, -1], dtype)), 0)
        for dtype in ("int8", "int16", "int32")
    ),
    *(
        Case(dtype, "RIGHT_SHIFT", (np.array([100, 255, 5, 7], dtype), np.array([1, 2, 0, 40], dtype)), 0)
        for dtype in ("uint8", "uint16", "uint32")
    ),
    *(Case("broadcast", op, (np.array([[True], [False]]), np.array([True, False])), 0)
      for op in ("LOGICAL_AND", "LOGICAL_OR", "EQUAL", "NOT_EQUAL")),
    *(Case("broadcast", op, (f32(2, 3), f32(3)), 0) for op in COMPARISONS),
    *(Case("special", op, (f(NAN, INF, -INF, 0.0, 1.0), f(NAN, INF, INF, -0.0, NAN)), 0) for op in COMPARISONS),
    *(_signed("int32", op, np.int32) for op in COMPARISONS),
    *(_signed("int64", op, np.int64) for op in COMPARISONS),
    *(_signed("int16", op, np.int16) for op in ("EQUAL", "LESS", "GREATER_EQUAL")),
    *(
        Case("strings", op, (np.array([b"a", b"", b"bc"], object), np.array([b"a", b"x", b"bc"], object)), 0)
        for op in ("EQUAL", "NOT_EQUAL")
    ),
)  # fmt: skip

SPECIAL = f(NAN, INF, -INF, 0.0, -0.0, 1.5, 2.5, -0.5, 0.5, -1.5, 3.0, -3.0, 7.0)
FINITE = f32(3, 17, low=-8, high=8)


def _unary(op, x, tolerance, kernels="default", **attrs):
    return Case(f"x{x.ndim}_{x.size}_{kernels}", op, (x,), tolerance, attrs, kernels=kernels)


CLAMPS = ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")

UNARY = (
    *(_unary(op, SPECIAL, 0) for op in ("ABS", "NEG", "SQUARE", "FLOOR", "CEIL", "ROUND", *CLAMPS)),
    *(_unary(op, SPECIAL, F32, "builtin") for op in ("SQRT", "RSQRT", "EXP", "LOG", "SIN", "COS", "TANH", "LOGISTIC")),
    *(_unary(op, FINITE, 4e-5) for op in ("EXP", "SIN", "COS", "TANH", "LOGISTIC")),
    *(_unary(op, np.abs(FINITE) + np.float32(0.01), F32) for op in ("SQRT", "RSQRT", "LOG")),
    *(_unary(op, SPECIAL, 1e-5) for op in ("ELU", "HARD_SWISH")),
    _unary("LEAKY_RELU", SPECIAL, 0, alpha=0.2),
    _unary("GELU", FINITE, 1e-5),
    _unary("GELU", FINITE, 1e-5, "builtin", approximate=True),
    _unary("SIGN", f(INF, -INF, 0.0, -0.0, 2.0, -3.0), 0),
    _unary("SIGN", i32(0, -5, 7), 0),
    _unary("ABS", i32(0, -5, 7), 0),
    _unary("ABS", np.array([0, -5, 7], np.int16), 0),
    _unary("NEG", i32(0, -5, -(2**31)), 0),
    _unary("NEG", np.array([0, -5, 7], np.int64), 0),
    _unary("ZEROS_LIKE", f32(2, 3), 0),
    _unary("ZEROS_LIKE", ints(2, 3), 0),
    _unary("LOGICAL_NOT", np.array([True, False]), 0),
    *(_unary(op, np.array([3 + 4j, -1j, 0], np.complex64), F32) for op in ("REAL", "IMAG", "COMPLEX_ABS")),
    *(_unary(op, np.array([3 + 4j, -1j, 0], np.complex128), F32) for op in ("REAL", "IMAG", "COMPLEX_ABS")),
    _unary("SOFTMAX", f32(2, 3, 5), F32, beta=1.0),
    _unary("SOFTMAX", f32(7), F32, beta=0.5),
    _unary("SOFTMAX", f([[1.0, -INF, 2.0]]), F32, beta=2.0),
    _unary("LOG_SOFTMAX", f32(2, 3, 5), F32),
    Case("channels", "PRELU", (f32(2, 3, 4), f32(4)), F32),
    Case("shared_axes", "PRELU", (f32(2, 3, 4), f32(1, 1, 4)), F32, constant=(1,)),
    Case("special", "PRELU", (SPECIAL.reshape(1, -1), f32(13)), 0),
)

REALS = ("float32", "float16", "float64")
WHOLES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "bool")


def _cast(name, x, target):
    return Case(f"{name}_to_{target}", "CAST", (x,), 0, dict(in_data_type=DType.of(x.dtype), out_data_type=target))


CASTS = (
    *(_cast(source, np.array([0, 1, 3, 100]).astype(source), DType.parse(target))
      for source in (*REALS, *WHOLES) for target in (*REALS, *WHOLES)),
    *(_cast("wrapped", i32(300, -1, 70000, -(2**31)), DType.parse(t)) for t in WHOLES),
    *(_cast("fractions", f(1.9, -1.9, 0.5, -0.5, 126.99), DType.parse(t)) for t in ("int8", "int32", "int64", "bool")),
    _cast("rounded", f(1.00048828125, 65519.0, 1e-8, NAN, 7e4), DType.FLOAT16),
    _cast("rounded", i32(16777217, -16777219), DType.FLOAT32),
    _cast("real_part", np.array([1 + 2j, 3j], np.complex64), DType.FLOAT32),
    _cast("complex", f(1.0, -2.0), DType.COMPLEX64),
    Case("same_size", "BITCAST", (f32(2, 3),), 0, dict(out_data_type=DType.INT32)),
    Case("split", "BITCAST", (ints(2, 3),), 0, dict(out_data_type=DType.UINT8)),
    Case("joined", "BITCAST", (ints(2, 3, 4, dtype=np.int8),), 0, dict(out_data_type=DType.INT32), symbolic=()),
)  # fmt: skip

CONDITION = np.array([[True, False, True], [False, False, True]])

CHOICES = (
    Case("same", "SELECT", (CONDITION, f32(2, 3), f32(2, 3, seed="y")), 0),
    Case("vector", "SELECT", (np.array([True, False]), f32(2, 3), f32(2, 3, seed="y")), 0),
    Case("scalar", "SELECT", (np.array(True), f32(2, 3), f32(2, 3, seed="y")), 0),
    Case("same", "SELECT_V2", (CONDITION, ints(2, 3), ints(2, 3, seed="y")), 0),
    Case("scalars", "SELECT_V2", (CONDITION, f32(), scalar(2.0, np.float32)), 0),
    Case("broadcast", "SELECT_V2", (np.array([[True], [False]]), f32(3), f32(4, 1, 1)), 0),
    Case("rank5", "SELECT_V2", (np.array([True, False]), f32(1, 2, 1, 2, 1), f32(2, 1, 2, 1, 2)), 0),
)


@pytest.mark.parametrize("case", ARITHMETIC + UNARY + CASTS + CHOICES, ids=repr)
def test_evaluator_agrees_with_the_runtime(case):
    check_evaluator(case)


BIG = (f32(2, 1, 2, 1, 2, 1, 2), f32(1, 2, 1, 2, 1, 2, 1))
SHORT = (BIG[0][0, 0], BIG[1][0, 0])
REFUSED = (
    (Case("rank7", "ADD", BIG, 0), "broadcasts up to rank 6"),
    (Case("rank7", "MAXIMUM", BIG, 0), "broadcasts up to rank 5"),
    (Case("rank5", "POW", SHORT, 0), "broadcasts up to rank 4"),
    (Case("rank5", "LESS", SHORT, 0), "broadcasts up to rank 4"),
    (Case("activation", "ADD", (f32(2), f32(2)), 0, dict(fused_activation_function="TANH")), "does not apply a fused"),
    (Case("plain_int8", "ADD", (ints(2, dtype=np.int8), ints(2, dtype=np.int8)), 0), "only with quantization"),
    (Case("plain_int16", "SUB", (ints(2, dtype=np.int16), ints(2, dtype=np.int16)), 0), "only with quantization"),
    (Case("plain_uint8", "LESS", (ints(2, dtype=np.uint8), ints(2, dtype=np.uint8)), 0), "only with quantization"),
    (Case("int16", "NOT_EQUAL", (ints(2, dtype=np.int16), ints(2, dtype=np.int16)), 0), "int16 is taken only"),
    (Case("float64", "MUL", (f32(2).astype(np.float64), f32(2).astype(np.float64)), 0), "float64 is not taken"),
    (Case("mixed", "MUL", (f32(2), ints(2)), 0), "different element types"),
    (Case("shapes", "MUL", (f32(2), f32(3)), 0), "do not broadcast"),
    (Case("shapes", "ADD_N", (f32(2, 3), f32(3)), 0), "different shapes"),
    (Case("shapes", "ATAN2", (f32(2, 3), f32(3)), 0), "different shapes"),
    (Case("scalar", "SOFTMAX", (f32(),), 0, dict(beta=1.0)), "rank 0 is below 1"),
    (_cast("int", i32(1), DType.INT4), "int4 is cast from and to float32 only"),
    (_cast("int", i32(1), DType.UINT64), "makes no uint64"),
    (Case("sizes", "BITCAST", (f32(2, 3),), 0, dict(out_data_type=DType.INT64)), "last dimension"),
    (Case("branches", "SELECT_V2", (CONDITION, f32(3), ints(3)), 0), "branches have element types"),
)


@pytest.mark.parametrize(("case", "expected"), REFUSED, ids=lambda v: repr(v) if isinstance(v, Case) else "")
def test_what_the_kernel_does_not_take_is_refused(case, expected):
    refuses(case, expected)


UNFOLDED = (
    Case("zero", "DIV", (i32(3), i32(0)), 0),
    Case("zero", "FLOOR_MOD", (i32(3), i32(0)), 0),
    Case("zero", "FLOOR_DIV", (f(3.0), f(0.0)), 0),
    Case("negative", "POW", (i32(3), i32(-1)), 0),
    Case("overflow", "POW", (i32(10), i32(10)), 0),
    Case("nan", "SIGN", (f(NAN),), 0),
    *(_cast("nan", f(NAN), DType.parse(t)) for t in ("int32", "uint8", "int64")),
    _cast("too_large", f(3e9), DType.INT32),
    _cast("negative", f(-1.0), DType.UINT8),
)


@pytest.mark.parametrize("case", UNFOLDED, ids=repr)
def test_what_has_no_defined_result_is_not_folded(case):
    op = operation(Case(case.name, case.op, case.operands, 0, case.attrs, range(len(case.operands))))
    assert op.defn.foldable is not None
    assert not op.defn.foldable(op)


def test_shapes_that_do_not_broadcast_are_both_named():
    with pytest.raises(UnsupportedError, match=r"\[2, 3\] and \[1, 4\]"):
        operation(Case("", "ADD", (f32(2, 3), f32(4)), 0))
