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


BATCH, BATCH_AND_TIME = f"n, {STEPS}, {FEATURES}", f"n, t, {FEATURES}"
SIZES = ((2, 7), (1, 5), (4, 5), (4, 9), (2, 7))


@pytest.mark.parametrize(("spec", "forms"), [(BATCH, ("fused", "loop", "unrolled")), (BATCH_AND_TIME, ("fused", "loop"))])
def test_flax_of_any_size(spec: str, forms: tuple[str, ...]) -> None:
    """One model with a layer of each kind over the same input."""
    linen = pytest.importorskip("flax.linen")
    cells = [getattr(linen, name)(UNITS) for name in CELLS]
    layers = [linen.RNN(cell) for cell in cells]
    layers += [linen.RNN(linen.LSTMCell(UNITS), reverse=True, keep_order=True)]
    layers += [linen.Bidirectional(linen.RNN(linen.GRUCell(UNITS)), linen.RNN(linen.GRUCell(UNITS)))]
    weights = [layer.init(jax.random.PRNGKey(0), jnp.ones((2, STEPS, FEATURES))) for layer in layers]

    def model(x: Any) -> list[Any]:
        return [layer.apply(w, x) for layer, w in zip(layers, weights, strict=True)]

    rng = np.random.default_rng(2)
    xs = [rng.normal(size=(n, t if spec == BATCH_AND_TIME else STEPS, FEATURES)).astype(np.float32) for n, t in SIZES]
    expected = [[np.asarray(y) for y in model(x)] for x in xs]
    for form in forms:
        made = litesmith.convert(model, jax.ShapeDtypeStruct(jax.export.symbolic_shape(spec), jnp.float32), rnn=form, verify=False)
        assert made.operators.get(LSTM, 0) == (3 if form == "fused" else 0), made.notes
        assert ("WHILE" in made.operators) == (form != "unrolled"), made.notes
        for kernels in ("default", "builtin"):
            runner = Runner(made.content, kernels=kernels)
            for x, wanted in zip(xs, expected, strict=True):
                for got, right in zip(runner.run([x]).values(), wanted, strict=True):
                    result = compare(got, right, 1e-5)
                    assert result.passed, f"{form} {kernels}: {result}"


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
