"""One official quantization: ``python -m benchmarks.quantization.official MODE MODEL_DIR OUT`` (needs TensorFlow)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf


def main(mode: str, directory: str, target: str) -> None:
    """Converts and quantizes as its documentation says."""
    converter = tf.lite.TFLiteConverter.from_saved_model(f"{directory}/saved_model")
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    samples = np.load(f"{directory}/calibration.npz")["x"]

    def representative() -> Iterator[list[np.ndarray]]:
        for row in samples:
            yield [row[None]]

    if mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif mode in ("int8", "int16x8"):
        converter.representative_dataset = representative
    if mode == "int16x8":
        wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide, tf.lite.OpsSet.TFLITE_BUILTINS]
    Path(target).write_bytes(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:])
