"""Puts metadata into a model file without reading the model: every other byte of it stays.

A FlatBuffer's references go forward, so a new root in front of the old file can point into it::

    before   root ─► tables, buffers, metadata
    after    new root, new list of buffers, new metadata ─► tables, buffers (where they were, further back)

Whatever operators the model has, also unknown ones, is none of this module's business.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from litesmith.errors import FormatError
from litesmith.formats.tflite import slots
from litesmith.formats.tflite.decoder import FlatBuffer, Table
from litesmith.formats.tflite.encoder import REF, Encoder, Field
from litesmith.formats.tflite.writer import FILE_IDENTIFIER, LARGEST_FLATBUFFER

_ALIGN = 16
_CHUNK = 1 << 24


def find_entry(data: NDArray[np.uint8], name: str) -> bytes | None:
    """The bytes of a metadata entry, None where the file has none of this name. Raises FormatError."""
    root = FlatBuffer(data).root(FILE_IDENTIFIER)
    number = _entries(root).get(name)
    return None if number is None else _content(root.tables(slots.Model.BUFFERS, "Buffer")[number], data)


def _entries(root: Table) -> dict[str, int]:
    """Buffer of each metadata entry, by name."""
    count = len(root.tables(slots.Model.BUFFERS, "Buffer"))
    tables = root.tables(slots.Model.METADATA, "Metadata")
    entries = {t.text(slots.Metadata.NAME): t.scalar(slots.Metadata.BUFFER, "I") for t in tables}
    if any(number >= count for number in entries.values()):
        raise FormatError("a metadata entry has no buffer")
    return entries


def _content(buffer: Table, data: NDArray[np.uint8]) -> bytes:
    offset, size = buffer.scalar(slots.Buffer.OFFSET, "Q"), buffer.scalar(slots.Buffer.SIZE, "Q")
    if offset <= 1:
        return buffer.octets(slots.Buffer.DATA)
    if offset + size > len(data):
        raise FormatError("a metadata entry lies beyond the end of the file")
    return data[offset : offset + size].tobytes()


def graft(data: NDArray[np.uint8], name: str, content: bytes | None) -> Iterator[bytes]:
    """The model ``data`` (without what follows it) with the metadata entry set, or removed for None, piece by piece.

    Raises FormatError for a file that is damaged or has fields of a newer schema.
    """
    buffer = FlatBuffer(data)
    root = buffer.root(FILE_IDENTIFIER)
    root.require_known(slots.Model)
    number = _entries(root).get(name)
    head = _head(root, name, number, content)
    if len(head) + _flatbuffer_size(root, len(data)) > LARGEST_FLATBUFFER:
        raise FormatError("the model leaves no room for metadata: a FlatBuffer ends at 2 GB")
    patches = dict(_moved_offsets(root, len(head)))
    if number is not None:
        patches |= _zero_patches(root, number)
    yield bytes(head)
    yield from _apply_patches(data, patches)


def _flatbuffer_size(root: Table, size: int) -> int:
    """Bytes of the FlatBuffer itself; weights may lie behind it."""
    outside: list[int] = [t.scalar(slots.Buffer.OFFSET, "Q") for t in root.tables(slots.Model.BUFFERS, "Buffer")]
    return min([size, *(offset for offset in outside if offset > 1)])


def _head(root: Table, name: str, number: int | None, content: bytes | None) -> bytearray:
    size = root.buffer.size
    behind = size + -size % _ALIGN
    encoder = Encoder(behind)

    def old(at: int) -> int:
        return behind - at

    buffers = [old(t.at) for t in root.tables(slots.Model.BUFFERS, "Buffer")]
    entries = [(old(t.at), t.text(slots.Metadata.NAME)) for t in root.tables(slots.Model.METADATA, "Metadata")]
    table = encoder.table([] if content is None else [(slots.Buffer.DATA, REF, encoder.octets(content, _ALIGN))])
    if number is None:
        buffers.append(table)
        number = len(buffers) - 1
    else:
        buffers[number] = table
    kept = [position for position, entry in entries if entry != name]
    if content is not None:
        named: list[Field] = [(slots.Metadata.NAME, REF, encoder.string(name)), (slots.Metadata.BUFFER, "I", number)]
        kept.append(encoder.table(named))
    fields: list[Field] = [(slots.Model.VERSION, "I", root.scalar(slots.Model.VERSION, "I"))]
    for slot in range(1, len(slots.Model)):
        at = root.place(slot)
        if slot == slots.Model.BUFFERS:
            fields.append((slot, REF, encoder.references(buffers)))
        elif slot == slots.Model.METADATA:
            fields.append((slot, REF, encoder.references(kept)))
        elif at is not None:
            fields.append((slot, REF, old(root.buffer.follow(at))))
    return encoder.finish(encoder.table(fields), FILE_IDENTIFIER)


def _moved_offsets(root: Table, by: int) -> Iterator[tuple[int, bytes]]:
    """What counts from the beginning of the file, moved: weights and custom options behind the FlatBuffer."""
    graphs = root.tables(slots.Model.SUBGRAPHS, "SubGraph")
    operators = (op for graph in graphs for op in graph.tables(slots.SubGraph.OPERATORS, "Operator"))
    buffers = iter(root.tables(slots.Model.BUFFERS, "Buffer"))
    places: tuple[tuple[int, Iterator[Table]], ...] = (
        (slots.Buffer.OFFSET, buffers),
        (slots.Operator.LARGE_CUSTOM_START, operators),
    )
    for slot, tables in places:
        for table in tables:
            at, offset = table.place(slot), table.scalar(slot, "Q")
            if at is not None and offset > 1:
                yield at, struct.pack("<Q", offset + by)


def _zero_patches(root: Table, number: int) -> dict[int, bytes]:
    """Zeros over the entry's old content, so that what was removed is gone; nothing where others share it."""
    tables = root.tables(slots.Model.BUFFERS, "Buffer")
    spans = [table.span(slots.Buffer.DATA) for table in tables]
    start, size = spans[number]
    shared = any(index != number and spans[index][0] == start for index in range(len(spans)))
    return {} if shared or not size else {start: bytes(size)}


def _apply_patches(data: NDArray[np.uint8], patches: dict[int, bytes]) -> Iterator[bytes]:
    done = 0
    for at, patch in sorted(patches.items()):
        yield from chunks(data[done:at])
        yield patch
        done = at + len(patch)
    yield from chunks(data[done:])


def chunks(data: NDArray[np.uint8]) -> Iterator[bytes]:
    """The bytes of an array, a bounded number at a time."""
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK].tobytes()
