"""The associated files: a ZIP archive behind the model, its members stored as they are.

Readers refuse compressed members. An archive may come from anywhere, so nothing is taken from it that does not lie in
the file, lies there twice, or has a name that is no base name.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from litesmith.errors import FormatError, UsageError

_DATE = (1980, 1, 1, 0, 0, 0)
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_UNIX = 3


@dataclass(frozen=True)
class Archive:
    """The archive of a file. start: its first byte, which is where the model ends; files: contents by name."""

    start: int
    files: Mapping[str, bytes] = field(default_factory=dict)


def read_archive(data: memoryview) -> Archive:
    """The archive behind a model; without one, ``start`` is the end of the file.

    Raises FormatError for an archive that is damaged, compressed or has names that are no base names.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data) if len(data) < 1 << 20 else _View(data)) as archive:
            infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
            start = infos[0].header_offset if infos else archive.start_dir
    except zipfile.BadZipFile as error:
        if "not a zip file" in str(error):
            return Archive(len(data))
        raise FormatError(f"the associated files are damaged: {error}") from None
    except (OSError, EOFError, struct.error, ValueError, NotImplementedError, OverflowError) as error:
        raise FormatError(f"the associated files are damaged: {error}") from None
    files: dict[str, bytes] = {}
    end = start
    for info in infos:
        check_name(info.filename, FormatError)
        if info.filename in files:
            raise FormatError(f"there are two associated files {info.filename!r}")
        begin, end_of_member = _member(data, info)
        if info.header_offset < end or end_of_member > len(data):
            raise FormatError(f"the associated file {info.filename!r} lies outside of its place")
        content = data[begin:end_of_member].tobytes()
        if zlib.crc32(content) != info.CRC:
            raise FormatError(f"the associated file {info.filename!r} is damaged (its checksum differs)")
        files[info.filename] = content
        end = end_of_member
    return Archive(start, files)


def _member(data: memoryview, info: zipfile.ZipInfo) -> tuple[int, int]:
    """First byte and end of a member's content."""
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
        reason = f"the associated file {info.filename!r} is compressed or encrypted, which no reader of models takes"
        raise FormatError(reason, fix="store it uncompressed (zip -0)")
    at = info.header_offset
    if not 0 <= at <= len(data) - _LOCAL_HEADER.size or bytes(data[at : at + 4]) != b"PK\3\4":
        raise FormatError(f"the associated file {info.filename!r} is not where the archive says")
    *_, name_length, extra_length = _LOCAL_HEADER.unpack_from(data, at)
    begin = at + _LOCAL_HEADER.size + name_length + extra_length
    return begin, begin + info.file_size


def check_name(name: str, error: type[FormatError] | type[UsageError]) -> None:
    """Raises the error for a name that an associated file cannot have."""
    if not name or name in (".", "..") or any(c in name for c in "/\\\0:") or any(ord(c) < 32 for c in name):
        raise error(f"an associated file cannot be called {name!r}: expected a base name such as labels.txt")


def write_archive(out: BinaryIO, files: Mapping[str, bytes]) -> None:
    """Writes an archive at the place of ``out``, the end of the model. Same files, same bytes; nothing for no files."""
    if not files:
        return
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            check_name(name, UsageError)
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system, info.external_attr = _UNIX, 0o644 << 16
            archive.writestr(info, content)


class _View(io.RawIOBase):
    """A memory view as a file to read, without a copy."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        at = offset + (0, self._at, len(self._data))[whence]
        if at < 0:
            raise OSError("a place before the beginning")
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type] # any writable buffer
        piece = self._data[self._at : self._at + len(target)]
        target[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
