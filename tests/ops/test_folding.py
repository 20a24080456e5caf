"""Constants folded while building: in float64, rounded once, in slabs where they are large."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from litesmith.ir import Builder, Graph
from litesmith.ir.folding import ROUNDED_ONCE
from litesmith.ops import OPS

ROWS = 6


def _rng(*shape: int) -> np.ndarray:
    return np.random.default_rng([3, *shape]).uniform(-2, 2, shape).astype(np.float32)


@pytest.mark.parametrize(
    "shapes",
    [
        ((ROWS, 5000), (5000,)),
        ((ROWS, 5000), (ROWS, 1)),
        ((ROWS, 5000), ()),
        ((5000,), (ROWS, 1)),
        ((1, 5000), (ROWS, 5000)),
    ],
    ids=str,
)
def test_large_arithmetic_is_rounded_once(shapes: tuple[tuple[int, ...], ...]) -> None:
    x, y = (_rng(*shape) for shape in shapes)
    b = Builder(Graph(), OPS, folding=replace(ROUNDED_ONCE, slab_bytes=50_000))
    made = b.add(b.mul(b.constant(x), b.constant(y)), np.float32(0.1))
    expected = (x.astype(np.float64) * y.astype(np.float64) + np.float64(np.float32(0.1))).astype(np.float32)
    assert made.is_const
    assert made.const.is_lazy
    np.testing.assert_array_equal(made.numpy(), expected)
