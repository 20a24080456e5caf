"""Unknown sizes of a model's inputs that have to be equal."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

from litesmith.frontends.keras.calls import Calling
from litesmith.ir import Dim, Sym

_SHAPE = re.compile(r"\(([^()]*)\)")
_COMPARED = re.compile(r"comparison '(\w+)' == '(\w+)' is inconclusive")


def with_equal_sizes(call: Calling, error: BaseException) -> Calling | None:
    """The call with two unknown sizes of one name, where an operation fails because they are not known to be equal.

    Without this the model could not be called at all; None where the error says nothing of the kind.
    """
    unknown = {str(d) for s in call.specs for d in s.dims if isinstance(d, Sym)}
    cause: BaseException | None = error
    while cause is not None:
        for kept, renamed in _different(str(cause)):
            if {kept, renamed} <= unknown:
                return replace(call, specs=[replace(s, dims=_renamed(s.dims, renamed, kept)) for s in call.specs])
        cause = cause.__cause__ or cause.__context__
    return None


def _renamed(dims: Sequence[Dim], old: str, new: str) -> tuple[Dim, ...]:
    return tuple(Sym.named(new) if str(d) == old else d for d in dims)


def _different(text: str) -> list[tuple[str, str]]:
    """Pairs of names an error is about: of sizes it compares, or in the same place of two shapes it shows."""
    pairs = [(a, b) for a, b in _COMPARED.findall(text)]
    if "shape" not in text:
        return pairs
    shapes = [[part.strip() for part in group.split(",") if part.strip()] for group in _SHAPE.findall(text)]
    for left, right in itertools.pairwise(shapes):
        pairs += [(a, b) for a, b in zip(left[::-1], right[::-1], strict=False) if a != b]
    return pairs
