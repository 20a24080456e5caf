"""Convolutions, pooling, normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, DType, Value

_TO_NHWC = {4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
_TO_NCHW = {4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}


def channels_first(data_format: str) -> bool:
    """Whether the layout puts channels on axis 1. Raises UnsupportedError for vectorized layouts."""
    if data_format not in ("NHWC", "NCHW", "NDHWC", "NCDHW"):
        raise UnsupportedError(f"data format {data_format} is not supported", "use NHWC or NCHW")
    return data_format.startswith("NC")


def to_nhwc(b: Builder, x: Value, data_format: str) -> Value:
    """The operand with channels last."""
    return b.transpose(x, _TO_NHWC[x.rank]) if channels_first(data_format) else x


def from_nhwc(b: Builder, x: Value, data_format: str) -> Value:
    """A channels-last result in the node's own layout."""
    return b.transpose(x, _TO_NCHW[x.rank]) if channels_first(data_format) else x


def spatial(per_axis: Sequence[int], data_format: str) -> tuple[int, ...]:
    """The spatial entries of a per-axis list. Raises UnsupportedError unless batch and channel entries are 1."""
    entries = tuple(int(e) for e in per_axis)
    rest = (entries[:2], entries[2:]) if channels_first(data_format) else ((entries[0], entries[-1]), entries[1:-1])
    if any(e != 1 for e in rest[0]):
        raise UnsupportedError(f"{entries} has steps along batch or channels", "use 1 there")
    return rest[1]


def explicit_pairs(explicit: Sequence[int], data_format: str) -> list[tuple[int, int]]:
    """Spatial (before, after) pairs of an ``explicit_paddings`` attribute."""
    pairs = [(int(explicit[i]), int(explicit[i + 1])) for i in range(0, len(explicit), 2)]
    return pairs[2:] if channels_first(data_format) else pairs[1:-1]


def padded(
    b: Builder, x: Value, padding: str, explicit: Sequence[int], data_format: str, fill: float = 0.0
) -> tuple[Value, str]:
    """A channels-last operand padded as EXPLICIT asks, and the padding scheme left for the kernel."""
    if padding != "EXPLICIT":
        return x, padding
    pairs = [(0, 0), *explicit_pairs(explicit, data_format), (0, 0)]
    paddings = np.array(pairs, np.int32)
    if not paddings.any():
        return x, "VALID"
    if fill == 0.0:
        return b.pad(x, paddings), "VALID"
    return b.padv2(x, paddings, b.constant(fill, x.type.dtype)), "VALID"


def zero_bias(b: Builder, channels: Any, x: Value) -> Value:
    """The bias of a convolution that has none; fused additions end up here."""
    return b.constant(np.zeros((int(channels),), np.float32), x.type.dtype)


@lowers("Conv2D")
def conv2d(
    b: Builder,
    input: Value,
    filter: Value,
    *,
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = (1, 1, 1, 1),
    explicit_paddings: Sequence[int] = (),
) -> Value:
    x = to_nhwc(b, input, data_format)
    x, scheme = padded(b, x, padding, explicit_paddings, data_format)
    stride_h, stride_w = spatial(strides, data_format)
    dilation_h, dilation_w = spatial(dilations, data_format)
    y = b.conv_2d(
        x,
        b.transpose(filter, [3, 0, 1, 2]),
        zero_bias(b, filter.dims[3], x),
        padding=scheme,
        stride_h=stride_h,
        stride_w=stride_w,
        dilation_h_factor=dilation_h,
        dilation_w_factor=dilation_w,
    )
    return from_nhwc(b, y, data_format)


@lowers("DepthwiseConv2dNative")
def depthwise_conv2d(
    b: Builder,
    input: Value,
    filter: Value,
    *,
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = (1, 1, 1, 1),
    explicit_paddings: Sequence[int] = (),
) -> Value:
    x = to_nhwc(b, input, data_format)
    x, scheme = padded(b, x, padding, explicit_paddings, data_format)
    height, width, channels, multiplier = filter.type.static_shape
    stride_h, stride_w = spatial(strides, data_format)
    dilation_h, dilation_w = spatial(dilations, data_format)
    y = b.depthwise_conv_2d(
        x,
        b.reshape(filter, [1, height, width, channels * multiplier]),
        zero_bias(b, channels * multiplier, x),
        padding=scheme,
        stride_h=stride_h,
        stride_w=stride_w,
        depth_multiplier=multiplier,
        dilation_h_factor=dilation_h,
        dilation_w_factor=dilation_w,
    )
    return from_nhwc(b, y, data_format)


