"""Element-wise arithmetic, comparisons, casts and selects.

NaN: the kernels of MAXIMUM, MINIMUM, RELU and their like compare, and so keep or lose a NaN by the order of their
operands; TensorFlow keeps it. As with the official converter, that is not emulated.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from litesmith.decompositions import integers, special
from litesmith.decompositions.complex_parts import Complex
from litesmith.decompositions.gather import select as choose
from litesmith.decompositions.shapes import broadcast_to, cast, reshape, single
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.operands import like
from litesmith.frontends.tensorflow.registry import Lowering, direct, lowers
from litesmith.frontends.tensorflow.resources import Results
from litesmith.ir import Builder, DType, Value
from litesmith.ir.dims import broadcast

_OTHER_NAMES = {"Rint": "ROUND", "Sigmoid": "LOGISTIC", "AddV2": "ADD"}

ONE_TO_ONE = tuple(
    direct(op, _OTHER_NAMES.get(op) or re.sub(r"\B([A-Z])", r"_\1", op).upper())
    for op in (
        "Neg Sqrt Rsqrt Exp Log Sin Cos Floor Ceil Rint Tanh Sigmoid Elu LogicalNot LogicalAnd LogicalOr Add AddV2 Sub Mul "
        "FloorMod Maximum Minimum Equal NotEqual Less LessEqual Greater GreaterEqual"
    ).split()
)


def _unary_lowering(function: Callable[[Builder, Value], Value]) -> Callable[[Builder, Value], Value]:
    def lowering(b: Builder, x: Value) -> Value:
        return in_float32(b, x, function)

    return lowering


def in_float32(b: Builder, x: Value, function: Callable[[Builder, Value], Value]) -> Value:
    """A function of float32 applied to float16, bfloat16 or float32, with a result of the operand's type."""
    return cast(b, function(b, single(b, x)), x.type.dtype)


def _tensorflow_name(name: str) -> str:
    return "Erfinv" if name == "erf_inv" else "".join(word[0].upper() + word[1:] for word in name.split("_"))


SPECIAL: tuple[Lowering[..., Results], ...] = tuple(
    lowers(op)(_unary_lowering(function))
    for op, function in {
        **{_tensorflow_name(name): function for name, function in special.FUNCTIONS.items()},
        "BesselI0": lambda b, x: b.mul(special.bessel_i0e(b, x), b.exp(b.abs(x))),
        "BesselI1": lambda b, x: b.mul(special.bessel_i1e(b, x), b.exp(b.abs(x))),
        "Softplus": special.softplus,
    }.items()
)


# -- one operand ------------------------------------------------------------------------------------------------------


@lowers("Abs")
def abs_(b: Builder, x: Value) -> Value:
    return integers.absolute(b, x) if x.type.dtype.is_integer else b.abs(x)


@lowers("Square")
def square(b: Builder, x: Value) -> Value:
    return b.square(x) if x.type.dtype.is_float else b.mul(x, x)


@lowers("Sign")
def sign(b: Builder, x: Value) -> Value:
    """-1, 0 or 1; a float NaN becomes 0, as the kernel has it (TensorFlow keeps it)."""
    if x.type.dtype is not DType.INT64:
        return b.sign(x)
    ahead, behind = (cast(b, test(x, like(b, 0, x)), DType.INT64) for test in (b.greater, b.less))
    return b.sub(ahead, behind)


@lowers("Round")
def round_(b: Builder, x: Value) -> Value:
    return x if x.type.dtype.is_integer else b.round(x)


@lowers("Relu")
def relu(b: Builder, features: Value) -> Value:
    return b.maximum(features, like(b, 0, features)) if features.type.dtype.is_integer else b.relu(features)


@lowers("Relu6")
def relu6(b: Builder, features: Value) -> Value:
    if features.type.dtype.is_integer:
        return b.minimum(b.maximum(features, like(b, 0, features)), like(b, 6, features))
    return b.relu6(features)


@lowers("Reciprocal", "Inv")
def reciprocal(b: Builder, x: Value) -> Value:
    return divide(b, like(b, 1, x), x)


