"""What the functions that reductions, scatters and sorts carry compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from litesmith.frontends.stablehlo.module import Operation, Region, Variable

_KINDS = {"add": "add", "multiply": "mul", "maximum": "max", "minimum": "min", "and": "and", "or": "or", "xor": "xor"}


def kind_of(region: Region) -> str | None:
    """The kind (add, mul, max, min, and, or, xor) of a region of one operation on its two arguments, or None."""
    if len(region.operations) != 1 or len(region.arguments) != 2:
        return None
    (operation,) = region.operations
    if {id(v) for v in operation.operands} != {id(v) for v in region.arguments} or operation.results != region.results:
        return None
    kind = _KINDS.get(operation.name.removeprefix("stablehlo."))
    is_bool = region.arguments[0].type.dtype == np.bool_
    return {"add": "or", "mul": "and"}.get(kind or "", kind) if is_bool else kind


def returns_argument(region: Region) -> int | None:
    """The number of the argument that is the region's only result, or None."""
    if len(region.results) != 1 or region.results[0] not in region.arguments:
        return None
    return region.arguments.index(region.results[0])


# -- evaluation on samples --------------------------------------------------------------------------------------------


def _total_key(x: Any) -> Any:
    """Integers in the total order of floats; other numbers as they are."""
    if x.dtype.kind not in "fV":
        return x
    bits = x.astype(np.float32).view(np.int32)
    return np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "EQ": np.equal,
    "NE": np.not_equal,
    "LT": np.less,
    "LE": np.less_equal,
    "GT": np.greater,
    "GE": np.greater_equal,
}


def _compare(operation: Operation, x: Any, y: Any) -> Any:
    if operation.attrs.get("compare_type") == "TOTALORDER":
        x, y = _total_key(x), _total_key(y)
    return _COMPARED[str(operation.attrs["comparison_direction"])](x, y)


_EVALUATED: dict[str, Callable[..., Any]] = {
    "stablehlo.compare": _compare,
    "stablehlo.select": lambda _, p, x, y: np.where(p, x, y),
    "stablehlo.and": lambda _, x, y: x & y,
    "stablehlo.or": lambda _, x, y: x | y,
    "stablehlo.xor": lambda _, x, y: x ^ y,
    "stablehlo.not": lambda _, x: ~x,
    "stablehlo.constant": lambda op: np.asarray(op.attrs["value"]),
}


def evaluate(region: Region, arguments: Sequence[Any]) -> list[Any] | None:
    """What a region of comparisons and choices gives for arrays in place of its scalars; None for any other region.

    The only constants it may have are zero and NaN, so that its results depend on nothing but how its arguments
    compare with each other and with zero.
    """
    env: dict[Variable, Any] = dict(zip(region.arguments, arguments, strict=True))
    outside = [v.operation for v in region.captured]
    if any(o is None or o.name != "stablehlo.constant" for o in outside):
        return None
    for operation in (*outside, *region.operations):
        function = _EVALUATED.get(operation.name) if operation is not None else None
        if operation is None or function is None:
            return None
        made = function(operation, *(env[v] for v in operation.operands))
        if operation.name == "stablehlo.constant" and not np.all((made == 0) | (made != made)):
            return None
        env[operation.results[0]] = made
    found = [env.get(v) for v in region.results]
    return None if any(v is None for v in found) else found


def _samples(dtype: Any) -> Any:
    """Numbers of every kind there is to comparisons: of both signs, zeros, infinities, NaN."""
    if dtype.kind in "fV":
        return np.array([-np.inf, -2, -1, -0.0, 0.0, 1, 2, np.inf, np.nan, -np.nan], np.float32)
    if dtype.kind == "b":
        return np.array([False, True])
    return np.array([0, 1, 2] if dtype.kind == "u" else [-2, -1, 0, 1, 2], dtype)


def _combinations(columns: Sequence[Any]) -> list[Any]:
    rows = list(product(*(range(len(c)) for c in columns)))
    return [c[np.array([r[i] for r in rows])] for i, c in enumerate(columns)]


# -- places of extrema ------------------------------------------------------------------------------------------------


def extremum_of(region: Region) -> str | None:
    """Whether a region of two pairs (number, index) chooses the first ``max`` or ``min`` with its index, or None."""
    if len(region.arguments) != 4 or len(region.results) != 2:
        return None
    numbers, places = (_samples(region.arguments[i].type.dtype) for i in (0, 1))
    x, i, y, j = _combinations([numbers, places, numbers, places])
    made = evaluate(region, [x, i, y, j])
    if made is None:
        return None
    nan_x, nan_y = x != x, y != y
    for kind, beyond in (("max", np.greater), ("min", np.less)):
        takes_x = beyond(x, y) | nan_x
        ties = (x == y) & ~nan_x | nan_x & nan_y
        value = np.where(takes_x, x, y)
        first = np.where(ties, np.minimum(i, j), np.where(takes_x, i, j))
        same_place = np.where(nan_x & nan_y, True, made[1] == first)
        if bool(np.all(same_place)) and bool(np.all((made[0] == value) | (made[0] != made[0]) & (value != value))):
            return kind
    return None


# -- orders -----------------------------------------------------------------------------------------------------------


def order_of(region: Region) -> tuple[int, bool] | None:
    """How a comparator of pairs orders: by how many of its leading pairs, and whether the largest come first.

    A comparator that tells -0 and 0 apart, or NaNs by their sign, counts as one that does not, and one that is false
    for every NaN, which orders them nowhere, as one that puts them last. None for anything else.
    """
    pairs = len(region.arguments) // 2
    if len(region.arguments) != 2 * pairs or len(region.results) != 1:
        return None
    used = {v for o in region.operations for v in o.operands}
    keys = max((p + 1 for p in range(pairs) if used & set(region.arguments[2 * p : 2 * p + 2])), default=0)
    if not 1 <= keys <= 2:
        return None
    columns = [_samples(region.arguments[2 * p].type.dtype) for p in range(keys) for _ in range(2)]
    samples = _combinations([c[~np.signbit(c) | (c != 0) & (c == c)] if c.dtype.kind == "f" else c for c in columns])
    filler = [np.zeros(len(samples[0]), v.type.dtype) for v in region.arguments[2 * keys :]]
    made = evaluate(region, [*samples, *filler])
    if made is None:
        return None
    has_nan = np.any([x != x for x in samples], axis=0)
    for compare, is_descending in ((np.less, False), (np.greater, True)):
        same = made[0] == _before(samples, compare)
        if bool(np.all(same[~has_nan])) and (bool(np.all(same)) or not np.any(made[0][has_nan])):
            return keys, is_descending
    return None


def _before(samples: Sequence[Any], compare: Callable[[Any, Any], Any]) -> Any:
    """Whether the first of each pair comes before the second, earlier pairs counting more."""
    made, equal = np.zeros(len(samples[0]), bool), np.ones(len(samples[0]), bool)
    for x, y in zip(samples[::2], samples[1::2], strict=True):
        x, y = _total_key(x), _total_key(y)
        made = made | equal & compare(x, y)
        equal = equal & (x == y)
    return made
