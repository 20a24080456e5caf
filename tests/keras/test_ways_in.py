"""What users of Keras call: export, the converter, other backends, and what is left of the model afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import litesmith
from litesmith.errors import UsageError
from tests.keras.parity import check_answers, f32, ints

L = keras.layers
X = f32(2, 4)


def dense() -> Any:
    return keras.Sequential([keras.Input((4,)), L.Dense(3, activation="relu", name="head")])


def test_export_is_one_line(tmp_path: Path) -> None:
    model = dense()
    path = litesmith.export(model, tmp_path / "model.tflite")
    check_answers(path.read_bytes(), X, [np.asarray(model(X))], 1e-6)


def test_the_converter_takes_a_model() -> None:
    model = dense()
    content = litesmith.lite.TFLiteConverter.from_keras_model(model).convert()
    check_answers(content, X, [np.asarray(model(X))], 1e-6)


def test_torch_backend_says_the_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    model = dense()
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(UsageError) as raised:
        litesmith.convert(model)
    lines = str(raised.value).splitlines()
    assert "torch backend" in lines[0]
    assert 'model.save("model.keras")' in lines[1]
    assert "KERAS_BACKEND=jax litesmith convert model.keras -o model.tflite" in lines[2]


def test_a_conversion_leaves_the_model_as_it_was() -> None:
    """Also where a layer holds a ``call`` of its own."""
    layer = L.Dense(4)
    model = keras.Sequential([keras.Input((4,)), layer])
    object.__setattr__(layer, "call", lambda x, training=None: x * 2.0)
    own = vars(layer)["call"]
    litesmith.convert(model)
    assert vars(layer)["call"] is own
    assert not {"call", "quantized_call"} & set(vars(model))
    np.testing.assert_allclose(np.asarray(model(X)), X * 2.0)


class Added(keras.Model):
    """Two inputs of unknown, equal lengths."""

    def call(self, ids: Any, mask: Any) -> Any:
        return ids * mask


def test_unknown_sizes_may_be_named() -> None:
    ids, mask = keras.Input((None,), dtype="int32", name="ids"), keras.Input((None,), dtype="int32", name="mask")
    model = keras.Model([ids, mask], Added()(ids, mask))
    made = litesmith.convert(model, input_shapes={"ids": [None, "n"], "mask": [None, "n"]})
    first, second = made.program.signatures[0].graph.inputs
    assert first.dims == second.dims
    assert not isinstance(first.dims[1], int)
    data = [ints(2, 5), ints(2, 5, high=3)]
    check_answers(made.content, data, [data[0] * data[1]], 0.0)


def test_names_of_sizes_are_names() -> None:
    model = keras.Sequential([keras.Input((4,), name="x"), L.Dense(3)])
    with pytest.raises(UsageError, match="no name of a size"):
        litesmith.convert(model, input_shapes={"x": ["?", 4]})
