"""Models whose wrappers are tested: pictures, detections, and tensors of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from litesmith.formats.metadata import Described, read_described
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata import tasks as t
from litesmith.formats.metadata.defaults import default_metadata
from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Quantization, Signature, Sym, tensor
from litesmith.ir.types import TensorType
from litesmith.ops import OPS
from tests.formats.tflite.programs import raw_op


def kind(dtype: DType, shape: Sequence[Any], scale: float = 0.0, zero_point: int = 0) -> TensorType:
    """A tensor type, quantized where there is a scale."""
    if not scale:
        return tensor(dtype, shape)
    quant = Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))
    return TensorType(dtype, tuple(shape), quant)


def described(graph: Graph) -> Described:
    places = [{v.name: i for i, v in enumerate(values)} for values in (graph.inputs, graph.outputs)]
    return read_described(write_model(Program([graph], [Signature("serving_default", graph, *places)])))


def classifier() -> Described:
    """A quantized picture (and a step) in; scores, quantized, with labels in two languages out."""
    graph = Graph("main")
    b = Builder(graph, OPS)
    image = graph.add_input(kind(DType.UINT8, (1, 2, 2, 3), 1 / 64, 128), "image")
    mean = b.mean(b.dequantize(image), [1, 2])
    scores = raw_op(OPS["QUANTIZE"], [mean], [kind(DType.INT8, (1, 3), 1 / 32, -3)], graph).result
    scores.name = "scores"
    graph.outputs = [scores]
    source = described(graph)
    labels = {"": ["red", "green", 'bl"u$e'], "de": ["rot", "grün", "blau"]}
    metadata, files = t.image_classifier(source, labels, mean=127.5, std=63.75)
    return source.with_metadata(replace(metadata, author='A "B" */ \\u000a', version="1"), files)


def detector() -> Described:
    """A float picture in, detections out, always the same."""
    graph = Graph("main")
    b = Builder(graph, OPS)
    image = graph.add_input(kind(DType.FLOAT32, (1, 2, 2, 3)), "image")
    nothing = b.mul(b.slice(b.reshape(image, [12]), [0], [1]), np.zeros(1, np.float32))
    boxes = np.arange(12, dtype=np.float32).reshape(1, 3, 4) / 16
    constants = {"l": boxes, "c": np.array([[1, 0, 7]]), "s": np.array([[0.75, 0.5, 0.25]]), "n": np.array([2])}
    for name, value in constants.items():
        made = b.add(np.asarray(value, np.float32), nothing)
        made.name = name
        graph.outputs = [*graph.outputs, made]
    source = described(graph)
    return source.with_metadata(*t.object_detector(source, ["cat", "dog"], mean=[1, 2, 3], std=[2, 4, 8]))


def plain() -> Described:
    """Tensors of every kind without further meaning, one of an unknown size; with a threshold and a normalization."""
    graph = Graph("main")
    b = Builder(graph, OPS)
    size = Sym.named("n")
    kinds = {
        "class": kind(DType.FLOAT32, (1, size, 2)),
        "2nd input": kind(DType.INT32, (1, 2)),
        "ids": kind(DType.INT64, (3,)),
        "mask": kind(DType.BOOL, (2,)),
        "small": kind(DType.INT8, (2,)),
    }
    for name, type_ in kinds.items():
        graph.add_input(type_, name)
    values = [b.abs(graph.inputs[0]), b.abs(graph.inputs[1]), b.add(graph.inputs[2], graph.inputs[2])]
    values += [b.logical_not(graph.inputs[3]), b.reshape(graph.inputs[4], [1, 2])]
    for name, value in zip(("out", "numbers", "doubled", "not", "points"), values, strict=True):
        value.name = name
    graph.outputs = values
    source = described(graph)
    metadata = default_metadata(source)
    part = metadata.subgraph_metadata[0]
    first = replace(
        part.input_tensor_metadata[0], process_units=(s.ProcessUnit(s.NormalizationOptions((1.0, 2.0), (2.0, 4.0))),)
    )
    last = replace(
        part.output_tensor_metadata[-1],
        process_units=(s.ProcessUnit(s.ScoreThresholdingOptions(3.0)),),
        associated_files=(s.AssociatedFile("points.txt", "", s.AssociatedFileType.TENSOR_AXIS_LABELS),),
    )
    part = replace(
        part,
        input_tensor_metadata=(first, *part.input_tensor_metadata[1:]),
        output_tensor_metadata=(*part.output_tensor_metadata[:-1], last),
    )
    return source.with_metadata(replace(metadata, subgraph_metadata=(part,)), {"points.txt": b"a\r\nb\r\n"})


MODELS = {"classifier": classifier, "detector": detector, "plain": plain}


def save(name: str, folder: Path) -> Path:
    """Writes one of the models to a folder."""
    path = folder / f"{name}.tflite"
    MODELS[name]().save(path)
    return path
