"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import platform
import re
import signal
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from litesmith._util.files import NO_FILE, file_kind
from litesmith.errors import FormatError, UsageError

_ENDINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a process and give it the chance to clean up."""


class _Ended(BaseException):
    """A signal asks the process to end."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


Check = Callable[[Path], None]
"""Looks at a whole new file, and keeps it from taking its place by raising."""


@contextmanager
def replacing(path: str | os.PathLike[str], check: Check | None = None) -> Iterator[BinaryIO]:
    """A new file to write and read, which takes the place of ``path`` when the block has ended and ``check`` passed.

    A link stays: the file it leads to is replaced. The new one lies beside it until then; where the block or the check
    raises, or a signal ends the process, it is removed and an older file stays. What a killed process has left is
    removed first. Raises OSError.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file() and not target.is_dir():
        raise OSError(errno.EINVAL, NO_FILE)
    _remove_stale(target)
    handle, name = tempfile.mkstemp(prefix=f"{_prefix(target)}{os.getpid()}-", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with _ending_raises(), os.fdopen(handle, "w+b") as out:
            yield out
        if check is not None:
            with _ending_raises():
                check(temporary)
        os.chmod(temporary, _mode_of(target))
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, _Ended):
            os.kill(os.getpid(), error.number)  # as it would have ended without us
        raise


@contextmanager
def _ending_raises() -> Iterator[None]:
    """While it lasts, signals that would end the process at once raise; handlers somebody has set stay."""
    ours: list[int] = []
    if threading.current_thread() is threading.main_thread():
        ours = [number for number in _ENDINGS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _raise_ended)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _raise_ended(number: int, frame: Any) -> None:
    raise _Ended(number)


def _prefix(target: Path) -> str:
    """How the names of temporary files of a target begin, on this machine."""
    return f".{target.name}.{zlib.crc32(platform.node().encode()):08x}-"


def _remove_stale(target: Path) -> None:
    """Removes temporary files of this target whose process is gone."""
    pattern = re.compile(re.escape(_prefix(target)) + r"(\d+)-\w+\.tmp")
    with suppress(OSError):
        for entry in os.listdir(target.parent):
            found = pattern.fullmatch(entry)
            if found is not None and not _is_alive(int(found[1])):
                with suppress(OSError):
                    os.unlink(target.parent / entry)


def _is_alive(process: int) -> bool:
    """Whether a process runs; on Windows, where files in use cannot be removed, it need not be known."""
    if sys.platform == "win32":
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _mode_of(target: Path) -> int:
    """Permissions for the new file: those of the old one, else what the process gives to new files."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def check_target(path: str | os.PathLike[str]) -> None:
    """Raises UsageError where no file can be written to the path: said before a long conversion, not after."""
    target = Path(path)
    try:
        kind = file_kind(target)
    except FormatError as error:
        raise UsageError(f"cannot write {error.path}: {error.message.removeprefix('cannot be read: ')}") from error
    if kind == "directory":
        raise UsageError(f"cannot write {target}: it is a directory")
    if kind == "other":
        raise UsageError(f"cannot write {target}: {NO_FILE}; -o - writes to standard output")
    folder = Path(os.path.realpath(path)).parent if target.is_symlink() else target.parent
    if not folder.is_dir():
        raise UsageError(f"cannot write {target}: there is no directory {folder}")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write {target}: no permission to write to {folder}")
