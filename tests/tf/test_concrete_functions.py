"""Concrete functions and frozen graphs: what they capture, how they are named, what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
tf = pytest.importorskip("tensorflow")

import litesmith  # noqa: E402
from litesmith.errors import ConverterError, UsageError  # noqa: E402

pytestmark = pytest.mark.tf

X = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
SPEC = tf.TensorSpec((None, 4), tf.float32, name="x")


def concrete(function: Any, *specs: Any) -> Any:
    return tf.function(function).get_concrete_function(*(specs or (SPEC,)))


def test_variables_and_constants_are_captured() -> None:
    weight, offset = tf.Variable(tf.ones((4, 2)) * 3), tf.constant([1.0, -1.0])
    function = concrete(lambda x: tf.matmul(x, weight) + offset)
    (result,) = litesmith.convert(function)(X).values()
    np.testing.assert_allclose(result, X @ np.full((4, 2), 3.0) + [1, -1], rtol=1e-6)


def test_functions_share_their_weights() -> None:
    weight = tf.Variable(np.random.default_rng(0).normal(size=(4, 3000)).astype(np.float32))
    functions = [concrete(lambda x: tf.matmul(x, weight)), concrete(lambda x: tf.sin(tf.matmul(x, weight)))]
    one, two = litesmith.convert(functions[0]), litesmith.convert(functions, signature_keys=["one", "two"])
    assert len(two.content) < len(one.content) + 4096
    expected = X @ weight.numpy()
    np.testing.assert_allclose(*two(X, signature="two").values(), np.sin(expected), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(*two(X, signature="one").values(), expected, rtol=1e-5, atol=1e-5)


def test_assigned_variables_of_one_name_stay_two() -> None:
    first, second = tf.Variable(0.0), tf.Variable(100.0)
    assert first.name == second.name

    def count(x: Any) -> Any:
        return first.assign_add(1.0) + x[0, 0], second.assign_add(10.0) + x[0, 0]

    model = litesmith.convert(concrete(count, tf.TensorSpec((1, 1), tf.float32)))
    from litesmith.runtime import Runner

    runner, zero = Runner(model.content), np.zeros((1, 1), np.float32)
    outputs = [[float(v) for v in runner.run([zero]).values()] for _ in range(2)]
    assert outputs == [[1.0, 110.0], [2.0, 120.0]]


def test_functions_share_their_state() -> None:
    total = tf.Variable(5.0, name="total")
    scalar = tf.TensorSpec((), tf.float32)
    functions = [concrete(lambda x: total.assign_add(x), scalar), concrete(lambda x: total + x, scalar)]
    from litesmith.runtime import Runner

    runner = Runner(litesmith.convert(functions, signature_keys=["add", "read"]).content)
    assert [float(*runner.run([np.float32(2)], "add").values()) for _ in range(2)] == [7.0, 9.0]


NAMES = {
    "arguments": (lambda first, second: first + second, {"first": X, "second": X}, ["output_0"]),
    "dict of results": (lambda x: {"b": x + 1, "a": x + 2}, {"x": X}, ["a", "b"]),
    "nested results": (lambda x: {"b": [x + 1, x], "a": x + 2}, {"x": X}, ["output_0", "output_1", "output_2"]),
    "sequence of results": (lambda x: (x + 1, [x + 2]), {"x": X}, ["output_0", "output_1"]),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_and_structures(name: str) -> None:
    function, inputs, outputs = NAMES[name]
    specs = [tf.TensorSpec(v.shape, v.dtype, name=k) for k, v in inputs.items()]
    made = concrete(function, *specs)
    (signature,) = litesmith.convert(made).program.signatures
    assert (list(signature.inputs), list(signature.outputs)) == (list(inputs), outputs)
    results = litesmith.convert(made)(**inputs)
    expected = tf.nest.flatten(function(*map(tf.constant, inputs.values())))
    for result, wanted in zip(results.values(), expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-6)


def test_nested_arguments() -> None:
    pair = tf.TensorSpec((2,), tf.float32)
    function = tf.function(lambda d, e: d["p"] - 2 * d["a"] + 3 * e[0] - 5 * e[1])
    made = function.get_concrete_function({"p": pair, "a": pair}, (pair, pair))
    model = litesmith.convert(made)
    values = {
        n: np.random.default_rng(i).normal(size=2).astype(np.float32) for i, n in enumerate("d d_1 e e_1".split())
    }
    assert sorted(model.program.signatures[0].inputs) == sorted(values)
    expected = made(**{n: tf.constant(v) for n, v in values.items()})
    np.testing.assert_allclose(*model(**values).values(), expected, rtol=1e-5)


def test_a_function_with_an_input_signature_is_taken() -> None:
    function = tf.function(lambda x: x * 2.0, input_signature=[SPEC])
    (result,) = litesmith.convert(function)(X).values()
    np.testing.assert_array_equal(result, X * 2)


def test_a_function_is_traced_with_the_arguments_given() -> None:
    (result,) = litesmith.convert(tf.function(lambda x: x * 2.0), SPEC)(X).values()
    np.testing.assert_array_equal(result, X * 2)


REFUSED = {
    "no arguments known": (lambda: tf.function(lambda x: x), UsageError, "call get_concrete_function"),
    "resource argument": (
        lambda: concrete(lambda v: tf.raw_ops.ReadVariableOp(resource=v, dtype=tf.float32), tf.TensorSpec((), tf.resource)),
        UsageError,
        "capture it in the function instead",
    ),
    "unknown rank": (
        lambda: concrete(lambda x: tf.transpose(x), tf.TensorSpec(None, tf.float32)),
        ConverterError,
        "unknown rank",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, kind, text = REFUSED[name]
    with pytest.raises(kind, match=text):
        litesmith.convert(make())


def test_an_unknown_rank_is_one_dimension_where_every_use_is_element_wise() -> None:
    model = litesmith.convert(concrete(lambda x: x + 1.0, tf.TensorSpec(None, tf.float32, name="x")))
    assert any("unknown rank" in note for note in model.notes)
    (result,) = model(X.ravel()).values()
    np.testing.assert_array_equal(result, X.ravel() + 1)


def test_an_unknown_rank_can_be_given() -> None:
    function = concrete(lambda x: x + 1.0, tf.TensorSpec(None, tf.float32, name="x"))
    (result,) = litesmith.convert(function, input_shapes={"x": [None, 4]})(X).values()
    np.testing.assert_array_equal(result, X + 1)


@pytest.mark.parametrize("kept", [False, True], ids=["weights", "state"])
def test_what_is_converted_is_the_value_of_that_moment(kept: bool) -> None:
    """Training that goes on before the file is written, in place or not, does not show in it."""
    variable = tf.Variable(np.full((4, 500), 2, np.float32))

    def use(x: Any) -> Any:
        return tf.matmul(x, variable.assign_add(tf.zeros_like(variable)) if kept else variable)

    model = litesmith.convert(concrete(use))
    variable.assign_add(tf.ones_like(variable))
    variable.assign(tf.zeros_like(variable))
    variable.scatter_nd_add([[0]], tf.ones((1, 500)))
    np.testing.assert_allclose(*model(X).values(), X @ np.full((4, 500), 2.0), rtol=1e-6)


def test_a_deleted_variable_is_told() -> None:
    def made() -> Any:
        variable = tf.Variable(tf.ones((4, 2)))
        return concrete(lambda x: tf.matmul(x, variable))

    function = made()
    import gc

    gc.collect()
    with pytest.raises(ConverterError, match="trackable_obj"):
        litesmith.convert(function)


# -- frozen graphs ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``y = relu(x @ w)``, ``z = y + k``; a binary and a text file."""
    directory = tmp_path_factory.mktemp("graph")
    with tf.Graph().as_default() as made:
        x = tf.compat.v1.placeholder(tf.float32, (None, 4), name="x")
        k = tf.compat.v1.placeholder(tf.float32, (None, 2), name="k")
        y = tf.nn.relu(tf.matmul(x, tf.constant(np.ones((4, 2), np.float32))), name="y")
        tf.add(y, k, name="z")
    for name, text in (("g.pb", False), ("g.pbtxt", True), ("text.pb", True)):
        tf.io.write_graph(made.as_graph_def(), str(directory), name, as_text=text)
    return directory


