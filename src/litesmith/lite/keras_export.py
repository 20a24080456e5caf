"""``model.export(path, format="litert")`` of Keras by this converter, also where Keras has none: on JAX."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from litesmith._util.replacing import check_target
from litesmith.errors import UsageError
from litesmith.frontends.keras.exporting import ExportFormat
from litesmith.lite.converter import TFLiteConverter

if TYPE_CHECKING:
    from litesmith.frontends.keras.live import Model


def enable_keras_export() -> ExportFormat:
    """From now on ``model.export("model.tflite", format="litert")`` of every Keras 3 model is done by litesmith.

    On the TensorFlow and the JAX backend, and with any Keras this version supports, also where Keras itself has no such
    format. ``input_signature``, ``verbose`` and the attributes of `TFLiteConverter` as keywords are heard as Keras hears
    them. Other formats, and the torch backend, stay with Keras.

    Returns an object that takes it back: by its ``disable()``, or at the end of a ``with`` block:

        with litesmith.enable_keras_export():
            model.export("model.tflite", format="litert")
    """
    return ExportFormat("litert", _export).enable()


def _export(
    model: Model,
    filepath: str | os.PathLike[str],
    verbose: bool | None = None,
    input_signature: object = None,
    **options: object,
) -> None:
    """Writes a verified `.tflite` file. The errors are those of `api.convert`; wrong arguments are a ValueError."""
    path = Path(filepath)
    if path.suffix != ".tflite":
        raise UsageError(f'the path of format="litert" has to end in .tflite; got {filepath}')
    check_target(path)
    converter = TFLiteConverter.from_keras_model(model, input_signature)
    for name, value in options.items():
        _set(converter, name, value)
    converter.to_model().save(path)
    if verbose or verbose is None:
        print(f"Saved artifact at '{path}'.", file=sys.stdout)


def _set(converter: TFLiteConverter, name: str, value: object) -> None:
    """Sets an attribute of the converter; of ``target_spec``, those a dict names."""
    if not hasattr(converter, name):
        raise UsageError(f"Unknown converter attribute '{name}'")
    if name != "target_spec" or not isinstance(value, dict):
        setattr(converter, name, value)
        return
    for key, choice in value.items():
        if not hasattr(converter.target_spec, key):
            raise UsageError(f"Unknown target_spec attribute '{key}'")
        setattr(converter.target_spec, key, choice)
