"""Small Keras models: a U-Net, keyword spotting, a transformer encoder, preprocessing, several inputs and outputs."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from benchmarks.zoo.entry import Entry, Options, image, integers, tokens
from benchmarks.zoo.keras_entry import keras_entry

VOCABULARY = 1000


def _conv_block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    return x


def unet(options: Options) -> keras.Model:
    """Three levels down and up, Conv2DTranspose upsampling, skip connections; one-channel sigmoid mask."""
    size, width = (32, 8) if options.small else (128, 16)
    inputs = keras.Input(batch_shape=(options.batch, size, size, 3), name="image")
    x, skips = inputs, []
    for level in range(3):
        x = _conv_block(x, width << level)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = _conv_block(x, width << 3)
    for level in reversed(range(3)):
        kernel = 3 if level == 1 else 2
        x = layers.Conv2DTranspose(width << level, kernel, strides=2, padding="same")(x)
        x = layers.Concatenate()([skips[level], x])
        x = layers.Dropout(0.2)(x)
        x = _conv_block(x, width << level)
    return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x), name="unet")


def ds_cnn(options: Options) -> keras.Model:
    """Keyword spotting on a 49x10 MFCC map: one convolution and four depthwise-separable blocks, 12 words."""
    inputs = keras.Input(batch_shape=(options.batch, 49, 10, 1), name="mfcc")
    x = layers.Conv2D(64, (10, 4), strides=2, padding="same")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.2)(x)
    for _ in range(4):
        x = layers.DepthwiseConv2D(3, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Conv2D(64, 1)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Flatten()(layers.AveragePooling2D((25, 5))(x))
    return keras.Model(inputs, layers.Dense(12, activation="softmax")(x), name="ds_cnn")


def _encoder_block(x: keras.KerasTensor, heads: int, width: int) -> keras.KerasTensor:
    attended = layers.MultiHeadAttention(heads, width // heads, dropout=0.1)(x, x)
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dropout(0.1)(attended))
    hidden = layers.Dense(width * 4, activation="gelu")(x)
    return layers.LayerNormalization(epsilon=1e-6)(x + layers.Dense(width)(hidden))


def transformer(options: Options) -> keras.Model:
    """Token and position embedding with masking, encoder blocks, masked mean pooling, four classes."""
    length, width, depth = (12, 32, 1) if options.small else (64, 128, 4)
    ids = keras.Input(batch_shape=(options.batch, length), dtype="int32", name="tokens")
    words = layers.Embedding(VOCABULARY, width, mask_zero=True)
    positions = layers.Embedding(length, width)(np.arange(length)[None])
    x = words(ids) + positions
    x._keras_mask = words.compute_mask(ids)
    for _ in range(depth):
        x = _encoder_block(x, 4, width)
    pooled = layers.GlobalAveragePooling1D()(x, mask=words.compute_mask(ids))
    return keras.Model(ids, layers.Dense(4, activation="softmax")(pooled), name="transformer")


def dynamic_sequence(options: Options) -> keras.Model:
    """Unknown sequence length: 1-D convolutions, attention over time, pooling over time and a per-step output."""
    width = 16 if options.small else 64
    inputs = keras.Input(batch_shape=(options.batch, None, 20), name="frames")
    x = layers.Conv1D(width, 5, padding="same", activation="relu")(inputs)
    x = layers.BatchNormalization()(x)
    x = _encoder_block(x, 2, width)
    x = layers.Conv1D(width, 3, dilation_rate=2, padding="causal", activation="relu")(x)
    step = layers.Dense(10, activation="softmax", name="step")(x)
    clip = layers.Dense(3, name="clip")(layers.GlobalMaxPooling1D()(x))
    return keras.Model(inputs, {"step": step, "clip": clip}, name="dynamic_sequence")


def preprocessing(options: Options) -> keras.Model:
    """Image bytes resized, rescaled and normalized inside the model, then a small CNN."""
    source, size = (40, 24) if options.small else (240, 160)
    normalization = layers.Normalization(axis=-1)
    normalization.adapt(np.random.default_rng(7).normal([0.4, 0.5, 0.6], [0.2, 0.3, 0.25], (64, 8, 8, 3)))
    inputs = keras.Input(batch_shape=(options.batch, source, source + 16, 3), dtype="uint8", name="bytes")
    x = layers.Resizing(size, size)(inputs)
    x = layers.Rescaling(1 / 255.0, offset=0.01)(x)
    x = normalization(x)
    small = layers.Resizing(size // 4, size // 4, interpolation="nearest")(x)
    x = layers.Conv2D(16, 3, strides=4, padding="same", activation="relu")(x)
    x = layers.Concatenate()([x, small])
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(16, 3, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="preprocessing")


def _two_towers(options: Options) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor, keras.KerasTensor]:
    inputs = {
        "picture": keras.Input(batch_shape=(options.batch, 16, 16, 1), name="picture"),
        "features": keras.Input(batch_shape=(options.batch, 7), name="features"),
        "kind": keras.Input(batch_shape=(options.batch,), dtype="int32", name="kind"),
    }
    seen = layers.Flatten()(layers.Conv2D(8, 3, strides=2, activation="elu")(inputs["picture"]))
    known = layers.Dense(16, activation="tanh")(inputs["features"])
    kind = layers.Embedding(5, 8)(inputs["kind"])
    joined = layers.Concatenate()([layers.Dense(16, activation="relu")(seen), known, kind])
    return inputs, layers.Dense(3, activation="softmax", name="label")(joined), layers.Dense(1, name="score")(joined)


def multi_io_dict(options: Options) -> keras.Model:
    """Three named inputs, two named outputs."""
    inputs, label, score = _two_towers(options)
    return keras.Model(inputs, {"score": score, "label": label}, name="multi_io_dict")


def multi_io_list(options: Options) -> keras.Model:
    """The same as lists: the order counts."""
    inputs, label, score = _two_towers(options)
    return keras.Model(list(inputs.values()), [score, label], name="multi_io_list")


TOWERS = {"kind": integers(0, 5)}
ENTRIES: tuple[Entry, ...] = (
    keras_entry("ds_cnn", ds_cnn, {}),
    keras_entry("unet", unet, {"": image(-1.0, 1.0)}),
    keras_entry("transformer", transformer, {"": tokens(VOCABULARY)}),
    keras_entry("dynamic_sequence", dynamic_sequence, {}, dims={1: 17}),
    keras_entry("preprocessing", preprocessing, {"": image(0.0, 255.0)}),
    keras_entry("multi_io_dict", multi_io_dict, TOWERS),
    keras_entry("multi_io_list", multi_io_list, TOWERS),
)
