"""How the dataclasses of the schema lie in a FlatBuffer, read off their annotations; one list for every format."""

from __future__ import annotations

import types
import typing
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cache
from typing import Any, Literal

from litesmith.formats.metadata.schema import Table

Kind = Literal["text", "octets", "enum", "scalar", "texts", "scalars", "table", "tables", "union"]


@dataclass(frozen=True)
class SlotField:
    """A field of a table. name: its attribute; key: its name in the schema; slot: its (first) slot; code: `struct` code
    of its scalars; members: the classes of its tables (of a union in order of their numbers, from 1), or its enum."""

    name: str
    key: str
    slot: int
    kind: Kind
    code: str
    members: tuple[type[Any], ...]
    default: Any


def slot_fields(kind: type[Any]) -> tuple[SlotField, ...]:
    """The fields of a table of the schema, in order of their slots."""
    return _cached_fields(typing.cast(Hashable, kind))


@cache
def _cached_fields(kind: Hashable) -> tuple[SlotField, ...]:
    return tuple(_slot_fields(kind))  # type: ignore[arg-type] # a class, which mypy does not take for hashable


def _slot_fields(kind: type[Table]) -> Iterator[SlotField]:
    hints = typing.get_type_hints(kind)
    slot = 0
    for item in fields(kind):  # type: ignore[arg-type] # every table of the schema is a dataclass
        shape, members = _shape(hints[item.name])
        key = item.metadata.get("name") or item.name
        yield SlotField(item.name, key, slot, shape, item.metadata.get("code", ""), members, item.default)
        slot += 2 if shape == "union" else 1


def _shape(hint: Any) -> tuple[Kind, tuple[type[Any], ...]]:
    """What kind of field an annotation declares, and its classes."""
    args = typing.get_args(hint)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        tables = tuple(a for a in args if a is not type(None))
        return ("union" if len(tables) > 1 else "table"), tables
    if typing.get_origin(hint) is tuple:
        if issubclass(args[0], Table):
            return "tables", (args[0],)
        return ("texts" if args[0] is str else "scalars"), (args[0],)
    if issubclass(hint, IntEnum):
        return "enum", (hint,)
    return {str: "text", bytes: "octets"}.get(hint, "scalar"), (hint,)  # type: ignore[return-value]
