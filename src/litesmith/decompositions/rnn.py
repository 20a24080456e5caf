"""Recurrent cells, and the loop that runs a cell over the time steps of a batch of any size."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from litesmith.decompositions.indexing import dynamic_update_slice
from litesmith.decompositions.matmul import dot_general
from litesmith.decompositions.shapes import full, reshape, size_value
from litesmith.ir import Builder, Dim, DType, Graph, Sym, TensorType, Value

Step = Callable[[Builder, Value, list[Value], list[Value]], tuple[list[Value], list[Value]]]


def loop(
    b: Builder,
    condition: Callable[[Builder, list[Value]], Value],
    body: Callable[[Builder, list[Value]], Sequence[Value]],
    init: Sequence[Value],
    name: str = "loop",
) -> list[Value]:
    """A WHILE over ``init``. The loop variables must keep their types; constants may be used inside as they are."""
    types = [v.type for v in init]
    cond_graph, body_graph = Graph(f"{name}_cond"), Graph(f"{name}_body")
    inner = [b.on(graph) for graph in (cond_graph, body_graph)]
    values = [[graph.add_input(t) for t in types] for graph in (cond_graph, body_graph)]
    cond_graph.outputs = [condition(inner[0], values[0])]
    body_graph.outputs = list(body(inner[1], values[1]))
    results = b.emit(
        b.opset["WHILE"], list(init), result_types=types, cond_subgraph=cond_graph, body_subgraph=body_graph
    )
    return list(results)


def scan(
    b: Builder,
    step: Step,
    init: Sequence[Value],
    xs: Sequence[Value],
    length: Dim,
    reverse: bool = False,
    captured: Sequence[Value] = (),
    name: str = "scan",
    output_types: Sequence[TensorType] | None = None,
) -> tuple[list[Value], list[Value]]:
    """Runs ``step(b, index, carry, inputs) -> (carry, outputs)`` over the first dimension of ``xs``.

    Returns the last carry and the outputs stacked. ``captured`` are live values the step uses besides: they travel
    through the loop and come as the last elements of ``inputs``. Without ``output_types`` (of one step's outputs) the
    step is built once more to find them.
    """
    if output_types is None:
        output_types = _output_types(b, step, init, xs, captured)
    stacked = [full(b, [length, *o.dims], 0, o.dtype, *xs, *init, *captured) for o in output_types]
    count = size_value(b, length, *xs)
    zero = b.constant(np.array(0, np.int32))
    last = [count] if isinstance(length, Sym) else []
    state = [zero, *last, *init, *stacked, *xs, *captured]
    first = 1 + len(last)
    bounds = np.cumsum([first, len(init), len(stacked), len(xs), len(captured)])

    def condition(cb: Builder, values: list[Value]) -> Value:
        return cb.less(values[0], values[1] if last else count)

    def body(bb: Builder, values: list[Value]) -> Sequence[Value]:
        index = values[0]
        parts = [values[lo:hi] for lo, hi in itertools.pairwise(bounds)]
        carried, collected, sources, others = parts
        place = index
        if reverse:
            place = bb.sub(bb.sub(values[1] if last else count, index), bb.constant(np.array(1, np.int32)))
        inputs = [row_at(bb, x, place) for x in sources]
        new, outs = step(bb, place, list(carried), [*inputs, *others])
        grown = [set_row(bb, m, o, place) for m, o in zip(collected, outs, strict=True)]
        return [bb.add(index, bb.constant(np.array(1, np.int32))), *values[1:first], *new, *grown, *sources, *others]

    results = loop(b, condition, body, state, name)
    return results[bounds[0] : bounds[1]], results[bounds[1] : bounds[2]]


def _output_types(
    b: Builder, step: Step, init: Sequence[Value], xs: Sequence[Value], captured: Sequence[Value]
) -> list[TensorType]:
    """Types of one step's outputs, found by building it in a graph of its own."""
    trial = Graph("trial")
    carry = [trial.add_input(v.type) for v in init]
    rows = [trial.add_input(v.type.with_shape(v.dims[1:])) for v in xs]
    kept = [trial.add_input(v.type) for v in captured]
    _, outputs = step(b.on(trial), trial.add_input(TensorType(DType.INT32, ())), carry, [*rows, *kept])
    return [o.type for o in outputs]


def row_at(b: Builder, x: Value, index: Value) -> Value:
    """``x[index]`` for an index within range."""
    return b.gather(x, index, axis=0)


def set_row(b: Builder, x: Value, row: Value, index: Value) -> Value:
    """``x`` with ``x[index]`` replaced."""
    return dynamic_update_slice(b, x, reshape(b, row, [1, *row.dims]), [index, *[0] * (x.rank - 1)])


# -- cells ------------------------------------------------------------------------------------------------------------

Activation = Callable[[Builder, Value], Value]


def tanh(b: Builder, x: Value) -> Value:
    """TANH."""
    return b.tanh(x)


def sigmoid(b: Builder, x: Value) -> Value:
    """LOGISTIC."""
    return b.logistic(x)


def _dense(b: Builder, x: Value, kernel: Value, bias: Value | None = None) -> Value:
    product = dot_general(b, x, kernel, ((x.rank - 1,), (0,)))
    return product if bias is None else b.add(product, bias)


def simple_cell(
    b: Builder, x: Value, h: Value, kernel: Value, recurrent: Value, bias: Value | None, activation: Activation = tanh
) -> Value:
    """activation(x W + h U + b). x: [N, features]; h: [N, units]; kernel: [features, units]."""
    return activation(b, b.add(_dense(b, x, kernel, bias), _dense(b, h, recurrent)))


def lstm_cell(
    b: Builder,
    x: Value,
    h: Value,
    c: Value,
    kernel: Value,
    recurrent: Value,
    bias: Value | None,
    activation: Activation = tanh,
    gate: Activation = sigmoid,
) -> tuple[Value, Value]:
    """The new h and c. kernel: [features, 4 units], its gates in the order input, forget, cell, output."""
    z = b.add(_dense(b, x, kernel, bias), _dense(b, h, recurrent))
    i, f, g, o = b.split(np.array(z.rank - 1, np.int32), z, num_splits=4)
    new_c = b.add(b.mul(gate(b, f), c), b.mul(gate(b, i), activation(b, g)))
    return b.mul(gate(b, o), activation(b, new_c)), new_c


def gru_cell(
    b: Builder,
    x: Value,
    h: Value,
    kernel: Value,
    recurrent: Value,
    bias: Value | None,
    recurrent_bias: Value | None = None,
    reset_after: bool = True,
    activation: Activation = tanh,
    gate: Activation = sigmoid,
) -> Value:
    """The new h. kernel: [features, 3 units], its gates in the order update, reset, candidate.

    reset_after: whether the reset gate acts on the product with the recurrent kernel (CuDNN) or on h before it.
    """
    axis = np.array(x.rank - 1, np.int32)
    xz, xr, xh = b.split(axis, _dense(b, x, kernel, bias), num_splits=3)
    if reset_after:
        hz, hr, hh = b.split(axis, _dense(b, h, recurrent, recurrent_bias), num_splits=3)
        update, reset = gate(b, b.add(xz, hz)), gate(b, b.add(xr, hr))
        candidate = activation(b, b.add(xh, b.mul(reset, hh)))
    else:
        kz, kr, kh = b.split(np.array(1, np.int32), recurrent, num_splits=3)
        update, reset = gate(b, b.add(xz, _dense(b, h, kz))), gate(b, b.add(xr, _dense(b, h, kr)))
        candidate = activation(b, b.add(xh, _dense(b, b.mul(reset, h), kh)))
    kept = b.mul(update, h)
    one = b.constant(np.array(1, np.float32), update.type.dtype)
    return b.add(kept, b.mul(b.sub(one, update), candidate))


def zero_state(b: Builder, x: Value, units: int, batch_axis: int = 0) -> Value:
    """[N, units] zeros for the batch of ``x``."""
    return full(b, [x.dims[batch_axis], units], 0.0, x.type.dtype, x)
