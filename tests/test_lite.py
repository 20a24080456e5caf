"""The drop-in face, as far as it needs no framework: names, attributes, errors, layout, metadata, command line."""

from __future__ import annotations

import filecmp
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith import lite
from litesmith._util.fingerprint import fingerprint64
from litesmith.cli import main
from litesmith.cli.tflite_convert import main as tflite_convert
from litesmith.cli.tflite_flags import FLAGS, SOURCES
from litesmith.errors import ConverterError, Problem
from litesmith.formats.tflite import read_model
from litesmith.formats.tflite.conversion_metadata import (
    CONVERSION_METADATA,
    ConversionMetadata,
    ModelType,
    read_conversion_metadata,
    write_conversion_metadata,
)
from litesmith.formats.tflite.flexbuffer import read_map, write_map
from litesmith.ir import Builder, Graph, Program, Signature, TensorType
from litesmith.ir.dtypes import DType
from litesmith.lite.attributes import V1, V2, Attribute
from litesmith.lite.layout import order_by_fingerprint
from litesmith.lite.messages import explain
from litesmith.ops import OPS

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "examples" / "digits" / "saved_model"
DOCUMENT = ROOT / "docs" / "drop-in.md"


@pytest.fixture
def converter() -> lite.TFLiteConverter:
    return lite.TFLiteConverter.from_saved_model(MODEL)


# -- names ------------------------------------------------------------------------------------------------------------

NAMES = (
    "Interpreter OpsSet Optimize RepresentativeDataset TFLiteConverter TargetSpec ConverterError experimental.Analyzer "
    "experimental.OpResolverType experimental.QuantizationDebugOptions experimental.QuantizationDebugger "
    "experimental.authoring.compatible experimental.load_delegate".split()
)
PREFIXES = ("", "lite.")
V1_NAMES = (
    "Interpreter OpsSet Optimize RepresentativeDataset TFLiteConverter TargetSpec constants.FLOAT experimental".split()
)


@pytest.mark.parametrize(
    "name", [*(p + n for p in PREFIXES for n in NAMES), *(f"compat.v1.lite.{n}" for n in V1_NAMES)]
)
def test_every_name_is_there(name: str) -> None:
    found: Any = litesmith
    for part in name.split("."):
        found = getattr(found, part)
    assert found is not None


def test_names_import_no_framework() -> None:
    code = "import sys, litesmith; litesmith.lite, litesmith.compat.v1.lite; print(sorted(sys.modules))"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    loaded = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True).stdout
    assert not {"tensorflow", "keras", "jax"} & set(re.findall(r"'(\w+)'", loaded))


def test_enumerations_have_the_original_values() -> None:
    assert lite.OpsSet.get_options() == [m.name for m in lite.OpsSet] == [str(m) for m in lite.OpsSet]
    assert [m.value for m in lite.Optimize] == [m.name for m in lite.Optimize]


# -- attributes -------------------------------------------------------------------------------------------------------

ASKED: dict[str, Any] = {
    "optimizations": [lite.Optimize.DEFAULT],
    "inference_type": np.int8,
    "inference_input_type": np.uint8,
    "inference_output_type": np.int8,
    "output_format": "GRAPHVIZ_DOT",
    "default_ranges_stats": (0, 6),
    "experimental_stablehlo_quantizer_config": object(),
}
"""Values of refused attributes that are not just the opposite of the default."""


def _asking(attribute: Attribute) -> Any:
    return ASKED.get(attribute.name, "something" if attribute.default is None else not attribute.default)


def _converters() -> list[tuple[str, Attribute]]:
    return [(kind, a) for kind, rows in (("current", V2), ("first", V1)) for a in rows]


def _make(kind: str) -> Any:
    maker = lite.TFLiteConverter if kind == "current" else litesmith.compat.v1.lite.TFLiteConverter
    return maker.from_saved_model(MODEL)


