"""The process that checks models (see `litesmith.runtime.process`): orders come on standard input as pickles, each is
answered with lines of JSON on standard output: a step before it is taken, then the report or the error.

What the runtime prints goes to standard error. The process ends with the one that started it, and on its own when it
has nothing to do for a while.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pickle
import queue
import signal
import threading
import traceback
from contextlib import suppress
from functools import partial
from typing import IO, Any

from litesmith.errors import FormatError, LitesmithError
from litesmith.runtime.checking import Order, check
from litesmith.runtime.process import Bounds
from litesmith.runtime.report import to_json

_IDLE_SECONDS = 120.0
_GRACE_SECONDS = 30.0
"""How much later than the bound the process ends itself, should nobody be left to end it."""
_LOG_BYTES = 1 << 24

Orders = queue.SimpleQueue[tuple[Order, Bounds]]


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it goes to the whole group; the process that started us decides
    with os.fdopen(os.dup(1), "w", encoding="ascii") as out:
        os.dup2(2, 1)
        # No RLIMIT_AS: where it bites, the runtime crashes or complains as if the model were wrong. Memory is watched.
        _set_limit("RLIMIT_CORE", 0)
        _set_limit("RLIMIT_FSIZE", _LOG_BYTES)
        orders: Orders = queue.SimpleQueue()
        threading.Thread(target=_read, args=[orders], daemon=True).start()
        with suppress(ModuleNotFoundError):
            import ai_edge_litert.interpreter  # noqa: F401 (while the model is still being converted)
        while True:
            try:
                order, bounds = orders.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                return
            _answer(order, bounds, partial(_say, out))
            del order


def _read(orders: Orders) -> None:
    """Takes orders until the other process closes its end, which ends this one at once."""
    source = os.fdopen(0, "rb")
    try:
        while True:
            orders.put(pickle.load(source))
    except EOFError:
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _say(out: IO[str], message: dict[str, Any]) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


_STDERR = 2


def _answer(order: Order, bounds: Bounds, say: Any) -> None:
    def on_step(words: str) -> None:
        # to the descriptor: sys.stderr may have none (notebooks, captured output)
        faulthandler.dump_traceback_later(bounds.step_seconds + _GRACE_SECONDS, exit=True, file=_STDERR)
        say({"step": words})

    try:
        on_step("does not load")
        say({"report": to_json(check(order, on_step))})
    except LitesmithError as error:
        path, fix = (error.path, error.fix) if isinstance(error, FormatError) else ("", "")
        message = error.message if isinstance(error, FormatError) else str(error)
        say({"error": {"kind": type(error).__name__, "message": message, "path": path, "fix": fix}})
    except MemoryError:
        raise  # as where the runtime itself has no memory left
    except Exception:
        say({"error": {"kind": "", "message": traceback.format_exc()}})
    finally:
        faulthandler.cancel_dump_traceback_later()


def _set_limit(name: str, value: int) -> None:
    """Lowers a limit of this process where the system knows it."""
    with suppress(ImportError, AttributeError, OSError, ValueError):
        import resource

        which = getattr(resource, name)
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
