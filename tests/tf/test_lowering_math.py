"""Element-wise arithmetic, comparisons, casts, choices, bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, ints, parity_test  # noqa: E402

raw = tf.raw_ops
SPECIALS = np.float32([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 1e-30, -1e-30, 1e30, -1e30])
EDGES = np.float32([np.nan, np.inf, -np.inf, *SPECIALS])
HALF = f32(2, 3).astype(np.float16)
BATCH = dict(spec=[(None, 3)], also=[[f32(5, 3)], [f32(0, 3)]])


def brain(fn: Any) -> Any:
    """The function computed in bfloat16, from and to float32 (the runtime exchanges no bfloat16 arrays)."""

    def run(*xs: Any) -> Any:
        made = fn(*(tf.cast(x, tf.bfloat16) for x in xs))
        return tf.cast(made, tf.float32) if made.dtype == tf.bfloat16 else made

    return run


INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64")


def positive(*shape: int, seed: int = 0) -> Any:
    return f32(*shape, low=0.1, high=3.0, seed=seed)


def signed(dtype: str, *shape: int, seed: int = 0) -> Any:
    return ints(*shape, low=0 if dtype.startswith("u") else -9, high=10, dtype=dtype, seed=seed)


def nonzero(dtype: str, *shape: int, seed: int = 1) -> Any:
    values = signed(dtype, *shape, seed=seed)
    return np.where(values == 0, np.array(3, dtype), values)


# -- one operand ------------------------------------------------------------------------------------------------------

# name: (function, inputs in its domain, inputs at the edges, tolerance)
UNARY: dict[str, tuple[Any, Any, Any, float | None]] = {
    "abs": (tf.abs, f32(2, 3), EDGES, None),
    "neg": (tf.negative, f32(2, 3), EDGES, None),
    "sqrt": (tf.sqrt, positive(2, 3), EDGES, None),
    "rsqrt": (tf.math.rsqrt, positive(2, 3), np.float32([np.inf, -1.0, np.nan]), None),
    "square": (tf.square, f32(2, 3), EDGES, None),
    "exp": (tf.exp, f32(2, 3), EDGES[1:], None),
    "log": (tf.math.log, positive(2, 3), EDGES, None),
    "sin": (tf.sin, f32(2, 3), SPECIALS[:11], None),
    "cos": (tf.cos, f32(2, 3), SPECIALS[:11], None),
    "floor": (tf.floor, f32(2, 3), EDGES, None),
    "ceil": (tf.math.ceil, f32(2, 3), EDGES, None),
    "round": (tf.round, f32(2, 3), EDGES, None),
    "rint": (tf.math.rint, f32(2, 3), SPECIALS, None),
    "sign": (tf.sign, f32(2, 3), EDGES[1:], None),
    "tanh": (tf.tanh, f32(2, 3), EDGES, None),
    "sigmoid": (tf.sigmoid, f32(2, 3), SPECIALS[:12], None),
    "elu": (tf.nn.elu, f32(2, 3), EDGES, None),
    "selu": (tf.nn.selu, f32(2, 3), EDGES[1:], None),
    "relu": (tf.nn.relu, f32(2, 3), EDGES[1:], None),
    "relu6": (tf.nn.relu6, f32(2, 3, low=-9, high=9), EDGES[1:], None),
    "leaky_relu": (lambda x: tf.nn.leaky_relu(x, 0.3), f32(2, 3), EDGES, None),
    "softplus": (tf.nn.softplus, f32(2, 3), EDGES, None),
    "softsign": (tf.nn.softsign, f32(2, 3), SPECIALS, None),
    "i0": (tf.math.bessel_i0, f32(2, 3), np.float32([0, 1, -1, 7, 8, 9, 20]), None),
    "i0e": (tf.math.bessel_i0e, f32(2, 3), np.float32([0, 1, -1, 7, 8, 9, 50]), None),
    "i1": (tf.math.bessel_i1, f32(2, 3), np.float32([0, 1, -1, 7, 8, 9, 20]), None),
    "i1e": (tf.math.bessel_i1e, f32(2, 3), np.float32([0, 1, -1, 7, 8, 9, 50]), None),
    "erf": (tf.math.erf, f32(2, 3), EDGES, None),
    "erfc": (tf.math.erfc, f32(2, 3), EDGES, None),
    "erfinv": (tf.math.erfinv, f32(2, 3, low=-0.9, high=0.9), np.float32([0, 1, -1, 0.999, -0.999, 1e-6]), None),
    "lgamma": (tf.math.lgamma, positive(2, 3), np.float32([0.1, 0.5, 1, 2, 3.5, 10, 30, -0.5, -1.5, 0, np.inf]), 2e-5),
    "digamma": (tf.math.digamma, positive(2, 3), np.float32([0.5, 1, 2, 3.5, 10, 30, -0.5, -1.5]), None),
    "sinh": (tf.sinh, f32(2, 3), SPECIALS[:12], None),
    "cosh": (tf.cosh, f32(2, 3), SPECIALS[:12], None),
    "tan": (tf.tan, f32(2, 3, low=-1, high=1), SPECIALS[:8], None),
    "asin": (tf.asin, f32(2, 3, low=-1, high=1), SPECIALS[:8], None),
    "acos": (tf.acos, f32(2, 3, low=-1, high=1), SPECIALS[:8], None),
    "atan": (tf.atan, f32(2, 3), EDGES, None),
    "asinh": (tf.asinh, f32(2, 3), SPECIALS, None),
    "acosh": (tf.acosh, positive(2, 3) + 1, np.float32([1, 1.0001, 2, 100, 1e30]), None),
    "atanh": (tf.atanh, f32(2, 3, low=-0.9, high=0.9), np.float32([0, 1, -1, 0.999, -0.5]), None),
    "expm1": (tf.math.expm1, f32(2, 3), EDGES[1:], None),
    "log1p": (tf.math.log1p, positive(2, 3), EDGES, None),
    "reciprocal": (tf.math.reciprocal, positive(2, 3), EDGES, None),
    "is_nan": (tf.math.is_nan, f32(2, 3), EDGES, None),
    "is_inf": (tf.math.is_inf, f32(2, 3), EDGES, None),
    "is_finite": (tf.math.is_finite, f32(2, 3), EDGES, None),
}
FLOAT32_ONLY = ("i0", "i0e", "i1", "i1e", "rint", "erfinv", "lgamma", "digamma", "truncatemod")
"""TensorFlow has no half-precision kernels of these for CPUs."""
UNARY_CASES = [
    case
    for name, (fn, x, edges, tol) in UNARY.items()
    for case in (
        Case(f"{name} dynamic", fn, [x], **BATCH, tol=tol),
        Case(f"{name} edges", fn, [edges], tol=tol),
        Case(f"{name} scalar", fn, [x[0, 0]], tol=tol),
        *(
            [
                Case(f"{name} half", fn, [x.astype(np.float16)], tol=4e-3),
                Case(f"{name} bfloat16", brain(fn), [x], tol=3e-2),
            ]
            if name not in FLOAT32_ONLY
            else []
        ),
    )
]
test_unary = parity_test(UNARY_CASES)

INTEGER_UNARY: dict[str, tuple[Any, tuple[str, ...]]] = {
    "abs": (tf.abs, ("int8", "int16", "int32", "int64")),
    "neg": (tf.negative, ("int8", "int16", "int32", "int64")),
    "square": (tf.square, ("int8", "uint8", "int16", "int32", "int64")),
    "sign": (tf.sign, ("int8", "int16", "int32", "int64")),
    "round": (tf.round, ("int8", "int32", "int64")),
    "relu": (tf.nn.relu, INTEGERS),
    "relu6": (tf.nn.relu6, INTEGERS),
    "invert": (tf.bitwise.invert, INTEGERS),
    "population": (lambda x: raw.PopulationCount(x=x), INTEGERS),
}
INTEGER_UNARY_CASES = [
    Case(f"{name} {dtype}", fn, [signed(dtype, 4, 3)])
    for name, (fn, dtypes) in INTEGER_UNARY.items()
    for dtype in dtypes
]
test_integer_unary = parity_test(INTEGER_UNARY_CASES)

# -- two operands -----------------------------------------------------------------------------------------------------

BROADCASTS = {
    "same": ((2, 3), (2, 3)),
    "row": ((2, 3), (3,)),
    "column": ((2, 3), (2, 1)),
    "scalar": ((2, 3), ()),
    "both": ((4, 1, 3), (2, 1)),
    "wide": ((2, 1, 2, 1, 2, 1), (1, 3, 1, 2)),
    "empty": ((0, 3), (3,)),
}
BINARY: dict[str, Any] = {
    "add": tf.add,
    "add v1": lambda x, y: raw.Add(x=x, y=y),
    "sub": tf.subtract,
    "mul": tf.multiply,
    "realdiv": tf.divide,
    "div": lambda x, y: raw.Div(x=x, y=y),
    "floordiv": tf.math.floordiv,
    "floormod": tf.math.floormod,
    "truncatemod": lambda x, y: raw.TruncateMod(x=x, y=y),
    "truncatediv": lambda x, y: raw.TruncateDiv(x=x, y=y),
    "maximum": tf.maximum,
    "minimum": tf.minimum,
    "squared_difference": tf.math.squared_difference,
    "pow": lambda x, y: tf.pow(tf.abs(x) + 0.5, y),
    "atan2": tf.atan2,
    "div_no_nan": tf.math.divide_no_nan,
    "mul_no_nan": tf.math.multiply_no_nan,
    "xdivy": tf.math.xdivy,
    "xlogy": lambda x, y: tf.math.xlogy(x, tf.abs(y) + 0.5),
    "xlog1py": lambda x, y: tf.math.xlog1py(x, tf.abs(y)),
    "equal": tf.equal,
    "not_equal": tf.not_equal,
    "less": tf.less,
    "less_equal": tf.less_equal,
    "greater": tf.greater,
    "greater_equal": tf.greater_equal,
    "approximate": lambda x, y: tf.less(tf.abs(x - y), 1.0),
}
BINARY_CASES = [
    Case(f"{name} {how}", fn, [f32(*left), f32(*right, seed=1)])
    for name, fn in BINARY.items()
    for how, (left, right) in BROADCASTS.items()
    if how in ("both", "scalar") or name in ("add", "pow", "less", "div_no_nan", "maximum", "truncatemod", "atan2")
] + [
    case
    for name, fn in BINARY.items()
    for case in (
        Case(f"{name} dynamic", fn, [f32(2, 3), f32(3, seed=1)], spec=[(None, 3)], also=[[f32(5, 3), f32(3)]]),
        Case(
            f"{name} all dynamic",
            fn,
            [f32(2, 3), f32(2, 3, seed=1)],
            spec=[(None, None), (None, None)],
            also=[[f32(4, 5), f32(1, 5)], [f32(1, 2), f32(3, 1)]],
        ),
        Case(f"{name} constant", lambda x, fn=fn: fn(x, np.float32([1.5, -2.0, 0.25])), [f32(2, 3)]),
        *(
            [
                Case(f"{name} half", fn, [HALF, HALF[::-1] + np.float16(1)], tol=4e-3),
                Case(f"{name} bfloat16", brain(fn), [f32(2, 3), f32(2, 3)[::-1] + 1], tol=4e-2),
            ]
            if name not in FLOAT32_ONLY
            else []
        ),
    )
]
FAR = {
    "squared_difference": tf.math.squared_difference,
    "layer norm": lambda x, y: tf.nn.batch_normalization(x, *tf.nn.moments(x, [2, 4], keepdims=True), y, None, 1e-3),
}
COMPARED = {"less": tf.less, "equal": tf.equal, "not equal": tf.not_equal, "greater or equal": tf.greater_equal}
BINARY_CASES += [
    Case(f"{name} of {a} and {b}", fn, [f32(*a), f32(*b)], spec=[spec] if spec else [])
    for name, fn in COMPARED.items()
    for a, b, spec in (
        ((2, 1, 3, 1, 2, 2), (1, 2, 1, 2, 2, 2), None),
        ((2, 1, 3, 1, 2), (1, 2, 1, 2, 2), (None, 1, 3, 1, 2)),
        ((2, 3, 2, 1, 4), (2, 1, 1, 1, 1), (None, 3, 2, 1, 4)),
    )
]
BINARY_CASES += [Case(f"{name} of rank 5", fn, [f32(2, 3, 2, 1, 4), f32(2, 1, 1, 1, 1)]) for name, fn in FAR.items()]
test_binary = parity_test(BINARY_CASES)

INTEGER_BINARY: dict[str, tuple[Any, tuple[str, ...]]] = {
    "add": (tf.add, INTEGERS),
    "sub": (tf.subtract, INTEGERS),
    "mul": (tf.multiply, INTEGERS),
    "div": (lambda x, y: raw.Div(x=x, y=y), INTEGERS),
    "truncatediv": (lambda x, y: raw.TruncateDiv(x=x, y=y), ("int32", "int64")),
    "truncatemod": (lambda x, y: raw.TruncateMod(x=x, y=y), ("int32", "int64")),
    "floordiv": (tf.math.floordiv, INTEGERS),
    "floormod": (tf.math.floormod, INTEGERS),
    "maximum": (tf.maximum, INTEGERS),
    "minimum": (tf.minimum, INTEGERS),
    "squared_difference": (tf.math.squared_difference, ("int32", "int64")),
    "equal": (tf.equal, INTEGERS),
    "not_equal": (tf.not_equal, INTEGERS),
    "less": (tf.less, INTEGERS),
    "greater_equal": (tf.greater_equal, INTEGERS),
    "and": (tf.bitwise.bitwise_and, INTEGERS),
    "or": (tf.bitwise.bitwise_or, INTEGERS),
    "xor": (tf.bitwise.bitwise_xor, INTEGERS),
}
INTEGER_BINARY_CASES = [
    Case(f"{name} {dtype}", fn, [signed(dtype, 4, 3), nonzero(dtype, 3)])
    for name, (fn, dtypes) in INTEGER_BINARY.items()
    for dtype in dtypes
]
test_integer_binary = parity_test(INTEGER_BINARY_CASES)

# -- corners ----------------------------------------------------------------------------------------------------------

LARGE = np.int64([2**62 + 12345, -(2**62) - 999, 2**40 + 1, -(2**33), 7, -7, 2**63 - 1, -(2**63) + 1])
DIVISORS = np.int64([3, 7, -(2**20) - 3, 5, -3, 2, 1, 2**31 + 11])
EDGE_PAIRS = (np.repeat(EDGES, len(EDGES)), np.tile(EDGES, len(EDGES)))
FINITE_PAIRS = (np.repeat(SPECIALS, len(SPECIALS)), np.tile(SPECIALS, len(SPECIALS)))
NO_NAN = (np.repeat(EDGES[1:], len(EDGES[1:])), np.tile(EDGES[1:], len(EDGES[1:])))
WORDS = np.int32([0, 1, -1, 2**31 - 1, -(2**31), 0x55555555, 12345, -98765])

CORNERS = [
    Case("add edges", tf.add, EDGE_PAIRS),
    Case("mul edges", tf.multiply, EDGE_PAIRS),
    Case("div edges", tf.divide, EDGE_PAIRS),
    Case("equal edges", tf.equal, EDGE_PAIRS),
    Case("not_equal edges", tf.not_equal, EDGE_PAIRS),
    Case("less edges", tf.less, EDGE_PAIRS),
    Case("less_equal edges", tf.less_equal, EDGE_PAIRS),
    Case("greater edges", tf.greater, EDGE_PAIRS),
    Case("greater_equal edges", tf.greater_equal, EDGE_PAIRS),
    Case("maximum edges", tf.maximum, NO_NAN),
    Case("minimum edges", tf.minimum, NO_NAN),
    Case("div_no_nan edges", tf.math.divide_no_nan, EDGE_PAIRS),
    Case("mul_no_nan edges", tf.math.multiply_no_nan, EDGE_PAIRS),
    Case("xdivy edges", tf.math.xdivy, EDGE_PAIRS),
    Case("xlogy edges", tf.math.xlogy, FINITE_PAIRS),
    Case("atan2 edges", tf.atan2, FINITE_PAIRS),
    Case("pow edges", tf.pow, [np.abs(FINITE_PAIRS[0]), FINITE_PAIRS[1]]),
    Case("pow of negative", tf.pow, [np.float32([-2, -2, -2, -0.5]), np.float32([2, 3, -1, 0.5])]),
    Case("pow int32", tf.pow, [ints(8), np.int32([0, 1, 2, 3, 4, 5, 6, 7])]),
    Case("pow int64", lambda x: tf.pow(x, tf.constant(5, tf.int64)), [ints(8, dtype="int64")]),
    Case("pow int64 by 0", lambda x: tf.pow(x, tf.constant(0, tf.int64)), [ints(8, dtype="int64")]),
    Case("floordiv large", tf.math.floordiv, [LARGE, DIVISORS]),
    Case("div large", lambda x, y: raw.Div(x=x, y=y), [LARGE, DIVISORS]),
    Case("truncatemod large", lambda x, y: raw.TruncateMod(x=x, y=y), [LARGE, DIVISORS]),
    Case("floordiv float signs", tf.math.floordiv, [np.float32([7, -7, 7, -7, 6]), np.float32([3, 3, -3, -3, 3])]),
    Case("floormod float signs", tf.math.floormod, [np.float32([7, -7, 7, -7, 6]), np.float32([3, 3, -3, -3, 3])]),
    Case(
        "truncatemod float signs",
        lambda x, y: raw.TruncateMod(x=x, y=y),
        [np.float32([7, -7, 7, -7, 6.5]), np.float32([3, 3, -3, -3, 3])],
    ),
    Case("int wraps", lambda x, y: (x + y, x - y, x * y), [WORDS, WORDS[::-1].copy()]),
    Case("uint8 wraps", lambda x, y: (x + y, x - y, x * y), [np.uint8([3, 250, 7]), np.uint8([5, 10, 100])]),
    Case("strings", tf.equal, [np.array(["a", "b"]), np.array(["a", "c"])]),
    Case("booleans", tf.equal, [np.bool_([1, 0, 1]), np.bool_([1, 1, 0])]),
    Case("booleans differ", tf.not_equal, [np.bool_([1, 0, 1]), np.bool_([1, 1, 0])]),
    Case("inverse", lambda x: raw.Inv(x=x), [positive(3)]),
    Case("mod", lambda x, y: raw.Mod(x=x, y=y), [ints(6), nonzero("int32", 6)]),
    Case("approximate", lambda x, y: raw.ApproximateEqual(x=x, y=y, tolerance=0.5), [f32(6), f32(6, seed=1)]),
    Case("clip", lambda x: raw.ClipByValue(t=x, clip_value_min=-1.0, clip_value_max=0.5), [f32(2, 3)]),
    Case("clip by value", lambda x: tf.clip_by_value(x, -1.0, 0.5), [EDGES[1:]], ops=2),
    Case("clip to relu6", lambda x: tf.clip_by_value(x, 0.0, 6.0), [f32(9, low=-9, high=9)], ops={"RELU6": 1}),
    Case("double is refused", tf.sin, [np.float64([1.0])], raises="LS012", says="float64"),
    Case("complex acosh is refused", tf.math.acosh, [np.complex64([1 + 2j])], raises="LS001", says="complex operands"),
    Case("double erf is refused", tf.math.erf, [np.float64([1.0])], raises="LS012", says="float32"),
    Case("pow int64 is refused", tf.pow, [LARGE, DIVISORS], raises="LS012", says="int32"),
    Case(
        "special function is refused",
        tf.math.special.bessel_k0,
        [positive(2)],
        raises="LS010",
        says="outside the model",
    ),
]
test_corners = parity_test(CORNERS)

# -- bits -------------------------------------------------------------------------------------------------------------

LOGIC = {"and": tf.bitwise.bitwise_and, "or": tf.bitwise.bitwise_or, "xor": tf.bitwise.bitwise_xor}
SHIFTS = {"left": tf.bitwise.left_shift, "right": tf.bitwise.right_shift}
BITS = [
    *(
        Case(f"{name} {dtype}", fn, [np.array(WORDS.astype(dtype)), np.array(WORDS[::-1].astype(dtype))])
        for dtype in INTEGERS
        for name, fn in LOGIC.items()
    ),
    *(
        Case(
            f"{name} by {amount} {dtype}",
            lambda x, fn=fn, n=amount, d=dtype: fn(x, tf.constant(n, d)),
            [WORDS.astype(dtype)],
        )
        for dtype in INTEGERS
        for amount in (0, 1, 5)
        for name, fn in SHIFTS.items()
    ),
    *(
        Case(f"{name} {dtype}", fn, [WORDS.astype(dtype), np.arange(8).astype(dtype)])
        for dtype in INTEGERS
        for name, fn in SHIFTS.items()
    ),
    *(
        Case(
            f"right by amounts out of range {dtype}",
            tf.bitwise.right_shift,
            [WORDS.astype(dtype), np.array([7, 8, 15, 16, 31, 32, 100, -1]).astype(dtype)],
            ops=None if dtype == "int64" else 1,
        )
        for dtype in INTEGERS
    ),
    *(
        Case(
            f"mask {mask} {dtype}",
            lambda x, mask=mask, d=dtype: tf.bitwise.bitwise_and(x, tf.constant(mask, d)),
            [WORDS.astype(dtype)],
        )
        for dtype in INTEGERS
        for mask in (1, 7, 15, 100)
    ),
]
test_bits = parity_test(BITS)

# -- truth, choices, sums, casts --------------------------------------------------------------------------------------

TRUE = np.bool_([[1, 0, 1], [0, 0, 1]])
CHOICES = [
    Case("and", tf.logical_and, [TRUE, TRUE[:1]]),
    Case("or", tf.logical_or, [TRUE, TRUE[1]]),
    Case("xor", tf.math.logical_xor, [TRUE, TRUE[1]]),
    Case("xor raw", lambda x, y: tf.cast(tf.not_equal(x, y), tf.int32), [TRUE, TRUE[1]]),
    Case("not", tf.logical_not, [TRUE]),
    *(
        Case(f"where {dtype}", tf.where, [TRUE, np.array(f32(2, 3), dtype), np.array(f32(3, seed=1), dtype)], tol=0.0)
        for dtype in ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "uint32", "bool")
    ),
    Case("where rows", lambda c, x, y: raw.Select(condition=c, x=x, y=y), [TRUE[0], f32(3, 4), f32(3, 4, seed=1)]),
    Case("where scalar", lambda c, x, y: raw.Select(condition=c, x=x, y=y), [TRUE[0, 0], f32(3, 4), f32(3, 4, seed=1)]),
    Case("where same", lambda c, x, y: raw.Select(condition=c, x=x, y=y), [TRUE, f32(2, 3), f32(2, 3, seed=1)]),
    Case("where wide", tf.where, [TRUE[:, :1, None, None, None, None], f32(2, 3, 1, 2, 1, 2), f32(1, 3, 2, 2, 1, 1)]),
    Case(
        "where dynamic",
        tf.where,
        [TRUE, f32(2, 3), f32(3)],
        spec=[(None, 3), (None, 3)],
        also=[[TRUE[:1], f32(4, 3), f32(3)]],
    ),
    Case("where nan", lambda c, x: tf.where(c, x, np.float32(np.nan)), [TRUE, f32(2, 3)]),
    Case(
        "where strings refused",
        tf.where,
        [TRUE[0], np.array(["a", "b", "c"]), np.array(["d", "e", "f"])],
        raises="LS012",
        says="string",
    ),
    *(
        Case(f"add_n {n} {d}", lambda *xs: tf.add_n(xs), [ints(2, 3, dtype=d, seed=i) for i in range(n)])
        for n in (1, 2, 4)
        for d in ("float32", "int32", "int64", "float16")
    ),
    Case("add_n dynamic", lambda *xs: tf.add_n(xs), [f32(2, 3)] * 3, spec=[(None, 3)] * 3),
]
test_choices = parity_test(CHOICES)

CAST_TYPES = ("float32", "float16", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "bool")


def castable(source: str, target: str) -> Any:
    low = 0 if "u" in source + target and "bool" not in (source, target) else -5
    values = np.float32([low, 0, 1, 2, 3, 5]) + (0 if "float" not in source else 0.75 if low == 0 else 0.0)
    return tf.cast(values, source).numpy()


CASTS = [
    Case(f"{source} to {target}", lambda x, target=target: tf.cast(x, target), [castable(source, target)], tol=0.0)
    for source in CAST_TYPES
    for target in CAST_TYPES
    if source != target
] + [
    *(
        Case(f"{t} by bfloat16", lambda x, t=t: tf.cast(tf.cast(x, tf.bfloat16), t), [castable("float32", t)], tol=0.0)
        for t in CAST_TYPES
    ),
    Case("narrow", lambda x: tf.cast(x, tf.int8), [np.int32([127, 128, 300, -129, -300])]),
    Case("unsigned", lambda x: tf.cast(x, tf.uint8), [np.int32([-1, 256, 255])]),
    Case("truncates", lambda x: tf.cast(x, tf.int32), [np.float32([1.9, -1.9, 0.5, -0.5, 2.5])]),
    Case(
        "half rounds to even", lambda x: tf.cast(x, tf.float16), [np.float32([2049.0, 2051.0, 1e-8, 65520.0])], tol=0.0
    ),
    Case(
        "brain rounds to even",
        lambda x: tf.cast(tf.cast(x, tf.bfloat16), tf.float32),
        [np.float32([1.00390625, 1.01171875, 3e38])],
        tol=0.0,
    ),
    Case("rounded twice", lambda x: tf.cast(tf.cast(x, tf.float16), tf.float32), [f32(9)], tol=0.0, ops={"CAST": 2}),
    Case("nan to bool", lambda x: tf.cast(x, tf.bool), [EDGES]),
    Case("from complex", lambda x: tf.math.real(tf.cast(x, tf.complex64)), [f32(3)]),
    *(
        Case(f"bits {s} to {t}", lambda x, t=t: tf.bitcast(x, t), [np.array(f32(2, 4) * 9, s)])
        for s, t in (
            ("float32", "int32"),
            ("int32", "float32"),
            ("int64", "int32"),
            ("int16", "int32"),
            ("float32", "uint8"),
            ("uint8", "float32"),
            ("float16", "uint16"),
            ("uint32", "int32"),
        )
        if not (s == "int16" or s == "uint8")
    ),
    Case("bits joined", lambda x: tf.bitcast(x, tf.int32), [ints(3, 2, dtype="int16")]),
    Case("bytes joined", lambda x: tf.bitcast(x, tf.float32), [ints(3, 4, dtype="uint8", low=0, high=60)]),
]
test_casts = parity_test(CASTS)

CASES = [*UNARY_CASES, *INTEGER_UNARY_CASES, *BINARY_CASES, *INTEGER_BINARY_CASES, *CORNERS, *BITS, *CHOICES, *CASTS]
