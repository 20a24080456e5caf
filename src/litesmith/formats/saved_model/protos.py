"""The message classes of `proto/saved_model.proto`, built on first use; `protos.pyi` gives their types.

They live in a descriptor pool of their own, so that TensorFlow, which registers messages of the same shape in
the default pool, can be imported before or after in the same process.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_PACKAGE = "litesmith.tensorflow"


@lru_cache(maxsize=1)
def _namespace() -> dict[str, Any]:
    """Everything the .proto defines at top level: message classes, enum wrappers, enum values."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

    data = pkgutil.get_data(__package__, "proto/saved_model.binpb")
    if data is None:
        raise ImportError("the package data proto/saved_model.binpb is not installed")
    (file,) = descriptor_pb2.FileDescriptorSet.FromString(data).file
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    names: dict[str, Any] = {"DESCRIPTOR": pool.FindFileByName(file.name)}
    for message in file.message_type:
        descriptor = pool.FindMessageTypeByName(f"{_PACKAGE}.{message.name}")
        names[message.name] = _message_class(descriptor, message_factory.GetMessageClass)
    for enum in file.enum_type:
        names[enum.name] = EnumTypeWrapper(pool.FindEnumTypeByName(f"{_PACKAGE}.{enum.name}"))
        names.update((value.name, value.number) for value in enum.value)
    return names


def _message_class(descriptor: Any, make: Callable[[Any], Any]) -> Any:
    """The class of a message, with its nested messages as attributes, which protobuf in pure Python leaves out."""
    made = make(descriptor)
    for nested in descriptor.nested_types:
        inner = _message_class(nested, make)
        if not hasattr(made, nested.name):
            setattr(made, nested.name, inner)
    return made


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        value = _namespace()[name]
    except KeyError:
        raise AttributeError(f"saved_model.proto defines no {name!r}") from None
    globals()[name] = value
    return value
