"""Element-wise arithmetic, comparisons, casts and matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.registry import Lowering, direct, lowers
from litesmith.ir import Builder, DType, Value

ONE_TO_ONE = tuple(
    direct(op, builtin)
    for op, builtin in {
        "Abs": "ABS",
        "Neg": "NEG",
        "Sqrt": "SQRT",
        "Rsqrt": "RSQRT",
        "Square": "SQUARE",
        "Exp": "EXP",
        "Log": "LOG",
        "Sin": "SIN",
        "Cos": "COS",
        "Floor": "FLOOR",
        "Ceil": "CEIL",
        "Rint": "ROUND",
        "Sign": "SIGN",
        "Tanh": "TANH",
        "Sigmoid": "LOGISTIC",
        "Relu": "RELU",
        "Relu6": "RELU6",
        "Elu": "ELU",
        "LogicalNot": "LOGICAL_NOT",
        "LogicalAnd": "LOGICAL_AND",
        "LogicalOr": "LOGICAL_OR",
        "Add": "ADD",
        "AddV2": "ADD",
        "Sub": "SUB",
        "Mul": "MUL",
        "FloorDiv": "FLOOR_DIV",
        "FloorMod": "FLOOR_MOD",
        "Pow": "POW",
        "Maximum": "MAXIMUM",
        "Minimum": "MINIMUM",
        "SquaredDifference": "SQUARED_DIFFERENCE",
        "Equal": "EQUAL",
        "NotEqual": "NOT_EQUAL",
        "Less": "LESS",
        "LessEqual": "LESS_EQUAL",
        "Greater": "GREATER",
        "GreaterEqual": "GREATER_EQUAL",
        "Atan2": "ATAN2",
        "Real": "REAL",
        "Imag": "IMAG",
        "ComplexAbs": "COMPLEX_ABS",
        "RightShift": "RIGHT_SHIFT",
        "BitwiseXor": "BITWISE_XOR",
    }.items()
)


def _special(name: str) -> Any:
    def function(b: Builder, x: Value) -> Value:
        from litesmith.decompositions import special

        return getattr(special, name)(b, x)

    return function


SPECIAL: tuple[Lowering, ...] = tuple(
    lowers(op)(_special(name))
    for op, name in {
        "Erf": "erf",
        "Erfc": "erfc",
        "Erfinv": "erf_inv",
        "Lgamma": "lgamma",
        "Digamma": "digamma",
        "Sinh": "sinh",
        "Cosh": "cosh",
        "Tan": "tan",
        "Asin": "asin",
        "Acos": "acos",
        "Atan": "atan",
        "Asinh": "asinh",
        "Acosh": "acosh",
        "Atanh": "atanh",
        "Expm1": "expm1",
        "Log1p": "log1p",
        "Softplus": "softplus",
    }.items()
)


@lowers("Round")
def round_(b: Builder, x: Value) -> Value:
    return x if x.type.dtype.is_integer else b.round(x)


@lowers("RealDiv", "Div")
def divide(b: Builder, x: Value, y: Value) -> Value:
    return b.div(x, y)


@lowers("DivNoNan")
def div_no_nan(b: Builder, x: Value, y: Value) -> Value:
    return _no_nan(b, b.div(x, y), y)


@lowers("MulNoNan")
def mul_no_nan(b: Builder, x: Value, y: Value) -> Value:
    return _no_nan(b, b.mul(x, y), y)


@lowers("Xdivy")
def xdivy(b: Builder, x: Value, y: Value) -> Value:
    return _no_nan(b, b.div(x, y), x)


@lowers("Xlogy")
def xlogy(b: Builder, x: Value, y: Value) -> Value:
    return _no_nan(b, b.mul(x, b.log(y)), x)


@lowers("Xlog1py")
def xlog1py(b: Builder, x: Value, y: Value) -> Value:
    return _no_nan(b, b.mul(x, _special("log1p")(b, y)), x)


def _no_nan(b: Builder, result: Value, factor: Value) -> Value:
    """The result, but 0 wherever the factor is 0."""
    zero = b.constant(0, factor.type.dtype)
    return b.select_v2(b.equal(factor, zero), b.constant(0, result.type.dtype), result)


@lowers("Reciprocal", "Inv")
def reciprocal(b: Builder, x: Value) -> Value:
    return b.div(b.constant(1, x.type.dtype), x)


@lowers("TruncateDiv")
def truncate_div(b: Builder, x: Value, y: Value) -> Value:
    return b.div(x, y)


@lowers("Mod", "TruncateMod")
def truncate_mod(b: Builder, x: Value, y: Value) -> Value:
    """The remainder with the sign of the dividend."""
    if x.type.dtype.is_float:
        quotient = b.div(x, y)
        whole = b.mul(b.sign(quotient), b.floor(b.abs(quotient)))
        return b.sub(x, b.mul(whole, y))
    return b.sub(x, b.mul(b.div(x, y), y))


@lowers("LogicalXor")
def logical_xor(b: Builder, x: Value, y: Value) -> Value:
    return b.not_equal(x, y)


@lowers("ApproximateEqual")
def approximate_equal(b: Builder, x: Value, y: Value, *, tolerance: float = 1e-5) -> Value:
    return b.less(b.abs(b.sub(x, y)), b.constant(tolerance, x.type.dtype))


@lowers("IsNan")
def is_nan(b: Builder, x: Value) -> Value:
    return b.not_equal(x, x)


@lowers("IsInf")
def is_inf(b: Builder, x: Value) -> Value:
    return b.equal(b.abs(x), b.constant(np.inf, x.type.dtype))


@lowers("IsFinite")
def is_finite(b: Builder, x: Value) -> Value:
    return b.less(b.abs(x), b.constant(np.inf, x.type.dtype))


@lowers("AddN", "AccumulateNV2")
def add_n(b: Builder, inputs: list[Value]) -> Value:
    if len(inputs) == 1:
        return inputs[0]
    return b.add(*inputs) if len(inputs) == 2 else b.add_n(*inputs)


@lowers("LeakyRelu")
def leaky_relu(b: Builder, x: Value, *, alpha: float = 0.2) -> Value:
    return b.leaky_relu(x, alpha=alpha)


@lowers("Selu")
def selu(b: Builder, x: Value) -> Value:
    """scale * where(x > 0, x, alpha * (exp(x) - 1)): ELU once with its negative side scaled by alpha."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    negative = b.mul(b.elu(b.minimum(x, 0.0)), scale * alpha)
    return b.add(b.mul(b.relu(x), scale), negative)


