"""One official conversion: python -m benchmarks.official SAVED_MODEL_DIR OUT (in the TensorFlow environment)."""

from __future__ import annotations

import sys
from pathlib import Path

import tensorflow as tf


def main(source: str, target: str) -> None:
    """Convert with default settings, as a user would."""
    Path(target).write_bytes(tf.lite.TFLiteConverter.from_saved_model(source).convert())


if __name__ == "__main__":
    main(*sys.argv[1:])
