"""Products of integers by float kernels, widened again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType, Value
from litesmith.ir.printer import print_program
from litesmith.ir.verify import verify
from litesmith.ops import OPS
from litesmith.passes.integral_products import PASSES
from litesmith.runtime import Runner
from tests.passes.harness import apply

Multiply = Callable[[Builder, Value, Value], Value]
ROWS = 3


def integers(*shape: int, low: int = -128, high: int = 128) -> np.ndarray:
    return np.random.default_rng(len(shape)).integers(low, high, shape).astype(np.int8)


def floats(b: Builder, q: Value | np.ndarray) -> Value:
    value = q if isinstance(q, Value) else b.constant(q)
    made: Value = b.cast(value, in_data_type=value.type.dtype, out_data_type=DType.FLOAT32)
    return made


def units(b: Builder, x: Value, w: Value) -> Value:
    made: Value = b.fully_connected(x, w, None)
    return made


def matrices(b: Builder, x: Value, w: Value) -> Value:
    made: Value = b.batch_matmul(b.reshape(x, [1, ROWS, x.dims[1]]), b.reshape(w, [1, *w.dims]), adj_y=True)
    return made


def program(
    features: int = 64,
    multiply: Multiply = units,
    weights: Callable[[Builder, np.ndarray], Value] = floats,
    shape: tuple[int, ...] | None = None,
    to: DType = DType.INT32,
    q: np.ndarray | None = None,
) -> Program:
    graph = Graph("main")
    b = Builder(graph, OPS)
    x = graph.add_input(TensorType(DType.INT8, (ROWS, features)), "x")
    made = multiply(b, floats(b, x), weights(b, integers(32, features) if q is None else q))
    made = b.cast(made, in_data_type=DType.FLOAT32, out_data_type=to)
    if shape is not None:
        made = b.reshape(made, list(shape))
    graph.outputs = [b.cast(made, in_data_type=to, out_data_type=DType.FLOAT32)]
    return Program([graph], [Signature("serving_default", graph, {"x": 0}, {"y": 0})])


def names(made: Program) -> str:
    return " ".join(op.name for op in made.main.ops)


def zero_points(b: Builder, q: np.ndarray) -> Value:
    made: Value = b.sub(floats(b, q), np.float32(3))
    return made


DROPPED = {
    "units": (program(), "CAST FULLY_CONNECTED"),
    "reshaped": (program(shape=(ROWS, 4, 8)), "CAST FULLY_CONNECTED RESHAPE"),
    "zero points": (program(weights=zero_points), "CAST FULLY_CONNECTED"),
    "small weights": (program(2000, q=integers(32, 2000, low=-8, high=8)), "CAST FULLY_CONNECTED"),
}
KEPT = {
    "many features": (program(2000), "a sum may be rounded"),
    "fractions": (program(weights=lambda b, q: b.mul(floats(b, q), np.float32(0.5))), "may be no integers"),
    "floats": (program(weights=lambda b, q: b.constant(q.astype(np.float32))), "may be no integers"),
    "an activation": (
        program(multiply=lambda b, x, w: b.fully_connected(x, w, None, fused_activation_function="RELU6")),
        None,
    ),
    "a bias": (program(multiply=lambda b, x, w: b.fully_connected(x, w, np.full(32, 0.5, np.float32))), None),
    "narrower": (program(to=DType.INT8), None),
    "an operation between": (program(multiply=lambda b, x, w: b.tanh(units(b, x, w))), None),
}


@pytest.mark.parametrize("name", DROPPED)
def test_dropped(name: str) -> None:
    made, ops = DROPPED[name]
    x = integers(ROWS, made.main.inputs[0].type.static_shape[1])
    x[0] = -128
    expected = Runner(write_model(made)).run([x])["y"]
    apply(PASSES, made)
    verify(made)
    assert names(made) == ops
    for kernels in ("default", "reference"):
        runner = Runner(write_model(made), kernels=kernels)
        for _ in range(3):
            np.testing.assert_array_equal(runner.run([x])["y"], expected)
    assert not apply(PASSES, made)[0].modified


def test_batched() -> None:
    graph = Graph("main")
    b = Builder(graph, OPS)
    x = graph.add_input(TensorType(DType.INT8, (2, ROWS, 40)), "x")
    y = graph.add_input(TensorType(DType.INT8, (2, 40, 5)), "y")
    made = b.batch_matmul(floats(b, x), floats(b, y))
    made = b.cast(made, in_data_type=DType.FLOAT32, out_data_type=DType.INT32)
    graph.outputs = [b.cast(made, in_data_type=DType.INT32, out_data_type=DType.FLOAT32)]
    program = Program([graph], [Signature("serving_default", graph, {"x": 0, "y": 1}, {"z": 0})])
    apply(PASSES, program)
    assert names(program) == "CAST CAST BATCH_MATMUL"
    given = [integers(2, ROWS, 40), integers(2, 40, 5)]
    expected = given[0].astype(np.float32) @ given[1].astype(np.float32)
    np.testing.assert_array_equal(Runner(write_model(program)).run(given)["z"], expected)


@pytest.mark.parametrize("name", KEPT)
def test_kept(name: str) -> None:
    made, reason = KEPT[name]
    text = print_program(made)
    (result,) = apply(PASSES, made)
    assert print_program(made) == text
    assert len(result.declined) == (reason is not None)
    assert all(reason in why for _, why in result.declined if reason is not None)
