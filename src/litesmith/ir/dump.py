"""Dumps of a program while it is converted."""

from __future__ import annotations

import os
import re
from pathlib import Path

from litesmith.errors import UsageError
from litesmith.ir.graph import Program
from litesmith.ir.printer import print_graph, print_program


class IRDump:
    """Writes the program as text after the import and after each pass that changed something, a file each.

    passes, graphs: regular expressions that choose among them by name (default: all).
    """

    def __init__(self, directory: str | os.PathLike[str], passes: str = "", graphs: str = "") -> None:
        self.directory = Path(directory)
        self.passes = re.compile(passes)
        self.graphs = re.compile(graphs) if graphs else None
        self.count = 0

    def __call__(self, name: str, program: Program) -> None:
        """Takes the program as it is after the pass of this name. Raises UsageError where it cannot be written."""
        path = self.directory / f"{self.count:03d}-{name}.txt"
        self.count += 1
        if not self.passes.search(name):
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            path.write_text(self._text(program))
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from error

    def _text(self, program: Program) -> str:
        if self.graphs is None:
            return print_program(program)
        return "\n".join(print_graph(g) for g in program.all_graphs() if self.graphs.search(g.name))
