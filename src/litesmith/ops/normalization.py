"""Normalizations."""

from __future__ import annotations

import numpy as np

from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.opdef import OpDef, QuantRule
from litesmith.ops import micro
from litesmith.ops.common import (
    ACTIVATION,
    FLOAT,
    by_dtype,
    dtypes,
    first_reason,
    int32,
    operands,
    quantized_only,
    real,
    same_as,
)

EPSILON = 1e-6
"""Least norm L2_NORMALIZATION divides by."""


def _l2_normalization(x: Array, *, fused_activation_function: str = "NONE") -> Array:
    norm = np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
    return np.asarray(x / np.maximum(norm, np.float32(EPSILON)))


def _no_activation(op: Op) -> str | None:
    if op.attrs["fused_activation_function"] != "NONE":
        return "the kernel has no fused activation"
    return None


L2_NORMALIZATION = OpDef(
    "L2_NORMALIZATION",
    11,
    operands("x", dtypes("float32 int8 uint8")),
    attrs={"fused_activation_function": ACTIVATION},
    options=("L2NormOptions", 12),
    infer=same_as("x"),
    evaluate=_l2_normalization,
    foldable=lambda op: op["x"].type.dtype in FLOAT,
    check=first_reason(quantized_only("int8 uint8"), _no_activation),
    version=by_dtype(int8=2),
    runtimes={1: "1.5.0", 2: "1.14.0"},
    quant=QuantRule(fixed={DType.INT8: (1 / 128, 0), DType.UINT8: (1 / 128, 128)}),
    cost=lambda op: op["x"].type.count,
    micro=micro.always,
)


def _local_response_normalization(x: Array, *, radius: int, bias: float, alpha: float, beta: float) -> Array:
    squares = np.pad(x * x, [(0, 0)] * 3 + [(radius, radius)])
    channels = x.shape[-1]
    total = sum((squares[..., i : i + channels] for i in range(2 * radius + 1)), np.zeros_like(x))
    return np.asarray(x * np.power(np.float32(bias) + np.float32(alpha) * total, np.float32(-beta)))


def _lrn_cost(op: Op) -> Dim:
    cost: Dim = op["x"].type.count * (2 * op.attrs["radius"] + 1)
    return cost


LOCAL_RESPONSE_NORMALIZATION = OpDef(
    "LOCAL_RESPONSE_NORMALIZATION",
    13,
    operands("x", FLOAT),
    attrs={"radius": int32(), "bias": real(), "alpha": real(), "beta": real()},
    options=("LocalResponseNormalizationOptions", 13),
    infer=same_as("x"),
    evaluate=_local_response_normalization,
    check=lambda op: None if op["x"].rank == 4 else f"rank {op['x'].rank} is not 4",
    runtimes={1: "1.5.0"},
    cost=_lrn_cost,
)

DEFINITIONS = (L2_NORMALIZATION, LOCAL_RESPONSE_NORMALIZATION)
