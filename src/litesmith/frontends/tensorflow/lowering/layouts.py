"""Layouts of images and volumes: everything is computed with channels last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Value

_TO_LAST = {4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
_TO_FIRST = {4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}


def channels_first(data_format: str) -> bool:
    """Whether the layout puts channels on axis 1. Raises UnsupportedError for vectorized layouts."""
    if data_format not in ("NHWC", "NCHW", "NDHWC", "NCDHW"):
        raise UnsupportedError(f"data format {data_format} is not supported", "use NHWC or NCHW")
    return data_format.startswith("NC")


def to_last(b: Builder, x: Value, data_format: str) -> Value:
    """The operand with channels last."""
    return b.transpose(x, _TO_LAST[x.rank]) if channels_first(data_format) else x


def from_last(b: Builder, x: Value, data_format: str) -> Value:
    """A channels-last result in the node's own layout."""
    return b.transpose(x, _TO_FIRST[x.rank]) if channels_first(data_format) else x


def sizes_to_last(b: Builder, sizes: Value, data_format: str, rank: int) -> Value:
    """A shape operand with the channels' size last."""
    if not channels_first(data_format):
        return sizes
    return b.gather(sizes, np.array(_TO_LAST[rank], np.int32), axis=0)


def spatial(per_axis: Sequence[int], data_format: str) -> tuple[int, ...]:
    """The spatial entries of a per-axis list. Raises UnsupportedError unless batch and channel entries are 1."""
    entries = tuple(int(e) for e in per_axis)
    rest = (entries[:2], entries[2:]) if channels_first(data_format) else ((entries[0], entries[-1]), entries[1:-1])
    if any(e != 1 for e in rest[0]):
        raise UnsupportedError(f"{entries} has steps along batch or channels", "use 1 there")
    return rest[1]


def explicit_pairs(explicit: Sequence[int], data_format: str) -> list[tuple[int, int]]:
    """Spatial (before, after) pairs of an ``explicit_paddings`` attribute."""
    pairs = [(int(explicit[i]), int(explicit[i + 1])) for i in range(0, len(explicit), 2)]
    return pairs[2:] if channels_first(data_format) else pairs[1:-1]
