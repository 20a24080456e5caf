"""The rewriter: a SavedModel becomes a .tflite file that TFX's Evaluator, Pusher and serving take as they are."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from litesmith import api
from litesmith.errors import LitesmithError
from litesmith.tfx.base import BaseRewriter, ModelDescription, ModelType, fileio

__all__ = ["BaseRewriter", "LitesmithRewriter", "ModelDescription", "ModelType"]

DEFAULT_SIGNATURE = "serving_default"
_ASSETS, _EXTRA_ASSETS = "assets", "assets.extra"
_OPTIONS = frozenset(field.name for field in fields(api.Options))
_WITH_LITE = frozenset({"tags", "signature_keys", "verify", "reference"})
"""Arguments of `litesmith.convert` that go together with the quantization_* arguments."""
_WITHOUT_EFFECT = frozenset({"enable_experimental_new_converter"})
"""Arguments that guides give to TFX's rewriter, which ignores them, too."""


class LitesmithRewriter(BaseRewriter):
    """Converts SavedModels with litesmith. Takes the arguments of TFX's ``TFLiteRewriter`` and those of `litesmith.convert`.

    filename: of the model in the target directory; TFMA and the Evaluator expect ``tflite``. copy_assets,
    copy_assets_extra: whether the directories ``assets`` and ``assets.extra`` are copied beside it.
    quantization_optimizations, quantization_supported_types: as of ``tf.lite.TFLiteConverter``, TensorFlow's constants or
    ours. quantization_enable_full_integer: whether every operator must be an integer one (TFX's rewriter takes the
    argument and ignores it). signature_key: the entry point to convert; by default all of them, ``serving_default``
    first. representative_dataset: samples, or a function that gives them. options: arguments of `litesmith.convert`
    (``quantize="int8"``, ``calibrate=samples``, ``input_shapes={…}``, …).

    Raises ValueError, and nothing else, with everything that stands in the way.
    """

    def __init__(
        self,
        name: str,
        filename: str = "tflite",
        copy_assets: bool = True,
        copy_assets_extra: bool = True,
        quantization_optimizations: Sequence[Any] | None = None,
        quantization_supported_types: Sequence[Any] | None = None,
        quantization_enable_full_integer: bool = False,
        signature_key: str | None = None,
        representative_dataset: Any = None,
        **options: Any,
    ) -> None:
        options = {key: value for key, value in options.items() if key not in _WITHOUT_EFFECT}
        self._name = name
        self._filename = os.fsdecode(filename)
        self._copies = [d for d, wanted in ((_ASSETS, copy_assets), (_EXTRA_ASSETS, copy_assets_extra)) if wanted]
        self._optimizations = list(quantization_optimizations or ())
        self._types = list(quantization_supported_types or ())
        self._full_integer = quantization_enable_full_integer
        self._signature_key = signature_key
        self._dataset = representative_dataset
        self._options = options
        self._check_arguments()

    def _check_arguments(self) -> None:
        unknown = sorted(set(self._options) - _OPTIONS)
        if unknown:
            known = ", ".join(sorted(_OPTIONS))
            raise ValueError(f"unknown arguments {', '.join(unknown)}; litesmith.convert takes: {known}")
        if self._full_integer and self._dataset is None:
            raise ValueError("quantization_enable_full_integer needs a representative_dataset")
        others = sorted(self._options.keys() - _WITH_LITE)
        if others and (self._optimizations or self._full_integer):
            raise ValueError(
                f"{', '.join(others)} cannot be combined with quantization_*; give quantize=\"int8\", or another recipe"
            )
        if self._signature_key is not None and "signature_keys" in self._options:
            raise ValueError("signature_key and signature_keys both name signatures")

    @property
    def name(self) -> str:
        """The name that the user gave to this rewriter."""
        return self._name

    def _pre_rewrite_validate(self, original_model: ModelDescription) -> None:
        if original_model.model_type != ModelType.SAVED_MODEL:
            raise ValueError(f"only SavedModels are converted, not {original_model.model_type}")
        path = os.fsdecode(original_model.path)
        files = (os.path.join(path, f"saved_model.{suffix}") for suffix in ("pb", "pbtxt"))
        if not any(fileio.exists(file) for file in files):
            raise ValueError(f"{path} holds no saved_model.pb")

    def _rewrite(self, original_model: ModelDescription, rewritten_model: ModelDescription) -> None:
        if rewritten_model.model_type not in (ModelType.TFLITE_MODEL, ModelType.ANY_MODEL):
            raise ValueError(f"SavedModels are converted to TFLITE_MODEL, not {rewritten_model.model_type}")
        source, target = os.fsdecode(original_model.path), os.fsdecode(rewritten_model.path)
        with _value_errors(), _local_copy(source) as local:
            content = self._convert(local).content
            fileio.makedirs(target)
            path = os.path.join(target, self._filename)
            with fileio.open(f"{path}.tmp", "wb") as file:
                file.write(content)
            fileio.rename(f"{path}.tmp", path, overwrite=True)
            for directory in self._copies:
                if fileio.isdir(os.path.join(source, directory)):
                    copy_tree(os.path.join(source, directory), os.path.join(target, directory))

    def _post_rewrite_validate(self, rewritten_model: ModelDescription) -> None:
        path = os.path.join(os.fsdecode(rewritten_model.path), self._filename)
        with _value_errors():
            from litesmith.runtime import Runner

            with fileio.open(path, "rb") as file:
                Runner(file.read())

    def _convert(self, path: str) -> api.Model:
        signatures = self._options.get("signature_keys") or self._signatures(path)
        if self._optimizations or self._full_integer:
            return self._convert_as_lite(path, signatures)
        options = {**self._options, "signature_keys": signatures}
        if self._dataset is not None and options.get("quantize") is not None:
            options.setdefault("calibrate", samples_of(self._dataset))
        return api.convert(path, **options)

    def _convert_as_lite(self, path: str, signatures: Sequence[str]) -> api.Model:
        """As the drop-in for ``tf.lite`` understands the quantization_* arguments."""
        from litesmith.lite import OpsSet, Optimize, TFLiteConverter

        converter = TFLiteConverter.from_saved_model(path, signature_keys=list(signatures), tags=self._options.get("tags"))
        converter.optimizations = self._optimizations or [Optimize.DEFAULT]
        converter.target_spec.supported_types = self._types
        if self._full_integer:
            converter.target_spec.supported_ops = [OpsSet.TFLITE_BUILTINS_INT8]
        if self._dataset is not None:
            samples = samples_of(self._dataset)
            converter.representative_dataset = samples if callable(samples) else lambda: iter(samples)
        return converter.to_model(self._options.get("verify", True), self._options.get("reference"))

    def _signatures(self, path: str) -> list[str]:
        """The entry points, the one that serving takes first: TFMA runs the first."""
        if self._signature_key is not None:
            return [self._signature_key]
        from litesmith.formats.saved_model import SavedModel

        keys = [signature.key for signature in SavedModel.open(path, self._options.get("tags")).summary().signatures]
        return sorted(keys, key=lambda key: (key != DEFAULT_SIGNATURE, key))


