"""The oldest metadata parser that understands what a piece of metadata uses."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.formats.metadata.fields import slot_fields
from litesmith.formats.metadata.schema import (
    AssociatedFile,
    AssociatedFileType,
    AudioProperties,
    BertTokenizerOptions,
    ModelMetadata,
    RegexTokenizerOptions,
    SentencePieceTokenizerOptions,
    SubGraphMetadata,
    Table,
)

SCHEMA_VERSION = "1.5.0"
"""Version of the schema this package knows."""

Version = tuple[int, int, int]

_FIRST: Version = (1, 0, 0)
_TABLES: dict[type[Table], Version] = {
    BertTokenizerOptions: (1, 1, 0),
    SentencePieceTokenizerOptions: (1, 1, 0),
    RegexTokenizerOptions: (1, 2, 1),
    AudioProperties: (1, 3, 0),
}
_FILE_TYPES: dict[AssociatedFileType, Version] = {
    AssociatedFileType.VOCABULARY: (1, 0, 1),
    AssociatedFileType.SCANN_INDEX_FILE: (1, 4, 0),
}
_SUBGRAPH_FIELDS: dict[str, Version] = {
    "input_process_units": (1, 1, 0),
    "output_process_units": (1, 1, 0),
    "input_tensor_groups": (1, 2, 0),
    "output_tensor_groups": (1, 2, 0),
    "custom_metadata": (1, 5, 0),
}
_FILE_VERSION: Version = (1, 4, 1)


def min_parser_version(metadata: ModelMetadata) -> str:
    """The version that ``ModelMetadata.min_parser_version`` has to say, such as ``1.2.1``.

    Source: the table of versions in ``metadata_schema.fbs``. Files of tokenizers do not count, as in the stock tool.
    """
    return ".".join(map(str, max(_versions(metadata))))


def parse_version(text: str) -> Version | None:
    """A version as numbers, None where the text is no version."""
    parts = text.split(".")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) < 10 for p in parts):
        return None
    return int(parts[0]), int(parts[1]), int(parts[2])


def is_known_version(text: str) -> bool:
    """Whether a text is a version of the schema that this package knows."""
    version, known = parse_version(text), parse_version(SCHEMA_VERSION)
    assert known is not None
    return version is not None and version <= known


def _versions(table: Table) -> Iterator[Version]:
    yield _TABLES.get(type(table), _FIRST)
    if isinstance(table, AssociatedFile):
        yield _FILE_TYPES.get(table.type, _FIRST)
        yield _FILE_VERSION if table.version else _FIRST
    if isinstance(table, SubGraphMetadata):
        yield from (version for name, version in _SUBGRAPH_FIELDS.items() if getattr(table, name))
    if not isinstance(table, (BertTokenizerOptions, SentencePieceTokenizerOptions, RegexTokenizerOptions)):
        for child in tables_in(table):
            yield from _versions(child)


def tables_in(table: Table) -> Iterator[Table]:
    """The tables a table refers to."""
    for field in slot_fields(type(table)):
        value = getattr(table, field.name)
        if field.kind == "tables":
            yield from value
        elif field.kind in ("table", "union") and value is not None:
            yield value
