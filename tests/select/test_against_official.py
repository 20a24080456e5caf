"""Select TF operators beside the official converter's: never more of them; all of them where nothing else is allowed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.formats.tflite import read_model
from litesmith.ir import Program
from litesmith.runtime import Runner

pytestmark = pytest.mark.flex
tf = pytest.importorskip("tensorflow")

from tests.select.test_select_ops import CASES, X, _spec  # noqa: E402


def select_counts(program: Program) -> Counter[str]:
    """How often each Select TF operator occurs."""
    codes = (str(op.attrs["custom_code"]) for g in program.all_graphs() for op in g.ops if op.name == "CUSTOM")
    return Counter(code for code in codes if code.startswith("Flex"))


@pytest.mark.parametrize("name", CASES)
def test_never_more_than_the_official_converter(name: str) -> None:
    case = CASES[name]
    function = tf.function(lambda *args: {"y": case.fn(*args)}).get_concrete_function(*map(_spec, case.inputs))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    theirs = select_counts(read_model(converter.convert()))
    ours = select_counts(litesmith.convert(function, select_tf_ops=True, verify=False).program)
    assert ours <= theirs


WEIGHTS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)

ALONE: dict[str, Callable[[Any], Any]] = {
    "layer": lambda x: tf.nn.relu(tf.matmul(x, WEIGHTS) + 1.0),
    "shapes": lambda x: tf.reshape(x, [tf.shape(x)[0], 2, 2]) * 2.0,
    "parts": lambda x: tf.concat(tf.split(x, 2, 1)[::-1], 1)[:, 1:],
    "branch": lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: tf.nn.relu(x), lambda: tf.exp(x)),
    "loop": lambda x: tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * 2.0), [0, x])[1],
}


def alone(function: Any, trackable: Any = None) -> bytes:
    converter = litesmith.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], trackable)
    converter.target_spec.supported_ops = [litesmith.OpsSet.SELECT_TF_OPS]
    content: bytes = converter.convert()
    return content


@pytest.mark.parametrize("name", ALONE)
def test_select_operators_alone(name: str) -> None:
    function = tf.function(ALONE[name], input_signature=[tf.TensorSpec(X.shape, tf.float32)])
    content = alone(function)
    operators = read_model(content).histogram()
    assert {*operators} <= {"CUSTOM", "IF", "WHILE"}
    assert operators["CUSTOM"] == sum(select_counts(read_model(content)).values())
    runner = Runner(content, python=sys.executable)
    for x in (X, X + 3, -X):
        (answer,) = runner.run([x]).values()
        np.testing.assert_allclose(answer, function(tf.constant(x)).numpy(), rtol=0, atol=1e-5)


class Sums(tf.Module):
    """A variable that a function captures and changes."""

    def __init__(self) -> None:
        self.total = tf.Variable([1.0, 2.0])
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [10.0, 20.0]), -1.0)

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32)])
    def add(self, x: Any) -> Any:
        self.total.assign_add(x)
        return self.total.read_value()

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32)])
    def descend(self, x: Any) -> Any:
        tf.raw_ops.ResourceApplyGradientDescent(var=self.total.handle, alpha=-1.0, delta=x)
        return self.total.read_value()

    @tf.function(input_signature=[tf.TensorSpec([2], tf.string)])
    def look_up(self, words: Any) -> Any:
        return self.table.lookup(words)


@pytest.mark.parametrize("only", [True, False])
def test_a_captured_variable_is_the_delegates_as_a_whole(only: bool) -> None:
    module = Sums()
    if only:
        content = alone(module.add, module)
    else:
        content = litesmith.convert(module.descend.get_concrete_function(), select_tf_ops=True, verify=False).content
    assert {*read_model(content).histogram()} <= {"CUSTOM", "CALL_ONCE"}
    runner = Runner(content, python=sys.executable)
    totals = [next(iter(runner.run([np.array([1, 3], np.float32)]).values())).tolist() for _ in range(3)]
    assert totals == [[2, 5], [3, 8], [4, 11]]


def test_a_captured_table_is_refused_alone() -> None:
    module = Sums()
    with pytest.raises(litesmith.ConverterError, match="content of the captured lookup table"):
        alone(module.look_up, module)


def test_a_saved_table_alone(tmp_path: Path) -> None:
    module = Sums()
    tf.saved_model.save(module, str(tmp_path), signatures=module.look_up)
    converter = litesmith.TFLiteConverter.from_saved_model(str(tmp_path))
    converter.target_spec.supported_ops = [litesmith.OpsSet.SELECT_TF_OPS]
    content = converter.convert()
    assert {*read_model(content).histogram()} <= {"CUSTOM", "CALL_ONCE"}
    (answer,) = Runner(content, python=sys.executable).run([np.array([b"b", b"z"], object)]).values()
    assert answer.tolist() == [20, -1]


def test_what_is_no_select_operator_is_refused_alone(tmp_path: Path) -> None:
    function = tf.function(lambda x: tf.linalg.svd(x, compute_uv=False), input_signature=[tf.TensorSpec([3, 3])])
    with pytest.raises(litesmith.ConverterError, match="has no built-in operators, but the model needs"):
        alone(function)
