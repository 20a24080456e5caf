"""How integers, their scales and zero points are stored as DEQUANTIZE takes them: by channel or by block, in 4 or 8 bits.

`layouts` lists the ways, `size_of` says what one takes in the file, `channels_of` gives the arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, prod
from typing import NamedTuple

import numpy as np

from litesmith.ir.constant import Array
from litesmith.ir.dtypes import DType
from litesmith.passes.folded_integers import Affine, column_groups, product, run_lengths, varying_axes

ZERO_POINT_AND_SCALE = 12
"""Bytes the file spends on each scale: a float32 and an int64."""

BITS = {DType.INT4: 4, DType.INT8: 8}
"""What integers are written as, the narrowest first."""


class Channels(NamedTuple):
    """Integers as DEQUANTIZE takes them: stored, and a scale and a zero point for each index along a dimension."""

    integers: Array
    dtype: DType
    axis: int
    scales: Array
    zeros: Array


class Layout(NamedTuple):
    """A way to store weights, and what the operand they are multiplied with needs then.

    axis: the dimension the scales and zero points vary along; block: how many elements of the last dimension share
    them, 0 where all do. order: the places of the last dimension in the order they are stored in; padding: how many
    zeros follow them; factor: what multiplies each feature of the operand.
    """

    axis: int = 0
    block: int = 0
    order: Array | None = None
    padding: int = 0
    factor: Array | None = None

    @property
    def changes_operand(self) -> bool:
        """Whether the operand has to be brought in line."""
        return self.factor is not None or self.order is not None or self.padding > 0


def size_of(weights: Affine, layout: Layout, bits: int) -> float:
    """Bytes the weights take in the file."""
    *rows, length = weights.integers.shape
    elements = prod(rows) * (length + layout.padding)
    if layout.block:
        count = elements // layout.block
    else:
        count = weights.integers.shape[layout.axis] if varying_axes([weights.zeros, *weights.scales]) else 1
    return float(elements * bits / 8 + ZERO_POINT_AND_SCALE * count)


def layouts(found: Affine, may_move: bool) -> Iterator[Layout]:
    """The ways to store them by channel, or else by block. may_move: places of the last dimension may be rearranged."""
    tables = [found.zeros, *found.scales]
    axes = varying_axes(tables)
    if len(axes) <= 1:
        yield Layout(axis=axes[0] if axes else 0)
        return
    groups = column_groups(tables, found.integers.shape[-1])
    for order in (None, _by_group(groups)) if may_move else (None,):
        lengths = run_lengths(groups if order is None else groups[order])
        exact, size = Layout(block=gcd(*lengths), order=order), gcd(*lengths[:-1])
        padded = exact._replace(block=size, padding=-len(groups) % size) if may_move and size else exact
        bits = BITS[DType.INT4]
        yield from (padded, exact) if size_of(found, padded, bits) < size_of(found, exact, bits) else (exact, padded)


def _by_group(groups: Array) -> Array:
    """The places group by group, those of smaller groups last."""
    return np.lexsort((groups, -np.bincount(groups)[groups]))


def _split_blocks(found: Affine, layout: Layout) -> Affine:
    """The weights by block, a block a row."""
    *rows, length = found.integers.shape
    places = np.arange(length) if layout.order is None else layout.order
    starts = places[:: layout.block]
    zeros, *scales = (
        np.broadcast_to(t[..., starts] if t.shape[-1] > 1 else t, (*rows, len(starts))).reshape(-1, 1)
        for t in (found.zeros, *found.scales)
    )
    integers = found.integers if layout.order is None else found.integers[..., places]
    if layout.padding:
        last = np.broadcast_to(zeros.reshape(*rows, -1)[..., -1:], (*rows, layout.padding))
        integers = np.concatenate([integers, last.astype(np.int16)], axis=-1)
    return Affine(integers.reshape(-1, layout.block), zeros, tuple(scales))


def channels_of(weights: Affine, layout: Layout) -> Channels | None:
    """The weights with positive float32 scales and the narrowest integers; None where they do not fit a byte."""
    found = _split_blocks(weights, layout) if layout.block else weights
    integers, zeros, scales = found.integers, found.zeros, product(found.scales, found.integers.ndim)
    if np.any(scales < 0):
        sign = np.where(scales < 0, np.int16(-1), np.int16(1))
        integers, zeros, scales = integers * sign, zeros * sign, np.abs(scales)
    fitted = _fit(integers, zeros)
    if fitted is None:
        return None
    dtype, shift, left = fitted
    axis = next(iter(varying_axes([scales, zeros])), 0)
    scales, left = (part.reshape(-1) for part in np.broadcast_arrays(scales, left))
    return Channels(_shift(integers, shift, dtype), dtype, axis, scales.astype(np.float32), left.astype(np.int64))


def _fit(integers: Array, zeros: Array) -> tuple[DType, Array, Array] | None:
    """The narrowest type, what is subtracted from the integers to fit it, and the zero points that are left."""
    rest = tuple(axis for axis, size in enumerate(zeros.shape) if size == 1)
    low, high = (
        part.astype(np.int64) for part in (integers.min(rest, keepdims=True), integers.max(rest, keepdims=True))
    )
    for dtype, bits in BITS.items():
        least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        if least <= (low - zeros).min() and (high - zeros).max() <= most:
            return dtype, zeros, np.zeros_like(zeros)
        shift = min(low.min(), zeros.min()) - least
        if max(high.max(), zeros.max()) - shift <= most:
            return dtype, np.full_like(zeros, shift), zeros - shift
    return None


def _shift(integers: Array, shift: Array, dtype: DType) -> Array:
    if np.any(shift):
        integers = integers - shift.astype(np.int16)
    return integers.astype(np.int8).astype(dtype.numpy)
