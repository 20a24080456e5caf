"""The loop form: a step for each place of the sequence, with any batch and any number of steps."""

from __future__ import annotations

import numpy as np

from litesmith.decompositions import rnn
from litesmith.decompositions.recurrent.description import GATES, LSTM, NORM_EPSILON, RecurrentLayer, Results
from litesmith.decompositions.shapes import transpose
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Value


def as_loop(b: Builder, layer: RecurrentLayer) -> Results:
    """The layer as a WHILE. The passes give it the form that is asked for, where the fused operator has it.

    Raises UnsupportedError for a stateful layer.
    """
    if layer.stateful:
        raise UnsupportedError("a stateful layer has no loop form", "compute its cell with operators of the builder")
    steps = layer.x if layer.time_major else transpose(b, layer.x, [1, 0, 2])
    sizes = zip(layer.initial, layer.state_sizes, strict=False)
    initial = [rnn.zero_state(b, steps, size, 1) if v is None else v for v, size in sizes]
    weights = _Weights(b, layer)

    def step(inner: Builder, index: Value, carry: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        new = (
            _lstm(inner, weights, inputs[0], *carry)
            if layer.cell == LSTM
            else _simple(inner, weights, inputs[0], *carry)
        )
        return new, new[:1]

    final, (sequence,) = rnn.scan(
        b,
        step,
        initial,
        [steps],
        steps.dims[0],
        layer.reverse,
        name=layer.name or "recurrent",
        output_types=[initial[0].type],
    )
    return Results(sequence if layer.time_major else transpose(b, sequence, [1, 0, 2]), tuple(final))


class _Weights:
    """A layer's weights, those of all gates joined."""

    def __init__(self, b: Builder, layer: RecurrentLayer) -> None:
        self.layer = layer
        self.gates = [g for g in GATES if g in layer.weights]
        zeros = b.constant(np.zeros(layer.units, np.float32))
        self.input = self._concatenate_parts(b, [layer.weights[g] for g in self.gates])
        self.recurrent = self._concatenate_parts(b, [layer.recurrent[g] for g in self.gates])
        early = layer.bias and not layer.layer_norm
        self.bias = self._concatenate_parts(b, [layer.bias.get(g, zeros) for g in self.gates]) if early else None

    @staticmethod
    def _concatenate_parts(b: Builder, parts: list[Value]) -> Value:
        return parts[0] if len(parts) == 1 else b.concatenation(*parts, axis=0)

    def sums(self, b: Builder, x: Value, h: Value) -> dict[str, Value]:
        """W x + U h + b, by gate."""
        total = b.add(b.fully_connected(x, self.input, self.bias), b.fully_connected(h, self.recurrent))
        if len(self.gates) == 1:
            return {self.gates[0]: total}
        parts = b.split(np.array(1, np.int32), total, num_splits=len(self.gates))
        return dict(zip(self.gates, parts, strict=True))


def _lstm(b: Builder, weights: _Weights, x: Value, h: Value, c: Value) -> list[Value]:
    layer, sums = weights.layer, weights.sums(b, x, h)

    def gate(name: str, seen: Value) -> Value:
        peephole = layer.peepholes.get(name)
        total = sums[name] if peephole is None else b.add(sums[name], b.mul(seen, peephole))
        return b.logistic(_normalize_gate(b, layer, name, total))

    forget = gate("forget", c)
    one = b.constant(np.array(1, np.float32))
    update = b.sub(one, forget) if layer.is_coupled else gate("input", c)
    new_c = b.add(b.mul(forget, c), b.mul(update, _activate(b, layer, _normalize_gate(b, layer, "cell", sums["cell"]))))
    new_c = _clip(b, new_c, layer.cell_clip)
    new_h = b.mul(gate("output", new_c), _activate(b, layer, new_c))
    if layer.projection is not None:
        new_h = _clip(b, b.fully_connected(new_h, layer.projection, layer.projection_bias), layer.projection_clip)
    return [new_h, new_c]


def _normalize_gate(b: Builder, layer: RecurrentLayer, gate: str, total: Value) -> Value:
    """What a gate sums up, layer-normalized where the gate is."""
    if gate not in layer.layer_norm:
        return total
    axis, epsilon = np.array([1], np.int32), np.float32(NORM_EPSILON)
    centered = b.sub(total, b.mean(total, axis, keep_dims=True))
    variance = b.mean(b.mul(centered, centered), axis, keep_dims=True)
    normal = b.mul(b.mul(centered, b.rsqrt(b.add(variance, epsilon))), layer.layer_norm[gate])
    return b.add(normal, layer.bias[gate]) if gate in layer.bias else normal


def _simple(b: Builder, weights: _Weights, x: Value, h: Value) -> list[Value]:
    return [_activate(b, weights.layer, weights.sums(b, x, h)["cell"])]


def _activate(b: Builder, layer: RecurrentLayer, x: Value) -> Value:
    return x if layer.activation == "NONE" else b.apply(layer.activation, x)


def _clip(b: Builder, x: Value, limit: float) -> Value:
    return b.maximum(b.minimum(x, np.float32(limit)), np.float32(-limit)) if limit else x
