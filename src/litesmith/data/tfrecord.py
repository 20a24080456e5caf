"""TFRecord files: records framed by length and masked CRC-32C, plain or compressed with gzip or zlib."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from litesmith.data.columns import DataError
from litesmith.formats.saved_model.crc32c import crc32c, crc32c_many, mask

_HEADER = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_LARGEST = 1 << 31  # no record is larger; a damaged length may be anything
_TRUSTED = 1 << 24  # a length that is believed before its checksum is computed
_FRAMES, _BYTES = 512, 1 << 22  # read before checksums are computed
_MISMATCH = "the checksum does not match"


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


@dataclass(frozen=True)
class _Frame:
    """A record as it lies in the file: length, its checksum, content, its checksum; cut where the file ends."""

    header: bytes
    content: bytes = b""
    tail: bytes = b""

    @property
    def length(self) -> int:
        return int.from_bytes(self.header[:8], "little")

    @property
    def is_whole(self) -> bool:
        return len(self.content) == self.length and len(self.tail) == _CRC.size


def _records(
    file: BinaryIO, path: Path, skipped: Callable[[int, str], None] | None
) -> Iterator[tuple[int, bytes]]:
    number = 0
    for frames in _some_frames(file):
        sound = _are_sound([frame.header[:8] for frame in frames], [frame.header[8:] for frame in frames])
        intact = _are_sound([frame.content for frame in frames], [frame.tail for frame in frames])
        for frame, is_sound, is_intact in zip(frames, sound, intact, strict=True):
            _check_frame(frame, is_sound, number, path)
            if is_intact:
                yield number, frame.content
            elif skipped is not None:
                skipped(number, _MISMATCH)
            else:
                raise DataError(
                    f"record {number}: {_MISMATCH}", path=str(path),
                    fix="copy the file again, or allow bad records (skip_bad_records, --skip-bad-records)",
                )  # fmt: skip
            number += 1


def _some_frames(file: BinaryIO) -> Iterator[list[_Frame]]:
    """Frames, some at a time, so that their checksums are computed together. A frame that is not whole is the last."""
    frames: list[_Frame] = []
    size = 0
    while header := file.read(_HEADER.size):
        frame = _Frame(header)
        if len(header) == _HEADER.size and _is_trusted(header):
            frame = _Frame(header, file.read(frame.length), file.read(_CRC.size))
        frames.append(frame)
        size += len(frame.content)
        if not frame.is_whole or len(frames) == _FRAMES or size > _BYTES:
            yield frames
            if not frame.is_whole:
                return
            frames, size = [], 0
    if frames:
        yield frames


def _is_trusted(header: bytes) -> bool:
    """Whether so much may be read: small lengths are believed until their checksums are computed with the others."""
    length, check = _HEADER.unpack(header)
    return bool(length <= _TRUSTED or (length <= _LARGEST and mask(crc32c(header[:8])) == check))


def _check_frame(frame: _Frame, is_sound: bool, number: int, path: Path) -> None:
    if len(frame.header) < _HEADER.size or not is_sound:
        what = "is not a TFRecord file" if not number else f"record {number}: the header is damaged"
        raise DataError(what, path=str(path), fix="copy the file again; it is truncated, damaged or not TFRecord")
    if not frame.is_whole:
        raise DataError(f"record {number} is cut off", path=str(path), fix="copy the file again")


def _are_sound(messages: list[bytes], checks: list[bytes]) -> list[bool]:
    """Whether each message has the masked checksum that is stored with it."""
    return [
        len(check) == _CRC.size and mask(int(crc)) == _CRC.unpack(check)[0]
        for crc, check in zip(crc32c_many(messages), checks, strict=True)
    ]
