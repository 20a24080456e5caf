"""`jnp.searchsorted` and `jnp.digitize` in known boundaries are one BUCKETIZE, and a loop elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.arrays import f32, i32
from tests.jax.parity import Case, check, rows

KERNEL, LOOP = {"BUCKETIZE": 1, "WHILE": 0}, {"BUCKETIZE": 0, "WHILE": 1}
SOME = [-1.0, 0.5, 0.5, 1.0]
EDGES = np.float32(
    [np.nan, np.inf, -np.inf, -0.0, 0.0, -1, 0.5, 1, 1e-45, np.nextafter(np.float32(0.5), np.float32(1))]
)
NUMBERS = np.concatenate([EDGES, f32(10)]).reshape(4, 5)


def _search(boundaries: Sequence[Any], side: str, dtype: Any = np.float32) -> Any:
    return lambda x: jnp.searchsorted(jnp.array(boundaries, dtype), x, side=side)


@jax.jit
def searchsorted(boundaries: Any, x: Any) -> Any:
    return jnp.searchsorted(boundaries, x, side="right") + 1


CASES = [
    Case("right", _search(SOME, "right"), (NUMBERS,), ops=KERNEL),
    Case("left", _search(SOME, "left"), (NUMBERS,), ops=KERNEL),
    Case("left of zero", _search([-1, 0.0, 2], "left"), (NUMBERS,), ops=KERNEL),
    Case("right of zero", _search([-1, 0.0, 2], "right"), (NUMBERS,), ops=KERNEL),
    Case("right of infinities", _search([-np.inf, 0.0, np.inf], "right"), (NUMBERS,), ops=KERNEL),
    Case("any batch", _search(SOME, "right"), (NUMBERS,), shapes=["b, 5"], ops=KERNEL),
    Case("scalar", _search(SOME, "right"), (np.float32(0.7),), ops=KERNEL),
    Case("nothing", _search(SOME, "right"), (np.zeros((0, 3), np.float32),), ops={"WHILE": 0}),
    Case("integers right", _search([-3, 0, 5], "right", np.int32), (i32(3, 4),), ops=KERNEL),
    Case("integers left", _search([-3, 0, 5], "left", np.int32), (i32(3, 4),), ops=KERNEL),
    Case("digitize", lambda x: jnp.digitize(x, jnp.array([-1.0, 0.0, 1.0])), (NUMBERS,), ops=KERNEL),
    Case("digitize right", lambda x: jnp.digitize(x, jnp.array([-1.0, 0.5]), right=True), (NUMBERS,), ops=KERNEL),
    # the kernel does not do these, or not exactly
    Case("left of infinities", _search([-np.inf, np.inf], "left"), (NUMBERS,), ops=LOOP),
    Case("unsorted", _search([1.0, -1.0, 0.5], "right"), (NUMBERS,), ops=LOOP),
    Case(
        "large integers", _search([0, 2**24 + 1], "right", np.int32), (i32(3, low=2**24 - 1, high=2**24 + 3),), ops=LOOP
    ),
    Case("boundaries given", lambda b, x: jnp.searchsorted(b, x), (np.float32(SOME), NUMBERS), ops=LOOP),
    Case("more than a search", lambda x: searchsorted(jnp.float32(SOME), x), (NUMBERS,), ops={**KERNEL, "ADD": 1}),
]


@rows(CASES)
def test_search(case: Case) -> None:
    check(case)
