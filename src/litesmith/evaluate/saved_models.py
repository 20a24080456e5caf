"""SavedModels on TensorFlow, as a reference to compare with (imported when one is given)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from litesmith.data.columns import Array, Batch, DataError
from litesmith.errors import FormatError, UsageError
from litesmith.evaluate.predict import feature_of


class SavedModelPredictor:
    """A signature of a SavedModel, called by TensorFlow."""

    def __init__(self, path: str, signature: str | None, inputs: Mapping[str, str]) -> None:
        try:
            import tensorflow as tf
        except ImportError as error:
            raise UsageError(
                f"{path} is a SavedModel, which needs TensorFlow to run; convert it (litesmith convert) or install "
                "litesmith[tf]"
            ) from error
        self.path, self.inputs, self._tf = path, inputs, tf
        try:
            self._loaded: Any = tf.saved_model.load(path)
        except (OSError, ValueError, RuntimeError) as error:
            raise FormatError(f"TensorFlow does not load it ({error})", path=path) from error
        key = signature or "serving_default"
        if key not in self._loaded.signatures:
            known = ", ".join(map(repr, self._loaded.signatures)) or "none"
            raise UsageError(f"no signature {key!r}; the model has: {known}")
        self._function = self._loaded.signatures[key]

    def predict(self, batch: Batch) -> dict[str, Array]:
        _, specs = self._function.structured_input_signature
        arrays = {name: self._tensor(name, spec, batch) for name, spec in specs.items()}
        outputs = self._function(**arrays)
        return {name: np.asarray(value) for name, value in outputs.items()}

    def _tensor(self, name: str, spec: Any, batch: Batch) -> Any:
        values = batch.column(feature_of(name, batch, self.inputs))
        shape = [batch.size, *(-1 if d is None else d for d in spec.shape[1:])] if spec.shape.rank else []
        try:
            return self._tf.constant(values.reshape(shape).tolist() if values.dtype == object else values.reshape(shape),
                                     spec.dtype)  # fmt: skip
        except (TypeError, ValueError) as error:
            raise DataError(f"the feature for the input {name!r} does not fit ({error})", path=batch.source) from error