@lowers("IsNan")
def is_nan(b: Builder, x: Value) -> Value:
    return b.not_equal(x, x)


@lowers("IsInf")
def is_inf(b: Builder, x: Value) -> Value:
    return b.equal(b.abs(x), like(b, np.inf, x))


@lowers("IsFinite")
def is_finite(b: Builder, x: Value) -> Value:
    return b.less(b.abs(x), like(b, np.inf, x))


@lowers("LeakyRelu")
def leaky_relu(b: Builder, features: Value, *, alpha: float = 0.2) -> Value:
    return b.leaky_relu(features, alpha=alpha)


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@lowers("Selu")
def selu(b: Builder, features: Value) -> Value:
    """scale * x above 0, scale * alpha * (exp(x) - 1) below."""
    x = features
    below = b.mul(b.elu(x), like(b, SELU_SCALE * SELU_ALPHA, x))
    return choose(b, b.greater(x, like(b, 0, x)), b.mul(x, like(b, SELU_SCALE, x)), below)


@lowers("Softsign")
def softsign(b: Builder, features: Value) -> Value:
    return b.div(features, b.add(b.abs(features), like(b, 1, features)))


@lowers("Cast")
def cast_(b: Builder, x: Value, *, DstT: DType, Truncate: bool = False) -> Complex | Value:
    """CAST. Of a float that the integer type does not hold, both TensorFlow's and the kernel's result is undefined."""
    return Complex(cast(b, x, DType.FLOAT32)) if DstT is DType.COMPLEX64 else cast(b, x, DstT)


@lowers("Bitcast")
def bitcast(b: Builder, input: Value, *, type: DType) -> Value:
    return b.bitcast(input, out_data_type=type)


# -- two operands -----------------------------------------------------------------------------------------------------


@lowers("RealDiv", "Div")
def divide(b: Builder, x: Value, y: Value) -> Value:
    """Division; of integers toward zero."""
    return integers.truncated_div(b, x, y) if x.type.dtype.is_integer else b.div(x, y)


@lowers("TruncateDiv")
def truncate_div(b: Builder, x: Value, y: Value) -> Value:
    if x.type.dtype.is_integer:
        return integers.truncated_div(b, x, y)
    return in_float32(b, b.div(x, y), special.trunc)


@lowers("FloorDiv")
def floor_div(b: Builder, x: Value, y: Value) -> Value:
    return integers.floor_div(b, x, y) if x.type.dtype.is_integer else b.floor_div(x, y)


@lowers("Mod", "TruncateMod")
def truncate_mod(b: Builder, x: Value, y: Value) -> Value:
    """The remainder with the sign of the dividend."""
    if x.type.dtype.is_integer:
        return integers.truncated_mod(b, x, y)
    return special.truncated_remainder(b, x, y)


@lowers("Pow")
def pow_(b: Builder, x: Value, y: Value) -> Value:
    """POW; integers of 64 bits only to a constant power. A negative power of an integer is an error at run time."""
    if x.type.dtype is not DType.INT64:
        return b.pow(x, y)
    if not y.is_small_const or y.numpy().size != 1 or int(y.numpy().ravel()[0]) < 0:
        raise UnsupportedError("int64 to a power known only at run time", "cast the operands to int32", code="LS012")
    return _integer_power(b, x, int(y.numpy().ravel()[0]))


def _integer_power(b: Builder, x: Value, power: int) -> Value:
    """By repeated squares."""
    result: Value | None = None
    while power:
        if power & 1:
            result = x if result is None else b.mul(result, x)
        power >>= 1
        x = b.mul(x, x) if power else x
    return result if result is not None else b.add(b.mul(x, like(b, 0, x)), like(b, 1, x))


@lowers("SquaredDifference")
def squared_difference(b: Builder, x: Value, y: Value) -> Value:
    broadcasts_far = max(x.rank, y.rank) > 4 and x.dims != y.dims  # further than the kernel does
    if x.type.dtype is DType.INT64 or broadcasts_far:
        return square(b, b.sub(x, y))
    return b.squared_difference(x, y)


