"""The fused form: one UNIDIRECTIONAL_SEQUENCE_LSTM or UNIDIRECTIONAL_SEQUENCE_RNN; BIDIRECTIONAL_ for two directions.

The operators keep their states in variable tensors, from one invocation to the next. A stateless layer has an operation
in front that writes them (`states.py`).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from litesmith.decompositions.recurrent.description import GATES, LSTM, SIMPLE, RecurrentLayer, Results
from litesmith.decompositions.recurrent.states import is_zero, start, start_pair, static_problem
from litesmith.ir import Builder, DType, Op, Value

LSTM_ACTIVATIONS = frozenset({"TANH"})
RNN_ACTIVATIONS = frozenset({"TANH", "RELU", "RELU6", "RELU_N1_TO_1", "NONE"})
"""What the kernels apply, by the name in the schema."""


def obstacle(b: Builder, layer: RecurrentLayer, dying: Container[Op] = ()) -> str | None:
    """Why a layer has no fused form at this place of the graph; None where it has one.

    dying: operations in front that nobody uses when the layer has its form.
    """
    known = LSTM_ACTIVATIONS if layer.cell == LSTM else RNN_ACTIVATIONS
    if layer.activation not in known:
        return f"the operator does not know the activation {layer.activation}"
    if layer.x.type.dtype is not DType.FLOAT32:
        return f"the operator takes no {layer.x.type.dtype}"
    if layer.cell == LSTM and layer.layer_norm and len(layer.layer_norm) != len(layer.weights):
        return "only some of the gates are layer-normalized"
    return static_problem(b, layer, dying)


def fuse(b: Builder, layer: RecurrentLayer, wanted: Sequence[bool], dying: Container[Op] = ()) -> Results:
    """The layer as one operator, with the last states that are wanted. `obstacle` must have found none."""
    axis = b.constant(np.array([layer.time_axis], np.int32))
    x = b.reverse_v2(layer.x, axis) if layer.reverse else layer.x
    states = start(b, layer, dying)
    weights = _lstm_weights(b, layer) if layer.cell == LSTM else _simple_weights(b, layer)
    rest = [layer.layer_norm.get(g) for g in GATES] if layer.cell == LSTM else []
    (sequence,) = b.emit(b.opset[_OPERATORS[layer.cell]], [x, *weights, *states, *rest], **_attributes(layer))
    final = _final(b, layer, sequence, -1, states, wanted)
    return Results(b.reverse_v2(sequence, axis) if layer.reverse else sequence, final)


def fuse_pair(
    b: Builder, layers: tuple[RecurrentLayer, RecurrentLayer], wanted: Sequence[Sequence[bool]]
) -> tuple[Results, Results]:
    """Two directions over one sequence as one operator: first the forward one, then the one that reads from the end.

    Two outputs, which the caller merges: the kernel that merges them itself writes outside its memory.
    """
    forward, backward = layers
    states = start_pair(b, forward, backward)
    count = len(states) // 2
    if forward.cell == LSTM:
        operands = [*_lstm_weights(b, forward), *_lstm_weights(b, backward), *states]
    else:
        operands = [*_simple_weights(b, forward), states[0], *_simple_weights(b, backward), states[1]]
    defn = b.opset[_PAIRS[forward.cell]]
    outputs = b.emit(defn, [forward.x, *operands], **_attributes(forward), merge_outputs=False)
    finals = [
        _final(b, layer, sequence, index, own, asked)
        for layer, sequence, index, own, asked in zip(
            layers, outputs, (-1, 0), (states[:count], states[count:]), wanted, strict=True
        )
    ]
    return Results(outputs[0], finals[0]), Results(outputs[1], finals[1])


def make_a_pair(first: RecurrentLayer, second: RecurrentLayer) -> bool:
    """Whether two layers are the directions of one bidirectional operator."""
    if any(layer.layer_norm or any(not is_zero(v) for v in layer.initial) for layer in (first, second)):
        return False
    return first.x is second.x and first.reverse != second.reverse and _shared_options(first) == _shared_options(second)


def _shared_options(layer: RecurrentLayer) -> tuple[object, ...]:
    """What the one operator of two directions has once, and what its kernel takes for the same in both."""
    clips = (layer.cell_clip, layer.projection_clip)
    parts = (layer.units, layer.outputs, frozenset(layer.peepholes), layer.projection is None)
    return (layer.cell, layer.activation, *clips, layer.time_major, layer.stateful, layer.is_coupled, *parts)


_OPERATORS = {LSTM: "UNIDIRECTIONAL_SEQUENCE_LSTM", SIMPLE: "UNIDIRECTIONAL_SEQUENCE_RNN"}
_PAIRS = {LSTM: "BIDIRECTIONAL_SEQUENCE_LSTM", SIMPLE: "BIDIRECTIONAL_SEQUENCE_RNN"}


def _attributes(layer: RecurrentLayer) -> dict[str, Any]:
    attrs = {"fused_activation_function": layer.activation, "time_major": layer.time_major}
    clips = {"cell_clip": layer.cell_clip, "proj_clip": layer.projection_clip}
    return {**attrs, **clips} if layer.cell == LSTM else attrs


def _lstm_weights(b: Builder, layer: RecurrentLayer) -> list[Value | None]:
    """Weights, recurrent weights, peepholes, biases and projection, in the operators' order."""
    zeros = b.constant(np.zeros(layer.units, np.float32))
    return [
        *(layer.weights.get(g) for g in GATES),
        *(layer.recurrent.get(g) for g in GATES),
        *(layer.peepholes.get(g) for g in ("input", "forget", "output")),
        *(layer.bias.get(g, zeros) if g in layer.weights else None for g in GATES),
        layer.projection,
        layer.projection_bias,
    ]


