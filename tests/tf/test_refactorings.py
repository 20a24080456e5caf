"""Models that need a change, or suit a device better after one: each is built, and `check` recognises it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import litesmith

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.tf

X = tf.TensorSpec([2, 4], tf.float32, name="x")
TEXTS = tf.TensorSpec([3], tf.string, name="s")


def python_code(x: Any) -> Any:
    return tf.ensure_shape(tf.py_function(lambda a: a, [x], tf.float32), [2, 4])


def sparse(x: Any) -> Any:
    return tf.sparse.to_dense(tf.sparse.reorder(tf.sparse.from_dense(x)))


def examples(s: Any) -> Any:
    return tf.io.parse_example(s, {"a": tf.io.FixedLenFeature([2], tf.float32)})["a"]


def many_dimensions(x: Any) -> Any:
    grid = tf.transpose(tf.reshape(x, [1, 2, 2, 2, 1, 1]), [0, 3, 1, 5, 2, 4])
    return tf.reduce_mean(grid * tf.reshape(x[:, :1], [1, 2, 1, 1, 1, 1]), [1, 4])


def batch_statistics(x: Any) -> Any:
    ones, none = tf.ones([1]), tf.zeros([0])
    return tf.compat.v1.nn.fused_batch_norm(x, ones, ones, none, none, is_training=True)[0]


def dropout(x: Any) -> Any:
    with tf.name_scope("dropout"):
        return tf.nn.dropout(x, 0.5)


def changed_table(s: Any) -> Any:
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    table.insert(s, tf.ones_like(s, tf.int64))
    return table.lookup(s)


def pipeline(x: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices(x).map(lambda a: a * 2).reduce(tf.zeros([4]), lambda a, b: a + b)


KINDS: dict[str, tuple[Callable[[Any], Any], Any, str, str]] = {
    "unknown size": (tf.nn.relu, tf.TensorSpec([None, 4], tf.float32, name="x"), "sizes of inputs", "input_shapes={'x': [1, 4]}"),
    "unknown rank": (tf.nn.softmax, tf.TensorSpec(None, tf.float32, name="x"), "an unknown rank", "input_shapes="),
    "float64": (lambda x: tf.sin(tf.cast(x, tf.float64)), X, "float64 where", "float32"),
    "seeded random numbers": (
        lambda x: x + tf.random.stateless_gamma([2, 4], [1, 2], 1.0), X, "random sequence", "an input of random numbers",
    ),
    "dropout left on": (dropout, X, "training mode", "training=False"),
    "batch statistics": (batch_statistics, tf.TensorSpec([2, 3, 3, 1], tf.float32, name="x"), "training mode", "training=False"),
    "Python code": (python_code, X, "Python code runs", "written with tf operations"),
    "text": (lambda s: tf.strings.lower(s), TEXTS, "text is prepared", "takes ids"),
    "sparse": (sparse, X, "sparse or ragged", "to_dense"),
    "ragged": (
        lambda x: tf.RaggedTensor.from_row_lengths(x, [1, 1]).to_tensor(), X, "sparse or ragged", "to_tensor()",
    ),
    "tf.Example": (examples, TEXTS, "serialized examples", "input_signature"),
    "int64": (lambda i: tf.gather(tf.range(10.0), i), tf.TensorSpec([3], tf.int64, name="i"), "int64 where", "int32"),
    "many dimensions": (many_dimensions, X, "more than 4 dimensions", "tf.reshape"),
    "mutable table": (changed_table, TEXTS, "lookup table changes", "StaticHashTable"),
    "images": (tf.io.decode_jpeg, tf.TensorSpec([], tf.string, name="s"), "images or sound", "uint8"),
    "files": (tf.io.read_file, tf.TensorSpec([], tf.string, name="s"), "files are read", "an input"),
    "pipeline": (pipeline, X, "input pipeline", "input_signature"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_recognised(kind: str) -> None:
    body, spec, words, after = KINDS[kind]
    function = tf.function(lambda *args: {"y": body(*args)}, input_signature=[spec])
    findings = litesmith.check(function.get_concrete_function()).findings
    (finding,) = [finding for finding in findings if words in finding.title]
    assert finding.places
    assert finding.before
    assert after in finding.after


def test_a_model_that_predicts_is_left_alone() -> None:
    """Dropout that is off, a batch normalization with its moving mean, a state of the caller's."""
    mean, scale = tf.zeros([4]), tf.ones([4])

    @tf.function(input_signature=[X])
    def predict(x: Any) -> Any:
        with tf.name_scope("batch_normalization"):
            x = tf.nn.batch_normalization(x, mean, scale, None, scale, 1e-3)
        with tf.name_scope("dropout"):
            return {"y": tf.reduce_mean(tf.identity(x) * 2.0, 1)}

    assert litesmith.check(predict.get_concrete_function()).findings == ()


def test_a_training_step_and_a_signature_that_is_not_needed(tmp_path: Path) -> None:
    module = tf.Module()
    module.w = tf.Variable(tf.ones([4, 1]))

    @tf.function(input_signature=[X])
    def train(x: Any) -> Any:
        w = module.w.handle
        tf.raw_ops.ResourceApplyAdagradDA(
            var=w, gradient_accumulator=w, gradient_squared_accumulator=w, grad=tf.ones([4, 1]), lr=1.0, l1=0.0, l2=0.0,
            global_step=tf.constant(1, tf.int64),
        )  # fmt: skip
        return {"loss": tf.reduce_sum(python_code(x))}

    module.train = train
    module.serve = tf.function(lambda x: {"y": tf.matmul(x, module.w)}, input_signature=[X])
    tf.saved_model.save(module, str(tmp_path), signatures={"train": module.train, "serve": module.serve})
    findings = {finding.title: finding.after for finding in litesmith.check(str(tmp_path)).findings}
    assert findings["a step of training is in the graph"] == 'signature_keys=["serve"]'
    assert findings["a signature that is not needed stands in the way"] == "signature_keys=['serve']"
