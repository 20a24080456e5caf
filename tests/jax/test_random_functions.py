"""Random functions answer as JAX does: what no row says about how primitives, shapes and passes meet."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from litesmith.errors import ConverterError
from litesmith.formats.tflite import write_model
from litesmith.runtime.runner import Runner
from tests.arrays import assert_close
from tests.jax.parity import Case, imported, specifications
from tests.jax.random_functions import Grower, grown

QUICK, ALL = 15, 575
NUDGE = np.float32(1 + 1e-6)


def _tolerances(case: Case, expected: list[Any]) -> list[float | None]:
    """For each output 2e-5 of its range, and 20 times what a nudge of the inputs does; None where that changes ints."""
    nudged = [x * NUDGE if x.dtype == np.float32 else x for x in case.args]
    moved = [np.asarray(v) for v in jax.jit(case.function)(*nudged)]
    found: list[float | None] = []
    for want, other in zip(expected, moved, strict=True):
        if want.dtype.kind != "f":
            found.append(0.0 if np.array_equal(want, other) else None)
            continue
        scale = max(float(np.max(np.abs(want), initial=0)), 1e-20)
        found.append(2e-5 + 20 * float(np.max(np.abs(want - other), initial=0)) / scale)
    return found


def _check(g: Grower, name: str) -> None:
    runner = Runner(write_model(imported(g.case(name, 0))))
    for setting in (0, 1) if g.is_symbolic else (0,):
        case = g.case(name, setting)
        expected = [np.asarray(v) for v in jax.jit(case.function)(*case.args)]
        got = list(runner.run(list(case.args)).values())
        for have, want, tolerance in zip(got, expected, _tolerances(case, expected), strict=True):
            if tolerance is not None:
                assert_close(have, want, tolerance)


def _is_traceable(case: Case) -> bool:
    """Whether JAX itself takes the function with unknown sizes."""
    try:
        jax.eval_shape(case.function, *specifications(case))
    except Exception:  # JAX raises whatever its shape rules and its own arithmetic of sizes come upon
        return False
    return True


def _check_all(seeds: range) -> None:
    failures, checked = [], 0
    for seed in seeds:
        g = grown(seed)
        if not g.steps or not _is_traceable(g.case(str(seed), 0)):
            continue
        try:
            _check(g, str(seed))
            checked += 1
        except ConverterError as error:
            if not all(p.fix for p in error.problems):
                failures.append(f"{seed}: refused without a way out: {error}")
        except Exception as error:  # each function is reported, whatever became of the others
            failures.append(f"{seed}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures)
    assert checked >= len(seeds) * 0.8


def test_a_few() -> None:
    _check_all(range(QUICK))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(QUICK, ALL, 80))
def test_many(start: int) -> None:
    _check_all(range(start, start + 80))
