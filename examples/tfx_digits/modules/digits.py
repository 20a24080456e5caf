"""What TFX's Transform and Trainer run: scikit-learn's digits, a small network, exported as SavedModel and for LiteRT.

TFX packs every .py file of this folder into the wheel it sends to workers: nothing else may lie here.
"""

from __future__ import annotations

import os
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from litesmith.data import open_data

IMAGE, LABEL = "image", "label"
BATCH = 32


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """For Transform: pixels between 0 and 1, by the smallest and the largest of all examples."""
    return {IMAGE: tft.scale_to_0_1(inputs[IMAGE]), LABEL: inputs[LABEL]}


def run_fn(fn_args: Any) -> None:
    """For the Trainer: train, export the SavedModel, and rewrite it for LiteRT into two files beside it.

    `tflite` is the int8 model, which the Evaluator takes; `float/tflite` is the float one.
    """
    from litesmith.tfx import converters, rewriter, rewriter_factory

    transform = tft.TFTransformOutput(fn_args.transform_output).transform_features_layer()
    model = _model()
    model.fit(_dataset(fn_args.train_files, transform), steps_per_epoch=fn_args.train_steps, verbose=2)
    served = fn_args.serving_model_dir
    _export(model, transform, served)
    images = next(iter(open_data(_names(fn_args.train_files)).batches(200))).columns[IMAGE]
    for target, options in (
        (os.path.join(served, "float"), {}),
        (os.path.join(served, "int8"), {"quantize": "int8", "representative_dataset": [[row[None]] for row in images]}),
    ):
        instance = rewriter_factory.create_rewriter(
            rewriter_factory.TFLITE_REWRITER, name="digits", signature_key="serving_default", **options
        )
        converters.rewrite_saved_model(served, target, instance, rewriter.ModelType.TFLITE_MODEL)
    tf.io.gfile.rename(os.path.join(served, "int8", "tflite"), os.path.join(served, "tflite"))
    tf.io.gfile.rmtree(os.path.join(served, "int8"))


def _model() -> keras.Model:
    model = keras.Sequential([
        keras.layers.Input((64,), name=IMAGE),
        keras.layers.Reshape((8, 8, 1)),
        keras.layers.Conv2D(16, 3, activation="relu", padding="same"),
        keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(32, 3, activation="relu", padding="same"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _names(patterns: list[str]) -> list[str]:
    return [name for pattern in patterns for name in tf.io.gfile.glob(pattern)]


def _dataset(patterns: list[str], transform: Any) -> tf.data.Dataset:
    """(image, label) batches without end, transformed as in serving."""
    spec = {IMAGE: tf.io.FixedLenFeature([64], tf.float32), LABEL: tf.io.FixedLenFeature([1], tf.int64)}
    records = tf.data.TFRecordDataset(_names(patterns), compression_type="GZIP").shuffle(2000, seed=1)
    batches = records.repeat().batch(BATCH).map(lambda data: transform(tf.io.parse_example(data, spec)))
    return batches.map(lambda columns: (columns[IMAGE], columns[LABEL]))


def _export(model: keras.Model, transform: Any, path: str) -> None:
    """A SavedModel that takes raw pixels: what Transform computes is part of it."""
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.transform = transform  # its resources have to be reachable
    archive.add_endpoint(
        name="serving_default",
        fn=lambda image: {"scores": model(transform({IMAGE: image})[IMAGE])},
        input_signature=[tf.TensorSpec([None, 64], tf.float32, name=IMAGE)],
    )
    archive.write_out(path, verbose=False)
