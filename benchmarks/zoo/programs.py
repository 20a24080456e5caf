"""TensorFlow programs written by hand: several signatures, captures, control flow, state, channels first."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from benchmarks.zoo.entry import Entry, Options, integers
from benchmarks.zoo.keras_entry import SEED, write
from benchmarks.zoo.weights import randomize

Specs = Mapping[str, tf.TensorSpec]


def _weights(*shape: int, seed: int) -> np.ndarray:
    """He-scaled normal weights."""
    fan_in = int(np.prod(shape[:-1])) or 1
    return (np.random.default_rng(SEED + seed).standard_normal(shape) * np.sqrt(2.0 / fan_in)).astype(np.float32)


def _variable(*shape: int, seed: int) -> tf.Variable:
    return tf.Variable(_weights(*shape, seed=seed))


def _save(module: tf.Module, directory: str, functions: Mapping[str, tuple[Callable[..., Any], Specs]]) -> None:
    """Save ``module`` with one signature for each function."""
    signatures = {key: tf.function(fn).get_concrete_function(**specs) for key, (fn, specs) in functions.items()}
    tf.saved_model.save(module, directory, signatures=signatures)


def _f32(*shape: int | None, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32, name=name)


class AutoEncoder(tf.Module):
    """Tied weights used by an ``encode`` and a ``decode`` signature."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = _variable(32, 8, seed=1)
        self.encode_bias = _variable(8, seed=2)
        self.decode_bias = _variable(32, seed=3)

    def encode(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"code": tf.nn.tanh(x @ self.kernel + self.encode_bias)}

    def decode(self, code: tf.Tensor) -> dict[str, tf.Tensor]:
        x = tf.matmul(code, self.kernel, transpose_b=True) + self.decode_bias
        return {"x": x, "norm": tf.norm(x, axis=-1)}


def two_signatures(directory: str, options: Options) -> None:
    module = AutoEncoder()
    _save(
        module,
        directory,
        {
            "encode": (module.encode, {"x": _f32(options.batch, 32, name="x")}),
            "decode": (module.decode, {"code": _f32(options.batch, 8, name="code")}),
        },
    )


