"""The lowerings of TensorFlow operators, a file per family."""

from __future__ import annotations

from litesmith.frontends.tensorflow.lowering import (
    array,
    basic,
    complex_numbers,
    control,
    control_v1,
    ctc,
    gradients,
    image,
    indexing,
    linear_algebra,
    lists,
    math,
    matrix,
    nn,
    normalization,
    pooling,
    quantization,
    random,
    reduction,
    sampling,
    signal,
    slice_updates,
    stablehlo,
    stateless_random,
    suppression,
    tables,
    tensor_arrays,
    variables,
    window_gradients,
)
from litesmith.frontends.tensorflow.registry import collect

FAMILIES = (
    array,
    basic,
    complex_numbers,
    control,
    control_v1,
    ctc,
    gradients,
    image,
    indexing,
    linear_algebra,
    lists,
    math,
    matrix,
    nn,
    normalization,
    pooling,
    quantization,
    random,
    reduction,
    sampling,
    signal,
    slice_updates,
    stablehlo,
    stateless_random,
    suppression,
    tables,
    tensor_arrays,
    variables,
    window_gradients,
)
"""The modules that hold lowerings."""

LOWERINGS = collect(FAMILIES)
"""Every lowering, by TensorFlow operator."""
