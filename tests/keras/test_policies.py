"""Models in other types than float32: quantized layers and mixed precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers as L  # noqa: N812

from tests.keras.parity import Case, check, f32, ints, rows

pytestmark = pytest.mark.skipif(
    not hasattr(keras.quantizers, "Int8QuantizationConfig"), reason="this Keras has no configurations of quantization"
)


def _dense() -> Any:
    return keras.Sequential([keras.Input((64,)), L.Dense(96, activation="relu"), L.Dense(32)])


def _heads() -> Any:
    return keras.Sequential([keras.Input((5, 64)), L.EinsumDense("abc,cde->abde", (None, 4, 16), bias_axes="de")])


def _tokens() -> Any:
    tokens, embedding = keras.Input((6,), dtype="int32"), L.ReversibleEmbedding(100, 64)
    return keras.Model(tokens, embedding(L.Dense(64)(embedding(tokens)), reverse=True))


def _embedding() -> Any:
    return keras.Sequential([keras.Input((6,), dtype="int32"), L.Embedding(100, 64), L.Dense(24)])


MODELS: dict[str, tuple[Callable[[], Any], Any]] = {
    "dense": (_dense, f32(2, 64)),
    "einsum_dense": (_heads, f32(2, 5, 64)),
    "reversible_embedding": (_tokens, ints(2, 6, high=100)),
    "embedding": (_embedding, ints(2, 6, high=100)),
}
MODES: dict[str, Callable[[Any], Any]] = {
    "int8": lambda q: q.Int8QuantizationConfig(),
    "int8_weights": lambda q: q.Int8QuantizationConfig(activation_quantizer=None),
    "int4_blocks": lambda q: q.Int4QuantizationConfig(),
    "int4_channels": lambda q: q.Int4QuantizationConfig(block_size=-1),
    "int4_activations": lambda q: q.Int4QuantizationConfig(block_size=-1, activation_quantizer=q.AbsMaxQuantizer()),
}
STORED = {"int8": "int8", "int8_weights": "int8", "int4_blocks": "int4", "int4_channels": "int4"}
"""Types of the weights in the file."""
LARGEST = {
    ("dense", "int8"): 15_500,
    ("dense", "int8_weights"): 13_000,
    ("dense", "int4_blocks"): 9_000,
    ("dense", "int4_channels"): 9_000,
    ("dense", "int4_activations"): 11_000,
    ("einsum_dense", "int8"): 9_500,
    ("einsum_dense", "int8_weights"): 7_000,
    ("einsum_dense", "int4_blocks"): 5_000,
    ("einsum_dense", "int4_channels"): 5_000,
    ("einsum_dense", "int4_activations"): 7_500,
    ("reversible_embedding", "int8"): 24_000,
    ("reversible_embedding", "int8_weights"): 17_500,
    ("reversible_embedding", "int4_blocks"): 13_000,
    ("reversible_embedding", "int4_channels"): 12_500,
    ("reversible_embedding", "int4_activations"): 15_000,
    ("embedding", "int8"): 15_000,
    ("embedding", "int8_weights"): 12_500,
    ("embedding", "int4_blocks"): 11_000,
    ("embedding", "int4_channels"): 9_500,
    ("embedding", "int4_activations"): 11_000,
}
"""Bytes of files that hold the weights as integers; with floats they are larger by 3 bytes a weight, or 3.5."""


def _quantized(model: str, mode: str) -> Any:
    made = MODELS[model][0]()
    made.quantize(config=MODES[mode](keras.quantizers))
    return made


QUANTIZED = [
    Case(
        f"{model}-{mode}",
        lambda m=model, k=mode: _quantized(m, k),
        data,
        weights=False,
        largest=LARGEST[model, mode],
        stored=STORED.get(mode, "int4"),
    )
    for model, (_, data) in MODELS.items()
    for mode in MODES
]


def _float8() -> Any:
    made = _dense()
    made.quantize("float8")
    return made


REFUSED = [Case("dense-float8", _float8, f32(2, 64), weights=False, refused="float8_e4m3fn, which no kernel takes")]


@rows([*QUANTIZED, *REFUSED])
def test_quantized(case: Case) -> None:
    check(case)
