"""Whether the MLIR parser survives some bytes, tried in another process.

The parser is C++ and takes its input for well-formed in places: damaged bytecode, and text, can end the process they run in.
"""

from __future__ import annotations

import subprocess

from litesmith._util.python import can_start_python, python_command
from litesmith.errors import FormatError

SECONDS = 60
"""Time a module may take, and the same again for each of these bytes."""

BYTES = 1 << 28


def require_readable(data: bytes, path: str = "") -> None:
    """Raises FormatError where reading the module ends or stalls a process. What it says of it is not looked at."""
    if not can_start_python():
        return
    try:
        done = subprocess.run(
            python_command("litesmith.frontends.stablehlo._reading"),
            input=data,
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
