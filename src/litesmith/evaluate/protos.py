"""The message classes of `proto/evaluation.proto`, built on first use in a descriptor pool of their own."""

from __future__ import annotations

from litesmith._util.proto_pool import messages_on_demand

__getattr__ = messages_on_demand(__package__, "evaluation")
