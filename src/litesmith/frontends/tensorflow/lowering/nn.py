"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions import convolution
from litesmith.decompositions.padding import pad, pad_interior, slice_static
from litesmith.decompositions.shapes import cast, shape_vector, single, static_int
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.layouts import (
    explicit_pairs,
    from_last,
    sizes_to_last,
    spatial,
    to_last,
)
from litesmith.frontends.tensorflow.lowering.operands import as_int32
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Dim, DType, Sym, Value
from litesmith.ir.constant import Array
from litesmith.ops.windows import padding_around, window_count

if TYPE_CHECKING:
    pass

ONES = (1, 1, 1, 1)


def pad_explicitly(
    b: Builder, x: Value, padding: str, explicit: Sequence[int], data_format: str, fill: float = 0.0
) -> tuple[Value, str]:
    """A channels-last operand padded as EXPLICIT asks, and the padding scheme left for the kernel."""
    if padding != "EXPLICIT":
        return x, padding
    return pad(b, x, [(0, 0), *explicit_pairs(explicit, data_format), (0, 0)], fill), "VALID"


def zero_bias(b: Builder, channels: Dim, x: Value) -> Value:
    """The bias of a convolution that has none; fused additions end up here."""
    size = static_int(channels, "a convolution's filter")
    return b.constant(np.zeros((size,), np.float32).astype(x.type.dtype.numpy))


def _steps(letters: str, strides: Sequence[int], dilations: Sequence[int]) -> dict[str, int]:
    made = {f"stride_{c}": s for c, s in zip(letters, strides, strict=True)}
    return made | {f"dilation_{c}_factor": d for c, d in zip(letters, dilations, strict=True)}


@lowers("Conv2D")
def conv2d(
    b: Builder,
    input: Value,
    filter: Value,
    *,
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = ONES,
    explicit_paddings: Sequence[int] = (),
) -> Value:
    """CONV_2D, also in groups."""
    x, scheme = pad_explicitly(b, to_last(b, input, data_format), padding, explicit_paddings, data_format)
    steps = _steps("hw", spatial(strides, data_format), spatial(dilations, data_format))
    weights = b.transpose(filter, [3, 0, 1, 2])
    y = b.apply("conv_2d", x, weights, zero_bias(b, filter.dims[3], x), padding=scheme, **steps)
    return from_last(b, y, data_format)


@lowers("DepthwiseConv2dNative")
def depthwise_conv2d(
    b: Builder,
    input: Value,
    filter: Value,
    *,
    strides: list[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = ONES,
    explicit_paddings: Sequence[int] = (),
) -> Value:
    x, scheme = pad_explicitly(b, to_last(b, input, data_format), padding, explicit_paddings, data_format)
    height, width, channels, multiplier = (static_int(d, "a convolution's filter") for d in filter.dims)
    steps = _steps("hw", spatial(strides, data_format), spatial(dilations, data_format))
    weights = b.reshape(filter, np.array([1, height, width, channels * multiplier], np.int32))
    bias = zero_bias(b, channels * multiplier, x)
    y = b.apply("depthwise_conv_2d", x, weights, bias, padding=scheme, depth_multiplier=multiplier, **steps)
    return from_last(b, y, data_format)


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
    """CONV_3D, one for each group."""
    x = to_last(b, input, data_format)
    channels, depth = static_int(x.dims[-1], "a convolution"), static_int(filter.dims[3], "a convolution")
    made = convolution.conv_general(
        b,
        x,
        filter,
        strides=spatial(strides, data_format),
        padding=padding,
        rhs_dilation=spatial(dilations, data_format),
        groups=channels // depth,
    )
    return from_last(b, made, data_format)


# -- transposed -------------------------------------------------------------------------------------------------------


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
    dilations: Sequence[int] = ONES,
    explicit_paddings: Sequence[int] = (),
) -> Value:
    """TRANSPOSE_CONV of the filter [h, w, out, in] as [out, h, w, in].

    With dilations the filter gets zeros between its taps; EXPLICIT paddings are cut from a VALID result.
    """
    x = to_last(b, out_backprop, data_format)
    steps, spread = spatial(strides, data_format), spatial(dilations, data_format)
    sizes = sizes_to_last(b, as_int32(b, input_sizes), data_format, 4)
    if padding == "EXPLICIT" or set(spread) != {1}:
        pairs = explicit_pairs(explicit_paddings, data_format)
        return from_last(b, _cut_transpose(b, sizes, filter, x, steps, spread, padding, pairs), data_format)
    y = b.transpose_conv(
        _with_known_batch(b, sizes, x),
        b.transpose(filter, [2, 0, 1, 3]),
        x,
        zero_bias(b, filter.dims[2], x),
        padding=padding,
        stride_h=steps[0],
        stride_w=steps[1],
    )
    return from_last(b, y, data_format)


def _cut_transpose(
    b: Builder,
    sizes: Value,
    filter: Value,
    x: Value,
    steps: Sequence[int],
    spread: Sequence[int],
    padding: str,
    pairs: Sequence[tuple[int, int]],
) -> Value:
    """Where the kernel has no such padding or dilation: a VALID result brought to size."""
    if sizes.sym is None:
        raise UnsupportedError("a transposed convolution of unknown output size", "give the output a fixed size")
    wanted = list(sizes.sym)[1:3]
    spans = [(static_int(k, "a filter") - 1) * d + 1 for k, d in zip(filter.dims[:2], spread, strict=True)]
    if padding == "EXPLICIT":
        crops = [low for low, _ in pairs]
    elif padding == "VALID":
        crops = [0, 0]
    else:
        counts = [static_int(n, "a transposed convolution") for n in x.dims[1:3]]
        fixed = [static_int(n, "a transposed convolution") for n in wanted]
        rows = zip(fixed, counts, spans, steps, strict=True)
        crops = [padding_around(n, c, k, s, 1)[0] for n, c, k, s in rows]
    taps = pad_interior(b, filter, [spread[0] - 1, spread[1] - 1, 0, 0])
    weights = b.transpose(taps, [0, 1, 3, 2])
    dtype = x.type.dtype
    wide, weights = single(b, x), single(b, weights)
    return cast(b, convolution.conv_transpose(b, wide, weights, steps, crops, wanted), dtype)


