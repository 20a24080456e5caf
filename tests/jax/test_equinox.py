"""Equinox modules, as they are, vectorized, jitted, with state, as arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import litesmith
from tests.arrays import assert_close, f32, i32

eqx = pytest.importorskip("equinox")

KEY = jax.random.key(0)
VECTOR, ROWS, IMAGE = f32(8), f32(5, 8), f32(3, 9, 9)
OVER = {"axis_name": "batch", "in_axes": (0, None), "out_axes": (0, None)}
nn = eqx.nn


class ConvNet(eqx.Module):  # type: ignore[misc, name-defined]
    """Convolution, batch normalization with state, dropout, pooling, a dense head."""

    conv: Any
    norm: Any
    drop: Any
    head: Any

    def __init__(self, mode: str) -> None:
        self.conv = nn.Conv2d(3, 8, 3, key=KEY)
        self.norm = nn.BatchNorm(8, axis_name="batch", mode=mode)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 5, key=KEY)

    def __call__(self, x: Any, state: Any) -> Any:
        x, state = self.norm(self.conv(x), state)
        x = nn.MaxPool2d(2, 2)(self.drop(jax.nn.relu(x)))
        return self.head(jnp.mean(x, (1, 2))), state


def inference(mode: str) -> tuple[Callable[..., Any], list[Any]]:
    """The network with statistics of a few batches."""
    model, state = nn.make_with_state(ConvNet)(mode)
    batch = f32(4, 3, 9, 9)
    still = eqx.tree_at(lambda m: m.drop, model, nn.Dropout(0.5, inference=True))
    for _ in range(3):
        _, state = jax.vmap(still, **OVER)(batch, state)
    fixed = nn.inference_mode(model)
    return lambda image: jax.vmap(fixed, **OVER)(image, state)[0], [batch]


def training() -> tuple[Callable[..., Any], list[Any]]:
    """The network in training: statistics in and out."""
    model, state = nn.make_with_state(ConvNet)("batch")
    still = eqx.tree_at(lambda m: m.drop, model, nn.Dropout(0.5, inference=True))
    return lambda image, state: jax.vmap(still, **OVER)(image, state), [f32(4, 3, 9, 9), state]


def recurrent(cell: Any, first: Any) -> Callable[..., Any]:
    def run(sequence: Any) -> Any:
        def step(state: Any, x: Any) -> Any:
            state = cell(x, state)
            return state, jax.tree_util.tree_leaves(state)[0]

        return jax.lax.scan(step, first, sequence)

    return run


MLP = nn.MLP(8, 4, 16, 2, key=KEY)
ATTENTION = nn.MultiheadAttention(2, 8, use_query_bias=True, key=KEY)
SEQUENTIAL = nn.Sequential([nn.Conv2d(3, 4, 3, key=KEY), nn.Lambda(jax.nn.relu), nn.Lambda(jnp.ravel)])

MODELS: dict[str, Callable[[], tuple[Callable[..., Any], list[Any]]]] = {
    "mlp": lambda: (MLP, [VECTOR]),
    "mlp vectorized": lambda: (jax.vmap(MLP), [ROWS]),
    "mlp filter_vmap": lambda: (eqx.filter_vmap(MLP), [ROWS]),
    "mlp filter_jit": lambda: (eqx.filter_jit(MLP), [VECTOR]),
    "mlp as an argument": lambda: (lambda model, x: model(x), [MLP, VECTOR]),
    "mlp as an argument of filter_jit": lambda: (eqx.filter_jit(lambda model, x: model(x)), [MLP, VECTOR]),
    "sequential": lambda: (SEQUENTIAL, [IMAGE]),
    "batch norm": lambda: inference("batch"),
    "batch norm by moving averages": lambda: inference("ema"),
    "batch norm in training": training,
    "lstm": lambda: (recurrent(nn.LSTMCell(8, 6, key=KEY), (jnp.zeros(6), jnp.zeros(6))), [ROWS]),
    "gru": lambda: (eqx.filter_jit(recurrent(nn.GRUCell(8, 6, key=KEY), jnp.zeros(6))), [ROWS]),
    "attention": lambda: (ATTENTION, [ROWS, f32(7, 8), f32(7, 8, seed="v")]),
    "causal attention": lambda: (lambda x: ATTENTION(x, x, x, mask=jnp.tril(jnp.ones((5, 5), bool))), [ROWS]),
    "embedding": lambda: (jax.vmap(nn.Embedding(10, 4, key=KEY)), [i32(5, low=0, high=10)]),
    "layer norm": lambda: (jax.vmap(nn.LayerNorm(8)), [ROWS]),
    "rms norm": lambda: (nn.RMSNorm(8), [VECTOR]),
    "group norm": lambda: (nn.GroupNorm(4, 8), [f32(8, 3, 3)]),
    "transposed convolution": lambda: (nn.ConvTranspose2d(3, 4, 3, stride=2, key=KEY), [IMAGE]),
    "convolution over one dimension": lambda: (nn.Conv1d(3, 4, 3, padding="SAME", key=KEY), [f32(3, 9)]),
    "convolution over three": lambda: (nn.Conv3d(1, 4, 3, key=KEY), [f32(1, 5, 5, 5)]),
    "pooling": lambda: (nn.AvgPool2d(2, 2), [IMAGE]),
    "adaptive pooling": lambda: (nn.AdaptiveAvgPool2d((3, 3)), [IMAGE]),
    "prelu": lambda: (nn.PReLU(), [VECTOR]),
    "rotary embedding": lambda: (nn.RotaryPositionalEmbedding(8), [ROWS]),
    "weight norm": lambda: (nn.WeightNorm(nn.Linear(8, 4, key=KEY)), [VECTOR]),
}


@pytest.mark.parametrize("name", MODELS)
def test_model(name: str) -> None:
    function, args = MODELS[name]()
    model = litesmith.convert(function, *args)
    expected = [np.asarray(v) for v in jax.tree_util.tree_leaves(eqx.filter_jit(function)(*args))]
    fed = [np.asarray(v) for v in jax.tree_util.tree_leaves(args) if eqx.is_array_like(v)]
    for _ in range(3):
        got = list(model(*fed).values())
        for have, want in zip(got, expected, strict=True):
            assert_close(have, want, 1e-5)


def test_names() -> None:
    """Parameters have those of the module's call, weights their place in the module."""
    program = litesmith.convert(eqx.filter_jit(jax.vmap(MLP)), ROWS).program
    assert list(program.signatures[0].inputs) == ["x"]
    assert "layers/0/weight" in {v.name for v in program.main.constants()}


def test_a_batch_of_any_size() -> None:
    (b,) = jax.export.symbolic_shape("b")
    model = litesmith.convert(jax.vmap(MLP), jax.ShapeDtypeStruct((b, 8), "float32"))
    for rows in (1, 5):
        np.testing.assert_allclose(model(ROWS[:rows])["output_0"], jax.vmap(MLP)(ROWS[:rows]), rtol=1e-5, atol=1e-6)
