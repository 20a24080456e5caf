"""Derivatives of convolutions and pools: what training of an image model on the device computes.

Sizes of images have to be known; the batch may be open.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions import convolution, windows
from litesmith.decompositions.padding import pad, slice_static
from litesmith.decompositions.shapes import cast, reshape, single, static_int
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.layouts import explicit_pairs, from_last, spatial, to_last
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_ints
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Dim, Value
from litesmith.ops.windows import padding_around

ONES = (1, 1, 1, 1)
Pairs = list[tuple[int, int]]


def _sizes(x: Value) -> list[int]:
    """Height and width of an image with channels last."""
    return [static_int(d, "the gradient of a convolution or pool") for d in x.dims[1:3]]


def _pads(
    sizes: Sequence[int],
    counts: Sequence[int],
    window: Sequence[int],
    steps: Sequence[int],
    spread: Sequence[int],
    padding: str,
    explicit: Pairs,
) -> Pairs:
    """What the convolution or pool added around an image of these sizes."""
    if padding == "VALID":
        return [(0, 0), (0, 0)]
    if padding == "EXPLICIT":
        return explicit
    rows = zip(sizes, counts, window, steps, spread, strict=True)
    return [padding_around(size, count, k, s, d) for size, count, k, s, d in rows]


# -- convolutions -----------------------------------------------------------------------------------------------------


@lowers("Conv2DBackpropFilter")
def conv2d_filter_gradient(
    b: Builder,
    input: Value,
    filter_sizes: Value,
    out_backprop: Value,
    *,
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = ONES,
    explicit_paddings: Sequence[int] = (),
) -> Value:
    """The input, with images as channels, convolved with what flows back, spread by the strides, as the filter."""
    x, g = to_last(b, input, data_format), to_last(b, out_backprop, data_format)
    height, width, _, _ = const_ints(filter_sizes, "the size of the filter")
    steps, spread = spatial(strides, data_format), spatial(dilations, data_format)
    sizes, counts, window = _sizes(x), _sizes(g), (height, width)
    explicit = explicit_pairs(explicit_paddings, data_format)
    pads = _pads(sizes, counts, window, steps, spread, padding, explicit)
    needed = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(counts, steps, window, spread, strict=True)]
    around = [(low, size - n - low) for (low, _), size, n in zip(pads, needed, sizes, strict=True)]
    return convolution.conv_general(
        b,
        x,
        g,
        strides=spread,
        padding=around,
        rhs_dilation=steps,
        x_spec=(3, 0, 1, 2),
        w_spec=(3, 0, 1, 2),
        out_spec=(2, 3, 0, 1),
    )


@lowers("DepthwiseConv2dNativeBackpropFilter")
def depthwise_filter_gradient(
    b: Builder,
    input: Value,
    filter_sizes: Value,
    out_backprop: Value,
    *,
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = ONES,
    explicit_paddings: Sequence[int] = (),
) -> Value:
    """For each tap of the filter, the sum of the pixels it meets times what flows back."""
    x, g = single(b, to_last(b, input, data_format)), single(b, to_last(b, out_backprop, data_format))
    height, width, channels, multiplier = const_ints(filter_sizes, "the size of the filter")
    steps, spread = spatial(strides, data_format), spatial(dilations, data_format)
    counts = _sizes(g)
    explicit = explicit_pairs(explicit_paddings, data_format)
    pads = _pads(_sizes(x), counts, (height, width), steps, spread, padding, explicit)
    padded = pad(b, x, [(0, 0), *pads, (0, 0)])
    batch: Dim = x.dims[0]
    flowing = reshape(b, g, [batch, *counts, channels, multiplier], g)
    taps = []
    for row, column in np.ndindex(height, width):
        start = [row * spread[0], column * spread[1]]
        ends = [at + (n - 1) * s + 1 for at, n, s in zip(start, counts, steps, strict=True)]
        met = slice_static(b, padded, [0, *start, 0], [batch, *ends, channels], [1, *steps, 1])
        product = b.mul(reshape(b, met, [batch, *counts, channels, 1], met), flowing)
        taps.append(b.sum(product, np.array([0, 1, 2], np.int32), keep_dims=False))
    gradient = reshape(b, b.pack(*taps, axis=0), [height, width, channels, multiplier])
    return cast(b, gradient, input.type.dtype)


@lowers("DepthwiseConv2dNativeBackpropInput")
def depthwise_input_gradient(
    b: Builder,
    input_sizes: Value,
    filter: Value,
    out_backprop: Value,
    *,
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = ONES,
    explicit_paddings: Sequence[int] = (),
) -> Value:
    """What flows back, spread by the strides, convolved with the mirrored filter, a group for each channel."""
    g = to_last(b, out_backprop, data_format)
    sizes = _known_input_sizes(b, input_sizes, data_format)
    height, width, channels, _ = (static_int(d, "a filter") for d in filter.dims)
    steps, spread = spatial(strides, data_format), spatial(dilations, data_format)
    counts, window = _sizes(g), (height, width)
    explicit = explicit_pairs(explicit_paddings, data_format)
    pads = _pads(sizes, counts, window, steps, spread, padding, explicit)
    spans = [(k - 1) * d for k, d in zip(window, spread, strict=True)]
    around = [
        (span - low, n - 1 - (count - 1) * s + low)
        for span, (low, _), n, count, s in zip(spans, pads, sizes, counts, steps, strict=True)
    ]
    mirrored = b.reverse_v2(b.reverse_v2(filter, np.array([0], np.int32)), np.array([1], np.int32))
    gradient = convolution.conv_general(
        b,
        g,
        b.transpose(mirrored, [0, 1, 3, 2]),
        strides=(1, 1),
        padding=around,
        lhs_dilation=steps,
        rhs_dilation=spread,
        groups=channels,
    )
    return from_last(b, gradient, data_format)


def _known_input_sizes(b: Builder, input_sizes: Value, data_format: str) -> list[int]:
    sizes = as_int32(b, input_sizes)
    dims = list(sizes.sym) if sizes.sym is not None else []
    at = (2, 3) if data_format.startswith("NC") else (1, 2)
    if len(dims) != 4:
        raise UnsupportedError("the gradient of a convolution of unknown size", "give the input a fixed shape")
    return [static_int(dims[i], "the gradient of a convolution or pool") for i in at]


# -- pools ------------------------------------------------------------------------------------------------------------


def _max_pool_gradient(
    b: Builder, x: Value, g: Value, ksize: Sequence[int], strides: Sequence[int], padding: str, data_format: str
) -> Value:
    x, g = to_last(b, x, data_format), to_last(b, g, data_format)
    window, steps = spatial(ksize, data_format), spatial(strides, data_format)
    pads = _pads(_sizes(x), _sizes(g), window, steps, (1, 1), padding, [(0, 0), (0, 0)])
    around = [(0, 0), *pads, (0, 0)]
    gradient = windows.select_and_scatter_add(b, x, g, "max", (1, *window, 1), (1, *steps, 1), around)
    return from_last(b, gradient, data_format)


@lowers("MaxPoolGrad")
def max_pool_gradient(
    b: Builder,
    orig_input: Value,
    orig_output: Value,
    grad: Value,
    *,
    ksize: list[int],
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
    explicit_paddings: Sequence[int] = (),
) -> Value:
    """What flows back goes where the first maximum of its window is."""
    if padding == "EXPLICIT":
        pairs = explicit_pairs(explicit_paddings, data_format)
        x = pad(b, to_last(b, orig_input, data_format), [(0, 0), *pairs, (0, 0)], -np.inf)
        g = to_last(b, grad, data_format)
        sizes = [1, *spatial(ksize, data_format), 1], [1, *spatial(strides, data_format), 1]
        gradient = _max_pool_gradient(b, x, g, *sizes, "VALID", "NHWC")
        return from_last(b, pad(b, gradient, [(0, 0), *((-low, -high) for low, high in pairs), (0, 0)]), data_format)
    return _max_pool_gradient(b, orig_input, grad, ksize, strides, padding, data_format)


@lowers("MaxPoolGradV2")
def max_pool_gradient_v2(
    b: Builder,
    orig_input: Value,
    orig_output: Value,
    grad: Value,
    ksize: Value,
    strides: Value,
    *,
    padding: str,
    data_format: str = "NHWC",
) -> Value:
    window, steps = const_ints(ksize, "the window"), const_ints(strides, "the strides")
    return _max_pool_gradient(b, orig_input, grad, window, steps, padding, data_format)


@lowers("AvgPoolGrad")
def average_pool_gradient(
    b: Builder,
    orig_input_shape: Value,
    grad: Value,
    *,
    ksize: list[int],
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
) -> Value:
    """What flows back, over the number of pixels of its window, is added to each of them."""
    g = to_last(b, grad, data_format)
    window, steps = spatial(ksize, data_format), spatial(strides, data_format)
    sizes, counts = _known_input_sizes(b, orig_input_shape, data_format), _sizes(g)
    pads = _pads(sizes, counts, window, steps, (1, 1), padding, [(0, 0), (0, 0)])
    pixels = [
        [min(i * s - low + k, n) - max(i * s - low, 0) for i in range(count)]
        for count, s, (low, _), k, n in zip(counts, steps, pads, window, sizes, strict=True)
    ]
    shares = 1 / np.multiply.outer(*(np.array(p, np.float32) for p in pixels)).astype(np.float32)
    around = [
        (k - 1 - low, n - 1 - (count - 1) * s + low)
        for k, (low, _), n, count, s in zip(window, pads, sizes, counts, steps, strict=True)
    ]
    gradient = windows.reduce_window(
        b,
        b.mul(single(b, g), shares[None, :, :, None]),
        "add",
        (1, *window, 1),
        padding=[(0, 0), *around, (0, 0)],
        base_dilation=(1, *steps, 1),
    )
    return from_last(b, cast(b, gradient, grad.type.dtype), data_format)
