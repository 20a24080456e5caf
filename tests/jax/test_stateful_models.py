"""Models that hand their state out and take it back in: each step is compared while the file feeds its own state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.frontends.jax.modules import traceable
from litesmith.runtime.runner import Runner
from tests.arrays import assert_close, f32, i32
from tests.jax.models import seeded
from tests.jax.parity import Case, imported

STEPS, LONGEST = 10, 12
Built = tuple[Callable[..., Any], Any, list[Any]]
"""A step (input, state) -> (output, state), the first state, and the inputs of every step."""


class CachedLayer(nn.Module):
    """Pre-norm causal layer whose attention keeps the keys and values it has seen."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        y = nn.LayerNorm()(x)
        x = x + nn.MultiHeadDotProductAttention(2, decode=True, deterministic=True)(y, y)
        return x + nn.Dense(x.shape[-1])(nn.gelu(nn.Dense(32)(nn.LayerNorm()(x))))


class CachedTransformer(nn.Module):
    """One token at a time; the position is part of the cache."""

    vocabulary: int = 31
    width: int = 16

    @nn.compact
    def __call__(self, tokens: Any) -> Any:
        table = nn.Embed(self.vocabulary, self.width)
        places = self.param("places", nn.initializers.normal(), (LONGEST, self.width))
        position = self.variable("cache", "position", lambda: jnp.zeros((), jnp.int32))
        x = table(tokens) + jax.lax.dynamic_slice_in_dim(places, position.value, tokens.shape[1], 0)
        if not self.is_initializing():
            position.value += tokens.shape[1]
        for _ in range(2):
            x = CachedLayer()(x)
        return table.attend(nn.LayerNorm()(x))


def transformer() -> Built:
    model = CachedTransformer()
    variables = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((2, LONGEST), jnp.int32))
    params = seeded(variables["params"])
    cache = jax.tree_util.tree_map(lambda v: np.zeros(v.shape, v.dtype), variables["cache"])

    def step(token: Any, state: Any) -> Any:
        y, changed = model.apply({"params": params, "cache": state}, token, mutable=["cache"])
        return y, changed["cache"]

    return step, cache, [i32(2, 1, low=0, high=31, seed=str(k)) for k in range(STEPS)]


def linen_cell(cell: Callable[..., Any]) -> Callable[[], Built]:
    def build() -> Built:
        model, x = cell(6), f32(2, 5)
        carry = jax.tree_util.tree_map(np.asarray, model.initialize_carry(jax.random.key(0), x.shape))
        params = seeded(jax.eval_shape(model.init, jax.random.key(0), carry, x))

        def step(x: Any, state: Any) -> Any:
            state, y = model.apply(params, state, x)
            return y, state

        return step, carry, [f32(2, 5, seed=str(k)) for k in range(STEPS)]

    return build


def nnx_scan() -> Built:
    """Chunks of a sequence: `nnx.RNN` scans each and hands its carry on."""
    pytest.importorskip("flax", minversion="0.10.6", reason="older loops give parameters back as new ones")
    from flax import nnx

    class Chunks(nnx.Module):
        def __init__(self) -> None:
            self.rnn = nnx.RNN(nnx.LSTMCell(5, 6, rngs=nnx.Rngs(0)))

        def __call__(self, x: Any, state: Any) -> Any:
            state, y = self.rnn(x, initial_carry=state, return_carry=True)
            return y, state

    carry = (np.zeros((2, 6), np.float32), np.zeros((2, 6), np.float32))
    return Chunks(), carry, [f32(2, 3, 5, seed=str(k)) for k in range(STEPS)]


def nnx_cell() -> Built:
    from flax import nnx

    cell = nnx.GRUCell(5, 6, rngs=nnx.Rngs(0))

    def step(x: Any, state: Any) -> Any:
        state, y = cell(state, x)
        return y, state

    return step, np.zeros((2, 6), np.float32), [f32(2, 5, seed=str(k)) for k in range(STEPS)]


def running_mean() -> Built:
    """State of integers and floats: how many there were, and their mean."""

    def step(x: Any, state: Any) -> Any:
        count = state["count"] + 1
        mean = state["mean"] + (x - state["mean"]) / count
        return x - mean, {"count": count, "mean": mean}

    state = {"count": np.int32(0), "mean": np.zeros(3, np.float32)}
    return step, state, [f32(3, seed=str(k)) for k in range(STEPS)]


BUILDERS: dict[str, Callable[[], Built]] = {
    "causal transformer": transformer,
    "linen lstm": linen_cell(nn.OptimizedLSTMCell),
    "linen gru": linen_cell(nn.GRUCell),
    "linen mgu": linen_cell(nn.MGUCell),
    "nnx lstm by scan": nnx_scan,
    "nnx gru": nnx_cell,
    "running mean": running_mean,
}


@pytest.mark.parametrize("name", BUILDERS)
def test_state_is_fed_back(name: str) -> None:
    step, state, inputs = BUILDERS[name]()
    runner = Runner(write_model(imported(Case(name, step, (inputs[0], state)))))
    compiled, wanted = jax.jit(traceable(step)), state
    kept = [np.asarray(v) for v in jax.tree_util.tree_leaves(state)]
    for x in inputs:
        expected, wanted = compiled(x, wanted)
        got, *kept = runner.run([x, *kept]).values()
        assert_close(got, np.asarray(expected), 1e-5)
        for have, want in zip(kept, jax.tree_util.tree_leaves(wanted), strict=True):
            assert_close(have, np.asarray(want), 1e-5)


def test_the_cache_matters() -> None:
    """Outputs of equal tokens differ from step to step, so that a forgotten cache would be seen."""
    step, state, _ = transformer()
    token = np.array([[3], [5]], np.int32)
    first, state = step(token, state)
    second, _ = step(token, state)
    assert float(np.max(np.abs(np.asarray(first) - np.asarray(second)))) > 1e-2
