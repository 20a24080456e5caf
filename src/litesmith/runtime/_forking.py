"""A copy of this process, where one is safe: it costs a tenth of a new one, having all modules already.

Safe is it in a program that is all ours and has one thread, before any framework is loaded: on the command line.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import IO


def can_fork() -> bool:
    """Whether a copy of this process can go on by itself: locks of other threads would stay locked in it."""
    return sys.platform == "linux" and threading.active_count() == 1


class ForkedProcess:
    """What `subprocess.Popen` is, as far as it is needed, of a copy of this process that runs ``main``."""

    def __init__(self, main: Callable[[], None], log: IO[bytes]) -> None:
        from_us, to_child = os.pipe()
        from_child, to_us = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the threads of BLAS, which know of forks
            self.pid = os.fork()
        if self.pid == 0:
            _run(main, from_us, to_us, log.fileno())
        os.close(from_us)
        os.close(to_us)
        self.stdin: IO[bytes] | None = os.fdopen(to_child, "wb")
        self.stdout: IO[bytes] | None = os.fdopen(from_child, "rb")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        """The exit code, once it has ended."""
        code = self._wait(0)
        assert code is not None
        return code

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def kill(self) -> None:
        """Ends it."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def _run(main: Callable[[], None], source: int, target: int, log: int) -> None:
    """Never returns: what the parent has open and would do at its end is not this process's."""
    try:
        for ours, standard in ((source, 0), (target, 1), (log, 2)):
            os.dup2(ours, standard)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        main()
        os._exit(0)
    finally:
        os._exit(1)
