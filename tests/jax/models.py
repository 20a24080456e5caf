"""Small models of every kind in Flax (linen and nnx), Haiku and plain JAX, with seeded weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.arrays import f32, i32
from tests.jax.parity import Case


class Mlp(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.relu(nn.Dense(16)(x))
        x = nn.gelu(nn.Dense(16)(x))
        return nn.softmax(nn.Dense(4)(x))


class Cnn(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.relu(nn.Conv(8, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), (2, 2))
        x = nn.relu(nn.Conv(16, (3, 3), strides=2)(x))
        x = nn.max_pool(x, (2, 2), (2, 2))
        return nn.log_softmax(nn.Dense(10)(x.reshape(x.shape[0], -1)))


class Block(nn.Module):
    features: int
    strides: int = 1

    @nn.compact
    def __call__(self, x: Any) -> Any:
        y = nn.Conv(self.features, (3, 3), self.strides, use_bias=False)(x)
        y = nn.relu(nn.BatchNorm(use_running_average=True)(y))
        y = nn.BatchNorm(use_running_average=True)(nn.Conv(self.features, (3, 3), use_bias=False)(y))
        if x.shape != y.shape:
            x = nn.BatchNorm(use_running_average=True)(nn.Conv(self.features, (1, 1), self.strides, use_bias=False)(x))
        return nn.relu(x + y)


class ResNet(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Conv(8, (7, 7), 2, use_bias=False)(x)
        x = nn.max_pool(nn.relu(nn.BatchNorm(use_running_average=True)(x)), (3, 3), (2, 2), "SAME")
        for features, strides in ((8, 1), (16, 2)):
            x = Block(features, strides)(x)
        return nn.Dense(10)(jnp.mean(x, axis=(1, 2)))


class Layer(nn.Module):
    """Pre-norm transformer layer."""

    heads: int = 2

    @nn.compact
    def __call__(self, x: Any, mask: Any) -> Any:
        y = nn.LayerNorm()(x)
        x = x + nn.MultiHeadDotProductAttention(self.heads, deterministic=True)(y, y, mask=mask)
        y = nn.Dense(x.shape[-1] * 4)(nn.LayerNorm()(x))
        return x + nn.Dense(x.shape[-1])(nn.gelu(y))


class Transformer(nn.Module):
    vocabulary: int = 31
    width: int = 16

    @nn.compact
    def __call__(self, tokens: Any) -> Any:
        table = nn.Embed(self.vocabulary, self.width)
        x = (
            table(tokens)
            + self.param("positions", nn.initializers.normal(), (32, self.width))[jnp.arange(tokens.shape[1])]
        )
        mask = nn.make_causal_mask(tokens)
        for _ in range(2):
            x = Layer()(x, mask)
        return table.attend(nn.LayerNorm()(x))


class Lstm(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(3)(nn.RNN(nn.OptimizedLSTMCell(8))(x)[:, -1])


class Gru(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Bidirectional(nn.RNN(nn.GRUCell(6)), nn.RNN(nn.GRUCell(6)))(x)


class Vae(nn.Module):
    @nn.compact
    def __call__(self, x: Any, words: Any) -> Any:
        y = nn.relu(nn.Dense(16)(x))
        mean, log_variance = nn.Dense(4)(y), nn.Dense(4)(y)
        noise = jax.random.normal(jax.random.wrap_key_data(words), mean.shape)
        z = mean + jnp.exp(0.5 * log_variance) * noise
        return nn.sigmoid(nn.Dense(12)(nn.relu(nn.Dense(16)(z)))), mean, log_variance


class UNet(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        skips = []
        for features in (4, 8):
            x = nn.relu(nn.Conv(features, (3, 3))(x))
            skips.append(x)
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = nn.GroupNorm(4)(nn.swish(nn.Conv(16, (3, 3))(x)))
        for features, skip in zip((8, 4), reversed(skips), strict=True):
            x = nn.ConvTranspose(features, (2, 2), (2, 2))(x)
            x = nn.leaky_relu(nn.Conv(features, (3, 3))(jnp.concatenate([x, skip], -1)))
        x = jax.image.resize(x, (x.shape[0], x.shape[1] * 2, x.shape[2] * 2, x.shape[3]), "bilinear")
        return nn.Conv(1, (1, 1))(x)


class Depthwise(nn.Module):
    """An inverted residual block with squeeze and excitation."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        y = nn.hard_swish(nn.Conv(12, (1, 1))(x))
        y = nn.relu6(nn.Conv(12, (3, 3), feature_group_count=12)(y))
        gate = nn.hard_sigmoid(nn.Dense(12)(nn.silu(nn.Dense(3)(jnp.mean(y, (1, 2), keepdims=True)))))
        return x + nn.Conv(4, (1, 1))(y * gate)


