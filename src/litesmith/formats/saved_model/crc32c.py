"""CRC-32C (Castagnoli) at memory speed in NumPy.

A CRC is the message, as a polynomial over GF(2), modulo a polynomial P. Two ideas make it vectorizable:

- *Folding.* P divides x^6777 + x^484 + x^100 + 1 (found by a meet-in-the-middle search; squaring shows the same for
  every power of two times these exponents). So a byte may be replaced by its XOR into the bytes 6293, 6677 and 6777
  positions later (times a power of two) without a change of the remainder: three XORs of long slices replace the
  byte-wise loop, and what is left is as long as the longest distance.
- *Tables.* The rest is cut into rows; each byte of a row is looked up in the table of its position, rows are
  XOR-reduced to their remainders, and the remainders are combined in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

U8 = np.ndarray[Any, np.dtype[np.uint8]]
U32 = np.ndarray[Any, np.dtype[np.uint32]]
Reader = Callable[[memoryview], None]

_POLYNOMIAL = 0x82F63B78  # bit-reversed, as the register is
_DISTANCES = (6293, 6677, 6777)
_WIDE = 8  # scale of the distances when much is to fold: long slices amortize the calls, and still fit the cache
_CHUNK = 1 << 20
_ROW = 32  # bytes a row of the first table level; remainders a row of the others
_TABLE_LIMIT = 8192  # bytes the three table levels can take
_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of data."""
    view = memoryview(data).cast("B")
    position = 0

    def read(into: memoryview) -> None:
        nonlocal position
        into[:] = view[position : position + len(into)]
        position += len(into)

    return crc32c_stream(read, len(view))


def crc32c_stream(read: Reader, size: int) -> int:
    """The CRC-32C of the next size bytes; read fills the whole buffer it is given."""
    if size < 4:
        buffer = bytearray(size)
        read(memoryview(buffer))
        return _bytewise(buffer)
    rest = _fold(read, size, _WIDE, invert=True)
    if len(rest) > _TABLE_LIMIT:
        rest = _fold(_reader(rest), len(rest), 1)
    return _by_tables(rest) ^ 0xFFFFFFFF


