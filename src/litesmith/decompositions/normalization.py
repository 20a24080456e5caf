"""Normalizations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.shapes import reshape, static_int
from litesmith.decompositions.special import number
from litesmith.ir import Builder, Value


def moments(b: Builder, x: Value, axes: Sequence[int]) -> tuple[Value, Value]:
    """Mean and variance over some dimensions, which are kept with size 1."""
    over = np.array(axes, np.int32)
    mean = b.mean(x, over, keep_dims=True)
    variance = b.mean(b.squared_difference(x, mean), over, keep_dims=True)
    return mean, variance


def normalize(
    b: Builder, x: Value, mean: Value, variance: Value, scale: Value | None, offset: Value | None, epsilon: float
) -> Value:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, all broadcast against ``x``.

    Constant statistics become one multiplication and one addition.
    """
    factor = b.rsqrt(b.add(variance, number(b, epsilon, x)))
    factor = factor if scale is None else b.mul(factor, scale)
    if mean.is_const and factor.is_const:
        shift = b.neg(b.mul(mean, factor))
        shift = shift if offset is None else b.add(offset, shift)
        return b.add(b.mul(x, factor), shift)
    made = b.mul(b.sub(x, mean), factor)
    return made if offset is None else b.add(made, offset)


def layer_norm(
    b: Builder,
    x: Value,
    axes: Sequence[int] = (-1,),
    scale: Value | None = None,
    offset: Value | None = None,
    epsilon: float = 1e-5,
) -> Value:
    """Zero mean and unit variance over ``axes``; ``scale`` and ``offset`` broadcast against ``x``."""
    mean, variance = moments(b, x, [a % x.rank for a in axes])
    return normalize(b, x, mean, variance, scale, offset, epsilon)


def batch_norm(
    b: Builder,
    x: Value,
    mean: Value,
    variance: Value,
    scale: Value | None = None,
    offset: Value | None = None,
    epsilon: float = 1e-3,
    axis: int = -1,
) -> Value:
    """Inference form: per-channel statistics ([C] each) along ``axis``."""
    shape = [d if a == axis % x.rank else 1 for a, d in enumerate(x.dims)]
    last = axis % x.rank == x.rank - 1
    parts = [v if v is None or last else reshape(b, v, shape) for v in (mean, variance, scale, offset)]
    assert parts[0] is not None
    assert parts[1] is not None
    return normalize(b, x, parts[0], parts[1], parts[2], parts[3], epsilon)


def group_norm(
    b: Builder,
    x: Value,
    groups: int,
    scale: Value | None = None,
    offset: Value | None = None,
    epsilon: float = 1e-5,
) -> Value:
    """[N, *spatial, C]: zero mean and unit variance of each group of channels; ``scale`` and ``offset``: [C]."""
    n, *spatial, channels = x.dims
    count = static_int(channels, "group normalization")
    split = reshape(b, x, [n, *spatial, groups, count // groups])
    axes = [*range(1, 1 + len(spatial)), split.rank - 1]
    made = reshape(b, layer_norm(b, split, axes, None, None, epsilon), x.dims, x)
    made = made if scale is None else b.mul(made, scale)
    return made if offset is None else b.add(made, offset)


def l2_normalize(b: Builder, x: Value, axes: Sequence[int], epsilon: float = 1e-12) -> Value:
    """x / sqrt(max(sum(x²), epsilon)) over ``axes``."""
    total = b.sum(b.mul(x, x), np.array([a % x.rank for a in axes], np.int32), keep_dims=True)
    return b.mul(x, b.rsqrt(b.maximum(total, number(b, epsilon, x))))
