"""Random graphs answer as TensorFlow does: what no row says about how operations, shapes and passes meet."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("tensorflow")

from tests.tf.parity import Table
from tests.tf.random_graphs import MENU, random_case
from tests.tf.random_operations import WIDE

pytestmark = pytest.mark.tf

QUICK, ALL = 30, 400

CORRUPTING = {7}
"""Graphs on whose samples TensorFlow 2.21's own kernels write beyond their memory: tracing them alone, without converting
anything, ends in a crash more often than not."""


def _check(seeds: range, menu: Any = MENU) -> None:
    table = Table([random_case(seed, menu) for seed in seeds if seed not in CORRUPTING])
    failures = []
    for case in table.cases:
        try:
            table.check(case)
        except Exception as error:  # each graph is reported, whatever became of the others
            failures.append(f"{case.name}: {error}")
    assert not failures, "\n".join(failures)


def test_a_few() -> None:
    _check(range(QUICK))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(QUICK, ALL, 74))
def test_many(start: int) -> None:
    _check(range(start, start + 74))


@pytest.mark.slow
def test_wide() -> None:
    _check(range(200_000, 200_025), MENU + WIDE)
