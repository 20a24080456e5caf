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


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in applications()])
def test_application(name: str) -> None:
    made = model(name)
    low, high = (0, 255) if name.startswith(BYTES_IN) else (-1, 1)
    images = np.random.default_rng(0).uniform(low, high, (4, *made.input_shape[1:])).astype(np.float32)
    if name.startswith("VGG"):
        double_variance(made)
    for layer in made.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0  # statistics measured under dropout do not fit the inference
    randomize(made, images, branches=0.25, shift=0.3)
    converted = litesmith.convert(made)
    expected = [np.asarray(made(images, training=False))]
    assert np.ptp(expected[0]) > 0.05
    check_answers(converted.content, images, expected, DEEP if name.startswith(DEEP_MODELS) else TOLERANCE)


def test_every_application_is_listed() -> None:
    assert len(applications()) >= 38
