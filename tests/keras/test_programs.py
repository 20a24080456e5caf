"""Models as people write them: whole architectures in a few lines each, custom layers and all."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L  # noqa: N812

import litesmith
from tests.keras.parity import Case, arrays, call, check, check_answers, f32, ints, randomize, rows

ops = keras.ops
Model = keras.Model
Input = keras.Input


class Patches(L.Layer):
    """Image to a row of flattened patches."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def call(self, x: Any) -> Any:
        batch, height, width, channels = ops.shape(x)
        patches = ops.image.extract_patches(x, size=self.size)
        count = (height // self.size) * (width // self.size)
        return ops.reshape(patches, (batch, count, self.size * self.size * channels))


class Positions(L.Layer):
    """A projection plus learnt positions."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.count, self.project, self.embed = count, L.Dense(width), L.Embedding(count, width)

    def call(self, x: Any) -> Any:
        return self.project(x) + self.embed(ops.expand_dims(ops.arange(0, self.count), 0))


def block(x: Any, width: int, hidden: int) -> Any:
    y = L.LayerNormalization(epsilon=1e-6)(x)
    x = L.Add()([L.MultiHeadAttention(4, width // 4, dropout=0.1)(y, y), x])
    y = L.Dense(hidden, activation=keras.activations.gelu)(L.LayerNormalization(epsilon=1e-6)(x))
    return L.Add()([L.Dense(width)(y), x])


def vision_transformer() -> Model:
    image = Input((24, 24, 3))
    x = L.RandomFlip()(L.Resizing(32, 32)(L.Rescaling(1 / 255.0)(image)))
    x = block(Positions(16, 32)(Patches(8)(x)), 32, 64)
    return Model(image, L.Dense(10)(L.Dropout(0.5)(L.Flatten()(L.LayerNormalization()(x)))))


def translator() -> Model:
    source, target = Input((None, 20)), Input((None, 15))
    _, h, c = L.LSTM(32, return_state=True)(source)
    y, h2, c2 = L.LSTM(32, return_sequences=True, return_state=True)(target, initial_state=[h, c])
    return Model([source, target], [L.Dense(15, activation="softmax")(y), h2, c2])


def tagger() -> Model:
    """Named entities: a mask goes through a bidirectional layer into TimeDistributed."""
    ids = Input((None,), dtype="int32")
    x = L.Embedding(50, 16, mask_zero=True)(ids)
    x = L.Bidirectional(L.GRU(12, return_sequences=True))(x)
    return Model(ids, L.TimeDistributed(L.Dense(9, activation="softmax"))(x))


def film() -> Model:
    """A convolutional network for each picture, a recurrent one for the film."""
    layers = [L.Conv2D(4, 3, activation="relu"), L.BatchNormalization(), L.MaxPooling2D(), L.Flatten(), L.Dense(6)]
    pictures = Input((None, 9, 8, 3))
    return Model(pictures, L.LSTM(5)(L.TimeDistributed(keras.Sequential(layers))(pictures)))


class Centred(L.Layer):
    """What a sample comes to depends on the others of the batch."""

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def call(self, x: Any) -> Any:
        return x - ops.max(x, axis=0, keepdims=True)


def steps_of(layer: Any, steps: int | None) -> Model:
    x = Input((steps, 4))
    return Model(x, L.TimeDistributed(layer)(x))


def masked(rows: int, steps: int, kept: int) -> Any:
    data = ints(rows, steps, low=1, high=29)
    data[0, kept:] = 0
    return data


def fourier() -> Model:
    tokens = Input((8, 16))
    mixed = ops.fft2((tokens, ops.zeros_like(tokens)))[0]
    return Model(tokens, L.Dense(4)(L.LayerNormalization()(tokens + mixed)))


def point_cloud() -> Model:
    def aligned(x: Any, size: int) -> Any:
        y = L.Activation("relu")(L.BatchNormalization()(L.Conv1D(16, 1)(x)))
        start = keras.initializers.Constant(np.eye(size).flatten())
        matrix = L.Reshape((size, size))(L.Dense(size * size, bias_initializer=start)(L.GlobalMaxPooling1D()(y)))
        return L.Dot(axes=(2, 1))([x, matrix])

    points = Input((40, 3))
    x = aligned(L.Conv1D(8, 1, activation="relu")(aligned(points, 3)), 8)
    return Model(points, L.Dense(3, activation="softmax")(L.GlobalMaxPooling1D()(x)))


class Codebook(L.Layer):
    """Vector quantization, with a straight-through gradient."""

    def build(self, shape: Any) -> None:
        self.codes = self.add_weight(shape=(8, 12), initializer="random_normal", name="codes")

    def call(self, x: Any) -> Any:
        flat = ops.reshape(x, (-1, 8))
        far = ops.sum(flat**2, 1, keepdims=True) + ops.sum(self.codes**2, 0) - 2 * ops.matmul(flat, self.codes)
        near = ops.matmul(ops.one_hot(ops.argmin(far, 1), 12), ops.transpose(self.codes))
        return x + ops.stop_gradient(ops.reshape(near, ops.shape(x)) - x)


def quantized_codes() -> Model:
    image = Input((16, 16, 1))
    x = Codebook()(L.Conv2D(8, 1)(L.Conv2D(16, 3, 2, "same", activation="relu")(image)))
    x = L.Conv2DTranspose(16, 3, 2, "same", activation="relu")(x)
    return Model(image, L.Conv2DTranspose(1, 3, padding="same")(x))


def dilated_pyramid() -> Model:
    image = Input((33, 33, 3))
    x = L.Conv2D(8, 3, 2, "same")(image)
    parts = [L.Conv2D(8, 3, padding="same", dilation_rate=r, use_bias=False)(x) for r in (1, 2, 3)]
    pooled = L.Conv2D(8, 1)(L.AveragePooling2D((17, 17))(x))
    x = L.Concatenate()([*parts, L.UpSampling2D((17, 17), interpolation="bilinear")(pooled)])
    x = L.UpSampling2D(2, interpolation="bilinear")(L.ReLU()(L.BatchNormalization()(x)))
    return Model(image, L.Conv2D(4, 1)(L.Concatenate()([L.Cropping2D(((0, 1), (1, 0)))(x), image])))


class Windows(L.Layer):
    """Attention within shifted windows."""

    def __init__(self, size: int, shift: int) -> None:
        super().__init__()
        self.size, self.shift, self.attention = size, shift, L.MultiHeadAttention(2, 8)

    def call(self, x: Any) -> Any:
        _, height, width, channels = ops.shape(x)
        rows, columns = height // self.size, width // self.size
        x = ops.reshape(ops.roll(x, [-self.shift] * 2, [1, 2]), (-1, rows, self.size, columns, self.size, channels))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, self.size * self.size, channels))
        x = ops.reshape(self.attention(x, x), (-1, rows, columns, self.size, self.size, channels))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height, width, channels))
        return ops.roll(x, [self.shift] * 2, [1, 2])


def shifted_windows() -> Model:
    image = Input((8, 8, 16))
    return Model(image, Windows(4, 2)(Windows(4, 0)(image)))


class Messages(L.Layer):
    """One step of a graph network."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.dense = L.Dense(units)

    def call(self, inputs: Any) -> Any:
        nodes, edges = inputs
        sent = ops.take(self.dense(nodes), edges[:, 0], axis=0)
        return ops.relu(ops.segment_sum(sent, edges[:, 1], num_segments=6))


def graph_network() -> Model:
    nodes, edges = Input(batch_shape=(6, 4)), Input(batch_shape=(10, 2), dtype="int32")
    return Model([nodes, edges], Messages(5)([nodes, edges]))


class Encoder(Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.mean, self.spread = L.Conv2D(8, 3, 2, "same", activation="relu"), L.Dense(4), L.Dense(4)

    def call(self, x: Any) -> Any:
        flat = ops.reshape(self.conv(x), (ops.shape(x)[0], -1))
        return self.mean(flat), self.spread(flat)


class AutoEncoder(Model):
    """Subclassed, with a nested model and a dictionary of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        layers = [L.Dense(49 * 4), L.Reshape((7, 7, 4)), L.Conv2DTranspose(1, 3, 2, "same", activation="sigmoid")]
        self.decoder = keras.Sequential(layers)

    def call(self, x: Any, training: bool = False) -> Any:
        mean, spread = self.encoder(x)
        drawn = mean + keras.random.normal(ops.shape(mean)) * ops.exp(spread / 2) if training else mean
        return {"image": self.decoder(drawn), "mean": mean, "spread": spread}


def auto_encoder() -> Model:
    model = AutoEncoder()
    model(f32(2, 14, 14, 1))
    return model


class Loops(L.Layer):
    """What `keras.ops` has of control flow."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(4, 4), name="w")

    def call(self, x: Any) -> Any:
        def step(carry: Any, now: Any) -> Any:
            return ops.tanh(ops.matmul(carry, self.w) + now), carry

        last, before = ops.scan(step, ops.zeros_like(x[:, 0]), ops.transpose(x, (1, 0, 2)))
        _, doubled = ops.while_loop(lambda i, z: i < 3, lambda i, z: (i + 1, z * 2 + last), (0, last))
        chosen = ops.cond(ops.sum(doubled) > 0, lambda: doubled, lambda: -doubled)
        summed = ops.fori_loop(0, 4, lambda i, a: a + ops.cast(i, "float32") * x[:, 0], chosen)
        return ops.transpose(before, (1, 0, 2)), summed, ops.associative_scan(ops.add, x, axis=1)


def loops() -> Model:
    x = Input(batch_shape=(2, 5, 4))
    return Model(x, Loops()(x))


class Pixels(L.Layer):
    """Image operations."""

    def call(self, x: Any) -> Any:
        shear = ops.convert_to_tensor([[1, 0.1, 1, 0.05, 1.1, -1, 0, 0]], "float32")
        return (
            ops.image.rgb_to_grayscale(x),
            ops.image.rgb_to_hsv(ops.sigmoid(x)),
            ops.image.crop_images(x, 1, 2, target_height=8, target_width=7),
            ops.image.pad_images(x, 1, 2, target_height=20, target_width=19),
            ops.image.resize(x, (9, 5), "bicubic", antialias=False),
            ops.image.affine_transform(x, shear),
        )


def pixels() -> Model:
    x = Input(batch_shape=(1, 12, 13, 3))
    return Model(x, Pixels()(x))


def tabular() -> Model:
    number, kind, age = Input((3,), name="number"), Input((1,), dtype="int32", name="kind"), Input((1,), name="age")
    scaled = L.Normalization()
    scaled.adapt(f32(20, 3) * 3 + 1)
    ages = L.CategoryEncoding(4, "one_hot")(L.Discretization([-1.0, 0.0, 1.5])(age))
    kinds = L.CategoryEncoding(6, "one_hot")(kind)
    x = L.Concatenate()([scaled(number), L.Flatten()(L.Embedding(6, 4)(kind)), kinds, ages])
    for _ in range(2):
        x = x * L.Dense(x.shape[-1])(x) + x
    return Model({"number": number, "kind": kind, "age": age}, {"p": L.Dense(1, activation="sigmoid")(x)})


def normalizations() -> Model:
    x = image = Input((9, 11, 8))
    x = L.SpectralNormalization(L.Conv2D(8, 3))(L.UnitNormalization()(L.GroupNormalization(4)(x)))
    x = L.SeparableConv2D(6, 3, 2, "same", depth_multiplier=2, activation="swish")(L.PReLU(shared_axes=[1, 2])(x))
    x = L.DepthwiseConv2D((3, 2), dilation_rate=2, padding="same")(x)
    ends = [L.GlobalAveragePooling2D(keepdims=True), L.ZeroPadding2D(((1, 0), (0, 2))), L.Softmax(axis=1)]
    return Model(image, [end(x) for end in ends])


def volumes() -> Model:
    x = film = Input((6, 10, 10, 2))
    x = L.MaxPooling3D((1, 2, 2))(L.Conv3D(4, 3, (1, 2, 2), "same", activation="elu")(x))
    x = L.AveragePooling3D(2)(L.Conv3DTranspose(3, 3, 2, "same")(x))
    return Model(film, L.ConvLSTM2D(4, 3, padding="same", return_sequences=True)(x))


def attentions() -> Model:
    """Both lengths unknown."""
    query, value = Input((None, 8)), Input((None, 8))
    scored = L.Attention(use_scale=True, score_mode="concat")([query, value], return_attention_scores=True)
    added = L.AdditiveAttention()([query, value])
    return Model([query, value], [*scored, added, L.GroupQueryAttention(8, 4, 2)(query, value)])


def masked_attention() -> Model:
    ids = Input((None,), dtype="int32")
    x = L.Embedding(30, 16, mask_zero=True)(ids)
    x = L.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True)
    return Model(ids, L.Dense(2)(L.GlobalAveragePooling1D()(x)))


class Cell(L.Layer):
    """A recurrent cell of two states that makes its weights when first called."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.state_size, self.output_size, self.dense = [units, units], units, L.Dense(units)

    def build(self, shape: Any) -> None:
        self.dense.build(shape)

    def call(self, x: Any, states: Any) -> Any:
        h, count = states
        y = ops.tanh(self.dense(x) + h)
        return y, [y, count + 1]


def cells() -> Model:
    steps = Input((None, 4))
    return Model(steps, L.RNN([Cell(5), L.GRUCell(3)], return_sequences=True, go_backwards=True)(steps))


class Algebra(L.Layer):
    """Sums of products, sorting, and what else of `keras.ops` models use."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(4, 5, 6), name="w")
        self.g = self.add_weight(shape=(4,), name="g", initializer="random_normal")

    def call(self, x: Any) -> Any:
        return (
            ops.einsum("bid,dhk->bhik", x, self.w),
            ops.einsum("bid,bjd,d->bij", x, x, self.g),
            ops.tensordot(x, self.w, 1),
            *ops.top_k(x, 2),
            ops.argsort(x, -1),
            ops.logsumexp(x, 1),
            ops.norm(x, axis=-1),
            ops.take_along_axis(x, ops.argmax(x, -1, keepdims=True), -1),
            ops.cumsum(x, 1),
            ops.diff(x),
            ops.triu(x),
            ops.outer(x[0, 0], x[0, 1]),
            ops.pad(x, ((0, 0), (1, 1), (2, 0)), "reflect"),
        )


def algebra() -> Model:
    x = Input((3, 4))
    return Model(x, Algebra()(x))


PROGRAMS = (
    Case("vision_transformer", vision_transformer, f32(2, 24, 24, 3, low=0, high=255), at_most=97),
    Case("translator", translator, [f32(2, 7, 20), f32(2, 5, 15)]),
    Case("tagger", tagger, masked(2, 8, 5)),
    Case("film", film, (6, 9, 8, 3)),
    Case("steps_of_a_custom_layer", lambda: steps_of(Centred(), 6), (6, 4)),
    Case("steps_along_the_batch", lambda: steps_of(L.UnitNormalization(axis=0), 6), (6, 4)),
    Case("steps_of_a_lambda", lambda: steps_of(keras.Sequential([L.Lambda(lambda x: x - ops.max(x, 0))]), 6), (6, 4)),
    Case(
        "unknown_steps_of_a_custom_layer", lambda: steps_of(Centred(), None), (6, 4), refused="unknown number of steps"
    ),
    Case("fourier", fourier, (8, 16)),
    Case("point_cloud", point_cloud, (40, 3), at_most=19),
    Case("quantized_codes", quantized_codes, (16, 16, 1)),
    Case("dilated_pyramid", dilated_pyramid, (33, 33, 3), at_most=17),
    Case("shifted_windows", shifted_windows, (8, 8, 16)),
    Case("graph_network", graph_network, [f32(6, 4), ints(10, 2, high=6)]),
    Case("auto_encoder", auto_encoder, (14, 14, 1), at_most=8),
    Case("loops", loops, (5, 4), backends=("jax",)),  # Keras finds no shape of them on TensorFlow
    Case("pixels", pixels, f32(1, 12, 13, 3)),
    Case("tabular", tabular, {"number": f32(3, 3), "kind": ints(3, 1, high=6), "age": f32(3, 1)}),
    Case("normalizations", normalizations, (9, 11, 8)),
    Case("volumes", volumes, (6, 10, 10, 2)),
    Case("attentions", attentions, [f32(2, 4, 8), f32(2, 6, 8)]),
    Case("masked_attention", masked_attention, masked(2, 6, 4)),
    Case("cells", cells, (6, 4)),
    Case("algebra", algebra, (3, 4)),
)


@rows(PROGRAMS)
def test_program(case: Case) -> None:
    check(case)


def test_states_go_on_as_in_keras() -> None:
    """Also where the model is called, and its states change, before the file is written."""
    steps = Input(batch_shape=(2, 4, 3))
    model = Model(steps, L.GRU(4, stateful=True)(L.LSTM(5, stateful=True, return_sequences=True)(steps)))
    converted, x = litesmith.convert(model), f32(2, 4, 3)
    expected = [call(model, x)[0] for _ in range(3)]
    for want in expected:
        (got,) = converted(x).values()
        np.testing.assert_allclose(got, want, atol=1e-6)


def test_training_on_does_not_show() -> None:
    x = f32(2, 6)
    inputs = Input((6,))
    model = Model(inputs, L.Dense(400)(inputs))
    converted, before = litesmith.convert(model), call(model, x)[0]
    for variable in model.weights:
        variable.assign(variable + 1)
    (got,) = converted(x).values()
    np.testing.assert_allclose(got, before, atol=1e-5)
    assert not np.allclose(arrays(model(x))[0], before)


# -- sizes that are open ----------------------------------------------------------------------------------------------


def u_network() -> Model:
    """Halves its images twice and joins what it doubles again: only multiples of 4 can be called."""
    image = Input((None, None, 3))
    first = L.Conv2D(4, 3, padding="same", activation="relu")(image)
    second = L.Conv2D(8, 3, padding="same", activation="relu")(L.MaxPooling2D()(first))
    lowest = L.Conv2D(8, 3, padding="same")(L.MaxPooling2D()(second))
    x = L.Concatenate()([L.UpSampling2D(interpolation="bilinear")(lowest), second])
    x = L.Concatenate()([L.Conv2DTranspose(4, 3, 2, "same")(x), first])
    return Model(image, L.Conv2D(1, 1, activation="sigmoid")(x))


def channels_first_enlarged() -> Model:
    image = Input((3, None, None))
    up = [L.UpSampling2D((2, 3), "channels_first", how)(image) for how in ("bilinear", "nearest")]
    return Model(image, up)


def convolutions() -> Model:
    image = Input((None, None, 3))
    x = L.ReLU(6)(L.BatchNormalization()(L.Conv2D(6, 3, 2)(L.ZeroPadding2D(1)(image))))
    x = L.AveragePooling2D(3, 2, "same")(L.DepthwiseConv2D(3, padding="same", dilation_rate=2)(x))
    gate = L.Reshape((1, 1, 6))(L.GlobalAveragePooling2D()(x))
    return Model(image, L.Dense(3)(L.Multiply()([gate, L.Conv2D(6, 1)(image)])))


def gated_convolutions() -> Model:
    x = sound = Input((None, 4))
    for rate in (1, 2, 4):
        parts = [L.Conv1D(4, 2, padding="causal", dilation_rate=rate, activation=a)(x) for a in ("tanh", "sigmoid")]
        x = L.Add()([x, L.Multiply()(parts)])
    ends = [L.MaxPooling1D(2), L.AveragePooling1D(3, 2, "same"), L.Conv1DTranspose(2, 3, 2), L.UpSampling1D(2)]
    return Model(sound, [end(x) for end in ends])


def series() -> Model:
    steps = Input((None, 5))
    both = L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum")(steps)
    return Model(steps, [L.LSTM(3, return_sequences=True)(steps), both, L.SimpleRNN(4, go_backwards=True)(steps)])


class AlongTime(L.Layer):
    """Operations along a dimension of unknown size."""

    def call(self, x: Any) -> Any:
        products = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
        count = ops.cast(ops.arange(ops.shape(x)[1]), "float32")
        return [
            *(f(x, 1) for f in (ops.cumsum, ops.flip, ops.sort, ops.argmax, ops.mean, ops.std, ops.softmax, ops.prod)),
            *(ops.concatenate([x, x[:, :1]], 1), x[:, 1:] - x[:, :-1], x[:, ::2], ops.stack([x, x], 1)),
            *(ops.reshape(x, (-1, 2, 2)), ops.transpose(x, (1, 0, 2)), products, x * count[:, None]),
            *(ops.tile(x, (1, 2, 1)), ops.repeat(x, 2, 1), ops.pad(x, ((0, 0), (1, 2), (0, 0))), ops.roll(x, 1, 1)),
            *(ops.logsumexp(x, 1), ops.tril(products), ops.diagonal(products, axis1=1, axis2=2)),
            *(ops.broadcast_to(ops.max(x, 1, keepdims=True), ops.shape(x)), ops.expand_dims(x, 1) - x[:, :, None]),
            *(ops.linalg.norm(x, axis=1), ops.einsum("bnc,bmc->bnm", x, x), ops.count_nonzero(x > 0, axis=1)),
        ]


def along_time() -> Model:
    x = Input((None, 4))
    return Model(x, AlongTime()(x))


OPEN: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "u_network": (u_network, (f32(1, 16, 24, 3), f32(2, 32, 16, 3))),
    "channels_first_enlarged": (channels_first_enlarged, (f32(1, 3, 5, 4), f32(2, 3, 2, 7))),
    "convolutions": (convolutions, (f32(1, 17, 23, 3), f32(2, 20, 15, 3))),
    "gated_convolutions": (gated_convolutions, (f32(2, 20, 4), f32(3, 33, 4))),
    "series": (series, (f32(2, 9, 5), f32(1, 4, 5))),
    "along_time": (along_time, (f32(2, 6, 4), f32(3, 8, 4))),
}


@pytest.mark.parametrize("name", OPEN)
def test_open_sizes(name: str) -> None:
    make, calls = OPEN[name]
    model = make()
    randomize(model)
    content = litesmith.convert(model).content
    for data in calls:
        check_answers(content, data, call(model, data), 1e-5)
