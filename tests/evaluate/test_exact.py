"""Exact sums: order and splitting do not matter, and the result is rounded once."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litesmith.evaluate import exact
from litesmith.evaluate.accumulate import Maxima
from litesmith.evaluate.exact import ExactSums

LOADED = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def summed(values, coarse=False):
    sums = ExactSums(1, coarse=coarse)
    sums.reserve(1)
    sums.add(np.zeros(len(values), np.int64), np.array(values, np.float64))
    return sums


@LOADED
@given(st.lists(FINITE, max_size=20))
def test_the_sum_is_rounded_once(values):
    total = sum(map(Fraction, values))
    if abs(total) < Fraction(2) ** 1023:
        assert summed(values).values()[0, 0] == float(total)


@LOADED
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20), st.integers(0, 20))
def test_parts_merge_to_the_whole(values, cut):
    for coarse in (False, True):
        whole, merged = summed(values, coarse), summed(values[cut:], coarse)
        merged.merge(summed(values[:cut], coarse), np.array([0]))
        assert whole.values()[0, 0] == merged.values()[0, 0]


def test_coarse_sums_are_exact_for_counts_and_near_for_others():
    assert summed([1.0] * 1000 + [2.0**40], coarse=True).values()[0, 0] == 1000 + 2.0**40
    assert math.isclose(summed([0.1] * 10, coarse=True).values()[0, 0], 1.0, rel_tol=1e-15)


@pytest.mark.parametrize(
    ("values", "total"),
    [([1, math.inf], math.inf), ([-math.inf], -math.inf), ([math.nan, 1], math.nan), ([math.inf, -math.inf], math.nan)],
)
def test_what_is_not_finite(values, total):
    np.testing.assert_equal(summed(values).values()[0, 0], total)


def test_digits_are_carried_before_they_overflow(monkeypatch):
    monkeypatch.setattr(exact, "_SAFE_ADDITIONS", 8)
    values = [(-1.0) ** i * (2.0**31.5) * i / 3 for i in range(200)]
    sums = ExactSums(1)
    sums.reserve(1)
    for value in values:
        sums.add(np.zeros(1, np.int64), np.array([value]))
    assert sums.values()[0, 0] == float(sum(map(Fraction, values)))


def test_slots_are_mapped_as_tables_merge():
    one, other = ExactSums(2), ExactSums(2)
    one.reserve(1)
    one.add(np.array([1]), np.array([0.5]))
    other.reserve(2)
    other.add(np.array([0, 3]), np.array([7.0, 0.25]))
    one.reserve(3)
    one.merge(pickle.loads(pickle.dumps(other)), np.array([2, 0]))
    np.testing.assert_array_equal(one.values(), [[0, 0.75], [0, 0], [7, 0]])


def test_maxima():
    one, other = Maxima(1), Maxima(1)
    for table, values in ((one, [1.0, 5.0]), (other, [3.0, math.nan])):
        table.reserve(2)
        table.add(np.array([0, 1]), np.array(values))
    one.merge(other, np.array([0, 1]))
    np.testing.assert_equal(one.values(), [[3.0], [math.nan]])
