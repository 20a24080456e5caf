"""Metrics have TFMA's values (recorded; tests/tfx compares with TFMA itself)."""

from __future__ import annotations

import json

import pytest

from tests.evaluate.cases import CASES, RECORDED, assert_equal, our_values


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_are_those_of_tfma(case):
    assert_equal(our_values(case), json.loads(RECORDED.read_text())[case.name])
