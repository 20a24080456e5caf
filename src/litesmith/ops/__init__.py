"""The operator vocabulary: one declaration for every operator of the LiteRT schema."""

from __future__ import annotations

from litesmith.ir.opdef import OpSet
from litesmith.ops import (
    control,
    convolution,
    elementwise,
    image,
    matmul,
    normalization,
    pooling,
    shape,
    variables,
)

FAMILIES = (
    control,
    convolution,
    elementwise,
    image,
    matmul,
    normalization,
    pooling,
    shape,
    variables,
)
"""The modules that declare operators, a family each."""

OPS = OpSet([defn for family in FAMILIES for defn in family.DEFINITIONS])
"""Every declared operator."""
