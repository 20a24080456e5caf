"""TFLite Metadata (schema 1.5.0): what a model says of itself, and the files that travel behind it."""

from litesmith.formats.metadata.codec import TFLITE_METADATA, decode, encode
from litesmith.formats.metadata.defaults import default_metadata
from litesmith.formats.metadata.described import Described, read_described
from litesmith.formats.metadata.documents import SCHEMA, from_document, json_schema, to_document

__all__ = [
    "SCHEMA",
    "TFLITE_METADATA",
    "Described",
    "decode",
    "default_metadata",
    "encode",
    "from_document",
    "json_schema",
    "read_described",
    "to_document",
]
