"""Every layer class of keras.layers: converted and compared, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers as L  # noqa: N812

from tests.keras.parity import Case, check, f32, functional, ints, rows

IMAGE = (8, 9, 3)
SERIES = (7, 5)
VOLUME = (5, 6, 7, 3)


def layer(name: str, make: Callable[[], Any], inputs: Any = (4,), **options: Any) -> Case:
    """A row: a functional model of one layer."""
    return Case(name, lambda: functional(make(), inputs), inputs, **options)


def merged(name: str, make: Callable[[], Any], **options: Any) -> Case:
    """A row of a layer that takes two tensors."""
    return layer(name, make, [f32(2, 4, 3), f32(2, 4, 3, low=-1)], **options)


def attention(name: str, make: Callable[[], Any], together: bool = False, **options: Any) -> Case:
    """A row of a layer that is called with query and value, apart or together in a list."""
    data = [f32(2, 4, 8), f32(2, 5, 8)]

    def model() -> Any:
        query, value = keras.Input((4, 8)), keras.Input((5, 8))
        attended = make()([query, value]) if together else make()(query, value)
        return keras.Model([query, value], attended)

    return Case(name, model, data, **options)


def adapted(made: Any, data: Any) -> Any:
    """A preprocessing layer with its statistics."""
    made.adapt(data)
    return made


def pools(rank: int, shape: tuple[int, ...]) -> Iterator[Case]:
    """Every pooling layer of a rank."""
    for kind in ("Average", "Max"):
        for padding in ("valid", "same"):
            name = f"{kind}Pooling{rank}D"
            yield layer(f"{name}-{padding}", lambda n=name, p=padding: getattr(L, n)(2, padding=p), shape)
        name = f"Global{kind}Pooling{rank}D"
        yield layer(name, lambda n=name: getattr(L, n)(), shape)
        yield layer(f"{name}-keepdims", lambda n=name: getattr(L, n)(keepdims=True), shape)
        name = f"Adaptive{kind}Pooling{rank}D"
        if hasattr(L, name):
            yield layer(name, lambda n=name: getattr(L, n)(3), shape)


CORE = [
    layer("Dense", lambda: L.Dense(3, activation="relu"), ops={"FULLY_CONNECTED": 1}, at_most=1),
    layer("Dense-rank3", lambda: L.Dense(3, activation="gelu"), SERIES),
    layer("EinsumDense", lambda: L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"), SERIES),
    layer("Embedding", lambda: L.Embedding(10, 4), ints(2, 6), ops={"GATHER": 1}),
    layer("Embedding-float", lambda: L.Embedding(10, 4), ints(2, 6).astype(np.float32)),
    layer("Identity", lambda: L.Identity()),
    layer("Lambda", lambda: L.Lambda(lambda x: x * 2 + 1)),
    layer("Masking", lambda: L.Masking(0.0), SERIES),
    layer("Activation", lambda: L.Activation("tanh")),
    layer("ActivityRegularization", lambda: L.ActivityRegularization(l1=0.1)),
    layer("InputLayer", lambda: L.Dense(2)),
]

CONVOLUTIONS = [
    layer("Conv1D", lambda: L.Conv1D(4, 3, padding="same"), SERIES),
    layer("Conv1D-causal", lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2), SERIES),
    layer("Conv2D", lambda: L.Conv2D(4, 3, activation="relu"), IMAGE, ops={"CONV_2D": 1}, at_most=1),
    layer("Conv2D-strided", lambda: L.Conv2D(4, 3, strides=2, padding="same"), IMAGE, at_most=1),
    layer("Conv2D-dilated", lambda: L.Conv2D(4, 3, dilation_rate=2, padding="same"), IMAGE, at_most=1),
    layer("Conv2D-groups", lambda: L.Conv2D(6, 3, groups=3), IMAGE),
    layer("Conv3D", lambda: L.Conv3D(4, 3, padding="same"), VOLUME),
    layer("Conv1DTranspose", lambda: L.Conv1DTranspose(4, 3, strides=2), SERIES),
    layer("Conv2DTranspose", lambda: L.Conv2DTranspose(4, 3, strides=2, padding="same"), IMAGE),
    layer("Conv2DTranspose-valid", lambda: L.Conv2DTranspose(4, 3, strides=2), IMAGE),
    layer("Conv3DTranspose", lambda: L.Conv3DTranspose(4, 3, strides=2), VOLUME),
    layer("DepthwiseConv1D", lambda: L.DepthwiseConv1D(3, padding="same", depth_multiplier=2), SERIES),
    layer("DepthwiseConv2D", lambda: L.DepthwiseConv2D(3, padding="same"), IMAGE, ops={"DEPTHWISE_CONV_2D": 1}),
    layer("DepthwiseConv2D-strided", lambda: L.DepthwiseConv2D(3, strides=2, depth_multiplier=2), IMAGE, at_most=1),
    layer("SeparableConv1D", lambda: L.SeparableConv1D(4, 3), SERIES),
    layer("SeparableConv2D", lambda: L.SeparableConv2D(4, 3, padding="same"), IMAGE, at_most=2),
]

POOLING = [*pools(1, (12, 5)), *pools(2, (12, 9, 3)), *pools(3, (6, 9, 6, 3))]

NORMALIZATION = [
    layer("BatchNormalization", lambda: L.BatchNormalization(), IMAGE),
    layer("BatchNormalization-axis1", lambda: L.BatchNormalization(axis=1), SERIES),
    layer("LayerNormalization", lambda: L.LayerNormalization(), SERIES),
    layer("LayerNormalization-axes", lambda: L.LayerNormalization(axis=[1, 2]), SERIES),
    layer("RMSNormalization", lambda: L.RMSNormalization(), SERIES),
    layer("GroupNormalization", lambda: L.GroupNormalization(2), (6, 6, 4)),
    layer("UnitNormalization", lambda: L.UnitNormalization(), SERIES),
    layer("SpectralNormalization", lambda: L.SpectralNormalization(L.Dense(3))),
]

ACTIVATIONS = [
    layer("ReLU", lambda: L.ReLU(max_value=6.0), at_most=1),
    layer("ReLU-slope", lambda: L.ReLU(negative_slope=0.1, threshold=0.5)),
    layer("LeakyReLU", lambda: L.LeakyReLU(), at_most=1),
    layer("PReLU", lambda: L.PReLU(), at_most=1),
    layer("PReLU-shared", lambda: L.PReLU(shared_axes=[1, 2]), IMAGE, at_most=1),
    layer("ELU", lambda: L.ELU(alpha=0.7)),
    layer("Softmax", lambda: L.Softmax(), at_most=1),
    layer("Softmax-axis", lambda: L.Softmax(axis=1), SERIES),
]

REGULARIZATION = [
    layer("Dropout", lambda: L.Dropout(0.5)),
    layer("AlphaDropout", lambda: L.AlphaDropout(0.5)),
    layer("GaussianDropout", lambda: L.GaussianDropout(0.5)),
    layer("GaussianNoise", lambda: L.GaussianNoise(0.5)),
    layer("SpatialDropout1D", lambda: L.SpatialDropout1D(0.5), SERIES),
    layer("SpatialDropout2D", lambda: L.SpatialDropout2D(0.5), IMAGE),
    layer("SpatialDropout3D", lambda: L.SpatialDropout3D(0.5), VOLUME),
]

MERGING = [
    merged("Add", lambda: L.Add(), at_most=1),
    merged("Subtract", lambda: L.Subtract(), at_most=1),
    merged("Multiply", lambda: L.Multiply(), at_most=1),
    merged("Average", lambda: L.Average()),
    merged("Maximum", lambda: L.Maximum(), at_most=1),
    merged("Minimum", lambda: L.Minimum(), at_most=1),
    merged("Concatenate", lambda: L.Concatenate(axis=1), at_most=1),
    merged("Dot", lambda: L.Dot(axes=2, normalize=True)),
]

RESHAPING = [
    layer("Flatten", lambda: L.Flatten(), IMAGE, at_most=1),
    layer("Reshape", lambda: L.Reshape((5, 7)), SERIES, at_most=1),
    layer("Permute", lambda: L.Permute((2, 1)), SERIES, at_most=1),
    layer("RepeatVector", lambda: L.RepeatVector(3)),
    layer("Cropping1D", lambda: L.Cropping1D((1, 2)), SERIES),
    layer("Cropping2D", lambda: L.Cropping2D(((1, 2), (2, 1))), IMAGE),
    layer("Cropping3D", lambda: L.Cropping3D(1), VOLUME),
    layer("ZeroPadding1D", lambda: L.ZeroPadding1D((1, 2)), SERIES, at_most=1),
    layer("ZeroPadding2D", lambda: L.ZeroPadding2D(((1, 2), (2, 1))), IMAGE, at_most=1),
    layer("ZeroPadding3D", lambda: L.ZeroPadding3D(1), VOLUME),
    layer("UpSampling1D", lambda: L.UpSampling1D(2), SERIES),
    layer("UpSampling2D", lambda: L.UpSampling2D(2), IMAGE),
    layer("UpSampling2D-bilinear", lambda: L.UpSampling2D(2, interpolation="bilinear"), IMAGE),
    layer("UpSampling3D", lambda: L.UpSampling3D(2), VOLUME),
]

ATTENTION = [
    attention("Attention", lambda: L.Attention(use_scale=True), together=True),
    attention("AdditiveAttention", lambda: L.AdditiveAttention(), together=True),
    attention("MultiHeadAttention", lambda: L.MultiHeadAttention(2, 4)),
    attention("GroupQueryAttention", lambda: L.GroupQueryAttention(4, 4, 2)),
]

RECURRENT = [
    layer("LSTM", lambda: L.LSTM(4), SERIES),
    layer("GRU", lambda: L.GRU(4), SERIES),
    layer("SimpleRNN", lambda: L.SimpleRNN(4), SERIES),
    layer("RNN", lambda: L.RNN(L.LSTMCell(4)), SERIES),
    layer("LSTMCell", lambda: L.RNN(L.LSTMCell(4), return_sequences=True), SERIES),
    layer("GRUCell", lambda: L.RNN(L.GRUCell(4)), SERIES),
    layer("SimpleRNNCell", lambda: L.RNN(L.SimpleRNNCell(4)), SERIES),
    layer("StackedRNNCells", lambda: L.RNN(L.StackedRNNCells([L.LSTMCell(4), L.GRUCell(3)])), SERIES),
    layer("Bidirectional", lambda: L.Bidirectional(L.LSTM(4)), SERIES),
    layer("TimeDistributed", lambda: L.TimeDistributed(L.Conv2D(2, 3)), (3, 6, 6, 2)),
    layer("ConvLSTM1D", lambda: L.ConvLSTM1D(2, 3), (3, 6, 2)),
    layer("ConvLSTM2D", lambda: L.ConvLSTM2D(2, 3), (3, 6, 6, 2)),
    layer("ConvLSTM3D", lambda: L.ConvLSTM3D(2, 2), (2, 4, 4, 4, 2)),
]

PREPROCESSING = [
    layer("Rescaling", lambda: L.Rescaling(1 / 255.0, offset=-0.5), IMAGE),
    layer("Normalization", lambda: adapted(L.Normalization(), f32(20, 4)), (4,)),
    layer("Resizing", lambda: L.Resizing(5, 6), IMAGE),
    layer("Resizing-nearest", lambda: L.Resizing(5, 6, interpolation="nearest"), IMAGE),
    layer("CenterCrop", lambda: L.CenterCrop(4, 5), IMAGE),
    layer("CategoryEncoding", lambda: L.CategoryEncoding(6, output_mode="multi_hot"), ints(2, 3, high=6)),
    layer("CategoryEncoding-count", lambda: L.CategoryEncoding(6, output_mode="count"), ints(2, 3, high=6)),
    layer("CategoryEncoding-one_hot", lambda: L.CategoryEncoding(6, output_mode="one_hot"), ints(2, 1, high=6)),
    layer("Discretization", lambda: L.Discretization([-1.0, 0.0, 1.0]), (4,)),
    layer("Pipeline", lambda: L.Pipeline([L.Rescaling(2.0), L.CenterCrop(4, 4)]), IMAGE),
    layer("STFTSpectrogram", lambda: L.STFTSpectrogram(frame_length=16, frame_step=8, fft_length=16), (64, 1)),
    layer(
        "MelSpectrogram",
        lambda: L.MelSpectrogram(fft_length=64, sequence_stride=32, sampling_rate=800, max_freq=400, num_mel_bins=8),
        (256,),
    ),
]
TABLE = [*CORE, *CONVOLUTIONS, *POOLING, *NORMALIZATION, *ACTIVATIONS, *REGULARIZATION, *MERGING, *RESHAPING, *ATTENTION,
         *RECURRENT, *PREPROCESSING]  # fmt: skip


@rows(TABLE)
def test_layer(case: Case) -> None:
    check(case)
