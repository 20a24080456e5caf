"""What commands print: colour and tables on a terminal, plain text on a pipe."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from litesmith._util.text import human_bytes
from litesmith.cli.progress import progress
from litesmith.errors import ConverterError, LitesmithError, Problem

__all__ = [
    "click_echo",
    "console",
    "fold",
    "human_bytes",
    "print_error",
    "print_failure",
    "print_json",
    "print_table",
    "progress",
]


def console(stderr: bool = False) -> Any:
    """A rich console; on a pipe it prints plain text, as wide as it needs to be."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, emoji=False, width=None if stream.isatty() else 160, soft_wrap=True)


def print_json(data: object) -> None:
    """One JSON document on standard output."""
    click_echo(json.dumps(_finite(data), indent=2, sort_keys=True, default=str))


def _finite(data: object) -> object:
    """The same data with null for what JSON has no number for."""
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(item) for item in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def click_echo(text: str) -> None:
    """A line of plain text on standard output."""
    import click

    click.echo(text)


LONGEST = 60
"""Rows a table has at most unless all are asked for."""


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], all_rows: bool = True) -> None:
    """A table as wide as the terminal, 80 columns on a pipe; text that is wider goes on in the next line.

    Columns whose name starts with ``>`` are aligned to the right. all_rows: whether it may have more than `LONGEST`.
    """
    from rich import box
    from rich.table import Table

    out = console()
    cells = [[str(cell) for cell in row] for row in rows]
    further = 0 if all_rows else max(0, len(cells) - LONGEST)
    cells = cells[: len(cells) - further]
    widths = _widths([[c.lstrip(">") for c in columns], *cells], _width_of(out) - 3 * len(columns))
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", no_wrap=True)
    for row in cells:
        table.add_row(*(_plain(fold(cell, width)) for cell, width in zip(row, widths, strict=True)))
    out.print(table)
    if further:
        out.print(f"… and {further} more (--all shows them)")


def _width_of(out: Any) -> int:
    return int(out.width) if sys.stdout.isatty() else 80


def _widths(rows: Sequence[Sequence[str]], available: int) -> list[int]:
    """Widths of columns: what their text needs, the widest shortened where the sum is too much."""
    widths = [max(max(map(len, cell.split("\n"))) for cell in column) for column in zip(*rows, strict=True)]
    while sum(widths) > available and max(widths) > 12:
        widest = widths.index(max(widths))
        second = max([w for i, w in enumerate(widths) if i != widest], default=0)
        widths[widest] = max(12, min(widths[widest] - 1, max(second, widths[widest] - (sum(widths) - available))))
    return widths


def fold(text: str, width: int) -> str:
    """The text in lines of this width, broken after ``/`` and spaces where there are some."""
    lines: list[str] = []
    for line in text.split("\n"):
        rest = line
        while len(rest) > width:
            cut = max(rest.rfind("/", 0, width), rest.rfind(" ", 0, width)) + 1
            cut = cut if cut > width // 3 else width
            lines.append(rest[:cut].rstrip())
            rest = rest[cut:]
        lines.append(rest)
    return "\n".join(lines)


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


def print_failure(problems: Sequence[Problem]) -> None:
    """The JSON document of a command that failed."""
    print_json({"ok": False, "problems": [p.to_json() for p in problems]})


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


