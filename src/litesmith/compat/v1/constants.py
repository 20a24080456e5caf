"""``tf.compat.v1.lite.constants``: element types by the names of TensorFlow 1, and output formats."""

from __future__ import annotations

import numpy as np

FLOAT = np.float32
FLOAT16 = np.float16
INT32 = np.int32
INT64 = np.int64
STRING = np.str_
QUANTIZED_UINT8 = np.uint8
INT8 = np.int8
INT16 = np.int16
TFLITE = "TFLITE"
GRAPHVIZ_DOT = "GRAPHVIZ_DOT"
