"""`convert` and `Model`: what the options choose, what is refused, when a file takes its place."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import litesmith
from litesmith import ConverterError, FormatError, LitesmithError, Model, UsageError, VerificationError
from litesmith.api import Options
from litesmith.formats.tflite import read_model
from litesmith.keywords import Keywords
from litesmith.runtime import Reference
from litesmith.runtime.reference import Record
from tests.formats.saved_model.bundle import write_model
from tests.graphs import (
    DIGITS,
    FLOAT,
    WEIGHTS,
    asserting_model,
    dense_model,
    meta_graph,
    nested_calls,
    node,
    placeholder,
    saved_model,
    signature,
    unsupported_model,
)

X = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
Y = np.maximum(X @ WEIGHTS, 0)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return dense_model(tmp_path_factory.mktemp("api") / "model")


# -- the model --------------------------------------------------------------------------------------------------------


def test_content_is_the_file_and_made_once(source, tmp_path):
    model = litesmith.convert(source)
    assert isinstance(model, Model)
    assert model.content is model.content
    assert model.save(tmp_path / "m.tflite") == tmp_path / "m.tflite"
    assert (tmp_path / "m.tflite").read_bytes() == model.content
    assert read_model(tmp_path / "m.tflite").histogram() == model.operators == {"ADD": 1, "FULLY_CONNECTED": 2}


def test_what_is_left_out_is_noted(source, tmp_path):
    made = litesmith.convert(asserting_model(tmp_path / "m"))
    assert made.operators == {"ADD": 1}
    assert made.notes == ["tf.Assert is left out: 'checks/0', 'checks/1', 'checks/2' and 1 more"]
    assert litesmith.convert(source).notes == []


def test_calls_of_functions_are_inlined_to_a_limit(tmp_path, monkeypatch):
    assert litesmith.convert(nested_calls(tmp_path / "few", 60)).operators == {"NEG": 1}
    with pytest.raises(ConverterError, match="nested too deeply"):
        litesmith.convert(nested_calls(tmp_path / "deep", 10_000))
    monkeypatch.setattr("litesmith.ir.budget.MAX_INLINED", 1000)
    with pytest.raises(ConverterError, match=r"LS015.*more than 1000 operations"):
        litesmith.convert(nested_calls(tmp_path / "wide", 30, times=2))


def test_paths_may_be_text(source, tmp_path):
    path = litesmith.convert(str(source)).save(str(tmp_path / "m.tflite"))
    assert path.read_bytes()[4:8] == b"TFL3"


def test_a_model_is_called_with_arrays_in_order_or_by_name(source):
    model = litesmith.convert(source)
    for call in (lambda: model(X, signature="scores"), lambda: model(x=X, signature="scores")):
        (y,) = call().values()
        np.testing.assert_allclose(y, Y, rtol=1e-6)
    np.testing.assert_allclose(model(X, signature="doubled")["y"], 2 * Y, rtol=1e-6)
    with pytest.raises(UsageError, match="doubled"):
        model(X, signature="nope")


def test_files_are_told_by_their_first_bytes(source, tmp_path):
    model = litesmith.convert(source)
    (tmp_path / "model").write_bytes(model.content)
    for again in (tmp_path / "model", model.content, bytearray(model.content)):
        assert litesmith.convert(again).operators == model.operators


def test_signatures_share_their_weights(source):
    content = litesmith.convert(source).content
    assert content.count(np.ascontiguousarray(WEIGHTS.T).tobytes()) == 1


@pytest.mark.parametrize("keys", [["scores"], ["doubled", "scores"], ("scores", "doubled")])
def test_signatures_are_chosen_in_order(source, keys):
    model = litesmith.convert(source, signature_keys=keys)
    assert [s.key for s in model.program.signatures] == list(keys)
    assert [s.key for s in read_model(model.content).signatures] == list(keys)


def test_the_default_signature_comes_first(tmp_path):
    x = placeholder("x", 2)
    keys = {key: signature({"x": x}, {"y": "y:0"}) for key in ("a", "serving_default", "z")}
    model = litesmith.convert(saved_model(tmp_path, [x, node("y", "Neg", "x", T=FLOAT)], keys))
    assert [s.key for s in model.program.signatures] == ["serving_default", "a", "z"]


def test_tags_choose_the_meta_graph(tmp_path):
    x = placeholder("x", 2)
    operators = {("serve",): "Neg", ("serve", "gpu"): "Exp", ("train",): "Sqrt"}
    graphs = [
        meta_graph([x, node("y", op, "x", T=FLOAT)], {"s": signature({"x": x}, {"y": "y:0"})}, tags)
        for tags, op in operators.items()
    ]
    write_model(tmp_path, *graphs)
    assert litesmith.convert(tmp_path).operators == {"NEG": 1}
    for tags, op in operators.items():
        assert litesmith.convert(tmp_path, tags=list(tags)).operators == {op.upper(): 1}
    with pytest.raises(UsageError, match="'gpu', 'serve'"):
        litesmith.convert(tmp_path, tags=["gpu"])


@pytest.mark.parametrize(("shape", "sizes"), [([5, 4], (5,)), ([None, 4], (1, 7))], ids=str)
def test_input_shapes(source, shape, sizes):
    model = litesmith.convert(source, input_shapes={"x": shape}, signature_keys=["scores"])
    for size in sizes:
        assert model(np.ones((size, 4), np.float32))["y"].shape == (size, 3)
    if None not in shape:
        with pytest.raises(UsageError):
            model(np.ones((sizes[0] + 1, 4), np.float32))


def test_a_bare_shape_is_that_of_the_only_input(source, tmp_path):
    model = litesmith.convert(source, input_shapes=[5, 4], signature_keys="scores")
    assert [str(t) for t in model.inputs] == ["x: float32[5, 4]"]
    a, b = placeholder("a", 2), placeholder("b", 2)
    two = saved_model(tmp_path / "two", [a, b, node("y", "AddV2", "a", "b", T=FLOAT)], {
        "s": signature({"a": a, "b": b}, {"y": "y:0"}),
    })  # fmt: skip
    with pytest.raises(UsageError, match="inputs are a, b: give shapes by name"):
        litesmith.convert(two, input_shapes=[2])


def test_a_model_tells_what_it_is(source):
    model = litesmith.convert(source)
    assert [s.key for s in model.signatures] == ["doubled", "scores"]
    assert [(t.name, t.dtype, t.shape) for t in model.inputs] == [("x", "float32", (None, 4))]
    assert [(t.name, t.dtype, t.shape) for t in model.outputs] == [("y", "float32", (None, 3))]
    assert repr(model).startswith("<litesmith.Model doubled(x: float32[?, 4]) -> y: float32[?, 3]")
    assert "3 operators" in repr(model)
    assert "<td>scores</td><td>x: float32[?, 4]</td>" in model._repr_html_()
    summary = model.summary()
    assert (summary.operators, summary.constant_bytes) == (model.operators, 2 * 48)
    assert "2  FULLY_CONNECTED" in str(summary)
    assert bytes(model) == model.content


def test_a_model_can_be_pickled(source):
    model = litesmith.convert(source)
    again = pickle.loads(pickle.dumps(model))
    assert bytes(again) == bytes(model)
    assert again.signatures == model.signatures
    assert again.report == model.report
    np.testing.assert_allclose(again(X, signature="scores")["y"], Y, rtol=1e-6)


def test_the_keywords_of_convert_are_the_options():
    assert set(Keywords.__annotations__) == {f.name for f in fields(Options)}


# -- what is refused --------------------------------------------------------------------------------------------------

# fmt: off
REFUSED = {
    "unknown option": (lambda source: litesmith.convert(source, **{"frobnicate": True}), UsageError, "the options are"),
    "near option": (
        lambda source: litesmith.convert(source, **{"input_shape": [1, 4]}), UsageError, "did you mean 'input_shapes'",
    ),
    "attribute": (
        lambda source: litesmith.convert(source, **{"optimizations": []}), UsageError, "attribute of TFLiteConverter",
    ),
    "near signature": (lambda s: litesmith.convert(s, signature_keys="score"), UsageError, "did you mean 'scores'"),
    "near input": (lambda source: litesmith.convert(source, input_shapes={"X": [1, 4]}), UsageError, "did you mean 'x'"),
    "no shape": (lambda source: litesmith.convert(source, input_shapes={"x": 4}), UsageError, "is not a shape"),
    "missing as an OSError": (lambda source: litesmith.convert("nope"), FileNotFoundError, "does not exist"),
    "missing file": (lambda source: litesmith.convert("nope.tflite"), FileNotFoundError, "no such file"),
    "missing graph": (lambda source: litesmith.convert("nope.pb"), FileNotFoundError, "no such file"),
    "missing StableHLO": (lambda source: litesmith.convert("nope.mlir"), FileNotFoundError, "no such file"),
    "ONNX": (lambda source: litesmith.convert("m.onnx"), UsageError, "onnx2tf"),
    "PyTorch": (lambda source: litesmith.convert("m.pt2"), UsageError, "litert-torch"),
    "not a model": (lambda source: litesmith.convert(42), UsageError, "cannot convert .int. objects"),
    "no directory": (lambda source: litesmith.convert("nope"), FormatError, "does not exist"),
    "no signature": (lambda source: litesmith.convert(source, signature_keys=["a"]), UsageError, "'doubled', 'scores'"),
    "no input": (lambda source: litesmith.convert(source, input_shapes={"a": [1]}), UsageError, "inputs are x"),
    "other rank": (lambda source: litesmith.convert(source, input_shapes={"x": [4]}), UsageError, "does not fit"),
    "neither name nor bytes": (lambda source: litesmith.convert(__file__), UsageError, "neither its name nor"),
    "names for a SavedModel": (
        lambda source: litesmith.convert(source, input_names=["x"]), UsageError, "a SavedModel takes no input_names",
    ),
    "arguments for a SavedModel": (lambda source: litesmith.convert(source, X), UsageError, "takes no arguments"),
    "choices for a file": (
        lambda source: litesmith.convert(litesmith.convert(source).content, tags=["a"], signature_keys=["b"]),
        UsageError, "takes no tags and no signature_keys",
    ),
    "shapes for a function": (
        lambda source: litesmith.convert(lambda x: x, X, input_shapes={"x": [2, 4]}), UsageError, "takes no input_shapes",
    ),
    "no folder": (lambda source: litesmith.export(source, "no/where/m.tflite"), UsageError, "there is no directory"),
    "a folder": (lambda source: litesmith.export(source, "."), UsageError, "it is a directory"),
    "no reference": (lambda source: litesmith.convert(source, reference="nope").content, LitesmithError, "nope"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(source, name):
    action, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        action(source)


def test_every_problem_comes_with_origin_reason_and_fix(tmp_path):
    with pytest.raises(ConverterError) as raised:
        litesmith.convert(unsupported_model(tmp_path))
    problems = raised.value.problems
    assert [(p.op, p.node) for p in problems] == [
        ("tf.FresnelCos", "layer/fresnel"),
        ("tf.Frobnicate", "other/frob"),
        ("tf.Spence", "after/spence"),
    ]
    assert all(p.code == "LS010" and p.reason and p.fix for p in problems)
    assert all(str(p) in str(raised.value) for p in problems)


def behind_a_refused_operator(path):
    """A refused operator whose result goes on: to one in order, another refused one, a call, and a conditional."""
    x = placeholder("x", 3)
    nodes = [x, node("first", "StringLower", "x"), node("fine", "Neg", "first", T=FLOAT)]
    nodes += [node("second", "Spence", "fine", T=FLOAT), node("call", "PartitionedCall", "fine", "x")]
    nodes += [node("if", "StatelessIf", "first", "x")]
    outputs = {"a": "second:0", "b": "call:0", "c": "call:1", "d": "if:0"}
    meta = meta_graph(nodes, {"s": signature({"x": x}, outputs)})
    by_name = {n.name: n for n in meta.graph_def.node}
    by_name["call"].attr["f"].func.name = "f"
    by_name["if"].attr["then_branch"].func.name = by_name["if"].attr["else_branch"].func.name = "g"
    for name, ops in (("f", ("Frobnicate", "FresnelCos")), ("g", ("Dawsn",))):
        function = meta.graph_def.library.function.add()
        function.signature.name = name
        for index, op in enumerate(ops):
            function.signature.input_arg.add(name=f"x{index}", type="DT_FLOAT")
            function.signature.output_arg.add(name=f"y{index}", type="DT_FLOAT")
            function.node_def.append(node(f"n{index}", op, f"x{index}", T=FLOAT))
            function.ret[f"y{index}"] = f"n{index}:y:0"
    return write_model(path, meta)


def test_what_stands_behind_a_refused_operator_is_examined(tmp_path):
    with pytest.raises(ConverterError) as raised:
        litesmith.convert(behind_a_refused_operator(tmp_path))
    ops = {"StringLower", "Spence", "Frobnicate", "FresnelCos", "Dawsn"}
    assert {p.op for p in raised.value.problems} == {f"tf.{op}" for op in ops}


def test_a_lowering_that_fails_is_a_problem_with_its_cause(tmp_path, monkeypatch):
    from litesmith.frontends.registry import Lowering
    from litesmith.frontends.tensorflow import lowering

    def broken(self, *args, **kwargs):
        raise IndexError("out of range")

    monkeypatch.setattr(Lowering, "__call__", broken)
    assert "Neg" in lowering.LOWERINGS
    x = placeholder("x", 2)
    nodes = [x, node("y", "Neg", "x", T=FLOAT)]
    with pytest.raises(ConverterError, match="IndexError: out of range") as raised:
        litesmith.convert(saved_model(tmp_path, nodes, {"s": signature({"x": x}, {"y": "y:0"})}))
    assert (raised.value.problems[0].code, raised.value.problems[0].node) == ("LS090", "y")
    assert isinstance(raised.value.__cause__, IndexError)


def test_an_output_a_node_does_not_have_is_a_problem(tmp_path):
    x = placeholder("x", 2)
    nodes = [x, node("y", "Neg", "x", T=FLOAT)]
    with pytest.raises(ConverterError, match="output 3 is used, and it has 1"):
        litesmith.convert(saved_model(tmp_path, nodes, {"s": signature({"x": x}, {"y": "y:3"})}))


# -- references -------------------------------------------------------------------------------------------------------


def reference(offset: float) -> Reference:
    return Reference((Record("scores", {"x": X}, {"y": Y + np.float32(offset)}),))


def test_a_reference_that_agrees(source, tmp_path):
    path = litesmith.convert(source, reference=reference(0)).save(tmp_path / "m.tflite")
    report = litesmith.convert(path).verify(reference(0))
    assert report.ok
    assert report.max_error < 1e-6


def test_a_reference_that_disagrees_leaves_the_old_file(source, tmp_path):
    target = tmp_path / "m.tflite"
    target.write_bytes(b"old")
    model = litesmith.convert(source, reference=reference(0.5))
    with pytest.raises(VerificationError, match="scores/y"):
        model.save(target)
    with pytest.raises(VerificationError, match="scores/y"):
        _ = model.content
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["m.tflite"]


def test_verification_can_be_left_out(source, tmp_path):
    model = litesmith.convert(source, reference=reference(0.5), verify=False)
    assert model.save(tmp_path / "m.tflite").read_bytes() == model.content
    assert not model.verify(reference(0.5)).ok


def test_the_digits_agree_with_their_reference():
    model = litesmith.convert(DIGITS / "saved_model", reference=DIGITS / "reference.npz")
    heldout = np.load(DIGITS / "heldout.npz")
    (scores,) = model(heldout["images"].astype(np.float32)).values()
    assert (scores.argmax(1) == heldout["labels"]).mean() > 0.97


def test_weights_bear_the_names_of_their_variables():
    graphs = litesmith.convert(DIGITS / "saved_model").program.all_graphs()
    names = {v.name for graph in graphs for v in graph.constants()}
    assert {"digits/conv2d/kernel", "digits/dense/kernel", "digits/dense/bias"} <= names


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["nope/m.tflite", ".", "file/m.tflite"])
def test_a_file_that_cannot_be_written(source, tmp_path, target):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        litesmith.convert(source).save(tmp_path / target)
    assert os.listdir(tmp_path) == ["file"]


def test_a_failure_while_writing_leaves_the_old_file(source, tmp_path, monkeypatch):
    target = tmp_path / "m.tflite"
    target.write_bytes(b"old")
    model = litesmith.convert(source)
    monkeypatch.setattr(Model, "_verify", lambda self, path: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        model.save(target)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["m.tflite"]


# -- the same input gives the same bytes ------------------------------------------------------------------------------


def test_the_same_bytes_twice(source):
    assert litesmith.convert(source).content == litesmith.convert(source).content


def test_the_same_bytes_in_every_process(tmp_path):
    script = (
        "import litesmith, sys\n"
        f"litesmith.convert({str(DIGITS / 'saved_model')!r}, verify=False).save(sys.argv[1])\n"
    )
    digests = set()
    for seed in ("0", "1", "4242"):
        path = tmp_path / f"{seed}.tflite"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", script, path], check=True, env=environment, timeout=120)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_directory_elsewhere_gives_the_same_bytes(source, tmp_path):
    other = dense_model(tmp_path / "elsewhere")
    assert litesmith.convert(Path(os.path.relpath(other))).content == litesmith.convert(source).content
