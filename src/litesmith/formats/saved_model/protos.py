"""The message classes of `proto/saved_model.proto`, built on first use; `protos.pyi` gives their types.

They live in a descriptor pool of their own, so that TensorFlow, which registers messages of the same shape in
the default pool, can be imported before or after in the same process.
"""

from __future__ import annotations

from litesmith._util.proto_pool import messages_on_demand

__getattr__ = messages_on_demand(__package__, "saved_model")
