"""Reads FlatBuffers that may be damaged or hostile: every access is checked, the work bounded by the file's size."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sized
from typing import Any

import numpy as np

from litesmith.errors import FormatError
from litesmith.ir.constant import Array

_CODES = {c: struct.Struct("<" + c) for c in "?bBhHiIqQf"}

_TABLE_COST = 16
_WORK_PER_BYTE = 8


class FlatBuffer:
    """The bytes of a FlatBuffer, as a uint8 array (which may be mapped).

    Tables and vectors may be shared, so a small file can describe any number of them. What is read is counted
    against a budget proportional to the file.
    """

    def __init__(self, data: Array) -> None:
        self.data = data
        self.view: memoryview = data.data
        self.size = len(data)
        self._budget = _WORK_PER_BYTE * self.size + 4096

    def charge(self, cost: int) -> None:
        """Counts work. Raises FormatError when it is out of proportion to the file."""
        self._budget -= cost
        if self._budget < 0:
            raise FormatError("the file describes far more than it holds; it is damaged or hostile")

    def scalar(self, code: str, at: int) -> Any:
        """The scalar at a place."""
        packer = _CODES[code]
        if not 0 <= at <= self.size - packer.size:
            raise FormatError(f"reference to byte {at} of a file of {self.size} bytes")
        return packer.unpack_from(self.view, at)[0]

    def follow(self, at: int) -> int:
        """Where the reference at a place points to."""
        return int(at + self.scalar("I", at))

    def vector(self, at: int, itemsize: int) -> tuple[int, int]:
        """Where the elements of the vector at a place begin, and how many there are."""
        count = self.scalar("I", at)
        if at + 4 + count * itemsize > self.size:
            raise FormatError(f"a vector of {count} elements at byte {at} ends beyond the file of {self.size} bytes")
        return at + 4, count

    def root(self, identifier: bytes) -> Table:
        """The root table. Raises FormatError where the file has another identifier."""
        if self.size < 8 or bytes(self.view[4:8]) != identifier:
            raise FormatError(f"not a {identifier.decode()} FlatBuffer", fix="give the path of a .tflite file")
        return Table(self, self.follow(0), "Model")


class Table:
    """A table: fields are found by their slot, the position in the schema's declaration."""

    __slots__ = ("_at", "_entries", "buffer", "name")

    def __init__(self, buffer: FlatBuffer, at: int, name: str) -> None:
        buffer.charge(_TABLE_COST)
        self.buffer = buffer
        self.name = name
        self._at = at
        vtable = at - buffer.scalar("i", at)
        length = buffer.scalar("H", vtable)
        extent = buffer.scalar("H", vtable + 2)
        if length < 4 or length % 2 or vtable + length > buffer.size or at + extent > buffer.size:
            raise FormatError(f"the {name} table at byte {at} is malformed")
        buffer.charge(length)
        entries = struct.unpack_from(f"<{length // 2 - 2}H", buffer.view, vtable + 4)
        self._entries = tuple(e if e < extent else 0 for e in entries)
        if max(entries, default=0) >= max(extent, 4):
            raise FormatError(f"the {name} table at byte {at} has a field outside of itself")

    @property
    def at(self) -> int:
        """Where the table lies."""
        return self._at

    @property
    def slots(self) -> Iterator[int]:
        """The slots of the fields that are there."""
        return (slot for slot, entry in enumerate(self._entries) if entry)

    def require_known(self, known: Sized) -> None:
        """Raises FormatError when there is a field beyond those known: dropping it could change the model."""
        unknown = [slot for slot in self.slots if slot >= len(known)]
        if unknown:
            raise FormatError(
                f"the {self.name} table has a field of a newer schema (number {unknown[0]})", fix="upgrade litesmith"
            )

    def place(self, slot: int) -> int | None:
        """Where a field lies, None when it is absent."""
        entry = self._entries[slot] if slot < len(self._entries) else 0
        return self._at + entry if entry else None

    def scalar(self, slot: int, code: str, default: Any = 0) -> Any:
        """The value of a scalar field."""
        at = self.place(slot)
        return default if at is None else self.buffer.scalar(code, at)

    def table(self, slot: int, name: str) -> Table | None:
        """The table a field refers to, None when it is absent."""
        at = self.place(slot)
        return None if at is None else Table(self.buffer, self.buffer.follow(at), name)

    def tables(self, slot: int, name: str) -> list[Table]:
        """A vector of tables; empty when it is absent."""
        start, count = self._vector(slot, 4)
        self.buffer.charge(4 * count)
        return [Table(self.buffer, self.buffer.follow(start + 4 * i), name) for i in range(count)]

    def array(self, slot: int, dtype: str | np.dtype[np.generic]) -> Array:
        """A vector of scalars, as a view of the file; empty when it is absent."""
        kind = np.dtype(dtype)
        start, count = self._vector(slot, kind.itemsize)
        self.buffer.charge(count * kind.itemsize)
        return self.buffer.data[start : start + count * kind.itemsize].view(kind)

    def span(self, slot: int) -> tuple[int, int]:
        """First byte and number of bytes of a vector of bytes, not read; (0, 0) when it is absent."""
        return self._vector(slot, 1)

    def octets(self, slot: int) -> bytes:
        """A vector of bytes; empty when it is absent."""
        return self.array(slot, "u1").tobytes()

    def text(self, slot: int) -> str:
        """A string; empty when it is absent. Bytes that are no UTF-8 survive being written again."""
        return self.octets(slot).decode("utf-8", "surrogateescape")

    def texts(self, slot: int) -> list[str]:
        """A vector of strings; empty when it is absent. Bytes that are no UTF-8 survive being written again."""
        start, count = self._vector(slot, 4)
        self.buffer.charge(4 * count)
        return [self._text_at(self.buffer.follow(start + 4 * i)) for i in range(count)]

    def _text_at(self, at: int) -> str:
        start, count = self.buffer.vector(at, 1)
        self.buffer.charge(count)
        return self.buffer.data[start : start + count].tobytes().decode("utf-8", "surrogateescape")

    def _vector(self, slot: int, itemsize: int) -> tuple[int, int]:
        at = self.place(slot)
        return (0, 0) if at is None else self.buffer.vector(self.buffer.follow(at), itemsize)
