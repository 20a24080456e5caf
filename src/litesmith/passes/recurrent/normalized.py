"""Layer normalization of a gate, as the fused LSTM applies it.

    %m = MEAN(%z, [-1]) {keep_dims=True}
    %d = SUB(%z, %m)
    %v = MEAN(SQUARED_DIFFERENCE(%z, %m), [-1]) {keep_dims=True}
    %n = MUL(%d, RSQRT(ADD(%v, 1e-8)))

The kernel adds 1e-8 to the variance; with any other number it computes something else.
"""

from __future__ import annotations

import numpy as np

from litesmith.decompositions.recurrent import NORM_EPSILON
from litesmith.ir.graph import Op, Value
from litesmith.ops.elementwise import ADD, DIV, MUL, SQUARED_DIFFERENCE, SUB
from litesmith.ops.reduction import MEAN
from litesmith.ops.unary import RSQRT, SQRT, SQUARE
from litesmith.passes.match import activation, producer, scalar
from litesmith.passes.recurrent.affine import UnclearError


def normalized(value: Value) -> Value | None:
    """What a value is the layer normalization of; None where it is none. Raises UnclearError for another epsilon."""
    product = producer(value, MUL, DIV)
    if product is None or activation(product) != "NONE":
        return None
    pairs = [tuple(product.inputs)] if product.defn is DIV else [tuple(product.inputs), tuple(product.inputs[::-1])]
    for centered, scale in pairs:
        z, root = _source_of_center(centered), producer(scale, SQRT if product.defn is DIV else RSQRT)
        total = producer(root["x"], ADD) if root is not None else None
        if z is None or total is None or activation(total) != "NONE":
            continue
        epsilon = next((scalar(v) for v in total.inputs if v.is_const), None)
        if epsilon is not None and any(_is_variance(v, z) for v in total.inputs):
            if not np.isclose(float(epsilon), NORM_EPSILON, rtol=1e-3, atol=0):
                raise UnclearError(
                    f"the epsilon of a layer normalization is {epsilon:g}, the operator's {NORM_EPSILON:g}"
                )
            return z
    return None


def _source_of_center(value: Value) -> Value | None:
    """z, where the value is z minus its mean."""
    difference = producer(value, SUB)
    if difference is None or activation(difference) != "NONE":
        return None
    z, mean = difference.inputs
    return z if _is_mean(mean, z) else None


def _is_mean(value: Value, of: Value) -> bool:
    mean = producer(value, MEAN)
    return mean is not None and _averages_features(mean) and mean.inputs[0] is of


def _averages_features(mean: Op) -> bool:
    x, axes = mean.inputs
    return (
        bool(mean.attrs["keep_dims"]) and axes.is_small_const and axes.numpy().ravel().tolist() in ([-1], [x.rank - 1])
    )


def _is_variance(value: Value, z: Value) -> bool:
    """Whether a value is the mean of (z - mean(z)) ** 2."""
    mean = producer(value, MEAN)
    square = mean.inputs[0].op if mean is not None and _averages_features(mean) else None
    if square is None or activation(square) != "NONE":
        return False
    if square.defn is SQUARED_DIFFERENCE:
        return any(x is z and _is_mean(y, z) for x, y in (square.inputs, square.inputs[::-1]))
    if square.defn is SQUARE or (square.defn is MUL and len(set(square.inputs)) == 1):
        return _source_of_center(square.inputs[0]) is z
    return False
