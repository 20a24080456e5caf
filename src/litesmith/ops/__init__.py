"""The operator vocabulary: one declaration for every operator of the LiteRT schema."""

from __future__ import annotations

from litesmith.ir.opdef import OpSet
from litesmith.ops import (
    activation,
    comparison,
    control,
    convolution,
    custom,
    elementwise,
    filling,
    image,
    indexing,
    joining,
    layout,
    logical,
    matmul,
    normalization,
    padding,
    pooling,
    quantization,
    random,
    recurrent,
    reduce_window,
    reduction,
    shape,
    signal,
    slicing,
    stablehlo,
    text,
    unary,
    variables,
)
from litesmith.ops.kernels import with_kernels

FAMILIES = (
    activation,
    comparison,
    control,
    convolution,
    custom,
    elementwise,
    filling,
    image,
    indexing,
    joining,
    layout,
    logical,
    matmul,
    normalization,
    padding,
    pooling,
    quantization,
    random,
    recurrent,
    reduce_window,
    reduction,
    shape,
    signal,
    slicing,
    stablehlo,
    text,
    unary,
    variables,
)
"""The modules that declare operators, a family each."""

OPS = OpSet([with_kernels(defn) for family in FAMILIES for defn in family.DEFINITIONS])
"""Every declared operator."""