def captures_only(directory: str, options: Options) -> None:
    """A Keras 3 model saved with a function of the caller's: no attribute of the object graph names its variables."""
    keras.utils.set_random_seed(SEED)
    inputs = keras.Input(batch_shape=(options.batch, 28, 28, 1), name="image")
    x = layers.Conv2D(8, 3, strides=2)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dense(10, activation="softmax")(layers.Flatten()(x))
    model = keras.Model(inputs, x)
    randomize(model, np.random.default_rng(SEED).standard_normal((4, 28, 28, 1)).astype(np.float32))

    @tf.function(input_signature=[_f32(options.batch, 28, 28, 1, name="image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": model(image, training=False)}

    tf.saved_model.save(model, directory, signatures=serve)


class Steps(tf.Module):
    """Functional While, If and Case around shared weights."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(0.6 * _weights(8, 8, seed=4))
        self.bias = _variable(8, seed=5)

    def repeat(self, x: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
        def body(i: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return i + 1, tf.tanh(y @ self.kernel + self.bias)

        return tf.while_loop(lambda i, _: i < n, body, (tf.constant(0), x))[1]

    def choose(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cond(
            tf.reduce_sum(x) > 0.0, lambda: tf.nn.relu(x @ self.kernel), lambda: tf.exp(-tf.abs(x)) + self.bias
        )

    def switch(self, x: tf.Tensor, branch: tf.Tensor) -> tf.Tensor:
        cases = [lambda: x * 2.0, lambda: x @ self.kernel, lambda: tf.sigmoid(x) + self.bias]
        return tf.switch_case(branch, cases)

    def all(self, x: tf.Tensor, n: tf.Tensor, branch: tf.Tensor) -> dict[str, tf.Tensor]:
        """Nested: a case and a cond inside the loop."""

        def body(i: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return i + 1, self.choose(self.switch(y, branch))

        steps, y = tf.while_loop(lambda i, _: i < n, body, (tf.constant(0), x))
        return {"y": y, "steps": steps}


_SCALAR = tf.TensorSpec([], tf.int32)
_STEP_INPUTS: dict[str, tuple[str, ...]] = {
    "repeat": ("x", "n"),
    "choose": ("x",),
    "switch": ("x", "branch"),
    "all": ("x", "n", "branch"),
}


def _steps(method: str) -> Callable[[str, Options], None]:
    def save(directory: str, options: Options) -> None:
        module = Steps()
        specs = {name: _SCALAR if name != "x" else _f32(options.batch, 8, name="x") for name in _STEP_INPUTS[method]}
        _save(module, directory, {"serving_default": (getattr(module, method), specs)})

    return save


class Counter(tf.Module):
    """Keeps a running total and a number of calls."""

    def __init__(self) -> None:
        super().__init__()
        self.total = tf.Variable(np.linspace(-1, 1, 4), dtype=tf.float32)
        self.calls = tf.Variable(0)
        self.scale = tf.Variable(0.5)

    def add(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        self.total.assign_add(self.scale * x)
        calls = self.calls.assign_add(1)
        return {"total": self.total.read_value(), "calls": tf.identity(calls)}

    def peek(self) -> dict[str, tf.Tensor]:
        return {"total": self.total.read_value() + 0.0}


def counter(directory: str, options: Options) -> None:
    module = Counter()
    _save(module, directory, {"serving_default": (module.add, {"x": _f32(4, name="x")})})


def counter_two_signatures(directory: str, options: Options) -> None:
    """State written by one signature and read by the other."""
    module = Counter()
    _save(module, directory, {"add": (module.add, {"x": _f32(4, name="x")}), "peek": (module.peek, {})})


class ChannelsFirst(tf.Module):
    """A residual convolution network, channels first throughout or channels last with the same weights."""

    def __init__(self, layout: str) -> None:
        super().__init__()
        self.layout = layout
        self.stem = _variable(3, 3, 3, 16, seed=6)
        self.depthwise = _variable(3, 3, 16, 1, seed=7)
        self.point = _variable(1, 1, 16, 16, seed=8)
        self.bias = tf.Variable(0.1 * _weights(16, seed=9))
        rng = np.random.default_rng(SEED)
        self.norm = [
            tf.Variable(v.astype(np.float32))
            for v in (
                rng.uniform(0.6, 1.4, 16),
                rng.normal(0, 0.3, 16),
                rng.normal(0, 0.3, 16),
                rng.uniform(0.5, 1.5, 16),
            )
        ]
        self.head = _variable(16, 10, seed=10)

    def _hw(self, height: int, width: int, outer: int = 1) -> list[int]:
        return [outer, outer, height, width] if self.layout == "NCHW" else [outer, height, width, outer]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        layout = self.layout
        x = tf.nn.conv2d(x, self.stem, self._hw(2, 2), "SAME", data_format=layout)
        x = tf.compat.v1.nn.fused_batch_norm(
            x, self.norm[0], self.norm[1], self.norm[2], self.norm[3], is_training=False, data_format=layout
        )[0]
        x = tf.nn.relu6(x)
        y = tf.nn.depthwise_conv2d(x, self.depthwise, self._hw(1, 1), "SAME", data_format=layout)
        y = tf.nn.conv2d(y, self.point, self._hw(1, 1), "VALID", data_format=layout)
        x = x + tf.nn.relu(tf.nn.bias_add(y, self.bias, data_format=layout))
        x = tf.nn.max_pool2d(x, self._hw(3, 3), self._hw(2, 2), "SAME", data_format=layout)
        pads = [[0, 0], [0, 0], [1, 1], [0, 1]] if layout == "NCHW" else [[0, 0], [1, 1], [0, 1], [0, 0]]
        x = tf.nn.avg_pool2d(tf.pad(x, pads), self._hw(2, 2), self._hw(2, 2), "VALID", data_format=layout)
        x = tf.reduce_mean(x, axis=[2, 3] if layout == "NCHW" else [1, 2])
        return x @ self.head


def nchw(directory: str, options: Options) -> None:
    module = ChannelsFirst("NCHW")
    _save(module, directory, {"serving_default": (module.__call__, {"x": _f32(options.batch, 3, 32, 32, name="x")})})


def nchw_keras(directory: str, options: Options) -> None:
    """The same question asked through Keras layers with data_format="channels_first".

    No layer has as many channels as columns: Keras then writes a BiasAdd over the columns, which TensorFlow's graph
    optimizer fuses into the convolution as if it were over the channels, so that the reference would be in doubt.
    """
    keras.utils.set_random_seed(SEED)
    first = {"data_format": "channels_first"}
    inputs = keras.Input(batch_shape=(options.batch, 3, 32, 32), name="image")
    x = layers.Conv2D(12, 3, strides=2, padding="same", **first)(inputs)
    x = layers.ReLU()(layers.BatchNormalization(axis=1)(x))
    x = layers.ReLU()(layers.SeparableConv2D(24, 3, padding="same", **first)(x))
    x = layers.GlobalAveragePooling2D(**first)(layers.MaxPooling2D(**first)(x))
    model = keras.Model(inputs, layers.Dense(10)(x))
    randomize(model, np.random.default_rng(SEED).standard_normal((4, 3, 32, 32)).astype(np.float32))
    write(model, directory, options)


KWS = Path("/work/shared/models/mlperf_tiny/kws_ref_model")


def kws_reference(directory: str, options: Options) -> None:
    """MLPerf Tiny's own keyword-spotting SavedModel, found beside the project (see ``KWS``)."""
    source = next((p for p in (_shared_models() / "kws_ref_model", KWS) if p.is_dir()), None)
    if source is None:
        raise FileNotFoundError("kws_ref_model is not at hand")
    shutil.copytree(source, directory, dirs_exist_ok=True)
    for path in Path(directory).rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _shared_models() -> Path:
    return Path(__file__).resolve().parents[3] / "shared" / "models" / "mlperf_tiny"


# No iteration at all, and branches that do not exist, are among them.
STEP_SAMPLERS = {"n": integers(0, 5), "branch": integers(-1, 5)}
ENTRIES: tuple[Entry, ...] = (
    Entry("two_signatures", two_signatures),
    Entry("captures_only", captures_only),
    Entry("while_loop", _steps("repeat"), STEP_SAMPLERS, variations=8),
    Entry("cond", _steps("choose"), STEP_SAMPLERS, variations=8),
    Entry("switch_case", _steps("switch"), STEP_SAMPLERS, variations=8),
    Entry("control_flow", _steps("all"), STEP_SAMPLERS | {"n": integers(0, 3)}, variations=8),
    Entry("counter", counter, stateful=True, batched=False),
    Entry("counter_two_signatures", counter_two_signatures, stateful=True, batched=False),
    Entry("nchw", nchw),
    Entry("nchw_keras", nchw_keras),
    Entry("kws_ref_model", kws_reference, batched=False),
)