def seeded(specification: Any) -> Any:
    """Seeded arrays of these shapes: matrices small around zero, vectors (scales, variances, biases) above it."""
    leaves, tree = jax.tree_util.tree_flatten(specification)
    made = []
    for number, leaf in enumerate(leaves):
        reach = 1 / np.sqrt(np.prod(leaf.shape[:-1])) if len(leaf.shape) > 1 else 0.5
        low = -reach if len(leaf.shape) > 1 else 0.1
        made.append(jnp.asarray(f32(*leaf.shape, seed=str(number), low=low, high=reach)))
    return jax.tree_util.tree_unflatten(tree, made)


def linen(name: str, module: nn.Module, *args: Any, shapes: Any = (), **options: Any) -> Case:
    variables = seeded(jax.eval_shape(module.init, jax.random.key(0), *args))
    return Case(name, lambda *xs: module.apply(variables, *xs), args, shapes=shapes, **options)


def nnx_mlp() -> Case:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first = nnx.Linear(6, 8, rngs=rngs)
            self.norm = nnx.BatchNorm(8, use_running_average=True, rngs=rngs)
            self.second = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.second(nnx.relu(self.norm(self.first(x))))

    return Case("nnx", Model(nnx.Rngs(0)), (f32(5, 6),), shapes=["b, 6"])


