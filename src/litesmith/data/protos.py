"""The message classes of `proto/example.proto`, built on first use in a descriptor pool of their own."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from litesmith._util.proto_pool import load_messages


@lru_cache(maxsize=1)
def _namespace() -> dict[str, Any]:
    return load_messages(__package__, "proto/example.binpb")


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        return _namespace()[name]
    except KeyError:
        raise AttributeError(f"example.proto defines no {name!r}") from None
