"""Composites of JAX that stay operators of their own."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

import litesmith  # noqa: E402
from litesmith.formats.tflite import read_model  # noqa: E402
from litesmith.formats.tflite.flexbuffer import read_map  # noqa: E402
from litesmith.ops.xnnpack import xnnpack_reason  # noqa: E402

pytestmark = pytest.mark.jax

W = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


def gate(x, w, *, scale, axes, mode):
    return jnp.tanh(x @ w) * scale + len(axes) + len(mode)


def model(x):
    kept = jax.lax.composite(gate, "acme.gate", version=2)
    return kept(x, W, scale=np.float32(0.5), axes=np.array([0, 1]), mode="fast") + 1


@pytest.mark.parametrize("pattern", ("acme.gate", "acme.*"))
def test_a_composite_is_kept(pattern):
    x = np.linspace(-2, 2, 8, dtype=np.float32).reshape(2, 4)
    converted = litesmith.convert(model, x, keep_composites=[pattern])
    (op,) = [op for op in converted.program.main.ops if op.name == "STABLEHLO_COMPOSITE"]
    assert (op.attrs["name"], op.attrs["version"]) == ("acme.gate", 2)
    assert read_map(op.attrs["composite_attributes"]) == {"scale": 0.5, "axes": [0, 1], "mode": "fast"}
    (y,) = converted(x).values()
    np.testing.assert_allclose(y, model(x), rtol=0, atol=1e-5)
    assert read_model(converted.content).histogram() == converted.operators


def test_others_are_taken_apart():
    x = np.ones((2, 4), np.float32)
    assert "STABLEHLO_COMPOSITE" not in litesmith.convert(model, x, keep_composites=["odml.*"]).operators


def test_delegates_know_it_by_name():
    def attention(q):
        return jax.lax.composite(lambda q: q * 2, "odml.scaled_dot_product_attention")(q)

    program = litesmith.convert(attention, np.ones((2, 3), np.float32), keep_composites=["odml.*"], verify=False).program
    (op,) = program.main.ops
    assert xnnpack_reason(op) is None


def test_attributes_that_cannot_be_held_are_told():
    def f(x):
        return jax.lax.composite(lambda x, *, table: x + table.sum(), "acme.table")(x, table=np.ones((2, 2), np.float32))

    with pytest.raises(litesmith.ConverterError, match=r"the attribute 'table' of the composite 'acme\.table'"):
        litesmith.convert(f, np.ones(3, np.float32), keep_composites=["*"])
