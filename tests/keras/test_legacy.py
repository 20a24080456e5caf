"""Models of legacy Keras 2 (the ``tf_keras`` package), in memory and from its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from tests.keras.parity import BACKEND, f32, ints, randomize

if BACKEND != "tensorflow":
    pytest.skip("legacy Keras runs on TensorFlow", allow_module_level=True)
tf = pytest.importorskip("tensorflow")
old = pytest.importorskip("tf_keras")
L = old.layers
pytestmark = pytest.mark.tf

SERIES = (5, 4)
IMAGE = (8, 8, 3)
TOLERANCE = 1e-5


class Scaled(L.Layer):
    """A custom layer with a weight of its own."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=shape[-1:], initializer="ones")

    def call(self, x: Any) -> Any:
        return tf.nn.relu(x) * self.scale


class Cell(L.Layer):
    """A custom recurrent cell."""

    state_size = 3
    output_size = 3

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(shape[-1] + 3, 3))

    def call(self, x: Any, states: Any) -> Any:
        new = tf.tanh(tf.concat([x, states[0]], -1) @ self.kernel)
        return new, [new]


class Block(L.Layer):
    """A layer that holds others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.first, self.second = L.Dense(4, activation="relu", name="first"), L.Dense(4, name="second")

    def call(self, x: Any, training: bool = False) -> Any:
        return x + self.second(self.first(x))


class Subclassed(old.Model):
    """A subclassed model with two inputs in a dict and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.norm, self.head = Block(name="block"), L.BatchNormalization(), L.Dense(2, name="head")

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = self.norm(self.block(inputs["x"]), training=training)
        return {"sum": x + inputs["y"], "head": self.head(x)}


def sequential(*layers: Any, shape: Any = (4,), dtype: str = "float32") -> Any:
    return old.Sequential([old.Input(shape, dtype=dtype), *layers])


def branches() -> Any:
    left, right = old.Input((4,), name="left"), old.Input((4,), name="right")
    shared = L.Dense(3, name="shared")
    return old.Model([left, right], [L.Add(name="sum")([shared(left), shared(right)]), L.Dot(1, name="dot")([left, right])])


def operators() -> Any:
    x = old.Input((4,))
    return old.Model(x, tf.reduce_mean(tf.sigmoid(x * 2.0 + 1.0)[:, 1:], axis=-1, keepdims=True))


def normalization() -> Any:
    layer = L.Normalization()
    layer.adapt(f32(20, 4))
    return sequential(layer)


def subclassed() -> Any:
    model = Subclassed()
    model({"x": f32(2, 4), "y": f32(2, 4)})
    return model


@dataclass(frozen=True)
class Legacy:
    """make: the model. inputs: its input shape or arrays. file: whether Keras 3 can read it from a file too."""

    name: str
    make: Callable[[], Any]
    inputs: Any = (4,)
    file: bool = True
    custom: tuple[type, ...] = field(default=())


MODELS = (
    Legacy("sequential", lambda: sequential(L.Dense(3, activation="relu"), L.BatchNormalization(), L.Dense(2))),
    Legacy("convolutional", lambda: sequential(
        L.Conv2D(4, 3, padding="same"), L.BatchNormalization(), L.ReLU(6.0), L.DepthwiseConv2D(3, 2), L.MaxPooling2D(),
        L.Flatten(), L.Dropout(0.5), L.Dense(3, activation="softmax"), shape=IMAGE), IMAGE),
    Legacy("functional", branches, [f32(2, 4), f32(2, 4)[::-1]]),
    Legacy("operators", operators),
    Legacy("subclassed", subclassed, {"x": f32(2, 4), "y": f32(2, 4)}, file=False),
    Legacy("custom-layer", lambda: sequential(Scaled()), custom=(Scaled,), file=False),
    Legacy("custom-cell", lambda: sequential(L.RNN(Cell()), shape=SERIES), SERIES, file=False),
    Legacy("LSTM", lambda: sequential(L.LSTM(4, return_sequences=True), L.LSTM(3), shape=SERIES), SERIES),
    Legacy("LSTM-backwards", lambda: sequential(L.LSTM(3, go_backwards=True), shape=(None, 4)), SERIES),
    Legacy("LSTM-masked", lambda: sequential(L.Masking(), L.LSTM(3), shape=SERIES), f32(2, *SERIES) * np.float32([1, 1, 0, 1, 0])[:, None]),
    Legacy("GRU", lambda: sequential(L.GRU(4, return_sequences=True), L.GRU(3, reset_after=False), shape=SERIES), SERIES),
    Legacy("SimpleRNN", lambda: sequential(L.SimpleRNN(4), shape=SERIES), SERIES),
    Legacy("Bidirectional", lambda: sequential(L.Bidirectional(L.LSTM(3)), shape=SERIES), SERIES),
    Legacy("ConvLSTM2D", lambda: sequential(L.ConvLSTM2D(2, 3), shape=(3, 6, 6, 2)), (3, 6, 6, 2)),
    Legacy("TimeDistributed", lambda: sequential(L.TimeDistributed(L.Dense(3)), shape=SERIES), SERIES),
    Legacy("embedding", lambda: sequential(L.Embedding(10, 4), L.GlobalAveragePooling1D(), shape=(6,), dtype="int32"), ints(2, 6)),
    Legacy("attention", lambda: attention(), SERIES),
    Legacy("preprocessing", lambda: sequential(L.Rescaling(1 / 255.0), L.Resizing(4, 5), L.CenterCrop(3, 3), shape=IMAGE), IMAGE),
    Legacy("Normalization", normalization),
    Legacy("CategoryEncoding", lambda: sequential(L.CategoryEncoding(6, output_mode="multi_hot"), shape=(3,), dtype="int32"), ints(2, 3, high=6)),
    Legacy("nested", lambda: sequential(sequential(L.Dense(3), L.Dense(4)), L.Dense(2))),
    Legacy("application", lambda: old.applications.MobileNet(weights=None, input_shape=(32, 32, 3), alpha=0.25, classes=4), (32, 32, 3)),
)  # fmt: skip


