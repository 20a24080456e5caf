"""Activation functions: RELU, ELU, GELU, TANH, LOGISTIC, SOFTMAX, PRELU, …"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import erf, inf, sqrt
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef, QuantRule, Trait
from litesmith.ir.types import TensorType
from litesmith.ops import costs, gpu, micro, xnnpack
from litesmith.ops.common import (
    FLOAT,
    INT8,
    INT16,
    UINT8,
    boolean,
    broadcast_shapes,
    by_dtype,
    first_reason,
    operands,
    quantized_only,
    rank_at_least,
    real,
    require_same_dtype,
    same_as,
)

_EIGHT = INT8 | UINT8
_NEEDING = quantized_only("int8 uint8 int16")
_LAST_DIMENSION = first_reason(_NEEDING, rank_at_least(1))
_ONE = np.float32(1)


def _activation(name: str, code: int, evaluate: Callable[..., Any], runtimes: dict[int, str], **rest: Any) -> OpDef:
    """A function of one operand; element-wise, float32 or quantized, unless told."""
    taken = rest.pop("taken", FLOAT | _EIGHT)
    rest.setdefault("traits", Trait.ELEMENTWISE)
    return OpDef(
        name,
        code,
        operands("x", taken),
        infer=same_as("x"),
        evaluate=evaluate,
        check=rest.pop("check", _NEEDING),
        runtimes=runtimes,
        **rest,
    )


# -- clamps -----------------------------------------------------------------------------------------------------------


def _clamp(low: float, high: float) -> Callable[[Array], Array]:
    """Leaves NaN and -0.0 as they are."""

    def evaluate(x: Array) -> Array:
        lifted = np.where(x < low, x.dtype.type(low), x)
        return np.where(lifted > high, x.dtype.type(high), lifted)

    return evaluate


def _simplify_relu(b: Builder, op: Op) -> Value | None:
    """A clamp at zero of what is already clamped at zero from below is nothing."""
    below = op["x"].op
    clamped = below is not None and below.name in ("RELU", "RELU6", "RELU_0_TO_1")
    return op["x"] if clamped and op["x"].type.quant is None else None


RELU = _activation(
    "RELU",
    19,
    _clamp(0, np.inf),
    {1: "1.5.0", 2: "2.1.0", 3: "2.5.0"},
    taken=FLOAT | _EIGHT | INT16,
    simplify=_simplify_relu,
    version=by_dtype(int8=2, uint8=2, int16=3),
    gpu=gpu.always,
    micro=micro.ACTIVATIONS,
    xnnpack=xnnpack.data,
    clamps=(0.0, inf),
)
RELU6 = _activation(
    "RELU6",
    21,
    _clamp(0, 6),
    {1: "1.5.0", 2: "1.14.0", 3: "2.5.0"},
    taken=FLOAT | _EIGHT | INT16,
    version=by_dtype(int8=2, int16=3),
    gpu=gpu.always,
    micro=micro.ACTIVATIONS,
    xnnpack=xnnpack.data,
    clamps=(0.0, 6.0),
)
RELU_N1_TO_1 = _activation(
    "RELU_N1_TO_1",
    20,
    _clamp(-1, 1),
    {1: "1.5.0"},
    gpu=gpu.always,
    xnnpack=xnnpack.data,
    clamps=(-1.0, 1.0),
)
RELU_0_TO_1 = _activation("RELU_0_TO_1", 152, _clamp(0, 1), {1: "2.10.0"}, clamps=(0.0, 1.0))

# -- smooth and leaky ones --------------------------------------------------------------------------------------------

def _without_slope(b: Builder, op: Op) -> Value | None:
    """RELU, which XNNPACK takes, where negative numbers become 0."""
    x = op["x"]
    if op.attrs["alpha"] != 0 or x.type.quant is not None:
        return None
    return b.relu(x)


LEAKY_RELU = _activation(
    "LEAKY_RELU",
    98,
    lambda x, *, alpha: np.where(x > 0, x, np.float32(alpha) * x),
    {1: "1.13.1", 2: "2.3.0"},
    taken=FLOAT | _EIGHT | INT16,
    attrs={"alpha": real()},
    simplify=_without_slope,
    options=("LeakyReluOptions", 75),
    version=by_dtype(int16=2),
    gpu=gpu.always,
    micro=micro.ACTIVATIONS,
    xnnpack=xnnpack.leaky,
)
ELU = _activation(
    "ELU",
    111,
    lambda x: np.where(x < 0, np.expm1(x), x),
    {1: "1.14.0"},
    taken=FLOAT | INT8,
    gpu=gpu.one_operand,
    micro=micro.FLOAT_INT8,
    xnnpack=xnnpack.data,
)

_erf = np.vectorize(erf, otypes=[np.float64])


def _gelu(x: Array, *, approximate: bool) -> Array:
    exact = x.astype(np.float64)
    if approximate:
        result = 0.5 * exact * (1 + np.tanh(sqrt(2 / np.pi) * (exact + 0.044715 * exact**3)))
    else:
        result = 0.5 * exact * (1 + _erf(exact / sqrt(2)))
    return np.asarray(result.astype(x.dtype))


GELU = _activation(
    "GELU",
    150,
    _gelu,
    {1: "2.9.0", 2: "2.9.0", 3: "2.23.0"},
    attrs={"approximate": boolean()},
    options=("GeluOptions", 116),
    taken=FLOAT | _EIGHT | INT16,
    version=by_dtype(int8=2, uint8=2, int16=3),
    gpu=gpu.one_operand,
    xnnpack=xnnpack.data,
)
HARD_SWISH = _activation(
    "HARD_SWISH",
    117,
    lambda x: x * np.minimum(np.maximum(x + np.float32(3), 0), 6) / np.float32(6),
    {1: "1.15.0"},
    options=("HardSwishOptions", 91),
    gpu=gpu.ONE,
    micro=micro.FLOAT_INT8,
    xnnpack=xnnpack.data,
)


def _fixed_scales(**scales: tuple[float, int]) -> QuantRule:
    fixed: Mapping[DType, tuple[float, int]] = {DType.parse(name): pair for name, pair in scales.items()}
    return QuantRule(fixed=fixed)


TANH = _activation(
    "TANH",
    28,
    np.tanh,
    {1: "1.14.0", 2: "1.14.0", 3: "2.3.0"},
    taken=FLOAT | _EIGHT | INT16,
    version=by_dtype(int8=2, int16=3),
    quant=_fixed_scales(int8=(1 / 128, 0), uint8=(1 / 128, 128), int16=(1 / 32768, 0)),
    gpu=gpu.one_operand,
    micro=micro.ACTIVATIONS,
    xnnpack=xnnpack.data,
)
_UNIT_INTERVAL = _fixed_scales(int8=(1 / 256, -128), uint8=(1 / 256, 0), int16=(1 / 32768, 0))
LOGISTIC = _activation(
    "LOGISTIC",
    14,
    lambda x: _ONE / (_ONE + np.exp(-x)),
    {1: "1.14.0", 2: "1.14.0", 3: "2.3.0"},
    taken=FLOAT | _EIGHT | INT16,
    version=by_dtype(int8=2, int16=3),
    quant=_UNIT_INTERVAL,
    gpu=gpu.one_operand,
    micro=micro.ACTIVATIONS,
    xnnpack=xnnpack.data,
)

# -- over the last dimension ------------------------------------------------------------------------------------------


def _subtract_maximum(x: Array) -> Array:
    return np.asarray(x - np.max(x, axis=-1, keepdims=True))


def _softmax(x: Array, *, beta: float) -> Array:
    exponentials = np.exp(_subtract_maximum(x) * np.float32(beta))
    return np.asarray(exponentials / np.sum(exponentials, axis=-1, keepdims=True))


def _log_softmax(x: Array) -> Array:
    shifted = _subtract_maximum(x)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True)))


SOFTMAX = _activation(
    "SOFTMAX",
    25,
    _softmax,
    {1: "1.5.0", 2: "1.14.0", 3: "2.3.0", 4: "2.23.0"},
    taken=FLOAT | _EIGHT | INT16,
    attrs={"beta": real()},
    options=("SoftmaxOptions", 9),
    traits=Trait.BY_ROW,
    check=_LAST_DIMENSION,
    version=by_dtype(int8=2, int16=3),
    quant=_UNIT_INTERVAL,
    gpu=gpu.softmax,
    micro=micro.ACTIVATIONS,
    xnnpack=xnnpack.softmax,
    cost=costs.normalizes,
)
LOG_SOFTMAX = _activation(
    "LOG_SOFTMAX",
    50,
    _log_softmax,
    {1: "1.14.0", 2: "1.14.0"},
    options=("LogSoftmaxOptions", 36),
    traits=Trait.BY_ROW,
    check=_LAST_DIMENSION,
    version=by_dtype(int8=2),
    quant=_fixed_scales(int8=(16 / 256, 127), uint8=(16 / 256, 255)),
    micro=micro.FLOAT_INT8,
    cost=costs.normalizes,
)

# -- with a learned slope ---------------------------------------------------------------------------------------------


def _infer_prelu(op: Op) -> list[TensorType]:
    require_same_dtype(op)
    x = op["x"].type
    shape = broadcast_shapes(op, [x.shape, op["alpha"].type.shape])
    if shape is not None and x.shape is not None and len(shape) != len(x.shape):
        raise UnsupportedError("alpha has more dimensions than x", "reshape alpha", op=op.name)
    return [TensorType(x.dtype, shape)]


PRELU = OpDef(
    "PRELU",
    54,
    operands("x alpha", FLOAT | _EIGHT),
    infer=_infer_prelu,
    traits=Trait.ELEMENTWISE,
    evaluate=lambda x, alpha: np.where(x >= 0, x, x * alpha),
    check=_NEEDING,
    runtimes={1: "1.8.0"},
    quant=QuantRule(weights={"alpha": None}),
    gpu=gpu.always,
    micro=micro.ACTIVATIONS,
    xnnpack=xnnpack.PRELU,
)

DEFINITIONS = (
    RELU,
    RELU6,
    RELU_N1_TO_1,
    RELU_0_TO_1,
    LEAKY_RELU,
    ELU,
    GELU,
    HARD_SWISH,
    TANH,
    LOGISTIC,
    SOFTMAX,
    LOG_SOFTMAX,
    PRELU,
)
