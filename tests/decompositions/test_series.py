"""Special functions summed until they converge, against SciPy in float64."""

from typing import Any

import numpy as np
import pytest

from litesmith.decompositions import series
from tests.decompositions.harness import Case, check

INF, NAN = np.inf, np.nan


def _grid(*columns: Any) -> tuple[Any, ...]:
    return tuple(v.ravel().astype(np.float32) for v in np.meshgrid(*columns, indexing="ij"))


def _scipy(name: str) -> Any:
    def run(*arrays: Any) -> Any:
        special = pytest.importorskip("scipy.special")
        wide = [a.astype(np.float64) for a in arrays]
        if name == "polygamma":
            wide[0] = wide[0].astype(np.int64)
        return getattr(special, name)(*wide).astype(np.float32)

    return run


def _table(expected: Any) -> Any:
    return lambda *arrays: np.array(expected, np.float32)


SHAPES = [0.01, 0.1, 0.5, 1, 1.5, 2, 5, 8, 9, 20, 50, 100]
CASES = [
    *(
        Case(f"{name} {part}", getattr(series, name), _scipy(reference), inputs, 1e-5)
        for name, reference in (("igamma", "gammainc"), ("igammac", "gammaincc"))
        for part, inputs in {
            "small": _grid(SHAPES, [1e-6, 0.01, 0.1, 0.5, 0.9, 1, 1.1, 2, 3, 5, 8, 10, 20, 45, 55, 90, 110, 150]),
            "large": _grid([1e3, 1e4], [900, 1000, 1030, 1100, 9900, 1e4, 10100]),
        }.items()
    ),
    Case(
        "betainc",
        series.betainc,
        _scipy("betainc"),
        _grid([0.05, 0.5, 1, 2, 5, 20, 80], [0.05, 0.5, 1, 2, 5, 20, 80], [1e-5, 0.01, 0.1, 0.3, 0.5, 0.9, 0.99, 0.9999]),
        5e-6,
    ),
    Case("zeta", series.zeta, _scipy("zeta"), _grid([1.5, 2, 3, 4.5, 10, 20], [0.5, 1, 2, 5, 10, 50, 1e3]), 1e-6),
    *(
        Case(f"polygamma {n}", series.polygamma, _scipy("polygamma"), _grid([n], [0.3, 1, 1.5, 4, 10, 100]), 5e-6)
        for n in (0, 1, 2, 5)
    ),
    Case(
        "ends of igamma",
        series.igamma,
        _table([NAN, 1, 0, NAN, NAN, 1, NAN, 1]),
        (
            np.array([0, 0, 2, -1, 2, 2, NAN, 0.5], np.float32),
            np.array([0, 3, 0, 2, -1, INF, 1, INF], np.float32),
        ),
        0,
    ),
    Case(
        "ends of betainc",
        series.betainc,
        _table([0, 1, NAN, 1, 0, NAN, 0, 1, NAN]),
        (
            np.array([2, 2, 2, 0, 2, 0, INF, 3, -1], np.float32),
            np.array([3, 3, 3, 2, 0, 0, 2, INF, 2], np.float32),
            np.array([0, 1, 1.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], np.float32),
        ),
        0,
    ),
    Case(
        "ends of zeta",
        series.zeta,
        _table([INF, NAN, INF, NAN, NAN, NAN]),
        (np.array([1, 0.5, 2, 3, 2.5, NAN], np.float32), np.array([2, 2, -1, 0, -0.5, 1], np.float32)),
        0,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_series(case: Case) -> None:
    check(case)
