"""All of keras.applications, with random weights and statistics, on whichever backend is active."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest

import litesmith
from benchmarks.zoo.weights import double_variance, randomize
from tests.keras.parity import check_answers

QUICK = ("EfficientNetV2B0", "MobileNet", "MobileNetV2", "MobileNetV3Small", "VGG16")
QUICK_ON_TENSORFLOW = (
    "ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "InceptionV3", "ResNet50", "ResNet50V2", "Xception",
)  # fmt: skip
"""The smallest of each family, where it takes less than 10 seconds: JAX compiles the model, twice."""

SIZE = 64
SIZES = {"InceptionV3": 96, "InceptionResNetV2": 96, "Xception": 96}
BYTES_IN = ("EfficientNet", "ConvNeXt", "MobileNetV3")
TOLERANCE = 1e-5


@pytest.fixture(autouse=True)
def _drawn_by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same initial weights on every backend, without one compilation for each shape on JAX."""
    initial_weights(monkeypatch.setattr)


def initial_weights(replace: Callable[[Any, str, Any], None]) -> None:
    """Has kernels drawn by NumPy, as Glorot does."""
    rng = np.random.default_rng(7)

    def draw(_: Any, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        window = int(np.prod(shape[:-2]))
        deviation = np.sqrt(2 / (window * sum(shape[-2:])))
        return rng.normal(0.0, deviation, shape).astype(dtype or "float32")

    for kind in (keras.initializers.VarianceScaling, keras.initializers.TruncatedNormal):
        replace(kind, "__call__", draw)


def applications() -> list[str]:
    """Names of every model function."""
    module = keras.applications
    return [n for n in dir(module) if n[0].isupper() and inspect.isfunction(getattr(module, n))]


def model(name: str) -> keras.Model:
    """The application at a small size, with ten classes."""
    size = SIZES.get(name, SIZE)
    return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)


def answers(made: keras.Model, images: np.ndarray) -> np.ndarray:
    """What the model says to the images, compiled as ``predict`` does."""
    made.compile(jit_compile=keras.backend.backend() == "jax")
    return np.asarray(made.predict(images, verbose=0))


def weights(name: str, made: keras.Model, images: np.ndarray) -> None:
    """Weights that show in the answer without turning rounding into noise."""
    if name.startswith("VGG"):
        double_variance(made)
    randomize(made, images, branches=0.25, shift=0.3, pooled=True)


def rows() -> list[Any]:
    """Names of the applications; those that are not quick on this backend are marked slow."""
    quick = QUICK + (QUICK_ON_TENSORFLOW if keras.backend.backend() == "tensorflow" else ())
    return [n if n in quick else pytest.param(n, marks=pytest.mark.slow) for n in applications()]


@pytest.mark.parametrize("name", rows())
def test_application(name: str) -> None:
    made = model(name)
    low, high = (0, 255) if name.startswith(BYTES_IN) else (-1, 1)
    images = np.random.default_rng(0).uniform(low, high, (4, *made.input_shape[1:])).astype(np.float32)
    weights(name, made, images)
    converted = litesmith.convert(made)
    expected = [answers(made, images)]
    assert np.ptp(expected[0]) > 0.05
    check_answers(converted.content, images, expected, TOLERANCE)


def test_every_application_is_listed() -> None:
    assert len(applications()) >= 38
