"""The options of custom operators: a FlexBuffer map, as TensorFlow Lite's own custom kernels read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from flatbuffers import flexbuffers

Plain: TypeAlias = "bool | int | float | str | bytes | list[int] | list[float] | list[str]"


def write_map(entries: Mapping[str, Plain]) -> bytes:
    """A map of numbers, truth values, text, bytes, and lists of one kind of them (numbers as typed vectors)."""
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in sorted(entries.items()):
            builder.Key(key)
            _add(builder, value)
    return bytes(builder.Finish())


def write_pair(name: str, content: bytes) -> bytes:
    """A vector of two strings, the second of any bytes, as the Flex delegate reads its options."""
    builder = flexbuffers.Builder()
    with builder.Vector():
        builder.String(name)
        builder._WriteBlob(content, append_zero=True, type_=flexbuffers.Type.STRING)
    return bytes(builder.Finish())


def _add(builder: Any, value: Plain) -> None:
    if isinstance(value, list):
        is_text = any(isinstance(v, str) for v in value)
        (builder.VectorFromElements if is_text else builder.TypedVectorFromElements)(value)
        return
    kinds = ((bool, builder.Bool), (int, builder.Int), (float, builder.Float), (str, builder.String))
    next((write for kind, write in kinds if isinstance(value, kind)), builder.Blob)(value)


def read_map(data: bytes) -> dict[str, object]:
    """The map's entries. Raises ValueError for what is no FlexBuffer map."""
    try:
        found = flexbuffers.Loads(data)
    except (ValueError, IndexError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"not a FlexBuffer ({error})") from error
    if not isinstance(found, dict):
        raise ValueError("not a FlexBuffer map")
    return found
