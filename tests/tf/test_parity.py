"""The parity harness itself: it passes right conversions and fails wrong ones."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from litesmith.errors import ConverterError, Problem
from tests.tf.parity import Case, Convert, Table, f32, ints

pytestmark = pytest.mark.tf


def peer_convert(directory: str, signature: str) -> bytes:
    """A converter that is known to be right on these rows, so that only the harness is under test."""
    return tf.lite.TFLiteConverter.from_saved_model(directory, signature_keys=[signature]).convert()


def miscompiled(wrong: Any) -> Convert:
    """A converter that lowers the row to another computation of the same signature."""

    def convert(directory: str, signature: str) -> bytes:
        loaded = tf.saved_model.load(directory).signatures[signature]
        specs = list(loaded.structured_input_signature[1].values())

        @tf.function(input_signature=[tf.TensorSpec(s.shape, s.dtype, s.name.split("_", 2)[-1]) for s in specs])
        def serve(x0: Any, x1: Any) -> dict[str, Any]:
            return {"y0": wrong(x0, x1)}

        concrete = serve.get_concrete_function()
        module = tf.Module()
        module.serve = serve
        with tempfile.TemporaryDirectory() as other:
            tf.saved_model.save(module, other, signatures={signature: concrete})
            return peer_convert(other, signature)

    return convert


NAN = np.float32([[np.nan, 1.0, -np.inf], [2.0, np.inf, 3.0]])
CASES = [
    Case("subtract", lambda x, y: x - y, [f32(2, 3), f32(2, 3, seed=1)], ops={"SUB": 1}),
    Case("broadcast", lambda x, y: x * y, [f32(2, 3), f32(3)], spec=[(None, 3)], also=[[f32(5, 3), f32(3)]], ops=1),
    Case("integers", lambda x, y: x + y, [ints(4), ints(4, seed=1)]),
    Case("comparison", lambda x, y: x < y, [np.float32([1, 2, 3]), np.float32([1, 3, 2])]),
    Case("not finite", lambda x, y: x + y, [NAN, f32(2, 3)]),
]
TABLE = Table(CASES)
BY_NAME = {case.name: case for case in CASES}

# What a mistaken lowering could do, by the row that has to notice.
MISTAKES = {
    "swapped operands": ("subtract", lambda x, y: y - x),
    "lost precision": ("subtract", lambda x, y: tf.cast(tf.cast(x, tf.float16), tf.float32) - y),
    "slightly off": ("broadcast", lambda x, y: x * y * (1 + 3e-5)),
    "off by one": ("integers", lambda x, y: x + y + tf.cast(x > 5, tf.int32)),
    "not strict": ("comparison", lambda x, y: x <= y),
    "other dtype": ("comparison", lambda x, y: tf.cast(x < y, tf.float32)),
    "lost NaN": ("not finite", lambda x, y: tf.where(tf.math.is_nan(x), y, x + y)),
    "lost infinity": ("not finite", lambda x, y: tf.clip_by_value(x + y, -1e30, 1e30)),
    "other shape": ("subtract", lambda x, y: tf.expand_dims(x - y, 0)),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_right_conversions_pass(case: Case) -> None:
    TABLE.check(case, peer_convert)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_lowerings_fail(mistake: str) -> None:
    row, wrong = MISTAKES[mistake]
    with pytest.raises(AssertionError, match=row):
        TABLE.check(BY_NAME[row], miscompiled(wrong))


@pytest.mark.parametrize("ops", ({"ADD": 1}, {"SUB": 1, "RESHAPE": 1}, 0))
def test_other_ops_than_expected_fail(ops: Any) -> None:
    case = Case("ops", lambda x: x - 1.0, [f32(3)], ops=ops)
    with pytest.raises(AssertionError, match="ops"):
        Table([case]).check(case, peer_convert)


def test_a_row_that_tensorflow_rejects_fails_alone() -> None:
    good = Case("good", lambda x: x - 1.0, [f32(3)])
    bad = Case("bad", lambda x: tf.reshape(x, [7]), [f32(3)])
    table = Table([good, bad])
    table.check(good, peer_convert)
    with pytest.raises(ValueError, match="reshape"):
        table.check(bad, peer_convert)


class TestExpectedRefusal:
    case = Case("refused", lambda x: x - 1.0, [f32(3)], raises="LS012", says="float64")

    def refusing(self, code: str, reason: str) -> Convert:
        def convert(directory: str, signature: str) -> bytes:
            raise ConverterError([Problem(code, reason)])

        return convert

    def test_the_expected_problem_passes(self) -> None:
        Table([self.case]).check(self.case, self.refusing("LS012", "float64 is not taken"))

    @pytest.mark.parametrize(
        "code, reason", [("LS013", "float64 is not taken"), ("LS012", "int8 is not taken")], ids=["code", "text"]
    )
    def test_another_problem_fails(self, code: str, reason: str) -> None:
        with pytest.raises(AssertionError):
            Table([self.case]).check(self.case, self.refusing(code, reason))

    def test_success_fails(self) -> None:
        with pytest.raises(pytest.fail.Exception):
            Table([self.case]).check(self.case, peer_convert)


class Accumulator(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.total = tf.Variable([1.0, 2.0])

    def __call__(self, x: Any) -> Any:
        return self.total.assign_add(x)


def test_state_moves_along_with_tensorflows() -> None:
    case = Case("state", Accumulator(), [f32(2)])
    Table([case]).check(case, peer_convert)


def test_two_rows_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        Table([CASES[0], CASES[0]])
