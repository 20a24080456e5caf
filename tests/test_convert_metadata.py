"""Metadata through conversions: asked for, offered as defaults, and following inputs and outputs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.cli import main
from litesmith.errors import UsageError
from litesmith.formats.metadata import read_described
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.programs import Interface, attach, attached_metadata, follow
from litesmith.formats.metadata.readers import validate
from litesmith.formats.metadata.tasks import image_classifier, text_classifier
from litesmith.formats.tflite import read_model
from litesmith.ir import Builder, DType, Graph, Program, Quantization, Signature, tensor
from litesmith.ops import OPS
from litesmith.quantize.dequantize import dequantize_program
from tests.formats.metadata import reader_models

DIGITS = Path(__file__).parents[1] / "examples" / "digits" / "saved_model"
LABELS = "".join(f"{digit}\n" for digit in "zero one two three four five six seven eight nine".split())
DOCUMENT = """
author: somebody
subgraph_metadata:
  - output_tensor_metadata:
      - associated_files: [{name: labels.txt, type: TENSOR_AXIS_LABELS}]
"""


@pytest.fixture
def meta(tmp_path: Path) -> Path:
    (tmp_path / "labels.txt").write_text(LABELS)
    (tmp_path / "meta.yaml").write_text(DOCUMENT)
    return tmp_path / "meta.yaml"


def test_a_document_is_completed_by_what_the_source_says(meta: Path) -> None:
    model = litesmith.convert(DIGITS, metadata=meta, verify=False)
    described = read_described(model.content)
    assert described.metadata == model.metadata
    assert described.files == {"labels.txt": LABELS.encode()}
    assert model.metadata is not None
    assert (model.metadata.name, model.metadata.author) == ("saved_model", "somebody")
    graph = model.metadata.subgraph_metadata[0]
    assert [(t.name, t.description) for t in graph.input_tensor_metadata] == [
        ("image", "Read by digits_1/rescaling_1/mul.")
    ]
    assert [(t.name, t.description) for t in graph.output_tensor_metadata] == [
        ("output_0", "Made by digits_1/dense_1/Softmax.")
    ]
    assert graph.output_tensor_metadata[0].associated_files[0].name == "labels.txt"


GIVEN: list[tuple[str, Any]] = [
    ("document", {"name": "Digits"}),
    ("tables", s.ModelMetadata("Digits")),
    ("with files", ({"name": "Digits", "associated_files": [{"name": "a.txt"}]}, {"a.txt": b"a"})),
    ("function", lambda model: s.ModelMetadata("Digits", subgraph_metadata=(_bare(model),))),
]


def _bare(model: Any) -> s.SubGraphMetadata:
    return s.SubGraphMetadata(
        input_tensor_metadata=tuple(s.TensorMetadata(t.alias) for t in model.inputs()),
        output_tensor_metadata=tuple(s.TensorMetadata(t.alias) for t in model.outputs()),
    )


@pytest.mark.parametrize("given", [g[1] for g in GIVEN], ids=[g[0] for g in GIVEN])
def test_forms_of_metadata(given: Any) -> None:
    model = litesmith.convert(DIGITS, metadata=given, verify=False)
    assert model.metadata is not None
    assert model.metadata.name == "Digits"
    assert model.metadata.subgraph_metadata[0].input_tensor_metadata[0].name == "image"
    assert read_described(model.content).metadata == model.metadata


REFUSED: list[tuple[str, Any, str]] = [
    ("a mistake", {"nmae": "x"}, "nmae: is not a field of ModelMetadata; did you mean name?"),
    ("no file", {"associated_files": [{"name": "a.txt"}]}, "there is no file 'a.txt'"),
    ("no metadata", 3, "expected a path, a dict, ModelMetadata or a function"),
    ("no pair", ({}, "x"), "a dict of files by name"),
    ("no path", "nowhere.yaml", "cannot read nowhere.yaml: No such file"),
    ("a function of nothing", lambda model: None, "returned NoneType"),
    ("of another model", text_classifier, "the text input 'serving_default_image:0' is float32"),
    ("too many", {"subgraph_metadata": [{"input_tensor_metadata": [{}, {}]}]}, "the metadata describe 2"),
]


@pytest.mark.parametrize(("given", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_metadata_that_are_refused(given: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason.replace("?", r"\?")):
        litesmith.convert(DIGITS, metadata=given, verify=False)


def test_metadata_are_set_and_taken_off(meta: Path) -> None:
    model = litesmith.convert(DIGITS, verify=False)
    plain = model.content
    assert model.metadata is None
    model.metadata = meta
    assert read_described(model.content).files
    model.metadata = None
    assert model.content == plain


@pytest.mark.parametrize("source", [(str(DIGITS),), ("--saved_model_dir", str(DIGITS))])
def test_the_command_line(source: tuple[str, ...], meta: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tflite"
    assert main(["convert", *source, "-o", str(out), "--metadata", str(meta), "--no-verify"]) == 0
    described = read_described(out)
    assert described.metadata is not None
    assert described.metadata.author == "somebody"
    assert list(described.files) == ["labels.txt"]
    again = tmp_path / "again.tflite"
    assert main(["convert", str(out), "-o", str(again), "--no-verify"]) == 0
    assert read_described(again).metadata == described.metadata
    assert read_described(again).files == described.files
    meta.write_text(json.dumps({"name": "other"}))
    assert main(["convert", str(out), "-o", str(again), "--metadata", str(meta), "--no-verify"]) == 0
    assert read_described(again).metadata != described.metadata
    assert not read_described(again).files


def test_a_mistake_is_told_before_the_conversion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "meta.yaml").write_text("nmae: x")
    out = tmp_path / "out.tflite"
    assert main(["convert", str(tmp_path / "no_model"), "-o", str(out), "--metadata", str(tmp_path / "meta.yaml")]) != 0
    assert "did you mean name?" in capsys.readouterr().err
    assert not out.exists()


# --- following -------------------------------------------------------------------------------------------------------


def program() -> Program:
    graph = Graph("main")
    builder = Builder(graph, OPS)
    a, b = (graph.add_input(tensor(DType.FLOAT32, (1, 4)), name) for name in "ab")
    graph.outputs = [builder.add(a, b), builder.sub(a, b)]
    made = Program([graph], [Signature("serve", graph, {"a": 0, "b": 1}, {"sum": 0, "difference": 1})])
    attach(made, described())
    return made


def described() -> s.ModelMetadata:
    def one(name: str, high: float, mean: float) -> s.TensorMetadata:
        units = (s.ProcessUnit(s.NormalizationOptions((mean,), (mean,))),)
        return s.TensorMetadata(name, process_units=units, stats=s.Stats((high,), (-high,)))

    graph = s.SubGraphMetadata(
        input_tensor_metadata=(one("first", 1.0, 127.5), one("second", 2.0, 3.0)),
        output_tensor_metadata=(one("sum", 3.0, 1.0), one("difference", 4.0, 1.0)),
        output_tensor_groups=(s.TensorGroup("both", ("sum", "difference")), s.TensorGroup("one", ("sum",))),
    )
    return s.ModelMetadata("m", subgraph_metadata=(graph,))


def graph_of(made: Program) -> s.SubGraphMetadata:
    metadata = attached_metadata(made)
    assert metadata is not None
    return metadata.subgraph_metadata[0]


def quantized(dtype: DType, scale: float, zero_point: int) -> Any:
    quant = Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))
    return type(tensor(dtype, (1, 4)))(dtype, (1, 4), quant)


def test_nothing_happens_where_nothing_changed() -> None:
    made = program()
    before = dict(made.metadata)
    follow(made, Interface.of(made))
    assert made.metadata == before


def test_inputs_that_change_places_take_their_metadata_along() -> None:
    made = program()
    before = Interface.of(made)
    made.main.inputs.reverse()
    follow(made, before)
    assert [t.name for t in graph_of(made).input_tensor_metadata] == ["second", "first"]


def test_outputs_that_change_places_or_go() -> None:
    made = program()
    before = Interface.of(made)
    made.main.outputs = [made.main.outputs[1]]
    follow(made, before, outputs=[1])
    graph = graph_of(made)
    assert [t.name for t in graph.output_tensor_metadata] == ["difference"]
    assert graph.output_tensor_groups == (s.TensorGroup("both", ("difference",)),)


def test_new_inputs_have_their_own_names() -> None:
    made = program()
    before = Interface.of(made)
    made.main.add_input(tensor(DType.INT32, (1,)), "step")
    follow(made, before)
    assert [t.name for t in graph_of(made).input_tensor_metadata] == ["first", "second", "step"]


STORED: list[tuple[DType, float, int, float, float]] = [
    (DType.INT8, 1 / 128, 0, -128.0, 127.0),
    (DType.UINT8, 1 / 128, 128, 0.0, 255.0),
    (DType.INT16, 1 / 32767, 0, -32767.0, 32767.0),
]


@pytest.mark.parametrize(("dtype", "scale", "zero_point", "low", "high"), STORED)
def test_statistics_count_in_stored_numbers(dtype: DType, scale: float, zero_point: int, low: float, high: float) -> None:
    made = program()
    before, real = Interface.of(made), graph_of(made).input_tensor_metadata[0]
    made.main.inputs[0].type = quantized(dtype, scale, zero_point)
    follow(made, before)
    first = graph_of(made).input_tensor_metadata[0]
    assert first.stats == s.Stats((high,), (low,))
    assert first.process_units == real.process_units  # of the real numbers
    assert graph_of(made).input_tensor_metadata[1] == described().subgraph_metadata[0].input_tensor_metadata[1]

    before = Interface.of(made)  # and back
    made.main.inputs[0].type = tensor(DType.FLOAT32, (1, 4))
    follow(made, before)
    stats = graph_of(made).input_tensor_metadata[0].stats
    assert stats is not None
    np.testing.assert_allclose([*stats.min, *stats.max], [-1, 1], atol=1.01 * scale, rtol=0)


def image_model() -> bytes:
    """A float image classifier with the metadata of the task."""
    source = reader_models.described(reader_models.IMAGE, reader_models.colours)
    out = io.BytesIO()
    metadata, files = image_classifier(source, ["red", "green", "blue"], mean=127.5, std=127.5)
    source.with_metadata(metadata, files).write(out)
    return out.getvalue()


@pytest.mark.parametrize("inputs", ["uint8", "int8", "float32"])
def test_quantizing_keeps_statistics_right(inputs: str) -> None:
    content = image_model()
    images = np.linspace(-1, 1, 4 * 192, dtype=np.float32).reshape(4, 1, 8, 8, 3)
    recipe = {"mode": "int8", "input_type": inputs, "output_type": inputs}
    model = litesmith.convert(content, quantize=recipe, calibrate=[{"image": image} for image in images])
    back = read_described(model.content)
    assert back.files == read_described(content).files
    assert back.metadata is not None
    image, scores = (
        getattr(back.metadata.subgraph_metadata[0], f"{side}_tensor_metadata")[0] for side in ("input", "output")
    )
    assert image.process_units == (s.ProcessUnit(s.NormalizationOptions((127.5,), (127.5,))),)
    stored = back.inputs()[0].storage
    assert stored.dtype == inputs
    low, high = {"uint8": (0, 255), "int8": (-128, 127), "float32": (-1, 1)}[inputs]
    np.testing.assert_allclose([image.stats.min[0], image.stats.max[0]], [low, high], atol=1, rtol=0)
    assert scores.stats.min[0] >= low
    assert scores.stats.max[0] <= high
    findings = validate(back, "mediapipe")
    assert bool(findings) == (inputs == "int8"), findings  # which MediaPipe does not take

    floats = dequantize_program(read_model(model.content))
    metadata = attached_metadata(floats)
    assert metadata is not None
    stats = metadata.subgraph_metadata[0].input_tensor_metadata[0].stats
    assert stats is not None
    np.testing.assert_allclose([*stats.min, *stats.max], [-1, 1], atol=0.02, rtol=0)
    seen = model.quantized.calibration
    again = litesmith.convert(model.content, quantize=recipe, calibrate=seen, requantize=True)
    twice = read_described(again.content).metadata
    assert twice is not None
    found = twice.subgraph_metadata[0].input_tensor_metadata[0].stats
    assert found is not None
    np.testing.assert_allclose([*found.min, *found.max], [low, high], atol=1, rtol=0)
