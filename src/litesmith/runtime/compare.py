"""Comparing the outputs of a model with what they should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from litesmith.runtime.inputs import Array

TOLERANCE = 1e-5
# The least a tolerance means, in units of the last place of the largest value: no kernel can promise less.
_FLOOR_ULPS = 2


@dataclass(frozen=True)
class Comparison:
    """How one output agrees with its reference.

    max_abs: largest absolute error (infinite where NaN or infinite elements do not coincide); range: of the
    finite reference elements, or their magnitude if all are the same; relative: max_abs over range;
    mismatches: elements beyond the tolerance, out of size; reason: why the output does not agree, empty when
    it does.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int = 0
    max_abs: float = 0.0
    range: float = 0.0
    relative: float = 0.0
    mismatches: int = 0
    reason: str = ""

    @property
    def passed(self) -> bool:
        return not self.reason


def compare(
    actual: Array, expected: Array, tol: float = TOLERANCE, *, steps: int = 0, name: str = ""
) -> Comparison:
    """Compare one output with its reference.

    tol: error allowed for floats, as a fraction of the reference's range (two units in the last place of its
    largest magnitude are always allowed). steps: error allowed for integers; 0 demands equality. NaN and
    infinities have to be in the same places; dtype and shape have to be the same. Strings and booleans have
    to be equal.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    result = Comparison(name, str(actual.dtype), actual.shape, expected.size)
    reason = _unlike(actual, expected)
    if reason:
        return replace(result, max_abs=np.inf, relative=np.inf, mismatches=expected.size, reason=reason)
    if actual.dtype.kind in "SUOb":
        return _with_mismatches(result, _text(actual) != _text(expected), actual, expected)
    allowed = float(steps)
    spread, largest = _range(expected)
    if not _is_integer(expected.dtype):
        allowed = max(tol * spread, _FLOOR_ULPS * _eps(expected.dtype) * largest)
    error = _errors(actual, expected)
    worst = float(error.max(initial=0))
    relative = worst / spread if spread else worst
    result = replace(result, max_abs=worst, range=spread, relative=relative)
    return _with_mismatches(result, np.where(error > allowed, error, 0), actual, expected)


def compare_outputs(
    actual: Mapping[str, Array], expected: Mapping[str, Array], tol: float = TOLERANCE, *, steps: int = 0
) -> list[Comparison]:
    """Compare the outputs the reference has; one the model does not have is a failed comparison."""
    missing = f"the model has no such output, only {', '.join(map(repr, actual))}"
    return [
        compare(actual[name], value, tol, steps=steps, name=name)
        if name in actual
        else Comparison(name, "", (), np.size(value), np.inf, 0.0, np.inf, np.size(value), missing)
        for name, value in expected.items()
    ]


def comparison_table(comparisons: Iterable[Comparison]) -> list[dict[str, str]]:
    """Rows for printing: column -> text."""
    return [
        {
            "output": c.name,
            "type": f"{c.dtype}{list(c.shape)}",
            "max error": f"{c.max_abs:.3g}",
            "of range": f"{c.relative:.2e}",
            "beyond": f"{c.mismatches}/{c.size}",
            "result": c.reason or "agrees",
        }
        for c in comparisons
    ]


def identical(left: Mapping[str, Array], right: Mapping[str, Array]) -> bool:
    """Whether two runs gave the same values (NaN equals NaN)."""
    return left.keys() == right.keys() and all(_identical(left[name], right[name]) for name in left)


def _identical(left: Array, right: Array) -> bool:
    if _unlike(left, right):
        return False
    if left.dtype.kind in "SUO":
        return bool(np.all(_text(left) == _text(right)))
    return bool(np.all((left == right) | ((left != left) & (right != right))))  # noqa: PLR0124 (NaN of any type)


def _unlike(actual: Array, expected: Array) -> str:
    """What keeps two arrays from being compared at all."""
    text = {"S", "U", "O"}
    if actual.dtype != expected.dtype and not {actual.dtype.kind, expected.dtype.kind} <= text:
        return f"dtype {actual.dtype} where {expected.dtype} is expected"
    if actual.shape != expected.shape:
        return f"shape {list(actual.shape)} where {list(expected.shape)} is expected"
    return ""


def _with_mismatches(result: Comparison, badness: Array, actual: Array, expected: Array) -> Comparison:
    """The result with the elements counted whose badness is not zero, naming the worst."""
    count = int(np.count_nonzero(badness))
    if not count:
        return result
    place = np.unravel_index(int(np.argmax(badness)), badness.shape)
    index = [int(i) for i in place]
    where = f"most at {index}: {actual[place]} where {expected[place]} is expected"
    reason = f"{count} of {expected.size} elements differ, {where}"
    return replace(result, mismatches=count, reason=reason)


def _text(array: Array) -> Array:
    """Strings of any NumPy kind as an object array of bytes; booleans as they are."""
    if array.dtype.kind == "b":
        return array
    flat = [item.encode() if isinstance(item, str) else item for item in array.ravel().tolist()]
    result = np.empty(len(flat), object)
    result[:] = flat
    return result.reshape(array.shape)


def _errors(actual: Array, expected: Array) -> Array:
    """Absolute errors in float64: 0 where both are NaN or the same infinity, infinite where only one is."""
    agree = (actual == expected) | ((actual != actual) & (expected != expected))  # noqa: PLR0124 (NaN of any type)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(_wide(actual) - _wide(expected))
    error = np.where(np.isnan(error), np.inf, error)
    if _is_integer(expected.dtype):
        error = np.maximum(error, 1.0)  # 64-bit integers may differ where their float64 values do not
    return np.where(agree, 0.0, error)


def _wide(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _range(expected: Array) -> tuple[float, float]:
    """The range of the finite elements (of the components, when complex) and their largest magnitude."""
    values = _wide(expected)
    if values.dtype.kind == "c":
        values = np.stack([values.real, values.imag])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 0.0
    largest = float(np.abs(values).max())
    return float(values.max() - values.min()) or largest, largest


def _is_integer(dtype: np.dtype[np.generic]) -> bool:
    return dtype.kind in "iu" or dtype.name.startswith(("int", "uint"))


def _eps(dtype: np.dtype[np.generic]) -> float:
    from ml_dtypes import finfo  # knows NumPy's types too

    return float(finfo(dtype).eps)  # type: ignore[no-untyped-call]
