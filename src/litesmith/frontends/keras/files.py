"""Keras files: `.keras`, and `.h5` as Keras 3, Keras 2 and TensorFlow 2 wrote it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from litesmith._util.files import require_file
from litesmith.errors import FormatError, UsageError
from litesmith.frontends.keras.graphs import outside_graphs
from litesmith.frontends.keras.legacy import HARD_SIGMOID, TF_OP, hard_sigmoid, modern, with_old_functions
from litesmith.frontends.keras.safety import read_config, refuse_code

if TYPE_CHECKING:
    from litesmith.frontends.keras.live import Model

_DAMAGE = (ValueError, TypeError, OSError, LookupError, RuntimeError, AttributeError, ImportError, MemoryError,
           ArithmeticError, AssertionError, NotImplementedError, EOFError, zipfile.BadZipFile)  # fmt: skip
"""What Keras raises for files it cannot make a model of."""


_WITHOUT_ZERO_POINTS = ("GPTQDTypePolicy", "AWQDTypePolicy")
"""Policies whose layers Keras 3.15 saves incompletely."""


def load_model(
    path: str | os.PathLike[str], *, safe_mode: bool = True, custom_objects: Mapping[str, object] | None = None
) -> Model:
    """The model in a Keras file, without its training configuration.

    safe_mode: whether code in the file (Lambda layers) is refused. custom_objects: classes and functions the file
    refers to by name. Files of Keras 2 are read as Keras 3 would have
    written them (see `legacy`). Raises FormatError for a missing or damaged file or one that needs code it may not
    run, UsageError where Keras is not installed.
    """
    file = Path(path)
    require_file(file, "Keras file", "give the path of a .keras or .h5 file")
    keras = _keras(file)
    config, version = read_config(file)
    if safe_mode:
        refuse_code(config, keras, file, custom_objects or ())
    with outside_graphs():
        if (legacy := _legacy_keras(custom_objects or {})) is not None and not zipfile.is_zipfile(file):
            return _load_legacy(file, config, legacy, custom_objects)
        return _load_checked(file, config, version, keras, safe_mode, custom_objects)


def is_of_keras_2(file: Path) -> bool:
    """Whether Keras 2 wrote this file."""
    return read_config(file)[1].startswith(("1.", "2."))


def _legacy_keras(custom_objects: Mapping[str, object]) -> ModuleType | None:
    """The package ``tf_keras`` where the environment asks for it, as it asks TensorFlow, or a class that the user gave is
    made of its own; else None."""
    given = [c for c in custom_objects.values() if isinstance(c, type)]
    if any(base.__module__.partition(".")[0] == "tf_keras" for c in given for base in c.__mro__):
        return import_module("tf_keras")
    if os.environ.get("TF_USE_LEGACY_KERAS", "").lower() not in ("1", "true"):
        return None
    from importlib.util import find_spec

    if find_spec("tf_keras") is None:
        raise UsageError(
            "TF_USE_LEGACY_KERAS asks for tf_keras, which is not installed\n      Fix: pip install tf_keras"
        )
    return import_module("tf_keras")


def _load_legacy(
    file: Path, config: Mapping[str, object], keras: ModuleType, custom_objects: Mapping[str, object] | None
) -> Model:
    try:
        loaded: Model = keras.models.load_model(file, custom_objects=dict(custom_objects or {}), compile=False)
        return loaded
    except _DAMAGE as error:
        reason = f"legacy Keras cannot load it: {_first_line(error)}"
        raise FormatError(reason, path=str(file), fix=_fix(error, config)) from error


def _load_checked(
    file: Path,
    config: dict[str, object],
    version: str,
    keras: ModuleType,
    safe_mode: bool,
    custom_objects: Mapping[str, object] | None,
) -> Model:
    try:
        with keras.saving.custom_object_scope({**_custom(keras), **(custom_objects or {})}):
            repaired = modern(with_old_functions(config) if version.startswith(("1.", "2.")) else config)
            if safe_mode and repaired != config:
                refuse_code(repaired, keras, file, {*(custom_objects or ()), *_custom(keras)})
            return _load(file, config, cast("dict[str, object]", repaired), keras, safe_mode)
    except FormatError as error:
        raise FormatError(error.message, path=str(file), fix=error.fix) from error
    except _DAMAGE as error:
        raise FormatError(
            f"Keras cannot load it: {_first_line(error)}", path=str(file), fix=_fix(error, config)
        ) from error


def _load(file: Path, config: dict[str, object], repaired: dict[str, Any], keras: ModuleType, safe_mode: bool) -> Model:
    with tempfile.TemporaryDirectory(prefix="litesmith-") as directory:
        # Keras tells the formats apart by the suffix; the content decides here.
        source = Path(directory) / ("model.keras" if zipfile.is_zipfile(file) else "model.h5")
        if repaired == config and file.suffix == source.suffix:
            source = file
        else:
            _with_config(file, source, repaired)
        loaded: Model = keras.saving.load_model(source, compile=False, safe_mode=safe_mode)
        return loaded


def _custom(keras: ModuleType) -> dict[str, object]:
    from litesmith.frontends.keras.tf_ops import tf_op_layer

    return {TF_OP: tf_op_layer(keras), HARD_SIGMOID: hard_sigmoid(keras)}


def _with_config(file: Path, target: Path, config: dict[str, object]) -> None:
    """A copy of the file with another configuration."""
    if target.suffix == ".h5":
        import h5py

        shutil.copyfile(file, target)
        with h5py.File(target, "r+") as opened:
            opened.attrs["model_config"] = json.dumps(config)
        return
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.infolist():
            if member.filename == "config.json":
                new.writestr("config.json", json.dumps(config))
            elif not member.is_dir():
                with old.open(member) as source, new.open(member.filename, "w", force_zip64=True) as sink:
                    shutil.copyfileobj(source, sink)


def _keras(file: Path) -> ModuleType:
    try:
        if "KERAS_BACKEND" not in os.environ:
            _choose_backend()
        return import_module("keras")
    except ImportError as error:
        fix = "pip install 'litesmith[keras,jax]'"
        raise UsageError(f"{file} needs Keras ({error})\n      Fix: {fix}") from error


def _choose_backend() -> None:
    """Keras would take TensorFlow and fail where it is not installed; JAX serves as well."""
    from importlib.util import find_spec

    if find_spec("tensorflow") is None and find_spec("jax") is not None:
        os.environ["KERAS_BACKEND"] = "jax"


def _first_line(error: BaseException) -> str:
    """What went wrong, told by the innermost cause Keras reports."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith("Exception encountered:")), lines[0] if lines else "")
    return told.removeprefix("Exception encountered:").strip()[:300] or type(error).__name__


def _fix(error: BaseException, config: Mapping[str, object]) -> str:
    text = str(error)
    if "variables" in text and any(policy in json.dumps(config) for policy in _WITHOUT_ZERO_POINTS):
        return (
            "Keras wrote it without the zero points of its gptq and awq layers: convert the model while it is in memory"
        )
    if "safe_mode" in text or "`Lambda`" in text:
        return "if you trust the file, load it with safe_mode=False (--unsafe on the command line)"
    if "custom" in text.lower() or "Unknown layer" in text:
        return "load it in Python with custom_objects and give the model to litesmith.convert"
    return "check that the file is complete and was written by Keras"
