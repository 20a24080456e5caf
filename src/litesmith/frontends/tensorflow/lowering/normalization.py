"""Normalizations, softmax, cross entropy."""

from __future__ import annotations

import numpy as np

from litesmith.decompositions.shapes import cast, element_count, reshape, static_int
from litesmith.frontends.tensorflow.lowering.layouts import channels_first, from_last, to_last
from litesmith.frontends.tensorflow.lowering.operands import as_int32, like
from litesmith.frontends.tensorflow.registry import direct, lowers
from litesmith.ir import Builder, DType, Value
from litesmith.ir.dims import product


@lowers("BiasAdd", "BiasAddV1")
def bias_add(b: Builder, value: Value, bias: Value, *, data_format: str = "NHWC") -> Value:
    if channels_first(data_format) and value.rank > 2:
        bias = reshape(b, bias, [bias.dims[0], *[1] * (value.rank - 2)])
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
    exponential_avg_factor: float = 1.0,
    data_format: str = "NHWC",
    is_training: bool = True,
) -> tuple[Value, ...]:
    """scale * (x - mean) / sqrt(variance + epsilon) + offset as one multiplication and one addition.

    In training the statistics are the batch's own; the variance that comes out is the unbiased one, and both are mixed
    into the operands' by ``exponential_avg_factor``.
    """
    channels_last = to_last(b, x, data_format)
    wide = cast(b, channels_last, DType.FLOAT32)
    if is_training:
        return _in_training(b, x, wide, scale, offset, (mean, variance), epsilon, exponential_avg_factor, data_format)
    y = _normalize_by(b, wide, scale, offset, mean, variance, epsilon)
    return from_last(b, cast(b, y, x.type.dtype), data_format), mean, variance, mean, variance


def _normalize_by(
    b: Builder, x: Value, scale: Value, offset: Value, mean: Value, variance: Value, epsilon: float
) -> Value:
    factor = b.mul(scale, b.rsqrt(b.add(variance, np.float32(epsilon))))
    shift = b.sub(offset, b.mul(mean, factor))
    return b.add(b.mul(x, factor), shift)


def _in_training(
    b: Builder,
    x: Value,
    wide: Value,
    scale: Value,
    offset: Value,
    running: tuple[Value, Value],
    epsilon: float,
    factor: float,
    data_format: str,
) -> tuple[Value, ...]:
    axes = np.arange(wide.rank - 1, dtype=np.int32)
    mean = b.mean(wide, axes)
    variance = b.mean(b.squared_difference(wide, mean), axes)
    y = b.add(b.mul(b.sub(wide, mean), b.mul(scale, b.rsqrt(b.add(variance, np.float32(epsilon))))), offset)
    result = from_last(b, cast(b, y, x.type.dtype), data_format)
    moved = (
        _moving_average(b, running[0], mean, factor),
        _moving_average(b, running[1], _unbiased_variance(b, wide, variance), factor),
    )
    return result, *moved, mean, variance


def _unbiased_variance(b: Builder, x: Value, variance: Value) -> Value:
    """The variance times n / (n - 1), n the number of elements of a channel (n - 1 counts as 1 where it is 0)."""
    count = product(x.dims[:-1])
    if isinstance(count, int):
        return b.mul(variance, np.float32(count / max(count - 1, 1)))
    elements = b.div(element_count(b, x, DType.FLOAT32), np.float32(static_int(x.dims[-1], "a batch norm")))
    rest = b.maximum(b.sub(elements, np.float32(1)), np.float32(1))
    return b.mul(variance, b.div(elements, rest))


def _moving_average(b: Builder, old: Value, new: Value, factor: float) -> Value:
    if factor == 1.0 or old.dims == (0,):
        return new
    return b.add(b.mul(old, np.float32(1 - factor)), b.mul(new, np.float32(factor)))


@lowers("BatchNormWithGlobalNormalization")
def batch_norm_global(
    b: Builder,
    t: Value,
    m: Value,
    v: Value,
    beta: Value,
    gamma: Value,
    *,
    variance_epsilon: float,
    scale_after_normalization: bool,
) -> Value:
    factor = b.rsqrt(b.add(v, like(b, variance_epsilon, v)))
    factor = b.mul(factor, gamma) if scale_after_normalization else factor
    return b.add(b.mul(t, factor), b.sub(beta, b.mul(m, factor)))


@lowers("LRN")
def lrn(
    b: Builder, input: Value, *, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5
) -> Value:
    return b.local_response_normalization(input, radius=depth_radius, bias=bias, alpha=alpha, beta=beta)


# -- softmax ----------------------------------------------------------------------------------------------------------

LOG_SOFTMAX = direct("LogSoftmax", "LOG_SOFTMAX")


@lowers("Softmax")
def softmax(b: Builder, logits: Value) -> Value:
    return b.softmax(logits, beta=1.0)


@lowers("SoftmaxCrossEntropyWithLogits", outputs=("loss", "backprop"))
def softmax_cross_entropy(b: Builder, features: Value, labels: Value) -> tuple[Value, Value]:
    """-sum(labels * log(softmax(features))) of each row, and the gradient."""
    loss = b.neg(b.sum(b.mul(labels, b.log_softmax(features)), [1]))
    return loss, b.sub(b.softmax(features, beta=1.0), labels)


@lowers("SparseSoftmaxCrossEntropyWithLogits", outputs=("loss", "backprop"))
def sparse_softmax_cross_entropy(b: Builder, features: Value, labels: Value) -> tuple[Value, Value]:
    """-log(softmax(features)) at each row's label, and the gradient. A label out of range is an error in both."""
    column = reshape(b, labels, [labels.dims[0], 1])
    loss = b.neg(b.gather(b.log_softmax(features), column, axis=1, batch_dims=1))
    depth = b.constant(np.array(static_int(features.dims[1], "a cross entropy"), np.int32))
    hot = b.one_hot(as_int32(b, labels), depth, like(b, 1, features), like(b, 0, features), axis=-1)
    return reshape(b, loss, labels.dims), b.sub(b.softmax(features, beta=1.0), hot)
