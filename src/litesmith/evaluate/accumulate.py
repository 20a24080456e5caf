"""The state of an evaluation: sums for each slice, which batches are added to and other states merged into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from litesmith.data.columns import Array
from litesmith.errors import UsageError
from litesmith.evaluate.exact import ExactSums
from litesmith.evaluate.keys import SliceKey
from litesmith.evaluate.slicing import Assignment, SliceSpec, assign
from litesmith.evaluate.statistics import Entries, Statistic
from litesmith.evaluate.views import Outputs

_KEPT_REASONS = 100  # of skipped records


class Maxima:
    """The largest number for each cell of a ``[slots, cells]`` table; NaN where one was among them."""

    def __init__(self, cells: int) -> None:
        self.cells = cells
        self.slots = 0
        self._table = np.full((0, cells), -np.inf)

    def reserve(self, slots: int) -> None:
        if slots > self.slots:
            self._table = np.concatenate([self._table, np.full((slots - self.slots, self.cells), -np.inf)])
            self.slots = slots

    def add(self, cells: Array, values: Array) -> None:
        with np.errstate(invalid="ignore"):
            np.maximum.at(self._table.reshape(-1), cells, values)

    def merge(self, other: Maxima, slots: Array) -> None:
        self._table[slots] = np.maximum(self._table[slots], other._table[: len(slots)])

    def values(self) -> Array:
        return self._table


Table: TypeAlias = "ExactSums | Maxima"


class Accumulator:
    """What an evaluation has added up so far. It can be pickled; merging is exact, so any order gives the same.

    skipped: how many records were left out; reasons: why, for the first hundred.
    """

    def __init__(self, statistics: Sequence[Statistic], slices: Sequence[SliceSpec]) -> None:
        self.statistics = tuple(statistics)
        self.specs = tuple(slices)
        self.slots: dict[SliceKey, int] = {}
        self.counts = np.zeros(0, np.int64)
        self.tables: list[Table | None] = [None] * len(self.statistics)
        self.skipped = 0
        self.reasons: tuple[str, ...] = ()

    def add(self, outputs: Outputs) -> None:
        """Add a batch. Raises DataError where labels, weights or slices are not what they should be."""
        batch = outputs.batch
        self._note_skipped(len(batch.skipped), batch.skipped)
        if not batch.size:
            return
        assignments = assign(batch, self.specs, self._slot)
        self._grow()
        for _, slots in assignments:
            np.add.at(self.counts, slots, 1)
        for i, statistic in enumerate(self.statistics):
            entries = statistic.entries(outputs)
            table = self._table(i, statistic, entries.count)
            for assignment in assignments:
                _add(table, entries, assignment)

    def merge(self, other: Accumulator) -> None:
        """Add what another one has added up."""
        self._note_skipped(other.skipped, other.reasons)
        slots = np.array([self._slot(key) for key in other.slots], np.int64)
        self._grow()
        self.counts[slots] += other.counts
        for i, (statistic, table) in enumerate(zip(self.statistics, other.tables, strict=True)):
            if table is not None:
                ours = self._table(i, statistic, table.cells)
                ours.merge(table, slots)  # type: ignore[arg-type]  # both are of the statistic's kind

    def _slot(self, key: SliceKey) -> int:
        return self.slots.setdefault(key, len(self.slots))

    def _grow(self) -> None:
        if len(self.slots) > len(self.counts):
            counts = np.zeros(len(self.slots), np.int64)
            counts[: len(self.counts)] = self.counts
            self.counts = counts
        for table in self.tables:
            if table is not None:
                table.reserve(len(self.slots))

    def _table(self, index: int, statistic: Statistic, cells: int) -> Table:
        table = self.tables[index]
        if table is None:
            largest = getattr(statistic, "largest", False)
            table = Maxima(cells) if largest else ExactSums(cells, coarse=statistic.coarse)
            table.reserve(len(self.slots))
            self.tables[index] = table
        elif table.cells != cells:
            raise UsageError("the model's outputs change their size from batch to batch")
        return table

    def _note_skipped(self, count: int, reasons: tuple[str, ...]) -> None:
        self.skipped += count
        self.reasons = tuple(sorted({*self.reasons, *reasons}))[:_KEPT_REASONS]


def _add(table: Table, entries: Entries, assignment: Assignment) -> None:
    rows, slots = assignment
    if not rows.size:
        return
    whole = len(rows) == len(entries.values) and bool(np.all(rows == np.arange(len(rows))))
    values = entries.values if whole else entries.values[rows]
    cells = entries.cells if whole or entries.cells.ndim == 1 else entries.cells[rows]
    flat = slots[:, None] * entries.count + cells
    values = np.ascontiguousarray(values).reshape(-1)
    flat = np.broadcast_to(flat, (len(rows), entries.values.shape[1])).reshape(-1)
    if isinstance(table, ExactSums):
        present = values != 0
        if not present.all():
            flat, values = flat[present], values[present]
    table.add(flat, values)
