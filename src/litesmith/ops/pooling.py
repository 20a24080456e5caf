"""Pools over [N, H, W, C]."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim
from litesmith.ir.graph import Op
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ir.types import TensorType, shape_text
from litesmith.ops import gpu, micro, xnnpack
from litesmith.ops.common import (
    ACTIVATION,
    FLOAT,
    PADDING,
    QUANTIZED,
    apply_activation,
    by_dtype,
    has_no_nan,
    int32,
    operands,
)
from litesmith.ops.convolution import strides
from litesmith.ops.windows import reduce_windows, window_counts

ATTRS = {
    "padding": PADDING,
    "stride_w": int32(),
    "stride_h": int32(),
    "filter_width": int32(),
    "filter_height": int32(),
    "fused_activation_function": ACTIVATION,
}


def window(attrs: Any) -> list[int]:
    """The window [height, width], from attributes or keywords of an evaluator."""
    return [attrs["filter_height"], attrs["filter_width"]]


def _infer(op: Op) -> list[TensorType]:
    x = op["x"].type
    if x.rank != 4:
        raise UnsupportedError(f"input {shape_text(x.shape)} is not of rank 4", "reshape it to rank 4", op=op.name)
    n, *spatial, channels = x.dims
    if min(window(op.attrs)) < 1:
        raise UnsupportedError(f"window {window(op.attrs)} must be positive", op=op.name)
    counts = window_counts(op, spatial, window(op.attrs), strides(op.attrs), [1, 1])
    return [TensorType(x.dtype, (n, *counts, channels))]


def _cost(op: Op) -> Dim:
    cost: Dim = op.result.type.count * window(op.attrs)[0] * window(op.attrs)[1]
    return cost


def _mean(x: Array, attrs: Any) -> Array:
    """The mean of each window's elements, padding not counted."""
    total = reduce_windows(x, window(attrs), strides(attrs), attrs["padding"], 0, np.sum)
    count = reduce_windows(np.ones_like(x[:1, :, :, :1]), window(attrs), strides(attrs), attrs["padding"], 0, np.sum)
    return np.asarray(total / count)


def _average_pool(x: Array, **attrs: Any) -> Array:
    return apply_activation(_mean(x, attrs), attrs["fused_activation_function"])


def _l2_pool(x: Array, **attrs: Any) -> Array:
    return apply_activation(np.sqrt(_mean(x * x, attrs)), attrs["fused_activation_function"])


def _max_pool(x: Array, **attrs: Any) -> Array:
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    y = reduce_windows(x, window(attrs), strides(attrs), attrs["padding"], lowest, np.max)
    return apply_activation(y, attrs["fused_activation_function"])


def _is_plain(op: Op) -> bool:
    return op["x"].type.dtype in FLOAT and has_no_nan(op)


AVERAGE_POOL_2D = OpDef(
    "AVERAGE_POOL_2D",
    1,
    operands("x", FLOAT | QUANTIZED),
    attrs=ATTRS,
    options=("Pool2DOptions", 5),
    traits=Trait.FUSES_ACTIVATION,
    infer=_infer,
    evaluate=_average_pool,
    foldable=_is_plain,
    version=by_dtype(int8=2, int16=3),
    runtimes={1: "1.5.0", 2: "1.14.0", 3: "2.3.0"},
    cost=_cost,
    gpu=gpu.POOL,
    micro=micro.ACTIVATIONS,
    xnnpack=xnnpack.AVERAGE_POOL,
)

MAX_POOL_2D = OpDef(
    "MAX_POOL_2D",
    17,
    operands("x", FLOAT | QUANTIZED),
    attrs=ATTRS,
    options=("Pool2DOptions", 5),
    traits=Trait.FUSES_ACTIVATION,
    infer=_infer,
    evaluate=_max_pool,
    foldable=_is_plain,
    version=by_dtype(int8=2, int16=3),
    runtimes={1: "1.5.0", 2: "1.14.0", 3: "2.3.0"},
    cost=_cost,
    gpu=gpu.POOL,
    micro=micro.ACTIVATIONS,
    xnnpack=xnnpack.MAX_POOL,
)

L2_POOL_2D = OpDef(
    "L2_POOL_2D",
    12,
    operands("x", FLOAT),
    attrs=ATTRS,
    options=("Pool2DOptions", 5),
    traits=Trait.FUSES_ACTIVATION,
    infer=_infer,
    evaluate=_l2_pool,
    foldable=_is_plain,
    runtimes={1: "1.5.0"},
    cost=_cost,
    micro=micro.FLOAT,
)

DEFINITIONS = (AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D)
