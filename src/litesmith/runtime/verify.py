"""Verifying a model: it loads, allocates, runs, answers the same each time, and agrees with reference
data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from litesmith.errors import UsageError
from litesmith.runtime.checking import Order, check
from litesmith.runtime.compare import TOLERANCE
from litesmith.runtime.process import Bounds, NoProcessError, check_in_process
from litesmith.runtime.reference import Record, Reference
from litesmith.runtime.report import VerificationReport
from litesmith.runtime.runner import NO_RUNTIME, ModelSource, has_runtime, source_of

__all__ = ["VerificationReport", "verify"]


def verify(
    model: ModelSource,
    reference: Reference | str | os.PathLike[str] | None = None,
    invocations: int = 3,
    tol: float = TOLERANCE,
    *,
    steps: int = 0,
    stateful: bool | None = None,
    threads: int = 1,
    python: str | os.PathLike[str] | None = None,
    timeout: float | None = None,
    isolated: bool = True,
) -> VerificationReport:
    """Verify a model given as bytes or path.

    reference: calls with inputs and expected outputs, or where they lie (see `litesmith.runtime.reference`);
    without it, every signature runs on made-up inputs, and only failures, changing answers and outputs that
    are all NaN show. invocations: runs of each call, which have to agree with each other. tol, steps: see
    `compare`. stateful: whether the model keeps anything between calls by design; then the calls are made in
    order, and it is the whole sequence that is repeated, from the initial state. None: it does when the file
    has variables. python: see `Runner`.

    isolated: do it in a process of its own, so that a model that crashes the runtime, never ends or wants more memory
    than there is does not end this one. timeout: seconds that one step (loading, a run) may take there; by default a
    minute, and more for large files. A bound that is reached is a problem where there is a reference, else the model
    is not verified (``skipped``).

    Raises UsageError when the reference does not fit the model's signatures, FormatError when a file cannot
    be read.
    """
    if invocations < 1:
        raise UsageError(f"invocations must be at least 1, got {invocations}")
    if timeout is not None and not timeout > 0:
        raise UsageError(f"timeout must be more than 0 seconds, got {timeout}")
    if not has_runtime():
        return VerificationReport(skipped=f"{NO_RUNTIME} (ai-edge-litert)")
    if isinstance(reference, str | os.PathLike):
        reference = Reference.load(reference)
    source = source_of(model)
    calls = None if reference is None else tuple(map(_plain, reference))
    path = str(source.absolute()) if isinstance(source, Path) else source
    other = None if python is None else os.fspath(python)
    order = Order(path, calls, invocations, tol, steps, stateful, threads, other)
    return _check(order, timeout) if isolated and python is None else check(order)  # another Python is isolated


def _check(order: Order, timeout: float | None) -> VerificationReport:
    """The check in a process of its own, or here where none can be started."""
    try:
        return check_in_process(order, Bounds.of(order, timeout))
    except NoProcessError:
        return check(order)  # worth more than what a process of its own adds


def _plain(record: Record) -> Record:
    """A call in nothing but what another process knows, too: NumPy arrays and Python's own values."""
    return Record(record.signature, _arrays(record.inputs), _arrays(record.outputs))


def _arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(value) if hasattr(value, "dtype") else value for name, value in values.items()}
