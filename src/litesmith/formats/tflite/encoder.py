"""Writes FlatBuffers: an encoder for tables of scalars, strings, vectors and references.

The `flatbuffers` package takes about 0.2 ms for the tables of one operator; a model of a thousand operators would spend
more time there than everywhere else. This one packs a whole table at once, by a layout computed once for each set
of fields, shares equal vectors, strings and vtables, and knows where each field ends up, so that values can be patched
in when the weights have been streamed behind the tables.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Field = tuple[int, str, Any]
"""Slot, code and value of a table field. The code is one of `struct`'s, or `REF` for the position of an object."""

REF = "o"
PLACEHOLDER = "I"
"""Code of a reference that is filled in after `Encoder.finish`."""

_SIZES = {c: struct.calcsize("<" + c) for c in "?bBhHiIqQfd"} | {REF: 4}


_SHORT = 16
_INT_VECTORS = [struct.Struct(f"<I{count}i") for count in range(_SHORT)]


@dataclass(frozen=True, slots=True)
class _Layout:
    packer: struct.Struct
    size: int
    order: tuple[tuple[int, int], ...]
    """Fields as they lie in the table: index in the sequence given and, of references, the byte offset, else 0."""
    places: tuple[int, ...]
    """Byte offset of each field, in the sequence given."""
    vtable: bytes
    align: int


class Encoder:
    """Builds one FlatBuffer from its leaves to its root.

    Positions are counted from the end of the buffer, which is where an object that is referred to has to be written
    first; `finish` turns them into file offsets.
    """

    def __init__(self, behind: int = 0) -> None:
        """``behind``: bytes that lie behind what is written, a multiple of its alignment; references may go there."""
        self._chunks: list[bytes] = []
        self.size = behind
        self._shared: dict[tuple[bytes, int], int] = {}
        self._layouts: dict[tuple[tuple[int, str], ...], _Layout] = {}

    def _push(self, data: bytes, align: int, prefix: int = 0) -> int:
        """Puts bytes in front of what is there, such that what follows their ``prefix`` is aligned."""
        padding = -(self.size + len(data) - prefix) % align
        if padding:
            self._chunks.append(bytes(padding))
        self._chunks.append(data)
        self.size += padding + len(data)
        return self.size

    def _share(self, data: bytes, align: int, prefix: int) -> int:
        key = (data, align)
        found = self._shared.get(key)
        if found is None:
            found = self._shared[key] = self._push(data, align, prefix)
        return found

    def string(self, text: str | bytes) -> int:
        """A string; equal ones are written once."""
        raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        padding = bytes(4 - len(raw) % 4)
        return self._share(struct.pack("<I", len(raw)) + raw + padding, 4, 0)

    def scalars(self, values: Any, dtype: str | np.dtype[np.generic]) -> int:
        """A vector of scalars of this (little-endian) NumPy dtype; equal ones are written once."""
        if dtype == "<i4" and len(values) < _SHORT:  # most vectors by far: shapes and tensor numbers
            return self._share(_INT_VECTORS[len(values)].pack(len(values), *values), 4, 4)
        array = np.asarray(values, dtype)
        raw = struct.pack("<I", array.size) + array.tobytes()
        return self._share(raw + bytes(-len(raw) % 4), max(4, array.itemsize), 4)

    def octets(self, data: bytes, align: int = 4) -> int:
        """A vector of bytes, aligned for what they hold."""
        raw = struct.pack("<I", len(data)) + data
        return self._share(raw + bytes(-len(raw) % 4), align, 4)

    def references(self, positions: Sequence[int]) -> int:
        """A vector of references to objects written before."""
        count = len(positions)
        start = self.size + 4 * count  # elements are 4 bytes wide and so is all padding: no more of it
        offsets = [start - 4 * index - position for index, position in enumerate(positions)]
        return self._push(struct.pack(f"<{count + 1}I", count, *offsets), 4)

    def table(self, fields: Sequence[Field]) -> int:
        """A table of these fields; those left out have their default."""
        layout = self.layout(fields)
        vtable = self._share(layout.vtable, 2, 0)
        position = self.size + layout.size
        position += -position % layout.align
        values = [position - place - fields[index][2] if place else fields[index][2] for index, place in layout.order]
        return self._push(layout.packer.pack(vtable - position, *values), layout.align)

    def layout(self, fields: Sequence[Field]) -> _Layout:
        """How a table of these fields lies in memory."""
        key = tuple([field[:2] for field in fields])
        found = self._layouts.get(key)
        if found is None:
            found = self._layouts[key] = _lay_out(key)
        return found

    def finish(self, root: int, identifier: bytes, align: int = 16) -> bytearray:
        """The whole buffer, its length a multiple of ``align``."""
        header = 8
        self.size += (padding := -(self.size + header) % align)
        self._chunks.append(bytes(padding))
        self.size += header
        self._chunks.append(struct.pack("<I", self.size - root) + identifier)
        return bytearray().join(reversed(self._chunks))


def _lay_out(key: tuple[tuple[int, str], ...]) -> _Layout:
    order = tuple(sorted(range(len(key)), key=lambda i: -_SIZES[key[i][1]]))
    align = max([4, *(_SIZES[code] for _, code in key)])
    form, places, at = "<i", [0] * len(key), 4
    for index in order:
        code = key[index][1]
        padding = -at % _SIZES[code]
        form += "x" * padding + ("I" if code == REF else code)
        places[index] = at + padding
        at += padding + _SIZES[code]
    form += "x" * (-at % 4)
    packer = struct.Struct(form)
    slots = max((slot + 1 for slot, _ in key), default=0)
    entries = [0] * slots
    for (slot, _), place in zip(key, places, strict=True):
        entries[slot] = place
    vtable = struct.pack(f"<{slots + 2}H", 4 + 2 * slots, packer.size, *entries)
    refs = tuple((i, places[i] if key[i][1] == REF else 0) for i in order)
    return _Layout(packer, packer.size, refs, tuple(places), vtable + bytes(-len(vtable) % 4), align)
