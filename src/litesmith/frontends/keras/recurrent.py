"""Recurrent layers, lowered whole: a loop over time with any batch.

This is where fused forms attach: a lowering sees the layer, its weights and its options, whatever the backend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, cast

import numpy as np

from litesmith.decompositions import rnn
from litesmith.decompositions.shapes import transpose
from litesmith.frontends.keras.layers import LayerCall, Lower
from litesmith.frontends.keras.live import RecurrentLayer
from litesmith.ir import Builder, Value

Cell = Callable[[Builder, Value, list[Value]], list[Value]]


def _activation(function: object) -> rnn.Activation | None:
    """The lowering of an activation function, told by its name in Keras; None for one that has none here."""
    return _ACTIVATIONS.get(getattr(function, "__name__", "")) if _is_builtin(function) else None


def _is_builtin(function: object) -> bool:
    return str(getattr(function, "__module__", "")).split(".")[0] in ("keras", "tf_keras")


_ACTIVATIONS: dict[str, rnn.Activation] = {
    "tanh": rnn.tanh,
    "sigmoid": rnn.sigmoid,
    "relu": lambda b, x: b.relu(x),
    "linear": lambda b, x: x,
    "elu": lambda b, x: b.elu(x),
}


class _Weights:
    """The weights of a cell as constants of the type the layer computes in."""

    def __init__(self, b: Builder, cell: Any, like: Value) -> None:
        self.b, self.cell, self.dtype = b, cell, like.type.dtype

    def __getitem__(self, name: str) -> Value:
        variable = getattr(self.cell, name)
        array = np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable)
        return self.b.constant(array, self.dtype, name=str(getattr(variable, "path", name)))

    def bias(self) -> Value | None:
        """The bias, None where the layer has none."""
        return self["bias"] if getattr(self.cell, "use_bias", False) else None


def _simple_cell(weights: _Weights) -> Cell | None:
    activation = _activation(weights.cell.activation)
    if activation is None:
        return None
    kernel, recurrent, bias = weights["kernel"], weights["recurrent_kernel"], weights.bias()
    return lambda b, x, state: [rnn.simple_cell(b, x, state[0], kernel, recurrent, bias, activation)]


def _lstm_cell(weights: _Weights) -> Cell | None:
    activation, gate = _activation(weights.cell.activation), _activation(weights.cell.recurrent_activation)
    if activation is None or gate is None:
        return None
    kernel, recurrent, bias = weights["kernel"], weights["recurrent_kernel"], weights.bias()
    return lambda b, x, state: list(rnn.lstm_cell(b, x, state[0], state[1], kernel, recurrent, bias, activation, gate))


def _gru_cell(weights: _Weights) -> Cell | None:
    activation, gate = _activation(weights.cell.activation), _activation(weights.cell.recurrent_activation)
    if activation is None or gate is None:
        return None
    kernel, recurrent, bias = weights["kernel"], weights["recurrent_kernel"], weights.bias()
    after = bool(weights.cell.reset_after)
    recurrent_bias = None
    if bias is not None and after:
        both = bias.numpy()
        bias, recurrent_bias = (weights.b.constant(half, weights.dtype) for half in both)
    return lambda b, x, state: [
        rnn.gru_cell(b, x, state[0], kernel, recurrent, bias, recurrent_bias, after, activation, gate)
    ]


def _recurrent(make_cell: Callable[[_Weights], Cell | None], states: int) -> Lower:
    def lower(b: Builder, call: LayerCall, tensors: Sequence[Value]) -> Sequence[Value] | None:
        layer, x = cast(RecurrentLayer, call.layer), tensors[0]
        # Integers are inlined: weights take the type of the input, and Keras promotes where it multiplies.
        if layer.stateful or x.rank != 3 or not x.type.dtype.is_float or getattr(layer, "quantization_mode", None):
            return None
        cell = make_cell(_Weights(b, layer.cell, x))
        if cell is None:
            return None
        steps = transpose(b, x, [1, 0, 2])
        if layer.go_backwards:
            steps = b.reverse_v2(steps, np.array([0], np.int32))
        initial = list(tensors[1:]) or [rnn.zero_state(b, x, layer.units)] * states
        return _run(b, layer, cell, steps, initial)

    return lower


def _run(b: Builder, layer: RecurrentLayer, cell: Cell, steps: Value, initial: list[Value]) -> list[Value]:
    def step(inner: Builder, index: Value, carry: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        new = cell(inner, inputs[0], carry)
        return new, new[:1] if layer.return_sequences else []

    outputs_like = [initial[0].type] if layer.return_sequences else []
    carried, stacked = rnn.scan(b, step, initial, [steps], steps.dims[0], name=layer.name, output_types=outputs_like)
    output = transpose(b, stacked[0], [1, 0, 2]) if layer.return_sequences else carried[0]
    return [output, *carried] if layer.return_state else [output]


def lowerings(keras: ModuleType) -> dict[type, Lower]:
    """The lowerings by layer class of this Keras. Subclasses are not meant: they may compute something else."""
    layers = keras.layers
    return {
        layers.SimpleRNN: _recurrent(_simple_cell, 1),
        layers.LSTM: _recurrent(_lstm_cell, 2),
        layers.GRU: _recurrent(_gru_cell, 1),
    }
