"""Keras files: what they convert to, what is refused, and that damage or malice ends in an error."""

from __future__ import annotations

import base64
import json
import marshal
import pickle
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import litesmith
from litesmith.errors import FormatError, LitesmithError
from litesmith.frontends.keras import load_model
from tests.keras.parity import check_answers, f32, randomize

L = keras.layers
h5py = pytest.importorskip("h5py")
SUFFIXES = (".keras", ".h5")
INPUTS = f32(2, 6, 6, 3)


def image_model() -> Any:
    x = keras.Input((6, 6, 3), name="image")
    y = L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(4, 3, padding="same", name="stem")(x)))
    return keras.Model(x, L.Dense(3, activation="softmax", name="classes")(L.Flatten()(y)))


def saved(model: Any, folder: Path, suffix: str) -> Path:
    randomize(model)
    file = folder / f"model{suffix}"
    model.save(file)
    return file


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_converts_as_the_model(suffix: str, tmp_path: Path) -> None:
    model = image_model()
    made = litesmith.convert(saved(model, tmp_path, suffix))
    check_answers(made.content, INPUTS, [np.asarray(model(INPUTS))], 1e-5)
    assert list(made.program.signatures[0].inputs) == ["image"]
    assert made.program.signatures[0].graph.inputs[0].dims[1:] == (6, 6, 3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_command_line(suffix: str, tmp_path: Path) -> None:
    from litesmith.cli import main

    model = image_model()
    target = tmp_path / "model.tflite"
    assert main(["convert", str(saved(model, tmp_path, suffix)), "-o", str(target)]) == 0
    check_answers(target.read_bytes(), INPUTS, [np.asarray(model(INPUTS))], 1e-5)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sizes_are_set(suffix: str, tmp_path: Path) -> None:
    made = litesmith.convert(saved(image_model(), tmp_path, suffix), input_shapes={"image": [1, 6, 6, 3]})
    assert made.program.signatures[0].graph.inputs[0].dims == (1, 6, 6, 3)


# -- code -------------------------------------------------------------------------------------------------------------


def with_lambda() -> Any:
    return keras.Sequential([keras.Input((4,)), L.Lambda(lambda x: x * 2.0, output_shape=(4,))])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_lambda_layers_need_leave(suffix: str, tmp_path: Path) -> None:
    from litesmith.cli import main

    model = with_lambda()
    file = tmp_path / f"model{suffix}"
    model.save(file)
    with pytest.raises(FormatError, match=r"holds code.*Lambda[\s\S]*safe_mode=False[\s\S]*--unsafe"):
        litesmith.convert(file)
    target = tmp_path / "model.tflite"
    assert main(["convert", str(file), "-o", str(target)]) == 1
    assert not target.exists()
    assert main(["convert", str(file), "-o", str(target), "--unsafe"]) == 0
    check_answers(litesmith.convert(file, safe_mode=False).content, f32(2, 4), [f32(2, 4) * 2.0], 1e-6)


class Touch:
    """Says on unpickling that it was unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (Path(self.path),)


def test_no_code_runs_from_a_file(tmp_path: Path) -> None:
    """A pickle or marshalled function, wherever a configuration could hold one, stays what it is: text."""
    mark = tmp_path / "ran"
    code = compile(f"open({str(mark)!r}, 'w').close()", "evil", "exec")
    bombs = {
        "pickle": base64.b64encode(pickle.dumps(Touch(str(mark)))).decode(),
        "marshal": base64.b64encode(marshal.dumps(code)).decode(),
    }
    for kind, bomb in bombs.items():
        for place in ("function", "lambda", "activation"):
            layer = {"class_name": "Lambda", "config": {"name": "l", "function": [bomb, None, None],
                                                        "function_type": "lambda"}}  # fmt: skip
            if place == "lambda":
                layer = {"class_name": "Dense", "config": {"name": "d", "units": 2, "kernel_initializer": {
                    "class_name": "__lambda__", "config": {"value": [bomb, None, None]}}}}  # fmt: skip
            if place == "activation":
                layer = {"class_name": "Activation", "config": {"name": "a", "activation": bomb}}
            file = tmp_path / f"{kind}-{place}.h5"
            write_h5(file, layer)
            with pytest.raises(FormatError):
                litesmith.convert(file)
    assert not mark.exists()


def write_h5(file: Path, *layers: Any, version: str = "2.15.0") -> None:
    """A file of Keras 2 with these layers."""
    first = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "x"}}
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [first, *layers]}}
    with h5py.File(file, "w") as opened:
        opened.attrs["model_config"] = json.dumps(config)
        opened.attrs["keras_version"] = version
        opened.attrs["backend"] = "tensorflow"
        opened.create_group("model_weights").attrs["layer_names"] = []


# -- custom objects ---------------------------------------------------------------------------------------------------


class Scaled(L.Layer):
    """Not registered with Keras."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=shape[-1:], initializer="ones")

    def call(self, x: Any) -> Any:
        return keras.ops.relu(x) * self.scale


@keras.saving.register_keras_serializable(package="litesmith_tests")
class Registered(Scaled):
    """Registered with Keras."""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_registered_layers_load(suffix: str, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), Registered()])
    made = litesmith.convert(saved(model, tmp_path, suffix))
    check_answers(made.content, f32(2, 4), [np.asarray(model(f32(2, 4)))], 1e-6)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_custom_objects_are_given(suffix: str, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), Scaled()])
    file = saved(model, tmp_path, suffix)
    with pytest.raises(FormatError, match=r"Scaled[\s\S]*Fix"):
        litesmith.convert(file)
    loaded = load_model(file, custom_objects={"Scaled": Scaled})
    check_answers(litesmith.convert(loaded).content, f32(2, 4), [np.asarray(model(f32(2, 4)))], 1e-6)


