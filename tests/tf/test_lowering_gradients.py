"""Derivatives that models compute themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, parity_test  # noqa: E402

raw = tf.raw_ops
X = f32(3, 4)


def gradient(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What TensorFlow derives from a function."""

    def derived(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    return derived


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "relu": tf.nn.relu,
    "relu6": lambda x: tf.nn.relu6(x * 6.0),
    "leaky_relu": lambda x: tf.nn.leaky_relu(x, 0.3),
    "elu": tf.nn.elu,
    "selu": tf.nn.selu,
    "softplus": tf.nn.softplus,
    "softsign": tf.nn.softsign,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "sqrt": lambda x: tf.sqrt(tf.abs(x) + 0.1),
    "rsqrt": lambda x: tf.math.rsqrt(tf.abs(x) + 0.1),
    "reciprocal": lambda x: tf.math.reciprocal(tf.abs(x) + 0.1),
    "inverse": lambda x: raw.Inv(x=tf.abs(x) + 0.1),
    "gelu": tf.nn.gelu,
    "softmax": lambda x: tf.nn.softmax(x) ** 2,
    "log_softmax": lambda x: tf.nn.log_softmax(x) ** 2,
    "matmul": lambda x: tf.nn.relu(x @ f32(4, 5)),
    "mean": lambda x: tf.reduce_mean(x**2, -1),
    "maximum": lambda x: tf.maximum(x, 0.5) * tf.minimum(x, 0.25),
    "broadcast": lambda x: x * tf.reduce_sum(x, 0) + tf.reduce_mean(x, 1, keepdims=True),
    "gather": lambda x: tf.gather(x, [2, 0, 0], axis=1) * 2.0,
    "concat": lambda x: tf.concat([x, x * x], 1) ** 2,
    "split": lambda x: tf.split(x, 2, 1)[1] ** 2,
}


def through_bias(x: Any) -> Any:
    bias = tf.constant(f32(4))
    with tf.GradientTape() as tape:
        tape.watch(bias)
        y = tf.nn.bias_add(x, bias) ** 2
    return tape.gradient(y, bias)


def class_activation(x: Any) -> Any:
    """Where an image network looks: its last maps, weighed by the gradient of the best class."""
    with tf.GradientTape() as tape:
        maps = tf.nn.relu(tf.nn.conv2d(x, f32(3, 3, 2, 4), 1, "SAME"))
        tape.watch(maps)
        best = tf.reduce_max(tf.nn.softmax(tf.tanh(tf.reduce_mean(maps, [1, 2])) @ f32(4, 5)), -1)
    weights = tf.reduce_mean(tape.gradient(best, maps), [1, 2], keepdims=True)
    return tf.nn.relu(tf.reduce_sum(maps * weights, -1))


def through_relu(x: Any) -> Any:
    """The image itself is derived for, back through a convolution."""
    return gradient(lambda x: tf.nn.relu(tf.nn.conv2d(x, f32(3, 3, 2, 4), 2, "SAME")))(x)


