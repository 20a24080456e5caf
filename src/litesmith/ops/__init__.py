"""The operator vocabulary: one declaration for every operator of the LiteRT schema."""

from __future__ import annotations

from litesmith._util.modules import modules_of
from litesmith.ir.opdef import OpSet
from litesmith.ops.kernels import with_kernels

FAMILIES = tuple(module for module in modules_of(__name__) if hasattr(module, "DEFINITIONS"))
"""The modules that declare operators, a family each: all files here that have ``DEFINITIONS``."""

OPS = OpSet([with_kernels(defn) for family in FAMILIES for defn in family.DEFINITIONS])
"""Every declared operator."""
