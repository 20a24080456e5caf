"""Normalizations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
    normal = b.mul(b.sub(x, mean), factor)
    return normal if offset is None else b.add(normal, offset)


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
