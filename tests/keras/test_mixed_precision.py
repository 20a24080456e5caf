"""Whole models under policies of float16 and bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers as L  # noqa: N812

from tests.keras.parity import Case, check, f32, rows


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


MODELS = {"mobile": (_mobile, f32(2, 16, 16, 3)), "transformer": (_transformer, f32(2, 6, 16))}
TOLERANCES = {"float16": 5e-3, "bfloat16": 3e-2}
"""A few roundings of the type: the frameworks and the kernels sum in another order, or in wider types."""

TABLE = [
    Case(f"{name}-{policy}", lambda p=policy, m=make: _under(p, m), data, tol=TOLERANCES[policy.removeprefix("mixed_")])
    for name, (make, data) in MODELS.items()
    for policy in ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
]


@rows(TABLE)
def test_policy(case: Case) -> None:
    check(case)