def rows_jacobian(x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.tanh(x @ f32(4, 2))
    return tape.batch_jacobian(y, x)


def with_weights(function: Callable[[Any, Any], Any], *shape: int) -> Callable[[Any], Any]:
    """The derivatives of a sum of squares for the operand and for weights of this shape."""

    def derived(x: Any) -> Any:
        weights = tf.constant(f32(*shape))
        with tf.GradientTape() as tape:
            tape.watch([x, weights])
            loss = tf.reduce_sum(function(x, weights) ** 2)
        return tape.gradient(loss, [x, weights])

    return derived


PADS = [[0, 0], [1, 2], [0, 1], [0, 0]]
STEPS: tuple[tuple[str, Any, int, int], ...] = (
    ("same", "SAME", 1, 1),
    ("valid", "VALID", 2, 1),
    ("strided", "SAME", 2, 1),
    ("dilated", "SAME", 1, 2),
    ("explicit", PADS, 2, 1),
)


def _windows() -> list[Case]:
    """Derivatives of convolutions and pools: of fixed and of open batch."""
    made = []
    for name, padding, stride, dilation in STEPS:
        functions: dict[str, Any] = {
            "conv2d": with_weights(lambda x, w, p=padding, s=stride, d=dilation: tf.nn.conv2d(x, w, s, p, dilations=d), 3, 2, 3, 5),
            "depthwise": with_weights(
                lambda x, w, p=padding, s=stride, d=dilation: tf.nn.depthwise_conv2d(x, w, [1, s, s, 1], p, dilations=[d, d]), 3, 2, 3, 2
            ),
        }
        if dilation == 1:
            functions["max pool"] = gradient(lambda x, p=padding, s=stride: tf.nn.max_pool2d(x, 3, s, p) ** 2)
        if dilation == 1 and padding is not PADS:
            functions["average pool"] = gradient(lambda x, p=padding, s=stride: tf.nn.avg_pool2d(x, 3, s, p) ** 2)
        for kind, function in functions.items():
            made.append(Case(f"{kind} {name}", function, [f32(2, 9, 8, 3)]))
            made.append(Case(f"{kind} {name} dynamic", function, [f32(2, 9, 8, 3)], spec=[(None, 9, 8, 3)], also=[[f32(1, 9, 8, 3)]]))
    return made


def pool_with_tensors(x: Any) -> Any:
    y = tf.nn.max_pool2d(x, 2, 2, "VALID")
    return raw.MaxPoolGradV2(orig_input=x, orig_output=y, grad=y, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")


OPEN = {"spec": [(None, 4)], "also": [[f32(1, 4)], [f32(5, 4)]]}

CASES = [
    *(Case(name, gradient(function), [X]) for name, function in FUNCTIONS.items()),
    *(Case(f"{name} dynamic", gradient(function), [X], **OPEN) for name, function in FUNCTIONS.items()),
    *(Case(f"{name} half", gradient(FUNCTIONS[name]), [np.float16(X)]) for name in ("relu", "elu", "sigmoid", "sqrt")),
    Case("relu edges", gradient(tf.nn.relu), [np.float32([0.0, -0.0, np.inf, -np.inf])]),
    Case("relu double is refused", gradient(tf.nn.relu), [np.float64(X)], raises="LS012", says="float64"),
    Case("softplus alone", lambda x: raw.SoftplusGrad(gradients=x, features=x * 2.0), [X]),
    Case("bias", through_bias, [X], **OPEN),
    Case("raw inverse", lambda x: raw.InvGrad(y=x, dy=x * 2.0), [X]),
    Case("bias channels first", lambda x: raw.BiasAddGrad(out_backprop=x, data_format="NCHW"), [f32(2, 3, 4, 5)]),
    Case("broadcast args", lambda: raw.BroadcastGradientArgs(s0=[2, 1, 4], s1=[3, 4]), []),
    Case(
        "broadcast args dynamic",
        lambda x, y: raw.BroadcastGradientArgs(s0=tf.shape(x), s1=tf.shape(y)),
        [X, f32(4)],
        spec=[(None, 4)],
    ),
    Case("class activation", class_activation, [f32(2, 6, 6, 2)], spec=[(None, 6, 6, 2)], also=[[f32(1, 6, 6, 2)]]),
    Case("through a convolution", through_relu, [f32(2, 6, 6, 2)]),
    *_windows(),
    Case("max pool with equal pixels", gradient(lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID") ** 2), [np.ones((1, 4, 4, 2), np.float32)]),
    Case("max pool, sizes as tensors", pool_with_tensors, [f32(2, 6, 6, 2)]),
    Case("pool of open size is refused", gradient(lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID")), [f32(1, 4, 4, 2)],
         spec=[(1, None, None, 2)], raises="LS001", says="gradient"),
    Case("jacobian", rows_jacobian, [X]),
]
test_gradients = parity_test(CASES)
