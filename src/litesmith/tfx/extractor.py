"""Predictions for TFMA: .tflite files, and SavedModels beside them in one run, with inputs as they should be.

TFMA's own extractor fills missing features with -1, casts numbers for quantized inputs without rounding or clipping, and
takes no SavedModel as the baseline of a .tflite file. This one raises errors for the first, rounds and clips for the
second, and does the third. What it adds to the extracts is the same.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import extractor as extractors
from tensorflow_model_analysis.utils import model_util, util

from litesmith.data import Batch
from litesmith.data.columns import ragged_column
from litesmith.evaluate.predict import Predictor, TFLitePredictor, predictor_of_thread

STAGE_NAME = "ExtractLitesmithPredictions"


class PredictionDoFn(beam.DoFn):
    """Adds the predictions of models to batched extracts.

    paths: model name -> file or SavedModel directory; signatures: model name -> signature; threads: of an interpreter.
    """

    def __init__(self, paths: Mapping[str, str], signatures: Mapping[str, str | None], threads: int = 1) -> None:
        super().__init__()
        self.paths, self.signatures, self.threads = dict(paths), dict(signatures), threads

    def process(self, element: Any) -> Sequence[Any]:
        batch = batch_of(element)
        outputs = {name: self._predict(name, batch) for name in self.paths}
        result = copy.copy(element)
        result[tfma.PREDICTIONS_KEY] = next(iter(outputs.values())) if len(outputs) == 1 else outputs
        return [result]

    def _predict(self, name: str, batch: Batch) -> Any:
        predictor = predictor_of_thread(self.paths[name], self.signatures[name], {}, self.threads)
        outputs = {key: np.asarray(value) for key, value in predictor.predict(batch).items()}
        return next(iter(outputs.values())) if len(outputs) == 1 else _by_tensor(predictor, outputs)


def _by_tensor(predictor: Predictor, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Several outputs under the names TFMA knows: of a .tflite file those of the tensors."""
    if not isinstance(predictor, TFLitePredictor):
        return dict(outputs)
    names = {tensor.name: predictor.runner.tensor_name(tensor.index) for tensor in predictor.signature.outputs}
    return {names[key]: value for key, value in outputs.items()}


def batch_of(element: Any) -> Batch:
    """The features of batched extracts, and the serialized examples as the feature that parsing signatures take."""
    size = util.batch_size(element[tfma.FEATURES_KEY])
    columns = {name: _column(value) for name, value in element[tfma.FEATURES_KEY].items()}
    raw = element.get(tfma.INPUT_KEY)
    if raw is not None and "examples" not in columns:
        columns["examples"] = np.asarray(raw, object).reshape(-1)
    return Batch(columns, size, "the data")


def _column(value: Any) -> Any:
    """A feature as an array; lists of several sizes, and missing ones, one array an example."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value
    rows = [None if _is_missing(row) else np.asarray(row) for row in value]
    present = [row for row in rows if row is not None]
    if len(present) < len(rows) or len({row.shape for row in present}) > 1:
        return ragged_column(rows)
    return np.stack(present)


def _is_missing(row: Any) -> bool:
    array = np.asarray(row)
    return array.size == 0 or (array.dtype == object and any(item is None for item in array.reshape(-1)))


@beam.ptransform_fn
def _predict(extracts: Any, do_fn: PredictionDoFn) -> Any:
    return extracts | "Predict" >> beam.ParDo(do_fn)


def PredictExtractor(  # noqa: N802 (named as TFMA's are)
    eval_config: Any, eval_shared_model: Any, filename: str = "tflite", threads: int = 1
) -> Any:
    """An extractor for ``tfma.run_model_analysis(extractors=…)``, in the place of TFMA's predict extractor.

    eval_shared_model: one, or several, as TFMA takes them. filename: of the .tflite file in a model's directory.
    """
    models = model_util.verify_and_update_eval_shared_models(eval_shared_model)
    specs = {spec.name if len(eval_config.model_specs) > 1 else "": spec for spec in eval_config.model_specs}
    paths = {model.model_name: _path(model, filename) for model in models}
    signatures = {name: specs[name].signature_name or None if name in specs else None for name in paths}
    do_fn = PredictionDoFn(paths, signatures, threads)
    return extractors.Extractor(stage_name=STAGE_NAME, ptransform=_predict(do_fn=do_fn))


def default_extractors(eval_config: Any, eval_shared_model: Any, filename: str = "tflite", **options: Any) -> list[Any]:
    """TFMA's extractors with this one for the predictions, also for .tflite files and SavedModels together."""
    models = model_util.verify_and_update_eval_shared_models(eval_shared_model)
    ours = PredictExtractor(eval_config, eval_shared_model, filename)
    alike = [model._replace(model_type=tfma.TF_LITE) for model in models]  # it refuses a mixture of types
    found: list[Any] = tfma.default_extractors(
        eval_shared_model=alike[0] if len(alike) == 1 else alike,
        eval_config=eval_config,
        custom_predict_extractor=ours,
        **options,
    )
    return found


def _path(model: Any, filename: str) -> str:
    file = os.path.join(model.model_path, filename)
    return file if os.path.isfile(file) else model.model_path
