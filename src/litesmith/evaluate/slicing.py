"""Which slices each example of a batch is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.data.columns import Array, Batch, DataError, is_ragged
from litesmith.evaluate.keys import OVERALL, SliceKey, SliceValue

Assignment = tuple[Array, Array]
"""Rows of the batch and the slots of the slices they are in; a row may come several times."""


@dataclass(frozen=True)
class SliceSpec:
    """Slices by every value of some features, among the examples that have certain values of others."""

    features: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return "*".join([*self.features, *(f"{name}={value}" for name, value in self.values)]) or "overall"

    def covers(self, key: SliceKey) -> bool:
        """Whether a slice is one of this specification."""
        names = {name for name, _ in key}
        wanted = {*self.features, *(name for name, _ in self.values)}
        return names == wanted and all((name, value) in [(n, str(v)) for n, v in key] for name, value in self.values)


def assign(batch: Batch, specs: Sequence[SliceSpec], slot_of: Callable[[SliceKey], int]) -> list[Assignment]:
    """The rows and slots of each specification; examples without the features are in none of its slices."""
    return [_assign(batch, spec, slot_of) for spec in specs]


def _assign(batch: Batch, spec: SliceSpec, slot_of: Callable[[SliceKey], int]) -> Assignment:
    rows = np.arange(batch.size)
    if not spec.features and not spec.values:
        return rows, np.full(batch.size, slot_of(OVERALL))
    pairs: list[tuple[str, Array, list[SliceValue]]] = []  # feature, code of each row kept, values by code
    fixed = dict(spec.values)
    for name in sorted({*spec.features, *fixed}):
        kept, codes, values = _codes(batch, name, rows)
        if name in fixed:
            wanted = np.array([str(value) == fixed[name] for value in values], bool)
            chosen = wanted[codes] if values else np.zeros(0, bool)
            kept, codes = kept[chosen], codes[chosen]
        pairs = [(n, c[kept], v) for n, c, v in pairs]
        rows = rows[kept]
        pairs.append((name, codes, values))
    return rows, _slots(pairs, len(rows), slot_of)


def _slots(pairs: list[tuple[str, Array, list[SliceValue]]], count: int, slot_of: Callable[[SliceKey], int]) -> Array:
    """The slot of each row's combination of values."""
    if not count:
        return np.zeros(0, np.int64)
    combined = np.zeros(count, np.int64)
    for _, codes, values in pairs:
        combined = combined * len(values) + codes
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    keys = [tuple((name, values[codes[row]]) for name, codes, values in pairs) for row in first]
    return np.array([slot_of(key) for key in keys])[inverse]


def _codes(batch: Batch, name: str, rows: Array) -> tuple[Array, Array, list[SliceValue]]:
    """Of the rows that have the feature: their places among the rows, a code for the value, and the values."""
    column = batch.columns.get(name)
    if column is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), []
    column = column[rows]
    if is_ragged(column):
        counts = np.array([0 if value is None else np.size(value) for value in column])
        parts = [np.ravel(value) for value in column if value is not None]
        flat = np.concatenate(parts) if parts else np.zeros(0)
    else:
        width = int(np.prod(column.shape[1:], dtype=np.int64))
        counts, flat = np.full(len(rows), width), column.reshape(-1)
    if flat.dtype == object:
        flat = flat.astype(bytes if flat.size and isinstance(flat[0], bytes) else str)
    values, codes = np.unique(flat, return_inverse=True)
    return np.repeat(np.arange(len(rows)), counts), codes, [_value(v, name) for v in values.tolist()]


def _value(value: object, name: str) -> SliceValue:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"feature {name!r} to slice by holds {value!r}, which is not text in UTF-8") from error
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float | str):
        return value
    raise DataError(f"feature {name!r} holds {type(value).__name__} values, by which the data cannot be sliced")
