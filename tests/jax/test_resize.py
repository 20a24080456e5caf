"""`jax.image.resize` becomes a resizing kernel where that does exactly the same, and stays what it is elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.arrays import f32
from tests.jax.parity import Case, check, rows

KERNELS = ("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR")
NEAREST, BILINEAR = ({k: int(k == name) for k in KERNELS} for name in KERNELS)
NEITHER = dict.fromkeys(KERNELS, 0)


def _row(method: str, old: Any, new: Any, ops: dict[str, int], smooth: bool = True, **options: Any) -> Case:
    def run(x: Any) -> Any:
        sizes = [have if want is None else want for have, want in zip(x.shape, new, strict=True)]
        return jax.image.resize(x, sizes, method, antialias=smooth)

    return Case(f"{method} {old} to {new} {smooth}", run, (f32(*old),), ops=ops, **options)


IMAGE = (2, 6, 8, 3)
UP, ODD, DOWN, FLAT = (2, 12, 16, 3), (2, 7, 11, 3), (2, 3, 5, 3), (2, 1, 5, 3)
CASES = [
    *[_row("nearest", IMAGE, new, NEAREST) for new in (UP, ODD, DOWN, FLAT)],
    *[_row(name, IMAGE, new, BILINEAR) for name in ("linear", "bilinear", "triangle") for new in (UP, ODD)],
    *[_row("bilinear", IMAGE, new, BILINEAR, smooth=False) for new in (UP, ODD, DOWN)],
    _row("bilinear", (2, 1, 8, 3), (2, 5, 1, 3), BILINEAR, smooth=False),
    # one dimension only
    _row("bilinear", IMAGE, (2, 6, 13, 3), BILINEAR),
    _row("nearest", IMAGE, (2, 13, 8, 3), NEAREST),
    # other places of height and width
    _row("bilinear", (2, 3, 6, 8), (2, 3, 13, 11), {**BILINEAR, "TRANSPOSE": 2}),
    _row("bilinear", (6, 8, 3), (9, 9, 3), BILINEAR),
    _row("nearest", (6, 8), (9, 5), NEAREST),
    # a batch that is not known
    _row("nearest", IMAGE, (None, 9, 4, 3), NEAREST, shapes=["b, 6, 8, 3"]),
    _row("bilinear", IMAGE, (None, 9, 12, 3), BILINEAR, shapes=["b, 6, 8, 3"]),
    _row("bilinear", IMAGE, (None, 9, 12, None), BILINEAR, shapes=["b, 6, 8, c"]),
    # no kernel does these
    _row("bilinear", IMAGE, DOWN, NEITHER),
    _row("cubic", IMAGE, UP, NEITHER),
    _row("lanczos3", IMAGE, UP, NEITHER),
    _row("bilinear", IMAGE, (4, 6, 8, 3), NEITHER),
    _row("nearest", IMAGE, (4, 6, 8, 3), NEITHER),
    _row("bilinear", IMAGE, (2, 12, 16, 6), NEITHER),
    _row("bilinear", IMAGE, (None, 12, 16, 3), NEITHER, shapes=["b, h, w, 3"]),
    _row("nearest", IMAGE, (None, 12, 16, 3), NEITHER, shapes=["b, h, w, 3"]),
]


@rows(CASES)
def test_resize(case: Case) -> None:
    check(case)


def _is_clear(old: int, new: int) -> bool:
    """Whether no new pixel lies between two old ones: XLA divides by a constant inexactly, and may take either."""
    places = (np.arange(new) + 0.5) * old / new
    return bool(np.min(np.abs(places - np.round(places))) > 1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_random_sizes(seed: int) -> None:
    rng = np.random.default_rng([11, seed])
    pairs = [(int(old), int(new)) for old, new in rng.integers(1, 70, (40, 2)) if _is_clear(old, new)]
    old, new = zip(*pairs[:2], strict=True)
    x = f32(1, *old, 2)
    for method in ("nearest", "bilinear"):
        check(Case(method, lambda v, m=method: jax.image.resize(v, (1, *new, 2), m, antialias=False), (x,)))


def _named_resize(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled under the name JAX gives its own."""
    function.__name__ = "_resize"
    return jax.jit(function)


def _shifted(x: Any) -> Any:
    """Columns by weights of linear interpolation that start elsewhere."""
    weights = np.zeros((8, 16), np.float32)
    for i in range(16):
        weights[i // 2, i] = 0.75
        weights[min(i // 2 + 1, 7), i] += 0.25
    return jnp.einsum("nhwc,wx->nhxc", x, weights)


def _first_columns(x: Any) -> Any:
    return x[:, :, np.array([0, 0, 0, 1, 1, 2])]


def _activated(x: Any) -> Any:
    return jnp.tanh(jax.image.resize(x, UP, "bilinear"))


def _twice(x: Any) -> Any:
    return jax.image.resize(jax.image.resize(x, UP, "bilinear"), ODD, "nearest")


@rows(
    [
        Case("other weights", _named_resize(_shifted), (f32(*IMAGE),), ops=NEITHER),
        Case("other pixels", _named_resize(_first_columns), (f32(*IMAGE),), ops=NEITHER),
        Case("more than a resize", _named_resize(_activated), (f32(*IMAGE),), ops={**BILINEAR, "TANH": 1}),
        Case("one after another", _named_resize(_twice), (f32(*IMAGE),), ops=dict.fromkeys(KERNELS, 1)),
        Case(
            "integers",
            lambda x: jax.image.resize(x, UP, "nearest"),
            (np.arange(288, dtype=np.int32).reshape(IMAGE),),
            ops=NEITHER,
        ),
    ]
)
def test_functions_of_the_same_name(case: Case) -> None:
    check(case)
