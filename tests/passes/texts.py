"""Short ways to write IR text."""

from __future__ import annotations

from collections.abc import Sequence


def graph(inputs: str, *lines: str, returns: str = "") -> str:
    """One graph; the result of line i is called ``%i``.

    A line is ``OP(operands) {attributes} : type``; the last result is returned unless told.
    """
    body = [f"%{i} = {line}" for i, line in enumerate(lines)]
    return "\n".join([f"graph main({inputs}) {{", *body, f"return {returns or f'%{len(lines) - 1}'}", "}"])


def elementwise(*steps: str, inputs: Sequence[str] = ("x",), type: str = "float32[n, 4]") -> str:
    """A graph of operations that all have one type."""
    listed = ", ".join(f"%{name}: {type}" for name in inputs)
    return graph(listed, *(f"{step} : {type}" for step in steps))
