"""TFRecord files: records framed by length and masked CRC-32C, plain or compressed with gzip or zlib."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from litesmith.data.columns import DataError
from litesmith.formats.saved_model.crc32c import crc32c, mask

_HEADER = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_LARGEST = 1 << 31  # no record is larger; a damaged length may be anything


def read_records(path: Path, skipped: Callable[[int, str], None] | None = None) -> Iterator[tuple[int, bytes]]:
    """The number and the content of each record.

    skipped: called with the number and the reason instead of an error where only the content of a record is damaged;
    after a damaged length nothing can be read on. Raises DataError that names file and record.
    """
    try:
        with _open(path) as file:
            yield from _records(file, path, skipped)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot be read ({error})", path=str(path)) from error


def write_records(file: BinaryIO, records: Iterable[bytes]) -> int:
    """Writes records and returns how many."""
    count = 0
    for record in records:
        length = struct.pack("<Q", len(record))
        file.write(length + _CRC.pack(mask(crc32c(length))) + record + _CRC.pack(mask(crc32c(record))))
        count += 1
    return count


def _open(path: Path) -> BinaryIO:
    """The file, decompressed as its first bytes say."""
    file = path.open("rb")
    start = file.read(2)
    file.seek(0)
    if start == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if len(start) == 2 and start[0] == 0x78 and not int.from_bytes(start, "big") % 31 and not _is_framed(path):
        import io

        with file:
            return io.BytesIO(zlib.decompress(file.read()))
    return file


def _is_framed(path: Path) -> bool:
    """Whether the file begins with a record header: one of length 0x78.. could pass for zlib."""
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
    return len(header) == _HEADER.size and mask(crc32c(header[:8])) == _HEADER.unpack(header)[1]


def _records(
    file: BinaryIO, path: Path, skipped: Callable[[int, str], None] | None
) -> Iterator[tuple[int, bytes]]:
    number = 0
    while header := file.read(_HEADER.size):
        length, check = _HEADER.unpack(header) if len(header) == _HEADER.size else (0, 0)
        if len(header) < _HEADER.size or mask(crc32c(header[:8])) != check or length > _LARGEST:
            what = "is not a TFRecord file" if not number else f"record {number}: the header is damaged"
            raise DataError(what, path=str(path), fix="copy the file again; it is truncated, damaged or not TFRecord")
        content = file.read(length)
        tail = file.read(_CRC.size)
        if len(content) < length or len(tail) < _CRC.size:
            raise DataError(f"record {number} is cut off", path=str(path), fix="copy the file again")
        if mask(crc32c(content)) != _CRC.unpack(tail)[0]:
            if skipped is None:
                raise DataError(
                    f"record {number}: the checksum does not match", path=str(path),
                    fix="copy the file again, or allow bad records (skip_bad_records, --skip-bad-records)",
                )  # fmt: skip
            skipped(number, "the checksum does not match")
        else:
            yield number, content
        number += 1