K = np.full((3, 2), 7, np.float32)
Y = np.maximum(X.sum(axis=1, keepdims=True), 0) * np.ones((1, 2), np.float32)


@pytest.mark.parametrize("file", ("g.pb", "g.pbtxt", "text.pb"))
def test_frozen_graph(graph: Path, file: str) -> None:
    convert = litesmith.compat.v1.lite.TFLiteConverter.from_frozen_graph
    converter = convert(str(graph / file), ["k", "x"], ["z", "y"])
    assert converter.get_input_arrays() == ["k", "x"]
    interpreter = litesmith.Interpreter(model_content=converter.convert())
    assert [d["name"] for d in interpreter.get_input_details()] == ["k", "x"]
    assert [d["name"] for d in interpreter.get_output_details()] == ["z", "y"]
    results = interpreter.get_signature_runner()(k=K, x=X)
    np.testing.assert_allclose(results["y"], Y, rtol=1e-6)
    np.testing.assert_allclose(results["z"], Y + K, rtol=1e-6)


def test_a_graph_is_cut_at_the_named_tensors(graph: Path) -> None:
    model = litesmith.convert(graph / "g.pb", input_names=["y", "k"], output_names=["z:0"], input_shapes={"y": [3, 2]})
    np.testing.assert_array_equal(*model(y=K, k=K).values(), K + K)


