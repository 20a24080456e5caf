"""Recurrent loops of JAX become the fused operator: Flax's layers, and lax.scan."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import litesmith
from litesmith.runtime import Runner, compare

pytestmark = pytest.mark.jax

UNITS, FEATURES, STEPS = 6, 4, 7
LSTM, RNN = "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"


def check(made: Any, function: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    for kernels in ("default", "builtin"):
        runner = Runner(made.content, kernels=kernels)
        for _ in range(5):
            x = rng.normal(size=shape).astype(np.float32)
            (got,) = runner.run([x]).values()
            result = compare(got, np.asarray(function(x)), 1e-5)
            assert result.passed, f"{kernels}: {result}"


CELLS = {"LSTMCell": LSTM, "OptimizedLSTMCell": LSTM, "SimpleCell": RNN, "GRUCell": "WHILE"}
OPTIONS: dict[str, dict[str, bool]] = {"plain": {}, "reverse": {"reverse": True, "keep_order": True}}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize(("cell", "operator"), CELLS.items(), ids=CELLS)
def test_flax(cell: str, operator: str, options: dict[str, bool]) -> None:
    linen = pytest.importorskip("flax.linen")
    layer = linen.RNN(getattr(linen, cell)(UNITS), **options)
    x = jnp.ones((2, STEPS, FEATURES))
    weights = layer.init(jax.random.PRNGKey(0), x)
    compiled = jax.jit(lambda x: layer.apply(weights, x))
    for form, wanted in (("fused", operator), ("unrolled", "UNPACK")):
        made = litesmith.convert(lambda x: layer.apply(weights, x), x, rnn=form)
        assert wanted in made.operators, made.notes
        check(made, compiled, x.shape)


def test_flax_of_any_size() -> None:
    """One model with two layers over the same input, of any batch and length."""
    linen = pytest.importorskip("flax.linen")
    layers = [linen.RNN(linen.LSTMCell(UNITS), reverse=True, keep_order=True), linen.RNN(linen.GRUCell(UNITS))]
    weights = [layer.init(jax.random.PRNGKey(0), jnp.ones((2, STEPS, FEATURES))) for layer in layers]

    def model(x: Any) -> list[Any]:
        return [layer.apply(w, x) for layer, w in zip(layers, weights, strict=True)]

    shape = jax.export.symbolic_shape(f"n, t, {FEATURES}")
    made = litesmith.convert(model, jax.ShapeDtypeStruct(shape, jnp.float32), rnn="fused", verify=False)
    assert (made.operators.get(LSTM), made.operators.get("WHILE")) == (1, 1), made.notes
    compiled, rng = jax.jit(model), np.random.default_rng(2)
    for kernels in ("default", "builtin"):
        runner = Runner(made.content, kernels=kernels)
        for size in ((2, 7), (4, 9), (2, 7)):
            x = rng.normal(size=(*size, FEATURES)).astype(np.float32)
            for got, right in zip(runner.run([x]).values(), compiled(x), strict=True):
                result = compare(got, np.asarray(right), 1e-5)
                assert result.passed, f"{kernels}: {result}"


@pytest.mark.parametrize("form", ["fused", "loop", "unrolled"])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse: bool, form: str) -> None:
    rng = np.random.default_rng(0)
    kernel, recurrent = rng.normal(size=(FEATURES, UNITS)), rng.normal(size=(UNITS, UNITS)) * 0.4

    def model(x: Any) -> Any:
        def step(h: Any, row: Any) -> Any:
            h = jnp.tanh(row @ kernel.astype(np.float32) + h @ recurrent.astype(np.float32))
            return h, h

        return jax.lax.scan(step, jnp.zeros((2, UNITS)), x, reverse=reverse)[1]

    made = litesmith.convert(model, jnp.ones((STEPS, 2, FEATURES)), rnn=form)
    assert (RNN in made.operators, "WHILE" in made.operators) == (form == "fused", form == "loop")
    check(made, model, (STEPS, 2, FEATURES))
