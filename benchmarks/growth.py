"""How the work of a conversion grows with the graph: eight shapes of graphs, of any number of nodes.

Work is counted in calls of Python functions, which are the same on every machine; ``python -m benchmarks.growth`` prints
seconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import litesmith
from tests.graphs import FLOAT, Type, constant, node, placeholder, saved_model, signature

SIZES = (1000, 3000, 10_000, 30_000)
_INT = Type("int32")
_UNARY = ("Tanh", "Sigmoid", "Sin", "Cos")


class Source(NamedTuple):
    """A graph: its nodes, the placeholders among them, and the node that is its output."""

    nodes: list[Any]
    inputs: dict[str, Any]
    output: str


def _unary(name: str, index: int, source: str) -> Any:
    return node(name, _UNARY[index % len(_UNARY)], source, T=FLOAT)


def chain(count: int) -> Source:
    """One operation after another."""
    x = placeholder("x", None, 8)
    nodes, last = [x], "x"
    for i in range(count):
        nodes.append(_unary(f"n{i}", i, last))
        last = f"n{i}"
    return Source(nodes, {"x": x}, last)


def fan_out(count: int) -> Source:
    """One tensor that a third of the operations takes, added up."""
    x = placeholder("x", None, 8)
    nodes, last = [x], "x"
    for i in range(count // 3):
        nodes.append(constant(f"c{i}", np.full(8, i + 2, np.float32)))
        nodes.append(node(f"m{i}", "Mul", "x", f"c{i}", T=FLOAT))
        nodes.append(node(f"s{i}", "AddV2", last, f"m{i}", T=FLOAT))
        last = f"s{i}"
    return Source(nodes, {"x": x}, last)


def _convolution(name: str, source: str, weights: str, data_format: str) -> Any:
    options = dict(strides=[1, 1, 1, 1], padding="SAME", data_format=data_format, dilations=[1, 1, 1, 1])
    return node(name, "Conv2D", source, weights, T=FLOAT, **options)


def conv_bn_relu(count: int) -> Source:
    """Convolution, normalization, activation."""
    x = placeholder("x", 1, 8, 8, 4)
    nodes, last = [x], "x"
    for i in range(count // 8):
        nodes.append(constant(f"w{i}", np.full((1, 1, 4, 4), i + 1, np.float32)))
        nodes.append(_convolution(f"v{i}", last, f"w{i}", "NHWC"))
        names = [f"{part}{i}" for part in ("scale", "offset", "mean", "variance")]
        nodes += [constant(name, np.full(4, i + 2, np.float32)) for name in names]
        norm = dict(T=FLOAT, U=FLOAT, epsilon=0.001, is_training=False, data_format="NHWC")
        nodes.append(node(f"n{i}", "FusedBatchNormV3", f"v{i}", *names, **norm))
        nodes.append(node(f"r{i}", "Relu", f"n{i}", T=FLOAT))
        last = f"r{i}"
    return Source(nodes, {"x": x}, last)


def nchw(count: int) -> Source:
    """Convolutions with channels first."""
    x = placeholder("x", 1, 4, 8, 8)
    nodes, last = [x], "x"
    for i in range(count // 3):
        nodes.append(constant(f"w{i}", np.full((1, 1, 4, 4), i + 1, np.float32)))
        nodes.append(_convolution(f"v{i}", last, f"w{i}", "NCHW"))
        nodes.append(node(f"r{i}", "Relu", f"v{i}", T=FLOAT))
        last = f"r{i}"
    return Source(nodes, {"x": x}, last)


def packs(count: int) -> Source:
    """One Pack of a third of the operations, many of which are equal."""
    x = placeholder("x", None, 8)
    third = count // 3
    nodes = [x, *(constant(f"c{i}", np.full(8, i + 2, np.float32)) for i in range(50))]
    for i in range(third):
        nodes.append(node(f"t{i}", "Mul", "x", f"c{i % 50}", T=FLOAT))
        nodes.append(node(f"u{i}", "AddV2", f"t{i}", f"t{(i * 7 + 1) % third}", T=FLOAT))
        nodes.append(_unary(f"v{i}", i, f"u{i}"))
    nodes.append(node("packed", "Pack", *(f"v{i}" for i in range(third)), T=FLOAT, N=third, axis=0))
    nodes.append(constant("axes", np.array([0], np.int32)))
    nodes.append(node("y", "Sum", "packed", "axes", T=FLOAT, Tidx=_INT, keep_dims=False))
    return Source(nodes, {"x": x}, "y")


def conditionals(count: int) -> Source:
    """Conditionals of TensorFlow 1, one after another."""
    x, p = placeholder("x", None, 8), placeholder("p", dtype="bool")
    nodes, last = [x, p], "x"
    for i in range(count // 5):
        nodes.append(node(f"s{i}", "Switch", last, "p", T=FLOAT))
        nodes.append(node(f"a{i}", "Neg", f"s{i}:0", T=FLOAT))
        nodes.append(node(f"b{i}", "Tanh", f"s{i}:1", T=FLOAT))
        nodes.append(node(f"m{i}", "Merge", f"a{i}", f"b{i}", T=FLOAT, N=2))
        nodes.append(_unary(f"n{i}", i, f"m{i}"))
        last = f"n{i}"
    return Source(nodes, {"x": x, "p": p}, last)


def two_batches(count: int) -> Source:
    """Two inputs of unknown batch that meet again and again."""
    x, w = placeholder("x", None, 8), placeholder("w", None, 8)
    nodes, first, second = [x, w], "x", "w"
    for i in range(count // 2):
        nodes.append(node(f"a{i}", "AddV2", first, second, T=FLOAT))
        nodes.append(node(f"b{i}", "Mul", f"a{i}", first, T=FLOAT))
        first, second = f"a{i}", f"b{i}"
    return Source(nodes, {"x": x, "w": w}, first)


def shape_arithmetic(count: int) -> Source:
    """Reshapes to sizes that are asked for."""
    x = placeholder("x", None, None)
    values = {"first": [0], "second": [1], "rest": -1}
    nodes = [x, *(constant(name, np.array(value, np.int32)) for name, value in values.items())]
    last = "x"
    for i in range(count // 6):
        nodes.append(node(f"s{i}", "Shape", last, T=FLOAT, out_type=_INT))
        bounds = ("first", "second", "second")
        nodes.append(node(f"d{i}", "StridedSlice", f"s{i}", *bounds, T=_INT, Index=_INT, shrink_axis_mask=1))
        nodes.append(node(f"p{i}", "Pack", f"d{i}", "rest", T=_INT, N=2, axis=0))
        nodes.append(node(f"r{i}", "Reshape", last, f"p{i}", T=FLOAT, Tshape=_INT))
        nodes.append(_unary(f"m{i}", i, f"r{i}"))
        nodes.append(_unary(f"n{i}", i + 1, f"m{i}"))
        last = f"n{i}"
    return Source(nodes, {"x": x}, last)


SHAPES: dict[str, Callable[[int], Source]] = {
    f.__name__.replace("_", " "): f
    for f in (chain, fan_out, conv_bn_relu, nchw, packs, conditionals, two_batches, shape_arithmetic)
}


def write(path: Path, shape: str, count: int) -> Path:
    """Writes the SavedModel of a shape with about so many nodes."""
    source = SHAPES[shape](count)
    return saved_model(path, source.nodes, {"serving_default": signature(source.inputs, {"y": f"{source.output}:0"})})


def visits(path: Path) -> int:
    """How many Python functions are called while the model at this path is converted."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        litesmith.convert(path, verify=False)
    finally:
        sys.setprofile(before)
    return calls


def seconds(sizes: Sequence[int] = SIZES) -> dict[str, list[float]]:
    """CPU seconds of converting each shape in each size."""
    taken: dict[str, list[float]] = {}
    for shape in SHAPES:
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                path = write(Path(folder, "model"), shape, size)
                start = time.process_time()
                litesmith.convert(path, verify=False)
                taken.setdefault(shape, []).append(time.process_time() - start)
    return taken


if __name__ == "__main__":
    print(json.dumps({"sizes": SIZES, "seconds": seconds()}))
