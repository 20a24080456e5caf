"""Pruned weights: stored sparsely where the runtime takes them so and the file shrinks; read, quantized, made dense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.analyze import analyze_file
from litesmith.formats.tflite import read_model, write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType
from litesmith.ops import OPS
from litesmith.quantize import Recipe
from litesmith.quantize.dequantize import dequantize_program
from litesmith.quantize.exchange import RealRunner
from litesmith.quantize.quantizer import quantize
from litesmith.quantize.sparse import compress_rows

RNG = np.random.default_rng(3)


def pruned(*shape: int, zeros: float, block: int = 1) -> np.ndarray:
    keep = RNG.random((*shape[:-1], shape[-1] // block)) >= zeros
    return (RNG.normal(size=shape) * np.repeat(keep, block, axis=-1)).astype(np.float32)


def program(shape: tuple[int, ...], layer: Callable[[Builder, Any], Any]) -> Program:
    graph = Graph("main")
    x = graph.add_input(TensorType(DType.FLOAT32, shape), "x")
    graph.outputs = [layer(Builder(graph, OPS), x)]
    return Program([graph], [Signature("main", graph, {"x": 0}, {"y": 0})])


def dense(weights: np.ndarray, rows: int = 1) -> Program:
    bias = np.zeros(len(weights), np.float32)
    return program((rows, weights.shape[1]), lambda b, x: b.fully_connected(x, weights, bias))


def convolution(weights: np.ndarray) -> Program:
    bias = np.zeros(len(weights), np.float32)
    made = dict(padding="SAME", stride_w=1, stride_h=1)
    return program((1, 8, 8, weights.shape[3]), lambda b, x: b.conv_2d(x, weights, bias, **made))


def calls(source: Program, count: int = 8) -> list[Any]:
    shape = source.main.inputs[0].type.static_shape
    return [("main", {"x": np.random.default_rng(i).normal(size=shape).astype(np.float32)}) for i in range(count)]


# what is pruned, recipe: operators the result has for it, largest share of the dense file
DENSE = pruned(64, 128, zeros=0.8)
BLOCKS = pruned(64, 128, zeros=0.95, block=16)
IMAGES = pruned(32, 3, 3, 32, zeros=0.8)
CASES: dict[str, tuple[Program, Recipe, list[str], float]] = {
    "floats": (dense(DENSE), Recipe("float32", sparse=True), ["DENSIFY"], 0.35),
    "floats of a convolution": (convolution(IMAGES), Recipe("float32", sparse=True), ["DENSIFY"], 0.35),
    "halves": (dense(DENSE), Recipe("float16", sparse=True), ["DENSIFY"], 0.5),
    "weights only": (dense(DENSE), Recipe("weight-only", sparse=True), ["DENSIFY"], 0.65),
    "integers of a convolution": (convolution(IMAGES), Recipe("int8", sparse=True), ["DENSIFY"], 0.75),
    "blocks beside floats": (dense(BLOCKS), Recipe("dynamic", sparse=True, per_channel_dense=False), [], 0.5),
    "a scale for each channel": (dense(BLOCKS), Recipe("dynamic", sparse=True), [], 1.0),
    "blocks beside integers": (dense(BLOCKS), Recipe("int8", sparse=True), [], 0.5),
    "no blocks beside floats": (dense(DENSE), Recipe("dynamic", sparse=True), [], 1.0),
    "several rows": (dense(BLOCKS, rows=4), Recipe("int8", sparse=True), [], 1.0),
    "wide": (convolution(IMAGES), Recipe("int16x8", sparse=True), [], 1.0),
    "few zeros": (dense(pruned(64, 128, zeros=0.2)), Recipe("float32", sparse=True), [], 1.0),
    "not asked for": (dense(DENSE), Recipe("float16"), [], 1.0),
}


@pytest.mark.parametrize("name", CASES)
def test_pruned_weights(name: str) -> None:
    source, recipe, expected, share = CASES[name]
    plain = replace(recipe, sparse=False)
    whole, small = (write_model(quantize(source, r, calls(source)).program) for r in (plain, recipe))
    assert len(small) <= share * len(whole)
    assert (len(small) == len(whole)) == (share == 1.0)
    read = read_model(small)
    assert [op.name for op in read.main.ops if op.name == "DENSIFY"] == expected
    for kernels in ("default", "builtin"):
        exact, found = (RealRunner(m, kernels=kernels) for m in (whole, small))
        for key, inputs in calls(source, 3):
            wanted, got = exact.run(inputs, key)["y"], found.run(inputs, key)["y"]
            # beside floats the dense kernel of XNNPACK rounds its input otherwise than the sparse one
            step = 0.03 if recipe.mode == "dynamic" else 0.011 if recipe.mode == "int8" else 1e-5
            assert np.abs(wanted - got).max() <= step * np.abs(wanted).max()


@pytest.mark.parametrize("name", ["floats", "integers of a convolution", "blocks beside integers"])
def test_sparse_files_are_read(name: str, tmp_path: Path) -> None:
    source, recipe, _, _ = CASES[name]
    content = write_model(quantize(source, recipe, calls(source)).program)
    model = litesmith.convert(content)
    path = model.save(tmp_path / "sparse.tflite")
    assert analyze_file(path) is not None
    assert write_model(read_model(content)) == content  # as it came
    if recipe.mode == "float32":
        again = quantize(read_model(content), Recipe("float16"), calls(source))
        assert len(write_model(again.program)) < len(content)
    else:
        floats = write_model(dequantize_program(read_model(content)))
        for key, inputs in calls(source, 2):
            a, b = (RealRunner(m).run(inputs, key)["y"] for m in (content, floats))
            assert np.abs(a - b).max() <= 0.02 * np.abs(b).max()


@pytest.mark.parametrize("block", [1, 4, 16])
@pytest.mark.parametrize("shape", [(8, 32), (4, 3, 3, 16)])
def test_compressed_rows(shape: tuple[int, ...], block: int) -> None:
    array = pruned(*shape, zeros=0.6, block=block)
    sparsity = compress_rows(array, block)
    assert (sparsity.dense(sparsity.stored_elements(array)) == array).all()


TINY = pruned(8, 16, zeros=0.7, block=16)
TINY[0] = 0  # beside others, so that some are left whatever the seed is
TINY[1] = 1


@pytest.mark.parametrize(("mode", "rows"), [("float32", 1), ("float32", 4), ("int8", 1), ("int8", 4)])
def test_tiny_weights_are_stored_as_asked_for(mode: str, rows: int) -> None:
    source = dense(TINY, rows=rows)
    whole, small = (
        write_model(quantize(source, Recipe(mode, sparse=sparse), calls(source)).program) for sparse in (False, True)
    )
    stored = [v for v in read_model(small).main.constants() if v.const is not None and v.const.sparsity is not None]
    assert [v.const.sparsity.blocks for v in stored if v.const is not None and v.const.sparsity is not None] == [(1,)]
    for kernels in ("default", "builtin"):
        exact, found = (RealRunner(m, kernels=kernels) for m in (whole, small))
        for key, inputs in calls(source, 3):
            wanted, got = exact.run(inputs, key)["y"], found.run(inputs, key)["y"]
            assert np.abs(wanted - got).max() <= (0.011 if mode == "int8" else 1e-5) * np.abs(wanted).max()


def test_rounding_keeps_zeros_and_clusters() -> None:
    clusters = np.linspace(-1, 1, 8, dtype=np.float32)
    weights = clusters[np.random.default_rng(0).integers(0, 8, (32, 64))]
    for array, kept in ((DENSE, lambda a: (a == 0).mean()), (weights, lambda a: -len(np.unique(a)))):
        source = dense(array)
        result = quantize(source, Recipe("int8", rounding="gptq"), calls(source))
        (layer,) = (op for op in result.program.main.ops if op.name == "FULLY_CONNECTED")
        assert kept(layer["weights"].const.array()) >= kept(array)