def nnx_cnn() -> Case:
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first = nnx.Conv(3, 8, (3, 3), use_bias=False, rngs=rngs)
            self.norm = nnx.BatchNorm(8, rngs=rngs)
            self.second = nnx.Conv(8, 8, (3, 3), strides=2, rngs=rngs)
            self.last = nnx.BatchNorm(8, rngs=rngs)
            self.head = nnx.Linear(8, 4, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            x = nnx.relu(self.norm(self.first(x)))
            x = nnx.avg_pool(x, (2, 2), (2, 2))
            x = nnx.relu(self.last(self.second(x)))
            return self.head(jnp.mean(x, (1, 2)))

    model = Model(nnx.Rngs(0))
    for number, norm in enumerate((model.norm, model.last)):
        norm.mean = nnx.BatchStat(jnp.asarray(f32(8, seed=f"mean {number}")))
        norm.var = nnx.BatchStat(jnp.asarray(f32(8, seed=f"var {number}", low=0.3, high=2)))
    model.eval()
    ops = {"CONV_2D": 2, "AVERAGE_POOL_2D": 1, "MEAN": 1, "FULLY_CONNECTED": 1}
    return Case("nnx cnn", model, (f32(2, 16, 16, 3),), shapes=["b, 16, 16, 3"], ops=ops)


def nnx_lstm() -> Case:
    """A recurrent module counts random numbers when it is called, though it uses none."""
    pytest.importorskip("flax", minversion="0.10.6", reason="older loops give parameters back as new ones")
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.rnn = nnx.RNN(nnx.OptimizedLSTMCell(5, 6, rngs=rngs))
            self.drop = nnx.Dropout(0.5, rngs=rngs)
            self.head = nnx.Linear(6, 3, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.head(self.drop(self.rnn(x)))

    model = Model(nnx.Rngs(0))
    model.eval()
    return Case("nnx lstm", model, (f32(2, 7, 5),), shapes=["b, 7, 5"])


def haiku_mlp() -> Case:
    import haiku as hk

    def forward(v: Any) -> Any:
        return hk.nets.MLP([8, 8, 3])(v)

    transformed = hk.without_apply_rng(hk.transform(forward))
    x = f32(5, 6)
    params = transformed.init(jax.random.PRNGKey(0), x)
    return Case("haiku", lambda v: transformed.apply(params, v), (x,), shapes=["b, 6"])


@jax.tree_util.register_pytree_node_class
@dataclass
class Linear:
    """A layer that is a pytree and a function, as in Equinox."""

    weight: Any
    bias: Any

    def __call__(self, x: Any) -> Any:
        return jnp.tanh(x @ self.weight + self.bias)

    def tree_flatten(self) -> Any:
        return (self.weight, self.bias), None

    @classmethod
    def tree_unflatten(cls, _: Any, children: Any) -> Any:
        return cls(*children)


def module_pytree() -> Case:
    layers = [Linear(jnp.asarray(f32(6, 6, seed=s)), jnp.asarray(f32(6, seed=s))) for s in "ab"]

    def model(x: Any) -> Any:
        for layer in layers:
            x = layer(x)
        return x

    return Case("module pytree", model, (f32(5, 6),), shapes=["b, 6"])


@jax.tree_util.register_pytree_node_class
@dataclass
class Network:
    """Layers, a scale and a name that is no array: itself what is converted."""

    layers: list[Linear]
    scale: Any
    mode: str

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x * self.scale if self.mode == "scaled" else x

    def tree_flatten(self) -> Any:
        return (self.layers, self.scale), self.mode

    @classmethod
    def tree_unflatten(cls, mode: str, children: Any) -> Any:
        return cls(*children, mode)


def pytree_as_function() -> Case:
    layers = [Linear(jnp.asarray(f32(6, 6, seed=s)), jnp.asarray(f32(6, seed=s))) for s in "ab"]
    network = Network(layers, jnp.asarray(f32(6, seed="scale")), "scaled")
    return Case("pytree as function", network, (f32(5, 6),), shapes=["b, 6"], ops={"FULLY_CONNECTED": 2, "TANH": 2})


def pytree_as_argument() -> Case:
    """The weights come in with every call."""
    layer = Linear(f32(6, 3), f32(3))
    return Case("pytree as argument", lambda module, x: module(x), (layer, f32(5, 6)))


def decoder_step() -> Case:
    """One step of a decoder with a key-value cache of fixed length, updated in place."""
    width, heads, length = 16, 2, 8
    wq, wk, wv, wo = (jnp.asarray(f32(width, width, seed=s, low=-0.4, high=0.4)) for s in "qkvo")

    def step(x: Any, keys: Any, values: Any, position: Any) -> Any:
        def split(y: Any) -> Any:
            return y.reshape(y.shape[0], heads, width // heads)

        keys = jax.lax.dynamic_update_slice_in_dim(keys, split(x @ wk)[:, None], position, 1)
        values = jax.lax.dynamic_update_slice_in_dim(values, split(x @ wv)[:, None], position, 1)
        scores = jnp.einsum("bhd,bthd->bht", split(x @ wq), keys) / np.sqrt(width // heads)
        scores = jnp.where(jnp.arange(length) <= position, scores, -1e9)
        mixed = jnp.einsum("bht,bthd->bhd", jax.nn.softmax(scores), values)
        return {"y": mixed.reshape(x.shape) @ wo, "keys": keys, "values": values}

    cache = f32(2, length, heads, width // heads), f32(2, length, heads, width // heads, seed="v")
    return Case(
        "key-value cache", step, (f32(2, width), *cache, np.int32(3)), shapes=["b, 16", "b, 8, 2, 8", "b, 8, 2, 8", ""]
    )


def generate() -> Case:
    """Greedy decoding in a while loop."""
    table = jnp.asarray(f32(11, 6))
    weight = jnp.asarray(f32(6, 6, seed="w"))

    def run(first: Any) -> Any:
        def body(state: Any) -> Any:
            index, tokens, h = state
            h = jnp.tanh(h @ weight + table[tokens[:, index]])
            token = jnp.argmax(h @ table.T, -1)
            return index + 1, tokens.at[:, index + 1].set(token), h

        tokens = jnp.zeros((first.shape[0], 7), jnp.int32).at[:, 0].set(first)
        state = (0, tokens, jnp.zeros((first.shape[0], 6)))
        return jax.lax.while_loop(lambda s: s[0] < 6, body, state)[1]

    return Case("greedy decoding", run, (np.array([1, 4, 7], np.int32),))


def mixed_precision() -> Case:
    weight = jnp.asarray(f32(6, 8)).astype(jnp.bfloat16)

    def run(x: Any) -> Any:
        y = jax.nn.relu(x.astype(jnp.bfloat16) @ weight) + jnp.bfloat16(0.5)
        return (y * y).astype(jnp.float32)

    return Case("bfloat16", run, (f32(5, 6),), tolerance=2e-2, shapes=["b, 6"])


MODELS: list[Callable[[], Case]] = [
    lambda: linen("mlp", Mlp(), f32(3, 6), shapes=["b, 6"]),
    lambda: linen("cnn", Cnn(), f32(2, 16, 16, 3), shapes=["b, 16, 16, 3"]),
    lambda: linen("resnet", ResNet(), f32(2, 32, 32, 3), shapes=["b, 32, 32, 3"]),
    lambda: linen("transformer", Transformer(), i32(2, 9, low=0, high=31), shapes=["b, t"]),
    lambda: linen("lstm", Lstm(), f32(2, 7, 5), shapes=["b, t, 5"]),
    lambda: linen("bidirectional gru", Gru(), f32(2, 7, 5), shapes=["b, 7, 5"]),
    lambda: linen("vae", Vae(), f32(3, 12), np.array([1, 2], np.uint32), tolerance=2e-5),
    lambda: linen("u-net", UNet(), f32(2, 16, 16, 3), shapes=["b, 16, 16, 3"]),
    lambda: linen("inverted residual", Depthwise(), f32(2, 8, 8, 4), shapes=["b, h, w, 4"]),
    nnx_mlp,
    nnx_cnn,
    nnx_lstm,
    haiku_mlp,
    module_pytree,
    pytree_as_function,
    pytree_as_argument,
    decoder_step,
    generate,
    mixed_precision,
]
