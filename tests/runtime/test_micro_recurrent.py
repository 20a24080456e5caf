"""Recurrent layers in TFLite Micro: fused (stateless in every invocation, stateful where the layer is), loops, unrolled."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from litesmith.decompositions import rnn
from litesmith.decompositions.recurrent import GATES, LSTM, RecurrentLayer, as_loop, fuse
from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, TensorType, Value
from litesmith.ops import OPS
from litesmith.passes import pipeline
from litesmith.runtime import Runner

if sys.platform != "linux" or sys.version_info >= (3, 14):
    pytest.skip("TFLite Micro has wheels for Linux, Python 3.10 to 3.13", allow_module_level=True)

from tflite_micro import runtime

N, STEPS, FEATURES, UNITS = 1, 5, 3, 4
RNG = np.random.default_rng(3)


def weights(*shape: int) -> Value:
    return Value.constant(RNG.uniform(-0.8, 0.8, shape).astype(np.float32))


def content_of(batch: int = N, stateful: bool = False, given: bool = False, final: bool = False) -> bytes:
    graph = Graph()
    x = graph.add_input(TensorType(DType.FLOAT32, (batch, STEPS, FEATURES)), "x")
    layer = RecurrentLayer(
        LSTM,
        x,
        {g: weights(UNITS, FEATURES) for g in GATES},
        {g: weights(UNITS, UNITS) for g in GATES},
        {g: weights(UNITS) for g in GATES},
        stateful=stateful,
    )
    if given:
        layer = replace(layer, initial=(weights(batch, UNITS), weights(batch, UNITS)))
    results = fuse(Builder(graph, OPS), layer, [final, final])
    graph.outputs = [results.sequence, *(v for v in results.final if v is not None)]
    program = Program([graph])
    pipeline.run(program)
    return write_model(program)


CASES = {
    "stateless": {},
    "batch": {"batch": 2},
    "given": {"given": True},
    "final": {"final": True},
    "stateful": {"stateful": True},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_the_same_as_in_litert(options: dict[str, bool | int]) -> None:
    check(content_of(**options), options.get("batch", N))


def lstm(b: Builder, x: Value, **parts: bool) -> Value:
    layer = RecurrentLayer(
        LSTM,
        x,
        {g: weights(UNITS, FEATURES) for g in GATES},
        {g: weights(UNITS, UNITS) for g in GATES},
        {g: weights(UNITS) for g in GATES},
        {g: weights(UNITS) for g in ("input", "forget", "output") if parts.get("peepholes")},
        {g: weights(UNITS) for g in GATES if parts.get("layer_norm")},
    )
    return as_loop(b, layer).sequence


def gru(b: Builder, x: Value, after: bool) -> Value:
    """All outputs, time-major."""
    kernel, recurrent, bias = weights(FEATURES, 3 * UNITS), weights(UNITS, 3 * UNITS), weights(3 * UNITS)

    def step(b: Builder, index: Value, carry: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        h = rnn.gru_cell(b, inputs[0], carry[0], kernel, recurrent, bias, bias if after else None, after)
        return [h], [h]

    _, (sequence,) = rnn.scan(b, step, [rnn.zero_state(b, x, UNITS)], [b.transpose(x, [1, 0, 2])], STEPS)
    return sequence


LOOPS: dict[str, Callable[[Builder, Value], Value]] = {
    "LSTM": lstm,
    "LSTM-peepholes": lambda b, x: lstm(b, x, peepholes=True),
    "LSTM-layer_norm": lambda b, x: lstm(b, x, layer_norm=True),
    "GRU": lambda b, x: gru(b, x, after=True),
    "GRU-before": lambda b, x: gru(b, x, after=False),
}


@pytest.mark.parametrize("form", ["loop", "unrolled"])
@pytest.mark.parametrize("make", LOOPS.values(), ids=LOOPS)
def test_other_forms(make: Callable[[Builder, Value], Value], form: str) -> None:
    graph = Graph()
    x = graph.add_input(TensorType(DType.FLOAT32, (2, STEPS, FEATURES)), "x")
    graph.outputs = [make(Builder(graph, OPS), x)]
    program = Program([graph])
    pipeline.run(program, rnn=form)
    assert ("WHILE" in program.histogram()) == (form == "loop")
    check(write_model(program), 2)


def check(content: bytes, batch: int) -> None:
    runner = Runner(content, kernels="builtin")
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=1 << 18)
    for _ in range(4):
        x = RNG.normal(size=(batch, STEPS, FEATURES)).astype(np.float32)
        interpreter.set_input(x, 0)
        interpreter.invoke()
        for number, expected in enumerate(runner.run([x]).values()):
            np.testing.assert_allclose(interpreter.get_output(number), expected, atol=1e-5)
