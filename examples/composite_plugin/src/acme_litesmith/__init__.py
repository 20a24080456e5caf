"""Acme's composite functions as LiteRT operators.

A model marks them with ``tf.function(experimental_implements="acme.gate")``, or with ``jax.lax.composite``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.decompositions.recurrent import keras_lstm


def gate(b: Any, x: Any, *, slope: float = 1.0) -> Any:
    """slope * hard_swish(x): one operator, or two."""
    made = b.hard_swish(x)
    return made if slope == 1 else b.mul(made, np.float32(slope))


def lstm(b: Any, x: Any, h0: Any, c0: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> Any:
    """All outputs of an LSTM with the weights of the Keras layer; ``convert(rnn=…)`` chooses its form."""
    _, sequence, _, _ = keras_lstm(b, x, h0, c0, kernel, recurrent_kernel, bias)
    return sequence
