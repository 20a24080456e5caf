"""Whether the MLIR parser survives some bytes, tried in another process.

The parser is C++ and takes its input for well-formed in places: damaged bytecode can end the process it runs in.
"""

from __future__ import annotations

import os
import subprocess
import sys

from litesmith.errors import FormatError

_PROGRAM = """
import sys
from litesmith.errors import LitesmithError
from litesmith.frontends.stablehlo.module import read_module
try:
    read_module(sys.stdin.buffer.read())
except LitesmithError:
    pass
"""

SECONDS = 60
"""Time a module may take, and the same again for each of these bytes."""

BYTES = 1 << 28


def require_readable(data: bytes, path: str = "") -> None:
    """Raises FormatError where reading the module ends or stalls a process. What it says of it is not looked at."""
    if getattr(sys, "frozen", False):  # there is no interpreter to start
        return
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            input=data,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS * (1 + len(data) / BYTES),
            check=False,
        )
        survived = done.returncode in (0, 1)
    except subprocess.TimeoutExpired:
        survived = False
    if not survived:
        raise FormatError("the StableHLO module is damaged", path=path, fix="export the model again")
