"""Whole models and recurrent layers under policies of float16 and bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L  # noqa: N812

import litesmith
from litesmith.runtime import Runner
from tests.keras.parity import Case, call, check, f32, rows


def _mobile() -> Any:
    image = keras.Input((16, 16, 3), dtype="float32")
    x = L.Conv2D(8, 3, 2, padding="same", use_bias=False)(L.Rescaling(1 / 127.5)(image))
    x = L.ReLU(6.0)(L.BatchNormalization()(x))
    y = L.Conv2D(8, 1)(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same")(x)))
    pooled = L.GlobalAveragePooling2D()(L.Add()([x, y]))
    return keras.Model(image, L.Dense(5, activation="softmax", dtype="float32")(pooled))


def _transformer() -> Any:
    sequence = keras.Input((6, 16), dtype="float32")
    h = L.LayerNormalization()(L.MultiHeadAttention(2, 8)(sequence, sequence) + sequence)
    return keras.Model(sequence, L.LayerNormalization(dtype="float32")(L.Dense(16)(L.Dense(32, activation="gelu")(h))))


def _under(policy: str, make: Callable[[], Any]) -> Any:
    keras.config.set_dtype_policy(policy)
    return make()


POLICIES = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
MODELS = {"mobile": (_mobile, f32(2, 16, 16, 3)), "transformer": (_transformer, f32(2, 6, 16))}
TOLERANCES = {"float16": 5e-3, "bfloat16": 3e-2}
"""A few roundings of the type: the frameworks and the kernels sum in another order, or in wider types."""

TABLE = [
    Case(f"{name}-{policy}", lambda p=policy, m=make: _under(p, m), data, tol=TOLERANCES[policy.removeprefix("mixed_")])
    for name, (make, data) in MODELS.items()
    for policy in POLICIES
]


@rows(TABLE)
def test_policy(case: Case) -> None:
    check(case)


KINDS: dict[str, Callable[..., Any]] = {
    "SimpleRNN": L.SimpleRNN,
    "LSTM": L.LSTM,
    "GRU": L.GRU,
    "GRU_before": lambda units, **options: L.GRU(units, reset_after=False, **options),
}
RARE = ("SimpleRNN", "GRU_before")
SEQUENCE = f32(2, 28, 16)


def _recurrent(kind: str) -> Any:
    """Keras cannot make its own initial recurrent kernel in 16 bits: it lacks a QR decomposition of the type."""
    x = keras.Input((28, 16), dtype="float32")
    h = KINDS[kind](16, return_sequences=True, recurrent_initializer="glorot_uniform")(x)
    return keras.Model(x, L.Dense(5, dtype="float32")(h))


def _exact(kind: str, source: Any) -> Any:
    """What the model means: the same weights, every step computed in float32."""
    model = _under("float32", lambda: _recurrent(kind))
    model.set_weights([keras.ops.convert_to_numpy(keras.ops.cast(w, "float32")) for w in source.weights])
    (answer,) = call(model, SEQUENCE)
    return answer


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", *(pytest.param(k, marks=pytest.mark.slow) for k in RARE)])
def test_recurrent(kind: str, policy: str) -> None:
    """Keras rounds every intermediate result of every step; the file rounds fewer, so it lies nearer to the truth."""
    model = _under(policy, lambda: _recurrent(kind))
    (want,), exact = (np.asarray(t, np.float32) for t in call(model, SEQUENCE)), _exact(kind, model)
    (got,) = Runner(litesmith.convert(model).content).run([SEQUENCE]).values()
    tol = TOLERANCES[policy.removeprefix("mixed_")] * np.ptp(exact)
    assert np.abs(got - want).max() <= tol
    assert np.abs(got - exact).max() <= tol / 3
