"""Convolutions, in the layout [N, *spatial, C]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder, dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym, product
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef, QuantRule, Trait, WeightsLayout
from litesmith.ir.types import Shape, TensorType, shape_text
from litesmith.ops import gpu, micro, xnnpack
from litesmith.ops.common import (
    ACTIVATION,
    FLOAT,
    INT32,
    PADDING,
    QUANTIZED,
    apply_activation,
    dtypes,
    element_type,
    first_reason,
    has_no_nan,
    int32,
    operands,
    quantized_only,
    takes_weights,
    unknown_dim,
)
from litesmith.ops.windows import convolve, convolve_transposed, window_counts

ACTIVATIONS = FLOAT | QUANTIZED
FILTERS = dtypes("float32 int8 uint8 int4")
BIASES = dtypes("float32 int32 int64")


def strides(attrs: Any, letters: str = "hw") -> list[int]:
    """Strides in the order of the spatial dimensions, from attributes or keywords of an evaluator."""
    return [attrs[f"stride_{letter}"] for letter in letters]


def dilations(attrs: Any, letters: str = "hw") -> list[int]:
    """Dilations in the order of the spatial dimensions."""
    return [attrs[f"dilation_{letter}_factor"] for letter in letters]


def _require_rank(op: Op, rank: int, *names: str) -> None:
    for name in names:
        if op[name].rank != rank:
            reason = f"{name} has shape {shape_text(op[name].type.shape)}, expected rank {rank}"
            raise UnsupportedError(reason, f"reshape it to rank {rank}", op=op.name)


def _require_units(op: Op, units: Dim) -> None:
    bias = op.get("bias")
    if bias is not None and isinstance(bias.type.count, int) and isinstance(units, int) and bias.type.count != units:
        reason = f"bias has {bias.type.count} elements for {units} output channels"
        raise UnsupportedError(reason, "make the sizes agree", op=op.name)


def _result(op: Op, shape: Sequence[Dim], channels: Dim) -> list[TensorType]:
    _require_units(op, channels)
    return [TensorType(op["x"].type.dtype, (*shape, channels))]


def _finish(y: Array, bias: Array | None, activation: str) -> Array:
    return apply_activation(y if bias is None else y + bias.reshape(-1), activation)


def _is_per_channel(op: Op) -> bool:
    quant = op["filter"].type.quant
    return quant is not None and quant.per_channel


def _dtypes(op: Op) -> tuple[DType, DType]:
    return op["x"].type.dtype, op["filter"].type.dtype


def _symmetric_int16(op: Op) -> str | None:
    quant = op["x"].type.quant
    if op["x"].type.dtype is DType.INT16 and quant is not None and quant.zero_point.any():
        return "an int16 input must have zero point 0"
    return None


def _has_bias(op: Op) -> str | None:
    return None if op.get("bias") is not None else "the kernel does not work without a bias"


def _with_zero_bias(b: Builder, op: Op) -> Value | None:
    """Gives a float operation without bias one of zeros, because the kernel fails without."""
    units = op["filter"].dims[0 if op.defn is CONV_2D else 3]
    if op.get("bias") is not None or isinstance(units, Sym) or op["x"].type.dtype not in FLOAT:
        return None
    (result,) = b.emit(op.defn, [op["x"], op["filter"], np.zeros(units, np.float32)], **op.attrs)
    return result


_QUANTIZED_INPUT = first_reason(quantized_only("int8 uint8 int16"), _symmetric_int16)

# -- CONV_2D ----------------------------------------------------------------------------------------------------------


def _infer_conv_2d(op: Op) -> list[TensorType]:
    _require_rank(op, 4, "x", "filter")
    n, *spatial, channels = op["x"].dims
    units, *window, depth = op["filter"].dims
    if isinstance(channels, int) and isinstance(depth, int) and (depth == 0 or channels % depth):
        reason = f"{channels} input channels are no multiple of the filter's {depth}"
        raise UnsupportedError(reason, "make the sizes agree", op=op.name)
    return _result(op, [n, *window_counts(op, spatial, window, strides(op.attrs), dilations(op.attrs))], units)


def _conv_2d(x: Array, filter: Array, bias: Array | None = None, **attrs: Any) -> Array:
    groups = x.shape[-1] // filter.shape[-1]
    y = convolve(x, filter.transpose(1, 2, 3, 0), strides(attrs), dilations(attrs), attrs["padding"], groups)
    return _finish(y, bias, attrs["fused_activation_function"])


def is_grouped(op: Op) -> bool:
    """Whether a CONV_2D has more input channels than its filter."""
    return op["x"].dims[-1] != op["filter"].dims[-1]


def _groups_divide(op: Op) -> str | None:
    channels, depth, units = op["x"].dims[-1], op["filter"].dims[-1], op["filter"].dims[0]
    if not (isinstance(channels, int) and isinstance(depth, int) and isinstance(units, int)):
        return None
    if not depth or not channels or channels % depth:
        return f"{channels} input channels are no multiple of the filter's {depth}"
    if units % (channels // depth):
        return f"{units} output channels are no multiple of the {channels // depth} groups"
    return None


def _conv_2d_version(op: Op) -> int:
    x, weights = _dtypes(op)
    hybrid = {DType.INT8: 5 if _is_per_channel(op) else 2, DType.INT4: 7}
    by_types = {
        DType.INT16: 8 if op.attrs["quantized_bias_type"] is not DType.FLOAT32 else 4,
        DType.INT8: 7 if weights is DType.INT4 else 3,
        DType.FLOAT32: hybrid.get(weights, 1),
    }
    return max(by_types.get(x, 1), 6 if is_grouped(op) else 1)


def _conv_cost(op: Op) -> Dim:
    """Multiply-adds: each output element takes one for each tap and channel of its filter."""
    cost: Dim = op.result.type.count * product(op["filter"].dims[1:])
    return cost


CONV_2D = OpDef(
    "CONV_2D",
    3,
    operands("x filter bias?", ACTIVATIONS, FILTERS, BIASES),
    attrs={
        "padding": PADDING,
        "stride_w": int32(),
        "stride_h": int32(),
        "fused_activation_function": ACTIVATION,
        "dilation_w_factor": int32(1),
        "dilation_h_factor": int32(1),
        "quantized_bias_type": element_type(),
    },
    options=("Conv2DOptions", 1),
    traits=Trait.CONTRACTS | Trait.FUSES_ACTIVATION,
    infer=_infer_conv_2d,
    evaluate=_conv_2d,
    foldable=has_no_nan,
    simplify=_with_zero_bias,
    check=first_reason(
        takes_weights("filter", float32="float32 int8 int4", int8="int8 int4", uint8="uint8", int16="int8 int4"),
        _QUANTIZED_INPUT,
        _has_bias,
        _groups_divide,
    ),
    version=_conv_2d_version,
    runtimes={
        1: "1.5.0", 2: "1.14.0", 3: "1.14.0", 4: "2.3.0", 5: "2.4.0", 6: "2.9.0", 7: "2.11.0", 8: "2.15.0",
    },
    quant=QuantRule(weights={"filter": 0}, bias="bias"),
    cost=_conv_cost,
    gpu=gpu.CONV,
    micro=micro.WEIGHTED,
    xnnpack=xnnpack.WEIGHTED,
    weights=WeightsLayout("filter", outputs=0, inputs=3),
)  # fmt: skip

# -- DEPTHWISE_CONV_2D ------------------------------------------------------------------------------------------------


def _infer_depthwise(op: Op) -> list[TensorType]:
    _require_rank(op, 4, "x", "filter")
    n, *spatial, channels = op["x"].dims
    one, *window, units = op["filter"].dims
    if one != 1 or (isinstance(channels, int) and isinstance(units, int) and (channels == 0 or units % channels)):
        reason = f"filter {shape_text(op['filter'].type.shape)} is not [1, H, W, {channels} * multiplier]"
        raise UnsupportedError(reason, "make the sizes agree", op=op.name)
    return _result(op, [n, *window_counts(op, spatial, window, strides(op.attrs), dilations(op.attrs))], units)


def _depthwise(x: Array, filter: Array, bias: Array | None = None, **attrs: Any) -> Array:
    _, *window, units = filter.shape
    y = convolve(x, filter.reshape(*window, 1, units), strides(attrs), dilations(attrs), attrs["padding"], x.shape[-1])
    return _finish(y, bias, attrs["fused_activation_function"])


def _hybrid_is_per_channel(op: Op) -> str | None:
    x, weights = _dtypes(op)
    if x is DType.FLOAT32 and weights is not DType.FLOAT32 and not _is_per_channel(op):
        return "integer filters with float input need a scale for each channel"
    return None


def _depth_multiplier(op: Op) -> int:
    channels, units = op["x"].dims[-1], op["filter"].dims[-1]
    if isinstance(channels, int) and isinstance(units, int) and channels:
        return units // channels
    return int(op.attrs["depth_multiplier"])


def _depth_multiplier_matches(op: Op) -> str | None:
    channels, units, multiplier = op["x"].dims[-1], op["filter"].dims[-1], op.attrs["depth_multiplier"]
    if units != channels * multiplier:
        return f"depth_multiplier {multiplier} times {channels} channels are not the filter's {units}"
    return None


def _depthwise_version(op: Op) -> int:
    x, weights = _dtypes(op)
    hybrid = {DType.INT8: 6 if _is_per_channel(op) else 4, DType.INT4: 7}
    by_types = {
        DType.INT16: 5,
        DType.INT8: 7 if weights is DType.INT4 else 3,
        DType.FLOAT32: hybrid.get(weights, 1),
    }
    return max(by_types.get(x, 1), 2 if max(dilations(op.attrs)) > 1 else 1)


def _depthwise_cost(op: Op) -> Dim:
    cost: Dim = op.result.type.count * product(op["filter"].dims[1:3])
    return cost


DEPTHWISE_CONV_2D = OpDef(
    "DEPTHWISE_CONV_2D",
    4,
    operands("x filter bias?", ACTIVATIONS, FILTERS, BIASES),
    attrs={
        "padding": PADDING,
        "stride_w": int32(),
        "stride_h": int32(),
        "depth_multiplier": int32(),
        "fused_activation_function": ACTIVATION,
        "dilation_w_factor": int32(1),
        "dilation_h_factor": int32(1),
    },
    options=("DepthwiseConv2DOptions", 2),
    derived={"depth_multiplier": _depth_multiplier},
    traits=Trait.CONTRACTS | Trait.FUSES_ACTIVATION,
    infer=_infer_depthwise,
    evaluate=_depthwise,
    foldable=has_no_nan,
    simplify=_with_zero_bias,
    check=first_reason(
        takes_weights("filter", float32="float32 int8", int8="int8 int4", uint8="uint8", int16="int8"),
        _QUANTIZED_INPUT,
        _has_bias,
        _hybrid_is_per_channel,
        _depth_multiplier_matches,
    ),
    version=_depthwise_version,
    runtimes={1: "1.5.0", 2: "1.12.0", 3: "1.14.0", 4: "2.2.0", 5: "2.3.0", 6: "2.3.0", 7: "2.11.0"},
    quant=QuantRule(weights={"filter": 3}, bias="bias"),
    cost=_depthwise_cost,
    gpu=gpu.DEPTHWISE_CONV,
    micro=micro.WEIGHTED,
    xnnpack=xnnpack.WEIGHTED,
    weights=WeightsLayout("filter", outputs=3, inputs=3),
)

# -- TRANSPOSE_CONV ---------------------------------------------------------------------------------------------------


def _output_dims(op: Op, units: Dim) -> Shape:
    """The result's shape as the output_shape operand says it; its unknown sizes become fresh symbols."""
    rank = op["x"].rank
    known = dims_of(op["output_shape"])
    if known is None:
        return (op["x"].dims[0], *(unknown_dim() for _ in range(rank - 2)), units)
    if len(known) != rank:
        raise UnsupportedError(f"output_shape has {len(known)} elements, expected {rank}", op=op.name)
    return known


