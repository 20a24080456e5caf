"""Verifying models, and the reference data it is done with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from litesmith.errors import FormatError, UsageError, VerificationError
from litesmith.runtime import Record, Reference, Runner, random_inputs, verify
from tests.runtime.tiny_models import (
    OPS,
    Node,
    Signature,
    Subgraph,
    Tensor,
    add,
    counting_model,
    model,
    plus_one,
    sub,
    unary,
)

X = np.arange(6, dtype=np.float32).reshape(2, 3)
ONE = model(plus_one())
TWO = model(
    [plus_one(), plus_one(node=sub)],
    [Signature("plus", {"x": 0}, {"y": 2}), Signature("minus", {"x": 0}, {"y": 2}, subgraph=1)],
)


def codes(model: bytes, reference: Reference | None = None, **options) -> list[str]:
    return [problem.code for problem in verify(model, reference, **options).problems]


def random_model() -> bytes:
    shape = Tensor("shape", [1], 2, np.int32([4]))
    options = schema.RandomOptionsT()
    node = Node(OPS.RANDOM_UNIFORM, [0], [1], options, schema.BuiltinOptions.RandomOptions)
    return model(Subgraph([shape, Tensor("y", [4])], [], [1], [node]))


def test_without_reference() -> None:
    report = verify(TWO)
    assert report.ok
    assert report.signatures == ("plus", "minus")
    assert report.invocations == 3
    assert report.comparisons == ()
    report.raise_if_failed()


def test_agreeing_reference() -> None:
    report = verify(ONE, Reference.of({"x": X}, {"y": X + 1}))
    assert report.ok
    assert report.max_error == 0.0
    assert [c.name for c in report.comparisons] == ["y"]


def test_disagreeing_reference_names_the_signature_the_output_and_the_error() -> None:
    report = verify(
        TWO, Reference([Record("plus", {"x": X}, {"y": X + 1}), Record("minus", {"x": X}, {"y": X})])
    )
    assert not report.ok
    (problem,) = report.problems
    assert (problem.code, problem.node) == ("LS906", "minus/y")
    assert "error 2.00e-01 of the range" in problem.reason
    assert report.max_error == pytest.approx(0.2)
    with pytest.raises(VerificationError, match="LS906"):
        report.raise_if_failed()


def test_tolerance() -> None:
    reference = Reference.of({"x": X}, {"y": X + np.float32(1.001)})
    assert codes(ONE, reference) == ["LS906"]
    assert codes(ONE, reference, tol=1e-3) == []


def test_reference_that_does_not_fit() -> None:
    with pytest.raises(UsageError, match="no signature 'nope'"):
        verify(ONE, Reference([Record("nope", {"x": X}, {"y": X})]))
    with pytest.raises(UsageError, match="no input 'z'"):
        verify(ONE, Reference.of({"z": X}, {"y": X}))
    report = verify(ONE, Reference.of({"x": X}, {"z": X}))
    assert "only 'y'" in report.problems[0].reason


def test_state_that_is_not_meant_is_found() -> None:
    assert codes(counting_model(), stateful=False) == ["LS904"]
    assert codes(counting_model()) == []
    assert codes(counting_model(), invocations=1, stateful=False) == []


def test_state_that_is_meant_follows_the_reference_in_order() -> None:
    x = np.float32([1, 2])
    calls = Reference([Record(None, {"x": x}, {"sum": x}), Record(None, {"x": x}, {"sum": 2 * x})])
    assert codes(counting_model(), calls) == []
    assert codes(counting_model(), Reference(reversed(calls))) == ["LS906", "LS906"]


def test_random_operators_may_answer_differently() -> None:
    runner = Runner(random_model())
    assert runner.facts.random
    assert not np.array_equal(runner.run()["y"], runner.run()["y"])
    assert codes(random_model()) == []


def test_outputs_of_nothing_but_nan() -> None:
    broken = Tensor("one", [1], data=np.float32([np.nan]))
    graph = Subgraph([Tensor("x", [2]), broken, Tensor("y", [2])], [0], [2], [add([0, 1], 2)])
    assert codes(model(graph)) == ["LS905"]
    meant = np.full(2, np.nan, np.float32)
    assert codes(model(graph), Reference.of({"x": X[0, :2]}, {"y": meant})) == []
    assert codes(model(graph), Reference.of({"x": X[0, :2]}, {"y": X[0, :2]})) == ["LS906"]


def test_made_up_inputs_lie_where_the_operator_is_defined() -> None:
    assert np.isnan(Runner(model(unary("LOG", [1]))).run([[-1.0]])["y"]).all()
    assert codes(model(unary("LOG", [1]))) == []


def test_made_up_sizes_are_changed_until_the_model_takes_them() -> None:
    weights = Tensor("w", [64], data=np.ones(64, np.float32))
    graph = Subgraph([Tensor("x", [-1, -1]), weights, Tensor("y", [-1, 64])], [0], [2], [add([0, 1], 2)])
    assert codes(model(graph)) == []
    impossible = Tensor("w", [7], data=np.ones(7, np.float32))
    tensors = [Tensor("x", [-1, 3]), impossible, Tensor("y", [-1, 7])]
    report = verify(model(Subgraph(tensors, [0], [2], [add([0, 1], 2)])))
    assert not report.problems
    assert "none of the inputs made up" in report.skipped
    tensors[0] = Tensor("x", [2, 3])
    assert codes(model(Subgraph(tensors, [0], [2], [add([0, 1], 2)]))) == ["LS902"]


def test_what_does_not_load_is_a_problem() -> None:
    assert codes(b"not a model") == ["LS901"]
    assert codes(ONE[:100]) == ["LS901"]


def test_custom_operators_cannot_be_verified_here() -> None:
    node = Node(OPS.CUSTOM, [0], [1], custom="MyOp")
    report = verify(model(Subgraph([Tensor("x", [2]), Tensor("y", [2])], [0], [1], [node])))
    assert not report.ok
    assert report.problems == ()
    assert "MyOp" in report.skipped


def test_invocations_are_at_least_one() -> None:
    with pytest.raises(UsageError, match="invocations"):
        verify(ONE, invocations=0)


def test_real_models(real_model: Path) -> None:
    runner = Runner(real_model)
    inputs = random_inputs(runner.signature(), seed=3)
    expected = runner.run(inputs)
    report = verify(real_model, Reference.of(inputs, expected))
    assert report.ok, report.problems
    wrong = {name: np.roll(value, 1, axis=-1) for name, value in expected.items()}
    assert not verify(real_model, Reference.of(inputs, wrong)).ok


def test_reference_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ref.npz"
    np.savez(path, **{"inputs/a/b:0": X, "outputs/y": X + 1, "minus/inputs/x": X, "minus/outputs/y": X - 1})
    default, minus = Reference.load(path)
    assert (default.signature, minus.signature) == (None, "minus")
    assert list(default.inputs) == ["a/b:0"]
    np.testing.assert_array_equal(minus.outputs["y"], X - 1)


def test_a_name_may_look_like_a_key(tmp_path: Path) -> None:
    path = tmp_path / "ref.npz"
    np.savez(path, **{"inputs/a/inputs/b": X, "outputs/y": X, "s/1/outputs/outputs/y": X})
    default, other = Reference.load(path)
    assert list(default.inputs) == ["a/inputs/b"]
    assert (other.signature, list(other.outputs)) == ("s/1", ["outputs/y"])


def test_reference_in_a_directory_is_in_order_of_names(tmp_path: Path) -> None:
    for number in (2, 0, 1):
        np.savez(tmp_path / f"{number}.npz", **{"inputs/x": X, "outputs/y": X + number})
    assert [call.outputs["y"][0, 0] for call in Reference.load(tmp_path)] == [0, 1, 2]
    assert not verify(ONE, tmp_path).ok


@pytest.mark.parametrize("calls", [1, 2])
def test_saved_and_loaded_again(calls: int, tmp_path: Path) -> None:
    text = np.array([b"a", "é"], object)
    reference = Reference([Record("s", {"x": X + i, "t": text}, {"y": X}) for i in range(calls)])
    reference.save(tmp_path / "saved")
    loaded = Reference.load(tmp_path / "saved")
    assert [call.signature for call in loaded] == ["s"] * calls
    np.testing.assert_array_equal(loaded[-1].inputs["x"], X + calls - 1, strict=True)
    assert loaded[0].inputs["t"].tolist() == [b"a", "é".encode()]


def test_what_a_file_cannot_keep_is_refused(tmp_path: Path) -> None:
    for value in (np.array([3], object), np.array([b"a\0"], object)):
        with pytest.raises(UsageError, match="strings"):
            Reference.of({"x": value}, {"y": X}).save(tmp_path / "ref.npz")


def test_reference_files_that_are_not(tmp_path: Path) -> None:
    good = tmp_path / "good.npz"
    np.savez(good, **{"inputs/x": X, "outputs/y": X})
    bad = {
        "empty.npz": b"",
        "text.npz": b"hello",
        "cut.npz": good.read_bytes()[:-40],
        "flipped.npz": good.read_bytes()[:80] + b"\xff" * 20 + good.read_bytes()[100:],
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    np.save(tmp_path / "array.npy", X)
    np.savez(tmp_path / "key.npz", **{"x": X, "outputs/y": X})
    np.savez(tmp_path / "no_outputs.npz", **{"inputs/x": X})
    np.savez(tmp_path / "pickle.npz", **{"inputs/x": np.array([{}], object), "outputs/y": X})
    (tmp_path / "directory").mkdir()
    names = [*bad, "array.npy", "key.npz", "no_outputs.npz", "pickle.npz", "directory", "none.npz"]
    for name in names:
        with pytest.raises(FormatError, match=name):
            Reference.load(tmp_path / name)


def _program(text: str) -> bytes:
    from litesmith.formats.tflite import write_model
    from litesmith.ir.parser import parse_program
    from litesmith.ops import OPS

    return write_model(parse_program(text, OPS))


MADE_UP = {
    "divisors": "%y = FLOOR_DIV(%x, %z) : int32[4]",
    "remainders": "%y = FLOOR_MOD(%x, %z) : int32[4]",
}


@pytest.mark.parametrize("case", MADE_UP)
def test_made_up_integers_may_not_be_zero(case: str):
    body = MADE_UP[case]
    report = verify(_program(f"graph main(%x: int32[4], %z: int32[4]) {{ {body} return %y }}"))
    assert report.ok, report.problems


def test_made_up_floats_reach_domains_above_one():
    text = "graph main(%x: float32[4]) { %a = SUB(%x, float32[](1)) : float32[4] %y = LOG(%a) : float32[4] return %y }"
    assert verify(_program(text)).ok


def test_inputs_of_gigabytes_are_not_made_up():
    report = verify(_program("graph main(%x: float32[200000, 1000]) { %y = NEG(%x) : float32[200000, 1000] return %y }"))
    assert not report.ok
    assert not report.problems
    assert "0.8 GB" in report.skipped


@pytest.mark.parametrize("made", ["%y: bfloat16[2]", "%y: float32[2]"])
def test_models_python_cannot_call_are_not_run(made):
    """The runtime's interface exchanges no bfloat16 arrays."""
    name, kind = made.split(": ")
    report = verify(_program(f"graph main(%x: bfloat16[2]) {{ {name} = CAST(%x) : {kind} return %y }}"))
    assert not report.problems
    assert "input 'x' is bfloat16" in report.skipped
