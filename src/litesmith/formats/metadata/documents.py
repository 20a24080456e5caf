"""Metadata as plain data for JSON and YAML, and back; and the JSON Schema of that form.

The form is that of the schema's own tools: fields by their names in the schema, enums by name, a union as two keys,
``options_type`` and ``options``. Absent fields have their default. Bytes of custom metadata that are a table we know
are given as that table.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from litesmith.errors import UsageError
from litesmith.formats.metadata.fields import SlotField, slot_fields
from litesmith.formats.metadata.mediapipe import CUSTOM, custom_metadata, custom_options
from litesmith.formats.metadata.schema import CustomMetadata, ModelMetadata, Table

SCHEMA = Path(__file__).with_name("metadata.schema.json")
"""The JSON Schema of documents, as `json_schema` gives it, for editors."""


def to_document(table: Table) -> dict[str, object]:
    """A table as dictionaries, lists, texts and numbers; bytes as base64. Fields at their default are left out."""
    document: dict[str, object] = {}
    for field in slot_fields(type(table)):
        value = getattr(table, field.name)
        if value is None or value == field.default:
            continue
        if field.kind == "union":
            document[f"{field.key}_type"] = type(value).__name__
        document[field.key] = _plain(value)
    if isinstance(table, CustomMetadata) and (options := custom_options(table)) is not None:
        document["data"] = to_document(options)
    return document


def _plain(value: object) -> object:
    if isinstance(value, Table):
        return to_document(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return getattr(value, "name", value)


def from_document(document: object, kind: type[Table] = ModelMetadata) -> Any:
    """The table that a document describes. Raises UsageError with every mistake in it, each with its place."""
    mistakes: list[str] = []
    if isinstance(document, Mapping):
        document = {key: value for key, value in document.items() if key != "$schema"}  # by which editors find theirs
    table = _read_table(document, kind, "", mistakes)
    if mistakes:
        raise UsageError("the metadata cannot be read:\n" + "\n".join(f"  {m}" for m in mistakes))
    return table


def _read_table(document: object, kind: type[Any], path: str, mistakes: list[str]) -> Any:
    if not isinstance(document, Mapping):
        mistakes.append(f"{path or 'the document'}: expected a mapping, got {_sort(document)}")
        return kind()
    fields = slot_fields(kind)
    known = [key for f in fields for key in ([f"{f.key}_type", f.key] if f.kind == "union" else [f.key])]
    mistakes += [
        f"{_join(path, key)}: is not a field of {kind.__name__}{_nearest(str(key), known)}"
        for key in document
        if key not in known
    ]
    values = {}
    for field in fields:
        if document.get(field.key) is not None or field.kind == "union":
            values[field.name] = _read_field(document, field, path, mistakes)
    return kind(**values)


def _read_field(document: Mapping[str, object], field: SlotField, path: str, mistakes: list[str]) -> object:
    value, place = document.get(field.key), _join(path, field.key)
    if field.kind == "octets" and isinstance(value, Mapping):
        return _read_custom(document.get("name"), value, place, mistakes)
    if field.kind == "union":
        return _read_union(document, field, path, mistakes)
    if field.kind == "table":
        return _read_table(value, field.members[0], place, mistakes)
    if field.kind in ("tables", "texts", "scalars"):
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            mistakes.append(f"{place}: expected a list, got {_sort(value)}")
            return ()
        return tuple(_read_item(item, field, f"{place}[{i}]", mistakes) for i, item in enumerate(value))
    return _read_item(value, field, place, mistakes)


def _read_item(value: object, field: SlotField, place: str, mistakes: list[str]) -> object:
    if field.kind == "tables":
        return _read_table(value, field.members[0], place, mistakes)
    if field.kind in ("text", "texts"):
        return _expect(isinstance(value, str), value, "a text", place, mistakes, "")
    if field.kind == "enum":
        names = list(field.members[0].__members__)
        if value in names:
            return field.members[0][value]
        mistakes.append(f"{place}: {value!r} is none of {', '.join(names)}{_nearest(str(value), names)}")
        return field.default
    if field.kind == "octets":
        return _read_octets(value, place, mistakes)
    if field.code == "?":
        return _expect(isinstance(value, bool), value, "true or false", place, mistakes, False)
    whole = field.code != "f"
    fits = not isinstance(value, bool) and isinstance(value, int if whole else (int, float))
    if isinstance(value, int) and whole:
        fits = fits and (0 <= value < 2**32 if field.code == "I" else -(2**31) <= value < 2**31)
    return _expect(fits, value, "a whole number of 32 bits" if whole else "a number", place, mistakes, 0)


def _read_octets(value: object, place: str, mistakes: list[str]) -> bytes:
    try:
        return base64.b64decode(cast(str, value), validate=True)
    except (TypeError, ValueError, binascii.Error):
        mistakes.append(f"{place}: expected bytes as base64, got {_sort(value)}")
        return b""


def _read_custom(name: object, value: Mapping[str, object], place: str, mistakes: list[str]) -> bytes:
    if name not in CUSTOM:
        mistakes.append(f"{place}: expected bytes as base64; only {' and '.join(CUSTOM)} are known as tables")
        return b""
    return custom_metadata(_read_table(value, CUSTOM[name], place, mistakes)).data


def _read_union(document: Mapping[str, object], field: SlotField, path: str, mistakes: list[str]) -> object:
    name, value = document.get(f"{field.key}_type"), document.get(field.key)
    place = _join(path, field.key)
    if name is None:
        if value is not None:
            mistakes.append(f"{place}: says nothing without {field.key}_type")
        return None
    names = [m.__name__ for m in field.members]
    if name not in names:
        mistakes.append(f"{place}_type: {name!r} is none of {', '.join(names)}{_nearest(str(name), names)}")
        return None
    return _read_table(value or {}, field.members[names.index(name)], place, mistakes)


def _expect(fits: bool, value: object, what: str, place: str, mistakes: list[str], instead: Any) -> Any:
    if fits:
        return value
    mistakes.append(f"{place}: expected {what}, got {_sort(value)}")
    return instead


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _sort(value: object) -> str:
    return f"{value!r:.60}" if isinstance(value, (int, float, str)) else type(value).__name__


def _nearest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, 1, 0.5)
    return f"; did you mean {close[0]}?" if close else ""


def json_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of the documents that `from_document` reads."""
    tables: dict[str, object] = {}
    _describe(ModelMetadata, tables)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "TFLite model metadata",
        "$ref": "#/$defs/ModelMetadata",
        "$defs": dict(sorted(tables.items())),
    }


