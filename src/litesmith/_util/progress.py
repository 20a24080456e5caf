"""Where long work tells how far it is: nothing happens unless somebody listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, int, int], None]
"""Takes the stage, how much of it is done, and of how much (0: unknown)."""

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(stage: str, done: int = 0, total: int = 0) -> None:
    """Says how far the work is."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(stage, done, total)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """While active, the listener hears what is told."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
