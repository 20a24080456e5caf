"""Arithmetic on two or more tensors, broadcast against each other: ADD, MUL, FLOOR_MOD, MAXIMUM, …"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litesmith.ir.builder import Builder, symbolically
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym, floordiv, maximum, minimum, modulo, non_negative
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Check, OpDef, Trait
from litesmith.ops import costs, gpu, intervals, micro, xnnpack
from litesmith.ops.common import (
    ACTIVATION,
    FLOAT,
    INDEX,
    INT8,
    INT16,
    INT32,
    QUANTIZED,
    apply_activation,
    boolean,
    broadcast_rank_at_most,
    broadcasting,
    by_dtype,
    dtypes,
    first_reason,
    highest,
    is_quantized,
    max_rank,
    needs_broadcast,
    operands,
    quantized_only,
)

# -- helpers of this family -------------------------------------------------------------------------------------------

_FUSED = {"fused_activation_function": ACTIVATION}
_FUSED_POT = {**_FUSED, "pot_scale_int16": boolean(True)}
_CLAMPING = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")


def clamping_activation(op: Op) -> str | None:
    """Arithmetic kernels honour the activations that clamp, and silently skip TANH and SIGN_BIT."""
    activation = op.attrs["fused_activation_function"]
    return None if activation in _CLAMPING else f"the kernel does not apply a fused {activation}"


def _with_activation(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def evaluate(x: Array, y: Array, *, fused_activation_function: str = "NONE", pot_scale_int16: bool = True) -> Array:
        return apply_activation(function(x, y), fused_activation_function)

    return evaluate


def _symbolic_by(function: Callable[[Array, Array], Any]) -> Callable[[Op], Array | None]:
    """Symbolic evaluation of unfused integer arithmetic through a function of object arrays."""

    def symbolic(op: Op) -> Array | None:
        if op.attrs.get("fused_activation_function", "NONE") != "NONE":
            return None
        x, y = (v.sym if v.type.dtype.is_integer else None for v in op.inputs)
        if x is None or y is None:
            return None
        elements = function(x, y)
        return None if elements is None else np.asarray(elements, dtype=object)

    return symbolic


def _each(function: Callable[[Dim, Dim], Dim]) -> Callable[[Array, Array], Any]:
    return np.frompyfunc(function, 2, 1)


def _nonzero(y: Array) -> bool:
    return all(isinstance(e, Sym) or e != 0 for e in y.flat)


def _symbolic_floordiv(x: Array, y: Array) -> Any:
    return _each(floordiv)(x, y) if _nonzero(y) else None


def _symbolic_modulo(x: Array, y: Array) -> Any:
    return _each(modulo)(x, y) if _nonzero(y) else None


def _symbolic_truncdiv(x: Array, y: Array) -> Any:
    if not all(map(non_negative, [*x.flat, *y.flat])):
        return None
    return _symbolic_floordiv(x, y)


def divisor_nonzero(op: Op) -> bool:
    """Integer division by zero is an error when the model runs; it is not folded."""
    y = op.inputs[1]
    return not y.type.dtype.is_integer or bool(np.all(y.numpy() != 0))


def _neutral(op: Op, name: str, is_neutral: Callable[[Array], Any]) -> bool:
    """Whether this operand is a constant that leaves the other one as it is, in value, type and shape."""
    value = op[name]
    other = op["y" if name == "x" else "x"]
    if not value.is_small_const or is_quantized(value) or is_quantized(other):
        return False
    if op.attrs.get("fused_activation_function", "NONE") != "NONE" or value.type.dtype is not other.type.dtype:
        return False
    if other.type.shape is None or not _fits_into(value.type.dims, other.type.dims):
        return False
    return bool(np.all(is_neutral(value.numpy())))


def _fits_into(small: tuple[Dim, ...], shape: tuple[Dim, ...]) -> bool:
    """Whether broadcasting ``small`` against ``shape`` certainly gives ``shape``."""
    if len(small) > len(shape):
        return False
    return all(d == 1 or d == s for d, s in zip(small, shape[len(shape) - len(small) :], strict=True))


def elide(is_neutral: Callable[[Array], Any], either: bool) -> Callable[[Builder, Op], Value | None]:
    """Drops an operation whose second operand (or either one) is its neutral element."""

    def simplify(b: Builder, op: Op) -> Value | None:
        if _neutral(op, "y", is_neutral):
            return op["x"]
        return op["y"] if either and _neutral(op, "x", is_neutral) else None

    return simplify


def _is_negative_zero(a: Array) -> Any:
    """x + -0.0 is x for every x; x + 0.0 is not, it turns -0.0 into 0.0."""
    return (a == 0) & np.signbit(a) if a.dtype.kind == "f" else a == 0


def _is_positive_zero(a: Array) -> Any:
    return (a == 0) & ~np.signbit(a) if a.dtype.kind == "f" else a == 0


def _is_one(a: Array) -> Any:
    return a == 1


def _arithmetic_check(*needing_quantization: str, rank: int) -> Check:
    return first_reason(clamping_activation, quantized_only(*needing_quantization), broadcast_rank_at_most(rank))


def _plain_int16(version: int) -> Callable[[Op], int]:
    def rule(op: Op) -> int:
        x = op.inputs[0]
        return version if x.type.dtype.text == "int16" and not is_quantized(x) else 1

    return rule


def _general_scale_int16(version: int) -> Callable[[Op], int]:
    """The version that takes int16 with scales that are no powers of two."""

    def rule(op: Op) -> int:
        is_int16 = op.inputs[0].type.dtype.text == "int16" and is_quantized(op.inputs[0])
        return version if is_int16 and not op.attrs["pot_scale_int16"] else 1

    return rule


def _wide_broadcast(version: int) -> Callable[[Op], int]:
    """The version that broadcasts more than four dimensions."""
    return lambda op: version if needs_broadcast(op) and max_rank(op.inputs) > 4 else 1


# -- arithmetic with a fused activation -------------------------------------------------------------------------------

ADD = OpDef(
    "ADD",
    0,
    operands("x y", FLOAT | INDEX | QUANTIZED),
    attrs=_FUSED_POT,
    options=("AddOptions", 11),
    traits=Trait.ELEMENTWISE | Trait.ARITHMETIC | Trait.COMMUTATIVE | Trait.FUSES_ACTIVATION,
    infer=broadcasting(),
    evaluate=_with_activation(np.add),
    symbolic=_symbolic_by(np.add),
    simplify=elide(_is_negative_zero, either=True),
    check=_arithmetic_check("int8 uint8", rank=6),
    version=highest(by_dtype(int8=2, int64=4), _plain_int16(5), _general_scale_int16(3)),
    runtimes={1: "1.5.0", 2: "1.14.0", 3: "2.4.0", 4: "2.6.0", 5: "2.13.0", 6: "2.23.0"},
    cost=costs.result_elements,
    gpu=gpu.ADD,
    micro=micro.ARITHMETIC,
    xnnpack=xnnpack.ARITHMETIC,
    interval=intervals.arithmetic(np.add),
)

SUB = OpDef(
    "SUB",
    41,
    operands("x y", FLOAT | INDEX | QUANTIZED),
    attrs=_FUSED_POT,
    options=("SubOptions", 28),
    traits=Trait.ELEMENTWISE | Trait.ARITHMETIC | Trait.FUSES_ACTIVATION,
    infer=broadcasting(),
    evaluate=_with_activation(np.subtract),
    symbolic=_symbolic_by(np.subtract),
    simplify=elide(_is_positive_zero, either=False),
    check=_arithmetic_check("int8 uint8 int16", rank=6),
    version=highest(by_dtype(int8=2, int64=4), _general_scale_int16(5), _wide_broadcast(3)),
    runtimes={1: "1.6.0", 2: "1.14.0", 3: "2.3.0", 4: "2.4.0", 5: "2.4.0"},
    cost=costs.result_elements,
    gpu=gpu.DIV,
    micro=micro.ARITHMETIC,
    xnnpack=xnnpack.ARITHMETIC,
    interval=intervals.arithmetic(np.subtract, crossed=True),
)


def _rescales_up(op: Op) -> int:
    """Version 3 takes a product of operand scales at or above the result scale."""
    scales = [v.type.quant.scale for v in (*op.inputs, *op.results) if v.type.quant is not None]
    if len(scales) < 3:
        return 1
    x, y, result = (float(s.flat[0]) for s in scales)
    return 3 if x * y / result >= 1.0 else 1


def _mul_version(op: Op) -> int:
    return highest(by_dtype(int8=2, int16=4, int64=5, complex64=6, uint32=7), _plain_int16(7), _rescales_up)(op)


MUL = OpDef(
    "MUL",
    18,
    operands("x y", FLOAT | INDEX | QUANTIZED | dtypes("uint32 complex64")),
    attrs=_FUSED,
    options=("MulOptions", 21),
    traits=Trait.ELEMENTWISE | Trait.ARITHMETIC | Trait.COMMUTATIVE | Trait.FUSES_ACTIVATION,
    infer=broadcasting(),
    evaluate=_with_activation(np.multiply),
    symbolic=_symbolic_by(np.multiply),
    simplify=elide(_is_one, either=True),
    check=_arithmetic_check("int8 uint8", rank=6),
    version=_mul_version,
    runtimes={1: "1.5.0", 2: "1.14.0", 3: "1.15.0", 4: "2.3.0", 5: "2.6.0", 6: "2.11.0", 7: "2.13.0", 8: "2.23.0"},
    cost=costs.result_elements,
    gpu=gpu.MUL,
    micro=micro.ARITHMETIC,
    xnnpack=xnnpack.ARITHMETIC,
    interval=intervals.product,
)


def _quotient(x: Array, y: Array) -> Array:
    """Division; of integers truncated toward zero, as C does."""
    if x.dtype.kind not in "iu":
        return np.asarray(x / y)
    wide, by = x.astype(np.int64), y.astype(np.int64)
    magnitude = np.abs(wide) // np.abs(by)
    return np.asarray(np.where((wide < 0) != (by < 0), -magnitude, magnitude).astype(x.dtype))


DIV = OpDef(
    "DIV",
    42,
    operands("x y", FLOAT | INT32 | QUANTIZED),
    attrs=_FUSED,
    options=("DivOptions", 29),
    traits=Trait.ELEMENTWISE | Trait.ARITHMETIC | Trait.FUSES_ACTIVATION,
    infer=broadcasting(),
    evaluate=_with_activation(_quotient),
    foldable=divisor_nonzero,
    symbolic=_symbolic_by(_symbolic_truncdiv),
    simplify=elide(_is_one, either=False),
    check=_arithmetic_check("uint8 int8 int16", rank=5),
    version=_wide_broadcast(2),
    runtimes={1: "1.6.0", 2: "2.3.0"},
    cost=costs.result_elements,
    gpu=gpu.DIV,
    micro=micro.always,
    xnnpack=xnnpack.ARITHMETIC,
)

# -- arithmetic without ----------------------------------------------------------------------------------------------


def _floor_div(x: Array, y: Array) -> Array:
    """Floating-point numbers are divided in double precision."""
    return np.floor(x.astype(np.float64) / y).astype(x.dtype) if x.dtype.kind == "f" else np.asarray(x // y)


FLOOR_DIV = OpDef(
    "FLOOR_DIV",
    90,
    operands("x y", FLOAT | INT32 | INT8 | INT16),
    options=("FloorDivOptions", 65),
    traits=Trait.ELEMENTWISE,
    infer=broadcasting(),
    evaluate=_floor_div,
    foldable=lambda op: bool(np.all(op["y"].numpy() != 0)),  # an error for floating-point numbers too
    symbolic=_symbolic_by(_symbolic_floordiv),
    check=broadcast_rank_at_most(4),
    version=by_dtype(float32=2, int8=3, int16=3),
    runtimes={1: "1.14.0", 2: "1.14.0", 3: "2.13.0"},
    gpu=gpu.two_operands,
    micro=micro.FLOAT,
)


def _floor_mod(x: Array, y: Array) -> Array:
    """The remainder with the divisor's sign, made from the truncated one as the kernel does (so that -0.0 stays)."""
    remainder = np.fmod(x, y)
    adjust = (remainder != 0) & ((y < 0) != (remainder < 0))
    return np.asarray(np.where(adjust, remainder + y, remainder), x.dtype)


