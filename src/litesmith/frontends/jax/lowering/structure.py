"""Primitives that move elements about, or make constant ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from litesmith.decompositions.cumulative import reverse
from litesmith.decompositions.padding import pad as padded
from litesmith.decompositions.padding import pad_interior, slice_static
from litesmith.decompositions.shapes import (
    cast,
    expand_dims,
    full,
    shape_vector,
    size_value,
)
from litesmith.decompositions.shapes import (
    iota as counted,
)
from litesmith.decompositions.shapes import (
    reshape as reshaped,
)
from litesmith.decompositions.shapes import (
    transpose as permuted,
)
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import Size
from litesmith.frontends.jax.registry import lowers
from litesmith.frontends.jax.types import aval_dims, dim_of, dims_of
from litesmith.ir import Builder, Dim, DType, Value


def _with_key_axes(ctx: Context, operand: int, axes: Sequence[int]) -> list[int]:
    """A permutation or list of all dimensions, those of a key's words added at the end."""
    extra = len(aval_dims(ctx.avals_in[operand])) - len(ctx.avals_in[operand].shape)
    return [*axes, *range(len(axes), len(axes) + extra)]


@lowers("broadcast_in_dim", broadcasts=True)
def broadcast_in_dim(
    ctx: Context, x: Value, dynamic_sizes: list[Value], *, broadcast_dimensions: Sequence[int]
) -> Value:
    """Only puts dimensions of size 1 in; whoever needs the full shape broadcasts."""
    if not x.rank or ctx.dims == x.type.shape:
        return x
    dims: list[Dim] = [1] * len(ctx.dims)
    for source, target in enumerate(broadcast_dimensions):
        dims[target] = x.dims[source]
    extra = len(ctx.dims) - len(ctx.aval.shape)
    if extra:
        dims[-extra:] = x.dims[-extra:]
    return reshaped(ctx.b, x, dims)


@lowers("reshape")
def reshape(ctx: Context, x: Value, dynamic_sizes: list[Value], *, dimensions: Sequence[int] | None = None) -> Value:
    if dimensions is not None:
        x = permuted(ctx.b, x, dimensions)
    return reshaped(ctx.b, x, ctx.dims)


@lowers("squeeze", "expand_dims")
def squeeze(ctx: Context, x: Value) -> Value:
    return reshaped(ctx.b, x, ctx.dims)


@lowers("transpose")
def transpose(ctx: Context, x: Value, *, permutation: Sequence[int]) -> Value:
    return permuted(ctx.b, x, _with_key_axes(ctx, 0, permutation))


@lowers("rev")
def rev(b: Builder, x: Value, *, dimensions: Sequence[int]) -> Value:
    return reverse(b, x, tuple(dimensions))


@lowers("concatenate")
def concatenate(b: Builder, xs: list[Value], *, dimension: int) -> Value:
    return b.concatenation(*xs, axis=dimension)


@lowers("pad", broadcasts=True)
def pad(ctx: Context, x: Value, value: Value, *, padding_config: Sequence[tuple[Size, Size, int]]) -> Value:
    x = ctx.expand(x, ctx.avals_in[0])
    fill: Value | float = value.numpy().reshape(-1)[0] if value.is_const else value
    low, high, interior = zip(*padding_config, strict=True) if padding_config else ((), (), ())
    x = pad_interior(ctx.b, x, [int(i) for i in interior], fill)
    return padded(ctx.b, x, [(dim_of(a), dim_of(c)) for a, c in zip(low, high, strict=True)], fill)


@lowers("slice")
def slice_(
    ctx: Context,
    x: Value,
    *,
    start_indices: Sequence[Size],
    limit_indices: Sequence[Size],
    strides: Sequence[int] | None = None,
) -> Value:
    starts, limits = dims_of(start_indices), dims_of(limit_indices)
    spare = x.rank - len(starts)
    steps = [*(int(s) for s in strides or [1] * len(starts)), *[1] * spare]
    return slice_static(ctx.b, x, [*starts, *[0] * spare], [*limits, *x.dims[x.rank - spare :]], steps)


