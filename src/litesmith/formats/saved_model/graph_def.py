"""Frozen graphs: a `GraphDef` in a file of its own, and small helpers to walk the nodes of any graph."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from litesmith._util.files import file_kind, require_file
from litesmith.errors import FormatError
from litesmith.formats.saved_model import protos
from litesmith.formats.saved_model.parsing import parse_file, parse_text_file

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import GraphDef

_TEXT = re.compile(rb"\s*(#|(node|library|versions)\s*[{:<])")


def read_graph_def(path: str | Path) -> GraphDef:
    """Read a frozen graph, binary or in protobuf's text format, whatever its name.

    FormatError when the file is missing, damaged, without nodes, or not a GraphDef (a SavedModel, for one).
    """
    path = Path(path)
    if file_kind(path) == "directory":
        raise FormatError("a directory, not a frozen graph", path=str(path), fix="convert it as a SavedModel")
    require_file(path)
    text = path.suffix in (".pbtxt", ".prototxt") or _is_text(path)
    graph = (parse_text_file if text else parse_file)(protos.GraphDef, path)
    if not graph.node or not all(node.name and node.op for node in graph.node):
        fix = "for a SavedModel give its directory" if path.name.startswith("saved_model.") else ""
        raise FormatError("not a GraphDef: it has no nodes with names and operators", path=str(path), fix=fix)
    return graph


def _is_text(path: Path) -> bool:
    """Whether a file begins like a GraphDef in text format. A binary one begins with a tag byte and a length."""
    try:
        with path.open("rb") as file:
            return _TEXT.match(file.read(256)) is not None
    except OSError:  # told when it is parsed
        return False


def split_input(text: str) -> tuple[str, int]:
    """(node or argument, output number) of a data operand: ``name``, ``name:2`` or, in functions, ``name:out:2``.

    In functions the number counts within the named output. A control operand (``^name``) gives number -1.
    """
    if text.startswith("^"):
        return text[1:], -1
    name, _, rest = text.partition(":")
    number = rest.rpartition(":")[2]
    return name, int(number) if number.isdecimal() else 0
