"""Constants: lazy array views.

A constant knows its dtype and shape at once and its elements only when asked. It is an array (often an `np.memmap` on
a checkpoint shard) or a recipe that makes one from others; the writer materializes one at a time and lets it go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from litesmith.ir.dtypes import DType

if TYPE_CHECKING:
    from litesmith.ir.graph import Op

Array = np.ndarray[Any, Any]


class Constant:
    """The elements of a constant tensor: dtype and shape now, the array on demand.

    ``sparsity`` keeps the schema's sparsity parameters of a constant read from a file, as an opaque payload. A float32
    constant that was computed may know its elements in float64 (`unrounded_array`), so that what is computed from it in
    turn is rounded once. ``made_by`` is the folded operation a large constant is the result of, where a large integer
    constant is at its root: weights can be written as the integers they are made of.
    """

    __slots__ = ("_array", "_recipe", "_unrounded", "dtype", "made_by", "shape", "sparsity")

    def __init__(
        self,
        dtype: DType,
        shape: Sequence[int],
        array: Array | None = None,
        recipe: Callable[[], Array] | None = None,
        sparsity: Any = None,
    ) -> None:
        self.dtype = dtype
        self.shape = tuple(int(d) for d in shape)
        self._array = array
        self._recipe = recipe
        self.sparsity = sparsity
        self._unrounded: Callable[[], Array] | None = None
        self.made_by: Op | None = None

    @staticmethod
    def of(array: Any, dtype: DType | None = None) -> Constant:
        """A constant holding this array (cast to ``dtype`` if given). The array is not copied; do not write to it."""
        dtype = dtype or DType.of(np.asarray(array).dtype)
        array = np.asanyarray(array, dtype.numpy)
        return Constant(dtype, array.shape, array)

    @staticmethod
    def lazy(dtype: DType, shape: Sequence[int], recipe: Callable[[], Array]) -> Constant:
        """A constant computed by ``recipe`` each time it is asked for; nothing is kept."""
        return Constant(dtype, shape, recipe=recipe)

    @staticmethod
    def computed(
        dtype: DType,
        shape: Sequence[int],
        unrounded: Callable[[], Array],
        keep: bool,
        rounded: Callable[[], Array] | None = None,
    ) -> Constant:
        """A constant whose elements are those of ``unrounded()`` rounded to ``dtype``; ``keep``: computed now, and kept.

        rounded: gives the rounded elements in less room than ``unrounded`` takes.
        """
        constant = Constant(dtype, shape, recipe=rounded or (lambda: _round(unrounded(), dtype)))
        constant._unrounded = unrounded
        if keep:
            exact = unrounded()
            constant._array, constant._unrounded = _round(exact, dtype), lambda: exact
        return constant

    @property
    def is_rounded(self) -> bool:
        """Whether `unrounded_array` gives more than `array`."""
        return self._unrounded is not None

    def unrounded_array(self) -> Array:
        """The elements before they were rounded to ``dtype``, where that is known; else `array`."""
        return self.array() if self._unrounded is None else self._unrounded()

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes the unpacked elements take (strings count by their reference)."""
        return self.size * self.dtype.numpy.itemsize

    @property
    def is_lazy(self) -> bool:
        """Whether asking for the array computes something."""
        return self._array is None

    def array(self) -> Array:
        """The elements. Read-only by convention; shape ``self.shape``, dtype ``self.dtype.numpy``.

        Raises ValueError when a recipe does not keep what it promised.
        """
        if self._array is not None:
            return self._array
        if self._recipe is None:
            raise ValueError("constant has neither an array nor a recipe")
        array = np.asanyarray(self._recipe())
        if array.shape != self.shape or array.dtype != self.dtype.numpy:
            raise ValueError(
                f"lazy constant gave {array.dtype}{list(array.shape)}, expected {self.dtype}{list(self.shape)}"
            )
        return array

    def keep(self) -> None:
        """Computes the elements now, once."""
        self._array = self.array()

    def __repr__(self) -> str:
        return f"Constant({self.dtype}{list(self.shape)}{', lazy' if self.is_lazy else ''})"


def _round(array: Array, dtype: DType) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(array, dtype.numpy)
