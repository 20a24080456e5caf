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

ROWS = [case for cases in CASES.values() for case in cases]
REFUSED = {
    "cumlogsumexp": "a window reduced by a function",
    "cumlogsumexp from the end": "a window reduced by a function",
}
"""Rows that lose their meaning in StableHLO, and what is said of them."""


@rows([c for c in ROWS if c.name not in REFUSED])
def test_primitive(case: Case) -> None:
    check(case)


@rows([c for c in ROWS if c.name in REFUSED])
def test_refused(case: Case) -> None:
    with pytest.raises(ConverterError, match=REFUSED[case.name]):
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
