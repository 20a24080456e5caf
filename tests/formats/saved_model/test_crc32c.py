"""CRC-32C against its published check values and a bit-by-bit definition."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from litesmith.formats.saved_model import crc32c as module
from litesmith.formats.saved_model.crc32c import crc32c, crc32c_many, mask

VECTORS = [  # RFC 3720, appendix B.4, and the check value of the algorithm
    (b"", 0x00000000),
    (b"123456789", 0xE3069283),
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
]


def by_bits(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.mark.parametrize(("data", "expected"), VECTORS)
def test_published_values(data, expected):
    assert crc32c(data) == by_bits(data) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 31, 32, 33, 1023, 1025, 6777, 8191, 8192, 8193, 54216, 54217, 54300])
def test_every_path_against_the_definition(size):
    data = np.random.default_rng(size).bytes(size)
    assert crc32c(data) == by_bits(data)


@pytest.mark.parametrize("size", [module._CHUNK - 1, module._CHUNK + 54216, module._CHUNK + 54217, 3_000_001])
def test_long_data_against_its_own_parts(size):
    """A CRC is linear: that of a XOR b is the XOR of theirs and of that of zeros."""
    rng = np.random.default_rng(size)
    a, b = rng.integers(0, 256, (2, size), np.uint8)
    b[: size // 2] = 0
    assert crc32c((a ^ b).tobytes()) == crc32c(a.tobytes()) ^ crc32c(b.tobytes()) ^ crc32c(bytes(size))
    assert crc32c(a.tobytes()) != crc32c((a ^ b).tobytes())


def test_one_flipped_bit_is_seen_anywhere():
    data = np.zeros(2_000_000, np.uint8)
    clean = crc32c(data.data)
    for position in (0, 3, 4, 1_000_000, 1_999_999):
        data[position] ^= 1
        assert crc32c(data.data) != clean
        data[position] ^= 1


def test_folding_distances_are_a_multiple_of_the_polynomial():
    product, polynomial = 1 << 6777 | 1 << 484 | 1 << 100 | 1, 0x11EDC6F41
    while product.bit_length() >= polynomial.bit_length():
        product ^= polynomial << (product.bit_length() - polynomial.bit_length())
    assert product == 0
    assert module._DISTANCES == (6777 - 484, 6777 - 100, 6777)


def test_it_is_not_the_other_crc():
    assert crc32c(b"123456789") != zlib.crc32(b"123456789")


def test_mask():
    assert mask(0) == 0xA282EAD8
    assert mask(0x00008000) == (0xA282EAD8 + 1) & 0xFFFFFFFF


def test_many_at_once():
    sizes = [0, 1, 3, 4, 5, 31, 32, 33, 64, 64, 1024, 1025, 5000, 8192, 8193, 64, 9]
    messages = [bytes((i * 7 + j) % 256 for j in range(size)) for i, size in enumerate(sizes)]
    assert crc32c_many(messages).tolist() == [crc32c(message) for message in messages]
