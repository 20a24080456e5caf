"""Running a command in a fresh process and measuring what it took. Imports only the standard library.

``ru_maxrss`` of a child starts from the resident size of the process that spawned it, so whoever calls this must stay
small: no numpy, no framework.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
_EXCEPTION = re.compile(r"^[\w.]*(?:Error|Exception|Interrupt)\b:? ", re.MULTILINE)
QUIET = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclass(frozen=True)
class Usage:
    """wall, cpu (user + system): seconds; peak_mb: resident peak in MB (1e6 bytes); error: "" or the end of stderr."""

    wall: float
    cpu: float
    peak_mb: float
    error: str = ""
    stdout: str = ""

    def as_dict(self) -> dict[str, float | str]:
        """For the JSON file."""
        fields = asdict(self)
        del fields["stdout"]
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in fields.items()}


def measure(command: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 1800.0) -> Usage:
    """Run ``command`` from the repository's root until it ends or ``timeout`` seconds have passed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        child = subprocess.Popen(command, env=os.environ | QUIET | dict(env or {}), cwd=ROOT, stdout=out, stderr=err)
        watchdog = threading.Timer(timeout, child.kill)
        watchdog.start()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        watchdog.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        stdout, stderr = _text(out), _text(err)
    error = "" if child.returncode == 0 else _reason(stderr) or f"exit code {child.returncode}"
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, error, stdout)


def medians(runs: Sequence[Usage]) -> Usage:
    """The median of each figure; the first error if any run failed."""
    error = next((run.error for run in runs if run.error), "")
    wall, cpu, peak = (median([getattr(run, name) for run in runs]) for name in ("wall", "cpu", "peak_mb"))
    return Usage(wall, cpu, peak, error, runs[-1].stdout)


def _text(stream: object) -> str:
    stream.seek(0)  # type: ignore[attr-defined]
    return str(stream.read().decode(errors="replace"))  # type: ignore[attr-defined]


def _reason(stderr: str, lines: int = 4, width: int = 600) -> str:
    """The exception that ended a Python program (its text may be long: its beginning counts), else the last lines."""
    found = [match.start() for match in _EXCEPTION.finditer(stderr)]
    if found:
        return stderr[found[-1] :][:width].strip()
    return "\n".join([line for line in stderr.splitlines() if line.strip()][-lines:])[-width:]
