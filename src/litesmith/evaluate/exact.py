"""Sums of float64 numbers that are exact, so that they do not depend on the order or on how the data were split."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.data.columns import Array

_MASK = np.int64((1 << 32) - 1)
_SAFE_ADDITIONS = 1 << 29  # digits of up to 33 bits that a cell of 64 bits can take before carrying
_NOT_FINITE = ("nan", "inf", "-inf")


class ExactSums:
    """One sum for each cell of a ``[slots, cells]`` table.

    A number is split into signed digits of 32 bits; each digit is added, as an integer, to the plane of its power of
    2^32. Planes come into being as the data need them: counts need one, sums of floats some five.

    coarse: whether numbers are first rounded to multiples of 2^-64, which bounds the number of planes.
    """

    def __init__(self, cells: int, *, coarse: bool = False) -> None:
        self.cells = cells
        self.coarse = coarse
        self.slots = 0
        self._planes: dict[int | str, Array] = {}
        self._additions = 0

    def reserve(self, slots: int) -> None:
        """Make room for so many slots."""
        if slots <= self.slots:
            return
        for key, plane in self._planes.items():
            grown = np.zeros((slots, self.cells), np.int64)
            grown[: self.slots] = plane
            self._planes[key] = grown
        self.slots = slots

    def add(self, cells: Array, values: Array) -> None:
        """Add values (float64 [m]) to cells (flat: slot times the number of cells, plus the cell)."""
        self._carry_in_time(values.size)
        if not values.size:
            return
        if _are_small_integers(values):
            np.add.at(self._plane(0), cells, values.astype(np.int64))
            return
        finite = np.isfinite(values)
        if not finite.all():
            self._count_not_finite(cells[~finite], values[~finite])
            cells, values = cells[finite], values[finite]
        if self.coarse:
            values = np.ldexp(np.rint(np.ldexp(values, 64)), -64)
        self._add_digits(cells, values)

    def merge(self, other: ExactSums, slots: Array) -> None:
        """Add the sums of another table, whose slot i is ours slots[i]."""
        self._carry_in_time(other._additions + 1)
        for key, plane in other._planes.items():
            self._plane(key).reshape(self.slots, self.cells)[slots] += plane[: len(slots)]

    def values(self) -> Array:
        """[slots, cells] float64, each sum rounded once."""
        total = np.zeros((self.slots, self.cells))
        numbers = sorted(key for key in self._planes if isinstance(key, int))
        if numbers == [0]:
            total = self._planes[0].astype(np.float64)
        elif numbers:
            low = min(numbers[0], 0)
            whole: Any = sum(self._planes[n].astype(object) << (32 * (n - low)) for n in numbers)
            total = (whole / (1 << (-32 * low))).astype(np.float64)
        for key in _NOT_FINITE:
            if key in self._planes:
                with np.errstate(invalid="ignore"):
                    total = total + np.where(self._planes[key] > 0, float(key), 0.0)
        return total

    def _plane(self, key: int | str) -> Array:
        """The flat cells of one power of 2^32."""
        if key not in self._planes:
            self._planes[key] = np.zeros((self.slots, self.cells), np.int64)
        return self._planes[key].reshape(-1)

    def _count_not_finite(self, cells: Array, values: Array) -> None:
        for key in _NOT_FINITE:
            here = np.isnan(values) if key == "nan" else values == float(key)
            if here.any():
                np.add.at(self._plane(key), cells[here], 1)

    def _add_digits(self, cells: Array, values: Array) -> None:
        mantissa, exponent = np.frexp(values)
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        lowest = (exponent - 53) >> 5
        shift = ((exponent - 53) & 31).astype(np.int64)
        low, high = (whole & _MASK) << shift, (whole >> 32) << shift
        digits = (low & _MASK, (low >> 32) + (high & _MASK), high >> 32)
        for offset, digit in enumerate(digits):
            present = digit != 0
            if not present.any():
                continue
            where, number, what = lowest[present] + offset, digit[present], cells[present]
            for power in range(int(where.min()), int(where.max()) + 1):
                here = where == power
                if here.any():
                    np.add.at(self._plane(power), what[here], number[here])

    def _carry_in_time(self, additions: int) -> None:
        """Carry from digit to digit before a cell could overflow."""
        self._additions += additions
        if self._additions < _SAFE_ADDITIONS:
            return
        self._additions = 0
        powers = sorted(key for key in self._planes if isinstance(key, int))
        for power in range(powers[0], powers[-1] + 2) if powers else ():
            plane = self._plane(power)
            carry = plane >> 32
            if power <= powers[-1] and carry.any():
                plane &= _MASK
                self._plane(power + 1)[:] += carry


def _are_small_integers(values: Array) -> bool:
    with np.errstate(invalid="ignore"):
        return bool(np.all((values == np.rint(values)) & (np.abs(values) < 2**31)))