FLOOR_MOD = OpDef(
    "FLOOR_MOD",
    95,
    operands("x y", FLOAT | INDEX | INT8 | INT16),
    options=("FloorModOptions", 72),
    traits=Trait.ELEMENTWISE,
    infer=broadcasting(),
    evaluate=_floor_mod,
    foldable=divisor_nonzero,
    symbolic=_symbolic_by(_symbolic_modulo),
    check=broadcast_rank_at_most(4),
    version=by_dtype(int8=2, int16=2),
    runtimes={1: "1.13.0", 2: "2.13.0"},
    gpu=gpu.two_operands,
    micro=micro.FLOAT,
    interval=intervals.remainder,
)


def _pow(x: Array, y: Array) -> Array:
    return np.asarray(np.power(x, y), x.dtype)


def _pow_is_defined(op: Op) -> bool:
    """Integer powers: no negative exponent (an error at run time), no overflow."""
    x, y = op["x"], op["y"]
    if not x.type.dtype.is_integer:
        return True
    if bool(np.any(y.numpy() < 0)):
        return False
    exact = np.power(x.numpy().astype(np.float64), y.numpy().astype(np.float64))
    return bool(np.all(np.abs(exact) <= np.iinfo(x.type.dtype.numpy).max))


POW = OpDef(
    "POW",
    78,
    operands("x y", FLOAT | INT32),
    options=("PowOptions", 56),
    traits=Trait.ELEMENTWISE,
    infer=broadcasting(),
    evaluate=_pow,
    foldable=_pow_is_defined,
    simplify=elide(_is_one, either=False),
    check=broadcast_rank_at_most(4),
    runtimes={1: "1.10.0"},
    gpu=gpu.two_operands,
)


