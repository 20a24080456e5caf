"""Which numbers a tensor can hold: an interval, for the tensor as a whole or for each element."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from litesmith.ir.constant import Array
from litesmith.ir.graph import Value


class Interval(NamedTuple):
    """The least and the largest number each element can be: scalars, or arrays of the tensor's shape.

    Of int64 for integers and booleans, of float32 for floats.
    """

    low: Array
    high: Array

    @property
    def number(self) -> Any:
        """The one number every element is, None where there may be several."""
        first = self.low.flat[0] if self.low.size else None
        return first if self.low.size and np.all(self.low == first) and np.all(self.high == first) else None

    @property
    def ends(self) -> Interval:
        """The same for the tensor as a whole."""
        return Interval(self.low.min(), self.high.max()) if self.low.ndim and self.low.size else self


class Intervals(Protocol):
    """What is known of the values of a program."""

    def __getitem__(self, value: Value | None) -> Interval | None:
        """The interval of a value, None where nothing is known."""


def of_integers(low: int, high: int) -> Interval:
    """All integers between two."""
    return Interval(np.asarray(low, np.int64), np.asarray(high, np.int64))


def union(*parts: Interval) -> Interval:
    """What holds the numbers of all."""
    return Interval(np.minimum.reduce([p.low for p in parts]), np.maximum.reduce([p.high for p in parts]))


BOOLEAN, TRUE, FALSE = of_integers(0, 1), of_integers(1, 1), of_integers(0, 0)
