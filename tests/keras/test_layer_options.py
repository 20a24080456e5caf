"""Options of the layers: data formats, paddings, strides, dilations, masks, merge modes, activations, types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import keras
from keras import layers as L  # noqa: N812

from tests.keras.parity import Case, check, f32, functional, ints, layer_rows

IMAGE = (9, 10, 4)
FIRST = (4, 9, 10)
SERIES = (9, 4)
VOLUME = (5, 6, 7, 2)


def layer(name: str, make: Callable[[], Any], inputs: Any = (4,), **options: Any) -> Case:
    """A row: a functional model of one layer."""
    return Case(name, lambda: functional(make(), inputs), inputs, **options)


def options(name: str, shape: Any, *args: Any, **variants: Any) -> Iterator[Case]:
    """A row for every combination of the values of each keyword (given in lists)."""
    for values in product(*variants.values()):
        chosen = dict(zip(variants, values, strict=True))
        text = ",".join(f"{k}={v}" for k, v in chosen.items()).replace(" ", "")
        yield layer(f"{name}-{text}", lambda c=chosen: getattr(L, name)(*args, **c), shape)


PADDINGS = ["valid", "same"]

CONVOLUTIONS = [
    *options("Conv1D", SERIES, 3, 3, padding=[*PADDINGS, "causal"], strides=[1, 2]),
    *options("Conv1D", SERIES, 3, 3, padding=[*PADDINGS, "causal"], dilation_rate=[3], use_bias=[False]),
    *options("Conv2D", IMAGE, 6, 3, padding=PADDINGS, strides=[1, 2, (1, 3)], groups=[1, 2]),
    *options("Conv2D", IMAGE, 6, (3, 2), padding=PADDINGS, dilation_rate=[(2, 3)]),
    *options("Conv2D", IMAGE, 6, 1, strides=[1, 2], activation=["relu6", "gelu"]),
    *options("Conv3D", VOLUME, 3, 2, padding=PADDINGS, strides=[1, 2]),
    *options("Conv3D", VOLUME, 4, 2, groups=[2]),
    *options("Conv3D", VOLUME, 4, 2, dilation_rate=[2], padding=PADDINGS),
    *options("Conv1DTranspose", SERIES, 3, 3, padding=PADDINGS, strides=[1, 2, 4]),
    *options("Conv2DTranspose", IMAGE, 3, 3, padding=PADDINGS, strides=[1, 2, (2, 3)]),
    *options("Conv2DTranspose", IMAGE, 3, 3, strides=[2], output_padding=[1]),
    *options("Conv2DTranspose", IMAGE, 3, 3, padding=PADDINGS, dilation_rate=[2]),
    *options("Conv3DTranspose", VOLUME, 3, 2, padding=PADDINGS, strides=[1, 2]),
    *options("DepthwiseConv1D", SERIES, 3, padding=PADDINGS, strides=[1, 2]),
    *options("DepthwiseConv2D", IMAGE, 3, padding=PADDINGS, depth_multiplier=[1, 2], strides=[1, 2]),
    *options("DepthwiseConv2D", IMAGE, 3, padding=PADDINGS, dilation_rate=[2]),
    *options("SeparableConv1D", SERIES, 3, 3, padding=PADDINGS, depth_multiplier=[2], strides=[1, 2]),
    *options("SeparableConv2D", IMAGE, 3, 3, padding=PADDINGS, depth_multiplier=[1, 2], strides=[1, 2]),
]

CHANNELS_FIRST = [
    *options("Conv1D", (4, 9), 3, 3, data_format=["channels_first"], padding=PADDINGS),
    *options("Conv2D", FIRST, 3, 3, data_format=["channels_first"], padding=PADDINGS, strides=[1, 2]),
    *options("Conv2DTranspose", FIRST, 3, 3, data_format=["channels_first"], strides=[2]),
    *options("DepthwiseConv2D", FIRST, 3, data_format=["channels_first"]),
    *options("SeparableConv2D", FIRST, 3, 3, data_format=["channels_first"]),
    *options("Conv3D", (2, 5, 6, 7), 3, 2, data_format=["channels_first"]),
    *options("MaxPooling1D", (4, 9), 2, data_format=["channels_first"]),
    *options("MaxPooling2D", FIRST, 2, data_format=["channels_first"], padding=PADDINGS),
    *options("AveragePooling2D", FIRST, 2, data_format=["channels_first"], padding=PADDINGS),
    *options("GlobalAveragePooling2D", FIRST, data_format=["channels_first"], keepdims=[False, True]),
    *options("GlobalMaxPooling2D", FIRST, data_format=["channels_first"]),
    *options("GlobalAveragePooling3D", (2, 5, 6, 7), data_format=["channels_first"]),
    *options("UpSampling2D", FIRST, 2, data_format=["channels_first"], interpolation=["nearest", "bilinear"]),
    *options("ZeroPadding2D", FIRST, 1, data_format=["channels_first"]),
    *options("Cropping2D", FIRST, 1, data_format=["channels_first"]),
    *options("Flatten", FIRST, data_format=["channels_first"]),
    layer("BatchNormalization-first", lambda: L.BatchNormalization(axis=1), FIRST),
    *options("GroupNormalization", FIRST, 2, axis=[1]),
    *options("SpatialDropout2D", FIRST, 0.3, data_format=["channels_first"]),
]

POOLING = [
    *options("MaxPooling1D", SERIES, 3, padding=PADDINGS, strides=[1, 2]),
    *options("AveragePooling1D", SERIES, 3, padding=PADDINGS, strides=[1, 2]),
    *options("MaxPooling2D", IMAGE, (3, 2), padding=PADDINGS, strides=[1, (2, 3)]),
    *options("AveragePooling2D", IMAGE, (3, 2), padding=PADDINGS, strides=[1, (2, 3)]),
    *options("MaxPooling3D", VOLUME, 3, padding=PADDINGS, strides=[2]),
    *options("AveragePooling3D", VOLUME, 3, padding=PADDINGS, strides=[2]),
]

NORMALIZATION = [
    *options("BatchNormalization", IMAGE, scale=[True, False], center=[True, False]),
    *options("BatchNormalization", IMAGE, axis=[1, 2]),
    *options("LayerNormalization", IMAGE, axis=[-1, 1, [1, 2, 3]], scale=[True, False]),
    *options("RMSNormalization", SERIES, axis=[-1]),
    *options("GroupNormalization", (6, 6, 8), groups=[1, 4, -1]),
    *options("UnitNormalization", IMAGE, axis=[-1, [1, 2]]),
]

ACTIVATIONS = [
    *(
        layer(f"Activation-{name}", lambda n=name: L.Activation(n), f32(2, 5, low=-4, high=4))
        for name in (
            "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh",
            "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu",
            "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh",
            "tanh_shrink", "threshold", "sparsemax",
        )
        if hasattr(keras.activations, name) and name not in ("glu", "threshold")
    ),
    layer("Activation-glu", lambda: L.Activation("glu"), (6,)),
    layer("ReLU-all", lambda: L.ReLU(max_value=2.0, negative_slope=0.2, threshold=0.3)),
    layer("LeakyReLU-slope", lambda: L.LeakyReLU(negative_slope=0.4)),
    layer("Softmax-mask", lambda: _masked_softmax(), f32(2, 5)),
    layer("Softmax-axes", lambda: L.Softmax(axis=(1, 2)), SERIES),
]  # fmt: skip


def _masked_softmax() -> Any:
    return L.Lambda(lambda x: L.Softmax()(x, mask=x > -0.5))


def two(name: str, make: Callable[[], Any], x: Any, y: Any, **kwargs: Any) -> Case:
    """A row of a layer of two tensors."""
    return layer(name, make, [x, y], **kwargs)


MERGING = [
    *(two(f"{n}-broadcast", lambda n=n: getattr(L, n)(), f32(2, 4, 3), f32(2, 1, 3)) for n in ("Add", "Multiply")),
    *(two(f"{n}-rank", lambda n=n: getattr(L, n)(), f32(2, 4, 3), f32(2, 3)) for n in ("Add", "Maximum")),
    layer("Add-three", lambda: L.Add(), [f32(2, 3), f32(2, 3, low=-1), f32(2, 3, low=-3)]),
    layer("Concatenate-three", lambda: L.Concatenate(), [f32(2, 3), f32(2, 1), f32(2, 5)]),
    two("Dot-axes1", lambda: L.Dot(axes=1), f32(2, 4, 3), f32(2, 4, 5)),
    two("Dot-axes", lambda: L.Dot(axes=(2, 1)), f32(2, 4, 3), f32(2, 3, 5)),
    two("Dot-vectors", lambda: L.Dot(axes=1), f32(2, 4), f32(2, 4, low=-1)),
]

CORE = [
    *options("Dense", (5, 4), 3, activation=["linear", "softmax"], use_bias=[True, False]),
    layer("Dense-rank4", lambda: L.Dense(3), (3, 5, 4)),
    Case("Dense-unknown_time", lambda: keras.Sequential([keras.Input((None, 4)), L.Dense(3)]), SERIES),
    layer("Dense-lora", lambda: L.Dense(3, lora_rank=2)),
    *(
        layer(f"EinsumDense-{equation}", lambda e=equation, s=shape: L.EinsumDense(e, s), inputs)
        for equation, shape, inputs in (
            ("ab,bc->ac", 6, (4,)),
            ("abc,cd->abd", (None, 6), (5, 4)),
            ("abcd,cde->abe", (None, 6), (5, 2, 4)),
            ("...x,xy->...y", 6, (5, 4)),
            ("bqhd,hde->bqe", (None, 6), (5, 2, 4)),
        )
    ),
    layer("Embedding-mask", lambda: L.Embedding(10, 4, mask_zero=True), ints(2, 6)),
    layer("Embedding-uint8", lambda: L.Embedding(10, 4), ints(2, 6, dtype="uint8")),
    layer("ReversibleEmbedding", lambda: L.ReversibleEmbedding(10, 4), ints(2, 6)),
    layer("ReversibleEmbedding-reverse", lambda: _reverse(True), ints(2, 6)),
    layer("ReversibleEmbedding-untied", lambda: _reverse(False), ints(2, 6)),
    layer("Permute-rank4", lambda: L.Permute((3, 1, 2)), IMAGE),
    layer("Reshape-unknown", lambda: L.Reshape((-1, 2)), SERIES),
    layer("Flatten-scalar", lambda: L.Flatten(), f32(3)),
    layer("Lambda-shape", lambda: L.Lambda(lambda x: keras.ops.sum(x, axis=-1, keepdims=True)), SERIES),
    layer("Wrapper", lambda: _wrapper(), SERIES),
    layer("Layer", lambda: _own_layer(), SERIES),
]


def _reverse(tied: bool) -> Any:
    made = L.ReversibleEmbedding(10, 4, tie_weights=tied)
    return lambda tokens: made(made(tokens), reverse=True)


def _wrapper() -> Any:
    class Doubled(L.Wrapper):
        def call(self, x: Any) -> Any:
            return self.layer(x) * 2.0

    return Doubled(L.Dense(3))


def _own_layer() -> Any:
    class Scaled(L.Layer):
        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(shape=(shape[-1],), initializer="uniform")

        def call(self, x: Any) -> Any:
            return keras.ops.logsumexp(x * self.scale, axis=1)

    return Scaled()


RESHAPING = [
    *options(
        "UpSampling2D", (4, 5, 2), (2, 3), interpolation=["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
    ),
    *options("ZeroPadding1D", SERIES, padding=[0, (0, 2)]),
    *options("Cropping3D", VOLUME, cropping=[((1, 0), (0, 2), (1, 1))]),
    *options("UpSampling3D", VOLUME, size=[(1, 2, 3)]),
]

TYPES = [
    *(
        layer(f"{name}-{dtype}", lambda n=name, a=args, d=dtype: getattr(L, n)(*a, dtype=d), ints(2, *shape, dtype=dtype))
        for dtype in ("int32", "uint8")
        for name, args, shape in (
            ("Flatten", (), (3, 4)), ("Reshape", ((4, 3),), (3, 4)), ("Permute", ((2, 1),), (3, 4)),
            ("RepeatVector", (3,), (4,)), ("Cropping1D", (1,), (5, 2)), ("ZeroPadding1D", (1,), (5, 2)),
            ("UpSampling1D", (2,), (5, 2)), ("UpSampling2D", (2,), (3, 4, 2)), ("Identity", (), (3,)),
        )
    ),
    layer("GlobalMaxPooling1D-int32", lambda: L.GlobalMaxPooling1D(dtype="int32"), ints(2, 4, 3)),
    two("Add-int32", lambda: L.Add(dtype="int32"), ints(2, 3), ints(2, 3)),
    two("Concatenate-int32", lambda: L.Concatenate(dtype="int32"), ints(2, 3), ints(2, 4)),
    two("Maximum-int32", lambda: L.Maximum(dtype="int32"), ints(2, 3), ints(2, 3, low=-5)),
]  # fmt: skip

ALIASES = {
    "AvgPool1D": ((2,), SERIES), "AvgPool2D": ((2,), IMAGE), "AvgPool3D": ((2,), VOLUME),
    "MaxPool1D": ((2,), SERIES), "MaxPool2D": ((2,), IMAGE), "MaxPool3D": ((2,), VOLUME),
    "GlobalAvgPool1D": ((), SERIES), "GlobalAvgPool2D": ((), IMAGE), "GlobalAvgPool3D": ((), VOLUME),
    "GlobalMaxPool1D": ((), SERIES), "GlobalMaxPool2D": ((), IMAGE), "GlobalMaxPool3D": ((), VOLUME),
    "Convolution1D": ((3, 3), SERIES), "Convolution2D": ((3, 3), IMAGE), "Convolution3D": ((3, 2), VOLUME),
    "Convolution1DTranspose": ((3, 3), SERIES), "Convolution2DTranspose": ((3, 3), IMAGE),
    "Convolution3DTranspose": ((3, 2), VOLUME),
    "SeparableConvolution1D": ((3, 3), SERIES), "SeparableConvolution2D": ((3, 3), IMAGE),
}  # fmt: skip

TABLE = [
    *CONVOLUTIONS, *CHANNELS_FIRST, *POOLING, *NORMALIZATION, *ACTIVATIONS, *MERGING, *CORE, *RESHAPING, *TYPES,
    *(layer(name, lambda n=name, a=args: getattr(L, n)(*a), shape) for name, (args, shape) in ALIASES.items()),
]  # fmt: skip


@layer_rows(TABLE)
def test_option(case: Case) -> None:
    check(case)