@lowers("Softsign")
def softsign(b: Builder, x: Value) -> Value:
    return b.div(x, b.add(b.abs(x), 1.0))


@lowers("Softmax")
def softmax(b: Builder, logits: Value) -> Value:
    return b.softmax(logits, beta=1.0)


@lowers("LogSoftmax")
def log_softmax(b: Builder, logits: Value) -> Value:
    return b.log_softmax(logits)


@lowers("ClipByValue")
def clip_by_value(b: Builder, x: Value, low: Value, high: Value) -> Value:
    return b.maximum(b.minimum(x, high), low)


@lowers("Cast")
def cast(b: Builder, x: Value, *, DstT: DType, Truncate: bool = False) -> Value:
    return b.cast(x, in_data_type=x.type.dtype, out_data_type=DstT)


@lowers("Select")
def select(b: Builder, condition: Value, t: Value, e: Value) -> Value:
    """Select picks whole rows when the condition is a vector and the operands are not."""
    if condition.rank == 1 and t.rank > 1:
        condition = b.reshape(condition, [-1, *[1] * (t.rank - 1)])
    return select_v2(b, condition, t, e)


@lowers("SelectV2")
def select_v2(b: Builder, condition: Value, t: Value, e: Value) -> Value:
    return b.select_v2(condition, t, e)


@lowers("Einsum")
def einsum_(b: Builder, inputs: list[Value], *, equation: str) -> Value:
    from litesmith.decompositions.einsum import einsum

    return einsum(b, equation, inputs)


@lowers("MatMul")
def matmul(
    b: Builder,
    a: Value,
    b_: Value,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
) -> Value:
    if transpose_a:
        a = b.transpose(a, [1, 0])
    if not b_.is_const or not a.type.dtype.is_float:
        return b.batch_matmul(a, b_, adj_y=transpose_b)
    weights = b_ if transpose_b else b.transpose(b_, [1, 0])
    return b.fully_connected(a, weights)


@lowers("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def batch_matmul(b: Builder, x: Value, y: Value, *, adj_x: bool = False, adj_y: bool = False) -> Value:
    if x.type.dtype.is_complex and (adj_x or adj_y):
        raise UnsupportedError("the adjoint of a complex matrix is not taken", "transpose and conjugate it before")
    return b.batch_matmul(x, y, adj_x=adj_x, adj_y=adj_y)


@lowers("Cross")
def cross(b: Builder, x: Value, y: Value) -> Value:
    """a × b along the last axis, by two rotated products."""

    def rotated(v: Value, shift: int) -> Any:
        return b.gather(v, np.roll(np.arange(3, dtype=np.int32), -shift), axis=-1)

    return b.sub(b.mul(rotated(x, 1), rotated(y, 2)), b.mul(rotated(x, 2), rotated(y, 1)))