# -- damage -----------------------------------------------------------------------------------------------------------


def converts_or_says_why(file: Path) -> bool:
    """Whether it converts. Anything but a LitesmithError fails the test."""
    try:
        _ = litesmith.convert(file, verify=False).program
    except LitesmithError:
        return False
    return True


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("part", (0.0, 0.1, 0.5, 0.9, 0.999))
def test_truncated(suffix: str, part: float, tmp_path: Path) -> None:
    file = saved(image_model(), tmp_path, suffix)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(FormatError, match=r"Fix|fix"):
        litesmith.convert(file)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_bytes(suffix: str, tmp_path: Path) -> None:
    file = saved(image_model(), tmp_path, suffix)
    data, rng = file.read_bytes(), random.Random(4)
    outcomes = []
    for _ in range(20):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 10, 200])):
            damaged[rng.randrange(len(data))] = rng.randrange(256)
        file.write_bytes(bytes(damaged))
        outcomes.append(converts_or_says_why(file))
    assert False in outcomes


def damage_config(item: Any, rng: random.Random) -> Any:
    """A configuration with one value replaced by a senseless one."""
    places: list[tuple[Any, Any]] = []
    pending = [item]
    while pending:
        found = pending.pop()
        keys = found.keys() if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
        places.extend((found, key) for key in keys)
        pending.extend(found[key] for key in keys)
    holder, key = rng.choice(places)
    holder[key] = rng.choice([None, -1, 10**9, 2**70, "", "nonsense", [], {}, [[]], {"class_name": "x"}, 0.5])
    return item


def test_damaged_configuration(tmp_path: Path) -> None:
    file = saved(image_model(), tmp_path, ".keras")
    rng = random.Random(5)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    outcomes = []
    for _ in range(25):
        config = damage_config(json.loads(parts["config.json"]), rng)
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, json.dumps(config) if name == "config.json" else data)
        outcomes.append(converts_or_says_why(file))
    assert False in outcomes


def bomb(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b"{" + b" " * (80 << 20) + b"}")


def not_an_archive(file: Path) -> None:
    file.write_bytes(b"PK\x03\x04" + bytes(100))


def deep(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", b"[" * 100_000 + b"]" * 100_000)


def external_link(file: Path) -> None:
    write_h5(file)
    with h5py.File(file, "r+") as opened:
        opened["model_weights"]["stolen"] = h5py.ExternalLink("/etc/passwd", "/")


def external_data(file: Path) -> None:
    write_h5(file)
    with h5py.File(file, "r+") as opened:
        opened["model_weights"].create_dataset("stolen", (16,), "u1", external=[("/etc/passwd", 0, 16)])


def cycle(file: Path) -> None:
    write_h5(file)
    with h5py.File(file, "r+") as opened:
        opened["model_weights"]["again"] = opened["/"]


def many_paths(file: Path) -> None:
    """Groups linked twice each: 2^60 paths."""
    write_h5(file)
    with h5py.File(file, "r+") as opened:
        group = opened["model_weights"]
        for _ in range(60):
            below = group.create_group("a")
            group["b"] = below
            group = below
        group["w"] = h5py.SoftLink("/nowhere")


def no_model(file: Path) -> None:
    with h5py.File(file, "w") as opened:
        opened["w"] = np.zeros(3)


@pytest.mark.parametrize("make", (bomb, not_an_archive, deep, external_link, external_data, cycle, many_paths, no_model))
@pytest.mark.timeout(60)
def test_hostile(make: Callable[[Path], None], tmp_path: Path) -> None:
    file = tmp_path / ("model.keras" if make in (bomb, not_an_archive, deep) else "model.h5")
    make(file)
    with pytest.raises(LitesmithError, match=r"[Ff]ix"):
        litesmith.convert(file)


def test_custom_objects_of_convert(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((4,)), Doubled()]).save(tmp_path / "model.keras")
    with pytest.raises(FormatError, match="custom_objects="):
        litesmith.convert(tmp_path / "model.keras")
    model = litesmith.convert(tmp_path / "model.keras", custom_objects={"Doubled": Doubled})
    assert np.array_equal(next(iter(model(np.ones((1, 4), np.float32)).values())), np.full((1, 4), 2))


