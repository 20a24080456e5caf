"""Base-128 integers, as in protobuf, SSTables and Snappy."""

from __future__ import annotations

from litesmith.errors import FormatError


def read_varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """The integer of at most 64 bits at position, and the position after it."""
    value = shift = 0
    while shift < 64:
        if position >= len(data):
            raise FormatError("the data ends within an integer")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
    raise FormatError("an integer of more than 64 bits")
