"""Multiply-adds and parameters of known architectures, as published."""

from __future__ import annotations

import pytest

keras = pytest.importorskip("keras")
import litesmith  # noqa: E402
from litesmith.analyze import analyze_program  # noqa: E402

pytestmark = pytest.mark.keras

PUBLISHED = {
    "MobileNet": (569e6, 4_253_864),
    "MobileNetV2": (300.8e6, 3_538_984),
    "MobileNetV3Small": (56.5e6, 2_554_968),
    "MobileNetV3Large": (217e6, 5_507_432),
    "EfficientNetB0": (385.9e6, 5_330_571),
    "DenseNet121": (2.834e9, 8_062_504),
    "NASNetMobile": (564e6, 5_326_716),
    "ResNet50": (3.86e9, 25_636_712),
    "VGG16": (15.47e9, 138_357_544),
    "VGG19": (19.63e9, 143_667_240),
    "InceptionV3": (5.71e9, 23_851_784),
}
"""Multiply-adds by the papers or, where those round, by counts of the layers; parameters by Keras' documentation."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures(name: str) -> None:
    multiply_adds, parameters = PUBLISHED[name]
    model = getattr(keras.applications, name)(weights=None)
    size = [d or 224 for d in model.input_shape[1:]]
    program = litesmith.convert(model, input_shapes={model.inputs[0].name: [1, *size]}, verify=False).program
    report = analyze_program(program)
    assert report.multiply_adds == pytest.approx(multiply_adds, rel=0.01)
    assert model.count_params() == pytest.approx(parameters, rel=0.01)
    statistics = sum(w.shape[0] for layer in model.layers for w in layer.weights if "moving" in w.path or "gamma" in w.path)
    assert report.weights.parameters == pytest.approx(model.count_params() - statistics, rel=0.01)
