"""Message classes of a compiled .proto in a descriptor pool of its own.

TensorFlow registers messages of the same shape in the default pool; a private pool lets both live in one process,
whichever is imported first.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any


def load_messages(package: str, resource: str) -> dict[str, Any]:
    """Everything the last file of a descriptor set defines at top level: message classes, enum wrappers, enum values.

    package, resource: where the compiled descriptor set lies, as of `pkgutil.get_data`.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

    data = pkgutil.get_data(package, resource)
    if data is None:
        raise ImportError(f"the package data {resource} is not installed")
    files = descriptor_pb2.FileDescriptorSet.FromString(data).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    names: dict[str, Any] = {"DESCRIPTOR": pool.FindFileByName(files[-1].name)}
    for message in files[-1].message_type:
        descriptor = pool.FindMessageTypeByName(f"{files[-1].package}.{message.name}")
        names[message.name] = _message_class(descriptor, message_factory.GetMessageClass)
    for enum in files[-1].enum_type:
        names[enum.name] = EnumTypeWrapper(pool.FindEnumTypeByName(f"{files[-1].package}.{enum.name}"))
        names.update((value.name, value.number) for value in enum.value)
    return names


def _message_class(descriptor: Any, create: Callable[[Any], Any]) -> Any:
    """The class of a message, with its nested messages as attributes, which protobuf in pure Python leaves out."""
    message = create(descriptor)
    for nested in descriptor.nested_types:
        inner = _message_class(nested, create)
        if not hasattr(message, nested.name):
            setattr(message, nested.name, inner)
    return message


def messages_on_demand(package: str, name: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module of message classes: what ``proto/<name>.proto`` of the package defines at top level.

    Built when the first one is asked for. Raises AttributeError for what it does not define.
    """

    @cache
    def namespace() -> dict[str, Any]:
        return load_messages(package, f"proto/{name}.binpb")

    @cache
    def find(member: str) -> Any:
        if member.startswith("__"):
            raise AttributeError(member)
        try:
            return namespace()[member]
        except KeyError:
            raise AttributeError(f"{name}.proto defines no {member!r}") from None

    return find
