"""Layers that prepare data: random ones (inference is the identity), images, numbers, categories, text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers as L  # noqa: N812

from tests.keras.parity import Case, check, f32, functional, ints, layer_rows

PIXELS = f32(2, 8, 9, 3, low=0, high=255)
WORDS = np.array([["a", "b"], ["zz", "c"]])
SENTENCES = np.array([["a Hello, b"], ["b b zz a c"]])
TF = ("tensorflow",)

NO_TEXT = r"has no kernel\n\s+Fix: prepare the text outside the model"


def layer(name: str, make: Callable[[], Any], inputs: Any, **options: Any) -> Case:
    """A row: a functional model of one layer."""
    return Case(name, lambda: functional(make(), inputs), inputs, **options)


def _random(name: str, *args: Any, **options: Any) -> Case:
    return layer(name, lambda: getattr(L, name)(*args, **options), PIXELS, at_most=0)


RANDOM = [
    *(_random(name, 0.2) for name in (
        "RandomBrightness", "RandomContrast", "RandomColorDegeneration", "RandomFlip", "RandomGrayscale", "RandomInvert",
        "RandomPerspective", "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomZoom",
    ) if name != "RandomFlip"),
    _random("RandomFlip"),
    _random("RandomHue", 0.2, value_range=(0, 255)),
    _random("RandomTranslation", 0.2, 0.2),
    _random("RandomShear", 0.1, 0.1),
    _random("RandomPosterization", 4),
    *(_random(name) for name in (
        "RandomElasticTransform", "RandomErasing", "RandomGaussianBlur", "AugMix", "RandAugment", "CutMix",
    )),
    _random("RandomColorJitter", value_range=(0, 255)),
    layer("RandomCrop", lambda: L.RandomCrop(4, 5), PIXELS),
    layer("RandomCrop-larger", lambda: L.RandomCrop(12, 12), PIXELS),
    layer("MixUp", lambda: L.MixUp(), PIXELS, at_most=0, backends=TF),
    layer("MixUp-any_batch", lambda: L.MixUp(), PIXELS, backends=("jax",), refused="set its sizes: input_shapes="),
    layer("MaxNumBoundingBoxes", lambda: L.MaxNumBoundingBoxes(5), PIXELS, at_most=0),
]  # fmt: skip

IMAGES = [
    layer("AutoContrast", lambda: L.AutoContrast(), PIXELS),
    Case("Equalization", lambda: L.Equalization(), PIXELS, example=True),
    layer("Solarization", lambda: L.Solarization(), PIXELS, at_most=0),
    layer("Solarization-some", lambda: L.Solarization(threshold_factor=(0.5, 0.5)), PIXELS),
    layer("ContrastLimitedAdaptiveHistogramEqualization", lambda: L.ContrastLimitedAdaptiveHistogramEqualization(),
          f32(2, 16, 16, 3, low=0, high=255)),
    layer("Resizing-bicubic", lambda: L.Resizing(5, 6, interpolation="bicubic"), PIXELS),
    layer("Resizing-area_kept", lambda: L.Resizing(6, 6, pad_to_aspect_ratio=True), PIXELS),
    layer("Resizing-crop", lambda: L.Resizing(6, 6, crop_to_aspect_ratio=True), PIXELS),
    layer("Resizing-antialias", lambda: L.Resizing(4, 4, antialias=True), PIXELS),
    layer("Resizing-first", lambda: L.Resizing(5, 6, data_format="channels_first"), f32(2, 3, 8, 9)),
    layer("CenterCrop-larger", lambda: L.CenterCrop(12, 12), PIXELS),
    layer("CenterCrop-first", lambda: L.CenterCrop(4, 5, data_format="channels_first"), f32(2, 3, 8, 9)),
    layer("Rescaling-ints", lambda: L.Rescaling(1 / 255.0), ints(2, 4, 4, 3, high=255, dtype="uint8")),
]  # fmt: skip

NUMBERS = [
    layer("Normalization-axis", lambda: L.Normalization(axis=-1, mean=[1.0, 2.0], variance=[4.0, 9.0]), (5, 2)),
    layer("Normalization-all", lambda: L.Normalization(axis=None, mean=3.0, variance=2.0), (5, 2)),
    layer("Normalization-invert", lambda: L.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0], invert=True), (2,)),
    layer("Discretization-one_hot", lambda: L.Discretization([-1.0, 0.0, 1.0], output_mode="one_hot"), f32(2, 1)),
    layer("Discretization-multi_hot", lambda: L.Discretization([-1.0, 0.0, 1.0], output_mode="multi_hot"), f32(2, 4)),
    layer("Discretization-count", lambda: L.Discretization([-1.0, 0.0, 1.0], output_mode="count"), f32(2, 4)),
    layer("Discretization-ints", lambda: L.Discretization([2, 5]), ints(2, 4)),
    layer("CategoryEncoding-rank1", lambda: L.CategoryEncoding(6, output_mode="one_hot"), ints(3, high=6)),
    Case("CategoryEncoding-weights", lambda: _weighted_counts(), [ints(2, 3, high=6), f32(2, 3)]),
]


def _weighted_counts() -> Any:
    tokens, weights = keras.Input((3,), dtype="int32"), keras.Input((3,))
    counted = L.CategoryEncoding(6, output_mode="count")(tokens, count_weights=weights)
    return keras.Model([tokens, weights], counted)


def strings(name: str, make: Callable[[], Any], inputs: Any = WORDS, **options: Any) -> Case:
    """A row Keras itself needs TensorFlow for."""
    return layer(name, make, inputs, backends=TF, **options)


ABC = ["a", "b", "c"]
LOOKUP = [
    strings("StringLookup", lambda: L.StringLookup(vocabulary=ABC), ops={"HASHTABLE_FIND": 1}),
    strings("StringLookup-invert", lambda: L.StringLookup(vocabulary=ABC, invert=True), ints(2, 2, high=4, dtype="int64")),
    strings("StringLookup-mask", lambda: L.StringLookup(vocabulary=ABC, mask_token="zz")),
    strings("StringLookup-one_hot", lambda: L.StringLookup(vocabulary=ABC, output_mode="one_hot"), WORDS[:, :1]),
    strings("StringLookup-multi_hot", lambda: L.StringLookup(vocabulary=ABC, output_mode="multi_hot")),
    strings("StringLookup-count", lambda: L.StringLookup(vocabulary=ABC, output_mode="count")),
    strings("StringLookup-tf_idf", lambda: L.StringLookup(
        vocabulary=ABC, idf_weights=[0.1, 0.2, 0.3], output_mode="tf_idf")),
    strings("StringLookup-no_oov", lambda: L.StringLookup(vocabulary=[*ABC, "zz"], num_oov_indices=0)),
    strings("StringLookup-hashed", lambda: L.StringLookup(vocabulary=ABC, num_oov_indices=2), refused=NO_TEXT),
    strings("IntegerLookup", lambda: L.IntegerLookup(vocabulary=[5, 6, 9]), ints(2, 4, dtype="int64")),
    strings("IntegerLookup-invert", lambda: L.IntegerLookup(vocabulary=[5, 6, 9], invert=True),
            ints(2, 3, high=4, dtype="int64")),
    strings("IntegerLookup-sparse", lambda: L.IntegerLookup(vocabulary=[5, 10**9, -4]),
            np.array([[5, 10**9], [7, -4]])),
    strings("IntegerLookup-count", lambda: L.IntegerLookup(vocabulary=[5, 6, 9], output_mode="count"),
            ints(2, 4, dtype="int64")),
    strings("IntegerLookup-hashed", lambda: L.IntegerLookup(vocabulary=[5, 6, 9], num_oov_indices=2),
            ints(2, 4, dtype="int64")),
    strings("TextVectorization", lambda: L.TextVectorization(vocabulary=ABC), SENTENCES, refused=NO_TEXT),
    strings("TextVectorization-split", lambda: L.TextVectorization(vocabulary=ABC, standardize=None), SENTENCES,
            refused="has no kernel"),
    strings("TextVectorization-lookup", lambda: L.TextVectorization(
        vocabulary=ABC, standardize=None, split=None, output_sequence_length=2), np.array([["a"], ["q"]])),
    strings("Hashing", lambda: L.Hashing(7), refused=NO_TEXT),
    strings("Hashing-ints", lambda: L.Hashing(7), ints(2, 4, dtype="int64"), refused=NO_TEXT),
    strings("HashedCrossing", lambda: L.HashedCrossing(7), [WORDS[:, :1], WORDS[:, 1:]], refused=NO_TEXT),
]  # fmt: skip

TABLE = [*RANDOM, *IMAGES, *NUMBERS, *LOOKUP]


@layer_rows(TABLE)
def test_preprocessing(case: Case) -> None:
    check(case)
