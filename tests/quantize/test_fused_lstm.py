"""The fused LSTM on integers: near the float one over invocations that keep its state; refused where it has no kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litesmith.errors import QuantizationError
from litesmith.formats.tflite import read_model, write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType
from litesmith.ops import OPS
from litesmith.quantize import Recipe
from litesmith.quantize.exchange import RealRunner
from litesmith.quantize.quantizer import quantize
from litesmith.runtime import Runner
from tests.quantize.fused import lstm

INTEGERS = Recipe("int8", integer_only=True, input_type=DType.INT8, output_type=DType.INT8)


def program(**attrs: Any) -> Program:
    graph = Graph("main")
    x = graph.add_input(TensorType(DType.FLOAT32, (2, 6, 8)), "x")
    b = Builder(graph, OPS)
    hidden = lstm(b, x, 16, **attrs)
    head = np.random.default_rng(1).normal(size=(4, 16)).astype(np.float32)
    graph.outputs = [b.fully_connected(hidden, head, np.zeros(4, np.float32), keep_num_dims=True)]
    return Program([graph], [Signature("main", graph, {"x": 0}, {"y": 0})])


def calls(count: int) -> list[Any]:
    rng = np.random.default_rng(7)
    return [("main", {"x": rng.uniform(-1, 1, (2, 6, 8)).astype(np.float32)}) for _ in range(count)]


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("kernels", ["default", "builtin"])
def test_integers_only(kernels: str, time_major: bool) -> None:
    source = program(time_major=time_major)
    result = quantize(source, INTEGERS, calls(16))
    content = write_model(result.program)
    (layer,) = (op for op in result.program.main.ops if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM")
    assert {layer[n].type.dtype for n in ("x", "input_to_cell_weights", "output_state")} == {DType.INT8}
    assert layer["cell_state"].type.dtype is DType.INT16
    assert len(layer.attrs["intermediates"]) == 5
    assert write_model(read_model(content)) == content
    exact, found = Runner(write_model(source), kernels=kernels), RealRunner(content, kernels=kernels)
    signal = noise = 0.0
    for key, inputs in calls(5):  # the state goes on from call to call
        wanted, got = exact.run(inputs, key)["y"], found.run(inputs, key)["y"]
        signal, noise = signal + float(np.square(wanted).sum()), noise + float(np.square(wanted - got).sum())
    assert 10 * np.log10(signal / noise) >= 28


def test_beside_floats_it_stays_what_is_fast() -> None:
    result = quantize(program(), Recipe("int8"), calls(8))
    (layer,) = (op for op in result.program.main.ops if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM")
    assert layer["x"].type.dtype is DType.FLOAT32
    assert write_model(result.program)


REFUSED = {"a clipped cell": (INTEGERS, dict(cell_clip=2.0)), "16 bits": (Recipe("int16x8", integer_only=True), {})}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_kernel_is_refused(name: str) -> None:
    recipe, attrs = REFUSED[name]
    with pytest.raises(QuantizationError, match="UNIDIRECTIONAL_SEQUENCE_LSTM"):
        quantize(program(**attrs), recipe, calls(4))
