"""Slices of partitioned variables: their spelling in graphs and keys, and their assembly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from litesmith.errors import FormatError

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import TensorSliceProto

Array = np.ndarray[Any, Any]
Extent = tuple[int, int]  # start, length; length -1: the whole dimension, as the files have it
Slice = tuple[Extent, ...]

WHOLE = -1


def slice_from_proto(proto: TensorSliceProto) -> Slice:
    return tuple((extent.start, extent.length if extent.HasField("length") else WHOLE) for extent in proto.extent)


def parse_shape_and_slice(spec: str) -> tuple[tuple[int, ...], Slice] | None:
    """The full shape and the slice of ``"10 4 0,5:-"``, an operand of RestoreV2; None for an empty spec."""
    if not spec:
        return None
    *sizes, extents = spec.split(" ")
    try:
        shape = tuple(int(size) for size in sizes)
        parsed = tuple(_parse_extent(extent) for extent in extents.split(":"))
    except ValueError as error:
        raise FormatError(f"{spec!r} is not a shape and slice") from error
    bounds(parsed, shape)
    return shape, parsed


def _parse_extent(text: str) -> Extent:
    if text == "-":
        return 0, WHOLE
    start, length = text.split(",")
    return int(start), int(length)


def bounds(extents: Slice, shape: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """(start, stop) in each dimension; FormatError when the slice does not lie within shape."""
    if len(extents) != len(shape):
        raise FormatError(f"a slice of rank {len(extents)} of a tensor of shape {tuple(shape)}")
    result = []
    for (start, length), size in zip(extents, shape, strict=True):
        stop = size if length == WHOLE else start + length
        if not 0 <= start <= stop <= size or (length == WHOLE and start != 0):
            raise FormatError(f"a slice {extents} outside a tensor of shape {tuple(shape)}")
        result.append((start, stop))
    return tuple(result)


def slice_key(name: str, extents: Slice) -> bytes:
    """The key of a slice's own entry: an order-preserving code of 0, name, rank, starts and lengths."""
    escaped = name.encode().replace(b"\x00", b"\x00\xff")  # UTF-8 has no 0xff, the other byte to escape
    parts = [_encode_unsigned(0), escaped + b"\x00\x01", _encode_unsigned(len(extents))]
    parts += [_encode_signed(number) for extent in extents for number in extent]
    return b"".join(parts)


def _encode_unsigned(value: int) -> bytes:
    """The number of bytes, then the bytes, the highest first."""
    length = (value.bit_length() + 7) // 8
    return bytes([length]) + value.to_bytes(length, "big")


def _encode_signed(value: int) -> bytes:
    """n bytes of two's complement whose first n bits are the length: ones and a zero (inverted if negative)."""
    magnitude = ~value if value < 0 else value
    length = magnitude.bit_length() // 7 + 1
    header = ((1 << length) - 1) << (7 * length)
    mask = (1 << (8 * length)) - 1
    return ((value & mask) ^ header).to_bytes(length, "big")


def assemble(shape: tuple[int, ...], dtype: np.dtype[np.generic], parts: Iterable[tuple[Slice, Array]]) -> Array:
    """One array from parts, each of its slice's shape, that must cover it exactly. The caller bounds its size."""
    placed = [(bounds(extents, shape), array) for extents, array in parts]
    _check_cover([box for box, _ in placed], shape)
    full = np.empty(shape, dtype)
    for box, array in placed:
        full[tuple(slice(*span) for span in box)] = array
    return full


def _check_cover(boxes: Sequence[tuple[tuple[int, int], ...]], shape: tuple[int, ...]) -> None:
    """Disjoint boxes whose volumes add up to the whole leave no element out."""
    filled = [box for box in boxes if all(stop > start for start, stop in box)]
    if sum(math.prod(stop - start for start, stop in box) for box in filled) != math.prod(shape):
        raise FormatError(f"the slices do not add up to a tensor of shape {shape}")
    if not filled or not shape:
        return
    corners = np.array(filled, np.int64)  # [slice, dimension, start and stop]
    starts, stops = corners[..., 0], corners[..., 1]
    for i in range(len(filled) - 1):
        apart = (starts[i + 1 :] >= stops[i]) | (stops[i + 1 :] <= starts[i])
        if not apart.any(axis=1).all():
            raise FormatError("two slices of a tensor overlap")
