"""Checks in a process of their own: whatever a model does to the runtime, it does not end ours.

The process is started early and kept for the next check, since starting it takes as long as checking a small model.
Orders go down as pickles; what comes up are lines of JSON, since a process that a model has broken is not believed
more than its text. Time and memory are watched from here.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import queue
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from litesmith import errors
from litesmith._util.python import can_start_python, python_command
from litesmith.errors import Problem
from litesmith.runtime._forking import ForkedProcess, can_fork
from litesmith.runtime.checking import NO_ROOM, Order
from litesmith.runtime.report import VerificationReport, from_json

_CRASH = "LS907"
_KEEP_BYTES = 1 << 26
_POLL_SECONDS = 0.05
_START_SECONDS = 60.0
_TOTAL_STEPS = 4
_GB = 1 << 30
_LOG_BYTES = 4096
_NOISE = ("INFO:", "W0000", "I0000", "WARNING: All log messages before absl")
_MORE_TIME = "give the check more time (litesmith verify --timeout, runtime.verify(timeout=…))"
_SMALLER = "check it on a machine with more memory"
_OWN_INPUTS = "give inputs of your own as reference data (reference=…, --against)"


class NoProcessError(Exception):
    """No process can be started here."""


@dataclass(frozen=True)
class Bounds:
    """What a check may take: seconds for a step and for all of them, bytes of memory (None: not bounded)."""

    step_seconds: float
    seconds: float | None
    memory: int | None

    @staticmethod
    def of(order: Order, timeout: float | None) -> Bounds:
        """The bounds of a check. Inputs of a user's are worth more than made-up ones."""
        size = order.size
        step = timeout or 60 * (1 + size / _GB) * (1 if order.calls is None else 5)
        free = _available_memory()
        memory = None if free is None else free * 3 // 4
        if order.calls is not None:
            return Bounds(step, None, memory)
        wanted = 4 * _GB + 4 * size
        return Bounds(step, _TOTAL_STEPS * step, wanted if memory is None else min(wanted, memory))


def _available_memory() -> int | None:
    """Bytes of memory that are free now; None where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _start(log: IO[bytes]) -> subprocess.Popen[bytes]:
    if not can_start_python():
        raise OSError("the program that runs is no Python interpreter")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # more would only be started
    command, pipe = python_command("litesmith.runtime._worker"), subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, env=environment)


def _fork(log: IO[bytes]) -> ForkedProcess:
    from litesmith.runtime._worker import main

    return ForkedProcess(main, log)


class _Worker:
    """A process that checks models, one after the other."""

    def __init__(self, forked: bool = False) -> None:
        self.log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the worker)
        self.owner = os.getpid()
        try:
            self.process = _fork(self.log) if forked else _start(self.log)
        except (OSError, ValueError) as error:
            self.log.close()
            raise NoProcessError(str(error)) from error
        self.lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with suppress(OSError, ValueError):
            for line in self.process.stdout:
                self.lines.put(line)
        self.lines.put(None)

    @property
    def alive(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def send(self, order: Order, bounds: Bounds) -> None:
        assert self.process.stdin is not None
        self.log.seek(0)
        self.log.truncate()
        with suppress(OSError):  # a process that has ended is found when its answer is waited for
            pickle.dump((order, bounds), self.process.stdin, pickle.HIGHEST_PROTOCOL)
            self.process.stdin.flush()

    def memory(self) -> int:
        """Bytes of memory that are the process's own; 0 where the system does not tell."""
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
            return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
        return 0

    def close(self) -> None:
        if self.owner != os.getpid():
            return
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.log):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr] # it was opened as a pipe

    def said(self) -> str:
        """The last lines of what the runtime has written, without its chatter."""
        with suppress(OSError, ValueError):
            end = self.log.seek(0, os.SEEK_END)
            self.log.seek(max(end - _LOG_BYTES, 0))
            lines = self.log.read().decode("utf-8", "replace").splitlines()
            return " ".join(line.strip() for line in lines if line.strip() and not line.startswith(_NOISE))[-600:]
        return ""


_idle: list[_Worker] = []
_lock = threading.Lock()


def prepare(own: bool = False) -> None:
    """Starts the process that will be asked to check something soon; nothing where there is one, or none can be.

    own: whether this program is all ours, so that a copy of it will do.
    """
    with _lock:
        if not (_idle and _idle[-1].alive):
            with suppress(NoProcessError):
                _idle.append(_Worker(forked=own and can_fork()))


