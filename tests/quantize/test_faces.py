"""Quantization by the drop-in converter and the command line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith as lite
from litesmith.cli import main
from litesmith.errors import ConverterError
from litesmith.formats.tflite import read_model, write_model
from litesmith.formats.tflite.conversion_metadata import CONVERSION_METADATA, read_conversion_metadata
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType
from litesmith.lite.quantization import recipe_of
from litesmith.ops import OPS as ALL
from litesmith.quantize.quantizer import quantize
from litesmith.runtime import Runner

DIGITS = Path(__file__).resolve().parent.parent.parent / "examples" / "digits"
OPS = lite.OpsSet
WIDE = OPS.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
DEFAULT = [lite.Optimize.DEFAULT]


def images() -> Any:
    return np.load(DIGITS / "heldout.npz")["images"].astype(np.float32)


def samples() -> Iterator[Any]:
    for image in images()[:40]:
        yield [image[None]]


def converter(**attributes: Any) -> lite.TFLiteConverter:
    made = lite.TFLiteConverter.from_saved_model(str(DIGITS / "saved_model"))
    for name, value in attributes.items():
        if name in ("supported_ops", "supported_types"):
            setattr(made.target_spec, name, value)
        else:
            setattr(made, name, value)
    return made


ASKED: dict[str, tuple[dict[str, Any], str, str, str | None]] = {
    # attributes: input type, output type, type of the first filter
    "nothing": ({}, "float32", "float32", "float32"),
    "dataset alone": (dict(representative_dataset=samples), "float32", "float32", "float32"),
    "dynamic": (dict(optimizations=DEFAULT), "float32", "float32", None),
    "float16": (dict(optimizations=DEFAULT, supported_types=[np.float16]), "float32", "float32", None),
    "float16 with data": (
        dict(optimizations=DEFAULT, supported_types=[np.float16], representative_dataset=samples),
        "float32", "float32", None,
    ),
    "int8": (dict(optimizations=DEFAULT, representative_dataset=samples), "float32", "float32", "int8"),
    "int8 entries": (
        dict(optimizations=DEFAULT, representative_dataset=samples, inference_input_type=np.int8,
             inference_output_type=np.uint8),
        "int8", "uint8", "int8",
    ),
    "integers only": (
        dict(optimizations=DEFAULT, representative_dataset=samples, supported_ops=[OPS.TFLITE_BUILTINS_INT8],
             inference_input_type=np.uint8, inference_output_type=np.uint8),
        "uint8", "uint8", "int8",
    ),
    "int16": (
        dict(optimizations=DEFAULT, representative_dataset=samples, supported_ops=[WIDE, OPS.TFLITE_BUILTINS]),
        "float32", "float32", "int8",
    ),
    "integers only, without optimizations": (
        dict(representative_dataset=samples, supported_ops=[OPS.TFLITE_BUILTINS_INT8]), "float32", "float32", "int8",
    ),
    "int16 only": (
        dict(optimizations=DEFAULT, representative_dataset=samples, supported_ops=[WIDE], inference_input_type=np.int16,
             inference_output_type=np.int16),
        "int16", "int16", "int8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_attributes(name: str) -> None:
    attributes, given, gives, weights = ASKED[name]
    content = converter(**attributes).convert()
    interpreter = lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (np.dtype(entry["dtype"]).name, np.dtype(result["dtype"]).name) == (given, gives)
    assert entry["name"] == "serving_default_image:0"
    assert result["name"].startswith("StatefulPartitionedCall")
    if weights is not None:
        model = lite.convert(content)
        (first, *_) = (op["filter"].type.dtype.text for op in model.program.main.ops if op.name == "CONV_2D")
        assert first == weights


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "entries without data": (dict(optimizations=DEFAULT, inference_input_type=np.int8), "must be tf.float32"),
    "entries of a float model": (dict(inference_output_type=np.uint8), r"must be tf.float32\.(\n|$)"),
    "int8 entries of int16": (
        dict(optimizations=DEFAULT, representative_dataset=samples, supported_ops=[WIDE], inference_input_type=np.int8),
        r"^The inference_input_type and inference_output_type must be in \['tf.float32', 'tf.int16'\]\.(\n|$)",
    ),
    "integers without data": (dict(optimizations=DEFAULT, supported_ops=[OPS.TFLITE_BUILTINS_INT8]), "must be specified"),
    "int16 without data": (dict(optimizations=DEFAULT, supported_ops=[WIDE]), "must be specified"),
    "int16 entries of int8": (
        dict(optimizations=DEFAULT, representative_dataset=samples, inference_input_type=np.int16), "must be in",
    ),
    "wide biases of int8": (
        dict(optimizations=DEFAULT, representative_dataset=samples,
             _experimental_full_integer_quantization_bias_type=np.int64),
        "Expected bias type",
    ),
    "integers of variables without data": (
        dict(optimizations=DEFAULT, _experimental_variable_quantization=True), "only supported for full integer",
    ),
    "unknown annotations": (dict(_experimental_qdq_conversion_mode="UNKNOWN"), "Unknown QDQ conversion mode"),
    "annotations of another kind": (dict(_experimental_qdq_conversion_mode="MIXED"), "NONE, STATIC or DYNAMIC"),
    "integers without data, by StableHLO": (dict(experimental_use_stablehlo_quantizer=True), "only supports static-range"),
    "assertions of built-in operators": (dict(_experimental_preserve_assert_op=True), "SELECT_TF_OPS"),
    "TensorFlow's quantizer": (dict(_experimental_tf_quantization_mode="DEFAULT"), "convert the float model itself"),
    "TensorFlow's recipe": (dict(experimental_stablehlo_quantizer_config=object()), "representative_dataset"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_together_is_an_error(name: str) -> None:
    attributes, text = REFUSED[name]
    with pytest.raises((ValueError, ConverterError), match=text):
        converter(**attributes).convert()


def _clipped_beside_a_floor() -> Program:
    """An output of integers, and one of an operator without an integer kernel, as is one of the inputs."""
    graph = Graph("main")
    x, y = (graph.add_input(TensorType(DType.FLOAT32, (4,)), name) for name in ("x", "y"))
    b = Builder(graph, ALL)
    total = b.add(x, x)
    graph.outputs = [total, b.floor(y)]
    return Program([graph], [Signature("main", graph, {"x": 0, "y": 1}, {"total": 0, "low": 1})])


FORMS = {  # attributes: types of the inputs and outputs
    "as asked for": (dict(inference_input_type="int8", inference_output_type="int8"), ["int8"] * 4),
    "of the first quantizer": (
        dict(inference_input_type="int8", inference_output_type="int8", experimental_new_quantizer=False),
        ["int8", "float32", "int8", "float32"],
    ),
    "float": ({}, ["float32"] * 4),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_entries(name: str) -> None:
    attributes, expected = FORMS[name]
    made = converter(optimizations=DEFAULT, **attributes)
    rows = np.random.default_rng(3).uniform(-1, 1, (8, 4)).astype(np.float32)
    made.representative_dataset = lambda: ({"x": row, "y": row} for row in rows)
    made._source = replace(made._source, load=lambda how: _clipped_beside_a_floor())
    content = made.convert()
    for kernels in ("default", "builtin"):
        runner = Runner(content, kernels=kernels)
        graph = read_model(content).main
        assert [v.type.dtype.text for v in (*graph.inputs, *graph.outputs)] == expected
        for row in rows[:3]:
            found = _real(graph, runner, {"x": row, "y": row})
            assert np.abs(found["total"] - 2 * row).max() <= 4 / 255 * 1.5
            assert np.abs(found["low"] - np.floor(row)).max() <= 1.01  # a step beside a whole number


def test_entries_of_annotations_are_integers() -> None:
    made = converter(_experimental_qdq_conversion_mode="STATIC")
    made._source = replace(made._source, load=lambda how: read_model(_annotated(8)))
    content = made.convert()
    graph = read_model(content).main
    assert [v.type.dtype.text for v in (*graph.inputs, *graph.outputs)] == ["int8", "float32"]
    x = np.random.default_rng(2).uniform(-2, 2, (1, 8)).astype(np.float32)
    exact = Runner(_annotated(8)).run({"x": x})["y"]
    for kernels in ("default", "builtin"):
        assert np.abs(_real(graph, Runner(content, kernels=kernels), {"x": x})["y"] - exact).max() <= 6 / 255 * 8


def _real(graph: Graph, runner: Runner, given: dict[str, Any]) -> dict[str, Any]:
    """Runs on real numbers whatever the inputs and outputs are."""
    inputs = {}
    for value, (name, array) in zip(graph.inputs, given.items(), strict=True):
        quant = value.type.quant if value.type.dtype is not DType.FLOAT32 else None
        stored = array if quant is None else np.clip(np.rint(array / quant.scale[0]) + quant.zero_point[0], -128, 127)
        inputs[name] = stored.astype(value.type.dtype.numpy)
    found = runner.run(inputs)
    for value, name in zip(graph.outputs, list(found), strict=True):
        if value.type.dtype is not DType.FLOAT32 and value.type.quant is not None:
            found[name] = (found[name].astype(np.float32) - value.type.quant.zero_point[0]) * value.type.quant.scale[0]
    return found


def test_names_of_constants_are_those_of_the_nodes_that_read_them() -> None:
    made = converter(optimizations=DEFAULT, representative_dataset=samples)
    names = {value.name for value in read_model(made.convert()).main.constants()}
    assert any(name.endswith("/convolution") for name in names)
    assert any(name.endswith("BiasAdd/ReadVariableOp") for name in names)
    first = next(read_model(made.convert()).main.ops)
    assert (first.name, first.results[0].name) == ("QUANTIZE", "tfl.quantize")


def test_what_float16_models_may_be_summed_up_in() -> None:
    made = converter(optimizations=DEFAULT, supported_types=[np.float16])
    for dtype, text in ((np.float16, b"fp16accfp16"), (np.float32, b"fp16accfp32")):
        made.target_spec._experimental_supported_accumulation_type = dtype
        assert made.to_model().program.metadata["reduced_precision_support"] == text


def test_factors_of_inputs_stay_where_asked_for() -> None:
    graph = Graph("main")
    x = graph.add_input(TensorType(DType.FLOAT32, (1, 4)), "x")
    b = Builder(graph, ALL)
    factors, weights = np.array([1, 2, 3, 4], np.float32), np.ones((2, 4), np.float32)
    graph.outputs = [b.fully_connected(b.mul(x, factors), weights, np.zeros(2, np.float32))]
    content = write_model(Program([graph], [Signature("main", graph, {"x": 0}, {"y": 0})]))
    for asked, expected in ((False, {"FULLY_CONNECTED": 1}), (True, {"MUL": 1, "FULLY_CONNECTED": 1})):
        made = converter(_experimental_disable_fuse_mul_and_fc=asked)
        made._source = replace(made._source, load=lambda how: read_model(content))
        assert made.to_model().operators == expected


def test_one_scale_for_all_channels() -> None:
    made = converter(optimizations=DEFAULT, representative_dataset=samples, _experimental_disable_per_channel=True)
    model = lite.convert(made.convert())
    scales = [op["filter"].type.quant.scale.size for op in model.program.main.ops if op.name == "CONV_2D"]
    assert scales == [1, 1, 1]


def test_bias_types_of_wide_activations() -> None:
    for dtype in (np.int32, np.int64):
        made = converter(
            optimizations=DEFAULT, representative_dataset=samples, _experimental_full_integer_quantization_bias_type=dtype
        )
        made.target_spec.supported_ops = [WIDE]
        model = lite.convert(made.convert())
        kinds = {op["bias"].type.dtype for op in model.program.main.ops if op.name == "CONV_2D"}
        assert kinds == {DType.of(dtype)}


def _annotated(bits: int) -> bytes:
    """A layer whose input, output and weights were trained on grids, and one beside it that was not."""
    rng = np.random.default_rng(1)
    step = np.float32(0.5 / (2 ** (bits - 1) - 1))
    weights = np.rint(np.clip(rng.normal(size=(8, 8)), -0.5, 0.5) / step).astype(np.float32) * step
    weights[:, 0] = 0.5
    graph = Graph("main")
    x = graph.add_input(TensorType(DType.FLOAT32, (1, 8)), "x")
    b = Builder(graph, ALL)
    y = b.fake_quant(x, min=-2.0, max=2.0, num_bits=8, narrow_range=False)
    y = b.fully_connected(y, weights, np.zeros(8, np.float32))
    y = b.fake_quant(y, min=-3.0, max=3.0, num_bits=8, narrow_range=False)
    graph.outputs = [b.fully_connected(y, rng.normal(size=(8, 8)).astype(np.float32), np.zeros(8, np.float32))]
    return write_model(Program([graph], [Signature("main", graph, {"x": 0}, {"y": 0})]))


ANNOTATED = {  # attributes, bits of the weights: types of the two layers' weights
    "without optimizations": (dict(_experimental_qdq_conversion_mode="STATIC"), 8, ["int8", "float32"]),
    "strict": (dict(_experimental_strict_qdq=True), 8, ["int8", "float32"]),
    "4 bits": (dict(optimizations=DEFAULT, _experimental_low_bit_qat=True), 4, ["int4", "float32"]),
    "4 bits of 8": (dict(optimizations=DEFAULT, _experimental_low_bit_qat=True), 8, ["int8", "float32"]),
    "4 bits, narrower": (dict(optimizations=DEFAULT, _experimental_reduce_type_precision=True), 4, ["int4", "float32"]),
    "not asked for": ({}, 8, ["float32", "float32"]),
}


@pytest.mark.parametrize("name", ANNOTATED)
def test_annotations(name: str) -> None:
    attributes, bits, expected = ANNOTATED[name]
    program = read_model(_annotated(bits))
    recipe = recipe_of(converter(**attributes), program)
    result = program if recipe is None else quantize(program, recipe, check=False).program
    layers = [op for op in result.main.ops if op.name == "FULLY_CONNECTED"]
    assert [op["weights"].type.dtype.text for op in layers] == expected
    rng = np.random.default_rng(2)
    for kernels in ("default", "builtin"):
        exact, found = (Runner(write_model(p), kernels=kernels) for p in (read_model(_annotated(bits)), result))
        for _ in range(3):
            x = {"x": rng.normal(size=(1, 8)).astype(np.float32)}
            assert np.abs(exact.run(x)["y"] - found.run(x)["y"]).max() <= 6 / 255 * 8


def test_variables_and_sparsity_are_asked_for_by_attributes() -> None:
    asked = dict(optimizations=[*DEFAULT, lite.Optimize.EXPERIMENTAL_SPARSITY], representative_dataset=samples)
    program = read_model(_annotated(8))
    recipe = recipe_of(converter(**asked, _experimental_variable_quantization=True), program)
    assert recipe is not None
    assert (recipe.mode, recipe.variables, recipe.sparse) == ("int8", True, True)
    alone = recipe_of(converter(_experimental_sparsify_model=True), program)
    assert alone is not None
    assert (alone.mode, alone.sparse) == ("float32", True)
    assert converter(optimizations=[lite.Optimize.EXPERIMENTAL_SPARSITY]).convert()


def test_calibration_alone_records_ranges() -> None:
    made = converter(representative_dataset=samples, _experimental_calibrate_only=True)
    model = lite.convert(made.convert())
    first = next(model.program.main.ops).results[0].type
    assert first.dtype is DType.FLOAT32
    assert first.quant is not None
    assert first.quant.minimum[0] <= 0 < first.quant.maximum[0]


def test_the_debugger() -> None:
    made = converter(optimizations=DEFAULT, representative_dataset=samples)
    options = lite.experimental.QuantizationDebugOptions(
        layer_debug_metrics={"l1": lambda diffs: float(np.mean(np.abs(diffs)))},
        model_debug_metrics={"worst": lambda a, b: float(np.abs(a[0] - b[0]).max())},
    )
    debugger = lite.experimental.QuantizationDebugger(converter=made, debug_dataset=samples, debug_options=options)
    debugger.run()
    text = io.StringIO()
    debugger.layer_statistics_dump(text)
    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert [r["op_name"] for r in rows][:2] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert all(float(r["mean_squared_error"]) < float(r["scale"]) ** 2 * 10 for r in rows)
    assert 0 < debugger.model_statistics["worst"] < 0.1
    size = len(debugger.get_nondebug_quantized_model())
    options.denylisted_ops = ["FULLY_CONNECTED"]
    debugger.options = options
    debugger.run()
    assert len(debugger.get_nondebug_quantized_model()) > size
    assert "FULLY_CONNECTED" not in _names(debugger)
    options.denylisted_ops = None
    names = {r["tensor_name"] for r in rows if r["op_name"] == "FULLY_CONNECTED"}
    options.denylisted_nodes = list(names)
    debugger.options = options
    debugger.run()
    assert "FULLY_CONNECTED" not in _names(debugger)
    options.denylisted_ops = ["*"]
    with pytest.raises(ValueError, match="Please check if the quantized model is in debug mode"):
        debugger.options = options


def _names(debugger: Any) -> set[str]:
    text = io.StringIO()
    debugger.layer_statistics_dump(text)
    return {r["op_name"] for r in csv.DictReader(io.StringIO(text.getvalue()))}


def test_the_debugger_takes_a_converter_that_calibrates_only() -> None:
    made = converter(optimizations=DEFAULT, representative_dataset=samples, _experimental_calibrate_only=True)
    debugger = lite.experimental.QuantizationDebugger(converter=made, debug_dataset=samples)
    debugger.run()
    metrics = {"num_elements", "stddev", "mean_error", "max_abs_error", "mean_squared_error"}
    assert all(set(row) == metrics for row in debugger.layer_statistics.values())


# -- command line -----------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    np.savez(tmp_path / "samples.npz", image=images()[:20])
    lite.convert(DIGITS / "saved_model").save(tmp_path / "digits.tflite")
    return tmp_path / "digits.tflite", tmp_path / "samples.npz"


def test_quantize_command(files: tuple[Path, Path], tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    model, data = map(str, files)
    arguments = ["--plan-out", "p.json", "--calibration-out", "c.json", "--debug-out", "d.csv", "--debug"]
    assert main(["quantize", model, "-c", data, *arguments]) == 0
    told = capsys.readouterr().out
    assert "digits_int8.tflite" in told
    assert "SQNR" in told
    assert "FULLY_CONNECTED" in told
    assert len((tmp_path / "d.csv").read_text().splitlines()) > 5
    first = (tmp_path / "digits_int8.tflite").read_bytes()
    assert main(["quantize", model, "-c", data, "-o", "again.tflite", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["sqnr"]["serving_default/output_0"] > 30
    assert (tmp_path / "again.tflite").read_bytes() == first
    assert main(["quantize", model, "--plan", "p.json", "-o", "planned.tflite"]) == 0
    assert main(["dequantize", "digits_int8.tflite"]) == 0
    assert (tmp_path / "digits_int8_float.tflite").stat().st_size > 2 * len(first)


def test_quantize_command_without_data(files: tuple[Path, Path], tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["quantize", str(files[0])]) == 0
    assert (tmp_path / "digits_dynamic.tflite").exists()
    assert main(["quantize", str(files[0]), "-m", "int8", "-o", "x.tflite"]) == 1
    assert "LS040" in capsys.readouterr().err
    assert not (tmp_path / "x.tflite").exists()
    assert main(["convert", str(files[0]), "--quantize", "float16", "-o", "half.tflite"]) == 0
    flags = ["--saved_model_dir", str(DIGITS / "saved_model"), "--output_file", "flags.tflite"]
    assert main(["convert", *flags, "--post_training_quantize", "--quantize_to_float16"]) == 0
    assert (tmp_path / "flags.tflite").stat().st_size < 0.6 * files[0].stat().st_size


# -- the converter of TensorFlow 1 ------------------------------------------------------------------------------------


def test_first_converter_without_data(tmp_path: Path) -> None:
    first = lite.compat.v1.lite.TFLiteConverter.from_saved_model(str(DIGITS / "saved_model"))
    first.inference_type = "uint8"
    name = first.get_input_arrays()[0]
    first.quantized_input_stats = {name: (0.0, 16.0)}
    first.default_ranges_stats = (0, 6)
    content = first.convert()
    interpreter = lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert np.dtype(entry["dtype"]) == np.dtype(result["dtype"]) == np.uint8
    assert entry["quantization"] == (pytest.approx(1 / 16), 0)


def test_first_converter_by_flags(tmp_path: Path) -> None:
    target = tmp_path / "m.tflite"
    flags = ["--inference_type", "QUANTIZED_UINT8", "--mean_values", "0", "--std_dev_values", "16"]
    flags += ["--default_ranges_min", "0", "--default_ranges_max", "6"]
    assert main(["convert", "--saved_model_dir", str(DIGITS / "saved_model"), "--output_file", str(target), *flags]) == 0
    interpreter = lite.Interpreter(str(target))
    interpreter.allocate_tensors()
    assert np.dtype(interpreter.get_input_details()[0]["dtype"]) == np.uint8


MODES: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "float": ({}, ()),
    "dynamic": (dict(optimizations=DEFAULT), (1002,)),
    "float16": (dict(optimizations=DEFAULT, supported_types=[np.float16]), (1001,)),
    "int8": (dict(optimizations=DEFAULT, representative_dataset=samples), (1003,)),
    "int16x8": (dict(optimizations=DEFAULT, representative_dataset=samples, supported_ops=[WIDE]), (1004,)),
}


@pytest.mark.parametrize("name", MODES)
def test_conversion_metadata_tell_the_mode(name: str) -> None:
    attributes, modes = MODES[name]
    model = converter(**attributes).to_model(verify=False)
    entry = read_conversion_metadata(model.program.metadata[CONVERSION_METADATA])
    assert entry.optimization_modes == modes
