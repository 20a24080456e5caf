"""Reductions over axes: SUM, MEAN, REDUCE_MAX, ARG_MAX, CUMSUM, …"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.intervals import FALSE, TRUE
from litesmith.ir.opdef import Dimensions, OpDef, Trait
from litesmith.ir.types import Shape, TensorType
from litesmith.ops import costs, gpu, intervals, micro, xnnpack
from litesmith.ops.common import (
    BOOL,
    FLOAT,
    INDEX,
    INT8,
    INT32,
    QUANTIZED,
    UINT8,
    boolean,
    by_dtype,
    const_ints,
    element_type,
    has_no_nan,
    is_quantized,
    normalized_axes,
    normalized_axis,
    operands,
    quantized_only,
    same_as,
    unknown_dim,
)

# -- over any axes ----------------------------------------------------------------------------------------------------


def reduced_axes(op: Op) -> tuple[int, ...] | None:
    """The axes as sorted non-negative numbers; None where they are not constant."""
    axes = const_ints(op, "axes")
    return None if axes is None else normalized_axes(axes, op["x"].rank, op)


def _infer_reduction(op: Op) -> list[TensorType]:
    x = op["x"].type
    axes = reduced_axes(op)
    if axes is None:
        return [TensorType(x.dtype, _shape_of_unknown_axes(op, x.dims))]
    if op.attrs["keep_dims"]:
        return [TensorType(x.dtype, tuple(1 if i in axes else d for i, d in enumerate(x.dims)))]
    return [TensorType(x.dtype, tuple(d for i, d in enumerate(x.dims) if i not in axes))]


def _shape_of_unknown_axes(op: Op, dims: Shape) -> Shape | None:
    return tuple(unknown_dim() for _ in dims) if op.attrs["keep_dims"] else None


def _over(function: Callable[..., Any]) -> Callable[..., Array]:
    """An evaluator from a NumPy reduction; the result keeps the operand's element type."""

    def evaluate(x: Array, axes: Array, *, keep_dims: bool) -> Array:
        rank = max(x.ndim, 1)
        over = tuple(sorted({int(a) % rank for a in axes.ravel()})) if x.ndim else ()
        return np.asarray(function(x, axis=over, keepdims=keep_dims), None if x.dtype == object else x.dtype)

    return evaluate