def _with_known_batch(b: Builder, sizes: Value, x: Value) -> Value:
    """Output sizes in which a batch of -1 (unknown to the model) is that of ``x``."""
    if sizes.sym is None or sizes.sym[0] != -1:
        return sizes
    return shape_vector(b, [x.dims[0], *list(sizes.sym)[1:]], x)


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
    x = to_last(b, out_backprop, data_format)
    sizes = sizes_to_last(b, as_int32(b, input_sizes), data_format, 5)
    y = b.apply(
        "conv_3d_transpose",
        _with_known_batch(b, sizes, x),
        filter,
        x,
        zero_bias(b, filter.dims[3], x),
        padding=padding,
        **_steps("dhw", spatial(strides, data_format), spatial(dilations, data_format)),
    )
    return from_last(b, y, data_format)


# -- morphology -------------------------------------------------------------------------------------------------------


@lowers("Dilation2D")
def dilation2d(b: Builder, input: Value, filter: Value, *, strides: list[int], rates: list[int], padding: str) -> Value:
    """The largest sum of element and filter tap in each window, tap by tap."""
    best: Value | None = None
    for place, part in _taps(b, input, filter.type.static_shape[:2], strides[1:3], rates[1:3], padding, -np.inf):
        weights = slice_static(b, filter, [*place, 0], [place[0] + 1, place[1] + 1, filter.dims[2]])
        candidate = b.add(part, b.reshape(weights, np.array([-1], np.int32)))
        best = candidate if best is None else b.maximum(best, candidate)
    assert best is not None
    return best


def _taps(
    b: Builder,
    x: Value,
    window: Sequence[int],
    steps: Sequence[int],
    rates: Sequence[int],
    padding: str,
    fill: float,
) -> list[tuple[tuple[int, ...], Value]]:
    """For each place of the window, what lies there in all windows: [N, rows, columns, C]."""
    n, *spatial_dims, channels = x.dims
    sizes = [static_int(d, "a window operation without a kernel") for d in spatial_dims]
    axes = list(zip(sizes, window, steps, rates, strict=True))
    counts = [static_int(window_count(size, k, s, r, padding), "windows") for size, k, s, r in axes]
    around = [padding_around(size, c, k, s, r) for (size, k, s, r), c in zip(axes, counts, strict=True)]
    wide = pad(b, x, [(0, 0), *around, (0, 0)], fill)
    made = []
    for place in np.ndindex(*window):
        begin = [i * r for i, r in zip(place, rates, strict=True)]
        end = [f + (c - 1) * s + 1 for f, c, s in zip(begin, counts, steps, strict=True)]
        made.append((place, slice_static(b, wide, [0, *begin, 0], [n, *end, channels], [1, *steps, 1])))
    return made


@lowers("MaxPoolWithArgmax", outputs=("output", "argmax"))
def max_pool_with_argmax(
    b: Builder,
    input: Value,
    *,
    ksize: list[int],
    strides: list[int],
    padding: str,
    Targmax: DType = DType.INT64,
    include_batch_in_index: bool = False,
) -> tuple[Value, Value]:
    """The largest element of each window and its flat place in the image; the first of equal ones."""
    window, steps = spatial(ksize, "NHWC"), spatial(strides, "NHWC")
    if include_batch_in_index and isinstance(input.dims[0], Sym):
        raise UnsupportedError("indices that count over a batch of unknown size", "give the batch a fixed size")
    parts = _taps(b, input, window, steps, (1, 1), padding, -np.inf)
    places = flat_places(input, window, steps, padding)
    best, where = parts[0][1], b.constant(places[0])
    if len(parts) > 1:
        where = b.broadcast_to(where, shape_vector(b, best.dims, best))
    for number, (_, part) in list(enumerate(parts))[1:]:
        better = b.greater(part, best)
        best = b.maximum(best, part)
        where = b.select_v2(better, b.constant(places[number]), where)
    if include_batch_in_index:
        image = int(np.prod(input.type.static_shape[1:]))
        where = b.add(where, (np.arange(input.type.static_shape[0], dtype=np.int32) * image).reshape(-1, 1, 1, 1))
    return best, cast(b, where, Targmax)


def flat_places(x: Value, window: Sequence[int], steps: Sequence[int], padding: str) -> list[Array]:
    """For each place of the window, [1, rows, columns, C] int32: where it is in the image."""
    height, width, channels = (static_int(d, "a pool with places") for d in x.dims[1:])
    counts = [
        static_int(window_count(n, k, s, 1, padding), "windows")
        for n, k, s in zip((height, width), window, steps, strict=True)
    ]
    low = [padding_around(n, c, k, s, 1)[0] for n, c, k, s in zip((height, width), counts, window, steps, strict=True)]
    made = []
    for row, column in np.ndindex(*window):
        rows = np.arange(counts[0]).reshape(-1, 1, 1) * steps[0] + row - low[0]
        columns = np.arange(counts[1]).reshape(1, -1, 1) * steps[1] + column - low[1]
        made.append(((rows * width + columns) * channels + np.arange(channels)).astype(np.int32)[None])
    return made
