"""Random graphs answer as TensorFlow does: what no row says about how operations, shapes and passes meet."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

from tests.tf.parity import Table
from tests.tf.random_graphs import random_case

pytestmark = pytest.mark.tf

QUICK, ALL = 30, 400


def _check(seeds: range) -> None:
    table = Table([random_case(seed) for seed in seeds])
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
