"""Recurrent layers by the interface of the Keras LSTM function, for lowerings of one's own composites."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.recurrent.description import GATES, LSTM, RecurrentLayer
from litesmith.decompositions.recurrent.fused import last_output
from litesmith.decompositions.recurrent.loop import as_loop
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Value

_FIX = (
    "give x [batch, steps, features], h0 and c0 [batch, units], kernel [features, 4 units], recurrent kernel "
    "[units, 4 units] and bias [4 units], the gates in the order input, forget, cell, output; weights are constants"
)


def keras_lstm(
    b: Builder,
    x: Value,
    h0: Value,
    c0: Value,
    kernel: Value,
    recurrent_kernel: Value,
    bias: Value,
    *,
    time_major: bool = False,
    go_backwards: bool = False,
) -> tuple[Value, Value, Value, Value]:
    """The last output, all outputs, the last h and the last c of an LSTM.

    - x: [batch, steps, features] float32, [steps, batch, features] with ``time_major``.
    - kernel: [features, 4 units], recurrent_kernel: [units, 4 units], bias: [4 units], all constants, the gates in the
      order input, forget, cell, output.
    - go_backwards: reads the sequence from its end; the outputs come in the order of reading.

    The passes give the layer the form that ``convert(rnn=…)`` asks for. Raises UnsupportedError for operands of other
    shapes.
    """
    units = units_of(x, h0, c0, kernel, recurrent_kernel, bias)
    if go_backwards:
        x = b.reverse_v2(x, np.array([0 if time_major else 1], np.int32))
    weights, recurrent = (
        _by_gate(b, b.transpose(v, np.array([1, 0], np.int32)), units) for v in (kernel, recurrent_kernel)
    )
    biases = _by_gate(b, bias, units)
    layer = RecurrentLayer(LSTM, x, weights, recurrent, biases, initial=(h0, c0), time_major=time_major)
    results = as_loop(b, layer)
    h, c = results.final
    assert h is not None
    assert c is not None
    return last_output(b, layer, results.sequence), results.sequence, h, c


def units_of(x: Value, h0: Value, c0: Value, kernel: Value, recurrent: Value, bias: Value) -> int:
    """The units of an LSTM with these operands. Raises UnsupportedError where they are none of one."""
    names = ("x", "h0", "c0", "kernel", "recurrent kernel", "bias")
    for name, value, rank in zip(names, (x, h0, c0, kernel, recurrent, bias), (3, 2, 2, 2, 2, 1), strict=True):
        if value.type.shape is None or value.rank != rank:
            raise UnsupportedError(f"{name} of an LSTM is {value.type}, expected rank {rank}", _FIX)
        if name in names[3:] and not value.is_const:
            raise UnsupportedError(f"{name} of an LSTM is computed, expected a constant", _FIX)
    units, features = recurrent.type.static_shape[0], kernel.type.static_shape[0]
    expected: Sequence[tuple[str, Value, tuple[int, ...]]] = (
        ("kernel", kernel, (features, 4 * units)),
        ("recurrent kernel", recurrent, (units, 4 * units)),
        ("bias", bias, (4 * units,)),
    )
    for name, value, shape in expected:
        if value.type.static_shape != shape:
            raise UnsupportedError(f"{name} of an LSTM of {units} units is {value.type}, expected {list(shape)}", _FIX)
    if x.dims[2] != features or {h0.dims[1], c0.dims[1]} != {units}:
        raise UnsupportedError(f"an LSTM of {units} units takes {features} features, got {x.type} and {h0.type}", _FIX)
    return units


def _by_gate(b: Builder, weights: Value, units: int) -> dict[str, Value]:
    """The weights of each gate, constants [units, …]."""
    parts = b.split(np.array(0, np.int32), weights, num_splits=len(GATES))
    assert units * len(GATES) == weights.dims[0]
    return dict(zip(GATES, parts, strict=True))