def _infer_transpose_conv(op: Op) -> list[TensorType]:
    _require_rank(op, 4, "x", "filter")
    units = op["filter"].dims[0]
    return _result(op, _output_dims(op, units)[:-1], units)


def _transpose_conv(shape: Array, filter: Array, x: Array, bias: Array | None = None, **attrs: Any) -> Array:
    sizes = [int(n) for n in shape]
    y = convolve_transposed(x, filter.transpose(1, 2, 3, 0), sizes, strides(attrs), [1, 1], attrs["padding"])
    return _finish(y, bias, attrs["fused_activation_function"])


def _transposed_sizes_agree(op: Op) -> str | None:
    """The sizes of the input must be those a convolution of the result would give."""
    letters = "hw" if op["x"].rank == 4 else "dhw"
    window = op["filter"].dims[1:3] if op["x"].rank == 4 else op["filter"].dims[:3]
    scales = dilations(op.attrs, letters) if op["x"].rank == 5 else [1, 1]
    counts = window_counts(op, op.result.dims[1:-1], window, strides(op.attrs, letters), scales)
    for got, expected in zip(op["x"].dims[1:-1], counts, strict=True):
        if isinstance(got, int) and isinstance(expected, int) and got != expected:
            return f"an output of {shape_text(op.result.dims)} needs spatial sizes {counts} of the input"
    return None