@lowers("BiasAdd", "BiasAddV1")
def bias_add(b: Builder, value: Value, bias: Value, *, data_format: str = "NHWC") -> Value:
    if data_format == "NCHW" and value.rank > 2:
        bias = b.reshape(bias, [-1, *[1] * (value.rank - 2)])
    return b.add(value, bias)


@lowers(
    "FusedBatchNorm",
    "FusedBatchNormV2",
    "FusedBatchNormV3",
    outputs=("y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2", "reserve_space_3"),
)
def fused_batch_norm(
    b: Builder,
    x: Value,
    scale: Value,
    offset: Value,
    mean: Value,
    variance: Value,
    *,
    epsilon: float = 1e-4,
    data_format: str = "NHWC",
    is_training: bool = True,
) -> tuple[Value, ...]:
    """scale * (x - mean) / sqrt(variance + epsilon) + offset as one multiplication and one addition."""
    channels_last = to_nhwc(b, x, data_format)
    if is_training:
        axes = list(range(channels_last.rank - 1))
        mean = b.mean(channels_last, axes)
        variance = b.mean(b.squared_difference(channels_last, mean), axes)
    factor = b.mul(scale, b.rsqrt(b.add(variance, float(epsilon))))
    shift = b.sub(offset, b.mul(mean, factor))
    y = b.add(b.mul(channels_last, factor), shift)
    return from_nhwc(b, y, data_format), mean, variance


def _pool(
    b: Builder, x: Value, ksize: Sequence[int], strides: Sequence[int], padding: str, data_format: str, builtin: str
) -> Value:
    height, width = spatial(ksize, data_format)
    stride_h, stride_w = spatial(strides, data_format)
    y = getattr(b, builtin)(
        x, padding=padding, stride_h=stride_h, stride_w=stride_w, filter_height=height, filter_width=width
    )
    return from_nhwc(b, y, data_format)


@lowers("MaxPool")
def max_pool(
    b: Builder,
    input: Value,
    *,
    ksize: list[int],
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
    explicit_paddings: Sequence[int] = (),
) -> Value:
    x = to_nhwc(b, input, data_format)
    x, scheme = padded(b, x, padding, explicit_paddings, data_format, fill=-np.inf)
    return _pool(b, x, ksize, strides, scheme, data_format, "max_pool_2d")


@lowers("MaxPoolV2")
def max_pool_v2(
    b: Builder, input: Value, ksize: Value, strides: Value, *, padding: str, data_format: str = "NHWC"
) -> Value:
    sizes, steps = ksize.numpy().tolist(), strides.numpy().tolist()
    return _pool(b, to_nhwc(b, input, data_format), sizes, steps, padding, data_format, "max_pool_2d")


@lowers("AvgPool")
def avg_pool(
    b: Builder, value: Value, *, ksize: list[int], strides: list[int], padding: str, data_format: str = "NHWC"
) -> Value:
    x = to_nhwc(b, value, data_format)
    return _pool(b, x, ksize, strides, padding, data_format, "average_pool_2d")


@lowers("Conv2DBackpropInput")
def conv2d_transpose(
    b: Builder,
    input_sizes: Value,
    filter: Value,
    out_backprop: Value,
    *,
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = (1, 1, 1, 1),
    explicit_paddings: Sequence[int] = (),
) -> Value:
    """TRANSPOSE_CONV; the filter [h, w, out, in] becomes [out, h, w, in]."""
    if padding == "EXPLICIT" or any(d != 1 for d in dilations):
        raise UnsupportedError(
            f"a transposed convolution with padding {padding} and dilations {list(dilations)} has no kernel",
            "use SAME or VALID padding without dilation",
        )
    stride_h, stride_w = spatial(strides, data_format)
    sizes = input_sizes
    if channels_first(data_format):
        sizes = b.gather(sizes, np.array(_TO_NHWC[4], np.int32), axis=0)
    if sizes.sym is not None and _fits_batch(sizes, out_backprop):
        sizes = _with_batch_of(b, sizes, to_nhwc(b, out_backprop, data_format))
    y = b.transpose_conv(
        sizes,
        b.transpose(filter, [2, 0, 1, 3]),
        to_nhwc(b, out_backprop, data_format),
        zero_bias(b, filter.dims[2], out_backprop),
        padding=padding,
        stride_h=stride_h,
        stride_w=stride_w,
    )
    return from_nhwc(b, y, data_format)


