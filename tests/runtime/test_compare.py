"""Comparing outputs: what agrees, what does not, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from litesmith.runtime import compare, compare_outputs, comparison_table
from litesmith.runtime.compare import identical

F, NAN, INF = np.float32, np.nan, np.inf


@dataclass(frozen=True)
class Case:
    id: str
    actual: Any
    expected: Any
    passed: bool
    relative: float = 0.0
    mismatches: int = 0
    tol: float = 1e-5
    steps: int = 0


CASES = [
    Case("equal", F([0, 10]), F([0, 10]), True),
    Case("within", F([0, 10.00005]), F([0, 10]), True, relative=5e-6),
    Case("beyond", F([0, 10.0002]), F([0, 10]), False, relative=2e-5, mismatches=1),
    Case("beyond a wider tolerance", F([0, 10.2]), F([0, 10]), False, relative=2e-2, mismatches=1, tol=1e-2),
    Case("within a wider tolerance", F([0, 10.05]), F([0, 10]), True, relative=5e-3, tol=1e-2),
    Case("range counts, not magnitude", F([1000, 1001.01]), F([1000, 1001]), False,
         relative=1e-2, mismatches=1),
    Case("rounding of a large magnitude", np.nextafter(F([1000, 1001]), F(INF)), F([1000, 1001]), True,
         relative=6.1e-5),
    Case("constant reference", F([2, 2.001]), F([2, 2]), False, relative=5e-4, mismatches=1),
    Case("zero reference", F([0, 1e-9]), F([0, 0]), False, relative=1e-9, mismatches=1),
    Case("scalar", F(1.00001), F(1), True, relative=1e-5, tol=2e-5),
    Case("empty", np.zeros((0, 3), F), np.zeros((0, 3), F), True),
    Case("same NaN", F([NAN, 1, 0]), F([NAN, 1, 0]), True),
    Case("NaN for a number", F([NAN, 1, 0]), F([2, 1, 0]), False, relative=INF, mismatches=1),
    Case("number for NaN", F([2, 1, 0]), F([NAN, 1, 0]), False, relative=INF, mismatches=1),
    Case("all NaN for numbers", F([NAN, NAN]), F([1, 2]), False, relative=INF, mismatches=2),
    Case("same infinity", F([INF, -INF, 0, 1]), F([INF, -INF, 0, 1]), True),
    Case("other infinity", F([-INF, 0, 1]), F([INF, 0, 1]), False, relative=INF, mismatches=1),
    Case("infinity for NaN", F([INF, 0, 1]), F([NAN, 0, 1]), False, relative=INF, mismatches=1),
    Case("integers equal", np.int32([1, 2]), np.int32([1, 2]), True),
    Case("integers unequal", np.int32([1, 3]), np.int32([1, 2]), False, relative=1, mismatches=1),
    Case("one step allowed", np.int8([1, 3, 11]), np.int8([1, 2, 11]), True, relative=0.1, steps=1),
    Case("two steps off", np.int8([1, 4, 11]), np.int8([1, 2, 11]), False,
         relative=0.2, mismatches=1, steps=1),
    Case("uint8 does not wrap", np.uint8([0, 255]), np.uint8([255, 0]), False,
         relative=1, mismatches=2, steps=1),
    Case("large int64", np.int64([2**62, 0]), np.int64([2**62 + 1, 0]), False,
         relative=2.0**-62, mismatches=1),
    Case("booleans", np.array([True, False]), np.array([True, True]), False, mismatches=1),
    Case("complex within", np.complex64([1 + 1j, 0]), np.complex64([1 + 1.000005j, 0]), True, relative=5e-6),
    Case("complex beyond", np.complex64([1 + 1j, 0]), np.complex64([1 + 2j, 0]), False,
         relative=0.5, mismatches=1),
    Case("float16 rounding", np.float16([1, 1.001]), np.float16([1, 1]), True, relative=9.8e-4),
    Case("bfloat16", np.array([1, 2], ml_dtypes.bfloat16), np.array([1, 2.5], ml_dtypes.bfloat16), False,
         relative=1 / 3, mismatches=1),
    Case("int4", np.array([1, 2], ml_dtypes.int4), np.array([1, 2], ml_dtypes.int4), True),
    Case("strings", np.array([b"a", b"b"], object), np.array(["a", "b"]), True),
    Case("other strings", np.array([b"a", b"b"], object), np.array([b"a", b"c"]), False, mismatches=1),
    Case("dtype", F([1]), np.float64([1]), False, relative=INF, mismatches=1),
    Case("shape", F([[1, 2]]), F([1, 2]), False, relative=INF, mismatches=2),
    Case("broadcastable shape", F([1]), F([1, 1]), False, relative=INF, mismatches=2),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_compare(case: Case) -> None:
    result = compare(case.actual, case.expected, case.tol, steps=case.steps)
    assert result.passed == case.passed, result
    assert result.mismatches == case.mismatches
    assert result.relative == pytest.approx(case.relative, rel=0.05)
    assert bool(result.reason) != case.passed


def test_reason_names_the_worst_element() -> None:
    reason = compare(F([[0, 1], [2, 9]]), F([[0, 1], [3, 3]])).reason
    assert reason == "2 of 4 elements differ, most at [1, 1]: 9.0 where 3.0 is expected"


def test_outputs_are_matched_by_name() -> None:
    actual = {"a": F([1, 2]), "b": F([3, 4])}
    assert [c.passed for c in compare_outputs(actual, {"b": F([3, 4]), "a": F([1, 2])})] == [True, True]
    assert [c.name for c in compare_outputs(actual, {"b": F([3, 4])})] == ["b"]
    (missing,) = compare_outputs(actual, {"c": F([3, 4])})
    assert "only 'a', 'b'" in missing.reason


def test_table_has_a_row_for_each_output() -> None:
    rows = comparison_table(compare_outputs({"a": F([0, 10]), "b": F([1])}, {"a": F([0, 11]), "b": F([1])}))
    assert [row["output"] for row in rows] == ["a", "b"]
    assert rows[0]["type"] == "float32[2]"
    assert rows[0]["beyond"] == "1/2"
    assert rows[1]["result"] == "agrees"


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (F([1, NAN]), F([1, NAN]), True),
        (F([1]), np.nextafter(F([1]), F(2)), False),
        (F([NAN]), F([1]), False),
        (F([1]), F([[1]]), False),
        (np.array([b"a"], object), np.array([b"b"], object), False),
    ],
)
def test_identical(left: np.ndarray, right: np.ndarray, same: bool) -> None:
    assert identical({"y": left}, {"y": right}) is same
    assert not identical({"y": left}, {"z": left})
