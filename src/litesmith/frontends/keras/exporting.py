"""``keras.Model.export`` with a format of ours."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType

from litesmith.frontends.keras.live import Layer

_BACKENDS = ("tensorflow", "jax")
_FORMAT = "_litesmith_format"


class ExportFormat:
    """While enabled, ``model.export(path, format=name, …)`` calls ``write(model, path, …)`` for every Keras 3 model.

    Other formats, and models on a backend without a graph to convert, go to Keras as before. A context manager, too,
    which disables at its end. Several may be enabled, and disabled in any order; the last one comes first.
    """

    def __init__(self, name: str, write: Callable[..., None]) -> None:
        self.name, self.write = name, write
        self.enabled = False
        self._before: Callable[..., object] | None = None

    def enable(self) -> ExportFormat:
        """Takes the format over, from now on."""
        import keras

        if not self.enabled:
            self.enabled, self._before = True, keras.Model.export
            keras.Model.export = self._method(keras, keras.Model.export)
        return self

    def disable(self) -> None:
        """Gives the format back to Keras."""
        import keras

        self.enabled = False
        while (top := getattr(keras.Model.export, _FORMAT, None)) is not None and not top.enabled:
            keras.Model.export = top._before

    def __enter__(self) -> ExportFormat:
        return self.enable()

    def __exit__(self, *_: object) -> None:
        self.disable()

    def _method(self, keras: ModuleType, before: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(before)
        def export(model: Layer, filepath: object, *args: object, **options: object) -> object:
            chosen = args[0] if args else options.get("format")
            if not self.enabled or chosen != self.name or keras.backend.backend() not in _BACKENDS:
                return before(model, filepath, *args, **options)
            return self.write(model, filepath, *args[1:], **{k: v for k, v in options.items() if k != "format"})

        setattr(export, _FORMAT, self)
        return export