@pytest.mark.parametrize(("kind", "attribute"), [(k, a) for k, a in _converters() if a.verdict == "refused"])
def test_what_is_not_done_is_refused(kind: str, attribute: Attribute) -> None:
    made = _make(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        setattr(made, attribute.name, _asking(attribute))
    with pytest.raises(ConverterError, match=r"asks for .*, which this version does not support") as raised:
        made.convert()
    name = "optimizations" if attribute.name == "post_training_quantize" else attribute.name
    assert name in str(raised.value)


@pytest.mark.parametrize("kind", ("current", "first"))
def test_attributes_without_effect_change_nothing(kind: str) -> None:
    plain, changed = _make(kind), _make(kind)
    for attribute in (a for k, a in _converters() if k == kind and a.verdict == "no effect"):
        setattr(changed, attribute.name, "something" if attribute.default is None else not attribute.default)
    changed.canonicalizing_inf_as_min_max_float = False
    changed.unfold_batchmatmul = True
    changed.experimental_enable_resource_variables = False
    changed.representative_dataset = lite.RepresentativeDataset(lambda: iter(()))
    assert changed.to_model(verify=False).content == plain.to_model(verify=False).content


def test_unknown_attributes_are_told(converter: lite.TFLiteConverter) -> None:
    with pytest.warns(UserWarning, match="no attribute 'optimisations'"):
        converter.optimisations = [lite.Optimize.DEFAULT]  # type: ignore[attr-defined]


TARGETS = {
    "StableHLO": (dict(supported_ops=[lite.OpsSet.EXPERIMENTAL_STABLEHLO_OPS]), "StableHLO"),
    "nothing": (dict(supported_ops=[]), "without any operators"),
    "backends": (dict(experimental_supported_backends=["GPU", "TPU"]), "a check for 'TPU'"),
    "the GPU": (dict(experimental_supported_backends=["GPU"]), r"GPU delegate does not take it(?s:.*)input_shapes"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets_that_are_refused(converter: lite.TFLiteConverter, name: str) -> None:
    arguments, text = TARGETS[name]
    converter.target_spec = lite.TargetSpec(**arguments)
    with pytest.raises(ConverterError, match=text):
        converter.convert()


def test_a_model_that_the_gpu_takes_whole() -> None:
    made = lite.TFLiteConverter.from_saved_model(MODEL, input_shapes={"image": [1, 8, 8, 1]})
    made.target_spec = lite.TargetSpec(experimental_supported_backends=["GPU"])
    assert made.convert()


ALLOWED = (
    dict(supported_ops=[lite.OpsSet.TFLITE_BUILTINS, lite.OpsSet.SELECT_TF_OPS]),
    dict(supported_ops=[lite.OpsSet.TFLITE_BUILTINS, lite.OpsSet.TFLITE_BUILTINS_INT8]),
    dict(supported_ops=["TFLITE_BUILTINS"]),
    dict(supported_types=[np.float32], experimental_select_user_tf_ops=["Foo"]),
)


@pytest.mark.parametrize("arguments", ALLOWED)
def test_targets_a_float_model_fits(converter: lite.TFLiteConverter, arguments: dict[str, Any]) -> None:
    converter.target_spec = lite.TargetSpec(**arguments)
    assert converter.to_model(verify=False).content


def test_no_such_operator_set(converter: lite.TFLiteConverter) -> None:
    converter.target_spec.supported_ops = ["TFLITE"]
    with pytest.raises(ValueError, match="the members are TFLITE_BUILTINS"):
        converter.convert()


def test_weights_behind_the_flatbuffer(converter: lite.TFLiteConverter) -> None:
    plain = converter.convert()
    converter._experimental_use_buffer_offset = True  # type: ignore[attr-defined]
    moved = converter.convert()
    assert moved != plain
    image = np.zeros(litesmith.Interpreter(model_content=plain).get_input_details()[0]["shape"], np.float32)
    results = []
    for content in (plain, moved):
        runner = litesmith.Interpreter(model_content=content).get_signature_runner()
        (name,) = runner.get_input_details()
        results.append(next(iter(runner(**{name: image}).values())))
    np.testing.assert_array_equal(*results)


def test_dumps(converter: lite.TFLiteConverter, tmp_path: Path) -> None:
    converter.ir_dump_dir, converter.ir_dump_pass_regex = tmp_path / "all", "import|fusion"
    converter.to_model(verify=False)
    names = sorted(p.name for p in (tmp_path / "all").iterdir())
    assert names[0] == "000-import.txt"
    assert all(re.search("import|fusion", n) for n in names)
    converter.ir_dump_dir, converter.ir_dump_func_regex = tmp_path / "none", "no such graph"
    converter.to_model(verify=False)
    assert (tmp_path / "none" / "000-import.txt").read_text() == ""


# -- result -----------------------------------------------------------------------------------------------------------


def test_result_is_bytes_and_the_same_twice(converter: lite.TFLiteConverter) -> None:
    content = converter.convert()
    assert isinstance(content, bytes)
    assert content == converter.convert()


def test_conversion_metadata(converter: lite.TFLiteConverter) -> None:
    converter.allow_custom_ops = True
    found = read_conversion_metadata(read_model(converter.convert()).metadata[CONVERSION_METADATA])
    assert (found.converter, found.api_version) == (f"litesmith {litesmith.__version__}", 2)
    assert (found.model_type, found.allow_custom_ops) == (ModelType.TF_SAVED_MODEL, True)
    converter.exclude_conversion_metadata = True
    assert CONVERSION_METADATA not in read_model(converter.convert()).metadata


def test_metadata_survives_writing() -> None:
    metadata = ConversionMetadata("x 1.0", 1, ModelType.JAX, 2**64 - 1, (1002, 1003), True, False, True)
    assert read_conversion_metadata(write_conversion_metadata(metadata)) == metadata
    assert read_conversion_metadata(write_conversion_metadata(ConversionMetadata(""))) == ConversionMetadata("")


def test_inputs_and_outputs_are_ordered_by_fingerprint() -> None:
    program = Program()
    for key in ("zed", "alpha"):
        graph = Graph("main" if key == "zed" else key)
        b = Builder(graph, OPS)
        x, y = (graph.add_input(TensorType(DType.FLOAT32, (2,)), n) for n in ("features", "picture"))
        graph.outputs = [b.neg(x), b.abs(y)]
        program.graphs.append(graph)
        names = {"features": 0, "picture": 1}
        program.signatures.append(Signature(key, graph, dict(names), {"score": 1, "label": 0}))
    order_by_fingerprint(program)
    assert [s.key for s in program.signatures] == [g.name for g in program.graphs] == ["alpha", "zed"]
    for signature in program.signatures:
        graph = signature.graph
        assert [v.name for v in graph.inputs] == ["picture", "features"]
        assert signature.inputs == {"features": 1, "picture": 0}
        assert [v.op.name for v in graph.outputs if v.op] == ["ABS", "NEG"]
        assert signature.outputs == {"label": 1, "score": 0}


FINGERPRINTS = {
    "": 11160318154034397263,
    "a": 12917804110809363939,
    "abcdefgh": 18368443631171807497,
    "0123456789abcdef0": 7920484519069722889,
    "x" * 40: 17003596230054984852,
    "y" * 64: 4471793200125962424,
    "w" * 200: 5137922210105849728,
}


@pytest.mark.parametrize("text", FINGERPRINTS)
def test_fingerprint(text: str) -> None:
    assert fingerprint64(text) == FINGERPRINTS[text]


def test_flexbuffer_of_the_official_converter() -> None:
    """Options that TensorFlow 2.21 writes for MatrixInverse and CTCGreedyDecoder."""
    options = {"T": 0, "blank_index": -1, "merge_repeated": True}
    expected = b"T\0blank_index\0merge_repeated\0\x03\x1e\x1d\x12\x03\x01\x03\0\xff\x01\x04\x04h\x06$\x01"
    assert write_map(options) == expected
    mixed = {"a": [1, -2], "b": [1.5], "c": ["x", "yz"], "d": "text", "e": b"\xff", "f": 2.5}
    assert read_map(write_map(mixed)) == mixed


# -- errors -----------------------------------------------------------------------------------------------------------


def test_missing_model_and_wrong_key() -> None:
    with pytest.raises(OSError, match="SavedModel file does not exist at"):
        lite.TFLiteConverter.from_saved_model("/no/such/model")
    with pytest.raises(ValueError, match=r"Invalid signature key 'x' found. Valid keys are 'serv"):
        lite.TFLiteConverter.from_saved_model(MODEL, signature_keys=["x"])


JAX_ERRORS = {
    "no function": (([], []), "No serving func is specified"),
    "no inputs": (([abs], []), "Input tensors are not specified"),
    "another number": (([abs], [[], []]), "Input tensor mapping len 2 does not match serving func len 1"),
    "not nested": (([abs], ["x"]), "The input placeholders are not a dictionary"),
}


@pytest.mark.parametrize("name", JAX_ERRORS)
def test_wrong_arguments_of_from_jax(name: str) -> None:
    arguments, text = JAX_ERRORS[name]
    with pytest.raises(ValueError, match=text):
        lite.TFLiteConverter.experimental_from_jax(*arguments)


def test_known_phrases() -> None:
    problems = [Problem("LS010", "has no lowering", op="tf.Foo"), Problem("LS010", "has no lowering", op="tf.Cholesky")]
    text = str(explain(ConverterError(problems), allow_select=False))
    assert text.startswith("LS010 tf.Foo: has no lowering\nLS010 tf.Cholesky: has no lowering\n")
    for phrase in (
        "Some ops are not supported by the native TFLite runtime",
        "TF Select ops: Cholesky\n",
        "Some ops in the model are custom ops",
        "Custom ops: Foo",
        "'tf.Foo' op is neither a custom op nor a flex op",
    ):
        assert phrase in text
    plain = ConverterError(Problem("LS030", "asks for something"))
    assert explain(plain, allow_select=True) is plain


# -- experimental -----------------------------------------------------------------------------------------------------


def test_analyzer(capsys: pytest.CaptureFixture[str], converter: lite.TFLiteConverter, tmp_path: Path) -> None:
    content = converter.convert()
    (tmp_path / "m.tflite").write_bytes(content)
    lite.experimental.Analyzer.analyze(model_content=content, gpu_compatibility=True)
    text = capsys.readouterr().out
    program = read_model(content)
    for op in program.main.ops:
        assert op.name in text
    assert "Subgraph#0 main(T#0) -> [T#" in text
    assert "Signature#0 key: 'serving_default'" in text
    assert "GPU COMPATIBILITY" in text
    assert f"{len(content)} bytes" in text
    for detail in lite.Interpreter(model_content=content).get_tensor_details():
        assert f"  T#{detail['index']}({detail['name']}) " in text
    lite.experimental.Analyzer.analyze(model_path=str(tmp_path / "m.tflite"))
    assert "GPU" not in capsys.readouterr().out
    with pytest.raises(ValueError, match="neither `model_path` nor `model_content`"):
        lite.experimental.Analyzer.analyze()


def test_metrics_of_the_debugger_have_names_of_their_own() -> None:
    options = lite.experimental.QuantizationDebugOptions(layer_debug_metrics={"max": max}, denylisted_ops=["ADD"])
    assert options.denylisted_ops == ["ADD"]
    with pytest.raises(ValueError, match="duplicate keys"):
        lite.experimental.QuantizationDebugOptions({"a": max}, {"a": max})
    with pytest.raises(ValueError, match="give a converter"):
        lite.experimental.QuantizationDebugger()


# -- command line -----------------------------------------------------------------------------------------------------


def test_tflite_convert_command_line(tmp_path: Path, converter: lite.TFLiteConverter) -> None:
    files = [tmp_path / n for n in ("a.tflite", "b.tflite", "c.tflite")]
    source = f"--saved_model_dir={MODEL}"
    assert tflite_convert([source, f"--output_file={files[0]}"]) == 0
    more = ["--saved_model_tag_set=serve", "--experimental_new_converter=true", "--experimental_new_quantizer"]
    assert main(["convert", source, "--output_file", str(files[1]), *more]) == 0
    assert filecmp.cmp(files[0], files[1], shallow=False)
    assert files[0].read_bytes() == converter.convert()
    assert tflite_convert([source, f"--output_file={files[2]}", "--enable_v1_converter", "--inference_type=float"]) == 0
    interpreter = litesmith.Interpreter(model_path=str(files[2]))
    assert ":" not in interpreter.get_input_details()[0]["name"]


VALUES = {
    "--inference_type": "INT8",
    "--inference_input_type": "UINT8",
    "--output_format": "GRAPHVIZ_DOT",
    "--custom_opdefs": "name: 'Foo'",
}
PAIRED = {"--default_ranges_min": ["--default_ranges_min=0", "--default_ranges_max=6"]}
PAIRED["--default_ranges_max"] = PAIRED["--default_ranges_min"]


@pytest.mark.parametrize("flag", [f.name for f in FLAGS if f.verdict == "refused"])
def test_refused_flags(flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = PAIRED.get(flag, [f"{flag}={VALUES[flag]}" if flag in VALUES else flag])
    assert tflite_convert([f"--saved_model_dir={MODEL}", f"--output_file={tmp_path / 'x.tflite'}", *given]) == 1
    assert "LS030" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


WRONG_USE = (
    ["--mean_values=1"],
    ["--dump_graphviz_video"],
    ["--target_ops=NONE"],
    ["--experimental_select_user_tf_ops=Foo"],
    ["--change_concat_input_ranges=maybe"],
    ["--saved_model_signature_key=a,b", "--enable_v1_converter"],
    ["--keras_model_file=x.h5"],
)


@pytest.mark.parametrize("flags", WRONG_USE)
def test_wrong_use(flags: list[str], tmp_path: Path) -> None:
    assert tflite_convert([f"--saved_model_dir={MODEL}", f"--output_file={tmp_path / 'x.tflite'}", *flags]) == 2


# -- documentation ----------------------------------------------------------------------------------------------------


def _rows(title: str) -> dict[str, tuple[str, str]]:
    """The table under a heading of docs/drop-in.md: name -> verdict and explanation."""
    section = DOCUMENT.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([^`|]+)` \| ([^|]+?) \| ([^|]*?) \|$", section, re.MULTILINE)
    return {name: (verdict, why) for name, verdict, why in found}


TABLES = {
    "Attributes of TFLiteConverter": {a.name: (a.verdict, a.why) for a in V2},
    "Attributes of compat.v1.lite.TFLiteConverter": {
        a.name: (a.verdict, a.why) for a in V1 if a.name not in {b.name for b in V2} or "inference" in a.name
    },
    "Flags of tflite_convert": {f.name: (f.verdict, f.why) for f in (*SOURCES, *FLAGS)},
}


@pytest.mark.parametrize("title", TABLES)
def test_the_document_has_every_attribute_and_flag(title: str) -> None:
    expected = "\n".join(f"| `{name}` | {verdict} | {why} |" for name, (verdict, why) in TABLES[title].items())
    assert _rows(title) == TABLES[title], f"the table should read\n{expected}"


def test_the_document_has_every_name() -> None:
    public = {f"{p}{n}" for p, n in (("", n) for n in NAMES)} | {
        f"TFLiteConverter.{n}" for n in dir(lite.TFLiteConverter) if not n.startswith("_") and n not in _ROWS_OF_ITS_OWN
    }
    public |= {f"OpsSet.{m.name}" for m in lite.OpsSet} | {f"Optimize.{m.name}" for m in lite.Optimize}
    public |= {f"TargetSpec.{n}" for n in vars(lite.TargetSpec())}
    first = litesmith.compat.v1.lite.TFLiteConverter
    public |= {f"compat.v1.lite.TFLiteConverter.{n}" for n in dir(first) if n.startswith(("from_", "get_"))}
    assert set(_rows("Names")) == public


_ROWS_OF_ITS_OWN = {"attributes", "api_version"}


@pytest.mark.parametrize("cls", [litesmith.TFLiteConverter, litesmith.compat.v1.TFLiteConverter])
def test_every_public_attribute_is_typed(cls):
    typed = {name for c in cls.__mro__ for name in getattr(c, "__annotations__", {})} | set(dir(cls))
    public = {a.name for a in cls.attributes if not a.name.startswith("_")}
    assert public <= typed