def _transpose_conv_version(op: Op) -> int:
    if op.attrs["quantized_bias_type"] is not DType.FLOAT32 and op["x"].type.dtype is DType.INT16:
        return 5
    if op.attrs["fused_activation_function"] != "NONE":
        return 4
    if op.get("bias") is not None or op["x"].type.dtype is DType.INT16:
        return 3
    return 2 if op["filter"].type.dtype is DType.INT8 else 1


def _transposed_cost(op: Op) -> Dim:
    """Multiply-adds: each input element meets every tap and output channel."""
    cost: Dim = op["x"].type.count * product(op["filter"].dims) // op["x"].dims[-1]
    return cost


TRANSPOSE_CONV = OpDef(
    "TRANSPOSE_CONV",
    67,
    operands("output_shape filter x bias?", INT32, dtypes("float32 int8 uint8"), ACTIVATIONS, BIASES),
    attrs={
        "padding": PADDING,
        "stride_w": int32(),
        "stride_h": int32(),
        "fused_activation_function": ACTIVATION,
        "quantized_bias_type": element_type(),
    },
    options=("TransposeConvOptions", 49),
    traits=Trait.CONTRACTS | Trait.FUSES_ACTIVATION,
    infer=_infer_transpose_conv,
    evaluate=_transpose_conv,
    foldable=has_no_nan,
    check=first_reason(
        takes_weights("filter", float32="float32 int8", int8="int8", uint8="uint8", int16="int8"),
        _QUANTIZED_INPUT,
        _transposed_sizes_agree,
    ),
    version=_transpose_conv_version,
    runtimes={1: "1.9.0", 2: "2.2.0", 3: "2.3.0", 4: "2.13.0", 5: "2.15.0"},
    quant=QuantRule(weights={"filter": 0}, bias="bias"),
    cost=_transposed_cost,
    gpu=gpu.TRANSPOSE_CONV,
    micro=micro.TRANSPOSE_CONV,
    xnnpack=xnnpack.TRANSPOSE_CONV,
    weights=WeightsLayout("filter", outputs=0, inputs=3),
)

