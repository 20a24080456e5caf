"""The message classes of `proto/saved_model.proto`, built on first use; `protos.pyi` gives their types.

They live in a descriptor pool of their own, so that TensorFlow, which registers messages of the same shape in
the default pool, can be imported before or after in the same process.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from litesmith._util.proto_pool import load_messages


@lru_cache(maxsize=1)
def _namespace() -> dict[str, Any]:
    """Everything the .proto defines at top level: message classes, enum wrappers, enum values."""
    return load_messages(__package__, "proto/saved_model.binpb")


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        value = _namespace()[name]
    except KeyError:
        raise AttributeError(f"saved_model.proto defines no {name!r}") from None
    globals()[name] = value
    return value