def _extremum(
    name: str, code: int, function: Callable[[Array, Array], Array], of_dims: Callable[[Dim, Dim], Dim]
) -> OpDef:
    return OpDef(
        name,
        code,
        operands("x y", FLOAT | INDEX | QUANTIZED),
        options=("MaximumMinimumOptions", 39),
        traits=Trait.ELEMENTWISE,
        infer=broadcasting(),
        evaluate=function,
        symbolic=_symbolic_by(_each(of_dims)),
        check=broadcast_rank_at_most(5),
        version=highest(by_dtype(int8=2, int16=4), _wide_broadcast(3)),
        runtimes={1: "1.14.0", 2: "1.14.0", 3: "2.3.0", 4: "2.3.0"},
        gpu=gpu.two_operands,
        micro=micro.DATA,
        xnnpack=xnnpack.data,
        interval=intervals.both(np.maximum if name == "MAXIMUM" else np.minimum),
    )


# NaN is neither larger nor smaller: the second operand is the result. A NaN there stays, one in the first does not, so
# that the operands may not be exchanged.
MAXIMUM = _extremum("MAXIMUM", 55, lambda x, y: np.where(x > y, x, y), maximum)
MINIMUM = _extremum("MINIMUM", 57, lambda x, y: np.where(x < y, x, y), minimum)


