"""What a damaged file does to code that takes it for whole."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from litesmith.errors import ConverterError, LitesmithError, Problem

CODE = "LS090"
FIX = "write the file again with what made it; if it is whole, report this with the file"

_RAISED = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, struct.error)


@contextmanager
def report_as_damage(applies: bool = True) -> Iterator[None]:
    """Raises ConverterError where the block fails in a way that nobody foresaw: the model contradicts itself.

    applies: False for what is no file, where the failure is ours or the user's, and is raised as it is.
    """
    try:
        yield
    except LitesmithError:
        raise
    except _RAISED as error:
        if not applies:
            raise
        text = " ".join(str(error).split())[:300]
        raise ConverterError(Problem(CODE, f"the model contradicts itself: {type(error).__name__}: {text}", FIX)) from error