# -- CONV_3D, CONV_3D_TRANSPOSE ---------------------------------------------------------------------------------------

CONV_3D_ATTRS = {
    "padding": PADDING,
    "stride_d": int32(),
    "stride_w": int32(),
    "stride_h": int32(),
    "fused_activation_function": ACTIVATION,
    "dilation_d_factor": int32(1),
    "dilation_w_factor": int32(1),
    "dilation_h_factor": int32(1),
}


def _infer_conv_3d(op: Op) -> list[TensorType]:
    _require_rank(op, 5, "x", "filter")
    n, *spatial, channels = op["x"].dims
    *window, depth, units = op["filter"].dims
    if isinstance(channels, int) and isinstance(depth, int) and channels != depth:
        reason = f"{channels} input channels, the filter has {depth}"
        raise UnsupportedError(reason, "make the sizes agree", op=op.name)
    counts = window_counts(op, spatial, window, strides(op.attrs, "dhw"), dilations(op.attrs, "dhw"))
    return _result(op, [n, *counts], units)


def _conv_3d(x: Array, filter: Array, bias: Array | None = None, **attrs: Any) -> Array:
    y = convolve(x, filter, strides(attrs, "dhw"), dilations(attrs, "dhw"), attrs["padding"])
    return _finish(y, bias, attrs["fused_activation_function"])


def _conv_3d_cost(op: Op) -> Dim:
    cost: Dim = op.result.type.count * product(op["filter"].dims[:4])
    return cost


CONV_3D = OpDef(
    "CONV_3D",
    132,
    operands("x filter bias?", FLOAT),
    attrs=CONV_3D_ATTRS,
    options=("Conv3DOptions", 106),
    traits=Trait.CONTRACTS | Trait.FUSES_ACTIVATION,
    infer=_infer_conv_3d,
    evaluate=_conv_3d,
    foldable=has_no_nan,
    runtimes={1: "2.5.0"},
    cost=_conv_3d_cost,
    weights=WeightsLayout("filter", outputs=4, inputs=3),
)


def _infer_conv_3d_transpose(op: Op) -> list[TensorType]:
    _require_rank(op, 5, "x", "filter")
    units = op["filter"].dims[3]
    return _result(op, _output_dims(op, units)[:-1], units)


def _conv_3d_transpose(shape: Array, filter: Array, x: Array, bias: Array | None = None, **attrs: Any) -> Array:
    sizes, steps, spread = [int(n) for n in shape], strides(attrs, "dhw"), dilations(attrs, "dhw")
    y = convolve_transposed(x, filter.transpose(0, 1, 2, 4, 3), sizes, steps, spread, attrs["padding"])
    return _finish(y, bias, attrs["fused_activation_function"])


CONV_3D_TRANSPOSE = OpDef(
    "CONV_3D_TRANSPOSE",
    141,
    operands("output_shape filter x bias?", INT32, FLOAT),
    attrs=CONV_3D_ATTRS,
    options=("Conv3DOptions", 106),
    traits=Trait.CONTRACTS | Trait.FUSES_ACTIVATION,
    infer=_infer_conv_3d_transpose,
    evaluate=_conv_3d_transpose,
    foldable=has_no_nan,
    check=_transposed_sizes_agree,
    runtimes={1: "2.6.0"},
    cost=_transposed_cost,
    weights=WeightsLayout("filter", outputs=3, inputs=4),
)

DEFINITIONS = (CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, CONV_3D, CONV_3D_TRANSPOSE)
