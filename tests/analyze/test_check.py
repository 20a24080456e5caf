"""`litesmith.check`: verdicts, exit codes, refactorings, and Select TF operators without TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import litesmith
from litesmith.analyze.check import Verdict
from litesmith.analyze.refactorings import OF_PROBLEMS, from_problems, from_program
from litesmith.cli import main
from litesmith.cli.output import print_table
from litesmith.errors import FormatError, Problem, UsageError
from litesmith.formats.saved_model import protos
from litesmith.frontends.tensorflow.select_ops import select_allow_list
from litesmith.ir.parser import parse_program
from litesmith.ops import OPS
from tests.formats.saved_model.bundle import write_model
from tests.graphs import (
    FLOAT,
    Type,
    dense_model,
    meta_graph,
    node,
    placeholder,
    saved_model,
    signature,
    unsupported_model,
)

STRING = Type("string")


def text_model(path: Path) -> Path:
    """Lower-case text, and a signature that computes only."""
    text, x = placeholder("text", None, dtype="string"), placeholder("x", 2, 3)
    nodes = [text, x, node("lower", "StringLower", "text"), node("relu", "Relu", "x", T=FLOAT)]
    signatures = {
        "serving_default": signature({"text": text}, {"y": "lower:0"}),
        "numbers": signature({"x": x}, {"y": "relu:0"}),
    }
    return saved_model(path, nodes, signatures)


def custom_model(path: Path) -> Path:
    """An operator of the user's own, which the model declares."""
    x = placeholder("x", 3)
    meta = meta_graph([x, node("mine", "Mine", "x", T=FLOAT)], {"serving_default": signature({"x": x}, {"y": "mine:0"})})
    shape = protos.TensorShapeProto(dim=[protos.TensorShapeProto.Dim(size=3)])
    meta.graph_def.node[1].attr["_output_shapes"].list.shape.append(shape)
    declared = meta.meta_info_def.stripped_op_list.op.add(name="Mine")
    declared.output_arg.add(name="y", type_attr="T")
    return write_model(path, meta)


def test_built_in(tmp_path: Path) -> None:
    report = litesmith.check(dense_model(tmp_path))
    assert report.verdict is Verdict.BUILT_IN
    assert not report.problems
    assert report.report is not None
    assert report.report.multiply_adds == 12
    becomes = {o.name: o.becomes for o in report.operators}
    assert becomes["tf.MatMul"] == {"FULLY_CONNECTED": 2}  # two signatures
    assert becomes["tf.Placeholder"] == {}
    assert any("sizes of inputs" in f.title for f in report.findings)


def test_fixed_sizes_are_fine(tmp_path: Path) -> None:
    report = litesmith.check(dense_model(tmp_path), input_shapes={"x": [1, 4]})
    assert report.findings == ()
    assert report.report is not None
    assert report.report.runtime("GPU delegate").runs == "yes"


def test_select_tf(tmp_path: Path) -> None:
    report = litesmith.check(text_model(tmp_path))
    assert report.verdict is Verdict.SELECT_TF
    assert report.foreign == ("FlexStringLower",)
    assert "2.18" in report.summary
    assert [p.op for p in report.problems] == ["tf.StringLower"]
    assert "text is prepared inside the model" in [f.title for f in report.findings]


def test_custom(tmp_path: Path) -> None:
    report = litesmith.check(custom_model(tmp_path))
    assert report.verdict is Verdict.CUSTOM
    assert report.foreign == ("Mine",)


def test_refactor(tmp_path: Path) -> None:
    report = litesmith.check(unsupported_model(tmp_path))
    assert report.verdict is Verdict.REFACTOR
    assert len(report.problems) == 3
    assert report.report is None
    assert {o.name for o in report.operators} >= {"tf.FresnelCos", "tf.Relu"}


def test_a_signature_that_is_not_needed(tmp_path: Path) -> None:
    x = placeholder("x", 2, 3)
    nodes = [x, node("bad", "FresnelCos", "x", T=FLOAT), node("relu", "Relu", "x", T=FLOAT)]
    signatures = {"bad": signature({"x": x}, {"y": "bad:0"}), "good": signature({"x": x}, {"y": "relu:0"})}
    report = litesmith.check(saved_model(tmp_path, nodes, signatures))
    (finding,) = [f for f in report.findings if "signature" in f.title]
    assert finding.after == "signature_keys=['good']"


@pytest.mark.parametrize(
    ("make", "code"), [(dense_model, 0), (unsupported_model, 1), (text_model, 3), (custom_model, 4)]
)
def test_exit_codes(make: Any, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(make(tmp_path / "model"))
    assert main(["check", path]) == code
    assert main(["check", path, "--json"]) == code
    data = json.loads(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))
    assert data["exit_code"] == code
    assert main(["check", path, "--nonsense"]) == 2


