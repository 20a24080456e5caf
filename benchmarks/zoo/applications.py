"""The keras.applications models, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import applications as apps

from benchmarks.zoo.entry import Entry, Options, image
from benchmarks.zoo.keras_entry import keras_entry
from benchmarks.zoo.weights import double_variance

UNIT = image(-1.0, 1.0)
BYTES = image(0.0, 255.0)


@dataclass(frozen=True)
class Application:
    """size: the published input size; small: the size and extra arguments of the quick variant."""

    name: str
    make: Callable[..., keras.Model]
    size: int = 224
    small: int = 64
    small_arguments: tuple[tuple[str, Any], ...] = ()
    bytes_in: bool = False
    big: bool = True
    prepare: Callable[[keras.Model], None] | None = None

    def model(self, options: Options) -> keras.Model:
        size = self.small if options.small else self.size
        arguments = dict(self.small_arguments) | {"classes": 10} if options.small else {}
        tensor = keras.Input(batch_shape=(options.batch, size, size, 3), name="image")
        return self.make(weights=None, input_tensor=tensor, **arguments)

    def entry(self) -> Entry:
        sampler = BYTES if self.bytes_in else UNIT
        return keras_entry(self.name, self.model, {"": sampler}, prepare=self.prepare, big=self.big)


APPLICATIONS = (
    Application("mobilenet", apps.MobileNet, small_arguments=(("alpha", 0.25),), big=False),
    Application("mobilenet_v2", apps.MobileNetV2, small_arguments=(("alpha", 0.35),), big=False),
    Application(
        "mobilenet_v3_small", apps.MobileNetV3Small, small_arguments=(("alpha", 0.75),), bytes_in=True, big=False
    ),
    Application("efficientnet_b0", apps.EfficientNetB0, bytes_in=True),
    Application("efficientnet_v2_b0", apps.EfficientNetV2B0, bytes_in=True),
    Application("resnet50_v2", apps.ResNet50V2),
    Application("densenet121", apps.DenseNet121),
    Application("inception_v3", apps.InceptionV3, size=299, small=96),
    Application("nasnet_mobile", apps.NASNetMobile),
    Application("xception", apps.Xception, size=299, small=96),
    Application("convnext_tiny", apps.ConvNeXtTiny, bytes_in=True),
    Application("vgg16", apps.VGG16, prepare=double_variance),
)

ENTRIES = tuple(application.entry() for application in APPLICATIONS)
