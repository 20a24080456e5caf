"""What is seen while a command works: a bar on a terminal, log lines with -v, and nothing of the runtime's own."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TextIO

import click

_LEVELS = {0: logging.WARNING, 1: logging.INFO}


def with_verbosity(function: Callable[..., object]) -> Callable[..., object]:
    """A command with -v and -q, which are told by `is_quiet` and `is_verbose`."""
    for option in (
        click.option("-v", "--verbose", count=True, help="Tell what is done; -vv tells every pass.",
                     expose_value=False, callback=_set_verbosity),
        click.option("-q", "--quiet", is_flag=True, help="Print errors only.", expose_value=False, callback=_set_quiet),
    ):  # fmt: skip
        function = option(function)
    return function


def _set_verbosity(context: click.Context, parameter: click.Parameter, count: int) -> None:
    context.find_root().meta["verbose"] = count
    logger = logging.getLogger("litesmith")
    logger.setLevel(_LEVELS.get(count, logging.DEBUG))
    for old in [h for h in logger.handlers if isinstance(h, _ToStandardError)]:
        logger.removeHandler(old)
    if count:
        logger.addHandler(_ToStandardError())


def _set_quiet(context: click.Context, parameter: click.Parameter, quiet: bool) -> None:
    context.find_root().meta["quiet"] = quiet


def is_quiet() -> bool:
    """Whether -q was given."""
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().meta.get("quiet"))


def is_verbose() -> bool:
    """Whether -v was given."""
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().meta.get("verbose"))


class _ToStandardError(logging.Handler):
    """Writes to what standard error is when the line is written."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


@contextmanager
def progress(what: str) -> Iterator[None]:
    """A bar with these words on a terminal. What libraries write to standard error is seen only when the work fails."""
    with ExitStack() as stack:
        terminal = stack.enter_context(_without_library_output())
        if not terminal.isatty() or is_quiet() or is_verbose():
            yield
            return
        stack.enter_context(_bar(what, terminal))
        yield


@contextmanager
def _bar(what: str, terminal: Any) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from litesmith._util.progress import listening

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=terminal), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def show(stage: str, done: int, total: int) -> None:
            bar.update(task, description=f"{what}: {stage}", completed=done, total=total or None)

        with listening(show):
            yield


@contextmanager
def _without_library_output() -> Iterator[TextIO]:
    """Gives the true standard error, while what C libraries write there goes to a file, shown when the block fails."""
    try:
        number = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # standard error was replaced by something that is no file
        number = -1
    if number != 2 or is_verbose():
        yield sys.stderr
        return
    sys.stderr.flush()
    outside, kept = sys.stderr, os.dup(2)
    with os.fdopen(kept, "w", buffering=1, encoding="utf-8", errors="replace") as own, tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        sys.stderr = own
        try:
            yield own
        except BaseException:
            log.seek(0)
            own.write(log.read().decode(errors="replace"))
            raise
        finally:
            own.flush()
            os.dup2(kept, 2)
            sys.stderr = outside
