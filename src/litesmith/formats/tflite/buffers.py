"""The constants of a file: which share a buffer, and how they are streamed behind the tables.

A buffer is one constant's bytes. Constants that hold the same bytes share one: candidates have the same size, then the
same sample of elements, then all bytes compared, so that weights are read once and nothing is hashed. What is not known
before it is computed (lazy constants) is compared while streaming, with the bytes already in the file.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from litesmith._util.mapping import release_pages
from litesmith.formats.tflite.packing import CHUNK, pack_strings, same_bytes, sample, stored_chunks, stored_size
from litesmith.formats.tflite.sparsity import Sparsity
from litesmith.ir import Constant, DType
from litesmith.ir.constant import Array

ALIGNMENT = 16


@dataclass(frozen=True)
class Place:
    """Where in the file a buffer's bytes begin, and how many there are."""

    start: int
    size: int


class BufferPool:
    """The distinct constants of a program, in order of first use; buffer 0 is the empty one by convention."""

    def __init__(self, constants: Iterable[Constant]) -> None:
        sizes = {id(c): (c, nbytes(c)) for c in constants}
        unique = [c for c, size in sizes.values() if size]
        self._sizes = {key: size for key, (_, size) in sizes.items()}
        self._index: dict[int, int] = {}
        self.constants: list[Constant] = []
        self._alike = Counter(_kind(c, self._sizes[id(c)]) for c in unique)
        seen: dict[tuple[object, ...], list[Constant]] = {}
        for constant in unique:
            twin = self._twin(constant, seen)
            if twin is None:
                self.constants.append(constant)
            self._index[id(constant)] = self._index[id(twin)] if twin is not None else len(self.constants)

    def _twin(self, constant: Constant, seen: dict[tuple[object, ...], list[Constant]]) -> Constant | None:
        """An earlier constant with the same bytes, both known without computing anything."""
        kind = _kind(constant, self._sizes[id(constant)])
        if self._alike[kind] < 2 or constant.is_lazy:
            return None
        earlier = seen.setdefault((*kind, _sample(constant)), [])
        twin = next((c for c in earlier if same_bytes(chunks(constant), chunks(c))), None)
        if twin is None:
            earlier.append(constant)
        return twin

    def __getitem__(self, constant: Constant) -> int:
        """The number of the buffer that holds this constant; the one after the last for constants without bytes."""
        return self._index.get(id(constant), len(self.constants) + 1)

    @property
    def has_empty(self) -> bool:
        """Whether there are constants without bytes, which share a buffer that is there but empty."""
        return 0 in self._sizes.values()

    @property
    def total(self) -> int:
        """Bytes all buffers take at most, lengths and padding included."""
        return sum(self._sizes[id(c)] + 2 * ALIGNMENT for c in self.constants)

    def stream(self, out: BinaryIO, position: int, external: bool) -> Iterator[Place]:
        """Writes every buffer at its place from ``position`` (the end of the file) on and says where it went.

        One constant is materialized at a time. ``external`` buffers are bare bytes; others are FlatBuffer vectors,
        that is, preceded by their length.
        """
        written: dict[tuple[object, ...], list[Place]] = {}
        some_lazy = {_kind(c, self._sizes[id(c)]) for c in self.constants if c.is_lazy}
        pending = 0
        for constant in self.constants:
            array = constant.array()
            size = self._sizes[id(constant)]
            kind = _kind(constant, size)
            earlier: list[Place] = []
            if kind in some_lazy and self._alike[kind] > 1:
                earlier = written.setdefault((*kind, sample(array)), [])
            place = next((p for p in earlier if same_bytes(_file_chunks(out, p), _array_chunks(constant, array))), None)
            if place is None:
                out.seek(position)
                lead = 0 if external else 4
                start = position + lead + -(position + lead) % ALIGNMENT
                out.write(bytes(start - lead - position) + (b"" if external else struct.pack("<I", size)))
                position = start + _write(out, constant, array, size)
                place = Place(start, size)
                earlier.append(place)
            yield place
            pending += size
            if pending > CHUNK:
                release_pages(array)
                pending = 0
            del array
        out.seek(position)


def nbytes(constant: Constant) -> int:
    """Bytes a constant takes in the file. Raises ValueError for types that cannot be stored."""
    if isinstance(constant.sparsity, Sparsity):
        return constant.sparsity.stored_bytes
    if constant.dtype is DType.STRING:
        return len(pack_strings(constant.array()))
    if constant.dtype.bits == 0:
        raise ValueError(f"a constant cannot be of type {constant.dtype}")
    return stored_size(constant.dtype, constant.size)


def chunks(constant: Constant) -> Iterator[bytes | bytearray | memoryview]:
    """The constant's bytes as they lie in the file."""
    return _array_chunks(constant, constant.array())


def _array_chunks(constant: Constant, array: Array) -> Iterator[bytes | bytearray | memoryview]:
    if isinstance(constant.sparsity, Sparsity):
        array = constant.sparsity.stored_elements(array)
    return stored_chunks(constant.dtype, array)


def _kind(constant: Constant, size: int) -> tuple[object, ...]:
    """Constants of different kinds never share a buffer. Sparse ones share none with dense ones."""
    return size, constant.dtype is DType.STRING, constant.dtype.bits, constant.sparsity is not None


def _sample(constant: Constant) -> bytes:
    array = constant.array()
    picked = sample(array)
    if array.nbytes > CHUNK:
        release_pages(array)  # one touch may map megabytes
    return picked


def _write(out: BinaryIO, constant: Constant, array: Array, size: int) -> int:
    """Writes a constant's bytes and returns their number."""
    count = pending = 0
    for chunk in _array_chunks(constant, array):
        out.write(chunk)
        count += len(chunk)
        pending += len(chunk)
        if pending >= 8 * CHUNK and array.flags.c_contiguous:
            release_pages(array)
            pending = 0
    if count != size:
        raise ValueError(f"{constant!r} gave {count} bytes, expected {size}")
    return count


def _file_chunks(file: BinaryIO, place: Place) -> Iterator[bytes]:
    """Bytes already in the file."""
    for start in range(place.start, place.start + place.size, CHUNK):
        file.seek(start)
        yield file.read(min(CHUNK, place.start + place.size - start))
