"""Select TF operators, converted and run by a TensorFlow that has the Flex delegate (`make test-flex`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.flex
tf = pytest.importorskip("tensorflow")
if tuple(int(n) for n in tf.__version__.split(".")[:2]) > (2, 18):
    pytest.skip("TensorFlow has no Flex delegate after 2.18", allow_module_level=True)

import litesmith  # noqa: E402
from litesmith.frontends.tensorflow.select_ops import select_operators  # noqa: E402
from litesmith.runtime import Runner  # noqa: E402

TEXTS = np.array([b"Hello World", b"to be or not", b"", b"12.5"], object)
NUMBERS = np.array([b"1.5", b"-2", b"3e2"], object)
IMAGE = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
X = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
EXAMPLES = np.array(
    [
        tf.train.Example(
            features=tf.train.Features(feature={"a": tf.train.Feature(float_list=tf.train.FloatList(value=[i, i + 1.5]))})
        ).SerializeToString()
        for i in range(3)
    ],
    object,
)


def encoded(kind: str) -> np.ndarray[Any, Any]:
    """The image as a scalar of its bytes in a file format."""
    return np.array(getattr(tf.io, f"encode_{kind}")(IMAGE).numpy(), object)


@dataclass(frozen=True)
class Case:
    """A row: a function, its inputs, and the Select TF operators the file may have."""

    fn: Callable[..., Any]
    inputs: Sequence[Any]
    operators: str
    tol: float = 1e-5
    spec: Sequence[Any] | None = None


CASES = {
    # text
    "lower": Case(tf.strings.lower, [TEXTS], "StringLower"),
    "strip": Case(tf.strings.strip, [TEXTS], "StringStrip"),
    "length": Case(lambda s: tf.strings.length(s) + 1, [TEXTS], "StringLength"),
    "join": Case(lambda s: tf.strings.join([s, "!"], "-"), [TEXTS], "StringJoin"),
    "replace": Case(lambda s: tf.strings.regex_replace(s, "o", "0"), [TEXTS], "StaticRegexReplace"),
    "match": Case(lambda s: tf.strings.regex_full_match(s, ".*o.*"), [TEXTS], "StaticRegexFullMatch"),
    "substring": Case(lambda s: tf.strings.substr(s, 0, 0), [TEXTS], "Substr"),
    "to number": Case(lambda s: tf.strings.to_number(s) * 2.0, [NUMBERS], "StringToNumber"),
    "as string": Case(lambda x: tf.strings.as_string(x, precision=2), [X], "AsString"),
    "hash": Case(lambda s: tf.strings.to_hash_bucket_fast(s, 100), [TEXTS], "StringToHashBucketFast"),
    "reduce join": Case(lambda s: tf.strings.reduce_join(s, axis=0), [TEXTS], "ReduceJoin"),
    "base64": Case(tf.io.encode_base64, [TEXTS], "EncodeBase64"),
    "split": Case(lambda s: tf.strings.split(s).flat_values, [TEXTS], "StringSplitV2"),
    "several": Case(lambda s: tf.strings.length(tf.strings.join([tf.strings.lower(s), s])), [TEXTS], "StringJoin StringLength StringLower"),
    # images and sound
    "jpeg": Case(lambda s: tf.cast(tf.io.decode_jpeg(s, channels=3), tf.float32) / 255.0, [encoded("jpeg")], "DecodeJpeg"),
    "png": Case(lambda s: tf.io.decode_png(s, channels=3), [encoded("png")], "DecodePng"),
    "encode png": Case(tf.io.encode_png, [IMAGE], "EncodePng"),
    # serialized data
    "raw": Case(lambda s: tf.io.decode_raw(s, tf.uint8), [np.array([b"ab", b"cd"], object)], "DecodeRaw"),
    "examples": Case(
        lambda s: tf.io.parse_example(s, {"a": tf.io.FixedLenFeature([2], tf.float32)})["a"], [EXAMPLES], "ParseExampleV2"
    ),
    # numbers
    "float64": Case(lambda x: tf.cast(tf.sin(tf.cast(x, tf.float64)) * 2, tf.float32), [X], "Sin Mul"),
    "stateless random": Case(
        lambda x: x + tf.random.stateless_uniform([3, 4], [1, 2]), [X], "StatelessRandomGetKeyCounter StatelessRandomUniformV2"
    ),
    "stateless normal": Case(
        lambda x: x + tf.random.stateless_normal([3, 4], [1, 2]), [X], "StatelessRandomGetKeyCounter StatelessRandomNormalV2"
    ),
    "conv gradient": Case(
        lambda x, g: tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=[2, 2, 1, 3], out_backprop=g, strides=[1, 1, 1, 1], padding="VALID"
        ),
        [np.ones((1, 4, 4, 1), np.float32), np.ones((1, 3, 3, 3), np.float32)],
        "Conv2DBackpropFilter",
    ),
    "sparse reorder": Case(
        lambda x: tf.sparse.to_dense(tf.sparse.reorder(tf.SparseTensor([[1, 0], [0, 1]], x, [2, 2]))),
        [np.array([1.0, 2.0], np.float32)],
        "SparseReorder",
    ),
    "ragged": Case(
        lambda x: tf.RaggedTensor.from_row_lengths(x, [1, 2]).to_tensor(), [np.arange(3, dtype=np.float32)], "RaggedTensorToTensor"
    ),
    # control flow and data sets
    "branch": Case(
        lambda x: tf.cond(tf.reduce_sum(x) > 1, lambda: tf.strings.as_string(x), lambda: tf.strings.as_string(-x)), [X], "AsString"
    ),
    "loop": Case(
        lambda s: tf.while_loop(lambda i, t: i < 3, lambda i, t: (i + 1, tf.strings.join([t, "x"])), (0, s))[1],
        [TEXTS],
        "StringJoin",
    ),
    "data set": Case(
        lambda x: tf.data.Dataset.from_tensor_slices(x).map(lambda a: a * 2).reduce(tf.zeros(4), lambda a, b: a + b),
        [X],
        "MapDataset ReduceDataset TensorSliceDataset",
    ),
    # nothing that needs one
    "inverse is built in": Case(lambda x: tf.linalg.inv(x) @ x, [np.eye(3, dtype=np.float32) * 2], ""),
    "fft is built in": Case(lambda x: tf.abs(tf.signal.rfft(x)), [np.arange(12, dtype=np.float32).reshape(2, 6)], "", 1e-4),
}


def convert(module: Any, path: Path) -> Any:
    """The model of a saved module, run by this Python's TensorFlow."""
    tf.saved_model.save(module, str(path), signatures=module.entries)
    model = litesmith.convert(path, select_tf_ops=True, verify=False)
    return model, Runner(model.content, python=sys.executable)


