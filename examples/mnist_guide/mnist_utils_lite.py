"""The Trainer's module of TFX's MNIST guide for TensorFlow Lite, on today's TFX, with litesmith's imports.

The guide imports `converters`, `rewriter` and `rewriter_factory` from `tfx.components.trainer.rewriting`, where the first
is gone since TFX 1.16 and the last makes TensorFlow's converter. With the three from `litesmith.tfx` the rest stays.
"""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from keras import Sequential, layers

from litesmith.tfx import converters, rewriter, rewriter_factory

IMAGE_KEY = "image_floats"
LABEL_KEY = "image_class"
BATCH = 40


def transformed_name(key: str) -> str:
    """The name of a feature after Transform."""
    return key + "_xf"


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """For Transform: pixels between -0.5 and 0.5."""
    return {
        transformed_name(IMAGE_KEY): tft.scale_by_min_max(inputs[IMAGE_KEY], -0.5, 0.5),
        transformed_name(LABEL_KEY): inputs[LABEL_KEY],
    }


def input_fn(file_pattern: list[str], transform: tft.TFTransformOutput, batch_size: int = BATCH) -> tf.data.Dataset:
    """Batches of transformed features and labels, without end."""
    return tf.data.experimental.make_batched_features_dataset(
        file_pattern=file_pattern,
        batch_size=batch_size,
        features=transform.transformed_feature_spec(),
        reader=lambda names: tf.data.TFRecordDataset(names, compression_type="GZIP"),
        label_key=transformed_name(LABEL_KEY),
        shuffle_seed=1,
    ).map(lambda features, label: (features[transformed_name(IMAGE_KEY)], label))


def build_keras_model() -> Any:
    """Two dense layers with dropout, as in the guide."""
    model = Sequential([
        layers.Input((784,), name=transformed_name(IMAGE_KEY)),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile(loss="sparse_categorical_crossentropy", optimizer="rmsprop", metrics=["sparse_categorical_accuracy"])
    return model


def run_fn(fn_args: Any) -> None:
    """For the Trainer: train, save with a signature that takes raw images, rewrite for TensorFlow Lite."""
    transform = tft.TFTransformOutput(fn_args.transform_output)
    model = build_keras_model()
    model.fit(input_fn(fn_args.train_files, transform), steps_per_epoch=fn_args.train_steps, verbose=2)

    @tf.function(input_signature=[tf.TensorSpec([None, 784], tf.float32, name=IMAGE_KEY)])
    def serve(image: Any) -> Any:
        raw = {IMAGE_KEY: image, LABEL_KEY: tf.zeros([tf.shape(image)[0], 1], tf.int64)}
        return model(transform.transform_raw_features(raw)[transformed_name(IMAGE_KEY)])

    temporary = os.path.join(fn_args.serving_model_dir, "temp")
    tf.saved_model.save(model, temporary, signatures={"serving_default": serve})
    instance = rewriter_factory.create_rewriter(
        rewriter_factory.TFLITE_REWRITER, name="tflite_rewriter", enable_experimental_new_converter=True
    )
    converters.rewrite_saved_model(
        temporary, fn_args.serving_model_dir, instance, rewriter.ModelType.TFLITE_MODEL
    )
    tf.io.gfile.rmtree(temporary)
