"""The work of a conversion grows as the graph does: at most 3.5 times for 3 times the nodes."""

from __future__ import annotations

import pytest

import litesmith
from benchmarks import growth

LIMIT = 3.5


def factors(path, shape: str, sizes: list[int]) -> list[float]:
    growth.visits(growth.write(path / "first", shape, 60))  # what is loaded and kept by the first one
    counts = [growth.visits(growth.write(path / str(size), shape, size)) for size in sizes]
    steps = zip(counts, counts[1:], sizes, sizes[1:], strict=False)
    return [more / less / (larger / smaller) * 3 for less, more, smaller, larger in steps]


@pytest.mark.parametrize("shape", growth.SHAPES)
def test_growth(tmp_path, shape):
    assert max(factors(tmp_path, shape, [500, 1500])) <= LIMIT


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("shape", growth.SHAPES)
def test_growth_of_large_graphs(tmp_path, shape):
    assert max(factors(tmp_path, shape, [1000, 3000, 10_000, 30_000])) <= LIMIT


@pytest.mark.parametrize("shape", growth.SHAPES)
def test_the_same_graph_gives_the_same_bytes_in_one_process(tmp_path, shape):
    path = growth.write(tmp_path / "m", shape, 60)
    first, second = (litesmith.convert(path, verify=False).content for _ in range(2))
    assert first == second
