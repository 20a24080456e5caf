"""Unknown sizes of a model's inputs that have to be equal, or multiples of a number."""

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
                return replace(call, specs=[replace(s, dims=_rename_dims(s.dims, renamed, kept)) for s in call.specs])
        cause = cause.__cause__ or cause.__context__
    return None


MOST = 256
"""Multiples of more than this are not tried."""

_UNEVEN = ("Cannot divide evenly", "Cannot concatenate arrays", "ncompatible shapes", "is inconclusive")
_DIVIDED = re.compile(r"(?:floordiv|mod)\(([^,]*),")


def with_multiples(call: Calling, error: BaseException) -> Calling | None:
    """The call with unknown sizes doubled, where an operation fails because they may not divide evenly.

    So a network that halves its images, doubles them again and joins the two takes sizes of which nothing is lost; of
    others it could not be called. None where the error says nothing of the kind.
    """
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause)
        divided = " ".join(_DIVIDED.findall(text)) if any(reason in text for reason in _UNEVEN) else ""
        names = set(re.findall(r"[A-Za-z_]\w*", divided))
        doubled = [replace(s, dims=tuple(_double(d, names) for d in s.dims)) for s in call.specs]
        if any(a.dims != b.dims for a, b in zip(doubled, call.specs, strict=True)):
            return replace(call, specs=doubled)
        cause = cause.__cause__ or cause.__context__
    return None


def _double(dim: Dim, names: set[str]) -> Dim:
    """A named size, or its multiple, times two."""
    atoms = {str(a) for a in dim.atoms} if isinstance(dim, Sym) else set()
    if len(atoms) != 1 or not atoms <= names:
        return dim
    (name,) = atoms
    factor = next((2**i for i in range(MOST.bit_length()) if dim == Sym.named(name) * 2**i), MOST)
    return dim if factor >= MOST else Sym.named(name) * (2 * factor)


def _rename_dims(dims: Sequence[Dim], old: str, new: str) -> tuple[Dim, ...]:
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