def _spec(value: Any) -> Any:
    array = np.asarray(value)
    return tf.TensorSpec(array.shape, tf.string if array.dtype.kind == "O" else array.dtype)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees(case: Case, tmp_path: Path) -> None:
    module = tf.Module()
    function = tf.function(lambda *args: {"y": case.fn(*args)})
    module.entries = {"serving_default": function.get_concrete_function(*map(_spec, case.inputs))}
    expected = function(*map(tf.constant, case.inputs))["y"].numpy()
    model, runner = convert(module, tmp_path)
    assert set(select_operators(model.program)) <= set(case.operators.split())
    for _ in range(3):
        (answer,) = runner.run(list(case.inputs)).values()
        if np.asarray(expected).dtype.kind in "OSU":
            assert np.asarray(answer).ravel().tolist() == np.asarray(expected).ravel().tolist()
        else:
            assert answer.dtype == expected.dtype
            np.testing.assert_allclose(answer, expected, rtol=0, atol=case.tol * max(1.0, float(np.abs(expected).max())))


class Trained(tf.Module):
    """A layer that is trained, saved and restored on the device."""

    def __init__(self) -> None:
        self.w = tf.Variable(tf.zeros([4]), name="w")
        self.entries = {
            "train": tf.function(self.train).get_concrete_function(tf.TensorSpec([4]), tf.TensorSpec([])),
            "infer": tf.function(self.infer).get_concrete_function(tf.TensorSpec([4])),
            "save": tf.function(self.save).get_concrete_function(tf.TensorSpec([], tf.string)),
            "restore": tf.function(self.restore).get_concrete_function(tf.TensorSpec([], tf.string)),
        }

    def train(self, x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = (tf.reduce_sum(self.w * x) - y) ** 2
        tf.raw_ops.ResourceApplyGradientDescent(var=self.w.handle, alpha=0.05, delta=tape.gradient(loss, self.w))
        return {"loss": loss}

    def infer(self, x: Any) -> Any:
        return {"y": tf.reduce_sum(self.w * x)}

    def save(self, path: Any) -> Any:
        tf.raw_ops.Save(filename=path, tensor_names=["w"], data=[self.w.read_value()])
        return {"path": path}

    def restore(self, path: Any) -> Any:
        self.w.assign(tf.raw_ops.Restore(file_pattern=path, tensor_name="w", dt=tf.float32))
        return {"path": path}


def test_training_on_the_device(tmp_path: Path) -> None:
    module = Trained()
    _, runner = convert(module, tmp_path / "model")
    x, y = np.array([1, 2, 0, -1], np.float32), np.float32(3)
    losses = [float(runner.run({"x": x, "y": y}, "train")["loss"]) for _ in range(5)]
    expected = [float(module.train(tf.constant(x), tf.constant(y))["loss"]) for _ in range(5)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    answer = runner.run({"x": x}, "infer")["y"]
    np.testing.assert_allclose(answer, module.infer(tf.constant(x))["y"], rtol=1e-5)
    path = np.array(str(tmp_path / "weights").encode(), object)
    runner.run({"path": path}, "save")
    runner.reset()
    assert float(runner.run({"x": x}, "infer")["y"]) == 0
    runner.run({"path": path}, "restore")
    np.testing.assert_allclose(runner.run({"x": x}, "infer")["y"], answer, rtol=1e-6)


class Counting(tf.Module):
    """A table that changes."""

    def __init__(self) -> None:
        self.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
        self.entries = {"serving_default": tf.function(self.call).get_concrete_function(tf.TensorSpec([None], tf.string))}

    def call(self, keys: Any) -> Any:
        before = self.table.lookup(keys)
        self.table.insert(keys, tf.range(tf.size(keys, out_type=tf.int64)))
        return {"before": before, "after": self.table.lookup(keys)}


def test_a_table_that_changes(tmp_path: Path) -> None:
    _, runner = convert(Counting(), tmp_path)
    keys = np.array([b"a", b"b"], object)
    first, second = runner.run([keys]), runner.run([keys])
    assert [first[n].tolist() for n in ("before", "after")] == [[-1, -1], [0, 1]]
    assert second["before"].tolist() == [0, 1]


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from litesmith.cli import main

    module = tf.Module()
    module.entries = tf.function(tf.strings.lower).get_concrete_function(tf.TensorSpec([2], tf.string))
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.entries)
    file = str(tmp_path / "m.tflite")
    assert main(["convert", str(tmp_path / "model"), "-o", file]) == 1
    assert main(["convert", str(tmp_path / "model"), "-o", file, "--select-tf-ops"]) == 0
    assert main(["verify", file, "--runtime", sys.executable]) == 0
