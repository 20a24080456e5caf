"""All of keras.applications, with random weights and statistics, on whichever backend is active."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest

import litesmith
from benchmarks.zoo.weights import double_variance, randomize
from tests.keras.parity import check_answers

QUICK = ("MobileNetV2",)
SIZE = 64
SIZES = {"InceptionV3": 96, "InceptionResNetV2": 96, "Xception": 96}
BYTES_IN = ("EfficientNet", "ConvNeXt", "MobileNetV3")
TOLERANCE = 1e-5
DEEP = 5e-5
"""What the rounding of more than a hundred float layers in a row amounts to."""

DEEP_MODELS = (
    "DenseNet", "EfficientNet", "InceptionResNetV2", "NASNet", "ResNet", "MobileNet", "Xception", "InceptionV3",
)  # fmt: skip


def applications() -> list[str]:
    """Names of every model function."""
    module = keras.applications
    return [n for n in dir(module) if n[0].isupper() and inspect.isfunction(getattr(module, n))]


def model(name: str) -> keras.Model:
    """The application at a small size, with ten classes."""
    size = SIZES.get(name, SIZE)
    return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)


def set_statistics(made: keras.Model, images: np.ndarray) -> None:
    """Random statistics near those of fresh layers, and a classifier whose answers differ.

    Statistics measured on a few images (see `randomize`) make the gates of the EfficientNets so steep that Keras itself
    answers a change of the input in its last bit with another class.
    """
    rng = np.random.default_rng(1)
    for layer in made.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.gamma.shape
            layer.gamma.assign(rng.uniform(0.8, 1.2, size))
            layer.beta.assign(rng.normal(0.0, 0.1, size))
            layer.moving_mean.assign(rng.normal(0.0, 0.1, size))
            layer.moving_variance.assign(rng.uniform(0.8, 1.25, size))
    last = made.layers[-1]
    features = np.asarray(keras.Model(made.inputs, last.input)(images, training=False))
    spread = float(np.std(features @ np.asarray(last.kernel), axis=-1).mean())
    last.kernel.assign(np.asarray(last.kernel) * (1.5 / max(spread, 1e-6)))


def weights(name: str, made: keras.Model, images: np.ndarray) -> None:
    """Weights that show in the answer without turning rounding into noise."""
    if name.startswith("EfficientNet"):
        set_statistics(made, images)
        return
    if name.startswith("VGG"):
        double_variance(made)
    randomize(made, images, branches=0.25, shift=0.3)


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in applications()])
def test_application(name: str) -> None:
    made = model(name)
    low, high = (0, 255) if name.startswith(BYTES_IN) else (-1, 1)
    images = np.random.default_rng(0).uniform(low, high, (4, *made.input_shape[1:])).astype(np.float32)
    weights(name, made, images)
    converted = litesmith.convert(made)
    expected = [np.asarray(made(images, training=False))]
    assert np.ptp(expected[0]) > 0.05
    check_answers(converted.content, images, expected, DEEP if name.startswith(DEEP_MODELS) else TOLERANCE)


def test_every_application_is_listed() -> None:
    assert len(applications()) >= 38