def _describe(kind: type[Table], tables: dict[str, object]) -> dict[str, object]:
    if kind.__name__ not in tables:
        tables[kind.__name__] = {}
        properties: dict[str, object] = {}
        if kind is ModelMetadata:
            properties["$schema"] = {"type": "string"}
        for field in slot_fields(kind):
            if field.kind == "union":
                properties[f"{field.key}_type"] = {"enum": [m.__name__ for m in field.members]}
                properties[field.key] = {"anyOf": [_describe(m, tables) for m in field.members]}
            else:
                properties[field.key] = _describe_field(field, tables)
        tables[kind.__name__] = {
            "type": "object",
            "description": " ".join((kind.__doc__ or "").split()),
            "properties": properties,
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _describe_field(field: SlotField, tables: dict[str, object]) -> dict[str, object]:
    if field.kind == "enum":
        return {"enum": list(field.members[0].__members__)}
    if field.kind == "octets":
        octets = {"type": "string", "contentEncoding": "base64"}
        return {"anyOf": [octets, *(_describe(kind, tables) for kind in CUSTOM.values())]}
    if field.code == "?":
        return {"type": "boolean"}
    item: dict[str, object]
    if field.kind in ("table", "tables"):
        item = _describe(field.members[0], tables)
    elif field.kind in ("text", "texts"):
        item = {"type": "string"}
    else:
        item = {"type": "number" if field.code == "f" else "integer", **({"minimum": 0} if field.code == "I" else {})}
    return {"type": "array", "items": item} if field.kind in ("tables", "texts", "scalars") else item
