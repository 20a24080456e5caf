"""Tables of integers that fit 4 bits, looked up and widened."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType
from litesmith.ir.printer import print_program
from litesmith.ir.verify import kernel_problems, verify
from litesmith.ops import OPS
from litesmith.passes.integer_tables import PASSES
from litesmith.runtime import Runner
from tests.passes.harness import apply


def table(rows: int, columns: int, low: int = -8, high: int = 8) -> np.ndarray:
    made = np.random.default_rng(0).integers(low, high, (rows, columns)).astype(np.int8)
    made.flat[:2] = low, high - 1
    return made


def program(q: np.ndarray, axis: int = 0, widened: DType = DType.FLOAT32) -> Program:
    graph = Graph("main")
    b = Builder(graph, OPS)
    ids = graph.add_input(TensorType(DType.INT32, (2, 3)), "ids")
    rows = b.gather(b.constant(q, name="table"), ids, axis=axis)
    graph.outputs = [b.cast(rows, in_data_type=DType.INT8, out_data_type=widened)]
    return Program([graph], [Signature("serving_default", graph, {"ids": 0}, {"y": 0})])


STORED = {
    "rows": (table(100, 64), 0),
    "one pair": (table(600, 2), 0),
    "second axis": (table(20, 100).reshape(20, 50, 2), 1),
}
IDS = np.array([[0, 1, 19], [7, 7, 12]], np.int32)


@pytest.mark.parametrize("kernels", ["default", "reference"])
@pytest.mark.parametrize("name", STORED)
def test_stored(name: str, kernels: str) -> None:
    q, axis = STORED[name]
    made = program(q, axis)
    before = len(write_model(made))
    apply(PASSES, made)
    verify(made)
    assert [op.name for op in made.main.ops] == ["GATHER", "DEQUANTIZE"]
    assert not kernel_problems(made)
    content = write_model(made)
    assert len(content) < before - q.size // 2 + 400
    runner = Runner(content, kernels=kernels)
    for _ in range(3):
        np.testing.assert_array_equal(runner.run([IDS])["y"], np.take(q, IDS, axis).astype(np.float32))
    assert not apply(PASSES, made)[0].modified


def with_stand_in(q: np.ndarray, computed: bool = False) -> Program:
    """-128 where the second input says that there is no row."""
    graph = Graph("main")
    b = Builder(graph, OPS)
    ids = graph.add_input(TensorType(DType.INT32, (2, 3)), "ids")
    there = graph.add_input(TensorType(DType.BOOL, (2, 3, 1)), "there")
    rows = b.gather(b.constant(q, name="table"), ids, axis=0)
    other = b.gather(b.constant(q[:2]), ids, axis=0) if computed else b.constant(np.int8(-128))
    graph.outputs = [b.cast(b.select_v2(there, rows, other), in_data_type=DType.INT8, out_data_type=DType.FLOAT32)]
    return Program([graph], [Signature("serving_default", graph, {"ids": 0, "there": 1}, {"y": 0})])


def test_rows_that_are_not_there() -> None:
    q = table(100, 64)
    made = with_stand_in(q)
    apply(PASSES, made)
    verify(made)
    assert [op.name for op in made.main.ops] == ["GATHER", "DEQUANTIZE", "SELECT_V2"]
    there = np.array([[1, 0, 1], [0, 1, 1]], bool)[..., None]
    got = Runner(write_model(made)).run([IDS, there])["y"]
    np.testing.assert_array_equal(got, np.where(there, q[IDS], np.float32(-128)))


BYTES = {
    "odd rows": (program(table(100, 63)), "a row is an odd number of elements"),
    "last axis": (program(table(20, 100), 1), "a row is an odd number of elements"),
    "larger": (program(table(100, 64, -9, 8)), "an element does not fit 4 bits"),
    "small": (program(table(20, 8)), "the table is small"),
    "computed stand-in": (with_stand_in(table(100, 64), computed=True), "what stands in for a row is computed"),
    "to integers": (program(table(100, 64), widened=DType.INT32), None),
}


@pytest.mark.parametrize("name", BYTES)
def test_stays_bytes(name: str) -> None:
    made, reason = BYTES[name]
    text = print_program(made)
    (result,) = apply(PASSES, made)
    assert print_program(made) == text
    assert [why for _, why in result.declined] == [reason] * (reason is not None)