@lowers("split")
def split(b: Builder, x: Value, *, sizes: Sequence[Size], axis: int) -> list[Value]:
    parts = [int(dim_of(s)) for s in sizes]  # type: ignore[arg-type]
    if len(parts) == 1:
        return [x]
    if x.type.dtype not in (DType.FLOAT32, DType.INT32, DType.INT64, DType.INT8, DType.UINT8, DType.INT16):
        ends = np.cumsum(parts)
        return [_part(b, x, axis, int(e) - n, int(e)) for e, n in zip(ends, parts, strict=True)]
    return list(b.split_v(x, np.array(parts, np.int32), np.array(axis, np.int32), num_splits=len(parts)))


def _part(b: Builder, x: Value, axis: int, start: int, stop: int) -> Value:
    starts = [start if a == axis else 0 for a in range(x.rank)]
    return slice_static(b, x, starts, [stop if a == axis else d for a, d in enumerate(x.dims)])


@lowers("stack")
def stack(b: Builder, xs: list[Value], *, axis: int) -> Value:
    return b.concatenation(*(expand_dims(b, x, axis) for x in xs), axis=axis)


@lowers("unstack")
def unstack(ctx: Context, x: Value, *, axis: int) -> list[Value]:
    parts = [_part(ctx.b, x, axis, i, i + 1) for i in range(len(ctx.avals_out))]
    return [reshaped(ctx.b, p, aval_dims(a)) for p, a in zip(parts, ctx.avals_out, strict=True)]


@lowers("platform_index")
def platform_index(ctx: Context, *, platforms: Sequence[Collection[str] | None]) -> Value:
    """Which of the platform-dependent branches is taken: that of the CPU, else the default one."""
    chosen = next((i for i, group in enumerate(platforms) if group is None or "cpu" in group), 0)
    return ctx.b.constant(np.array(chosen, np.int32))


@lowers("tile")
def tile(b: Builder, x: Value, *, reps: Sequence[int]) -> Value:
    return b.tile(x, shape_vector(b, dims_of(reps), x))


@lowers("iota")
def iota(ctx: Context, dynamic_sizes: list[Value], *, dimension: int) -> Value:
    dims = [d if a == dimension else 1 for a, d in enumerate(ctx.dims)]
    wide = ctx.dtype if ctx.dtype in (DType.FLOAT32, DType.INT32, DType.INT64) else DType.INT32
    return cast(ctx.b, counted(ctx.b, dims, dimension, wide), ctx.dtype)


@lowers("iota_2x32_shape")
def iota_2x32_shape(ctx: Context) -> list[Value]:
    """The place of each element in row-major order, as two words of 32 bits."""
    dims = ctx.dims
    total: Dim = 1
    for d in dims:
        total = total * d
    if isinstance(total, int) and total >= 2**31:
        raise UnsupportedError("more than 2**31 random numbers at once", "draw fewer")
    low = reshaped(ctx.b, counted(ctx.b, [total], 0, DType.INT32), dims)
    return [full(ctx.b, dims, 0, DType.INT32, low), low]


@lowers("empty2", "empty", "zeros_like")
def empty(ctx: Context) -> Value:
    return ctx.b.constant(np.zeros((), ctx.dtype.numpy))


@lowers("dim_as_value")
def dim_as_value(ctx: Context, *, dim: Size) -> Value:
    return cast(ctx.b, size_value(ctx.b, dim_of(dim)), ctx.dtype)


@lowers(
    "copy",
    "copy_p",
    "device_put",
    "stop_gradient",
    "sharding_constraint",
    "optimization_barrier",
    "name",
    "pvary",
    "mesh_cast",
    "layout_constraint",
    "random_wrap",
    "random_unwrap",
    "random_clone",
    "tie",
    broadcasts=True,
)
def pass_through(ctx: Context, xs: list[Value]) -> list[Value]:
    """The operands themselves; a key is its words."""
    return [ctx.expand(x, a) for x, a in zip(xs, ctx.avals_in, strict=True)]


@lowers("debug_callback", "debug_print", "shape_assertion")
def nothing(ctx: Context, xs: list[Value]) -> list[Value]:
    return []
