"""Batches: named columns whose first dimension runs over the examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from litesmith.errors import FormatError

Array: TypeAlias = np.ndarray[Any, Any]


class DataError(FormatError):
    """A record of a data set is damaged, or its features are not what is asked for."""


@dataclass(frozen=True)
class Batch:
    """Some examples of a data set.

    columns: name -> array ``[n, …]``. A column whose examples have different sizes, or are missing in some, is an
    object array ``[n]`` of arrays and None. size: n. source, start: where the examples come from, for messages; numbers:
    their places in the source, where records were skipped; skipped: why, one text each.
    """

    columns: Mapping[str, Array]
    size: int
    source: str = ""
    start: int = 0
    numbers: tuple[int, ...] | None = None
    skipped: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Where one example comes from, as text."""
        number = self.start + row if self.numbers is None else self.numbers[row]
        return f"{self.source}, record {number}" if self.source else f"example {number}"

    def column(self, name: str, what: str = "feature") -> Array:
        """A column that every example has, in one size. Raises DataError that says what is wrong where."""
        if name not in self.columns:
            known = ", ".join(sorted(self.columns)) or "none"
            raise DataError(f"{what} {name!r} is missing; the data have: {known}", path=self.source)
        column = self.columns[name]
        if not is_ragged(column):
            return column
        missing = [row for row, value in enumerate(column) if value is None]
        if missing:
            raise DataError(f"{what} {name!r} is missing in {self.place(missing[0])}")
        sizes = [np.shape(value) for value in column]
        row = next(i for i, size in enumerate(sizes) if size != sizes[0])
        raise DataError(
            f"{what} {name!r} has shape {list(sizes[row])} in {self.place(row)}, "
            f"where {list(sizes[0])} came before"
        )


def is_ragged(column: Array) -> bool:
    """Whether a column holds an array of its own, or None, for each example."""
    return column.dtype == object and column.ndim == 1 and any(v is None or isinstance(v, np.ndarray) for v in column)


def ragged_column(values: list[Array | None]) -> Array:
    """A column of arrays that differ in size."""
    column = np.empty(len(values), object)
    column[:] = values
    return column
