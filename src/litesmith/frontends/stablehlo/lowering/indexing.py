"""Reading and writing at places known when the model runs."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from litesmith.decompositions.shapes import expand_dims, move_axis
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.types import Item, Tensor
from litesmith.frontends.stablehlo.attributes import GatherNumbers
from litesmith.frontends.stablehlo.importer import Aval, Context
from litesmith.frontends.stablehlo.lowering.structure import known_dims
from litesmith.frontends.stablehlo.module import Region
from litesmith.frontends.stablehlo.regions import kind_of, returns_argument
from litesmith.frontends.stablehlo.registry import direct, lowers
from litesmith.ir import Dim, Value

DYNAMIC_SLICE = direct("stablehlo.dynamic_slice", to="dynamic_slice", slice_sizes="slice_sizes")
DYNAMIC_UPDATE_SLICE = direct("stablehlo.dynamic_update_slice", to="dynamic_update_slice")


def _vectors_last(ctx: Context, indices: Value, numbers: GatherNumbers) -> Value:
    """The indices with their vectors as the last dimension, where JAX has them."""
    if numbers.index_vector_dim == indices.rank:
        return expand_dims(ctx.b, indices, indices.rank)
    return move_axis(ctx.b, indices, numbers.index_vector_dim, indices.rank - 1)


def _gather_vectors(ctx: Context, x: Tensor, indices: Value, numbers: GatherNumbers, sizes: Sequence[Dim]) -> Item:
    vectors = _vectors_last(ctx, indices, numbers)
    inner = ctx.of([ctx.avals_in[0], Aval(vectors.dims, ctx.avals_in[1].dtype)], ctx.avals_out)
    return inner.primitive(
        "gather", [x, vectors], dimension_numbers=numbers, slice_sizes=sizes, mode="CLIP", fill_value=None
    )


@lowers("stablehlo.gather")
def gather(
    ctx: Context, x: Tensor, indices: Value, *, dimension_numbers: GatherNumbers, slice_sizes: Sequence[int]
) -> Item:
    return _gather_vectors(ctx, x, indices, dimension_numbers, slice_sizes)


@lowers("stablehlo.dynamic_gather")
def dynamic_gather(ctx: Context, x: Tensor, indices: Value, sizes: Value, *, dimension_numbers: GatherNumbers) -> Item:
    return _gather_vectors(ctx, x, indices, dimension_numbers, known_dims(sizes, "the size of a window"))


_SCATTERS = {"add": "scatter-add", "mul": "scatter-mul", "min": "scatter-min", "max": "scatter-max"}


@lowers("stablehlo.scatter")
def scatter(
    ctx: Context, operands: list[Tensor], *, scatter_dimension_numbers: GatherNumbers, regions: Sequence[Region]
) -> Item:
    """Windows that leave the bounds are dropped."""
    if len(operands) != 3:
        raise UnsupportedError("several tensors are scattered at once", "scatter them one by one")
    name = "scatter" if returns_argument(regions[0]) == 1 else _SCATTERS.get(kind_of(regions[0]) or "")
    if name is None:
        raise UnsupportedError("a scatter by a custom function", "use set, add, mul, min or max")
    x, indices, updates = operands
    assert isinstance(indices, Value)
    numbers = scatter_dimension_numbers
    vectors = _vectors_last(ctx, indices, numbers)
    of_jax = SimpleNamespace(
        update_window_dims=numbers.offset_dims,
        inserted_window_dims=numbers.collapsed_slice_dims,
        scatter_dims_to_operand_dims=numbers.start_index_map,
        operand_batching_dims=numbers.operand_batching_dims,
        scatter_indices_batching_dims=numbers.start_indices_batching_dims,
    )
    avals = [ctx.avals_in[0], Aval(vectors.dims, ctx.avals_in[1].dtype), ctx.avals_in[2]]
    inner = ctx.of(avals, ctx.avals_out)
    return inner.primitive(name, [x, vectors, updates], dimension_numbers=of_jax, mode="FILL_OR_DROP")
