"""Files that are given by path, looked at before they are opened: opening a pipe waits, a device never ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from litesmith._util.naming import path_suggestion
from litesmith.errors import FormatError, MissingFileError

NO_FILE = "it is a device, pipe or socket, not a file"


def file_kind(path: str | os.PathLike[str]) -> str:
    """``file``, ``directory``, ``other`` (a device, pipe or socket), or "" where there is nothing.

    Raises FormatError for a path the system cannot have (too long, with a zero byte) or does not let us see.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FormatError(f"cannot be read: {reason}", path=_printable(path)) from error
    return "file" if stat.S_ISREG(mode) else "directory" if stat.S_ISDIR(mode) else "other"


def require_file(path: str | os.PathLike[str], what: str = "file", fix: str = "") -> Path:
    """The path of what is a regular file. Raises MissingFileError where there is none, FormatError for anything else."""
    kind = file_kind(path)
    if kind == "":
        raise MissingFileError(f"no such {what}{path_suggestion(Path(path))}", path=_printable(path), fix=fix)
    if kind != "file":
        reason = "it is a directory, not a file" if kind == "directory" else NO_FILE
        raise FormatError(f"cannot be read: {reason}", path=_printable(path), fix=fix)
    return Path(path)


def _printable(path: str | os.PathLike[str]) -> str:
    """A path as it can be printed: not the whole of one that is too long for any system."""
    text = os.fspath(path).replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 1000 else f"{text[:100]}…"
