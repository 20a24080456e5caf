"""Whole models, and the functions of jax.numpy, jax.nn and jax.image they are made of."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.arrays import f32, i32
from tests.jax.models import MODELS
from tests.jax.parity import Case, check, imported, rows

X = f32(3, 4, 5)
ACTIVATIONS = """
    relu relu6 sigmoid softplus sparse_plus sparse_sigmoid soft_sign silu log_sigmoid leaky_relu hard_sigmoid hard_silu
    hard_tanh tanh elu celu selu gelu squareplus mish identity softmax log_softmax logsumexp standardize normalize glu
""".split()
FUNCTIONS = [
    *[
        Case(f"nn.{name}", getattr(jax.nn, name), (f32(3, 4, 6, low=-4, high=4),))
        for name in ACTIVATIONS
        if hasattr(jax.nn, name)
    ],
    Case("nn.gelu exact", lambda x: jax.nn.gelu(x, approximate=False), (X,)),
    Case("nn.one_hot", lambda i: jax.nn.one_hot(i, 5), (i32(7, low=-1, high=6),)),
    Case(
        "nn.dot_product_attention",
        lambda q, k: jax.nn.dot_product_attention(q, k, k, is_causal=True),
        (f32(2, 5, 2, 4), f32(2, 5, 2, 4, seed="k")),
    ),
    *[
        Case(
            f"image.resize {method} {size}",
            lambda x, m=method, s=size: jax.image.resize(x, (2, *s, 3), m),
            (f32(2, 6, 8, 3),),
        )
        for method in ("nearest", "bilinear", "cubic", "lanczos3")
        for size in ((12, 16), (3, 5))
    ],
    Case(
        "indexing",
        lambda x: (x[1], x[:, -1], x[..., None, 2:4], x[jnp.array([0, 2])], x[:, np.array([1, 1]), :2], x[::-1, 1::2]),
        (X,),
    ),
    Case(
        "indexing by arrays",
        lambda x, i, j: (x[i, :, j], x[i][:, j], x[i[:, None], j], x[i, 1:3]),
        (X, np.array([0, 2, 1], np.int32), np.array([3, 0, -1], np.int32)),
    ),
    Case("indexing by a mask", lambda x: jnp.where(x[..., :1] > 0, x, -x), (X,)),
    Case(
        "index update",
        lambda x: (x.at[1].set(0.0), x.at[:, 1].add(2.0), x.at[..., -1].multiply(3.0), x.at[0, 1:3].max(0.0)),
        (X,),
    ),
    Case(
        "statistics",
        lambda x: (jnp.mean(x, 1), jnp.var(x, (0, 2)), jnp.std(x), jnp.median(x, 0), jnp.quantile(x, 0.3)),
        (X,),
    ),
    Case(
        "arrangement",
        lambda x: (
            jnp.roll(x, 2, 1),
            jnp.flip(x, 0),
            jnp.swapaxes(x, 0, 2),
            jnp.repeat(x, 2, 1),
            jnp.tile(x, (1, 2, 1)),
        ),
        (X,),
    ),
    Case(
        "joining",
        lambda x: (jnp.stack([x, x], 1), jnp.vstack([x, x]), jnp.split(x, 2, 1)[1], jnp.pad(x, 1, mode="edge")),
        (X,),
    ),
    Case(
        "padding",
        lambda x: (jnp.pad(x, ((0, 0), (1, 2), (0, 1)), mode="reflect"), jnp.pad(x, 1, constant_values=3.0)),
        (X,),
    ),
    Case(
        "triangles",
        lambda x: (jnp.tril(x), jnp.triu(x, 1), jnp.trace(x, axis1=1, axis2=2), jnp.diagonal(x[0])),
        (f32(3, 4, 4),),
    ),
    Case(
        "integers",
        lambda i: (i // 3, i % 3, -i // 2, i & 6, i | 1, i ^ 5, i << 2, i >> 1, abs(i)),
        (i32(20, low=-99, high=99),),
    ),
    Case(
        "floor division",
        lambda x: (x // 0.7, x % 0.7, jnp.divmod(x, 1.5), jnp.fmod(x, 0.7)),
        (f32(50, low=-9, high=9),),
    ),
    Case(
        "search",
        lambda x: (jnp.searchsorted(jnp.array([-1.0, 0.0, 1.0]), x), jnp.digitize(x, jnp.array([0.0, 1.0]))),
        (f32(20),),
    ),
    Case("interpolation", lambda x: jnp.interp(x, jnp.array([-1.0, 0.0, 2.0]), jnp.array([3.0, 5.0, 4.0])), (f32(20),)),
    Case(
        "einsum",
        lambda x, y: (jnp.einsum("aij,ajk->aik", x, y), jnp.einsum("aij->ja", x), jnp.einsum("aij,ajk->", x, y)),
        (X, f32(3, 5, 2)),
    ),
    Case(
        "linear algebra",
        lambda x, y: (
            jnp.dot(x, y),
            jnp.outer(x[0], y[:, 0]),
            jnp.linalg.norm(x, axis=1),
            jnp.tensordot(x, y, 1),
            jnp.kron(x, y),
        ),
        (f32(3, 4), f32(4, 2)),
    ),
    Case("convolution of signals", lambda x, y: jnp.convolve(x, y, mode="same"), (f32(12), f32(3))),
    Case("meshes", lambda x: jnp.meshgrid(x, x[:3])[1], (f32(5),)),
    Case(
        "logic",
        lambda x: (jnp.isclose(x, x + 1e-9), jnp.isnan(x), jnp.allclose(x, x), jnp.sign(x), jnp.clip(x, -1, 1)),
        (X,),
    ),
    Case("vmap", jax.vmap(lambda r: jnp.dot(r, r.T)), (X,)),
    Case("gradient", jax.grad(lambda x: jnp.sum(jnp.tanh(x) ** 3)), (X,)),
    Case(
        "special",
        lambda x: (jax.scipy.special.expit(x), jax.scipy.special.logsumexp(x, 1), jax.scipy.special.xlogy(x, 2.0 + x)),
        (f32(3, 4, low=0.1),),
    ),
    Case("normal distribution", lambda x: (jax.scipy.stats.norm.cdf(x), jax.scipy.stats.norm.logpdf(x)), (X,)),
    Case("associative scan", lambda x: jax.lax.associative_scan(jnp.add, x), (X,)),
    Case("map", lambda x: jax.lax.map(lambda r: jnp.sort(r) * 2, x), (f32(4, 5),)),
]


@rows(FUNCTIONS)
def test_function(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("build", MODELS, ids=lambda build: getattr(build, "__name__", "model"))
def test_model(build: Any) -> None:
    check(build())


def test_batch_stays_unknown() -> None:
    """A model with a symbolic batch runs with any, and rebuilds no shapes."""
    program = imported(MODELS[0]())
    assert not {"SHAPE", "STRIDED_SLICE", "BROADCAST_TO"} & set(program.histogram())


def test_weights_are_named_by_their_path() -> None:
    program = imported(MODELS[0](), optimize=False)
    names = {v.name for g in program.all_graphs() for v in g.constants()}
    assert "variables/params/Dense_0/bias" in names
