"""Serialized functions: the rows of JAX's own frontend, by way of `jax.export`."""

from __future__ import annotations

from typing import Any

import pytest

from litesmith.errors import ConverterError
from tests.jax.models import MODELS
from tests.jax.parity import Case, rows
from tests.jax.test_models import FUNCTIONS
from tests.jax.test_primitives import CASES
from tests.stablehlo.parity import check

LAPACK = (
    *("cholesky", "lu", "qr", "eigh", "svd", "triangular_solve", "tridiagonal_solve"),
    *("householder_product", "custom_linear_solve"),
)
"""Primitives that export as calls of a library (or whose results have classes that do not export)."""
FACTORIZED = [case for name in LAPACK for case in CASES.get(name, ())]
LEFT_OUT = {"psum", "pmax", "pmin", *(case.name for case in FACTORIZED)}
"""And the rows of collectives with unknown sizes, which jax.export does not take."""
ROWS = [case for cases in CASES.values() for case in cases if case.name not in LEFT_OUT]
REFUSED = {
    "cumlogsumexp": "a window reduced by a custom function",
    "cumlogsumexp from the end": "a window reduced by a custom function",
    "cumlogsumexp unknown size": "a window reduced by a custom function",
}
"""Rows that lose their meaning in StableHLO, and what is said of them."""


@rows([c for c in ROWS if c.name not in REFUSED])
def test_primitive(case: Case) -> None:
    check(case)


@rows([c for c in ROWS if c.name in REFUSED])
def test_refused(case: Case) -> None:
    with pytest.raises(ConverterError, match=REFUSED[case.name]):
        check(case)


CALLS = ("cholesky of 3", "lu of 3", "svd of 3", "triangular_solve 0000", "custom_linear_solve of 3", "eigh of 3")


@rows([c for c in FACTORIZED if c.name in CALLS])
def test_calls_of_a_library_are_refused(case: Case) -> None:
    with pytest.raises(ConverterError, match=r"custom_call lapack_[\s\S]*Fix: convert the JAX function itself"):
        check(case)


@pytest.mark.slow
@rows(FUNCTIONS)
def test_function(case: Case) -> None:
    check(case)


NOT_EXPORTED = {"nnx_lstm", "pytree_as_function", "pytree_as_argument"}
"""Models that jax.export itself does not take: modules that change as they are traced, classes it cannot serialize."""
EXPORTED = [build for build in MODELS if getattr(build, "__name__", "") not in NOT_EXPORTED]


@pytest.mark.parametrize("build", EXPORTED, ids=lambda build: getattr(build, "__name__", "model"))
def test_model(build: Any) -> None:
    check(build())