def _mean(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """Floating point: the mean. Integers: the sum divided, toward zero."""
    if x.dtype.kind == "f":
        return np.asarray(np.mean(x, axis=axis, keepdims=keepdims))
    total = np.sum(x, axis=axis, keepdims=keepdims, dtype=np.int64)
    count = int(np.prod([x.shape[a] for a in axis], dtype=np.int64))
    return np.asarray(np.where(total < 0, -(-total // count), total // count))


def _simplify_reduction(b: Builder, op: Op) -> Value | None:
    """No axes, or kept axes of size 1: the operand itself. Axes are given once each, ascending and not negative."""
    axes = reduced_axes(op) if op["x"].type.shape is not None else None
    if axes is None or is_quantized(op["x"]):
        return None
    kept = op.attrs["keep_dims"] and all(op["x"].dims[a] == 1 for a in axes)
    if not axes or kept:
        return op["x"]
    if axes == const_ints(op, "axes"):
        return None
    return b.emit(op.defn, [op["x"], np.array(axes, np.int32)], **op.attrs)[0]


def _symbolic_reduction(function: Callable[..., Any]) -> Callable[[Op], Array | None]:
    """Of a vector of known sizes: its sum, its product."""

    def symbolic(op: Op) -> Array | None:
        x, axes = op["x"].sym, const_ints(op, "axes")
        if x is None or not axes:
            return None
        return np.asarray(_over(function)(x, np.array(axes), **op.attrs), dtype=object)

    return symbolic


def _is_nonempty(op: Op) -> bool:
    """The mean of no elements is not defined."""
    return 0 not in op["x"].type.static_shape


def _extremum_is_defined(op: Op) -> bool:
    """The largest of numbers and NaN is an accident of the kernel's loop; of no numbers there is none."""
    return _is_nonempty(op) and has_no_nan(op)


def _reduction(
    name: str, code: int, function: Callable[..., Any], runtimes: dict[int, str], taken: Any, **rest: Any
) -> OpDef:
    return OpDef(
        name,
        code,
        operands("x axes", taken, INT32),
        attrs={"keep_dims": boolean()},
        options=("ReducerOptions", 27),
        infer=_infer_reduction,
        evaluate=_over(function),
        simplify=_simplify_reduction,
        runtimes=runtimes,
        traits=Trait.REDUCES,
        dimensions=Dimensions(axis=("axes",), applies=lambda op: bool(op.attrs["keep_dims"])),
        **rest,
    )


_NUMBERS = FLOAT | INDEX | QUANTIZED

SUM = _reduction(
    "SUM",
    74,
    np.sum,
    {1: "1.10.0", 2: "1.15.0"},
    _NUMBERS,
    symbolic=_symbolic_reduction(np.sum),
    check=quantized_only("int8 uint8 int16"),
    version=by_dtype(int8=2),
    cost=costs.operand_elements,
    gpu=gpu.AXES,
    micro=micro.always,
    xnnpack=xnnpack.REDUCTION,
)
MEAN = _reduction(
    "MEAN",
    40,
    _mean,
    {1: "1.6.0", 2: "1.14.0", 3: "2.4.0"},
    _NUMBERS,
    foldable=_is_nonempty,
    check=quantized_only("int8 uint8 int16"),
    version=by_dtype(int8=2, int16=3),
    cost=costs.operand_elements,
    gpu=gpu.AXES,
    micro=micro.always,
    xnnpack=xnnpack.REDUCTION,
)


def _extremum(name: str, code: int, function: Callable[..., Any]) -> OpDef:
    return _reduction(
        name,
        code,
        function,
        {1: "1.11.0", 2: "1.14.0", 3: "2.5.0"},
        _NUMBERS,
        foldable=_extremum_is_defined,
        version=by_dtype(int8=2, int16=3),
        cost=costs.operand_elements,
        gpu=gpu.AXES,
        micro=micro.REDUCTION,
        xnnpack=xnnpack.REDUCTION,
        interval=intervals.extreme,
    )


REDUCE_MAX = _extremum("REDUCE_MAX", 82, np.max)
REDUCE_MIN = _extremum("REDUCE_MIN", 89, np.min)


def _product_check(op: Op) -> str | None:
    quantized_bytes = is_quantized(op["x"]) and op["x"].type.dtype is DType.UINT8
    return "quantized uint8 is not taken" if quantized_bytes else None


REDUCE_PROD = _reduction(
    "REDUCE_PROD",
    81,
    np.prod,
    {1: "1.11.0", 2: "2.6.0"},
    _NUMBERS,
    symbolic=_symbolic_reduction(np.prod),
    check=_product_check,
    version=by_dtype(int8=2, int16=2),
    cost=costs.operand_elements,
    gpu=gpu.AXES,
)
REDUCE_ANY = _reduction(
    "REDUCE_ANY",
    91,
    np.any,
    {1: "1.11.0"},
    BOOL,
    gpu=gpu.AXES,
    cost=costs.operand_elements,
    interval=intervals.truth_reduction(FALSE),
)
REDUCE_ALL = _reduction(
    "REDUCE_ALL",
    140,
    np.all,
    {1: "2.6.0"},
    BOOL,
    gpu=gpu.AXES,
    micro=micro.always,
    cost=costs.operand_elements,
    interval=intervals.truth_reduction(TRUE),
)

# -- positions of extrema ---------------------------------------------------------------------------------------------


def _infer_arg(op: Op) -> list[TensorType]:
    x, axis = op["x"].type, const_ints(op, "axis")
    if axis is None:
        raise UnsupportedError("the axis is not constant", "make the axis a constant", op=op.name)
    along = normalized_axis(axis[0], x.rank, op)
    return [TensorType(op.attrs["output_type"], tuple(d for i, d in enumerate(x.dims) if i != along))]


def _arg(function: Callable[..., Any]) -> Callable[..., Array]:
    def evaluate(x: Array, axis: Array, *, output_type: DType) -> Array:
        return np.asarray(function(x, axis=int(axis.ravel()[0])), output_type.numpy)

    return evaluate


def _argument(name: str, code: int, options: tuple[str, int], function: Callable[..., Any]) -> OpDef:
    return OpDef(
        name,
        code,
        operands("x axis", FLOAT | INT32 | INT8 | UINT8 | BOOL, INDEX),
        attrs={"output_type": element_type(DType.FLOAT32)},
        options=options,
        infer=_infer_arg,
        evaluate=_arg(function),
        foldable=_extremum_is_defined,
        version=by_dtype(int8=2, bool=3),
        runtimes={1: "1.9.0", 2: "1.14.0", 3: "2.9.0"},
        cost=costs.operand_elements,
        micro=micro.FLOAT_INT8,
        interval=intervals.index_along_axis,
    )


ARG_MAX = _argument("ARG_MAX", 56, ("ArgMaxOptions", 40), np.argmax)
ARG_MIN = _argument("ARG_MIN", 79, ("ArgMinOptions", 57), np.argmin)

# -- running sums -----------------------------------------------------------------------------------------------------


def _cumsum(x: Array, axis: Array, *, exclusive: bool, reverse: bool) -> Array:
    along = int(axis.ravel()[0])
    ordered = np.flip(x, along) if reverse else x
    total = np.cumsum(ordered, axis=along, dtype=x.dtype)
    if exclusive:
        total = total - ordered if x.dtype.kind != "f" else _shift_right(total, along)
    return np.asarray(np.flip(total, along) if reverse else total)


def _shift_right(total: Array, axis: int) -> Array:
    moved = np.roll(total, 1, axis)
    first = [slice(None)] * total.ndim
    first[axis] = slice(0, 1)
    moved[tuple(first)] = 0
    return moved


CUMSUM = OpDef(
    "CUMSUM",
    128,
    operands("x axis", FLOAT | INDEX, INT32),
    attrs={"exclusive": boolean(), "reverse": boolean()},
    options=("CumsumOptions", 102),
    infer=same_as("x"),
    evaluate=_cumsum,
    runtimes={1: "2.4.0"},
    cost=costs.operand_elements,
    gpu=gpu.CUMSUM,
    micro=micro.FLOAT_INT8,
    dimensions=Dimensions(axis=("axis",)),
)

DEFINITIONS = (
    SUM,
    MEAN,
    REDUCE_MAX,
    REDUCE_MIN,
    REDUCE_PROD,
    REDUCE_ANY,
    REDUCE_ALL,
    ARG_MAX,
    ARG_MIN,
    CUMSUM,
)
