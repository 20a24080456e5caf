"""Metadata as a FlatBuffer and back, by the field lists of the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from litesmith.errors import FormatError, UsageError
from litesmith.formats.metadata.fields import SlotField, slot_fields
from litesmith.formats.metadata.schema import ModelMetadata, Table
from litesmith.formats.tflite import decoder
from litesmith.formats.tflite.encoder import REF, Encoder, Field

TFLITE_METADATA = "TFLITE_METADATA"
"""Name of the model's metadata entry."""

IDENTIFIER = b"M001"
_CUSTOM_ALIGN = 16
_DEEPEST = 8
"""Tables of the schema are nested no deeper than this."""

def encode(metadata: Table, identifier: bytes = IDENTIFIER) -> bytes:
    """A table of the schema as a FlatBuffer of its own; equal metadata, equal bytes.

    Raises UsageError for a number that its field cannot hold.
    """
    encoder = Encoder()
    return bytes(encoder.finish(_encode_table(encoder, metadata), identifier))


def decode(data: bytes, kind: type[Any] = ModelMetadata, identifier: bytes = IDENTIFIER) -> Any:
    """The table of the schema that a FlatBuffer holds. Fields of a newer schema are left out (`unknown_fields`).

    Raises FormatError for bytes that are damaged.
    """
    return _decode_table(_root(data, identifier), kind, 0)


def unknown_fields(data: bytes, kind: type[Table] = ModelMetadata, identifier: bytes = IDENTIFIER) -> list[str]:
    """Fields, enum values and union members that the schema does not know, as paths: what decoding leaves out."""
    return list(_unknown(_root(data, identifier), kind, kind.__name__, 0))


def _root(data: bytes, identifier: bytes) -> decoder.Table:
    return decoder.FlatBuffer(np.frombuffer(data, np.uint8)).root(identifier)


# --- writing ---------------------------------------------------------------------------------------------------------


def _encode_table(encoder: Encoder, table: Table) -> int:
    return encoder.table([stored for f in slot_fields(type(table)) for stored in _encode_field(encoder, table, f)])


def _encode_field(encoder: Encoder, table: Table, field: SlotField) -> Iterator[Field]:
    value = getattr(table, field.name)
    if value is None or value == field.default:
        return
    if field.kind == "enum":
        yield field.slot, "b", int(value)
    elif field.kind == "scalar":
        yield field.slot, field.code, _check_numbers(table, field, [value])[0].item()
    elif field.kind == "union":
        yield field.slot, "B", field.members.index(type(value)) + 1
        yield field.slot + 1, REF, _encode_table(encoder, value)
    else:
        yield field.slot, REF, _encode_object(encoder, table, field, value)


def _encode_object(encoder: Encoder, table: Table, field: SlotField, value: Any) -> int:
    if field.kind == "text":
        return encoder.string(value)
    if field.kind == "octets":
        return encoder.octets(value, _CUSTOM_ALIGN)
    if field.kind == "texts":
        return encoder.references([encoder.string(text) for text in value])
    if field.kind == "scalars":
        return encoder.scalars(_check_numbers(table, field, value), _dtype(field))
    if field.kind == "tables":
        return encoder.references([_encode_table(encoder, item) for item in value])
    return _encode_table(encoder, value)


def _dtype(field: SlotField) -> str:
    return {"I": "<u4", "i": "<i4", "f": "<f4", "?": "|b1"}[field.code]


def _check_numbers(table: Table, field: SlotField, values: Any) -> np.ndarray[Any, Any]:
    """The numbers as the field stores them."""
    try:
        given = np.array(values)
        with np.errstate(over="ignore"):
            stored = given.astype(_dtype(field))
        fits = field.code == "f" or np.array_equal(stored.astype(object), given.astype(object))
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise UsageError(f"{type(table).__name__}.{field.key} cannot hold {values!r}")
    return stored


# --- reading ---------------------------------------------------------------------------------------------------------


def _decode_table(table: decoder.Table, kind: type[Any], depth: int) -> Any:
    if depth > _DEEPEST:
        raise FormatError("the metadata's tables are nested too deeply")
    return kind(**{f.name: _decode_field(table, f, depth) for f in slot_fields(kind)})


def _decode_field(table: decoder.Table, field: SlotField, depth: int) -> Any:
    slot, kind = field.slot, field.members[0]
    if field.kind == "text":
        return table.text(slot)
    if field.kind == "octets":
        return table.octets(slot)
    if field.kind == "enum":
        number = table.scalar(slot, "b")
        return kind(number) if number in kind._value2member_map_ else field.default
    if field.kind == "scalar":
        return table.scalar(slot, field.code, field.default)
    if field.kind == "scalars":
        return tuple(table.array(slot, _dtype(field)).tolist())
    if field.kind == "texts":
        return tuple(table.texts(slot))
    if field.kind == "tables":
        return tuple(_decode_table(item, kind, depth + 1) for item in table.tables(slot, kind.__name__))
    return _decode_reference(table, field, depth)


def _decode_reference(table: decoder.Table, field: SlotField, depth: int) -> Any:
    kind, slot = field.members[0], field.slot
    if field.kind == "union":
        number = table.scalar(slot, "B")
        if not 1 <= number <= len(field.members):
            return None
        kind, slot = field.members[number - 1], slot + 1
    found = table.table(slot, kind.__name__)
    return None if found is None else _decode_table(found, kind, depth + 1)


def _unknown(table: decoder.Table, kind: type[Any], path: str, depth: int) -> Iterator[str]:
    declared = slot_fields(kind)
    known = {f.slot for f in declared} | {f.slot + 1 for f in declared if f.kind == "union"}
    yield from (f"{path}.{slot}" for slot in table.slots if slot not in known)
    for field in declared if depth <= _DEEPEST else ():
        place = f"{path}.{field.key}"
        if field.kind == "enum" and table.scalar(field.slot, "b") not in field.members[0]._value2member_map_:
            yield place
        if field.kind == "tables":
            for index, item in enumerate(table.tables(field.slot, field.key)):
                yield from _unknown(item, field.members[0], f"{place}[{index}]", depth + 1)
        if field.kind in ("table", "union"):
            yield from _unknown_reference(table, field, place, depth)


def _unknown_reference(table: decoder.Table, field: SlotField, place: str, depth: int) -> Iterator[str]:
    kind, slot = field.members[0], field.slot
    if field.kind == "union":
        number = table.scalar(slot, "B")
        if number > len(field.members):
            yield place
        if not 1 <= number <= len(field.members):
            return
        kind, slot = field.members[number - 1], slot + 1
    found = table.table(slot, field.key)
    if found is not None:
        yield from _unknown(found, kind, place, depth + 1)
