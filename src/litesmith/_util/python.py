"""Starting a Python of our own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

_PROGRAM = (
    "import importlib, json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "importlib.import_module(sys.argv.pop(1)).main()"
)


def can_start_python() -> bool:
    """Whether the program that runs is a Python interpreter, so that another one can be started."""
    return not getattr(sys, "frozen", False) and "py" in Path(sys.executable or "").name.lower()


def python_command(module: str, *args: str) -> list[str]:
    """The command that runs ``main`` of a module of ours in a new Python, with the modules this one finds.

    Not ``python -m``: it looks for modules in the current directory first. Without ``site``, whose work is in our path.
    """
    paths = [path for path in sys.path if os.path.isabs(path)]
    root = str(Path(__file__).parents[2])
    paths += [root] * (root not in paths)
    return [sys.executable, "-I", "-S", "-c", _PROGRAM, json.dumps(paths), module, *args]