def crc32c_many(messages: Sequence[bytes]) -> U32:
    """The CRC-32C of each of many short messages, those of about one length together."""
    found = np.empty(len(messages), np.uint32)
    groups: dict[int, list[int]] = {}
    for i, message in enumerate(messages):
        width = -(-len(message) // _ROW) * _ROW
        is_alone = len(message) < 4 or width > _TABLE_LIMIT
        groups.setdefault(0 if is_alone else width, []).append(i)
    for width, members in groups.items():
        if not width:
            found[members] = [crc32c(messages[i]) for i in members]
            continue
        # Zeros in front change nothing; the register of all ones is the first four bytes inverted.
        padded = b"".join(messages[i].rjust(width, b"\0") for i in members)
        rows = np.frombuffer(padded, np.uint8).reshape(-1, width).copy()
        starts = np.array([width - len(messages[i]) for i in members])
        rows[np.arange(len(members))[:, None], starts[:, None] + np.arange(4)] ^= 0xFF
        found[members] = _rows_by_tables(rows) ^ np.uint32(0xFFFFFFFF)
    return found


def mask(crc: int) -> int:
    """The form in which checksums are stored: rotated and offset, since a CRC of a CRC is weak."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _reader(data: U8) -> Reader:
    position = 0

    def read(into: memoryview) -> None:
        nonlocal position
        into[:] = data.data[position : position + len(into)]
        position += len(into)

    return read


def _fold(read: Reader, size: int, scale: int, *, invert: bool = False) -> U8:
    """The shorter message of the same remainder. invert: start from the register of all ones, which is to
    invert the first four bytes."""
    distances = [scale * distance for distance in _DISTANCES]
    kept = min(size, distances[-1])
    buffer = np.empty(kept + min(size - kept, _CHUNK), np.uint8)
    read(buffer.data[:kept])
    if invert:
        buffer[:4] ^= 0xFF
    remaining = size - kept
    while remaining:
        step = min(remaining, _CHUNK)
        read(buffer.data[kept : kept + step])
        _fold_front(buffer, step, distances)
        buffer[:kept] = buffer[step : step + kept].copy()
        remaining -= step
    return buffer[:kept]


def _fold_front(buffer: U8, count: int, distances: list[int]) -> None:
    """XOR the first count bytes into the later ones; in slices so short that none reaches into itself."""
    for start in range(0, count, distances[0]):
        stop = min(start + distances[0], count)
        for distance in distances:
            buffer[start + distance : stop + distance] ^= buffer[start:stop]


def _by_tables(data: U8) -> int:
    """The remainder of at most 8192 bytes, from a register of zero."""
    bytes_level, *remainder_levels = _tables()
    remainders = _reduce_rows(data, bytes_level)
    for table in remainder_levels:
        if len(remainders) > 1:
            remainders = _reduce_rows(remainders.view(np.uint8), table)
    return int(remainders[0])


def _rows_by_tables(rows: U8) -> U32:
    """The remainder of each row of at most 8192 bytes, a multiple of 32, from a register of zero."""
    count = len(rows)
    for table in _tables():
        width = len(table)
        size = -(-rows.shape[1] // width) * width
        padded = np.zeros((count, size), np.uint8)
        padded[:, size - rows.shape[1] :] = rows
        remainders = _reduce_rows(padded.reshape(-1), table).reshape(count, -1)
        if remainders.shape[1] == 1:
            break
        rows = remainders.view(np.uint8).reshape(count, -1)
    return remainders[:, 0]


def _reduce_rows(data: U8, table: U32) -> U32:
    """One remainder a row of len(table) bytes; zeros put in front change nothing."""
    width = len(table)
    padded = np.zeros(-(-len(data) // width) * width, np.uint8)
    padded[len(padded) - len(data) :] = data
    index = padded.reshape(-1, width) + np.arange(0, width * 256, 256)
    remainders: U32 = np.bitwise_xor.reduce(table.reshape(-1)[index], axis=1)
    return remainders


@lru_cache(maxsize=1)
def _tables() -> tuple[U32, U32, U32]:
    """[position in the row, byte] -> its part of the remainder: for rows of bytes, of remainders of 32 bytes,
    of remainders of 1024 bytes. A remainder is its 4 bytes in little-endian order."""
    octets = np.arange(256, dtype=np.uint32)
    identity = np.stack([octets << np.uint32(8 * i) for i in range(4)])
    one = _shift_by_one(identity)
    by_bytes = _powers(one, identity)
    by_rows = _powers(by_bytes[_ROW], identity)
    by_kilobytes = _powers(by_rows[_ROW], identity)
    first = np.stack([by_bytes[_ROW - k][0] for k in range(_ROW)])
    return first, _row_table(by_rows), _row_table(by_kilobytes)


def _row_table(powers: list[U32]) -> U32:
    return np.concatenate([powers[_ROW - 1 - k] for k in range(_ROW)])


def _powers(step: U32, identity: U32) -> list[U32]:
    """[4, 256] tables of the register moved on by 0, 1, … 32 steps."""
    tables = [identity]
    for _ in range(_ROW):
        last = tables[-1]
        moved = step[0][last & 255]
        for i in range(1, 4):
            moved ^= step[i][(last >> np.uint32(8 * i)) & 255]
        tables.append(moved)
    return tables


def _shift_by_one(register: U32) -> U32:
    """The register after one more zero byte."""
    for _ in range(8):
        register = (register >> np.uint32(1)) ^ np.where(register & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return register


def _bytewise(data: bytearray) -> int:
    """For messages shorter than the register."""
    table = _tables()[0][_ROW - 1]
    register = 0xFFFFFFFF
    for byte in data:
        register = int(table[(register ^ byte) & 255]) ^ (register >> 8)
    return register ^ 0xFFFFFFFF
