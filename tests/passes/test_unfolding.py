"""Constants that folding made much larger than what they come of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType, Value
from litesmith.ir.printer import print_program
from litesmith.ir.verify import verify
from litesmith.ops import OPS
from litesmith.passes import integer_weights, unfolding
from litesmith.runtime import Runner
from tests.passes.harness import apply

ROWS, COLUMNS = 1 << 10, 1 << 9
LARGE = ROWS * COLUMNS * 4
rng = np.random.default_rng(0)
BYTES = rng.integers(-128, 128, (ROWS, COLUMNS)).astype(np.int8)
ELEMENT_SCALES = rng.uniform(0.5, 1, (ROWS, COLUMNS)).astype(np.float32)
Make = Callable[[Builder], Value]


def floats(b: Builder, q: np.ndarray = BYTES) -> Value:
    made: Value = b.cast(b.constant(q), in_data_type=DType.of(q.dtype), out_data_type=DType.FLOAT32)
    return made


def twice(b: Builder) -> Value:
    scaled = b.mul(floats(b), np.float32(0.01))
    made: Value = b.mul(scaled, b.exp(scaled))
    return made


def program(make: Make) -> Program:
    """A constant added to an input. What the constant is made of is folded."""
    graph = Graph("main")
    b = Builder(graph, OPS)
    added = make(b)
    assert added.is_const
    x = graph.add_input(TensorType(DType.FLOAT32, (COLUMNS,)), "x")
    graph.outputs = [b.add(x, added)]
    return Program([graph], [Signature("serving_default", graph, {"x": 0}, {"y": 0})])


def names(made: Program) -> str:
    return " ".join(op.name for op in made.main.ops)


COMPUTED = {
    "widened": (floats, "CAST ADD"),
    "scaled": (lambda b: b.mul(floats(b), np.float32(0.5)), "CAST MUL ADD"),
    "moved": (lambda b: b.mul(b.transpose(floats(b, BYTES.T), [1, 0]), np.float32(0.5)), "CAST TRANSPOSE MUL ADD"),
    "looked_up": (
        lambda b: b.gather(b.constant(ELEMENT_SCALES[:8]), b.constant(np.arange(ROWS, dtype=np.int32) % 8), axis=0),
        "GATHER ADD",
    ),
    "used_twice": (twice, "CAST MUL EXP MUL ADD"),
}
STORED = {
    "as large as its scales": lambda b: b.mul(floats(b), ELEMENT_SCALES),
    "not large": lambda b: floats(b, BYTES[:256]),
    "half": lambda b: b.cast(
        b.constant(BYTES.astype(np.float16)), in_data_type=DType.FLOAT16, out_data_type=DType.FLOAT32
    ),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_computed(name: str) -> None:
    make, ops = COMPUTED[name]
    made = program(make)
    x = rng.normal(size=COLUMNS).astype(np.float32)
    expected = x + list(made.main.ops)[0].inputs[1].numpy()
    apply(unfolding.PASSES, made)
    verify(made)
    assert names(made) == ops
    content = write_model(made)
    assert len(content) < LARGE / 2
    runner = Runner(content)
    for _ in range(3):
        np.testing.assert_allclose(runner.run([x])["y"], expected, rtol=1e-6, atol=1e-6)
    assert not any(result.modified for result in apply(unfolding.PASSES, made))


@pytest.mark.parametrize("name", STORED)
def test_stored(name: str) -> None:
    made = program(STORED[name])
    text = print_program(made)
    apply(unfolding.PASSES, made)
    assert print_program(made) == text


def test_weights_of_products_are_integers_first() -> None:
    graph = Graph("main")
    b = Builder(graph, OPS)
    x = graph.add_input(TensorType(DType.FLOAT32, (2, COLUMNS)), "x")
    graph.outputs = [b.fully_connected(x, b.mul(floats(b), np.float32(0.5)), None)]
    made = Program([graph], [Signature("serving_default", graph, {"x": 0}, {"y": 0})])
    apply([*integer_weights.PASSES, *unfolding.PASSES], made)
    assert names(made) == "DEQUANTIZE FULLY_CONNECTED"
    assert len(write_model(made)) < BYTES.nbytes + 4000
