"""Sparse constants: the schema's sparsity parameters, and the dense elements they stand for.

The elements of the (possibly blocked) tensor are traversed in a given order of dimensions. A dense dimension lists
all its places; a sparse one (compressed rows) lists, for each place of the dimension before it, a segment of indices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litesmith.errors import FormatError
from litesmith.ir.constant import Array


@dataclass(frozen=True, eq=False)
class Dimension:
    """One level of the traversal: dense of ``size``, or sparse by ``segments`` and ``indices``.

    The two are vectors of uint8, uint16 or int32.
    """

    size: int = 0
    segments: Array | None = None
    indices: Array | None = None


@dataclass(frozen=True, eq=False)
class Sparsity:
    """Sparsity parameters of a constant of dense shape ``shape``.

    order: dimensions in the order of traversal, block dimensions numbered after the others; blocks: which dimension
    each block dimension cuts; levels: one for each entry of ``order``; itemsize: bytes of an element.
    """

    order: tuple[int, ...]
    blocks: tuple[int, ...]
    levels: tuple[Dimension, ...]
    shape: tuple[int, ...]
    itemsize: int

    @property
    def stored_bytes(self) -> int:
        """Bytes of the elements that are stored. Raises FormatError for inconsistent parameters."""
        count = 1
        for level in self.levels:
            if level.segments is None or level.indices is None:
                if level.size < 1:
                    raise FormatError("sparsity parameters have a dimension without a size")
                count *= level.size
            elif len(level.segments) != count + 1 or level.segments[0] != 0 or level.segments[-1] != len(level.indices):
                raise FormatError("sparsity parameters have inconsistent segments")
            else:
                count = len(level.indices)
        return count * self.itemsize

    def stored_elements(self, dense: Array) -> Array:
        """The elements that are stored, from the dense tensor."""
        return dense.reshape(-1)[self._places()]

    def dense(self, stored: Array) -> Array:
        """The dense tensor, zero where nothing is stored."""
        array = np.zeros(int(np.prod(self.shape, dtype=np.int64)), stored.dtype)
        array[self._places()] = stored
        return array.reshape(self.shape)

    def _places(self) -> Array:
        """The flat place in the dense tensor of each stored element. Raises FormatError for inconsistent parameters."""
        self.check()
        rank = len(self.shape)
        block_sizes = {b: self._block_size(i) for i, b in enumerate(self.blocks)}
        strides = np.cumprod([1, *self.shape[:0:-1]], dtype=np.int64)[::-1]
        places = np.zeros(1, np.int64)
        for dimension, level in zip(self.order, self.levels, strict=True):
            parents, indices = _expand(len(places), level)
            axis = dimension if dimension < rank else self.blocks[dimension - rank]
            extent = self.shape[axis] // block_sizes.get(axis, 1) if dimension < rank else block_sizes[axis]
            if len(indices) and (indices.min() < 0 or indices.max() >= extent):
                raise FormatError("sparsity parameters have an index out of range")
            step = strides[axis] * (block_sizes.get(axis, 1) if dimension < rank else 1)
            places = places[parents] + indices * step
        return places

    def check(self) -> None:
        """Raises FormatError for parameters that contradict each other or the shape."""
        rank = len(self.shape)
        if sorted(self.order) != list(range(rank + len(self.blocks))) or len(self.levels) != len(self.order):
            raise FormatError("sparsity parameters do not cover the dimensions of their tensor")
        if len(set(self.blocks)) != len(self.blocks) or not all(0 <= b < rank for b in self.blocks):
            raise FormatError("sparsity parameters block a dimension that is not there, or one twice")
        _ = self.stored_bytes

    def _block_size(self, number: int) -> int:
        level = self.levels[self.order.index(len(self.shape) + number)]
        axis = self.blocks[number]
        if level.segments is not None or level.size < 1 or self.shape[axis] % level.size:
            raise FormatError("a block of sparsity parameters does not divide its dimension")
        return level.size


def _expand(count: int, level: Dimension) -> tuple[Array, Array]:
    """Parent place and index of every entry one level below ``count`` places."""
    if level.segments is None or level.indices is None:
        return np.repeat(np.arange(count), level.size), np.tile(np.arange(level.size), count)
    lengths: Array = np.diff(level.segments.astype(np.int64))
    if (lengths < 0).any():
        raise FormatError("sparsity parameters have inconsistent segments")
    return np.repeat(np.arange(count), lengths), level.indices.astype(np.int64)
