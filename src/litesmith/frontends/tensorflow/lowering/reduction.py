"""Reductions over axes, positions of extrema, running sums.

Extrema of NaN are whatever the kernel's comparisons leave, as with the official converter. The extremum of no elements
is the lowest (highest) finite number in the kernel, infinite in TensorFlow: where the size is known to be 0, the result
is a constant.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litesmith.decompositions.cumulative import cumulative
from litesmith.decompositions.shapes import cast, full
from litesmith.decompositions.windows import identity_of
from litesmith.frontends.tensorflow.lowering.math import in_float32
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_ints
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, DType, Value

_NEEDING_ELEMENTS = ("reduce_max", "reduce_min")


def _reduction(builtin: str) -> Callable[..., Value]:
    def function(b: Builder, input: Value, reduction_indices: Value, *, keep_dims: bool = False) -> Value:
        if builtin in _NEEDING_ELEMENTS and not input.is_const and _reduces_nothing(input, reduction_indices):
            axes = [a % input.rank for a in const_ints(reduction_indices, "the axes")]
            sizes = [1 if a in axes else d for a, d in enumerate(input.dims) if keep_dims or a not in axes]
            neutral = identity_of("max" if builtin == "reduce_max" else "min", input.type.dtype)
            return full(b, sizes, neutral, input.type.dtype, input)
        return b.apply(builtin, input, as_int32(b, reduction_indices), keep_dims=keep_dims)

    return function


def _reduces_nothing(x: Value, axes: Value) -> bool:
    return axes.is_const and any(x.dims[a] == 0 for a in const_ints(axes, "the axes"))


REDUCTIONS = tuple(
    lowers(op)(_reduction(builtin))
    for op, builtin in {
        "Sum": "sum",
        "Max": "reduce_max",
        "Min": "reduce_min",
        "Prod": "reduce_prod",
        "Any": "reduce_any",
        "All": "reduce_all",
    }.items()
)


@lowers("Mean")
def mean(b: Builder, input: Value, reduction_indices: Value, *, keep_dims: bool = False) -> Value:
    return b.mean(input, as_int32(b, reduction_indices), keep_dims=keep_dims)


@lowers("EuclideanNorm")
def euclidean_norm(b: Builder, input: Value, reduction_indices: Value, *, keep_dims: bool = False) -> Value:
    axes = as_int32(b, reduction_indices)
    return in_float32(b, input, lambda b, x: b.sqrt(b.sum(b.square(x), axes, keep_dims=keep_dims)))


def _arg(builtin: str, extremum: str) -> Callable[..., Value]:
    def function(b: Builder, input: Value, dimension: Value, *, output_type: DType = DType.INT64) -> Value:
        """The first of equal ones."""
        axis = as_int32(b, dimension)
        direct = output_type in (DType.INT32, DType.INT64)
        if input.type.dtype is DType.INT64:
            best = b.apply(extremum, input, axis, keep_dims=True)
            found = b.arg_max(b.equal(input, best), axis, output_type=output_type if direct else DType.INT32)
        else:
            found = b.apply(builtin, input, axis, output_type=output_type if direct else DType.INT32)
        return cast(b, found, output_type)

    return function


ARGS = (
    lowers("ArgMax")(_arg("arg_max", "reduce_max")),
    lowers("ArgMin")(_arg("arg_min", "reduce_min")),
)


def _cumulative(kind: str) -> Callable[..., Value]:
    def function(b: Builder, x: Value, axis: Value, *, exclusive: bool = False, reverse: bool = False) -> Value:
        (along,) = const_ints(axis, "the axis")
        if kind == "logsumexp":
            return in_float32(b, x, lambda b, y: cumulative(b, y, kind, along, exclusive, reverse))
        wide = cast(b, x, DType.FLOAT32) if x.type.dtype in (DType.FLOAT16, DType.BFLOAT16) else x
        return cast(b, cumulative(b, wide, kind, along, exclusive, reverse), x.type.dtype)

    return function


CUMULATIVE = (
    lowers("Cumsum")(_cumulative("sum")),
    lowers("Cumprod")(_cumulative("prod")),
    lowers("CumulativeLogsumexp")(_cumulative("logsumexp")),
)


@lowers("L2Loss")
def l2_loss(b: Builder, t: Value) -> Value:
    """sum(t²) / 2."""
    axes = np.arange(t.rank, dtype=np.int32)
    return in_float32(b, t, lambda b, x: b.mul(b.sum(b.square(x), axes), np.float32(0.5)))
