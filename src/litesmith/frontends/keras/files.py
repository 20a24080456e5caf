"""Keras files: `.keras`, and `.h5` as Keras 3, Keras 2 and TensorFlow 2 wrote it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from litesmith.errors import FormatError, UsageError

_LAMBDA = "Lambda"


def load_model(path: str | os.PathLike[str], *, safe_mode: bool = True) -> Any:
    """The model in a Keras file, without its training configuration.

    safe_mode: whether code in the file (Lambda layers) is refused. Raises FormatError for a missing or damaged file or
    one that needs code it may not run, UsageError where Keras is not installed.
    """
    file = Path(path)
    if not file.is_file():
        raise FormatError("no such Keras file", path=str(file), fix="give the path of a .keras or .h5 file")
    keras = _keras(file)
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=safe_mode)
    except (ValueError, TypeError, OSError, KeyError, RuntimeError, AttributeError, ImportError) as error:
        raise FormatError(f"Keras cannot load it: {_first_line(error)}", path=str(file), fix=_fix(error)) from error


def _keras(file: Path) -> Any:
    try:
        if "KERAS_BACKEND" not in os.environ:
            _choose_backend()
        import keras
    except ImportError as error:
        fix = "pip install 'litesmith[keras,jax]'"
        raise UsageError(f"{file} needs Keras ({error})\n      Fix: {fix}") from error
    return keras


def _choose_backend() -> None:
    """Keras would take TensorFlow and fail where it is not installed; JAX serves as well."""
    from importlib.util import find_spec

    if find_spec("tensorflow") is None and find_spec("jax") is not None:
        os.environ["KERAS_BACKEND"] = "jax"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _fix(error: Exception) -> str:
    text = str(error)
    if "safe_mode" in text or _LAMBDA in text or "lambda" in text:
        return "if you trust the file, load it with safe_mode=False (--unsafe on the command line)"
    if "custom" in text.lower() or "register" in text.lower():
        return "load it in Python with custom_objects and give the model to litesmith.convert"
    return "check that the file is complete and was written by Keras"