def _take() -> _Worker:
    with _lock:
        while _idle:
            worker = _idle.pop()
            if worker.alive:
                return worker
            worker.close()
    return _Worker()


def _keep(worker: _Worker) -> None:
    with _lock:
        if not _idle:
            _idle.append(worker)
            return
    worker.close()


@atexit.register
def _close_all() -> None:
    while _idle:
        _idle.pop().close()


def check_in_process(order: Order, bounds: Bounds) -> VerificationReport:
    """What `checking.check` gives, found by another process within bounds.

    Raises NoProcessError where no process can be started, and what the check raises.
    """
    worker = _take()
    watch = _Watch(worker, order, bounds)
    try:
        worker.send(order, bounds)
        return watch.answer()
    finally:
        if watch.answered and order.size < _KEEP_BYTES:
            _keep(worker)
        else:
            worker.close()


class _Watch:
    """Waits for the answer of a worker, and says what is the matter where none comes."""

    def __init__(self, worker: _Worker, order: Order, bounds: Bounds) -> None:
        self.worker, self.order, self.bounds = worker, order, bounds
        self.step = ""
        """Words for the failure of what is done now; empty before anything is done."""
        self.answered = False

    def answer(self) -> VerificationReport:
        begin = since = time.monotonic()
        while True:
            try:
                line = self.worker.lines.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                found = self._over(begin, since)
                if found is not None:
                    return found
                continue
            if line is None:
                return self._end_report()
            message = json.loads(line)
            self.answered = "step" not in message
            if "report" in message:
                return self._with_log(from_json(message["report"]))
            if "error" in message:
                raise _error(message["error"])
            self.step, since = message["step"], time.monotonic()

    def _with_log(self, report: VerificationReport) -> VerificationReport:
        """The report with the runtime's log where the runtime has refused the model without a word."""
        said = self.worker.said() if any(p.reason.endswith(": ") for p in report.problems) else ""
        problems = [replace(p, reason=p.reason + said) if p.reason.endswith(": ") else p for p in report.problems]
        return replace(report, problems=tuple(problems))

    def _over(self, begin: float, since: float) -> VerificationReport | None:
        """The report where a bound has been passed."""
        now, bounds = time.monotonic(), self.bounds
        limit = bounds.step_seconds if self.step else max(_START_SECONDS, bounds.step_seconds)
        if now - since > limit:
            return self._no_room(f"it has not ended after {limit:.3g} seconds", _MORE_TIME)
        if bounds.seconds is not None and now - begin > max(bounds.seconds, _START_SECONDS):
            return self._no_room(f"its runs have not ended after {now - begin:.3g} seconds", _MORE_TIME)
        if bounds.memory is not None and self.worker.memory() > bounds.memory:
            return self._no_room(f"it takes more than {bounds.memory / 1e9:.1f} GB of memory", _SMALLER)
        return None

    def _no_room(self, reason: str, fix: str) -> VerificationReport:
        reason = f"the model {self.step or 'does not load'} in the LiteRT runtime: {reason}"
        if self.order.calls is None:
            problem = Problem(NO_ROOM, f"{reason} (on inputs made up for the check)", f"{_OWN_INPUTS}, or {fix}")
            return VerificationReport(skipped=str(problem))
        return VerificationReport(problems=(Problem(NO_ROOM, reason, fix),))

    def _end_report(self) -> VerificationReport:
        """The report where the process has ended without an answer."""
        code, said = self.worker.process.wait(), self.worker.said()
        if not self.step:
            raise NoProcessError(said)
        if "bad_alloc" in said or "MemoryError" in said or code == -getattr(signal, "SIGKILL", 9):
            return self._no_room("there is not enough memory", _SMALLER)
        if "Timeout (" in said:
            return self._no_room("it has not ended in time", _MORE_TIME)
        end = f"{_name(code)} ends its process" + (f"; its log ends: {said}" if said else "")
        reason = f"the model {self.step} in the LiteRT runtime: {end}"
        return VerificationReport(problems=(Problem(_CRASH, reason),))


def _name(code: int) -> str:
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"exit code {code}"


def _error(told: dict[str, Any]) -> Exception:
    """The exception that the check has raised in the other process."""
    kind = getattr(errors, told["kind"], None)
    if not isinstance(kind, type):
        return RuntimeError(f"the check failed: {told['message']}")
    if issubclass(kind, errors.FormatError):
        return kind(told["message"], path=told["path"], fix=told["fix"])
    if issubclass(kind, errors.LitesmithError):
        return kind(told["message"])
    return RuntimeError(f"the check failed: {told['message']}")