def test_modules_are_not_imported(tmp_path: Path) -> None:
    """A class that is given has the name Keras looks up; another module under a known name is refused."""
    for registered in (None, "evil", []):
        layer = {"module": "antigravity", "class_name": "Scaled", "registered_name": registered, "config": {"name": "s"}}
        write_h5(tmp_path / "model.h5", layer)
        with pytest.raises(FormatError, match="not registered"):
            load_model(tmp_path / "model.h5", custom_objects={"Scaled": Scaled})
    assert "antigravity" not in sys.modules


class Doubled(L.Layer):
    """Registered nowhere."""

    def call(self, x: Any) -> Any:
        return x * 2.0


def function(module: str | None, name: Any) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def described(module: str | None, cls: str, /, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": cls, "config": config, "registered_name": None}


DENSE = {"name": "d", "units": 2}
NAMED = {
    "a builtin as activation": described("keras.layers", "Dense", **DENSE, activation=function("builtins", "eval")),
    "a builtin as initializer": described("keras.layers", "Dense", **DENSE, kernel_initializer=function("builtins", "exec")),
    "a builtin as class": described("builtins", "eval"),
    "another module's function": described("keras.layers", "Dense", **DENSE, activation=function("os", "system")),
    "a function of Keras' own code": described(
        "keras.layers", "Dense", **DENSE, activation=function("keras.src.utils.file_utils", "get_file")
    ),
    "a public function that is no part of models": described("keras.utils", "get_file"),
    "loading as a function": described("keras.saving", "load_model"),
    "a module that Keras has imported": described("keras.src.saving.serialization_lib", "importlib"),
    "a class that is no part of models": described("keras.src.saving.saving_lib", "H5IOStore"),
    "a class of Python": described("pathlib", "Path"),
    "inside a wrapper": described(
        "keras.layers", "TimeDistributed", name="t", layer=described("subprocess", "Popen", args=["true"])
    ),
    "code by its place in Keras": described("keras.src.layers.core.lambda_layer", "Lambda", name="l"),
    "a type of another module": {"module": "os", "class_name": "__typespec__", "spec_name": "system", "config": []},
    "no name": described("keras.layers", "Dense", **DENSE, activation=function("builtins", {"a": 1})),
    "a name every module has": described(
        "keras.layers", "Dense", **DENSE, activation={**function("builtins", "__class__"), "registered_name": "eval"}
    ),
    "another registered name": {**described("keras.saving", "Dense", **DENSE), "registered_name": "load_model"},
    "a function of Keras by its name alone": {"class_name": "get_source_inputs", "config": {}},
    "a lookup by name": described("keras.layers", "Dense", **DENSE, activation=function("builtins", "deserialize")),
    "a dunder": described("keras.layers", "Dense", **DENSE, activation=function("keras.activations", "__loader__")),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("layer", NAMED.values(), ids=NAMED)
def test_what_a_file_may_name_is_a_closed_list(layer: dict[str, Any], suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"model{suffix}"
    if suffix == ".h5":
        write_h5(file, layer, version=keras.__version__)
    else:
        keras.Sequential([keras.Input((4,)), L.Dense(2, name="d")]).save(file)
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(parts["config.json"])
        config["config"]["layers"][1] = layer
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, json.dumps(config) if name == "config.json" else data)
    with pytest.raises(FormatError, match=r"not registered with Keras|holds code"):
        litesmith.convert(file)


def test_missing(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        with pytest.raises(LitesmithError):
            litesmith.convert(tmp_path / f"none{suffix}")