WRONG = {
    "no such input": (dict(input_arrays=["no"], output_arrays=["y"]), "no node 'no'"),
    "no such output": (dict(input_arrays=["x"], output_arrays=["no"]), "no node 'no'"),
    "a shape that does not fit": (
        dict(input_arrays=["x"], output_arrays=["y"], input_shapes={"x": [1, 5]}),
        "does not fit",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_names(graph: Path, name: str) -> None:
    arguments, text = WRONG[name]
    with pytest.raises(ValueError, match=text):
        litesmith.compat.v1.lite.TFLiteConverter.from_frozen_graph(str(graph / "g.pb"), **arguments).convert()


def test_missing_graph() -> None:
    with pytest.raises(OSError, match="does not exist"):
        litesmith.compat.v1.lite.TFLiteConverter.from_frozen_graph("/no/graph.pb", ["x"], ["y"])


def test_session_and_saved_model_between_arrays(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, 4), name="x")
        w = tf.compat.v1.get_variable("w", initializer=np.full((4, 2), 2, np.float32), use_resource=True)
        y = tf.identity(tf.matmul(x, w), name="y")
        z = tf.identity(y * 3.0, name="z")
        session.run(tf.compat.v1.global_variables_initializer())
        content = litesmith.compat.v1.lite.TFLiteConverter.from_session(session, [x], [y]).convert()
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "m"), {"x": x}, {"z": z})
    expected = X @ np.full((4, 2), 2)
    runner = litesmith.Interpreter(model_content=content).get_signature_runner()
    np.testing.assert_allclose(runner(x=X)["y"], expected, rtol=1e-5, atol=1e-5)
    convert = litesmith.compat.v1.lite.TFLiteConverter.from_saved_model
    between = convert(str(tmp_path / "m"), input_arrays=["x"], input_shapes={"x": [3, 4]}, output_arrays=["y"])
    interpreter = litesmith.Interpreter(model_content=between.convert())
    assert interpreter.get_input_details()[0]["shape_signature"].tolist() == [3, 4]
    np.testing.assert_allclose(interpreter.get_signature_runner()(x=X)["y"], expected, rtol=1e-5, atol=1e-5)


def test_shapes_of_what_is_no_input_are_an_error():
    """Also where a graph is converted between named tensors, as by the converter of TensorFlow 1."""
    from litesmith.frontends.tensorflow.graph_def import frozen_entry

    graph = tf.function(lambda x: x + 1.0).get_concrete_function(tf.TensorSpec((None, 2), tf.float32, name="x")).graph
    definition = graph.as_graph_def()
    assert frozen_entry(definition, ["x"], shapes={"x": [1, 2]}).signature.inputs
    with pytest.raises(litesmith.errors.UsageError, match="input_shapes names 'y'; the model's inputs are x"):
        frozen_entry(definition, ["x"], shapes={"y": [1, 2]})
    with pytest.raises(litesmith.errors.UsageError, match="no node 'nope'; its placeholders are x"):
        frozen_entry(definition, ["nope"])
