"""What the functions that reductions, scatters and sorts carry compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np

from litesmith.frontends.jax.live import ElementType
from litesmith.frontends.stablehlo.interpreter import choices, interpret, total_key
from litesmith.frontends.stablehlo.module import Function, Region
from litesmith.ir.constant import Array

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


# -- samples ----------------------------------------------------------------------------------------------------------


def _samples(dtype: ElementType) -> Array:
    """Numbers of every kind there is to comparisons: of both signs, zeros, infinities, NaN."""
    if dtype.kind in "fV":
        return np.array([-np.inf, -2, -1, -0.0, 0.0, 1, 2, np.inf, np.nan, -np.nan], np.float32)
    if dtype.kind == "b":
        return np.array([False, True])
    return np.array([0, 1, 2] if dtype.kind == "u" else [-2, -1, 0, 1, 2], dtype)


def _is_nan(x: Array) -> Array:
    return np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)


def _drop_signed(numbers: Array) -> Array:
    """The numbers but -0 and negative NaN."""
    return numbers[~np.signbit(numbers) | (numbers < 0)] if numbers.dtype.kind == "f" else numbers


def _combinations(columns: Sequence[Array]) -> list[Array]:
    rows = list(product(*(range(len(c)) for c in columns)))
    return [c[np.array([r[i] for r in rows])] for i, c in enumerate(columns)]


# -- places of extrema ------------------------------------------------------------------------------------------------


def extremum_of(region: Region) -> str | None:
    """Whether a region of two pairs (number, index) chooses the first ``max`` or ``min`` with its index, or None."""
    if len(region.arguments) != 4 or len(region.results) != 2:
        return None
    numbers, places = (_samples(region.arguments[i].type.dtype) for i in (0, 1))
    x, i, y, j = _combinations([numbers, places, numbers, places])
    made = choices(region, [x, i, y, j])
    if made is None:
        return None
    nan_x, nan_y = (_is_nan(v) for v in (x, y))
    for kind, beyond in (("max", np.greater), ("min", np.less)):
        takes_x = beyond(x, y) | nan_x
        ties = (x == y) & ~nan_x | nan_x & nan_y
        value = np.where(takes_x, x, y)
        first = np.where(ties, np.minimum(i, j), np.where(takes_x, i, j))
        same_place = np.where(nan_x & nan_y, True, made[1] == first)
        same_value = (made[0] == value) | _is_nan(made[0]) & _is_nan(value)
        if bool(np.all(same_place & same_value)):
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
    samples = _combinations([_drop_signed(c) for c in columns])
    filler = [np.zeros(len(samples[0]), v.type.dtype) for v in region.arguments[2 * keys :]]
    made = choices(region, [*samples, *filler])
    if made is None:
        return None
    has_nan = np.any([_is_nan(x) for x in samples], axis=0)
    for compare, is_descending in ((np.less, False), (np.greater, True)):
        same = made[0] == _before(samples, compare)
        if bool(np.all(same[~has_nan])) and (bool(np.all(same)) or not np.any(made[0][has_nan])):
            return keys, is_descending
    return None


def _before(samples: Sequence[Array], compare: Callable[[Array, Array], Array]) -> Array:
    """Whether the first of each pair comes before the second, earlier pairs counting more."""
    made, equal = np.zeros(len(samples[0]), bool), np.ones(len(samples[0]), bool)
    keys = [total_key(x) for x in samples]
    for x, y in zip(keys[::2], keys[1::2], strict=True):
        made = made | equal & compare(x, y)
        equal = equal & (x == y)
    return made


# -- functions of sizes -----------------------------------------------------------------------------------------------

_SIZE_FUNCTIONS = {"floor_divide": np.floor_divide, "remainder": np.mod}
"""Functions of jax.numpy that StableHLO spells out, by the name JAX gives them."""


def size_function(function: Function, functions: Mapping[str, Function]) -> str | None:
    """``floor_divide`` or ``remainder`` where a function of int32 scalars is that of its last two arguments.

    It has the name, and agrees with NumPy on numbers of all signs, large and small.
    """
    name = next((n for n in _SIZE_FUNCTIONS if function.name.startswith(n)), None)
    declared = [v.type for v in (*function.body.arguments, *function.body.results)]
    scalars = all(t.shape == () and t.dtype == np.int32 for t in declared)
    if name is None or not scalars or len(declared) < 3 or len(function.body.results) != 1:
        return None
    numbers = np.array([-1000, -7, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 8, 1001], np.int32)
    x, y = _combinations([numbers, numbers[numbers != 0]])
    made = interpret(function.body, [*[x] * (len(declared) - 3), x, y], functions)
    return name if made is not None and bool(np.all(made[0] == _SIZE_FUNCTIONS[name](x, y))) else None
