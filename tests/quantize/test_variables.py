"""Variables as integers: one scale for all that is assigned, right over invocations, with and without XNNPACK."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType, Value
from litesmith.ops import OPS
from litesmith.quantize import Recipe, Rule
from litesmith.quantize.exchange import RealRunner
from litesmith.quantize.quantizer import quantize
from litesmith.runtime import Runner

W = np.random.default_rng(1).normal(size=(8, 8)).astype(np.float32) / 4
ZERO = np.zeros(8, np.float32)
START = np.linspace(-0.5, 0.5, 8, dtype=np.float32)[None]


def stateful() -> Program:
    """h ← tanh(W·h + x), of a variable that starts from something."""
    graph, init = Graph("main"), Graph("init")
    i = Builder(init, OPS)
    i.assign_variable(i.var_handle(container="", shared_name="h"), Value.constant(START, "start"))
    x = graph.add_input(TensorType(DType.FLOAT32, (1, 8)), "x")
    b = Builder(graph, OPS)
    b.emit(OPS["CALL_ONCE"], [], result_types=[], init_subgraph=init)
    handle = b.var_handle(container="", shared_name="h")
    (before,) = b.emit(OPS["READ_VARIABLE"], [handle], result_types=[TensorType(DType.FLOAT32, (1, 8))])
    after = b.tanh(b.add(b.fully_connected(before, W, ZERO), x))
    b.assign_variable(handle, after)
    graph.outputs = [b.fully_connected(after, W, ZERO)]
    return Program([graph], [Signature("main", graph, {"x": 0}, {"y": 0})])


def calls(count: int = 24) -> list[Any]:
    rng = np.random.default_rng(5)
    return [("main", {"x": rng.normal(size=(1, 8)).astype(np.float32)}) for _ in range(count)]


def variable_types(program: Program) -> set[DType]:
    read = {op.results[0].type.dtype for g in program.all_graphs() for op in g.ops if op.name == "READ_VARIABLE"}
    return read | {op["value"].type.dtype for g in program.all_graphs() for op in g.ops if op.name == "ASSIGN_VARIABLE"}


CASES = {  # recipe: type of the variable, dB over the calls
    "int8": (Recipe("int8", variables=True), DType.INT8, 25),
    "int8 only": (Recipe("int8", integer_only=True, input_type=DType.INT8, output_type=DType.INT8), DType.INT8, 22),
    "int16": (Recipe("int16x8", variables=True), DType.INT16, 35),
    "not asked for": (Recipe("int8"), DType.FLOAT32, 25),
    "left out": (Recipe("int8", variables=True, rules=(Rule(op="*_VARIABLE"),)), DType.FLOAT32, 25),
    "weights only": (Recipe("dynamic", variables=True, smallest_weights=1), DType.FLOAT32, 25),
}


@pytest.mark.parametrize("name", CASES)
def test_variables(name: str) -> None:
    recipe, dtype, least = CASES[name]
    program = stateful()
    result = quantize(program, recipe, calls())
    assert variable_types(result.program) == {dtype}
    content = write_model(result.program)
    for kernels in ("default", "builtin"):
        exact = Runner(write_model(program))
        found = RealRunner(content, kernels=kernels)
        signal = noise = 0.0
        for key, inputs in calls():
            wanted, got = exact.run(inputs, key)["y"], found.run(inputs, key)["y"]
            signal, noise = signal + float(np.square(wanted).sum()), noise + float(np.square(wanted - got).sum())
        assert 10 * np.log10(signal / noise) >= least


def test_a_saved_plan_says_the_same() -> None:
    first = quantize(stateful(), CASES["int8"][0], calls())
    again = quantize(stateful(), CASES["int8"][0], plan=type(first.plan).from_json(first.plan.to_json()))
    assert variable_types(again.program) == {DType.INT8}