def _squared_difference(x: Array, y: Array) -> Array:
    difference = x - y
    return np.asarray(difference * difference)


SQUARED_DIFFERENCE = OpDef(
    "SQUARED_DIFFERENCE",
    99,
    operands("x y", FLOAT | INT32 | INT8),
    options=("SquaredDifferenceOptions", 76),
    traits=Trait.ELEMENTWISE | Trait.COMMUTATIVE,
    infer=broadcasting(),
    evaluate=_squared_difference,
    check=first_reason(quantized_only("int8"), broadcast_rank_at_most(4)),
    version=by_dtype(int8=2),
    runtimes={1: "1.13.1", 2: "2.5.0"},
    cost=costs.result_elements,
    gpu=gpu.two_operands,
    micro=micro.always,
    xnnpack=xnnpack.ARITHMETIC,
)


def same_shapes(op: Op) -> str | None:
    """The kernel does not broadcast; sizes that are not known are taken to be equal."""
    shapes = {v.type.shape for v in op.inputs if v.type.shape is not None}
    if len({len(s) for s in shapes}) > 1 or any(
        len({d for d in sizes if isinstance(d, int)}) > 1 for sizes in zip(*shapes, strict=True)
    ):
        return "the operands have different shapes"
    return None


def _add_n(*xs: Array) -> Array:
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    return total


ADD_N = OpDef(
    "ADD_N",
    106,
    operands("xs*", FLOAT | INT32),
    options=("AddNOptions", 82),
    traits=Trait.ELEMENTWISE,
    infer=broadcasting(),
    evaluate=_add_n,
    symbolic=symbolically,
    simplify=lambda b, op: op.inputs[0] if len(op.inputs) == 1 else None,
    check=same_shapes,
    runtimes={1: "1.14.0"},
    cost=lambda op: op.results[0].type.count * (len(op.inputs) - 1),
    gpu=gpu.counts(operands=2),
    micro=micro.always,
)

ATAN2 = OpDef(
    "ATAN2",
    156,
    operands("y x", dtypes("float32 float64")),
    options=("ATan2Options", 122),
    traits=Trait.ELEMENTWISE,
    infer=broadcasting(),
    evaluate=np.arctan2,
    check=same_shapes,
    runtimes={1: "2.10.0"},
    gpu=gpu.two_operands,
)

DEFINITIONS = (
    ADD,
    SUB,
    MUL,
    DIV,
    FLOOR_DIV,
    FLOOR_MOD,
    POW,
    MAXIMUM,
    MINIMUM,
    SQUARED_DIFFERENCE,
    ADD_N,
    ATAN2,
)
