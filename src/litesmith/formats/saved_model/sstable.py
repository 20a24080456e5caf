"""Reader of sorted string tables, the format of a checkpoint's index (LevelDB's table format).

    blocks | index block | footer (48 bytes: two block handles, padding, magic number)

A block is entries, restart offsets and their number; an entry shares a prefix of its key with the one before.
After each block come one byte (its compression) and the masked CRC-32C of both.
"""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.errors import FormatError
from litesmith.formats.saved_model.crc32c import crc32c, mask
from litesmith.formats.saved_model.snappy import decompress
from litesmith.formats.saved_model.varint import read_varint

MAGIC = 0xDB4775248B80FB57
FOOTER_SIZE = 48
TRAILER_SIZE = 5
# Shared prefixes let a small file spell out long keys; real indexes stay below ten times their size.
_MAX_KEY_BYTES_RATIO = 64
_MAX_KEY_BYTES_FLOOR = 1 << 20


def read_table(data: bytes) -> dict[bytes, bytes]:
    """All entries of a table, in the order of the file. Every checksum is verified.

    FormatError on damage; time and memory are bounded by a multiple of len(data).
    """
    index_handle = _footer(data)
    budget = _MAX_KEY_BYTES_RATIO * len(data) + _MAX_KEY_BYTES_FLOOR
    entries: dict[bytes, bytes] = {}
    free = 0
    for _, handle in _entries(_block(data, *index_handle)):
        offset, size = _handle(handle, 0)[0]
        if offset < free:
            raise FormatError("the blocks of the table overlap")
        free = offset + size
        for key, value in _entries(_block(data, offset, size)):
            budget -= len(key)
            if budget < 0:
                raise FormatError("the keys are far larger than the file")
            if key in entries:
                raise FormatError(f"the key {key!r} appears twice")
            entries[key] = value
    return entries


def _footer(data: bytes) -> tuple[int, int]:
    """The handle of the index block."""
    if len(data) < FOOTER_SIZE:
        raise FormatError(f"{len(data)} bytes are too few for a table")
    if int.from_bytes(data[-8:], "little") != MAGIC:
        raise FormatError("the file does not end in the magic number of a table")
    footer = data[-FOOTER_SIZE:]
    _, position = _handle(footer, 0)  # of the meta index, which holds nothing we need
    return _handle(footer, position)[0]


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """(offset, size) of a block, and the position after the handle."""
    offset, position = read_varint(data, position)
    size, position = read_varint(data, position)
    return (offset, size), position


def _block(data: bytes, offset: int, size: int) -> bytes:
    """The content of a block, checked and decompressed."""
    end = offset + size
    if end + TRAILER_SIZE > len(data) - FOOTER_SIZE:
        raise FormatError(f"a block of {size} bytes at {offset} lies outside the file of {len(data)} bytes")
    stored = int.from_bytes(data[end + 1 : end + TRAILER_SIZE], "little")
    if mask(crc32c(memoryview(data)[offset : end + 1])) != stored:
        raise FormatError(f"the checksum of the block at {offset} is wrong")
    content, compression = data[offset:end], data[end]
    if compression == 0:
        return content
    if compression == 1:
        return decompress(content)
    raise FormatError(f"a block is compressed by an unknown method ({compression})")


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) pairs of a block."""
    if len(block) < 4:
        raise FormatError("a block without its restart table")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise FormatError(f"a block of {len(block)} bytes claims {restarts} restarts")
    position, key = 0, b""
    while position < end:
        shared, position = read_varint(block, position)
        unshared, position = read_varint(block, position)
        length, position = read_varint(block, position)
        value_start = position + unshared
        if shared > len(key) or value_start + length > end:
            raise FormatError("a block entry reaches outside its block")
        key = key[:shared] + block[position:value_start]
        position = value_start + length
        yield key, block[value_start:position]
