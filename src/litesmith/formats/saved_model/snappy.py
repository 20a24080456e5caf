"""Decompression of raw Snappy blocks, which an index of a checkpoint may use."""

from __future__ import annotations

from litesmith.errors import FormatError
from litesmith.formats.saved_model.varint import read_varint

MAX_RATIO = 64  # three bytes can say "copy 64"; more than that is not Snappy's doing


def decompress(data: bytes) -> bytes:
    """The content of one block; FormatError when it is damaged. Memory is bounded by 64 times the input."""
    size, position = read_varint(data, 0)
    if size > MAX_RATIO * len(data):
        raise FormatError(f"a compressed block of {len(data)} bytes claims to hold {size}")
    out = bytearray()
    while position < len(data):
        element = _copy if data[position] & 3 else _literal
        position = element(data, position, out)
        if len(out) > size:
            raise FormatError("a compressed block holds more than it claims")
    if len(out) != size:
        raise FormatError(f"a compressed block holds {len(out)} bytes instead of {size}")
    return bytes(out)


def _literal(data: bytes, position: int, out: bytearray) -> int:
    """Bytes taken as they are: the length less one in the tag, or in the 1 to 4 bytes after it."""
    length = data[position] >> 2
    position += 1
    if length >= 60:
        extra = length - 59
        length = int.from_bytes(data[position : position + extra], "little")
        position += extra
    end = position + length + 1
    if end > len(data):
        raise FormatError("a compressed block ends within a literal")
    out += data[position:end]
    return end


def _copy(data: bytes, position: int, out: bytearray) -> int:
    """A repetition of earlier output, which may reach into itself; the offset takes 11, 16 or 32 bits."""
    tag = data[position]
    kind = tag & 3
    width = (0, 1, 2, 4)[kind]
    field = data[position + 1 : position + 1 + width]
    if len(field) != width:
        raise FormatError("a compressed block ends within a copy")
    offset = int.from_bytes(field, "little")
    length = (tag >> 2) + 1
    if kind == 1:
        length = (tag >> 2 & 7) + 4
        offset |= (tag >> 5) << 8
    if not 0 < offset <= len(out):
        raise FormatError("a compressed block copies from before its start")
    start = len(out) - offset
    pattern = out[start : start + length]
    out += (pattern * (length // len(pattern) + 1))[:length]
    return position + 1 + width
