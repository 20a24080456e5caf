"""The process that `measure(isolated=True)` starts: takes an order as JSON, prints the measurement as
JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from litesmith.runtime.measure import Order, measure

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def main() -> None:
    import ai_edge_litert.interpreter  # noqa: F401 (its memory is not the model's)

    order = Order(**json.loads(sys.argv[1]))
    inputs = None
    if order.inputs is not None:
        with np.load(order.inputs, allow_pickle=False) as file:
            inputs = [file[key] for key in file.files]
    before = _start_of_peak()
    measured = measure(
        order.model,
        inputs,
        order.signature,
        threads=order.threads,
        warmup=order.warmup,
        repeats=order.repeats,
    )
    after = _peak()
    if before is not None and after is not None:
        measured = replace(measured, peak_bytes=max(after - before, 0))
    print(json.dumps(asdict(measured)))


def _start_of_peak() -> int | None:
    """Memory in use now, the recorded peak having been lowered to it where the system can do that."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> int | None:
    """Peak resident memory of this process in bytes; None where the system does not tell.

    Not getrusage on Linux: its figure survives exec, so it can be the peak of the process that started this
    one.
    """
    if _STATUS.exists():
        return _status("VmHWM")
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(field: str) -> int | None:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return None


if __name__ == "__main__":
    main()
