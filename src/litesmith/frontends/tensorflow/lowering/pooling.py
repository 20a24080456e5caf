"""Pools."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from litesmith.decompositions import windows
from litesmith.frontends.tensorflow.lowering.layouts import from_last, spatial, to_last
from litesmith.frontends.tensorflow.lowering.nn import pad_explicitly
from litesmith.frontends.tensorflow.lowering.operands import const_ints
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Value


def _pool(
    b: Builder, x: Value, ksize: Sequence[int], strides: Sequence[int], padding: str, data_format: str, builtin: str
) -> Value:
    height, width = spatial(ksize, data_format)
    stride_h, stride_w = spatial(strides, data_format)
    y = b.apply(
        builtin, x, padding=padding, stride_h=stride_h, stride_w=stride_w, filter_height=height, filter_width=width
    )
    return from_last(b, y, data_format)


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
    """MAX_POOL_2D; EXPLICIT padding is filled with -inf before."""
    x = to_last(b, input, data_format)
    x, scheme = pad_explicitly(b, x, padding, explicit_paddings, data_format, fill=-np.inf)
    return _pool(b, x, ksize, strides, scheme, data_format, "max_pool_2d")


@lowers("MaxPoolV2")
def max_pool_v2(
    b: Builder, input: Value, ksize: Value, strides: Value, *, padding: str, data_format: str = "NHWC"
) -> Value:
    sizes, steps = const_ints(ksize, "the window"), const_ints(strides, "the strides")
    return _pool(b, to_last(b, input, data_format), sizes, steps, padding, data_format, "max_pool_2d")


@lowers("AvgPool")
def avg_pool(
    b: Builder, value: Value, *, ksize: list[int], strides: list[int], padding: str, data_format: str = "NHWC"
) -> Value:
    """AVERAGE_POOL_2D; padding does not count in the mean, in both."""
    return _pool(b, to_last(b, value, data_format), ksize, strides, padding, data_format, "average_pool_2d")


def _pool3d(kind: str) -> Callable[..., Value]:
    def function(
        b: Builder, input: Value, *, ksize: list[int], strides: list[int], padding: str, data_format: str = "NDHWC"
    ) -> Value:
        x = to_last(b, input, data_format)
        window, steps = spatial(ksize, data_format), spatial(strides, data_format)
        return from_last(b, windows.pool(b, x, kind, window, steps, padding), data_format)

    return function


POOLS_3D = (lowers("MaxPool3D")(_pool3d("max")), lowers("AvgPool3D")(_pool3d("avg")))