@lowers("Atan2")
def atan2(b: Builder, y: Value, x: Value) -> Value:
    """ATAN2, whose kernel does not broadcast."""
    left, right = broadcast_together(b, y, x)
    return b.atan2(left, right)


def broadcast_together(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """Both operands in the shape they broadcast to."""
    rank = max(x.rank, y.rank)
    left, right = ((1,) * (rank - v.rank) + v.dims for v in (x, y))
    dims = tuple(broadcast(d, e) for d, e in zip(left, right, strict=True))
    return broadcast_to(b, x, dims, y), broadcast_to(b, y, dims, x)


@lowers("DivNoNan")
def div_no_nan(b: Builder, x: Value, y: Value) -> Value:
    return _unless_zero(b, y, b.div(x, y))


@lowers("MulNoNan")
def mul_no_nan(b: Builder, x: Value, y: Value) -> Value:
    return _unless_zero(b, y, b.mul(x, y))


@lowers("Xdivy")
def xdivy(b: Builder, x: Value, y: Value) -> Value:
    return _unless_zero(b, x, b.div(x, y))


@lowers("Xlogy")
def xlogy(b: Builder, x: Value, y: Value) -> Value:
    return _unless_zero(b, x, b.mul(x, b.log(y)))


@lowers("Xlog1py")
def xlog1py(b: Builder, x: Value, y: Value) -> Value:
    return _unless_zero(b, x, b.mul(x, in_float32(b, y, special.log1p)))


def _unless_zero(b: Builder, factor: Value, result: Value) -> Value:
    """The result, but 0 wherever the factor is 0."""
    return choose(b, b.equal(factor, like(b, 0, factor)), like(b, 0, result), result)


@lowers("ApproximateEqual")
def approximate_equal(b: Builder, x: Value, y: Value, *, tolerance: float = 1e-5) -> Value:
    return b.less(b.abs(b.sub(x, y)), like(b, tolerance, x))


# -- more operands ----------------------------------------------------------------------------------------------------


@lowers("AddN", "AccumulateNV2")
def add_n(b: Builder, inputs: list[Value]) -> Value:
    """One ADD_N where the kernel takes the type (shapes are equal, known or not), else a chain of ADD."""
    total = inputs[0]
    if len(inputs) > 2 and total.type.dtype in (DType.FLOAT32, DType.INT32):
        return b.add_n(*inputs)
    for value in inputs[1:]:
        total = b.add(total, value)
    return total


@lowers("ClipByValue")
def clip_by_value(b: Builder, t: Value, clip_value_min: Value, clip_value_max: Value) -> Value:
    return b.maximum(b.minimum(t, clip_value_max), clip_value_min)


@lowers("Select")
def select(b: Builder, condition: Value, t: Value, e: Value) -> Value:
    """Select picks whole rows when the condition is a vector and the operands are not."""
    if condition.rank == 1 and t.rank > 1:
        if t.type.shape == e.type.shape and t.dims[0] == condition.dims[0]:
            return b.select(condition, t, e)
        condition = reshape(b, condition, [condition.dims[0], *[1] * (t.rank - 1)])
    return select_v2(b, condition, t, e)


@lowers("SelectV2")
def select_v2(b: Builder, condition: Value, t: Value, e: Value) -> Value:
    """SELECT_V2, by rows of equal shape beyond its rank."""
    if max(condition.rank, t.rank, e.rank) <= 5 or condition.type.shape == t.type.shape == e.type.shape:
        return b.select_v2(condition, t, e)
    return choose(b, condition, t, e)


# -- bits -------------------------------------------------------------------------------------------------------------

BITS = (
    lowers("BitwiseAnd")(integers.bit_and),
    lowers("BitwiseOr")(integers.bit_or),
    lowers("BitwiseXor")(integers.bit_xor),
    lowers("Invert")(integers.bit_not),
    lowers("LeftShift")(integers.shift_left),
    lowers("RightShift")(integers.shift_right),
    lowers("PopulationCount")(integers.population_count),
)
