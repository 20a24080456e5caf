"""Layers that wrap what other frameworks made: functions of JAX, modules of Flax, SavedModels."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers as L  # noqa: N812

from tests.keras.parity import Case, check, functional, layer_rows

JAX = ("jax",)
TF = ("tensorflow",)


def _jax_function() -> Any:
    pytest.importorskip("tensorflow", reason="Keras imports it for this layer")
    jax = pytest.importorskip("jax")

    def init(rng: Any, inputs: Any) -> Any:
        return {"w": jax.random.normal(rng, (inputs.shape[-1], 3))}

    return L.JaxLayer(lambda params, inputs: jax.numpy.tanh(inputs @ params["w"]), init)


def _flax_module() -> Any:
    pytest.importorskip("tensorflow", reason="Keras imports it for this layer")
    nn = pytest.importorskip("flax.linen")
    return L.FlaxLayer(nn.Dense(3))


def _jax_function_with_state() -> Any:
    pytest.importorskip("tensorflow", reason="Keras imports it for this layer")
    jax = pytest.importorskip("jax")

    def init(rng: Any, inputs: Any, training: bool) -> Any:
        return {"w": jax.random.normal(rng, (inputs.shape[-1], 3))}, {"calls": jax.numpy.zeros(())}

    def call(params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> Any:
        return inputs @ params["w"], {"calls": state["calls"] + 1 if training else state["calls"]}

    return L.JaxLayer(call, init)


def _flax_normalization() -> Any:
    pytest.importorskip("tensorflow", reason="Keras imports it for this layer")
    nn = pytest.importorskip("flax.linen")

    class Normalized(nn.Module):  # type: ignore[misc]
        @nn.compact
        def __call__(self, x: Any, training: bool = False) -> Any:
            x = nn.BatchNorm(use_running_average=not training)(nn.Dense(4)(x))
            return nn.relu(nn.Dropout(0.5, deterministic=not training)(x))

    return L.FlaxLayer(Normalized())


def _saved_model(path: str) -> Any:
    tf = pytest.importorskip("tensorflow")
    source = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="tanh")])
    tf.saved_model.save(_Served(tf, source), path)
    return L.TFSMLayer(path, call_endpoint="serve")


def _Served(tf: Any, source: Any) -> Any:  # noqa: N802
    class Served(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.source = source

        @tf.function(input_signature=[tf.TensorSpec((None, 4))])
        def serve(self, x: Any) -> Any:
            return self.source(x)

    return Served()


TABLE = [
    Case("JaxLayer", lambda: functional(_jax_function(), (4,)), backends=JAX, ops={"FULLY_CONNECTED": 1}),
    Case("FlaxLayer", lambda: functional(_flax_module(), (4,)), backends=JAX, ops={"FULLY_CONNECTED": 1}, at_most=1),
    Case("JaxLayer-state", lambda: functional(_jax_function_with_state(), (4,)), backends=JAX, at_most=1),
    Case("FlaxLayer-normalization", lambda: functional(_flax_normalization(), (4,)), backends=JAX, at_most=1),
    Case("TFSMLayer", lambda: None, backends=TF),
]


@layer_rows(TABLE)
def test_foreign(case: Case, tmp_path: Any) -> None:
    if case.layer == "TFSMLayer":
        case = Case(case.name, lambda: functional(_saved_model(str(tmp_path / "saved")), (4,)))
    check(case)
