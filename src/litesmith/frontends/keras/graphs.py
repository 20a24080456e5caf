"""Work of our own beside a TensorFlow graph that the caller is building."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext


def outside_graphs() -> AbstractContextManager[object]:
    """While active, TensorFlow computes eagerly, even within ``tf.Graph().as_default()``; nothing without TensorFlow."""
    tf = sys.modules.get("tensorflow")
    return nullcontext() if tf is None else tf.__internal__.eager_context.eager_mode()
