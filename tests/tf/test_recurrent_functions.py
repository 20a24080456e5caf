"""Functions that stand for a recurrent layer by their name: what they become, and what is said where they do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.errors import ConverterError
from litesmith.runtime import Runner, compare

tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.tf

FEATURES, CELLS, OUTPUTS, STEPS = 3, 5, 2, 6
LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
RNG = np.random.default_rng(9)


def floats(*shape: int) -> np.ndarray:
    return RNG.uniform(-0.9, 0.9, shape).astype(np.float32)


WEIGHT, BIAS, PROJECTION = floats(FEATURES + OUTPUTS, 4 * CELLS), floats(4 * CELLS), floats(CELLS, OUTPUTS)
SCALE = floats(4 * CELLS)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def cell_step(x: Any, h: Any, c: Any, normalized: bool = False) -> tuple[Any, Any]:
    """The contract, in NumPy: gates in the order cell, input, forget, output."""
    z = np.split(np.concatenate([x, h], 1) @ WEIGHT, 4, axis=1)
    if normalized:
        z = [(v - v.mean(1, keepdims=True)) / np.sqrt(v.var(1, keepdims=True) + 1e-8) for v in z]
        z = [v * s for v, s in zip(z, np.split(SCALE, 4), strict=True)]
    g, i, f, o = (v + b for v, b in zip(z, np.split(BIAS, 4), strict=True))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c) @ PROJECTION, c


def body(order: str = "gifo", normalized: bool = False, epsilon: float = 1e-8) -> Any:
    """One step from zeros."""

    def compute(x: Any, weight: Any, bias: Any, projection: Any, *scale: Any) -> Any:
        z = tf.split(tf.matmul(x, weight[:FEATURES]), 4, axis=1)
        if normalized:
            moments = [tf.nn.moments(v, [1], keepdims=True) for v in z]
            z = [(v - m) / tf.sqrt(s + epsilon) for v, (m, s) in zip(z, moments, strict=True)]
            z = [v * s for v, s in zip(z, tf.split(scale[0], 4), strict=True)]
        gates = dict(zip(order, [v + b for v, b in zip(z, tf.split(bias, 4), strict=True)], strict=True))
        c = tf.sigmoid(gates["i"]) * tf.tanh(gates["g"])
        return tf.matmul(tf.sigmoid(gates["o"]) * tf.tanh(c), projection)

    return compute


def nothing(x: Any, *rest: Any) -> Any:
    return tf.zeros([x.shape[0], OUTPUTS])


def model_of(name: str, compute: Any, batch: int | None = 1, weight: np.ndarray = WEIGHT) -> Any:
    function = tf.function(compute, experimental_implements=name)
    rest = [weight, BIAS, PROJECTION, *([SCALE] if "Normalized" in name else [])]
    spec = tf.TensorSpec([batch, FEATURES], tf.float32, name="x")
    return tf.function(lambda x: {"y": function(x, *map(tf.constant, rest))}, input_signature=[spec])


NAMES = {
    "LSTMCellSimple": False,
    "lingvo.LSTMCellSimple": False,
    "LayerNormalizedLstmCellSimple": True,
    "lingvo.LayerNormalizedLstmCellSimple": True,
}


@pytest.mark.parametrize("batch", [1, 3, None])
@pytest.mark.parametrize(("name", "normalized"), NAMES.items())
def test_a_body_that_is_the_cell(name: str, normalized: bool, batch: int | None) -> None:
    model = model_of(name, body(normalized=normalized), batch)
    for form, operators in (("fused", {LSTM}), ("auto", set()), ("loop", set())):
        made = litesmith.convert(model, rnn=form)
        assert not made.notes
        assert operators == ({LSTM} & set(made.operators))
        for kernels in ("default", "builtin"):
            runner = Runner(made.content, kernels=kernels)
            for size in (2, 1, 3):
                x = floats(batch or size, FEATURES)
                (got,) = runner.run([x]).values()
                wanted, _ = cell_step(x, np.zeros((len(x), OUTPUTS)), np.zeros((len(x), CELLS)), normalized)
                report = compare(got, wanted.astype(np.float32), 1e-5)  # TensorFlow's own rsqrt is 1e-3 from it
                assert report.passed, report


@pytest.mark.parametrize(("name", "normalized"), NAMES.items())
def test_a_body_that_computes_nothing_is_the_operator(name: str, normalized: bool) -> None:
    """Which keeps its state, as the function has none."""
    made = litesmith.convert(model_of(name, nothing, 2), verify=False)
    assert made.operators.get(LSTM) == 1
    for kernels in ("default", "builtin"):
        runner = Runner(made.content, kernels=kernels)
        for _ in range(2):
            h, c = np.zeros((2, OUTPUTS)), np.zeros((2, CELLS))
            for _ in range(4):
                x = floats(2, FEATURES)
                (got,) = runner.run([x]).values()
                h, c = cell_step(x, h, c, normalized)
                report = compare(got, h.astype(np.float32), 1e-5)
                assert report.passed, report
            runner._interpreter.reset_all_variables()


VIOLATIONS = {
    "order of gates": (body("ifgo"), WEIGHT, "gates in the order cell, input, forget, output"),
    "shape": (lambda x, w, b, p: tf.matmul(x, w)[:, :OUTPUTS], WEIGHT[:FEATURES], r"expected \[5, 20\]"),
}


@pytest.mark.parametrize(("compute", "weight", "reason"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_another_body_is_kept_with_the_reason(compute: Any, weight: np.ndarray, reason: str) -> None:
    model = model_of("LSTMCellSimple", compute, weight=weight)
    made = litesmith.convert(model, rnn="fused")
    x = floats(1, FEATURES)
    assert compare(made(x)["y"], np.asarray(model(x)["y"]), 1e-5).passed
    (note,) = made.notes
    assert note.startswith("LSTMCellSimple keeps its body: ")
    assert reason.replace("\\", "") in note


def test_another_epsilon_is_kept() -> None:
    made = litesmith.convert(model_of("LayerNormalizedLstmCellSimple", body(normalized=True, epsilon=1e-5)), rnn="fused")
    assert LSTM not in made.operators
    assert "keeps its body" in made.notes[0]


def test_what_computes_nothing_and_does_not_fit_is_refused() -> None:
    with pytest.raises(ConverterError, match=r"weight of LSTMCellSimple is .*expected \[5, 20\]"):
        litesmith.convert(model_of("LSTMCellSimple", nothing, weight=WEIGHT[1:]))
    with pytest.raises(ConverterError, match="a stateful layer has a batch of known size"):
        litesmith.convert(model_of("LSTMCellSimple", lambda x, *rest: tf.zeros_like(x)[:, :OUTPUTS], None))


# -- legacy Keras -----------------------------------------------------------------------------------------------------

UNITS = 4
KERNEL, RECURRENT, BIASES = floats(FEATURES, 4 * UNITS), floats(UNITS, 4 * UNITS), floats(4 * UNITS)


def keras_results(x: Any, h: Any, recurrent: Any) -> list[Any]:
    return [h, tf.zeros([x.shape[0], x.shape[1], UNITS]), h, h, tf.constant(0.0)]


def loop_body(x: Any, h: Any, c: Any, kernel: Any, recurrent: Any, bias: Any) -> list[Any]:
    product = (lambda v: tf.tile(v, [1, 4]) * recurrent) if recurrent.shape[0] == 1 else (lambda v: v @ recurrent)

    def step(state: Any, row: Any) -> Any:
        i, f, g, o = tf.split(row @ kernel + product(state[0]) + bias, 4, axis=1)
        c = tf.sigmoid(f) * state[1] + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    def one(i: Any, h: Any, c: Any, outputs: Any) -> Any:
        h, c = step((h, c), tf.gather(x, i, axis=1))
        return i + 1, h, c, outputs.write(i, h)

    steps = tf.shape(x)[1]
    state = (0, tf.convert_to_tensor(h), tf.convert_to_tensor(c), tf.TensorArray(tf.float32, steps, element_shape=h.shape))
    _, h, c, outputs = tf.while_loop(lambda i, *rest: i < steps, one, state)
    return [h, tf.transpose(outputs.stack(), [1, 0, 2]), h, c, tf.constant(0.0)]


def placeholder(x: Any, h: Any, c: Any, *rest: Any) -> list[Any]:
    zeros = tf.zeros([1, UNITS])
    return [zeros, tf.zeros([1, STEPS, UNITS]), zeros, zeros, tf.constant(0.0)]


def keras_model(name: str, compute: Any, recurrent: np.ndarray, **attributes: bool) -> Any:
    function = tf.function(
        compute, autograph=False, experimental_attributes={"api_implements": name, "time_major": False, **attributes}
    )

    @tf.function(input_signature=[tf.TensorSpec([1, STEPS, FEATURES], tf.float32, name="x")], autograph=False)
    def model(x: Any) -> Any:
        h = tf.reduce_mean(x, axis=1) @ KERNEL[:, :UNITS]
        last, outputs, h, c, _ = function(x, h, 0.5 * h, *map(tf.constant, (KERNEL, recurrent, BIASES)))
        return {"c": c, "h": h, "last": last, "outputs": outputs}

    return model


KERAS = {"lstm_1234": RECURRENT, "indy_lstm_1234": RECURRENT[:1]}


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("name", "recurrent"), KERAS.items(), ids=KERAS)
def test_keras_functions(name: str, recurrent: np.ndarray, backwards: bool) -> None:
    right = keras_model("none", loop_body, recurrent)
    sources = [keras_model(name, placeholder, recurrent, go_backwards=backwards)]
    if not backwards:
        sources.append(keras_model(name, loop_body, recurrent))
    for source in sources:
        for form in ("fused", "auto"):
            made = litesmith.convert(source, rnn=form, verify=False)
            assert (LSTM in made.operators) == (form == "fused"), made.notes
            runner = Runner(made.content)
            for _ in range(3):
                x = floats(1, STEPS, FEATURES)
                wanted = right(x) if not backwards else backwards_results(x, recurrent)
                for key, got in runner.run([x]).items():
                    report = compare(got, np.asarray(wanted[key]), 1e-5)
                    assert report.passed, f"{key}: {report}"


def backwards_results(x: np.ndarray, recurrent: np.ndarray) -> dict[str, Any]:
    h = x.mean(1) @ KERNEL[:, :UNITS]
    last, outputs, h, c, _ = loop_body(tf.constant(x[:, ::-1]), h, 0.5 * h, KERNEL, tf.constant(recurrent), BIASES)
    return {"c": c, "h": h, "last": last, "outputs": outputs}


def test_a_keras_function_that_does_not_fit() -> None:
    with pytest.raises(ConverterError, match=r"kernel of an LSTM of 3 units .* expected \[3, 12\]"):
        litesmith.convert(keras_model("lstm_1", placeholder, RECURRENT[:3]))
