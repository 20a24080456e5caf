"""Dimensions: what expressions mean, that equal ones are equal, and that their cost does not grow with their depth."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litesmith.ir.dims import (
    ASSOCIATIVE,
    FUNCTIONS,
    Dim,
    Sym,
    broadcast,
    floordiv,
    maximum,
    minimum,
    parse_dim,
    substitute,
    symbol_names,
)

NAMES = ("a", "b", "c")
A, B, C = map(Sym.named, NAMES)

leaves = st.sampled_from([A, B, C]) | st.integers(0, 5)
numbers = st.tuples(*[st.integers(1, 9)] * 3).map(lambda sizes: dict(zip(NAMES, sizes, strict=True)))


def combined(parts: st.SearchStrategy[Dim]) -> st.SearchStrategy[Dim]:
    calls: list[Callable[[Dim, Dim], Dim]] = [maximum, minimum, lambda x, y: x + y, lambda x, y: x * y]
    return st.builds(lambda f, x, y: f(x, y), st.sampled_from(calls), parts, parts) | st.builds(
        floordiv, parts, st.integers(1, 4)
    )


dims = st.recursive(leaves, combined, max_leaves=8)


def value(dim: Dim, sizes: dict[str, int]) -> int:
    found = substitute(dim, dict(sizes))
    assert isinstance(found, int)
    return found


@given(dims, dims, numbers)
def test_functions_mean_what_they_say(x: Dim, y: Dim, sizes: dict[str, int]) -> None:
    left, right = value(x, sizes), value(y, sizes)
    assert value(maximum(x, y), sizes) == max(left, right)
    assert value(minimum(x, y), sizes) == min(left, right)
    assert value(floordiv(x, 3), sizes) == left // 3
    assert value(x - y, sizes) == left - right


@pytest.mark.parametrize("name", sorted(ASSOCIATIVE))
@given(st.lists(st.sampled_from([A, B, C, A + 1, floordiv(B + 1, 2), A * C]), min_size=1, max_size=6), st.randoms())
def test_order_nesting_and_repetition_do_not_matter(name: str, parts: list[Dim], random: object) -> None:
    shuffled = [*parts, *parts]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    function = FUNCTIONS[name]
    half = len(shuffled) // 2
    nested = function(reduce(function, shuffled[:half]), reduce(function, shuffled[half:]))
    assert nested == reduce(function, parts)


@given(dims)
def test_texts_and_copies_come_back(x: Dim) -> None:
    assert parse_dim(str(x)) == x
    assert pickle.loads(pickle.dumps(x)) == x


def nested(step: Callable[[Dim], Dim], depth: int) -> Dim:
    return reduce(lambda x, _: step(x), range(depth), A)


DEEP: dict[str, Callable[[Dim], Dim]] = {
    "broadcasts": lambda x: broadcast(broadcast(x, B), broadcast(B, x)),
    "extrema": lambda x: maximum(maximum(x, B), maximum(C, x)),
    "divisions": lambda x: floordiv(x + 1, 2) + floordiv(x, 3) * 2,
    "mixed": lambda x: floordiv(maximum(x, B) + broadcast(x, C), 2),
}


@pytest.mark.parametrize("step", DEEP.values(), ids=DEEP)
def test_depth_costs_nothing(step: Callable[[Dim], Dim]) -> None:
    """Each level uses the one below twice: anything that walks the text would never end."""
    deep = nested(step, 200)
    assert deep == nested(step, 200)
    assert hash(deep) == hash(nested(step, 200))
    assert len(str(deep)) < 20_000
    assert set(symbol_names(deep)) <= set(NAMES)
    assert isinstance(substitute(deep, {"a": 7, "b": 7, "c": 7}), int)
