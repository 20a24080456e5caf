"""Running models: names, shapes, dtypes, signatures, strings, state, and what the runtime refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.errors import FormatError, UsageError, VerificationError
from litesmith.runtime import Runner, TensorInfo, random_inputs
from tests.runtime.tiny_models import (
    OPS,
    TYPES,
    Node,
    Signature,
    Subgraph,
    Tensor,
    add,
    counting_model,
    identity,
    model,
    plus_one,
    sub,
)

X = np.arange(6, dtype=np.float32).reshape(2, 3)
PLUS = Signature("plus", {"b": 0}, {"out": 2})
MINUS = Signature("minus", {"z": 0}, {"out": 2}, subgraph=1)
ONE = model(plus_one())
TWO = model([plus_one(), plus_one(node=sub)], [PLUS, MINUS])
# z - a; declared in an order that is neither alphabetical nor that of the subgraph.
ORDERED = model(
    Subgraph(
        [Tensor("tz", [2]), Tensor("ta", [2]), Tensor("to", [2]), Tensor("tp", [2])],
        [1, 0],
        [2, 3],
        [sub([0, 1], 2), add([0, 1], 3)],
    ),
    [Signature("s", {"z": 0, "a": 1}, {"minus": 2, "and": 3})],
)


def test_runs_from_bytes_and_from_path_alike(tmp_path: Path) -> None:
    path = tmp_path / "one.tflite"
    path.write_bytes(ONE)
    for source in (ONE, bytearray(ONE), path, str(path)):
        np.testing.assert_array_equal(Runner(source).run([X])["y"], X + 1)


@pytest.mark.parametrize("kernels", ["default", "builtin", "reference"])
def test_kernels(kernels: str) -> None:
    np.testing.assert_array_equal(Runner(ONE, kernels=kernels).run([X])["y"], X + 1)


def test_unknown_sizes_follow_the_input_both_ways() -> None:
    runner = Runner(ONE)
    for rows in (2, 5, 1, 0, 2):
        x = np.full((rows, 3), 7, np.float32)
        np.testing.assert_array_equal(runner.run([x])["y"], x + 1, strict=True)


def test_outputs_are_copies() -> None:
    runner = Runner(ONE)
    first = runner.run([X])["y"]
    kept = first.copy()
    runner.run([X * 10])
    np.testing.assert_array_equal(first, kept)


def test_signatures_may_be_run_in_turn() -> None:
    runner = Runner(TWO)
    for _ in range(3):
        np.testing.assert_array_equal(runner.run([X], "minus")["out"], X - 1)
        np.testing.assert_array_equal(runner.run({"b": X}, "plus")["out"], X + 1)
        np.testing.assert_array_equal(runner.run([X[:1]], "minus")["out"], X[:1] - 1)


def test_names_keep_the_order_of_the_file() -> None:
    runner = Runner(ORDERED)
    (signature,) = runner.signatures
    assert [t.name for t in signature.inputs] == ["z", "a"]
    assert list(runner.run([[5, 5], [1, 2]])) == ["minus", "and"]
    np.testing.assert_array_equal(runner.run([[5, 5], [1, 2]])["minus"], np.float32([4, 3]))


def test_several_signatures_need_a_choice_unless_one_is_the_default() -> None:
    with pytest.raises(UsageError, match="'plus', 'minus'"):
        Runner(TWO).run([X])
    default = Signature("serving_default", {"x": 0}, {"y": 2}, subgraph=1)
    both = model([plus_one(), plus_one(node=sub)], [PLUS, default])
    np.testing.assert_array_equal(Runner(both).run([X])["y"], X - 1)


def test_an_input_may_have_any_name() -> None:
    named = model(plus_one(), [Signature("s", {"self": 0}, {"a b/c:0": 2})])
    np.testing.assert_array_equal(Runner(named).run({"self": X})["a b/c:0"], X + 1)
    second = model([plus_one(), plus_one()], [PLUS, Signature("s", {"self": 0}, {"y": 2}, subgraph=1)])
    with pytest.raises(UsageError, match="'self'"):
        Runner(second).run({"self": X}, "s")


def test_no_signature_and_no_tensor_names() -> None:
    nameless = model(
        Subgraph([Tensor("", [2]), Tensor("", [2]), Tensor("y", [2])], [0, 1], [2], [add([0, 1], 2)])
    )
    runner = Runner(nameless)
    assert [t.name for t in runner.signature().inputs] == ["input_0", "input_1"]
    np.testing.assert_array_equal(runner.run([[1, 2], [3, 4]])["y"], np.float32([4, 6]))


def test_no_inputs() -> None:
    constant = Tensor("c", [2], data=np.float32([1, 2]))
    runner = Runner(model(Subgraph([constant, Tensor("y", [2])], [], [1], [add([0, 0], 1)])))
    np.testing.assert_array_equal(runner.run()["y"], np.float32([2, 4]))
    np.testing.assert_array_equal(runner.run({})["y"], np.float32([2, 4]))


BAD_INPUTS = {
    "dtype": (
        [X.astype(np.float64)],
        r"dtype float64 where float32 is expected; convert with .astype\(np.float32\)",
    ),
    "shape": ([X[:, :2]], r"shape \[2, 2\] does not fit x: float32\[\?, 3\]"),
    "rank": ([X[0]], r"shape \[3\] does not fit"),
    "count": ([X, X], r"2 inputs given. Signature '' takes x: float32"),
    "unknown name": ({"q": X}, "no input 'q'; input 'x' is missing"),
    "extra name": ({"x": X, "q": X}, "no input 'q'"),
    "bare array": (X, "mapping by name or a sequence, got ndarray"),
    "text": ([[["a", "b", "c"]]], "<U1 values where float32"),
    "ragged": ([[[1, 2, 3], [4]]], "input 'x'"),
}


@pytest.mark.parametrize(("inputs", "message"), BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_inputs_that_do_not_fit(inputs: Any, message: str) -> None:
    runner = Runner(ONE)
    with pytest.raises(UsageError, match=message):
        runner.run(inputs)
    np.testing.assert_array_equal(runner.run([X])["y"], X + 1)


PYTHON_VALUES = [
    (TYPES.UINT8, [1, 255], True),
    (TYPES.UINT8, [1, 256], False),
    (TYPES.INT8, [-1, 128], False),
    (TYPES.INT8, [-128, 127], True),
    (TYPES.INT32, [1.5, 2.0], False),
    (TYPES.FLOAT32, [1, 2], True),
    (TYPES.FLOAT32, [1.5, 2], True),
    (TYPES.BOOL, [True, False], True),
    (TYPES.BOOL, [1, 0], False),
    (TYPES.COMPLEX64, [1j, 2], True),
]


@pytest.mark.parametrize(("type", "value", "taken"), PYTHON_VALUES)
def test_python_values_take_the_dtype_if_it_holds_them(type: int, value: list, taken: bool) -> None:
    runner = Runner(model(identity([2], type)))
    (tensor,) = runner.signature().inputs
    if taken:
        np.testing.assert_array_equal(runner.run([value])["x"], np.asarray(value, tensor.dtype))
    else:
        with pytest.raises(UsageError, match="is expected"):
            runner.run([value])


EXCHANGED = (
    "FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING BOOL INT16 COMPLEX64 INT8 FLOAT64 COMPLEX128 "
    "UINT64 UINT32 UINT16 INT4 UINT4"
).split()


@pytest.mark.parametrize("type", EXCHANGED)
def test_every_exchanged_type_goes_in_and_out(type: str) -> None:
    if not hasattr(TYPES, type):
        pytest.skip(f"this runtime is older than {type}")
    runner = Runner(model(identity([-1, 3], getattr(TYPES, type))))
    (tensor,) = runner.signature().inputs
    assert tensor.type == type.lower()
    inputs = random_inputs(runner.signature(), seed=1)
    assert inputs["x"].dtype == tensor.dtype
    assert inputs["x"].shape == (2, 3)
    np.testing.assert_array_equal(runner.run(inputs)["x"], inputs["x"], strict=True)


@pytest.mark.parametrize("type", ["BFLOAT16", "RESOURCE", "VARIANT", "INT2"])
def test_types_that_are_not_exchanged_are_refused(type: str) -> None:
    if not hasattr(TYPES, type):
        pytest.skip(f"this runtime is older than {type}")
    runner = Runner(model(identity([2], getattr(TYPES, type))))
    with pytest.raises(UsageError, match=f"does not exchange {type.lower()}"):
        runner.run([X])
    with pytest.raises(UsageError, match=f"does not exchange {type.lower()}"):
        random_inputs(runner.signature())


STRINGS = [
    ([-1], ["a", b"\xff", "é", ""], [b"a", b"\xff", "é".encode(), b""]),
    ([2], np.array(["ab", "c"]), [b"ab", b"c"]),
    ([1, 2], np.array([[b"ab", b"c"]]), [[b"ab", b"c"]]),
    ([-1], [], []),
    ([], "hello é", "hello é".encode()),
    ([], b"zero\0", b"zero\0"),
]


@pytest.mark.parametrize(("shape", "value", "expected"), STRINGS)
def test_strings(shape: list[int], value: Any, expected: Any) -> None:
    value = np.array(value, object) if isinstance(value, list) else value
    result = Runner(model(identity(shape, TYPES.STRING))).run([value])["x"]
    assert result.tolist() == expected


@pytest.mark.parametrize(("shape", "value"), [([], ""), ([1], [3]), ([1], np.array([3], object))])
def test_strings_that_are_none(shape: list[int], value: Any) -> None:
    with pytest.raises(UsageError, match="string"):
        Runner(model(identity(shape, TYPES.STRING))).run([value])


def test_state_is_kept_until_reset() -> None:
    runner = Runner(counting_model())
    assert runner.facts.variables
    x = np.float32([1, 2])
    for times in (1, 2, 3):
        np.testing.assert_array_equal(runner.run([x])["sum"], times * x)
    runner.reset()
    np.testing.assert_array_equal(runner.run([x])["sum"], x)


def test_facts() -> None:
    assert not Runner(ONE).facts.variables
    assert not Runner(ONE).facts.random
    quantized = TensorInfo("x", "int8", (2, -1), 0, 0.5, 3)
    assert str(quantized) == "x: int8[2, ?]"


BAD_MODELS = {
    "empty": b"",
    "text": b"this is not a model at all",
    "truncated": ONE[: len(ONE) // 2],
    "unknown operator": model(
        Subgraph([Tensor("x", [2]), Tensor("y", [2])], [0], [1], [Node(9999, [0], [1])])
    ),
}


@pytest.mark.parametrize("content", BAD_MODELS.values(), ids=BAD_MODELS.keys())
def test_what_the_runtime_refuses_to_load(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.tflite"
    path.write_bytes(content)
    for source in (content, path):
        with pytest.raises(VerificationError, match="LS901"):
            Runner(source)


def test_what_the_runtime_refuses_to_prepare() -> None:
    mixed = Subgraph([Tensor("a", [2]), Tensor("b", [3]), Tensor("y", [2])], [0, 1], [2], [add([0, 1], 2)])
    with pytest.raises(VerificationError, match="LS902: the model does not allocate"):
        Runner(model(mixed)).run([[1, 2], [1, 2, 3]])


def test_custom_operators_are_named() -> None:
    custom = Subgraph(
        [Tensor("x", [2]), Tensor("y", [2])], [0], [1], [Node(OPS.CUSTOM, [0], [1], custom="MyOp")]
    )
    with pytest.raises(VerificationError, match=r"LS903.*MyOp"):
        Runner(model(custom)).run([[1, 2]])


def test_missing_file_and_wrong_options(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        Runner(tmp_path / "none.tflite")
    with pytest.raises(UsageError, match="threads"):
        Runner(ONE, threads=0)
    with pytest.raises(UsageError, match="default, builtin, reference"):
        Runner(ONE, kernels="gpu")


def test_random_inputs_depend_on_the_seed_alone() -> None:
    signature = Runner(ORDERED).signature()
    first, again, other = (random_inputs(signature, seed) for seed in (0, 0, 1))
    assert list(first) == ["z", "a"]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first)
    assert not np.array_equal(first["z"], first["a"])


def test_random_inputs_fill_unknown_sizes() -> None:
    signature = Runner(model(identity([-1, 4, -1], TYPES.FLOAT32))).signature()
    assert random_inputs(signature)["x"].shape == (2, 4, 8)
    assert random_inputs(signature, batch=1, size=5)["x"].shape == (1, 4, 5)
    assert random_inputs(signature, kind="positive")["x"].min() >= 0.1
    assert random_inputs(signature, kind="above one")["x"].min() >= 1.0


def test_random_square_matrices_can_be_positive_definite() -> None:
    signature = Runner(model(identity([2, 5, 5], TYPES.FLOAT32))).signature()
    assert np.linalg.eigvalsh(random_inputs(signature, kind="definite")["x"]).min() >= 1.0


def test_real_models_run_on_two_batch_sizes(real_model: Path) -> None:
    runner = Runner(real_model)
    for batch in (1, 3):
        inputs = random_inputs(runner.signature(), batch=batch)
        (output,) = runner.run(inputs).values()
        assert output.shape[0] == batch
        assert len(np.unique(output)) > 1
