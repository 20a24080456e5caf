"""What commands print: colour and tables on a terminal, plain text on a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from litesmith.errors import ConverterError, LitesmithError


def console(stderr: bool = False) -> Any:
    """A rich console; on a pipe it prints plain text, as wide as it needs to be."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else 160, soft_wrap=True)


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    click_echo(json.dumps(data, indent=2, sort_keys=True, default=str))


def click_echo(text: str) -> None:
    """A line of plain text on standard output."""
    import click

    click.echo(text)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; columns whose name starts with ``>`` are aligned to the right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_plain(str(cell)) for cell in row))
    console().print(table)


def print_error(error: LitesmithError, outcome: str = "nothing was written") -> None:
    """An error on standard error: every problem of a conversion, then how many there are and what that means."""
    out = console(stderr=True)
    if not isinstance(error, ConverterError):
        out.print(f"[bold red]Error:[/] {_plain(str(error))}")
        return
    for problem in error.problems:
        place = f" {problem.op}" if problem.op else ""
        where = f' at "{problem.node}"' if problem.node else ""
        line = f" ({problem.line})" if problem.line else ""
        out.print(
            f"[bold red]{problem.code}[/][bold]{_plain(place)}[/]{_plain(where + line)}: {_plain(problem.reason)}"
        )
        if problem.fix:
            out.print(f"      [green]Fix:[/] {_plain(problem.fix)}")
    count = len(error.problems)
    out.print(f"[bold]{count} problem{'s' if count != 1 else ''}; {outcome}.[/]")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


@contextmanager
def progress(what: str) -> Iterator[None]:
    """A spinner with these words on a terminal; nothing on a pipe."""
    if not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status(what):
        yield


def human_bytes(count: float) -> str:
    """A size as people read it: ``312 B``, ``4.1 kB``, ``1.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
