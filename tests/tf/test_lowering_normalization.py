"""Normalizations, softmax, cross entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, ints, parity_test  # noqa: E402

raw = tf.raw_ops
X = f32(2, 5, 4, 3)
BATCH = dict(spec=[(None, 5, 4, 3)], also=[[f32(1, 5, 4, 3)]])
SIZES = dict(spec=[(None, None, None, 3)], also=[[f32(1, 2, 6, 3)]])
SCALE, OFFSET, MEAN, VARIANCE = f32(3), f32(3, seed=1), f32(3, seed=2), f32(3, low=0.1, seed=3)
EMPTY = np.zeros(0, np.float32)


def batch_norm(x: Any, mean: Any = MEAN, variance: Any = VARIANCE, **more: Any) -> Any:
    return tf.compat.v1.nn.fused_batch_norm(x, SCALE, OFFSET, mean, variance, is_training=False, **more)[0]


def training(x: Any, mean: Any = EMPTY, variance: Any = EMPTY, **more: Any) -> Any:
    return tf.compat.v1.nn.fused_batch_norm(x, SCALE, OFFSET, mean, variance, is_training=True, **more)


NORMALIZATIONS = [
    Case("batch norm", batch_norm, [X], **BATCH, ops=2),
    Case("batch norm unknown", batch_norm, [X], **SIZES, ops=2),
    Case("batch norm epsilon", lambda x: batch_norm(x, epsilon=0.1), [X]),
    Case("batch norm after conv", lambda x: batch_norm(tf.nn.conv2d(x, f32(3, 3, 3, 3), 1, "SAME")), [X], ops=1),
    Case("batch norm fed", lambda x, m, v: batch_norm(x, m, v), [X, MEAN, VARIANCE]),
    Case(
        "batch norm half",
        lambda x: tf.compat.v1.nn.fused_batch_norm(x, SCALE, OFFSET, MEAN, VARIANCE, is_training=False)[0],
        [X.astype(np.float16)],
        tol=4e-3,
    ),
    Case("batch norm training", training, [X], **BATCH),
    Case("batch norm training unknown", training, [X], **SIZES),
    Case("batch norm training running", lambda x: training(x, MEAN, VARIANCE, exponential_avg_factor=0.25), [X]),
    Case("batch norm training one", lambda x: training(x)[0], [f32(1, 1, 1, 3)]),
    Case(
        "batch norm v1",
        lambda x: (
            raw.FusedBatchNorm(x=x, scale=SCALE, offset=OFFSET, mean=MEAN, variance=VARIANCE, is_training=False).y
        ),
        [X],
    ),
    Case(
        "batch norm v2",
        lambda x: (
            raw.FusedBatchNormV2(x=x, scale=SCALE, offset=OFFSET, mean=MEAN, variance=VARIANCE, is_training=False).y
        ),
        [X],
    ),
    Case("batch norm by hand", lambda x: tf.nn.batch_normalization(x, MEAN, VARIANCE, OFFSET, SCALE, 1e-3), [X], ops=2),
    Case("bias", lambda x: tf.nn.bias_add(x, SCALE), [X], **BATCH, ops={"ADD": 1}),
    Case("bias channels first", lambda x: tf.nn.bias_add(x, f32(5), "NCHW"), [X], ops={"ADD": 1}),
    Case("bias matrix", lambda x: tf.nn.bias_add(x, SCALE), [f32(4, 3)]),
    Case("bias v1", lambda x: raw.BiasAddV1(value=x, bias=SCALE), [X]),
    Case("bias int32", lambda x: tf.nn.bias_add(x, ints(3)), [ints(4, 3)]),
    Case("lrn", lambda x: tf.nn.local_response_normalization(x, 2, 1.0, 0.5, 0.75), [X], **BATCH, ops=1),
    Case("lrn default", tf.nn.local_response_normalization, [f32(1, 3, 3, 16)]),
    Case("lrn half", tf.nn.local_response_normalization, [f32(1, 3, 3, 16).astype(np.float16)], tol=4e-3),
    Case("l2", lambda x: tf.math.l2_normalize(x, -1), [X], **BATCH),
    Case("l2 axes", lambda x: tf.math.l2_normalize(x, [1, 2]), [X], **BATCH),
    Case("l2 zero", lambda x: tf.math.l2_normalize(x, -1), [np.zeros((2, 3), np.float32)]),
    Case(
        "layer norm",
        lambda x: tf.nn.batch_normalization(x, *tf.nn.moments(x, -1, keepdims=True), OFFSET, SCALE, 1e-6),
        [X],
        **BATCH,
    ),
]
test_normalizations = parity_test(NORMALIZATIONS)

LOGITS = f32(4, 5)
LABELS = np.float32([[0, 1, 0, 0, 0], [0.5, 0.5, 0, 0, 0], [0, 0, 0, 0, 1], [0.2, 0.2, 0.2, 0.2, 0.2]])
ROWS = dict(spec=[(None, 5)], also=[[f32(7, 5)]])
SOFTMAXES = [
    case
    for name, fn in {"softmax": tf.nn.softmax, "log_softmax": tf.nn.log_softmax}.items()
    for case in (
        Case(name, fn, [LOGITS], **ROWS, ops=1),
        *(Case(f"{name} rank {x.ndim}", fn, [x]) for x in (f32(5), f32(2, 3, 4), X, f32(2, 1, 3, 2, 4))),
        Case(f"{name} axis", lambda x, fn=fn: fn(x, axis=1), [X], **BATCH),
        Case(f"{name} unknown", fn, [LOGITS], spec=[(None, None)], also=[[f32(2, 9)]]),
        Case(f"{name} large", fn, [LOGITS * 100]),
        Case(f"{name} masked", fn, [np.where(LOGITS > 1, -1e9, LOGITS).astype(np.float32)]),
        Case(f"{name} half", fn, [LOGITS.astype(np.float16)], tol=4e-3),
        Case(f"{name} rank 5 unknown", fn, [f32(2, 1, 3, 2, 4)], spec=[(None, None, 3, 2, 4)]),
    )
] + [
    Case("cross entropy", tf.nn.softmax_cross_entropy_with_logits, [LABELS, LOGITS]),
    Case(
        "cross entropy unknown",
        tf.nn.softmax_cross_entropy_with_logits,
        [LABELS, LOGITS],
        spec=[(None, 5), (None, 5)],
        also=[[LABELS[:1], f32(1, 5)]],
    ),
    Case(
        "cross entropy gradient", lambda y, x: raw.SoftmaxCrossEntropyWithLogits(features=x, labels=y), [LABELS, LOGITS]
    ),
    Case(
        "cross entropy infinite",
        tf.nn.softmax_cross_entropy_with_logits,
        [LABELS[:1], np.float32([[-np.inf, 1, 2, 3, 4]])],
    ),
    Case("sparse cross entropy", tf.nn.sparse_softmax_cross_entropy_with_logits, [np.int32([1, 0, 4, 2]), LOGITS]),
    Case(
        "sparse cross entropy int64",
        tf.nn.sparse_softmax_cross_entropy_with_logits,
        [np.int64([1, 0, 4, 2]), LOGITS],
        spec=[(None,), (None, 5)],
    ),
    Case(
        "sparse cross entropy gradient",
        lambda y, x: raw.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=y),
        [np.int32([1, 0, 4, 2]), LOGITS],
    ),
    Case("sigmoid cross entropy", lambda y, x: tf.nn.sigmoid_cross_entropy_with_logits(y, x), [LABELS, LOGITS]),
    Case("log poisson", lambda y, x: tf.nn.log_poisson_loss(y, x), [LABELS, LOGITS]),
]
test_softmaxes = parity_test(SOFTMAXES)

ACTIVATIONS = [
    Case("swish", tf.nn.silu, [LOGITS], **ROWS),
    Case("gelu", tf.nn.gelu, [LOGITS], **ROWS),
    Case("gelu approximate", lambda x: tf.nn.gelu(x, approximate=True), [LOGITS], **ROWS),
    Case("crelu", tf.nn.crelu, [LOGITS], **ROWS),
    Case("hard sigmoid", lambda x: tf.nn.relu6(x + 3) / 6, [LOGITS]),
    Case("hard swish", lambda x: x * tf.nn.relu6(x + 3) / 6, [LOGITS]),
    Case("log sigmoid", tf.math.log_sigmoid, [LOGITS * 10], **ROWS),
    Case("mish", lambda x: x * tf.tanh(tf.math.softplus(x)), [LOGITS]),
    Case("prelu", lambda x: tf.maximum(x, 0.0) + f32(5) * tf.minimum(x, 0.0), [LOGITS]),
    Case("dropout", lambda x: tf.nn.dropout(x, 0.0), [LOGITS]),
    Case("weighted moments", lambda x, w: tf.nn.weighted_moments(x, [0], w), [LOGITS, LABELS]),
    Case("normalize moments", lambda x: tf.nn.normalize_moments(4.0, x, x + 1, None), [f32(3)]),
]
test_activations = parity_test(ACTIVATIONS)

CASES = [*NORMALIZATIONS, *SOFTMAXES, *ACTIVATIONS]
