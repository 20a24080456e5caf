"""Recurrent loops by whoever wrote them become the fused operator: tf_keras, TensorFlow 1, a loop of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.runtime import Runner, compare

tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.tf

v1 = tf.compat.v1
UNITS, FEATURES, STEPS = 6, 4, 7
LSTM, RNN = "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"
RNG = np.random.default_rng(5)


def floats(*shape: int) -> np.ndarray:
    return RNG.uniform(-0.8, 0.8, shape).astype(np.float32)


def check(made: Any, function: Callable[[np.ndarray], Any], batch: int | None) -> None:
    for kernels in ("default", "builtin"):
        runner = Runner(made.content, kernels=kernels)
        for size in (2, 1, 4, 4, 3):
            x = floats(batch or size, STEPS, FEATURES)
            (got,) = runner.run([x]).values()
            result = compare(got, np.asarray(function(x)), 1e-5)
            assert result.passed, f"{kernels}: {result}"


def cells() -> Any:
    """The cells of TensorFlow 1, which TensorFlow itself hides beside Keras 3."""
    pytest.importorskip("tf_keras")
    from tf_keras.src.layers.rnn import legacy_cells

    return legacy_cells


CELLS: dict[str, tuple[Callable[[], Any], str]] = {
    "BasicLSTMCell": (lambda: cells().BasicLSTMCell(UNITS), LSTM),
    "LSTMCell": (lambda: cells().LSTMCell(UNITS), LSTM),
    "peepholes": (lambda: cells().LSTMCell(UNITS, use_peepholes=True), LSTM),
    "projection": (lambda: cells().LSTMCell(UNITS, num_proj=3), LSTM),
    "everything": (
        lambda: cells().LSTMCell(UNITS, num_proj=3, use_peepholes=True, cell_clip=0.3, proj_clip=0.2),
        LSTM,
    ),
    "BasicRNNCell": (lambda: cells().BasicRNNCell(UNITS), RNN),
    "GRUCell": (lambda: cells().GRUCell(UNITS), "WHILE"),
}


@pytest.mark.parametrize("batch", [1, None], ids=["batch_1", "any_batch"])
@pytest.mark.parametrize(("cell", "operator"), CELLS.values(), ids=CELLS)
def test_dynamic_rnn(cell: Callable[[], Any], operator: str, batch: int | None, tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x = v1.placeholder(tf.float32, (batch, STEPS, FEATURES), name="x")
        y, _ = v1.nn.dynamic_rnn(cell(), x, dtype=tf.float32)
        for variable in v1.global_variables():
            session.run(variable.initializer)
            session.run(variable.assign(floats(*variable.shape)))
        freeze = v1.graph_util.convert_variables_to_constants
        (tmp_path / "rnn.pb").write_bytes(freeze(session, graph.as_graph_def(), [y.op.name]).SerializeToString())
        made = litesmith.convert(tmp_path / "rnn.pb", rnn="fused")
        assert operator in made.operators, made.notes
        check(made, lambda a: session.run(y, {x: a}), batch)


@pytest.mark.parametrize("batch", [1, None], ids=["batch_1", "any_batch"])
def test_tf_keras(batch: int | None, tmp_path: Path) -> None:
    tf_keras = pytest.importorskip("tf_keras")
    model = tf_keras.Sequential(
        [tf_keras.Input((STEPS, FEATURES), batch_size=batch), tf_keras.layers.LSTM(UNITS, return_sequences=True)]
    )
    model.save(tmp_path / "saved", save_format="tf")
    for source in (model, tmp_path / "saved"):
        made = litesmith.convert(source, rnn="fused")
        assert made.operators.get(LSTM) == 1, made.notes
        check(made, model, batch)


@pytest.mark.parametrize("form", ["fused", "loop"])
def test_layers_of_tf_keras_of_any_size(form: str) -> None:
    """One model with a layer of each kind over the same input."""
    tf_keras = pytest.importorskip("tf_keras")
    kinds = tf_keras.layers
    x = tf_keras.Input((None, FEATURES), name="x")
    _, *last = kinds.LSTM(UNITS, return_state=True)(x)
    layers = {
        "given": kinds.LSTM(UNITS, go_backwards=True, return_sequences=True)(x, initial_state=last),
        "gru": kinds.GRU(UNITS, return_sequences=True)(x),
        "masked": kinds.LSTM(UNITS)(kinds.Masking()(tf.where(x[..., :1] > 0.5, 0.0, x))),
    }
    model = tf_keras.Model(x, layers)
    model.set_weights([floats(*w.shape) for w in model.get_weights()])
    made = litesmith.convert(model, rnn=form, verify=False)
    assert (made.operators.get(LSTM), made.operators.get("WHILE")) == ((2, 2) if form == "fused" else (None, 4)), made.notes
    calls = [floats(*size, FEATURES) for size in ((2, 7), (1, 5), (4, 9))]
    expected = [model(call) for call in calls]
    for kernels in ("default", "builtin"):
        runner = Runner(made.content, kernels=kernels)
        for call, wanted in zip(calls, expected, strict=True):
            for name, got in runner.run([call]).items():
                result = compare(got, np.asarray(wanted[name]), 1e-5)
                assert result.passed, f"{kernels} {name}: {result}"


KERNEL, RECURRENT, BIAS = floats(FEATURES, 4 * UNITS), floats(UNITS, 4 * UNITS), floats(4 * UNITS)


def lstm(z: Any, c: Any, gate: Callable[[Any], Any] = lambda z: z) -> tuple[Any, Any]:
    i, f, g, o = map(gate, tf.split(z, 4, axis=1))
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(c), c


def coupled(z: Any, c: Any) -> tuple[Any, Any]:
    _, f, g, o = tf.split(z, 4, axis=1)
    f = tf.sigmoid(f)
    c = c * f + tf.tanh(g) * (1 - f)
    return tf.tanh(c) * tf.sigmoid(o), c


def leaky(z: Any, c: Any) -> tuple[Any, Any]:
    h, c = lstm(z, c)
    return tf.nn.leaky_relu(h), c


def counted(z: Any, c: Any) -> tuple[Any, Any]:
    i, f, g, o = tf.split(z, 4, axis=1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g) + 0.5
    return tf.sigmoid(o) * tf.tanh(c), c


def normalized(epsilon: float) -> Callable[[Any, Any], tuple[Any, Any]]:
    def gate(z: Any) -> Any:
        mean, variance = tf.nn.moments(z, [-1], keepdims=True)
        return (z - mean) * tf.math.rsqrt(variance + epsilon) * BIAS[:UNITS] + BIAS[UNITS : 2 * UNITS]

    return lambda z, c: lstm(z, c, gate)


@dataclass(frozen=True)
class Loop:
    """A loop of one's own: its step, how it takes rows, whether it counts down, whether the products have a bias; what
    the note says of one that stays."""

    step: Callable[[Any, Any], tuple[Any, Any]]
    joined: bool = False
    backwards: bool = False
    bias: bool = True
    stays: str = ""


LOOPS = {
    "plain": Loop(lstm),
    "joined": Loop(lstm, joined=True),
    "backwards": Loop(lstm, backwards=True),
    "coupled": Loop(coupled),
    "layer_norm": Loop(normalized(1e-8), bias=False),
    "layer_norm-bias": Loop(normalized(1e-8), stays="bias before its layer normalization"),
    "layer_norm-epsilon": Loop(normalized(1e-3), bias=False, stays="epsilon"),
    "leaky": Loop(leaky, stays="not o * tanh(c)"),
    "counted": Loop(counted, stays="none is f * c + i * g"),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_loop_of_ones_own(loop: Loop) -> None:
    @tf.function(input_signature=[tf.TensorSpec((1, STEPS, FEATURES), name="x")])
    def model(x: Any) -> Any:
        def body(t: Any, h: Any, c: Any, outputs: Any) -> Any:
            place = STEPS - 1 - t if loop.backwards else t
            row = x[:, place]
            bias = BIAS if loop.bias else np.zeros_like(BIAS)
            if loop.joined:
                z = tf.concat([row, h], 1) @ np.concatenate([KERNEL, RECURRENT]) + bias
            else:
                z = row @ KERNEL + (h @ RECURRENT + bias)
            h, c = loop.step(z, c)
            return t + 1, h, c, outputs.write(place, h)

        outputs = tf.TensorArray(tf.float32, STEPS, element_shape=(1, UNITS))
        zeros = tf.zeros((1, UNITS))
        *_, outputs = tf.while_loop(lambda t, *_: t < STEPS, body, (0, zeros, zeros, outputs))
        return tf.transpose(outputs.stack(), [1, 0, 2])

    made = litesmith.convert(model, rnn="fused")
    assert ("WHILE" in made.operators) == bool(loop.stays), made.notes
    assert loop.stays in "".join(made.notes)
    check(made, model, 1)


@pytest.mark.parametrize(
    ("form", "operator"), [("fused", LSTM), ("loop", "WHILE"), ("unrolled", "UNPACK"), ("auto", "UNPACK")]
)
def test_the_drop_in_converter_takes_the_form(form: str, operator: str) -> None:
    @tf.function(input_signature=[tf.TensorSpec((1, STEPS, FEATURES), name="x")])
    def model(x: Any) -> Any:
        def body(t: Any, h: Any, c: Any) -> Any:
            h, c = lstm(x[:, t] @ KERNEL + h @ RECURRENT + BIAS, c)
            return t + 1, h, c

        _, h, _ = tf.while_loop(lambda t, *_: t < STEPS, body, (0, tf.zeros((1, UNITS)), tf.zeros((1, UNITS))))
        return h

    converter = litesmith.TFLiteConverter.from_concrete_functions([model.get_concrete_function()])
    converter.rnn = form
    made = converter.to_model()
    assert operator in made.operators
    check(made, model, 1)


def test_each_signature_has_states_of_its_own() -> None:
    def function(batch: int, scale: float) -> Any:
        @tf.function(input_signature=[tf.TensorSpec((batch, STEPS, FEATURES), name="x")])
        def model(x: Any) -> Any:
            def body(t: Any, h: Any, c: Any) -> Any:
                h, c = lstm(scale * x[:, t] @ KERNEL + h @ RECURRENT + BIAS, c)
                return t + 1, h, c

            start = (0, tf.zeros((batch, UNITS)), tf.zeros((batch, UNITS)))
            return {"y": tf.while_loop(lambda t, *_: t < STEPS, body, start)[1]}

        return model

    models = {"first": function(1, 1.0), "second": function(2, 0.5)}
    concrete = [m.get_concrete_function() for m in models.values()]
    made = litesmith.convert(concrete, rnn="fused")
    assert made.operators[LSTM] == 2
    runner = Runner(made.content)
    keys = [s.key for s in runner.signatures]
    for _ in range(3):
        for key, (model, batch) in zip(keys, zip(models.values(), (1, 2), strict=True), strict=True):
            x = floats(batch, STEPS, FEATURES)
            (got,) = runner.run([x], key).values()
            assert compare(got, model(x)["y"].numpy(), 1e-5).passed
