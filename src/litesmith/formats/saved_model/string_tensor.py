"""String tensors of a checkpoint: lengths as varints, a checksum of the lengths, then the bytes."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from litesmith.errors import FormatError
from litesmith.formats.saved_model.crc32c import crc32c, mask
from litesmith.formats.saved_model.varint import read_varint

_CHECKSUM_SIZE = 4


def decode_strings(data: bytes, shape: tuple[int, ...], crc: int, *, big_endian: bool) -> np.ndarray[Any, Any]:
    """An object array of bytes. Both checksums are verified; FormatError when data and shape do not fit."""
    count = math.prod(shape)
    if count > len(data):  # each length takes at least a byte
        raise FormatError(f"{len(data)} bytes cannot hold {count} strings")
    lengths, position = [], 0
    for _ in range(count):
        length, position = read_varint(data, position)
        lengths.append(length)
    text = position + _CHECKSUM_SIZE
    if text + sum(lengths) != len(data):
        raise FormatError(f"the string lengths add up to {sum(lengths)} bytes, {len(data) - text} are there")
    _verify(lengths, data[position:], crc, "big" if big_endian else "little")
    ends = list(itertools.accumulate(lengths, initial=text))
    array = np.empty(count, np.object_)
    array[:] = [data[start:end] for start, end in itertools.pairwise(ends)]
    return array.reshape(shape)


def _verify(lengths: list[int], tail: bytes, crc: int, order: Any) -> None:
    """tail: the checksum of the lengths and the strings. Lengths count as fixed 4 bytes (8 from 4 GiB on)."""
    fixed = b"".join(length.to_bytes(4 if length < 2**32 else 8, order) for length in lengths)
    stored = int.from_bytes(tail[:_CHECKSUM_SIZE], order)
    if mask(crc32c(fixed)) != stored or mask(crc32c(fixed + tail)) != crc:
        raise FormatError("the checksum of its strings is wrong")
