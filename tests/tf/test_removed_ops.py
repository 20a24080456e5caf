"""Operators that TensorFlow no longer builds, in graphs of its old versions; NumPy is the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from litesmith.api import Model  # noqa: E402
from litesmith.frontends.tensorflow.graph_def import frozen_entry, import_entries  # noqa: E402
from litesmith.passes import pipeline  # noqa: E402
from tests.tf.parity import f32  # noqa: E402

pytestmark = pytest.mark.tf


def converted(op: str, shapes: list[tuple[int, ...]], attrs: dict[str, Any], outputs: list[str]) -> Model:
    """A graph of one node on placeholders."""
    graph = tf.compat.v1.GraphDef()
    for index, shape in enumerate(shapes):
        node = graph.node.add(name=f"x{index}", op="Placeholder")
        node.attr["dtype"].type = tf.float32.as_datatype_enum
        node.attr["shape"].shape.CopyFrom(tf.TensorShape(shape).as_proto())
    node = graph.node.add(name="y", op=op, input=[f"x{i}" for i in range(len(shapes))])
    for name, value in attrs.items():
        kind = {bool: "b", int: "i", float: "f"}[type(value)]
        setattr(node.attr[name], kind, value)
    program = import_entries([frozen_entry(graph, [f"x{i}" for i in range(len(shapes))], outputs)])
    pipeline.run(program)
    return Model(program)


def check(model: Model, inputs: list[Any], expected: list[Any]) -> None:
    got = list(model(*inputs).values())
    for actual, wanted in zip(got, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scaled", (True, False))
def test_global_batch_norm(scaled: bool) -> None:
    x, mean, offset, scale = f32(2, 3, 3, 4), f32(4), f32(4, seed=1), f32(4, seed=2)
    variance = f32(4, low=0.1, high=2.0)
    attrs = {"variance_epsilon": 1e-3, "scale_after_normalization": scaled}
    model = converted(
        "BatchNormWithGlobalNormalization", [v.shape for v in (x, mean, variance, offset, scale)], attrs, ["y"]
    )
    factor = (scale if scaled else 1) / np.sqrt(variance + 1e-3)
    check(model, [x, mean, variance, offset, scale], [(x - mean) * factor + offset])


def test_top_k_of_an_attribute() -> None:
    x = f32(3, 7)
    places = np.argsort(-x, axis=1)[:, :2]
    check(converted("TopK", [x.shape], {"k": 2}, ["y:0", "y:1"]), [x], [np.take_along_axis(x, places, 1), places])


def test_accumulate() -> None:
    xs = [f32(3, 4, seed=i) for i in range(3)]
    check(converted("AccumulateNV2", [x.shape for x in xs], {}, ["y"]), xs, [sum(xs)])
