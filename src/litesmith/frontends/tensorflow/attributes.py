"""Attribute values of TensorFlow nodes as Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from litesmith.errors import UnsupportedError
from litesmith.formats.saved_model.dtypes import dtype_of
from litesmith.formats.saved_model.tensor_proto import to_array
from litesmith.ir import DType

if TYPE_CHECKING:
    pass
from typing import TypeAlias, TypeVar

from litesmith.ir.constant import Array

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import AttrValue, NameAttrList, TensorShapeProto

_NAMELESS = {"qint8": "int8", "quint8": "uint8", "qint16": "int16", "quint16": "uint16", "qint32": "int32"}


T = TypeVar("T")


@cache
def tf_dtype(number: int) -> DType:
    """The element type of a ``DataType`` number. Raises UnsupportedError where LiteRT has none."""
    name = dtype_of(number).name
    try:
        return DType.parse(_NAMELESS.get(name, name))
    except KeyError:
        raise UnsupportedError(
            f"TensorFlow data type {name} has no LiteRT counterpart", "cast to another type"
        ) from None


@dataclass(frozen=True)
class FunctionName:
    """A function-valued attribute: the function's name and the attributes it is called with."""

    name: str
    attrs: Mapping[str, Attribute] = field(default_factory=dict)


Attribute: TypeAlias = (
    str | bytes | int | float | DType | tuple[int, ...] | Array | FunctionName | Sequence["Attribute"] | None
)
"""The value of an attribute."""

Attrs: TypeAlias = Mapping[str, Attribute]
"""The attributes of a node, by name."""


def attribute_of_type(attrs: Attrs, name: str, kind: type[T]) -> T:
    """An attribute of this type. Raises LookupError where there is none, TypeError for another type."""
    value = attrs[name]
    if not isinstance(value, kind):
        raise TypeError(f"attribute {name!r} is a {type(value).__name__}")
    return value


def number_of(attrs: Attrs, name: str) -> float:
    """An attribute that is a number, or says one. Raises LookupError, TypeError, ValueError."""
    value = attrs[name]
    if not isinstance(value, (int, float, str)):
        raise TypeError(f"attribute {name!r} is a {type(value).__name__}")
    return float(value)


def list_of_type(attrs: Attrs, name: str, kind: type[T]) -> list[T]:
    """An attribute that is a list of this type. Raises LookupError, TypeError."""
    values = attrs[name]
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
        raise TypeError(f"attribute {name!r} is a {type(values).__name__}")
    return [attribute_of_type({name: value}, name, kind) for value in values]


def shape_of(proto: TensorShapeProto) -> tuple[int, ...] | None:
    """A ``TensorShapeProto`` as a tuple with -1 for unknown sizes; None for an unknown rank."""
    return None if proto.unknown_rank else tuple(int(d.size) for d in proto.dim)


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _function(proto: NameAttrList) -> FunctionName:
    return FunctionName(proto.name, {k: decode(v) for k, v in proto.attr.items()})


_DECODERS: dict[str, Callable[..., Attribute]] = {
    "s": _text,
    "i": int,
    "f": float,
    "b": bool,
    "type": tf_dtype,
    "shape": shape_of,
    "tensor": to_array,
    "func": _function,
}


def decode(proto: AttrValue) -> Attribute:
    """An ``AttrValue``: str (bytes where it is no text), number, bool, dtype, shape, array, `FunctionName` or list."""
    kind = proto.WhichOneof("value")
    if kind == "list":
        return _decode_list(proto.list)
    return _DECODERS[kind](getattr(proto, kind)) if kind in _DECODERS else None


def _decode_list(proto: AttrValue.ListValue) -> list[Attribute]:
    for kind, decoder in _DECODERS.items():
        elements = getattr(proto, kind)
        if len(elements):
            return [decoder(e) for e in elements]
    return []
