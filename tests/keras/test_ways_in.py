"""What users of Keras call: export, the converter, other backends, and what is left of the model afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import litesmith
from litesmith.errors import LitesmithError, UsageError
from litesmith.runtime import Runner
from tests.keras.parity import check_answers, f32, ints

L = keras.layers
X = f32(2, 4)


def dense() -> Any:
    return keras.Sequential([keras.Input((4,), name="x"), L.Dense(3, activation="relu", name="head")])


def test_export_is_one_line(tmp_path: Path) -> None:
    model = dense()
    path = litesmith.export(model, tmp_path / "model.tflite")
    check_answers(path.read_bytes(), X, [np.asarray(model(X))], 1e-6)


class Rows(keras.Model):
    """Built by a call alone."""

    def call(self, rows: Any, training: bool = False) -> Any:
        return rows * 2.0


def spec(*shape: int | None, name: str | None = None) -> Any:
    return keras.layers.InputSpec(shape=shape, dtype="float32", name=name)


def two_inputs() -> Any:
    first, second = keras.Input((4,), name="first"), keras.Input((4,), name="second")
    return keras.Model([first, second], first - second)


SIGNATURES: list[tuple[str, Any, Any, dict[str, list[int]]]] = [
    ("none", dense, None, {"x": [-1, 4]}),
    ("a list", dense, [spec(1, 4)], {"x": [1, 4]}),
    ("alone", dense, spec(3, 4, name="named"), {"named": [3, 4]}),
    ("a tensor", dense, [keras.ops.zeros((3, 4))], {"x": [-1, 4]}),
    ("nested", two_inputs, [[spec(1, 4), spec(1, 4)]], {"first": [1, 4], "second": [1, 4]}),
    ("subclassed", Rows, [spec(None, 5)], {"args_0": [-1, 5]}),
]


@pytest.mark.parametrize(("model", "signature", "inputs"), [pytest.param(*row, id=name) for name, *row in SIGNATURES])
def test_keras_exports(model: Any, signature: Any, inputs: Any, tmp_path: Path) -> None:
    """``model.export(format="litert")`` works, with the input signature it is given."""
    model, path = model(), tmp_path / "model.tflite"
    with litesmith.enable_keras_export():
        model.export(path, format="litert", input_signature=signature, verbose=False)
    runner = Runner(path.read_bytes())
    (details,) = runner.signatures
    assert {t.name: list(t.shape) for t in details.inputs} == inputs
    data = [f32(*(2 if d == -1 else d for d in shape)) for shape in inputs.values()]
    check_answers(path.read_bytes(), data, [np.asarray(model(data if len(data) > 1 else data[0]))], 1e-6)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("suffix", {"filepath": "model.lite"}, r"end in \.tflite"),
    ("attribute", {"optimisations": []}, "Unknown converter attribute 'optimisations'"),
    ("target", {"target_spec": {"ops": []}}, "Unknown target_spec attribute 'ops'"),
    ("no shape", {"input_signature": [keras.layers.InputSpec(ndim=2, dtype="float32")]}, "has no shape"),
    ("no type", {"input_signature": [keras.layers.InputSpec(shape=(1, 4))]}, "of type None"),
    ("quantized inputs of a float model", {"inference_input_type": "int8"}, "must be tf.float32"),
]


@pytest.mark.parametrize(("options", "match"), [pytest.param(*row, id=name) for name, *row in WRONG])
def test_keras_export_refuses(options: dict[str, Any], match: str, tmp_path: Path) -> None:
    given = {"filepath": str(tmp_path / "model.tflite"), "format": "litert", **options}
    with litesmith.enable_keras_export(), pytest.raises(LitesmithError, match=match):
        dense().export(**given)
    assert not list(tmp_path.iterdir())


def test_keras_export_hears_the_converters_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.tflite"
    target = {"supported_ops": [litesmith.OpsSet.TFLITE_BUILTINS]}
    with litesmith.enable_keras_export():
        dense().export(path, "litert", ir_dump_dir=str(tmp_path / "ir"), target_spec=target)
    assert list((tmp_path / "ir").iterdir())
    assert capsys.readouterr().out == f"Saved artifact at '{path}'.\n"


def test_keras_export_leaves_the_rest_to_keras(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Other formats, other backends, and everything once it is disabled, in whatever order."""
    calls: list[Any] = []

    def kerass_own(model: Any, *args: Any, **options: Any) -> None:
        calls.append((args, options))

    monkeypatch.setattr(keras.Model, "export", kerass_own)
    first, second = litesmith.enable_keras_export(), litesmith.enable_keras_export()
    dense().export("saved_model")
    dense().export("model.onnx", "onnx", verbose=False)
    first.disable()
    dense().export(tmp_path / "model.tflite", format="litert")
    with monkeypatch.context() as patched:
        patched.setattr(keras.backend, "backend", lambda: "torch")
        dense().export("model.tflite", format="litert")
    second.disable()
    assert keras.Model.export is kerass_own
    keras_calls = [(("saved_model",), {}), (("model.onnx", "onnx"), {"verbose": False})]
    assert calls == [*keras_calls, (("model.tflite",), {"format": "litert"})]
    assert (tmp_path / "model.tflite").is_file()


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
    with pytest.raises(UsageError, match="not a valid name of a size"):
        litesmith.convert(model, input_shapes={"x": ["?", 4]})