def attention() -> Any:
    x = old.Input(SERIES)
    return old.Model(x, L.LayerNormalization()(L.MultiHeadAttention(2, 3)(x, x) + x))


each = pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)


def prepared(row: Legacy) -> tuple[Any, Any]:
    """The model with weights that show, and its inputs."""
    old.backend.clear_session()
    old.utils.set_random_seed(3)
    model = row.make()
    randomize(model)
    return model, f32(2, *row.inputs) if isinstance(row.inputs, tuple) else row.inputs


def check(made: Any, model: Any, inputs: Any) -> None:
    """Raises AssertionError where one of three runs differs from the model."""
    expected = tf.nest.flatten(model(inputs))
    for _ in range(3):
        got = list(made(*tf.nest.flatten(inputs)).values())
        assert len(got) == len(expected)
        for have, want in zip(got, expected, strict=True):
            assert have.shape == want.shape
            np.testing.assert_allclose(have, want, rtol=0, atol=TOLERANCE * max(float(np.ptp(want)), 1e-3))


@each
def test_in_memory(row: Legacy) -> None:
    model, inputs = prepared(row)
    made = litesmith.convert(model)
    assert "FlexOp" not in str(made.operators)
    check(made, model, inputs)


@pytest.mark.parametrize("suffix", (".h5", ".keras"))
@pytest.mark.parametrize("row", [r for r in MODELS if r.file], ids=lambda row: row.name)
def test_from_file(row: Legacy, suffix: str, tmp_path: Path) -> None:
    model, inputs = prepared(row)
    file = tmp_path / f"model{suffix}"
    model.save(file)
    check(litesmith.convert(file), model, inputs)


def without_modules(config: Any) -> Any:
    """A configuration as Keras 2.0 to 2.12 wrote it: objects do not tell where their class lies."""
    if isinstance(config, list):
        return [without_modules(item) for item in config]
    if not isinstance(config, dict):
        return config
    made = {k: without_modules(v) for k, v in config.items() if k not in ("module", "registered_name", "build_config")}
    if str(made.get("class_name")) in ("GlorotUniform", "Zeros", "Orthogonal"):
        made["config"]["dtype"] = "float32"
    dtype = made.get("dtype")
    return made | {"dtype": dtype["config"]["name"]} if isinstance(dtype, dict) else made


def in_wrapped(config: Any) -> Any:
    """The shape of the input stands in a wrapper's layer, too, and in no layer of its own."""
    layers = config["config"]["layers"]
    shape = layers.pop(0)["config"]["batch_input_shape"]
    layers[0]["config"]["batch_input_shape"] = layers[0]["config"]["layer"]["config"]["batch_input_shape"] = shape
    return config


def bare_list(config: Any) -> Any:
    """A Sequential before Keras 2.2.3 is the list of its layers, and so are those it wraps."""
    if isinstance(config, list):
        return [bare_list(item) for item in config]
    if not isinstance(config, dict):
        return config
    made = {key: bare_list(value) for key, value in config.items()}
    if made.get("class_name") == "Sequential":
        shape = made["config"]["layers"].pop(0)["config"]["batch_input_shape"]
        if isinstance(made["config"]["layers"][0]["config"], dict):
            made["config"]["layers"][0]["config"]["batch_input_shape"] = shape
        made["config"] = made["config"]["layers"]
    return made


def with_states() -> Any:
    x, h, c = old.Input(SERIES, name="x"), old.Input((3,), name="h"), old.Input((3,), name="c")
    first = L.LSTM(3, return_sequences=True, return_state=True)(x, initial_state=[h, c])
    return old.Model([x, h, c], L.GRU(3)(first[0], initial_state=first[1]))