def _fits_batch(sizes: Value, x: Value) -> bool:
    return bool(sizes.sym is not None and sizes.sym[0] == -1)


def _with_batch_of(b: Builder, sizes: Value, x: Value) -> Value:
    """Output sizes whose unknown batch (-1) is that of ``x``."""
    batch = b.strided_slice(b.shape(x, out_type=DType.INT32), [0], [1], [1])
    rest = b.strided_slice(sizes, [1], [4], [1])
    return b.concatenation(batch, rest, axis=0)


@lowers("Conv3D")
def conv3d(
    b: Builder,
    input: Value,
    filter: Value,
    *,
    strides: list[int],
    padding: str,
    data_format: str = "NDHWC",
    dilations: Sequence[int] = (1, 1, 1, 1, 1),
) -> Value:
    stride_d, stride_h, stride_w = spatial(strides, data_format)
    dilation_d, dilation_h, dilation_w = spatial(dilations, data_format)
    y = b.conv_3d(
        to_nhwc(b, input, data_format),
        filter,
        zero_bias(b, filter.dims[4], input),
        padding=padding,
        stride_d=stride_d,
        stride_h=stride_h,
        stride_w=stride_w,
        dilation_d_factor=dilation_d,
        dilation_h_factor=dilation_h,
        dilation_w_factor=dilation_w,
    )
    return from_nhwc(b, y, data_format)


@lowers("Conv3DBackpropInputV2")
def conv3d_transpose(
    b: Builder,
    input_sizes: Value,
    filter: Value,
    out_backprop: Value,
    *,
    strides: list[int],
    padding: str,
    data_format: str = "NDHWC",
    dilations: Sequence[int] = (1, 1, 1, 1, 1),
) -> Value:
    stride_d, stride_h, stride_w = spatial(strides, data_format)
    dilation_d, dilation_h, dilation_w = spatial(dilations, data_format)
    sizes = input_sizes
    if channels_first(data_format):
        sizes = b.gather(sizes, np.array(_TO_NHWC[5], np.int32), axis=0)
    y = b.conv_3d_transpose(
        sizes,
        filter,
        to_nhwc(b, out_backprop, data_format),
        zero_bias(b, filter.dims[3], out_backprop),
        padding=padding,
        stride_d=stride_d,
        stride_h=stride_h,
        stride_w=stride_w,
        dilation_d_factor=dilation_d,
        dilation_h_factor=dilation_h,
        dilation_w_factor=dilation_w,
    )
    return from_nhwc(b, y, data_format)


def _pool3d(op: str) -> Any:
    def function(
        b: Builder, input: Value, *, ksize: list[int], strides: list[int], padding: str, data_format: str = "NDHWC"
    ) -> Value:
        from litesmith.decompositions import windows

        y = windows.pool(
            b,
            to_nhwc(b, input, data_format),
            op,
            window=spatial(ksize, data_format),
            strides=spatial(strides, data_format),
            padding=padding,
        )
        return from_nhwc(b, y, data_format)

    return function


POOLS_3D = (lowers("MaxPool3D")(_pool3d("max")), lowers("AvgPool3D")(_pool3d("avg")))


@lowers("LRN")
def lrn(
    b: Builder, input: Value, *, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5
) -> Value:
    return b.local_response_normalization(input, radius=depth_radius, bias=bias, alpha=alpha, beta=beta)


@lowers("L2Loss")
def l2_loss(b: Builder, t: Value) -> Value:
    axes = list(range(t.rank))
    return b.mul(b.sum(b.square(t), axes), 0.5)
