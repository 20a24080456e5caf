"""Run the guide's module the way TFX's Trainer does, without a pipeline around it, on digits drawn large.

    python examples/mnist_guide/run.py [DIRECTORY]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
import tfx  # noqa: F401
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

sys.path.insert(0, str(Path(__file__).parent))

import mnist_utils_lite as guide

from litesmith.evaluate import Result, evaluate

SPEC = {
    guide.IMAGE_KEY: tf.io.FixedLenFeature([784], tf.float32),
    guide.LABEL_KEY: tf.io.FixedLenFeature([1], tf.int64),
}


def digits() -> dict[str, Any]:
    """scikit-learn's digits as images of 28 by 28, as MNIST's are, between -0.5 and 0.5."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = np.zeros((len(found.target), 28, 28), np.float32)
    images[:, 2:26, 2:26] = np.kron(found.images, np.ones((3, 3))) / 16
    return {guide.IMAGE_KEY: images.reshape(-1, 784) - 0.5, guide.LABEL_KEY: found.target.astype(np.int64)[:, None]}


def transform(data: dict[str, Any], folder: Path) -> None:
    """What the component Transform does: the graph, and transformed examples as TFRecords."""
    schema: schema_pb2.Schema = schema_utils.schema_from_feature_spec(SPEC)
    rows = [{name: column[i] for name, column in data.items()} for i in range(len(data[guide.LABEL_KEY]))]
    options = PipelineOptions(["--direct_running_mode=in_memory"])
    with beam.Pipeline(options=options) as p, tft_beam.Context(temp_dir=str(folder / "temp")):
        raw = (p | beam.Create(rows), dataset_metadata.DatasetMetadata(schema))
        (transformed, metadata), fn = raw | tft_beam.AnalyzeAndTransformDataset(guide.preprocessing_fn)
        _ = fn | tft_beam.WriteTransformFn(str(folder / "transform"))
        coder = tft.coders.ExampleProtoCoder(metadata.schema)
        _ = transformed | beam.Map(coder.encode) | beam.io.WriteToTFRecord(str(folder / "train"), file_name_suffix=".gz")


def run(folder: Path) -> Result:
    """Train and rewrite on most of the data; evaluate the file on the rest."""
    data = digits()
    transform({name: column[:1400] for name, column in data.items()}, folder)
    guide.run_fn(SimpleNamespace(
        transform_output=str(folder / "transform"), train_files=[str(folder / "train*")], train_steps=250,
        serving_model_dir=str(folder / "served"),
    ))  # fmt: skip
    held_out = {name: column[1400:] for name, column in data.items()}
    return evaluate(folder / "served" / "tflite", held_out, label=guide.LABEL_KEY)


if __name__ == "__main__":
    result = run(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="mnist-guide-")))
    for key, value in result.metrics[()].items():
        print(f"{key}: {value:.4g}")
