"""Tables: what a writer made is read back; what is damaged is refused."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.errors import FormatError
from litesmith.formats.saved_model.crc32c import crc32c, mask
from litesmith.formats.saved_model.snappy import decompress
from litesmith.formats.saved_model.sstable import MAGIC, read_table
from tests.formats.saved_model.bundle import block, table, varint


def entries(count: int, seed: int = 0) -> dict[bytes, bytes]:
    rng = np.random.default_rng(seed)
    return {f"layer/{i // 3}/weight_{i:04d}".encode(): rng.bytes(int(rng.integers(0, 60))) for i in range(count)}


def one_block_table(content: bytes, kind: int = 0, handle: bytes | None = None) -> bytes:
    trailed = content + bytes([kind])
    out = trailed + mask(crc32c(trailed)).to_bytes(4, "little")
    index = block([(b"z", handle or varint(0) + varint(len(content)))]) + b"\0"
    index_handle = varint(len(out)) + varint(len(index) - 1)
    out += index + mask(crc32c(index)).to_bytes(4, "little")
    return out + (varint(0) + varint(0) + index_handle).ljust(40, b"\0") + MAGIC.to_bytes(8, "little")


@pytest.mark.parametrize("count", [1, 2, 16, 17, 100, 1000])
@pytest.mark.parametrize("block_entries", [1, 7, 64])
def test_round_trip(count, block_entries):
    expected = entries(count)
    assert read_table(table(expected, block_entries)) == expected


def test_snappy_blocks():
    cramjam = pytest.importorskip("cramjam")
    expected = entries(300)
    data = table(expected, 50, lambda content: bytes(cramjam.snappy.compress_raw(content)))
    assert len(data) < len(table(expected, 50))
    assert read_table(data) == expected


@pytest.mark.parametrize("size", [0, 1, 100, 5000, 70000])
def test_snappy_against_the_library(size):
    cramjam = pytest.importorskip("cramjam")
    rng = np.random.default_rng(size)
    for data in (bytes(size), rng.bytes(size), rng.integers(0, 3, size, np.uint8).tobytes(), b"abcdefg" * (size // 7)):
        assert decompress(bytes(cramjam.snappy.compress_raw(data))) == data


SNAPPY = [
    ("a literal", b"\x03\x08abc", b"abc"),
    ("a long literal", bytes([70, 60 << 2, 69]) + b"x" * 70, b"x" * 70),
    ("a copy into itself", bytes([9, 0, ord("a"), (4 << 2) | 1, 1]), b"a" * 9),
    ("a copy of two offset bytes", bytes([6, 8]) + b"abc" + bytes([2 << 2 | 2, 3, 0]), b"abcabc"),
    ("a copy of four offset bytes", bytes([6, 8]) + b"abc" + bytes([2 << 2 | 3, 3, 0, 0, 0]), b"abcabc"),
]


@pytest.mark.parametrize(("data", "expected"), [row[1:] for row in SNAPPY], ids=[row[0] for row in SNAPPY])
def test_snappy_elements(data, expected):
    assert decompress(data) == expected


BAD_SNAPPY = [
    (b"\x04\x08abc", "3 bytes instead of 4"),
    (b"\x02\x08abc", "more than it claims"),
    (b"\x03\x08ab", "within a literal"),
    (b"\x05\x00a\x05", "within a copy"),
    (b"\x05\x00a\x05\x02", "before its start"),
    (b"\x05\x00a\x05\x00", "before its start"),
    (b"\xff\xff\xff\xff\x0f\x00a", "claims to hold"),
    (b"\xff", "ends within an integer"),
]


@pytest.mark.parametrize(("data", "message"), BAD_SNAPPY)
def test_damaged_snappy_is_refused(data, message):
    with pytest.raises(FormatError, match=message):
        decompress(data)


GOOD = block([(b"", b"h"), (b"aa", b"1"), (b"ab", b"2")])
BAD_TABLES = [
    ("empty", b"", "too few"),
    ("no magic", table(entries(5))[:-1] + b"?", "magic"),
    ("no restart table", one_block_table(b"\0\0"), "without its restart"),
    ("more restarts than bytes", one_block_table(b"\0" * 4 + b"\xff\xff\xff\x7f"), "restarts"),
    ("shares more than there is", one_block_table(b"\x03\x01\x00a" + b"\0" * 4 + b"\1\0\0\0"), "outside its block"),
    ("value beyond the block", one_block_table(b"\x00\x01\x7fa" + b"\0" * 4 + b"\1\0\0\0"), "outside its block"),
    ("unknown compression", one_block_table(GOOD, 9), "unknown method"),
    ("block beyond the file", one_block_table(GOOD, handle=varint(0) + varint(1 << 40)), "outside the file"),
    ("the same key twice", one_block_table(block([(b"a", b""), (b"a", b"")])), "twice"),
]


@pytest.mark.parametrize(("data", "message"), [row[1:] for row in BAD_TABLES], ids=[row[0] for row in BAD_TABLES])
def test_damaged_tables_are_refused(data, message):
    with pytest.raises(FormatError, match=message):
        read_table(data)


def test_the_helper_makes_good_tables():
    assert read_table(one_block_table(GOOD)) == {b"": b"h", b"aa": b"1", b"ab": b"2"}


def test_a_block_cannot_be_listed_twice():
    data = one_block_table(GOOD)
    index = block([(b"y", varint(0) + varint(len(GOOD))), (b"z", varint(0) + varint(len(GOOD)))]) + b"\0"
    body = data[: len(GOOD) + 5]
    handles = varint(0) + varint(0) + varint(len(body)) + varint(len(index) - 1)
    checksum = mask(crc32c(index)).to_bytes(4, "little")
    with pytest.raises(FormatError, match="overlap"):
        read_table(body + index + checksum + handles.ljust(40, b"\0") + MAGIC.to_bytes(8, "little"))


def test_keys_that_grow_out_of_shared_prefixes_are_bounded():
    """Each key is the one before and a byte: the sum of their lengths is the square of their number."""
    rows = b"\0\0\0" + b"".join(varint(i) + b"\x01\x00a" for i in range(60000))
    with pytest.raises(FormatError, match="far larger"):
        read_table(one_block_table(rows + b"\0" * 4 + b"\1\0\0\0"))


@pytest.mark.parametrize("position", [0, 1, 100, -49, -60])
def test_every_flipped_bit_of_a_block_is_seen(position):
    data = bytearray(table(entries(40)))
    data[position] ^= 4
    with pytest.raises(FormatError):
        read_table(bytes(data))
