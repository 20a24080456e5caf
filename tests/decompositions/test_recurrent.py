"""The forms of a recurrent layer against its definition in NumPy, with everything a description can say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from litesmith.decompositions.recurrent import GATES, LSTM, SIMPLE, RecurrentLayer, as_loop, choose, fuse, obstacle
from litesmith.errors import UnsupportedError
from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Sym, TensorType, Value
from litesmith.ir.graph import Signature
from litesmith.ops import OPS
from litesmith.passes import pipeline
from litesmith.runtime import Runner, compare

N, T, F, U, P = 2, 5, 3, 4, 2
RNG = np.random.default_rng(7)


@dataclass(frozen=True)
class Row:
    """A layer: what it has besides plain weights. gates: those it has."""

    name: str
    cell: str = LSTM
    gates: tuple[str, ...] = GATES
    peepholes: tuple[str, ...] = ()
    projection: bool = False
    layer_norm: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    fused: bool = True


COUPLED = GATES[1:]
ROWS = [
    Row("plain"),
    Row("reverse", options={"reverse": True}),
    Row("time_major", options={"time_major": True}),
    Row("peepholes", peepholes=("input", "forget", "output")),
    Row("projection", projection=True),
    Row("clips", projection=True, options={"cell_clip": 0.3, "projection_clip": 0.2}),
    Row("coupled", gates=COUPLED),
    Row("coupled-peepholes", gates=COUPLED, peepholes=("forget", "output")),
    Row("everything", peepholes=("input", "forget", "output"), projection=True, options={"reverse": True}),
    Row("layer_norm", layer_norm=True),
    Row("layer_norm-everything", peepholes=("input", "forget", "output"), projection=True, layer_norm=True),
    Row("layer_norm-coupled", gates=COUPLED, layer_norm=True, options={"reverse": True}),
    Row("simple", SIMPLE, ("cell",)),
    Row("simple-relu", SIMPLE, ("cell",), options={"activation": "RELU"}),
    Row("simple-linear", SIMPLE, ("cell",), options={"activation": "NONE"}),
    Row("simple-relu6", SIMPLE, ("cell",), options={"activation": "RELU6"}),
]


def weights(*shape: int) -> Value:
    return Value.constant(RNG.uniform(-0.8, 0.8, shape).astype(np.float32))


def layer_of(row: Row, x: Value) -> RecurrentLayer:
    outputs = P if row.projection else U
    return RecurrentLayer(
        row.cell,
        x,
        {g: weights(U, F) for g in row.gates},
        {g: weights(U, outputs) for g in row.gates},
        {g: weights(U) for g in row.gates},
        {g: weights(U) for g in row.peepholes},
        {g: weights(U) for g in row.gates} if row.layer_norm else {},
        weights(P, U) if row.projection else None,
        weights(P) if row.projection else None,
        **row.options,
    )


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "TANH": np.tanh,
    "RELU": lambda x: np.maximum(x, 0),
    "RELU6": lambda x: np.clip(x, 0, 6),
    "NONE": lambda x: x,
}


def clipped(x: np.ndarray, limit: float) -> np.ndarray:
    return np.clip(x, -limit, limit) if limit else x


class Definition:
    """A layer computed step by step, in float64."""

    def __init__(self, layer: RecurrentLayer) -> None:
        self.layer = layer
        self.activation = ACTIVATIONS[layer.activation]

    def total(self, gate: str, x: np.ndarray, h: np.ndarray, c: np.ndarray | None) -> np.ndarray:
        layer = self.layer
        z = x @ layer.weights[gate].numpy().T.astype(float) + h @ layer.recurrent[gate].numpy().T
        if gate in layer.peepholes and c is not None:
            z = z + c * layer.peepholes[gate].numpy()
        if layer.layer_norm:
            z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-8)
            z = z * layer.layer_norm[gate].numpy()
        return z + layer.bias[gate].numpy()

    def step(self, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        layer = self.layer
        if layer.cell == SIMPLE:
            return self.activation(self.total("cell", x, h, None)), c
        forget = sigmoid(self.total("forget", x, h, c))
        update = 1 - forget if layer.is_coupled else sigmoid(self.total("input", x, h, c))
        c = clipped(forget * c + update * self.activation(self.total("cell", x, h, None)), layer.cell_clip)
        h = sigmoid(self.total("output", x, h, c)) * self.activation(c)
        if layer.projection is not None and layer.projection_bias is not None:
            h = clipped(h @ layer.projection.numpy().T + layer.projection_bias.numpy(), layer.projection_clip)
        return h, c

    def __call__(self, x: np.ndarray, *initial: np.ndarray) -> list[np.ndarray]:
        """The sequence and the last states."""
        layer = self.layer
        steps = x if layer.time_major else x.swapaxes(0, 1)
        h, c = initial or (np.zeros((N, layer.outputs)), np.zeros((N, U)))
        sequence: list[np.ndarray] = []
        for row in steps[::-1] if layer.reverse else steps:
            h, c = self.step(row, h, c)
            sequence.append(h)
        outputs = np.stack(sequence[::-1] if layer.reverse else sequence)
        made = [outputs if layer.time_major else outputs.swapaxes(0, 1), h, c]
        return [a.astype(np.float32) for a in made[: 1 + len(layer.state_sizes)]]


def program_of(row: Row, form: str) -> tuple[Program, RecurrentLayer]:
    graph = Graph()
    shape = (T, N, F) if row.options.get("time_major") else (N, T, F)
    layer = layer_of(row, graph.add_input(TensorType(DType.FLOAT32, shape), "x"))
    b = Builder(graph, OPS)
    if form == "fused":
        assert obstacle(b, layer) is None
        results = fuse(b, layer, [True] * len(layer.state_sizes))
    else:
        results = as_loop(b, layer)
    graph.outputs = [results.sequence, *(v for v in results.final if v is not None)]
    outputs = {f"y{i}": i for i in range(len(graph.outputs))}
    return Program([graph], [Signature("serve", graph, {"x": 0}, outputs)]), layer


FORMS = ("fused", "loop", "raised", "unrolled")
CASES = [(row, form) for row in ROWS for form in FORMS]


@pytest.mark.parametrize(("row", "form"), CASES, ids=lambda v: v.name if isinstance(v, Row) else v)
def test_form(row: Row, form: str) -> None:
    program, layer = program_of(row, form)
    pipeline.run(program, check=True, rnn="fused" if form == "raised" else form)
    assert ("WHILE" in program.histogram()) == (form == "loop")
    if form in ("fused", "raised"):
        assert any(name.startswith("UNIDIRECTIONAL") for name in program.histogram())
    content, define = write_model(program), Definition(layer)
    for kernels in ("default", "builtin"):
        runner = Runner(content, kernels=kernels)
        for _ in range(3):
            x = RNG.normal(size=layer.x.type.static_shape).astype(np.float32)
            for got, wanted in zip(runner.run([x]).values(), define(x), strict=True):
                result = compare(got, wanted, 1e-5)
                assert result.passed, f"{kernels}: {result}"


CHOICES = {
    "few units": (1, 16, 16, False, "fused"),
    "more, last output": (1, 16, 17, False, "loop"),
    "more, all outputs": (1, 16, 24, True, "fused"),
    "many": (1, 64, 64, True, "loop"),
    "long": (1, 1024, 64, True, "fused"),
    "long, last output": (1, 1024, 64, False, "loop"),
    "batch": (2, 16, 8, True, "loop"),
    "any batch": (Sym.named("b"), 16, 8, True, "loop"),
    "any length": (1, Sym.named("t"), 8, True, "loop"),
}


@pytest.mark.parametrize(("batch", "steps", "units", "sequence", "form"), CHOICES.values(), ids=CHOICES)
def test_the_form_auto_chooses(batch: Any, steps: Any, units: int, sequence: bool, form: str) -> None:
    x = Value(TensorType(DType.FLOAT32, (batch, steps, F)))
    kernel, recurrent = weights(units, F), weights(units, units)
    layer = RecurrentLayer(LSTM, x, dict.fromkeys(GATES, kernel), dict.fromkeys(GATES, recurrent))
    assert choose(layer, sequence).form == form
    assert choose(layer, sequence, "unrolled").form == "unrolled"


AUTO = {
    "few small steps": ((1, 16, 16), "auto", "UNPACK"),
    "a batch": ((8, 16, 32), "auto", "UNPACK"),
    "any batch": ((Sym.named("b"), 16, 32), "auto", "UNPACK"),
    "many weights": ((1, 16, 128), "auto", "WHILE"),
    "many steps": ((1, 65, 16), "auto", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
    "integers only": ((1, 16, 16), "compact", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
}


@pytest.mark.parametrize(("sizes", "asked", "operator"), AUTO.values(), ids=AUTO)
def test_the_form_a_loop_takes(sizes: tuple[Any, int, int], asked: str, operator: str) -> None:
    batch, steps, units = sizes
    graph = Graph()
    x = graph.add_input(TensorType(DType.FLOAT32, (batch, steps, F)), "x")
    kernels = [{g: weights(units, n) for g in GATES} for n in (F, units)]
    graph.outputs = [as_loop(Builder(graph, OPS), RecurrentLayer(LSTM, x, *kernels)).sequence]
    program = Program([graph])
    pipeline.run(program, rnn=asked)
    forms = {"UNPACK", "WHILE", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
    assert forms & set(program.histogram()) == {operator}


def test_large_zeros_are_computed() -> None:
    graph = Graph()
    x = graph.add_input(TensorType(DType.FLOAT32, (4096, 2, F)), "x")
    layer = replace(layer_of(Row("plain"), x), x=x)
    graph.outputs = [fuse(Builder(graph, OPS), layer, [False, False]).sequence]
    program = Program([graph])
    pipeline.run(program, rnn="fused")
    assert program.histogram() == {"FILL": 2, "UNIDIRECTIONAL_SEQUENCE_LSTM": 1}
    runner = Runner(write_model(program))
    inputs = RNG.normal(size=(4096, 2, F)).astype(np.float32)
    first, second = (next(iter(runner.run([inputs]).values())) for _ in range(2))
    np.testing.assert_array_equal(first, second)


HALF = np.full((N, U), 0.5, np.float32)
BEHIND: dict[str, tuple[Callable[..., Any], Callable[..., Any], bool]] = {
    "zeros": (lambda b, h, t, x: None, lambda h: 0 * h, False),
    "an input": (lambda b, h, t, x: h, lambda h: h, False),
    "a function of an input": (lambda b, h, t, x: t, np.tanh, False),
    "a constant": (lambda b, h, t, x: b.constant(HALF), lambda h: HALF, False),
    "stateful": (lambda b, h, t, x: None, lambda h: None, True),
}


def behind_a_computed_size(state: Callable[..., Any], stateful: bool = False) -> tuple[Builder, RecurrentLayer]:
    """A layer with a batch of known size behind a tensor whose size depends on elements."""
    graph = Graph()
    b = Builder(graph, OPS)
    x = graph.add_input(TensorType(DType.FLOAT32, (N, T, F)), "x")
    h = graph.add_input(TensorType(DType.FLOAT32, (N, U)), "h")
    squashed = b.tanh(h)
    places = b.cast(b.where(b.greater(x, np.float32(0))), in_data_type=DType.INT64, out_data_type=DType.FLOAT32)
    moved = b.add(x, b.mean(places, np.array([0, 1], np.int32)))
    layer = layer_of(Row("plain"), moved)
    return b, replace(layer, initial=(state(b, h, squashed, moved), None), stateful=stateful)


@pytest.mark.parametrize(("state", "define", "stateful"), BEHIND.values(), ids=BEHIND)
def test_behind_a_tensor_whose_size_is_computed(state: Any, define: Any, stateful: bool) -> None:
    b, layer = behind_a_computed_size(state, stateful)
    assert obstacle(b, layer) is None
    results = fuse(b, layer, [True, True])
    b.graph.outputs = [results.sequence, *(v for v in results.final if v is not None)]
    outputs = {name: i for i, name in enumerate(("y", "h_last", "c_last"))}
    program = Program([b.graph], [Signature("serve", b.graph, {"x": 0, "h": 1}, outputs)])
    pipeline.run(program, check=True)
    for kernels in ("default", "builtin"):
        runner = Runner(write_model(program), kernels=kernels)
        kept: list[np.ndarray] = []
        for _ in range(4):
            x, h = (RNG.normal(size=v.type.static_shape).astype(np.float32) for v in b.graph.inputs)
            moved = x + np.argwhere(x > 0).mean()
            wanted = Definition(layer)(moved, *((kept or [0 * h, 0 * h]) if stateful else [define(h), 0 * h]))
            results_of = runner.run([x, h])
            for name, right in zip(outputs, wanted, strict=True):
                result = compare(results_of[name], right, 1e-5)
                assert result.passed, f"{kernels}: {result}"
            kept = wanted[1:]


def test_a_state_computed_behind_a_tensor_of_unknown_size_is_an_obstacle() -> None:
    axis = np.array([1], np.int32)
    b, layer = behind_a_computed_size(lambda b, h, t, x: b.fully_connected(b.mean(x, axis), weights(U, F)))
    reason = obstacle(b, layer)
    assert reason is not None
    assert "size that is known only as the model runs" in reason


def test_an_activation_the_kernel_does_not_know_is_an_obstacle() -> None:
    graph = Graph()
    layer = layer_of(Row("plain"), graph.add_input(TensorType(DType.FLOAT32, (N, T, F)), "x"))
    reason = obstacle(Builder(graph, OPS), replace(layer, activation="RELU"))
    assert reason is not None
    assert "RELU" in reason


def test_a_stateful_loop_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="has no loop form"):
        program_of(Row("stateful", options={"stateful": True}), "loop")
