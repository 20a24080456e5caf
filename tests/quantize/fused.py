"""A fused LSTM with weights of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.ir import Builder, DType, TensorType, Value
from litesmith.ops import OPS


def lstm(b: Builder, x: Any, units: int, **attrs: Any) -> Value:
    """The outputs [batch, time, units]; states are variable tensors."""
    rng = np.random.default_rng(4)
    shape = x.type.static_shape
    batch, features = shape[1 if attrs.get("time_major") else 0], shape[2]

    def four(*shape: int) -> list[Value]:
        return [b.constant(rng.uniform(-0.6, 0.6, shape).astype(np.float32)) for _ in range(4)]

    state = TensorType(DType.FLOAT32, (batch, units))
    operands = [x, *four(units, features), *four(units, units), None, None, None, *four(units), None, None]
    options = {"fused_activation_function": "TANH", **attrs}
    (made,) = b.emit(
        OPS["UNIDIRECTIONAL_SEQUENCE_LSTM"], [*operands, Value.variable(state), Value.variable(state)], **options
    )
    return made
