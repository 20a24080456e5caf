"""Damaged and hostile metadata and archives: the project's error or success, in bounded time and memory.

``FUZZ=10000`` sets how many mutations are tried.
"""

from __future__ import annotations

import io
import os
import random
import resource
import struct
import zipfile
from collections.abc import Callable
from functools import cache

import pytest

from litesmith.errors import LitesmithError
from litesmith.formats.metadata import encode, read_described, to_document
from litesmith.formats.metadata.readers import READERS, validate
from litesmith.formats.metadata.wrappers import plan_wrapper, render
from litesmith.formats.tflite import read_model
from tests.formats.metadata.reader_models import models

COUNT = int(os.environ.get("FUZZ", "400"))
PARTS = 8
MEMORY = 300 << 20
"""How much the process may grow over a file of some kilobytes: far less than a length that is believed would take."""

BIG = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFF0)
NAMES = (b"../../etc/x", b"/etc/passwd", b"a/../b.txt", b"..\\..\\x.bat", b"C:evil.txt", b"", b".", b"..", b"con\x00.txt",
         b"labels.txt", b"\xff\xfe", b"a" * 300, "é比".encode())  # fmt: skip


@cache
def sources() -> tuple[tuple[bytes, int, int, int], ...]:
    """Files with metadata: the bytes, where the metadata start and how long they are, and where the archive starts."""
    found = []
    for described in models().values():
        out = io.BytesIO()
        described.write(out)
        content = out.getvalue()
        assert described.metadata is not None
        stored = encode(described.metadata)
        found.append((content, content.index(stored), len(stored), content.find(b"PK\3\4")))
    return tuple(found)


Source = tuple[bytes, int, int, int]
Mutation = Callable[[random.Random, Source], bytes]


def metadata_bytes(r: random.Random, source: Source) -> bytes:
    """Some bytes of the metadata are others."""
    content, start, size, _ = source
    data = bytearray(content)
    for _ in range(r.choice((1, 1, 2, 4, 16))):
        data[start + r.randrange(size)] = r.choice((0, 1, 0x7F, 0x80, 0xFF, r.randrange(256)))
    return bytes(data)


def metadata_words(r: random.Random, source: Source) -> bytes:
    """Some offsets and counts of the metadata are others: far, near, or to each other."""
    content, start, size, _ = source
    data = bytearray(content)
    for _ in range(r.choice((1, 2, 3))):
        at = start + 4 * r.randrange(size // 4)
        word = r.choice((*BIG, r.randrange(size), 4 * r.randrange(size // 4), struct.unpack_from("<I", data, at)[0] ^ 4))
        struct.pack_into("<I", data, at, word & 0xFFFFFFFF)
    return bytes(data)


def archive_bytes(r: random.Random, source: Source) -> bytes:
    content, *_, start = source
    data = bytearray(content)
    for _ in range(r.choice((1, 1, 2, 4))):
        data[r.randrange(start if start > 0 else 0, len(data))] = r.randrange(256)
    return bytes(data)


CENTRAL = {"method": (10, "H"), "flags": (8, "H"), "crc": (16, "I"), "compressed": (20, "I"), "size": (24, "I"),
           "name": (28, "H"), "extra": (30, "H"), "comment": (32, "H"), "disk": (34, "H"), "offset": (42, "I")}  # fmt: skip
END = {"disk": (4, "H"), "entries": (10, "H"), "size": (12, "I"), "offset": (16, "I"), "comment": (20, "H")}
LOCAL = {"method": (8, "H"), "size": (22, "I"), "name": (26, "H"), "extra": (28, "H")}


def archive_fields(r: random.Random, source: Source) -> bytes:
    """Sizes, offsets and counts of the archive lie."""
    data = bytearray(source[0])
    for _ in range(r.choice((1, 1, 2, 3))):
        signature, fields = r.choice(((b"PK\1\2", CENTRAL), (b"PK\5\6", END), (b"PK\3\4", LOCAL)))
        places = [i for i in range(len(data) - 4) if data[i : i + 4] == signature]
        if places:
            offset, code = r.choice(list(fields.values()))
            value = r.choice((*BIG, r.randrange(len(data)), r.randrange(64)))
            struct.pack_into(f"<{code}", data, r.choice(places) + offset, value & (0xFFFF if code == "H" else 0xFFFFFFFF))
    return bytes(data)


def other_archive(r: random.Random, source: Source) -> bytes:
    """Another archive behind the model: names that lead elsewhere, names given twice, bombs, compression, comments."""
    content, *_, start = source
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for _ in range(r.randrange(1, 5)):
            name = r.choice(NAMES)
            method = r.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
            size = r.choice((0, 1, 100, 1 << 22)) if method != zipfile.ZIP_STORED else r.choice((0, 1, 100))
            info = zipfile.ZipInfo("x" * len(name), (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            archive.writestr(info, b"\0" * size)
        archive.comment = bytes(r.randrange(20))
    data = out.getvalue()
    for _ in range(3):
        name = r.choice(NAMES)
        data = data.replace(b"x" * len(name), name) if name else data
    return content[: start if start > 0 else len(content)] + data


def overlapping(r: random.Random, source: Source) -> bytes:
    """Several entries of the directory over one member, or the directory repeated."""
    content = source[0]
    at = content.rfind(b"PK\5\6")
    if at < 0:
        return content + content[-r.randrange(1, 99) :]
    size, offset = struct.unpack_from("<II", content, at + 12)
    directory, times = content[offset : offset + size], r.choice((2, 3, 200))
    end = bytearray(content[at:])
    struct.pack_into("<HHII", end, 8, times & 0xFFFF, times & 0xFFFF, size * times, offset)
    return content[:offset] + directory * times + bytes(end)


def cut(r: random.Random, source: Source) -> bytes:
    content = source[0]
    begin = r.choice((0, source[1], max(source[3], 0)))
    return content[: r.randrange(begin, len(content))] + r.choice((b"", b"PK\5\6", bytes(30), content[:50]))


MUTATIONS: tuple[Mutation, ...] = (
    metadata_bytes, metadata_words, archive_bytes, archive_fields, other_archive, overlapping, cut,
)  # fmt: skip


def use(data: bytes, wrap: bool = True) -> bool:
    """Does with a file all that can be done with its metadata; whether it is refused."""
    try:
        described = read_described(data)
        if described.metadata is not None:
            to_document(described.metadata)
            for reader in READERS:
                validate(described, reader)
        out = io.BytesIO()
        described.write(out)
        again = read_described(out.getvalue()).metadata
        assert again is described.metadata or encode(again) == encode(described.metadata)
        described.with_metadata(described.metadata)
        read_model(data)
        plan = plan_wrapper(described, "m.tflite")
        for name, text in render(plan, "python").items() if wrap else ():
            if name.endswith(".py"):
                compile(text, name, "exec")
    except LitesmithError:
        return True
    return False


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.filterwarnings("ignore")
def test_mutations(part: int) -> None:
    refused = 0
    for number in range(part, COUNT, PARTS):
        r = random.Random(number)
        source, mutate = r.choice(sources()), MUTATIONS[number // PARTS % len(MUTATIONS)]
        data = mutate(r, source)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            refused += use(data, wrap=number // PARTS % 10 == 0)
        except Exception as error:
            raise AssertionError(f"mutation {number} ({mutate.__name__})") from error
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        assert grown < MEMORY, f"mutation {number} ({mutate.__name__}) takes {grown} bytes"
    assert refused > 0


def test_the_originals_are_taken() -> None:
    assert not any(use(content) for content, *_ in sources())
