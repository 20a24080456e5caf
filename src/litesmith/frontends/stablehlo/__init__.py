"""Serialized JAX functions (`jax.export`) and StableHLO modules to the project's IR."""

from litesmith.frontends.stablehlo.convert import import_bytes, import_exported, import_path, inline_module

__all__ = ["import_bytes", "import_exported", "import_path", "inline_module"]
