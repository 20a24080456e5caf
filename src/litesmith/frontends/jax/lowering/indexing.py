"""Reading and writing at places known when the model runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from litesmith.decompositions import bits
from litesmith.decompositions import indexing as places
from litesmith.decompositions.gather import GatherDims, gather_general
from litesmith.decompositions.scatter import scatter_general
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import ElementType, GatherNumbers, ScatterNumbers, Size, key_impl
from litesmith.frontends.jax.registry import Lowering, lowers
from litesmith.frontends.jax.types import dims_of, is_unsigned_word
from litesmith.ir import Value


@lowers("dynamic_slice")
def dynamic_slice(ctx: Context, x: Value, starts: list[Value], *, slice_sizes: Sequence[Size]) -> Value:
    spare = x.rank - len(dims_of(slice_sizes))
    sizes = [*dims_of(slice_sizes), *x.dims[x.rank - spare :]]
    return places.dynamic_slice(ctx.b, x, [*starts[: len(slice_sizes)], *[0] * spare], sizes)


@lowers("dynamic_update_slice")
def dynamic_update_slice(ctx: Context, x: Value, update: Value, starts: list[Value]) -> Value:
    return places.dynamic_update_slice(ctx.b, x, update, [*starts, *[0] * (x.rank - len(starts))])


def _mode(mode: object) -> str:
    name = getattr(mode, "name", str(mode)).upper()
    return "clip" if "CLIP" in name else "promise" if "PROMISE" in name else "fill"


def _default_fill(dtype: ElementType) -> float:
    """What a gather gives for indices out of bounds when it is not told: NaN, the lowest int, the highest unsigned."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return True
    if kind.kind in "iu":
        limits = np.iinfo(kind.name)
        return limits.max if kind.kind == "u" else limits.min
    return np.nan


@lowers("gather")
def gather(
    ctx: Context,
    x: Value,
    indices: Value,
    *,
    dimension_numbers: GatherNumbers,
    slice_sizes: Sequence[Size],
    mode: object,
    fill_value: float | None = None,
) -> Value:
    """Indices promised to be within bounds are clamped, as XLA does; the kernel would stop the model at others."""
    numbers = dimension_numbers
    sizes, offset = list(dims_of(slice_sizes)), list(numbers.offset_dims)
    if len(sizes) < x.rank:
        offset += range(len(ctx.aval.shape), len(ctx.dims))
        sizes += x.dims[len(sizes) :]
    dims = GatherDims(
        tuple(offset),
        tuple(numbers.collapsed_slice_dims),
        tuple(numbers.start_index_map),
        tuple(numbers.operand_batching_dims),
        tuple(numbers.start_indices_batching_dims),
    )
    how = _mode(mode).replace("promise", "clip")
    fill: float = 0
    if how == "fill" and key_impl(ctx.aval.dtype) is None:
        fill = _default_fill(ctx.aval.dtype) if fill_value is None else fill_value
        if is_unsigned_word(ctx.aval.dtype):
            fill = int(np.uint32(fill % 2**32).view(np.int32))
    return gather_general(ctx.b, x, indices, dims, sizes, how, fill)


def _scatter(combine: str) -> Callable[..., Value]:
    def lowering(
        ctx: Context, x: Value, indices: Value, updates: Value, *, dimension_numbers: ScatterNumbers, mode: object
    ) -> Value:
        flips = is_unsigned_word(ctx.aval.dtype) and combine in ("min", "max")
        if flips:
            x, updates = bits.signed_order(ctx.b, x), bits.signed_order(ctx.b, updates)
        numbers = dimension_numbers
        dims = GatherDims(
            tuple(numbers.update_window_dims),
            tuple(numbers.inserted_window_dims),
            tuple(numbers.scatter_dims_to_operand_dims),
            tuple(numbers.operand_batching_dims),
            tuple(numbers.scatter_indices_batching_dims),
        )
        result = scatter_general(ctx.b, x, indices, updates, dims, combine, _mode(mode))
        return bits.signed_order(ctx.b, result) if flips else result

    return lowering


SCATTERS: tuple[Lowering[..., Value], ...] = tuple(
    lowers(primitive)(_scatter(combine))
    for primitive, combine in {
        "scatter": "set",
        "scatter-add": "add",
        "scatter_add": "add",
        "scatter-mul": "mul",
        "scatter_mul": "mul",
        "scatter-min": "min",
        "scatter_min": "min",
        "scatter-max": "max",
        "scatter_max": "max",
    }.items()
)


@lowers("scatter-sub", "scatter_sub")
def scatter_sub(
    ctx: Context, x: Value, indices: Value, updates: Value, *, dimension_numbers: ScatterNumbers, mode: object
) -> Value:
    return _scatter("add")(ctx, x, indices, ctx.b.neg(updates), dimension_numbers=dimension_numbers, mode=mode)
