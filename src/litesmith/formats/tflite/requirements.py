"""The oldest runtime that runs a program, by the declarations of its operators."""

from __future__ import annotations

from litesmith.ir import Program

MIN_RUNTIME_VERSION = "min_runtime_version"
"""Name of the metadata entry: the release as text, padded with zeros to 16 bytes."""

_WIDTH = 16


def min_runtime_version(program: Program) -> bytes:
    """The metadata entry: the newest release any operation needs, or what the entry said before if that is newer."""
    needed = {op.defn.runtimes.get(op.defn.version_of(op), "") for graph in program.all_graphs() for op in graph.ops}
    needed.add(program.metadata.get(MIN_RUNTIME_VERSION, b"").rstrip(b"\0").decode("ascii", "replace"))
    return max(needed, key=release).encode("ascii", "replace").ljust(_WIDTH, b"\0")


def release(text: str) -> tuple[int, ...]:
    """A release as numbers that compare."""
    return tuple(int(part) if part.isdigit() else 0 for part in text.split("."))
