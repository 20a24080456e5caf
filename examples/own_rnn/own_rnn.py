"""A recurrent layer of one's own that becomes one operator.

    python examples/own_rnn/own_rnn.py            needs TensorFlow

Way 1: write the loop as you like. litesmith reads what a step computes, and finds the LSTM.
Way 2: keep the loop to yourself. A function with a name (`experimental_implements`) is lowered by Python code of yours,
here by the adapter with the interface of the Keras LSTM function.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

import litesmith
from litesmith.decompositions.recurrent import keras_lstm

UNITS, FEATURES, STEPS = 6, 4, 7
SPEC = tf.TensorSpec([1, STEPS, FEATURES], tf.float32, name="x")

rng = np.random.default_rng(0)
KERNEL = rng.normal(size=(FEATURES, 4 * UNITS)).astype(np.float32)
RECURRENT = rng.normal(size=(UNITS, 4 * UNITS)).astype(np.float32)
BIAS = rng.normal(size=4 * UNITS).astype(np.float32)


def run_cell(x: Any, h: Any, c: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """All outputs: one loop, the gates in the order input, forget, cell, output."""

    def step(t: Any, h: Any, c: Any, outputs: Any) -> Any:
        i, f, g, o = tf.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return t + 1, h, c, outputs.write(t, h)

    outputs = tf.TensorArray(tf.float32, STEPS, element_shape=[1, UNITS])
    *_, outputs = tf.while_loop(lambda t, *_: t < STEPS, step, (0, h, c, outputs))
    return tf.transpose(outputs.stack(), [1, 0, 2])


@tf.function(input_signature=[SPEC])
def way_1(x: Any) -> Any:
    zeros = tf.zeros([1, UNITS])
    return {"y": run_cell(x, zeros, zeros, KERNEL, RECURRENT, BIAS)}


@tf.function(experimental_implements="own.lstm")
def own_lstm(x: Any, h: Any, c: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    return run_cell(x, h, c, kernel, recurrent, bias)


@tf.function(input_signature=[SPEC])
def way_2(x: Any) -> Any:
    zeros = tf.zeros([1, UNITS])
    return {"y": own_lstm(x, zeros, zeros, KERNEL, RECURRENT, BIAS)}


@litesmith.composite("own.lstm")
def lower(b: Any, x: Any, h: Any, c: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """What `own_lstm` becomes: a description of the layer, of which `rnn=` chooses the form."""
    _, sequence, _, _ = keras_lstm(b, x, h, c, kernel, recurrent, bias)
    return sequence


def main() -> None:
    x = rng.normal(size=SPEC.shape).astype(np.float32)
    for function in (way_1, way_2):
        model = litesmith.convert(function, rnn="fused")
        assert model.operators == {"SPLIT": 1, "UNIDIRECTIONAL_SEQUENCE_LSTM": 1}, model.operators
        for _ in range(3):  # stateless: each call starts from zeros
            np.testing.assert_allclose(model(x)["y"], function(x)["y"], atol=1e-5)
        print(f"{function.__name__}: {model.operators}")


if __name__ == "__main__":
    main()
