"""The fused form: one UNIDIRECTIONAL_SEQUENCE_LSTM or UNIDIRECTIONAL_SEQUENCE_RNN.

The operators keep their states in variable tensors, from one invocation to the next. A stateless layer has an operation
in front that writes them (`states.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.recurrent.description import GATES, LSTM, RecurrentLayer, Results
from litesmith.decompositions.recurrent.states import start, static_problem
from litesmith.ir import Builder, DType, Value

LSTM_ACTIVATIONS = frozenset({"TANH"})
RNN_ACTIVATIONS = frozenset({"TANH", "RELU", "RELU6", "RELU_N1_TO_1", "NONE"})
"""What the kernels apply, by the name in the schema."""


def obstacle(b: Builder, layer: RecurrentLayer) -> str | None:
    """Why a layer has no fused form at this place of the graph; None where it has one."""
    known = LSTM_ACTIVATIONS if layer.cell == LSTM else RNN_ACTIVATIONS
    if layer.activation not in known:
        return f"the operator does not know the activation {layer.activation}"
    if layer.x.type.dtype is not DType.FLOAT32:
        return f"the operator takes no {layer.x.type.dtype}"
    if layer.cell == LSTM and layer.layer_norm and len(layer.layer_norm) != len(layer.weights):
        return "only some of the gates are layer-normalized"
    return static_problem(b, layer)


def fused(b: Builder, layer: RecurrentLayer, wanted: Sequence[bool]) -> Results:
    """The layer as one operator, with the last states that are wanted. `obstacle` must have found none."""
    axis = b.constant(np.array([layer.time_axis], np.int32))
    x = b.reverse_v2(layer.x, axis) if layer.reverse else layer.x
    states = start(b, layer)
    sequence: Value = _lstm(b, layer, x, states) if layer.cell == LSTM else _simple(b, layer, x, states)
    final = _final(b, layer, sequence, states, wanted)
    return Results(b.reverse_v2(sequence, axis) if layer.reverse else sequence, final)


def _lstm(b: Builder, layer: RecurrentLayer, x: Value, states: Sequence[Value]) -> Value:
    gates = list(GATES)
    zeros = b.constant(np.zeros(layer.units, np.float32))
    (made,) = b.emit(
        b.opset["UNIDIRECTIONAL_SEQUENCE_LSTM"],
        [
            x,
            *(layer.weights.get(g) for g in gates),
            *(layer.recurrent.get(g) for g in gates),
            *(layer.peepholes.get(g) for g in ("input", "forget", "output")),
            *(layer.bias.get(g, zeros) if g in layer.weights else None for g in gates),
            layer.projection,
            layer.projection_bias,
            *states,
            *(layer.layer_norm.get(g) for g in gates),
        ],
        fused_activation_function=layer.activation,
        cell_clip=layer.cell_clip,
        proj_clip=layer.projection_clip,
        time_major=layer.time_major,
    )
    return made


def _simple(b: Builder, layer: RecurrentLayer, x: Value, states: Sequence[Value]) -> Value:
    bias = layer.bias.get("cell") or b.constant(np.zeros(layer.units, np.float32))
    (made,) = b.emit(
        b.opset["UNIDIRECTIONAL_SEQUENCE_RNN"],
        [x, layer.weights["cell"], layer.recurrent["cell"], bias, *states],
        fused_activation_function=layer.activation,
        time_major=layer.time_major,
    )
    return made


def _final(
    b: Builder, layer: RecurrentLayer, sequence: Value, states: Sequence[Value], wanted: Sequence[bool]
) -> tuple[Value | None, ...]:
    """The states after the last step.

    The last output is a slice of the sequence. The cell state is what the operator leaves in its variable: nothing in
    the graph says so, and a delegate may move a reader of the variable before the operator, unless it also reads what the
    operator computes. So both are joined, and taken apart again.
    """
    if not any(wanted):
        return (None,) * len(states)
    last = last_step(b, layer, sequence)
    if len(states) == 1 or not wanted[1]:
        return (last, None)[: len(states)]
    joined: Value = b.concatenation(last, states[1], axis=1)
    sizes = np.array(layer.state_sizes, np.int32)
    if layer.outputs == layer.units:
        h, c = b.split(np.array(1, np.int32), joined, num_splits=2)
    else:
        h, c = b.split_v(joined, sizes, np.array(1, np.int32), num_splits=2)
    return (h if wanted[0] else None), c


def last_step(b: Builder, layer: RecurrentLayer, sequence: Value, index: int = -1) -> Value:
    """One step of a sequence, [N, outputs]."""
    axis = layer.time_axis
    begin, end = np.zeros(3, np.int32), np.zeros(3, np.int32)
    begin[axis], end[axis] = index, index + 1
    others = 0b111 & ~(1 << axis)
    end_mask = others | (1 << axis if index == -1 else 0)
    made: Value = b.strided_slice(
        sequence, begin, end, np.ones(3, np.int32), begin_mask=others, end_mask=end_mask, shrink_axis_mask=1 << axis
    )
    return made
