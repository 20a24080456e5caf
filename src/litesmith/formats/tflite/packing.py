"""How the elements of a constant lie in a buffer: plain, packed (int4, uint4, int2) or as the string format."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from litesmith._util.mapping import release_pages
from litesmith.errors import FormatError
from litesmith.ir.constant import Array
from litesmith.ir.dtypes import DType

Buffer: TypeAlias = "bytes | bytearray | memoryview"

CHUNK = 1 << 22
"""Bytes written, read or compared at a time."""


def stored_size(dtype: DType, count: int) -> int:
    """Bytes that this many elements of a type of fixed width take in the file."""
    return -(-count * dtype.bits // 8)


def blocks(array: Array) -> Iterator[Array]:
    """The elements of an array in order, as flat contiguous arrays of about `CHUNK` bytes at most.

    Each is valid until the next one is asked for.
    """
    step = max(1, CHUNK // max(1, array.itemsize))
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        yield from (flat[i : i + step] for i in range(0, flat.size, step))
    elif array.size <= step:
        yield np.ascontiguousarray(array).reshape(-1)
    elif (matrix := _as_columns(array)) is not None:
        for panel in _transposed_chunks(matrix):
            yield from blocks(panel)
    else:
        rows = max(1, step * len(array) // array.size)
        for i in range(0, len(array), rows):
            part = array[i : i + rows]
            yield from blocks(part[0] if rows == 1 else np.ascontiguousarray(part))


PANEL = 1 << 27
"""Bytes of a transposed matrix put in order at a time."""

STRIP = 16
"""Columns of it moved at a time: what they touch stays in the processor's cache."""

RELEASE = 512
"""Columns after which the pages they lie in are handed back; the system maps more than what is touched."""


def _as_columns(array: Array) -> Array | None:
    """A view of a transposed array as a matrix whose columns are contiguous; None where it is no such array."""
    if array.ndim < 2 or array.strides[0] != array.itemsize:
        return None
    matrix = array.view()
    try:
        matrix.shape = (len(array), array.size // len(array))
    except AttributeError:  # the other axes are not in order
        return None
    return matrix


def _transposed_chunks(matrix: Array) -> Iterator[Array]:
    """A matrix with contiguous columns, some rows at a time in contiguous order; each overwrites the one before."""
    rows = max(1, min(len(matrix), PANEL // (matrix.shape[1] * matrix.itemsize)))
    buffer = np.empty((rows, matrix.shape[1]), matrix.dtype)
    for i in range(0, len(matrix), rows):
        part = matrix[i : i + rows]
        panel = buffer[: len(part)]
        for j in range(0, part.shape[1], STRIP):
            panel[:, j : j + STRIP] = np.ascontiguousarray(part[:, j : j + STRIP])
            if j % RELEASE == 0:
                release_pages(matrix)
        yield panel


def stored_chunks(dtype: DType, array: Array) -> Iterator[Buffer]:
    """The bytes of an array as they lie in the file, chunk by chunk."""
    if dtype is DType.STRING:
        yield pack_strings(array)
    elif dtype.bits < 8:
        for block in blocks(np.ascontiguousarray(array)):
            yield pack_bits(block, dtype.bits).data
    else:
        for block in blocks(array):
            yield block.view(np.uint8).data


def pack_bits(elements: Array, bits: int) -> Array:
    """Packs narrow integers, the first into the lowest bits of a byte, the last byte padded with zeros."""
    per_byte = 8 // bits
    octets = elements.astype(np.int8).view(np.uint8) & (2**bits - 1)
    if octets.size % per_byte:
        octets = np.concatenate([octets, np.zeros(-octets.size % per_byte, np.uint8)])
    packed: Array = octets[::per_byte].copy()
    for place in range(1, per_byte):
        packed |= octets[place::per_byte] << (bits * place)
    return packed


def unpack_bits(packed: Array, dtype: DType, count: int) -> Array:
    """The first ``count`` narrow integers of packed bytes, as an array of ``dtype.numpy``."""
    bits = dtype.bits
    octets = np.empty((packed.size, 8 // bits), np.uint8)
    for place in range(8 // bits):
        octets[:, place] = (packed >> (bits * place)) & (2**bits - 1)
    values = octets.reshape(-1)[:count].view(np.int8)
    if dtype.name.startswith("INT"):
        sign = np.int8(1 << (bits - 1))
        values = (values ^ sign) - sign
    return values.astype(dtype.numpy)


def pack_strings(array: Array) -> bytes:
    """The string format: int32 count, the int32 offset of each string and of the end, the strings' bytes."""
    texts = [_octets(e) for e in array.ravel()]
    starts = np.cumsum([4 * (len(texts) + 2), *map(len, texts)], dtype=np.int64)
    if starts[-1] > np.iinfo(np.int32).max:
        raise ValueError(f"a string tensor of {starts[-1]} bytes is more than the format's 2 GB")
    return struct.pack("<i", len(texts)) + starts.astype("<i4").tobytes() + b"".join(texts)


def _octets(element: str | bytes) -> bytes:
    return element.encode("utf-8", "surrogateescape") if isinstance(element, str) else bytes(element)


def unpack_strings(data: Buffer, shape: Sequence[int]) -> Array:
    """A string tensor of this shape, elements as bytes. Raises FormatError where the bytes are not one."""
    count = int(np.prod(shape, dtype=np.int64))
    if len(data) < 4 or struct.unpack_from("<i", data)[0] != count or len(data) < 4 * (count + 2):
        raise FormatError(f"a constant of {count} strings is malformed")
    starts = np.frombuffer(data, "<i4", count + 1, 4).tolist()
    if any(a > b for a, b in pairwise(starts)) or starts[0] < 0 or starts[-1] > len(data):
        raise FormatError("a string constant has offsets out of range")
    array = np.empty(count, object)
    array[:] = [bytes(data[a:b]) for a, b in pairwise(starts)]
    return array.reshape(shape)


def sample(array: Array, count: int = 64) -> bytes:
    """The bytes of elements spread evenly over an array; arrays with different samples differ."""
    if array.dtype == object:
        return pack_strings(array)
    if array.size <= count:
        return array.tobytes()
    places = np.arange(count) * (array.size - 1) // (count - 1)
    picked: Array = array[np.unravel_index(places, array.shape)] if array.ndim else array
    return picked.tobytes()


def same_bytes(left: Iterable[Buffer], right: Iterable[Buffer]) -> bool:
    """Whether two streams hold the same bytes, however they are cut."""
    lefts, rights = iter(left), iter(right)
    a = b = memoryview(b"")
    while True:
        a = a or memoryview(next(lefts, b"")).cast("B")
        b = b or memoryview(next(rights, b"")).cast("B")
        size = min(len(a), len(b))
        if size == 0:
            return len(a) == len(b)
        if not np.array_equal(np.frombuffer(a[:size], np.uint8), np.frombuffer(b[:size], np.uint8)):
            return False
        a, b = a[size:], b[size:]
