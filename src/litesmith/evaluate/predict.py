"""Running models on batches of features: inputs are matched by name, quantized ones rounded and clipped."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from litesmith.data.columns import Array, Batch, DataError
from litesmith.errors import MissingFileError, UsageError
from litesmith.runtime import Runner, SignatureInfo, TensorInfo

_SIGNATURE_PREFIX = "serving_default_"


class Predictor(Protocol):
    """A loaded model; used by one thread at a time."""

    def predict(self, batch: Batch) -> dict[str, Array]:
        """Output name -> array [n, …]. Raises DataError where features are missing or do not fit."""
        ...


def load_predictor(
    path: str, signature: str | None = None, inputs: Mapping[str, str] | None = None, threads: int = 1
) -> Predictor:
    """A .tflite file or, where TensorFlow is installed, a SavedModel. inputs: input name -> feature name."""
    if Path(path).is_dir():
        from litesmith.evaluate.saved_models import SavedModelPredictor

        return SavedModelPredictor(path, signature, inputs or {})
    if not Path(path).is_file():
        raise MissingFileError("no such model", path=path)
    return TFLitePredictor(path, signature, inputs or {}, threads)


_LOADED = threading.local()
_KEPT_MODELS = 8  # a thread keeps so many loaded


def predictor_of_thread(path: str, signature: str | None, inputs: Mapping[str, str], threads: int) -> Predictor:
    """The model as this thread has loaded it: one interpreter a thread, kept while the file stays the same."""
    stamp = Path(path).stat().st_mtime_ns if Path(path).exists() else 0
    key = (path, signature, tuple(sorted(inputs.items())), threads, stamp)
    if not hasattr(_LOADED, "models"):
        _LOADED.models = {}
    if key not in _LOADED.models:
        if len(_LOADED.models) >= _KEPT_MODELS:
            _LOADED.models.clear()
        _LOADED.models[key] = load_predictor(path, signature, inputs, threads)
    predictor: Predictor = _LOADED.models[key]
    return predictor


class TFLitePredictor:
    """A .tflite model on the LiteRT interpreter."""

    def __init__(self, path: str, signature: str | None, inputs: Mapping[str, str], threads: int = 1) -> None:
        self.path = path
        self.runner = Runner(path, threads)
        self.signature: SignatureInfo = self.runner.signature(signature)
        self.inputs = inputs
        unknown = sorted(set(inputs) - {tensor.name for tensor in self.signature.inputs})
        if unknown:
            raise UsageError(f"the model has no input {unknown[0]!r}, only {_names(self.signature.inputs)}")

    def predict(self, batch: Batch) -> dict[str, Array]:
        arrays = {tensor.name: self._input(tensor, batch) for tensor in self.signature.inputs}
        rows = _fixed_batch(self.signature)
        if rows is None or rows == batch.size:
            outputs = self.runner.run(arrays, self.signature.key)
        else:
            outputs = self._run_in_parts(arrays, rows, batch.size)
        return {tensor.name: self._output(tensor, outputs[tensor.name], batch) for tensor in self.signature.outputs}

    def _input(self, tensor: TensorInfo, batch: Batch) -> Array:
        name = feature_of(tensor.name, batch, self.inputs)
        values = batch.column(name)
        shape = (batch.size, *((tensor.shape or ())[1:]))
        return fit_type(fit_shape(values, shape, tensor, batch), tensor, batch)

    def _run_in_parts(self, arrays: Mapping[str, Array], rows: int, size: int) -> dict[str, Array]:
        """A model of a fixed batch size runs on as many parts; the last is filled up with the first examples."""
        parts = []
        for start in range(0, size, rows):
            index = np.arange(start, start + rows) % size if start + rows > size else np.arange(start, start + rows)
            parts.append(self.runner.run({n: a[index] for n, a in arrays.items()}, self.signature.key))
        return {name: np.concatenate([part[name] for part in parts])[:size] for name in parts[0]}

    def _output(self, tensor: TensorInfo, values: Array, batch: Batch) -> Array:
        if not values.ndim or len(values) != batch.size:
            shape = list(values.shape)
            raise DataError(f"output {tensor.name!r} has shape {shape} for {batch.size} examples", path=self.path)
        if tensor.scale and values.dtype.kind in "iu":
            return (values.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(tensor.scale)
        return values


def feature_of(name: str, batch: Batch, inputs: Mapping[str, str]) -> str:
    """The feature for an input: the one given, or of its name without prefix and suffix of a tensor's name."""
    if name in inputs:
        return inputs[name]
    bare = name.removeprefix(_SIGNATURE_PREFIX).split(":")[0]
    for candidate in (name, bare):
        if candidate in batch.columns:
            return candidate
    known = ", ".join(sorted(batch.columns)) or "none"
    raise DataError(
        f"no feature {bare!r} for the model's input {name!r}; the data have: {known}",
        path=batch.source,
        fix=f"name the feature (inputs={{{bare!r}: '…'}}, --input {bare}=FEATURE)",
    )


def fit_shape(values: Array, shape: tuple[int, ...], tensor: TensorInfo, batch: Batch) -> Array:
    """The feature in the input's shape: flat lists are folded, a missing or extra channel of one is ignored."""
    size = int(np.prod(values.shape[1:], dtype=np.int64))
    unknown = shape.count(-1)
    wanted = int(np.prod([d for d in shape[1:] if d != -1], dtype=np.int64))
    if values.ndim == len(shape) and all(d in (-1, s) for d, s in zip(shape, values.shape, strict=True)):
        return values
    if (unknown == 0 and size == wanted) or (unknown == 1 and wanted and size % wanted == 0):
        return values.reshape(shape)
    got = list(values.shape[1:])
    raise DataError(f"the feature for {tensor} has shape {got} an example", path=batch.source)


def fit_type(values: Array, tensor: TensorInfo, batch: Batch) -> Array:
    """The feature in the input's type. Real numbers for a quantized input are divided by the scale, rounded and clipped;
    other integers must fit the type."""
    dtype = tensor.dtype
    if tensor.type == "string":
        return values.astype(object)
    if values.dtype == dtype:
        return np.ascontiguousarray(values)
    if values.dtype.kind not in "fiub":
        raise DataError(f"the feature for {tensor} is not numeric ({values.dtype})", path=batch.source)
    if dtype.kind not in "iu":
        return values.astype(dtype)
    limits = np.iinfo(dtype.name)
    if tensor.scale:
        with np.errstate(invalid="ignore"):
            steps: Array = np.rint(values.astype(np.float64) / tensor.scale) + tensor.zero_point
        clipped: Array = np.clip(np.nan_to_num(steps), limits.min, limits.max)
        return clipped.astype(dtype)
    outside = (values < limits.min) | (values > limits.max) | (values != np.trunc(values))
    if values.size and outside.any():
        row = int(np.argwhere(outside)[0][0])
        raise DataError(f"{batch.place(row)}: the feature for {tensor} holds {values[outside].flat[0]}")
    return values.astype(dtype)


def _fixed_batch(signature: SignatureInfo) -> int | None:
    """The batch size that the model cannot change."""
    sizes = {tensor.shape[0] for tensor in signature.inputs if tensor.shape}
    return next((size for size in sizes if size != -1), None)


def _names(tensors: Sequence[Any]) -> str:
    return ", ".join(repr(tensor.name) for tensor in tensors)