def _simple_weights(b: Builder, layer: RecurrentLayer) -> list[Value | None]:
    bias = layer.bias.get("cell") or b.constant(np.zeros(layer.units, np.float32))
    return [layer.weights["cell"], layer.recurrent["cell"], bias]


def _final(
    b: Builder, layer: RecurrentLayer, sequence: Value, index: int, states: Sequence[Value], wanted: Sequence[bool]
) -> tuple[Value | None, ...]:
    """The states after the last step, whose output stands at ``index`` of the sequence.

    The last output is a slice of the sequence. The cell state is what the operator leaves in its variable: nothing in
    the graph says so, and a delegate may move a reader of the variable before the operator, unless it also reads what the
    operator computes. So both are joined, and taken apart again.
    """
    if not any(wanted):
        return (None,) * len(states)
    last = _step(b, layer, sequence, index)
    if len(states) == 1 or not wanted[1]:
        return (last, None)[: len(states)]
    joined: Value = b.concatenation(last, states[1], axis=1)
    sizes = np.array(layer.state_sizes, np.int32)
    if layer.outputs == layer.units:
        h, c = b.split(np.array(1, np.int32), joined, num_splits=2)
    else:
        h, c = b.split_v(joined, sizes, np.array(1, np.int32), num_splits=2)
    return (h if wanted[0] else None), c


def last_output(b: Builder, layer: RecurrentLayer, sequence: Value) -> Value:
    """The output of the step that comes last, [N, outputs]."""
    return _step(b, layer, sequence, 0 if layer.reverse else -1)


def _step(b: Builder, layer: RecurrentLayer, sequence: Value, index: int) -> Value:
    """One step of a sequence, [N, outputs]."""
    axis = layer.time_axis
    begin, end = np.zeros(3, np.int32), np.zeros(3, np.int32)
    begin[axis], end[axis] = index, index + 1
    others = 0b111 & ~(1 << axis)
    end_mask = others | (1 << axis if index == -1 else 0)
    return b.strided_slice(
        sequence, begin, end, np.ones(3, np.int32), begin_mask=others, end_mask=end_mask, shrink_axis_mask=1 << axis
    )
