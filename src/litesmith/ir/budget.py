"""What one import may make of a model: a small file can ask for more operations and bytes than any machine has.

Functions are inlined where they are called, loops of known length are sometimes unrolled, and what is constant is
computed. Each of them asks here; what goes beyond is refused as anything else that cannot be converted.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from litesmith.errors import ConverterError, Problem, UnsupportedError

CODE = "LS015"

MAX_INLINED = 200_000
"""Operations of functions and loop bodies that may be imported beyond once each."""

MAX_EMITTED = 3_000_000
"""Operations that may be made."""

MAX_BYTES = 1 << 30
"""Bytes that a constant may have which is computed from much smaller ones."""

_CALL = 8
"""What a call takes beside the operations of its function, in operations."""


@dataclass
class Budget:
    """What an import has used."""

    inlined: int = 0
    emitted: int = 0


_current: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def own_budget() -> Iterator[Budget]:
    """What is imported within the block has a budget of its own; outside of any block there is no bound."""
    token = _current.set(Budget())
    try:
        yield _current.get() or Budget()
    finally:
        _current.reset(token)


def spend_call(called: set[Hashable], function: Hashable, size: int) -> None:
    """Counts a call of a function of so many operations, beyond the first: ``called`` are those that were called.

    Raises UnsupportedError when too much is inlined.
    """
    budget = _current.get()
    again = function in called
    called.add(function)
    if budget is None or not again:
        return
    budget.inlined += size + _CALL
    if budget.inlined > MAX_INLINED:
        reason = f"functions that call others again and again come to more than {MAX_INLINED} operations"
        raise UnsupportedError(reason, "call fewer functions, or call them in a loop", code=CODE)


def spend_emitted(count: int = 1) -> None:
    """Counts operations that are made. Raises UnsupportedError when there are too many."""
    budget = _current.get()
    if budget is None:
        return
    budget.emitted += count
    if budget.emitted > MAX_EMITTED:
        raise UnsupportedError(f"it comes to more than {MAX_EMITTED} operations", "convert parts of it", code=CODE)


def require_room(size: int, what: str) -> None:
    """Raises UnsupportedError where ``what``, computed while converting, would take too many bytes."""
    if size > MAX_BYTES:
        reason = (
            f"{what} would take {size / 1e9:.1f} GB, and up to {MAX_BYTES / 1e9:.1f} GB are computed while converting"
        )
        raise UnsupportedError(reason, "make it smaller, or compute it from an input", code=CODE)


@contextmanager
def own_limits() -> Iterator[None]:
    """A budget of its own for the block; raises ConverterError where Python itself runs out of memory or depth in it."""
    try:
        with own_budget():
            yield
    except MemoryError as error:
        reason = f"there is not enough memory to convert it: {str(error) or 'out of memory'}"
        raise ConverterError(Problem(CODE, reason, "convert it on a machine with more memory")) from error
    except RecursionError as error:
        reason = "it is nested too deeply to be converted"
        raise ConverterError(Problem(CODE, reason, "nest functions and loops less deeply")) from error
