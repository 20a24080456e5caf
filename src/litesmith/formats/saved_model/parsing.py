"""Bytes and files to protobuf messages, every failure a `FormatError`."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from litesmith._util.files import require_file
from litesmith.errors import FormatError, MissingFileError

if TYPE_CHECKING:
    from google.protobuf.message import Message

M = TypeVar("M", bound="Message")


def parse_bytes(message: type[M], data: bytes | memoryview, *, path: str, what: str = "") -> M:
    """Parse a binary message. path: the file named in the error; what: the part of it that data is."""
    from google.protobuf.message import DecodeError

    parsed = message()
    try:
        parsed.ParseFromString(data)  # type: ignore[arg-type]  # the stub omits memoryview
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        part = what or f"{message.DESCRIPTOR.name} protobuf"
        raise FormatError(f"corrupt {part} ({error})", path=path, fix=_EXPORT_AGAIN) from error
    return parsed


def parse_file(message: type[M], path: Path) -> M:
    """Parse a file holding one binary message; it is mapped, not read, so only the parsed form costs memory."""
    return parse_bytes(message, map_file(path), path=str(path))


def parse_text_file(message: type[M], path: Path) -> M:
    """Parse a file holding one message in protobuf text format; fields we do not define are skipped."""
    from google.protobuf import text_format

    require_file(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"cannot be read as text ({error})", path=str(path)) from error
    try:
        return text_format.Parse(text, message(), allow_unknown_field=True)
    except (text_format.ParseError, RecursionError) as error:
        what = f"{message.DESCRIPTOR.name} in protobuf text format"
        raise FormatError(f"not a {what} ({error})", path=str(path)) from error


def map_file(path: Path) -> memoryview:
    """The content of a non-empty regular file, memory-mapped as long as something refers to it."""
    try:
        require_file(path)
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise FormatError("the file is empty", path=str(path), fix=_EXPORT_AGAIN)
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except MissingFileError:
        raise
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot be read ({error})", path=str(path)) from error


@contextmanager
def locating_errors(path: Path | str, what: str = "") -> Iterator[None]:
    """Name the file (and what in it) in the `FormatError`s of the block that do not name one yet."""
    try:
        yield
    except FormatError as error:
        if error.path:
            raise
        message = f"{what}: {error}" if what else str(error)
        raise FormatError(message, path=str(path), fix=_EXPORT_AGAIN) from error


_EXPORT_AGAIN = "copy the file again or export the model again; it is truncated, damaged or of another format"