def samples_of(dataset: Any) -> Any:
    """Samples as `litesmith.convert` takes them: TFX's are an iterable, TensorFlow's a function or an object with one."""
    generator: Callable[[], Iterable[Any]] | None = getattr(dataset, "input_gen", None)
    return generator or dataset


def copy_tree(source: str, target: str) -> None:
    """Copy a directory through TFX's file access, over what is there."""
    for path, _, names in fileio.walk(source):
        directory = os.fsdecode(path)
        inside = os.path.join(target, os.path.relpath(directory, source)) if directory != source else target
        fileio.makedirs(inside)
        for name in map(os.fsdecode, names):
            fileio.copy(os.path.join(directory, name), os.path.join(inside, name), overwrite=True)


@contextmanager
def _local_copy(path: str) -> Iterator[str]:
    """The path itself where it is local, else a copy of the directory for as long as the block lasts."""
    if "://" not in path:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="litesmith-") as scratch:
        copy_tree(path.rstrip("/"), scratch)
        yield scratch


@contextmanager
def _value_errors() -> Iterator[None]:
    """What goes wrong in the block as a ValueError: TFX lets others pass without saying which rewriter failed."""
    try:
        yield
    except ValueError as error:
        if isinstance(error, LitesmithError):
            raise ValueError(str(error)) from error
        raise
    except (LitesmithError, OSError) as error:
        raise ValueError(str(error)) from error