def test_bad_sources(tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(b"nothing")
    with pytest.raises(FormatError):
        litesmith.check(tmp_path / "x.tflite")
    with pytest.raises(FormatError):
        litesmith.check(tmp_path / "none")
    with pytest.raises(UsageError, match="the options are"):
        litesmith.check(tmp_path, nonsense=1)


def test_a_file_that_contradicts_itself_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr("litesmith.checking.optimized_program", fails)
    path = str(dense_model(tmp_path / "model"))
    with pytest.raises(litesmith.ConverterError, match=r"LS090.*contradicts itself: IndexError"):
        litesmith.check(path)
    assert main(["check", path]) == 1
    with pytest.raises(IndexError):
        litesmith.check(len)


def test_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Names", ("name",), [("layer:key:0 [red]",)])
    assert "layer:key:0 [red]" in capsys.readouterr().out


PROBLEMS = {
    "tf.EagerPyFunc": "Python code runs",
    "tf.StringSplitV2": "text is prepared",
    "tf.ParseExampleV2": "serialized examples",
    "tf.DecodeJpeg": "images or sound",
    "tf.StatelessRandomUniformV2": "random sequence",
    "tf.LookupTableInsertV2": "lookup table changes",
    "tf.RaggedGather": "sparse or ragged",
    "tf.ResourceApplyAdam": "step of training",
    "tf.IteratorGetNext": "input pipeline",
    "tf.XlaCallModule": "operations of XLA",
    "tf.ReadFile": "files are read",
    "tf.TPUReplicate": "distributed",
}


@pytest.mark.parametrize(("op", "words"), PROBLEMS.items())
def test_problems_call_for_changes(op: str, words: str) -> None:
    (finding,) = from_problems([Problem("LS010", "no kernel", "", op, "here", "model.py:3")])
    assert words in finding.title
    assert finding.places == ("here (model.py:3)",)
    assert finding.before
    assert finding.after


def test_reasons_call_for_changes() -> None:
    problems = [
        Problem("LS012", "float64 is not taken by SIN as 'x' (float32)", "", "tf.Sin", "a"),
        Problem("LS021", "input 'x' has an unknown rank", "", "", "b"),
    ]
    assert [f.places for f in from_problems(problems)] == [("a",), ("b",)]
    assert len(OF_PROBLEMS) >= 12


PROGRAMS = {
    "int64 where": "%x: int64[3]|ADD(%x, %x) : int64[3]",
    "float64 where": "%x: float32[3]|CAST(%x) {in_data_type=float32, out_data_type=float64} : float64[3]",
    "more than 4 dimensions": "%x: float32[1, 2, 2, 2, 2]|ABS(%x) : float32[1, 2, 2, 2, 2]",
    "sizes of inputs": "%x: float32[b, 3]|ABS(%x) : float32[b, 3]",
    "text is made": '%x: string[3]|CUSTOM(%x) {custom_code="Any"} : string[3]',
}


@pytest.mark.parametrize(("words", "text"), PROGRAMS.items())
def test_programs_call_for_changes(words: str, text: str) -> None:
    inputs, line = text.split("|")
    program = parse_program(f"graph main({inputs}) {{\n  %0 = {line}\n  return %0\n}}\n", OPS)
    assert any(words in finding.title for finding in from_program(program))


# -- Select TF operators, without TensorFlow --------------------------------------------------------------------------


def test_only_what_has_to_be_is_a_select_tf_operator(tmp_path: Path) -> None:
    model = litesmith.convert(text_model(tmp_path), select_tf_ops=True, verify=False)
    assert model.operators == {"CUSTOM": 1, "RELU": 1}
    (op,) = [op for op in model.program.main.ops if op.name == "CUSTOM"]
    assert op.attrs["custom_code"] == "FlexStringLower"
    assert str(op.result.type) == "string[text_0]"
    options = op.attrs["custom_options"]
    assert b"StringLower\0" in options
    definition = protos.NodeDef(op="StringLower", input=[""]).SerializeToString()
    assert definition in options


def test_a_named_operator_is_admitted(tmp_path: Path) -> None:
    path = unsupported_model(tmp_path)
    with pytest.raises(litesmith.ConverterError):
        litesmith.convert(path, select_tf_ops=True, verify=False)
    with pytest.raises(litesmith.ConverterError, match="nothing says what types"):
        litesmith.convert(path, select_tf_ops=["Frobnicate", "Spence", "FresnelCos"], verify=False)


def test_lists_of_operators() -> None:
    assert len(select_allow_list()) == 744
    assert {"StringLower", "DecodeJpeg", "MapDataset"} <= select_allow_list()
    assert not {"PartitionedCall", "Svd"} & select_allow_list()


def test_other_sources_take_no_such_operators() -> None:
    with pytest.raises(UsageError, match="takes no select_tf_ops"):
        litesmith.convert(b"ML\xefR", select_tf_ops=True)
