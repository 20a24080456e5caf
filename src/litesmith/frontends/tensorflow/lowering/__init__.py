"""The lowerings of TensorFlow operators, a file per family."""

from __future__ import annotations

from litesmith.frontends.tensorflow.lowering import (
    array,
    basic,
    control,
    image,
    indexing,
    lists,
    math,
    matrix,
    nn,
    normalization,
    pooling,
    random,
    reduction,
    variables,
)
from litesmith.frontends.tensorflow.registry import collect

FAMILIES = (
    array,
    basic,
    control,
    image,
    indexing,
    lists,
    math,
    matrix,
    nn,
    normalization,
    pooling,
    random,
    reduction,
    variables,
)
"""The modules that hold lowerings."""

LOWERINGS = collect(FAMILIES)
"""Every lowering, by TensorFlow operator."""
