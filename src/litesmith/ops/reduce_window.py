"""Windows over every dimension: REDUCE_WINDOW, and the DILATE that spreads elements apart for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, maximum, product
from litesmith.ir.graph import Op
from litesmith.ir.opdef import Attr, OpDef
from litesmith.ir.types import TensorType
from litesmith.ops.common import (
    BOOL,
    FLOAT,
    INDEX,
    INT8,
    INT16,
    UINT8,
    const_ints,
    dtypes,
    operands,
    rank_at_most,
    unknown_dim,
)

_WINDOW_FUNCTIONS = ("UNSUPPORTED", "ADD", "MUL", "MINIMUM", "MAXIMUM", "ALL", "ANY")
_WINDOW_REDUCE: dict[str, Callable[..., Any]] = {
    "ADD": np.sum,
    "MUL": np.prod,
    "MINIMUM": np.min,
    "MAXIMUM": np.max,
    "ALL": np.all,
    "ANY": np.any,
}


def _infer_reduce_window(op: Op) -> list[TensorType]:
    x = op["x"].type
    shape, strides, dilations = (const_ints(op, n) for n in ("window_shape", "window_strides", "window_dilations"))
    if shape is None or strides is None or dilations is None:
        return [TensorType(x.dtype, tuple(unknown_dim() for _ in x.dims))]
    dims = tuple(map(_windows, x.dims, shape, strides, dilations))
    return [TensorType(x.dtype, dims)]


def _windows(size: Dim, window: int, stride: int, dilation: int) -> Dim:
    span = (window - 1) * dilation + 1
    if isinstance(size, int) and size < span:
        return 0
    count: Dim = (size - span) // stride + 1
    return count if isinstance(size, int) else maximum(count, 0)


def _reduce_window(
    x: Array,
    init_value: Array,
    window_shape: Array,
    window_strides: Array,
    window_dilations: Array,
    *,
    reduce_function: str,
) -> Array:
    spans = [(int(w) - 1) * int(d) + 1 for w, d in zip(window_shape, window_dilations, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(x, spans)
    places = tuple(slice(None, None, int(s)) for s in window_strides)
    taken = tuple(slice(None, None, int(d)) for d in window_dilations)
    windows = views[places + taken]
    axes = tuple(range(x.ndim, 2 * x.ndim))
    reduced = _WINDOW_REDUCE[reduce_function](windows, axis=axes)
    both = np.stack([np.broadcast_to(init_value.reshape(()), reduced.shape), reduced])
    return np.asarray(_WINDOW_REDUCE[reduce_function](both, axis=0), x.dtype)


def _window_cost(op: Op) -> Dim:
    window = const_ints(op, "window_shape")
    return op.results[0].type.count * product(window or ())


REDUCE_WINDOW = OpDef(
    "REDUCE_WINDOW",
    205,
    operands(
        "x init_value window_shape window_strides window_dilations",
        FLOAT | INDEX | INT8 | UINT8 | INT16 | BOOL,
        FLOAT | INDEX | INT8 | UINT8 | INT16 | BOOL,
        dtypes("int64"),
    ),
    attrs={"reduce_function": Attr("enum32", "UNSUPPORTED", _WINDOW_FUNCTIONS)},
    options=("ReduceWindowOptions", 20),
    options2=True,
    infer=_infer_reduce_window,
    evaluate=_reduce_window,
    check=rank_at_most(6, "x"),
    runtimes={1: "2.15.0"},
    cost=_window_cost,
)


def _infer_dilate(op: Op) -> list[TensorType]:
    x, factors = op["x"].type, const_ints(op, "dilations")
    if factors is None:
        return [TensorType(x.dtype, tuple(unknown_dim() for _ in x.dims))]
    return [TensorType(x.dtype, tuple(map(_dilated_size, x.dims, factors)))]


def _dilated_size(size: Dim, factor: int) -> Dim:
    spread: Dim = (size - 1) * factor + 1
    return maximum(spread, 0)


def _dilate(x: Array, dilations: Array, padding_value: Array) -> Array:
    shape = [max((size - 1) * int(factor) + 1, 0) for size, factor in zip(x.shape, dilations, strict=True)]
    dilated = np.full(shape, padding_value.reshape(()), x.dtype)
    dilated[tuple(slice(None, None, int(factor)) for factor in dilations)] = x
    return dilated


DILATE = OpDef(
    "DILATE",
    203,
    operands(
        "x dilations padding_value",
        dtypes("float32 float64 int8 uint8 int16 uint16 int32 uint32 int64 uint64 bool"),
        dtypes("int32"),
        dtypes("float32 float64 int8 uint8 int16 uint16 int32 uint32 int64 uint64 bool"),
    ),
    options=("DilateOptions", 18),
    options2=True,
    infer=_infer_dilate,
    evaluate=_dilate,
    check=rank_at_most(6, "x"),
    runtimes={1: "2.15.0"},
)

DEFINITIONS = (REDUCE_WINDOW, DILATE)