def encoder_decoder() -> Any:
    x, y = old.Input(SERIES, name="x"), old.Input((None, 4), name="y")
    _, *states = L.Bidirectional(L.LSTM(3, return_state=True))(x)
    return old.Model([x, y], L.Bidirectional(L.LSTM(3, return_sequences=True))(y, initial_state=states))


HARD = {"recurrent_activation": "hard_sigmoid"}
OLD = (
    *(Legacy(r.name, r.make, r.inputs) for r in MODELS if r.file),
    Legacy("hard-sigmoid", lambda: sequential(L.Bidirectional(L.LSTM(3, **HARD)), shape=SERIES), SERIES),
    Legacy("cell", lambda: sequential(L.RNN(L.LSTMCell(3, **HARD)), shape=SERIES), SERIES),
    Legacy("cells", lambda: sequential(L.RNN([L.LSTMCell(2), L.GRUCell(3)]), shape=SERIES), SERIES),
    Legacy("steps-of-images", lambda: sequential(L.TimeDistributed(L.Conv2D(2, 3)), shape=(2, *IMAGE)), (2, *IMAGE)),
    Legacy("steps-of-models", lambda: sequential(L.TimeDistributed(sequential(L.Dense(3), L.ReLU())), shape=SERIES), SERIES),
    Legacy("initial-state", with_states, [f32(2, *SERIES), f32(2, 3), -f32(2, 3)]),
    Legacy("encoder-decoder", encoder_decoder, [f32(2, *SERIES), f32(2, *SERIES)[:, ::-1]]),
)  # fmt: skip


def rewritten(model: Any, file: Path, edit: Callable[[Any], Any], version: str = "2.9.0") -> Any:
    """Saves the model as an old Keras would have; returns what legacy Keras reads."""
    import h5py

    model.save(file)
    with h5py.File(file, "r+") as opened:
        opened.attrs["model_config"] = json.dumps(edit(without_modules(json.loads(opened.attrs["model_config"]))))
        opened.attrs["keras_version"] = version
    return old.models.load_model(file, compile=False)


@pytest.mark.parametrize("row", OLD, ids=lambda row: row.name)
def test_files_that_name_no_modules(row: Legacy, tmp_path: Path) -> None:
    model, inputs = prepared(row)
    loaded = rewritten(model, tmp_path / "old.h5", lambda config: config)
    check(litesmith.convert(tmp_path / "old.h5"), loaded, inputs)


BARE = (
    Legacy("plain", lambda: sequential(L.LSTM(4), L.Dense(2), shape=SERIES), SERIES),
    Legacy("nested", lambda: sequential(sequential(L.Dense(3), L.Dense(4)), L.Dense(2))),
    Legacy("wrapped", lambda: sequential(L.TimeDistributed(sequential(L.Dense(3), L.ReLU())), shape=SERIES), SERIES),
)


@pytest.mark.parametrize("row", BARE, ids=lambda row: row.name)
def test_sequentials_that_are_lists(row: Legacy, tmp_path: Path) -> None:
    model, inputs = prepared(row)
    loaded = rewritten(model, tmp_path / "old.h5", bare_list, version="2.0.6")
    check(litesmith.convert(tmp_path / "old.h5"), loaded, inputs)


@pytest.mark.parametrize("wrapper", [L.TimeDistributed, L.Bidirectional])
def test_shapes_in_wrapped_layers(wrapper: Any, tmp_path: Path) -> None:
    inner = L.LSTM(2) if wrapper is L.Bidirectional else L.Dense(3)
    model, inputs = prepared(Legacy("wrapped", lambda: sequential(wrapper(inner), shape=SERIES), SERIES))
    loaded = rewritten(model, tmp_path / "old.h5", in_wrapped)
    check(litesmith.convert(tmp_path / "old.h5"), loaded, inputs)


def test_operations_know_their_layers() -> None:
    model = subclassed()
    graph = litesmith.convert(model).program.signatures[0].graph
    layers = [op.origin.layer for op in graph.ops]
    assert "block/first" in layers
    assert "block/second" in layers
    assert set(filter(None, layers)) <= {"block", "block/first", "block/second", "batch_normalization", "head"}


def test_names_and_batch_are_the_models() -> None:
    signature = litesmith.convert(branches()).program.signatures[0]
    assert list(signature.inputs) == ["left", "right"]
    assert list(signature.outputs) == ["sum", "dot"]
    assert all(not isinstance(value.dims[0], int) for value in signature.graph.inputs)


def test_recurrent_layers_are_lowered_whole() -> None:
    model = sequential(L.LSTM(3), shape=(None, 4))
    assert litesmith.convert(model).operators["WHILE"] == 1
