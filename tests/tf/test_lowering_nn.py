"""Convolutions, transposed convolutions, morphology, pools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, parity_test  # noqa: E402

raw = tf.raw_ops
X = f32(2, 9, 8, 3)
W = f32(3, 3, 3, 4, seed=1)
BATCH = dict(spec=[(None, 9, 8, 3)], also=[[f32(1, 9, 8, 3)]])
SIZES = dict(spec=[(None, None, None, 3)], also=[[f32(1, 12, 7, 3)]])
ODD_PADS = [[0, 0], [1, 2], [0, 3], [0, 0]]


def conv(x: Any, w: Any = W, strides: Any = 1, padding: Any = "SAME", **more: Any) -> Any:
    return tf.nn.conv2d(x, w, strides, padding, **more)


CONVOLUTIONS = [
    Case("same", conv, [X], **BATCH, ops={"CONV_2D": 1}),
    Case("valid", lambda x: conv(x, padding="VALID"), [X], **BATCH, ops={"CONV_2D": 1}),
    Case("strided", lambda x: conv(x, strides=[1, 2, 3, 1]), [X], ops={"CONV_2D": 1}),
    Case("strided valid", lambda x: conv(x, strides=2, padding="VALID"), [X], ops={"CONV_2D": 1}),
    Case("stride above window", lambda x: conv(x, f32(1, 1, 3, 2), strides=4), [X], ops=1),
    Case("sizes unknown", lambda x: conv(x, strides=2), [X], **SIZES, ops={"CONV_2D": 1}),
    Case("explicit", lambda x: conv(x, strides=2, padding=ODD_PADS), [X], **BATCH, ops=2),
    Case("explicit unknown", lambda x: conv(x, strides=2, padding=ODD_PADS), [X], **SIZES, ops=2),
    Case("explicit zero", lambda x: conv(x, padding=[[0, 0]] * 4), [X], ops=1),
    Case("explicit as same", lambda x: conv(x, padding=[[0, 0], [1, 1], [1, 1], [0, 0]]), [X], **BATCH),
    Case("dilated", lambda x: conv(x, dilations=[1, 2, 3, 1]), [X], ops={"CONV_2D": 1}),
    Case("dilated valid", lambda x: conv(x, dilations=2, padding="VALID"), [X], ops={"CONV_2D": 1}),
    Case("dilated unknown", lambda x: conv(x, dilations=2), [X], **SIZES, ops={"CONV_2D": 1}),
    Case("dilated explicit", lambda x: conv(x, dilations=2, padding=ODD_PADS), [X], ops=2),
    Case("bias", lambda x: tf.nn.bias_add(conv(x), f32(4)), [X], **BATCH, ops={"CONV_2D": 1}),
    Case("bias relu", lambda x: tf.nn.relu(conv(x) + f32(4)), [X], ops={"CONV_2D": 1}),
    Case("fed filter", conv, [X, W]),
    Case("fed filter and sizes", conv, [X, W], spec=[(None, None, None, 3)], also=[[f32(1, 5, 6, 3), W]]),
    Case("grouped", lambda x: conv(x, f32(3, 3, 2, 6)), [f32(1, 6, 6, 4)], ops={"CONV_2D": 1}),
    Case("grouped strided", lambda x: conv(x, f32(3, 3, 1, 4), strides=2, padding="VALID"), [f32(1, 6, 6, 4)]),
    Case("half", lambda x: conv(x, W.astype(np.float16)), [X.astype(np.float16)], tol=4e-3),
    Case(
        "bfloat16", lambda x: tf.cast(conv(tf.cast(x, tf.bfloat16), tf.cast(W, tf.bfloat16)), tf.float32), [X], tol=3e-2
    ),
    Case("double is refused", lambda x: conv(x, np.float64(W)), [np.float64(X)], raises="LS012", says="float64"),
    Case("even window", lambda x: conv(x, f32(2, 4, 3, 2)), [X]),
    Case("window larger than input", lambda x: conv(x, f32(7, 7, 3, 2)), [f32(1, 3, 3, 3)]),
    Case("1d", lambda x: tf.nn.conv1d(x, f32(3, 3, 4), 1, "SAME"), [f32(2, 9, 3)], spec=[(None, 9, 3)]),
    Case(
        "1d unknown",
        lambda x: tf.nn.conv1d(x, f32(3, 3, 4), 2, "VALID"),
        [f32(2, 9, 3)],
        spec=[(None, None, 3)],
        also=[[f32(1, 12, 3)]],
    ),
    Case("1d dilated", lambda x: tf.nn.conv1d(x, f32(3, 3, 4), 1, "SAME", dilations=2), [f32(2, 9, 3)]),
    Case(
        "causal",
        lambda x: tf.nn.conv1d(tf.pad(x, [[0, 0], [2, 0], [0, 0]]), f32(3, 3, 4), 1, "VALID"),
        [f32(2, 9, 3)],
        spec=[(None, None, 3)],
    ),
    Case("atrous", lambda x: tf.nn.atrous_conv2d(x, W, 2, "SAME"), [X], ops={"CONV_2D": 1}),
    Case("atrous valid", lambda x: tf.nn.atrous_conv2d(x, W, 2, "VALID"), [X]),
    Case(
        "atrous by batches",
        lambda x: tf.batch_to_space(
            conv(tf.space_to_batch(x, [2, 2], [[2, 3], [2, 2]]), padding="VALID"), [2, 2], [[0, 1], [0, 0]]
        ),
        [X],
    ),
    Case(
        "3d", lambda x: tf.nn.conv3d(x, f32(2, 3, 2, 2, 3), [1] * 5, "SAME"), [f32(1, 5, 6, 4, 2)], ops={"CONV_3D": 1}
    ),
    Case(
        "3d double is refused",
        lambda x: tf.nn.conv3d(x, np.float64(f32(2, 3, 2, 2, 3)), [1] * 5, "SAME"),
        [np.float64(f32(1, 5, 6, 4, 2))],
        raises="LS012",
        says="float64",
    ),
    Case(
        "3d valid strided",
        lambda x: tf.nn.conv3d(x, f32(2, 3, 2, 2, 3), [1, 2, 1, 2, 1], "VALID"),
        [f32(1, 5, 6, 4, 2)],
        spec=[(None, 5, 6, 4, 2)],
    ),
    Case(
        "3d unknown",
        lambda x: tf.nn.conv3d(x, f32(2, 3, 2, 2, 3), [1] * 5, "SAME"),
        [f32(1, 5, 6, 4, 2)],
        spec=[(None, None, None, None, 2)],
        also=[[f32(2, 3, 4, 5, 2)]],
    ),
    Case(
        "depthwise",
        lambda x: tf.nn.depthwise_conv2d(x, f32(3, 3, 3, 1), [1] * 4, "SAME"),
        [X],
        **BATCH,
        ops={"DEPTHWISE_CONV_2D": 1},
    ),
    Case(
        "depthwise multiplied", lambda x: tf.nn.depthwise_conv2d(x, f32(3, 3, 3, 2), [1, 2, 2, 1], "VALID"), [X], ops=1
    ),
    Case("depthwise unknown", lambda x: tf.nn.depthwise_conv2d(x, f32(3, 3, 3, 2), [1, 2, 2, 1], "SAME"), [X], **SIZES),
    Case(
        "depthwise dilated",
        lambda x: tf.nn.depthwise_conv2d(x, f32(3, 3, 3, 1), [1] * 4, "SAME", dilations=[2, 2]),
        [X],
        ops={"DEPTHWISE_CONV_2D": 1},
    ),
    Case(
        "depthwise explicit", lambda x: tf.nn.depthwise_conv2d(x, f32(3, 3, 3, 1), [1, 2, 2, 1], ODD_PADS), [X], ops=2
    ),
    Case(
        "depthwise half",
        lambda x: tf.nn.depthwise_conv2d(x, f32(3, 3, 3, 1).astype("float16"), [1] * 4, "SAME"),
        [X.astype(np.float16)],
        tol=4e-3,
    ),
    Case(
        "depthwise one channel",
        lambda x: tf.nn.depthwise_conv2d(x, f32(3, 3, 1, 4), [1] * 4, "SAME"),
        [f32(1, 5, 5, 1)],
    ),
    Case(
        "separable", lambda x: tf.nn.separable_conv2d(x, f32(3, 3, 3, 2), f32(1, 1, 6, 5), [1] * 4, "SAME"), [X], ops=2
    ),
    Case("no images", conv, [X], spec=[(None, 9, 8, 3)]),
]
test_convolutions = parity_test(CONVOLUTIONS)


def transposed(x: Any, shape: Any, w: Any, strides: Any, padding: Any, **more: Any) -> Any:
    return tf.nn.conv2d_transpose(x, w, shape, strides, padding, **more)


T = f32(2, 4, 5, 3)
TW = f32(3, 3, 4, 3, seed=2)
TRANSPOSED = [
    Case("same", lambda x: transposed(x, [2, 8, 10, 4], TW, 2, "SAME"), [T], ops={"TRANSPOSE_CONV": 1}),
    Case("same odd", lambda x: transposed(x, [2, 7, 13, 4], TW, [1, 2, 3, 1], "SAME"), [T], ops={"TRANSPOSE_CONV": 1}),
    Case("valid", lambda x: transposed(x, [2, 9, 11, 4], TW, 2, "VALID"), [T], ops={"TRANSPOSE_CONV": 1}),
    Case("valid with rest", lambda x: transposed(x, [2, 10, 12, 4], TW, 2, "VALID"), [T]),
    Case("stride 1", lambda x: transposed(x, [2, 4, 5, 4], TW, 1, "SAME"), [T]),
    Case("stride above window", lambda x: transposed(x, [2, 12, 15, 4], f32(2, 2, 4, 3), 3, "SAME"), [T]),
    Case(
        "batch",
        lambda x: transposed(x, [tf.shape(x)[0], 8, 10, 4], TW, 2, "SAME"),
        [T],
        spec=[(None, 4, 5, 3)],
        also=[[f32(1, 4, 5, 3)]],
    ),
    Case(
        "sizes unknown",
        lambda x: transposed(x, tf.stack([tf.shape(x)[0], tf.shape(x)[1] * 2, tf.shape(x)[2] * 2, 4]), TW, 2, "SAME"),
        [T],
        spec=[(None, None, None, 3)],
        also=[[f32(1, 3, 6, 3)]],
    ),
    Case("bias relu", lambda x: tf.nn.relu(transposed(x, [2, 8, 10, 4], TW, 2, "SAME") + f32(4)), [T], ops=1),
    Case("explicit", lambda x: transposed(x, [2, 8, 9, 4], TW, 2, [[0, 0], [1, 0], [0, 2], [0, 0]]), [T]),
    Case(
        "explicit batch",
        lambda x: transposed(x, [tf.shape(x)[0], 7, 9, 4], TW, 2, [[0, 0], [1, 1], [1, 1], [0, 0]]),
        [T],
        spec=[(None, 4, 5, 3)],
        also=[[f32(1, 4, 5, 3)]],
    ),
    Case(
        "half",
        lambda x: transposed(x, [2, 8, 10, 4], TW.astype(np.float16), 2, "SAME"),
        [T.astype(np.float16)],
        tol=4e-3,
    ),
    Case("fed filter", lambda x, w: transposed(x, [2, 8, 10, 4], w, 2, "SAME"), [T, TW]),
    Case("1d", lambda x: tf.nn.conv1d_transpose(x, f32(3, 4, 3), [2, 8, 4], 2, "SAME"), [f32(2, 4, 3)]),
    Case(
        "3d",
        lambda x: tf.nn.conv3d_transpose(x, f32(2, 3, 2, 4, 3), [1, 4, 6, 8, 4], 2, "SAME"),
        [f32(1, 2, 3, 4, 3)],
        ops={"CONV_3D_TRANSPOSE": 1},
    ),
    Case(
        "3d batch",
        lambda x: tf.nn.conv3d_transpose(x, f32(2, 3, 2, 4, 3), [tf.shape(x)[0], 4, 7, 8, 4], 2, "VALID"),
        [f32(1, 2, 3, 4, 3)],
        spec=[(None, 2, 3, 4, 3)],
    ),
    Case(
        "of unknown size is refused",
        lambda x, s: transposed(x, s, TW, 2, [[0, 0], [1, 1], [1, 1], [0, 0]]),
        [T, np.int32([2, 7, 9, 4])],
        raises="LS001",
        says="fixed size",
    ),
    Case(
        "dilation 2d",
        lambda x: tf.nn.dilation2d(x, f32(2, 3, 3), [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]),
        [X],
        **BATCH,
    ),
    Case(
        "dilation 2d strided",
        lambda x: tf.nn.dilation2d(x, f32(2, 2, 3), [1, 2, 1, 1], "VALID", "NHWC", [1, 2, 2, 1]),
        [X],
    ),
    Case("erosion 2d", lambda x: tf.nn.erosion2d(x, f32(2, 2, 3), [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]), [X]),
    Case(
        "dilation 2d of unknown size is refused",
        lambda x: tf.nn.dilation2d(x, f32(2, 3, 3), [1] * 4, "SAME", "NHWC", [1] * 4),
        [X],
        spec=[(None, None, None, 3)],
        raises="LS001",
        says="fixed",
    ),
]
test_transposed = parity_test(TRANSPOSED)

POOLS = [
    *(
        Case(
            f"{name} {padding} {size} {step}",
            lambda x, fn=fn, k=size, s=step, p=padding: fn(x, k, s, p),
            [X],
            **BATCH,
            ops=1,
        )
        for name, fn in {"max": tf.nn.max_pool2d, "avg": tf.nn.avg_pool2d}.items()
        for padding in ("SAME", "VALID")
        for size, step in ((2, 2), (3, 1), (2, 3), ([3, 2], [1, 2]))
    ),
    Case("max unknown", lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"), [X], **SIZES, ops=1),
    Case("avg unknown", lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME"), [X], **SIZES, ops=1),
    Case(
        "max explicit", lambda x: tf.nn.max_pool2d(x, 3, 2, [[0, 0], [1, 2], [0, 2], [0, 0]]), [X - 5], **BATCH, ops=2
    ),
    Case("max half", lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"), [X.astype(np.float16)]),
    Case("avg half", lambda x: tf.nn.avg_pool2d(x, 2, 2, "SAME"), [X.astype(np.float16)], tol=4e-3),
    Case("max infinite", lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"), [np.where(X > 0, np.inf, X).astype("float32")]),
    Case("max v2", lambda x: raw.MaxPoolV2(input=x, ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding="SAME"), [X]),
    Case("avg 1d", lambda x: tf.nn.avg_pool1d(x, 2, 2, "SAME"), [f32(2, 9, 3)], spec=[(None, None, 3)]),
    Case("max 1d", lambda x: tf.nn.max_pool1d(x, 3, 1, "VALID"), [f32(2, 9, 3)]),
    *(
        Case(
            f"{name} 3d {padding}",
            lambda x, fn=fn, p=padding: fn(x, [2, 3, 2], [1, 2, 2], p),
            [f32(2, 5, 7, 6, 2)],
            spec=[(None, 5, 7, 6, 2)],
            also=[[f32(1, 5, 7, 6, 2)]],
        )
        for name, fn in {"max": tf.nn.max_pool3d, "avg": tf.nn.avg_pool3d}.items()
        for padding in ("SAME", "VALID")
    ),
    *(
        Case(
            f"max with places {padding} {batch}",
            lambda x, p=padding, b=batch: tf.nn.max_pool_with_argmax(x, 2, 2, p, include_batch_in_index=b),
            [X],
        )
        for padding in ("SAME", "VALID")
        for batch in (False, True)
    ),
    Case(
        "max with places int32",
        lambda x: tf.nn.max_pool_with_argmax(x, 3, 1, "VALID", output_dtype=tf.int32),
        [X],
        **BATCH,
    ),
    Case(
        "max with places of equal ones",
        lambda x: tf.nn.max_pool_with_argmax(x, 2, 2, "VALID"),
        [np.ones((1, 4, 4, 2), "float32")],
    ),
    Case("global avg", lambda x: tf.reduce_mean(x, [1, 2]), [X], **SIZES),
    Case(
        "fractional is refused",
        lambda x: tf.nn.fractional_max_pool(x, [1, 1.4, 1.4, 1], seed=1)[0],
        [X],
        raises="LS010",
        says="random",
    ),
]
test_pools = parity_test(POOLS)

# TensorFlow computes these layouts on GPUs only; the reference is the same function of the other layout.

CHANNELS_FIRST = {4: [0, 3, 1, 2], 5: [0, 4, 1, 2, 3]}
CHANNELS_LAST = {4: [0, 2, 3, 1], 5: [0, 2, 3, 4, 1]}


def moved(fn: Any) -> Any:
    """A function of channels-last tensors, applied to channels-first ones."""

    def run(*xs: Any) -> Any:
        made = fn(*(tf.transpose(x, CHANNELS_LAST[x.shape.rank]) for x in xs))
        return tf.nest.map_structure(lambda y: tf.transpose(y, CHANNELS_FIRST[y.shape.rank]), made)

    return run


def first(x: Any) -> Any:
    return np.ascontiguousarray(np.transpose(x, CHANNELS_FIRST[x.ndim]))


LAYOUTS = [
    Case(
        "conv",
        lambda x: tf.nn.conv2d(x, W, [1, 1, 2, 1], "SAME", "NCHW"),
        [first(X)],
        reference=moved(lambda x: tf.nn.conv2d(x, W, [1, 2, 1, 1], "SAME")),
        spec=[(None, 3, 9, 8)],
    ),
    Case(
        "conv half",
        lambda x: tf.nn.conv2d(x, np.float16(W), 1, "SAME", "NCHW"),
        [np.float16(first(X))],
        reference=moved(lambda x: tf.nn.conv2d(x, np.float16(W), 1, "SAME")),
    ),
    Case(
        "conv explicit dilated",
        lambda x: tf.nn.conv2d(x, W, 1, [[0, 0], [0, 0], [1, 2], [0, 3]], "NCHW", dilations=2),
        [first(X)],
        reference=moved(lambda x: tf.nn.conv2d(x, W, 1, ODD_PADS, dilations=2)),
    ),
    Case(
        "two convs",
        lambda x: tf.nn.conv2d(tf.nn.conv2d(x, W, 1, "SAME", "NCHW"), f32(1, 1, 4, 2), 1, "SAME", "NCHW"),
        [first(X)],
        reference=moved(lambda x: tf.nn.conv2d(tf.nn.conv2d(x, W, 1, "SAME"), f32(1, 1, 4, 2), 1, "SAME")),
        ops=4,
    ),
    Case(
        "depthwise",
        lambda x: tf.nn.depthwise_conv2d(x, f32(3, 3, 3, 2), [1] * 4, "SAME", "NCHW"),
        [first(X)],
        reference=moved(lambda x: tf.nn.depthwise_conv2d(x, f32(3, 3, 3, 2), [1] * 4, "SAME")),
    ),
    Case(
        "conv 3d",
        lambda x: tf.nn.conv3d(x, f32(2, 3, 2, 2, 3), [1, 1, 1, 2, 1], "SAME", "NCDHW"),
        [first(f32(1, 5, 6, 4, 2))],
        reference=moved(lambda x: tf.nn.conv3d(x, f32(2, 3, 2, 2, 3), [1, 1, 2, 1, 1], "SAME")),
    ),
    Case(
        "transposed",
        lambda x: tf.nn.conv2d_transpose(x, TW, [2, 4, 8, 10], 2, "SAME", "NCHW"),
        [first(T)],
        reference=moved(lambda x: tf.nn.conv2d_transpose(x, TW, [2, 8, 10, 4], 2, "SAME")),
    ),
    Case(
        "transposed batch",
        lambda x: tf.nn.conv2d_transpose(x, TW, [tf.shape(x)[0], 4, 8, 10], 2, "SAME", "NCHW"),
        [first(T)],
        reference=moved(lambda x: tf.nn.conv2d_transpose(x, TW, [tf.shape(x)[0], 8, 10, 4], 2, "SAME")),
        spec=[(None, 3, 4, 5)],
        also=[[first(f32(1, 4, 5, 3))]],
    ),
    Case(
        "transposed dilated",
        lambda x: tf.nn.conv2d_transpose(x, TW, [2, 4, 8, 10], 2, "SAME", "NCHW", dilations=2),
        [first(T)],
        reference=lambda x: dilated_transpose(x, TW, (8, 10), 2, 2),
    ),
    Case(
        "transposed 3d",
        lambda x: tf.nn.conv3d_transpose(x, f32(2, 3, 2, 4, 3), [1, 4, 4, 6, 8], 2, "SAME", "NCDHW"),
        [first(f32(1, 2, 3, 4, 3))],
        reference=moved(lambda x: tf.nn.conv3d_transpose(x, f32(2, 3, 2, 4, 3), [1, 4, 6, 8, 4], 2, "SAME")),
    ),
    Case(
        "max pool",
        lambda x: tf.nn.max_pool2d(x, [3, 2], [1, 2], "SAME", "NCHW"),
        [first(X)],
        reference=moved(lambda x: tf.nn.max_pool2d(x, [3, 2], [1, 2], "SAME")),
    ),
    Case(
        "avg pool",
        lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME", "NCHW"),
        [first(X)],
        reference=moved(lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME")),
    ),
    Case(
        "max pool 3d",
        lambda x: tf.nn.max_pool3d(x, 2, 2, "SAME", "NCDHW"),
        [first(f32(1, 5, 6, 4, 2))],
        reference=moved(lambda x: tf.nn.max_pool3d(x, 2, 2, "SAME")),
    ),
    Case(
        "space to depth",
        lambda x: tf.nn.space_to_depth(x, 2, "NCHW"),
        [first(f32(1, 4, 6, 3))],
        reference=moved(lambda x: tf.nn.space_to_depth(x, 2)),
    ),
    Case(
        "depth to space",
        lambda x: tf.nn.depth_to_space(x, 2, "NCHW"),
        [first(f32(1, 4, 6, 8))],
        reference=moved(lambda x: tf.nn.depth_to_space(x, 2)),
    ),
    Case(
        "batch norm",
        lambda x: tf.compat.v1.nn.fused_batch_norm(
            x, f32(3), f32(3, seed=1), f32(3), f32(3, low=0.1), is_training=False, data_format="NCHW"
        )[0],
        [first(X)],
        reference=moved(
            lambda x: tf.compat.v1.nn.fused_batch_norm(
                x, f32(3), f32(3, seed=1), f32(3), f32(3, low=0.1), is_training=False
            )[0]
        ),
    ),
    Case(
        "vectorized is refused",
        lambda x: raw.DepthToSpace(input=x, block_size=2, data_format="NCHW_VECT_C"),
        [np.zeros((1, 4, 2, 2, 4), np.int8)],
        raises="LS001",
        says="NHWC",
    ),
]


def dilated_transpose(x: Any, w: Any, sizes: tuple[int, int], stride: int, dilation: int) -> Any:
    """The gradient of a dilated convolution, by its definition."""
    image = tf.zeros([x.shape[0], *sizes, w.shape[2]])
    with tf.GradientTape() as tape:
        tape.watch(image)
        total = tf.reduce_sum(strided(image, w, stride, dilation) * tf.transpose(x, CHANNELS_LAST[4]))
    return tf.transpose(tape.gradient(total, image), CHANNELS_FIRST[4])


def strided(image: Any, w: Any, stride: int, dilation: int) -> Any:
    """A convolution with strides and dilations, which TensorFlow computes but does not differentiate on CPUs."""
    spread = np.zeros([(k - 1) * dilation + 1 for k in w.shape[:2]] + list(w.shape[2:]), np.float32)
    spread[::dilation, ::dilation] = w
    return tf.nn.conv2d(image, spread, stride, "SAME")


test_layouts = parity_test(LAYOUTS)

CASES = [*LAYOUTS, *CONVOLUTIONS, *TRANSPOSED, *POOLS]
