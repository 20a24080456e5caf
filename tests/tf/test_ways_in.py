"""SavedModels and graphs of unusual make: inputs of unknown rank, gradients in the graph, tables in collections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith import ConverterError

tf = pytest.importorskip("tensorflow")
v1 = tf.compat.v1
pytestmark = pytest.mark.tf


def check(made: Any, expected: Any, *inputs: Any) -> None:
    """Three runs give what is expected."""
    for _ in range(3):
        for have, want in zip(made(*inputs).values(), tf.nest.flatten(expected), strict=True):
            if want.dtype == object:
                assert have.tolist() == want.tolist()
            else:
                np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


# -- inputs of unknown rank -------------------------------------------------------------------------------------------


class Words(tf.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        values = tf.constant([1, 2], tf.int64)
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], values), -1)

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string)])
    def find(self, word: Any) -> Any:
        return self.table.lookup(word)


RANKLESS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "element-wise": (lambda x: tf.tanh(x) * 2.0 + 1.0, np.float32([1, -1, 0.5])),
    "sizes": (lambda x: (tf.shape(x), tf.size(x), tf.zeros_like(x)), np.float32([1, 2])),
    "flattened": (lambda x: tf.reduce_sum(tf.reshape(x, [-1])), np.float32([1, 2])),
    "chosen": (lambda x: tf.where(x > 0.0, x, -x), np.float32([1, -2])),
}


@pytest.mark.parametrize("name", RANKLESS)
def test_uses_that_take_any_rank(name: str) -> None:
    function, x = RANKLESS[name]
    concrete = tf.function(function, input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    made = litesmith.convert(concrete)
    assert made.notes == ["input 'x' of unknown rank has one dimension of unknown size"]
    check(made, concrete(x), x)


def test_lookups_take_any_rank(tmp_path: Path) -> None:
    model = Words()
    tf.saved_model.save(model, str(tmp_path), signatures=model.find)
    words = np.array(["b", "z"], object)
    check(litesmith.convert(tmp_path), model.find(words), words)


def test_other_uses_leave_a_signature_out(tmp_path: Path) -> None:
    model = tf.Module()
    spec = [tf.TensorSpec(None, tf.float32, name="x")]
    fine = tf.function(lambda x: {"y": tf.tanh(x)}, input_signature=spec)
    other = tf.function(lambda x: {"y": tf.reduce_sum(x, 0)}, input_signature=spec)
    tf.saved_model.save(model, str(tmp_path), signatures={"fine": fine, "other": other})
    made = litesmith.convert(tmp_path)
    assert [s.key for s in made.signatures] == ["fine"]
    assert "signature 'other' is left out: input 'x' has an unknown rank" in made.notes
    with pytest.raises(ConverterError, match="LS021"):
        litesmith.convert(tmp_path, signature_keys="other")
    assert [s.key for s in litesmith.convert(tmp_path, input_shapes={"x": [2, 3]}).signatures] == ["fine", "other"]


# -- TensorFlow 1 -----------------------------------------------------------------------------------------------------


def test_loops_of_gradients_that_no_signature_needs(tmp_path: Path) -> None:
    v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None, 4], "x")
            w = v1.get_variable("w", [4, 4], initializer=v1.constant_initializer(0.1))
            _, y = v1.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.tanh(a @ w)), [0, x])
            v1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
            session.run(v1.global_variables_initializer())
            expected = session.run(y, {x: np.ones([2, 4], np.float32)})
            v1.saved_model.simple_save(session, str(tmp_path / "model"), {"x": x}, {"y": y})
    finally:
        v1.enable_control_flow_v2()
    check(litesmith.convert(tmp_path / "model"), expected, np.ones([2, 4], np.float32))


@pytest.mark.parametrize("is_main", (True, False))
def test_tables_filled_by_a_collection(is_main: bool, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a\nb\nc\n")
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.string, [None], "x")
        file = tf.constant(str(tmp_path / "words.txt"))
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, file)
        lines, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        content = tf.lookup.TextFileInitializer(file, tf.string, lines, tf.int64, number)
        y = tf.identity(tf.lookup.StaticHashTable(content, -1).lookup(x), "y")
        session.run(v1.tables_initializer())
        builder = v1.saved_model.Builder(str(tmp_path / "model"))
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": signature},
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer() if is_main else None,
        )
        builder.save()
    words = np.array(["c", "z", "a"], object)
    check(litesmith.convert(tmp_path / "model"), np.array([2, -1, 0]), words)


def test_old_functions_of_several_results() -> None:
    from tensorflow.python.framework import function

    @function.Defun(tf.float32, tf.float32)  # type: ignore[untyped-decorator]
    def both(a: Any, b: Any) -> Any:
        return a + b, a * b

    @tf.function
    def inner(x: Any) -> Any:
        total, product = both(x, x + 1.0)
        return total * 2.0 + product

    concrete = tf.function(lambda x: inner(x), input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    check(litesmith.convert(concrete), concrete(x), x)


def test_a_graph_cut_at_an_iterator(tmp_path: Path) -> None:
    graph = v1.GraphDef()
    graph.node.add(name="iterator", op="OneShotIterator")
    following = graph.node.add(name="next", op="IteratorGetNext", input=["iterator"])
    following.attr["output_types"].list.type.extend([tf.int32.as_datatype_enum, tf.float32.as_datatype_enum])
    for shape in ([2], [2, 3]):
        following.attr["output_shapes"].list.shape.add().CopyFrom(tf.TensorShape(shape).as_proto())
    graph.node.add(name="y", op="Neg", input=["next:1"]).attr["T"].type = tf.float32.as_datatype_enum
    (tmp_path / "g.pb").write_bytes(graph.SerializeToString())
    made = litesmith.convert(tmp_path / "g.pb", input_names=["next:1"], output_names=["y"])
    check(made, -np.ones((2, 3), np.float32), np.ones((2, 3), np.float32))
