"""The models that are quantized: ``python -m benchmarks.quantization.models NAME DIR [--mlperf DIR]`` builds one.

Digits models are trained for a few seconds; those of MLPerf Tiny have their published weights; the large ones have random
weights with batch-norm statistics measured on natural patches. ``DIR/NAME/`` gets ``saved_model/`` (batch 1),
``calibration.npz`` and ``held.npz`` (arrays whose rows are samples), and labels where there are any. Needs TensorFlow.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quantization import data

CALIBRATING, HELD = 200, 100
CALIBRATING_LARGE, HELD_LARGE = 50, 24
EPOCHS = 12

Model = Any
Built = tuple[Model, np.ndarray, "np.ndarray | None"]


def _train(model: Model, images: np.ndarray, labels: np.ndarray, epochs: int = EPOCHS) -> None:
    import keras

    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, epochs=epochs, batch_size=64, verbose=0)


def _on_digits(make: Callable[[Any, Any], Any], shape: tuple[int, ...]) -> Built:
    import keras

    images, labels = data.digits()
    images = images.reshape(-1, *shape)
    inputs = keras.Input(shape, name="image")
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(make(keras.layers, inputs)))
    kept = CALIBRATING + HELD
    _train(model, images[kept:], labels[kept:])
    return model, images[:kept], labels[:kept]


def _cnn(layers: Any, x: Any) -> Any:
    for width in (16, 32):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D()(x)
    return layers.Dense(64, activation="relu")(layers.Flatten()(x))


def _mlp(layers: Any, x: Any) -> Any:
    x = layers.Dense(128, activation="relu")(x)
    return layers.Dense(64, activation="relu")(x)


def _transformer(layers: Any, x: Any) -> Any:
    x = layers.Dense(32)(x)
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 8)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(32)(layers.Dense(64, activation="gelu")(x)))
    return layers.GlobalAveragePooling1D()(x)


def _lstm(layers: Any, x: Any) -> Any:
    return layers.LSTM(48)(layers.LSTM(48, return_sequences=True)(x))


def _gru(layers: Any, x: Any) -> Any:
    return layers.GRU(48)(x)


def _from_zoo(name: str) -> Built:
    """A model of ``benchmarks.zoo`` with random weights, measured on what it will be quantized with."""
    import keras
    from keras import applications

    from benchmarks.zoo import small
    from benchmarks.zoo.entry import Options
    from benchmarks.zoo.weights import randomize

    count = CALIBRATING_LARGE + HELD_LARGE
    makers: dict[str, tuple[Callable[[], Any], Callable[[], np.ndarray]]] = {
        "mobilenet_v2": (lambda: applications.MobileNetV2(weights=None), lambda: data.patches(count, 224) / 127.5 - 1),
        "mobilenet_v3_small": (lambda: applications.MobileNetV3Small(weights=None), lambda: data.patches(count, 224)),
        "efficientnet_b0": (lambda: applications.EfficientNetB0(weights=None), lambda: data.patches(count, 224)),
        "resnet50_v2": (lambda: applications.ResNet50V2(weights=None), lambda: data.patches(count, 224) / 127.5 - 1),
        "unet": (lambda: small.unet(Options(None)), lambda: data.patches(count, 128) / 127.5 - 1),
        "transformer": (lambda: small.transformer(Options(None)), lambda: data.tokens(count, 64, small.VOCABULARY)),
    }
    keras.utils.set_random_seed(data.SEED)
    make, samples = makers[name]
    model, found = make(), samples()
    branches = 0.2 if name == "efficientnet_b0" else 0.5  # deeper: with larger ones any rounding at all changes its answers
    randomize(model, found[CALIBRATING_LARGE : CALIBRATING_LARGE + 8], branches=branches, pooled=True)
    return model, found, None


MLPERF = {
    "tiny_resnet8": "resnet8_cifar10.h5",
    "tiny_vww": "vww_96.h5",
    "tiny_kws": "kws_ref_model",
    "tiny_ad": "ad01.h5",
}


def _mlperf(name: str, directory: Path) -> Built:
    import tf_keras

    count = CALIBRATING + HELD
    samples: dict[str, Callable[[], np.ndarray]] = {
        "tiny_resnet8": lambda: data.patches(count, 32),
        "tiny_vww": lambda: data.patches(count, 96) / 255,
        "tiny_kws": lambda: data.spectrograms(count, (49, 10, 1), -123.0, 25.0),
        "tiny_ad": lambda: data.spectrograms(count, (640,), -84.0, 14.0),
    }
    return tf_keras.models.load_model(directory / MLPERF[name], compile=False), samples[name](), None


DIGITS: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...]]] = {
    "digits_cnn": (_cnn, (8, 8, 1)),
    "digits_mlp": (_mlp, (64,)),
    "digits_transformer": (_transformer, (8, 8)),
    "digits_lstm": (_lstm, (8, 8)),
    "digits_gru": (_gru, (8, 8)),
}
ZOO = ("mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "resnet50_v2", "unet", "transformer")
NAMES = (*DIGITS, *MLPERF, *ZOO)


def build(name: str, directory: Path, mlperf: Path | None) -> None:
    """Builds a model into ``directory``, which appears only when it is complete."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(data.SEED)
    if name in DIGITS:
        model, samples, labels = _on_digits(*DIGITS[name])
    elif name in MLPERF:
        if mlperf is None:
            raise SystemExit(f"{name} needs the directory of MLPerf Tiny's trained models: --mlperf DIR")
        model, samples, labels = _mlperf(name, mlperf)
    else:
        model, samples, labels = _from_zoo(name)
    partial = directory.with_name(directory.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _save(model, samples, partial / "saved_model")
    calibrating = CALIBRATING_LARGE if name in ZOO else CALIBRATING
    parts = data.split(samples, calibrating)
    np.savez(partial / "calibration.npz", x=parts["calibration"])
    held = {"x": parts["held"]} | ({} if labels is None else {"labels": labels[calibrating:]})
    np.savez(partial / "held.npz", **held)
    shutil.rmtree(directory, ignore_errors=True)
    partial.rename(directory)


def _save(model: Model, samples: np.ndarray, directory: Path) -> None:
    """A signature of one sample, whatever Keras made the model."""
    import tensorflow as tf

    spec = tf.TensorSpec((1, *samples.shape[1:]), tf.as_dtype(samples.dtype), name="x")
    serve = tf.function(lambda x: {"y": model(x, training=False)}, input_signature=[spec])
    kept = tf.Module()  # which owns the variables: the official converter loses those that nothing in the file names
    kept.held = [v if isinstance(v, tf.Variable) else v.value for v in model.variables]
    tf.saved_model.save(kept, str(directory), signatures=serve.get_concrete_function())


def main() -> None:
    """Builds the model named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--mlperf", type=Path)
    arguments = parser.parse_args()
    build(arguments.name, arguments.directory / arguments.name, arguments.mlperf)


if __name__ == "__main__":
    main()
