"""Data movement, and operations that make constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.padding import pad as padded
from litesmith.decompositions.padding import pad_interior, slice_static
from litesmith.decompositions.shapes import dim_value
from litesmith.decompositions.shapes import reshape as reshaped
from litesmith.decompositions.splats import large_splat
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.types import Complex, Item, Tensor, constant_of
from litesmith.frontends.stablehlo.importer import Aval, Bound, Context
from litesmith.frontends.stablehlo.registry import direct, lowers
from litesmith.ir import Dim, Value
from litesmith.ir.constant import Array

TRANSPOSE = direct("stablehlo.transpose", to="transpose", permutation="permutation")
REVERSE = direct("stablehlo.reverse", to="rev", dimensions="dimensions")
CONCATENATE = direct("stablehlo.concatenate", to="concatenate", dimension="dimension")
RESHAPE = direct("stablehlo.reshape", to="reshape")
IOTA = direct("stablehlo.iota", to="iota", dimension="iota_dimension")
BROADCAST_IN_DIM = direct(
    "stablehlo.broadcast_in_dim", to="broadcast_in_dim", broadcasts=True, broadcast_dimensions="broadcast_dimensions"
)
SLICE = direct(
    "stablehlo.slice", to="slice", start_indices="start_indices", limit_indices="limit_indices", strides="strides"
)


@lowers("stablehlo.constant", "chlo.constant")
def constant(ctx: Context, *, value: Array | None) -> Tensor:
    if value is None:
        raise UnsupportedError("the elements of a constant cannot be read", "export the model again")
    splat = large_splat(ctx.b, np.asarray(value))
    return constant_of(value) if splat is None else splat


@lowers("stablehlo.broadcast")
def broadcast(ctx: Context, x: Value, *, broadcast_sizes: Sequence[int]) -> Item:
    spare = len(broadcast_sizes)
    return ctx.primitive("broadcast_in_dim", [x], broadcast_dimensions=range(spare, spare + x.rank))


@lowers("stablehlo.pad")
def pad(
    ctx: Context,
    x: Tensor,
    fill: Tensor,
    *,
    edge_padding_low: Sequence[int],
    edge_padding_high: Sequence[int],
    interior_padding: Sequence[int],
) -> Item:
    config = list(zip(edge_padding_low, edge_padding_high, interior_padding, strict=True))
    return ctx.primitive("pad", [x, fill], padding_config=config)


# -- shapes known when the model runs ---------------------------------------------------------------------------------


def known_dims(value: Value, what: str) -> list[Dim]:
    """The elements of an integer tensor as sizes. Raises UnsupportedError where they are computed from data."""
    if value.is_const:
        return [int(n) for n in value.numpy().flat]
    if value.sym is None:
        raise UnsupportedError(f"{what} is computed from data", "export with fixed shapes, or with symbolic ones")
    return list(value.sym.flat)


@lowers("stablehlo.get_dimension_size")
def get_dimension_size(ctx: Context, x: Tensor, *, dimension: int) -> Value:
    return dim_value(ctx.b, x.real if isinstance(x, Complex) else x, dimension)


def _whole(ctx: Context, shape: Sequence[Dim]) -> Context:
    """The same place, the result's shape known."""
    return ctx.of(ctx.avals_in, [Aval(tuple(shape), ctx.result_types[0].dtype)])


@lowers("stablehlo.dynamic_broadcast_in_dim", broadcasts=True)
def dynamic_broadcast_in_dim(ctx: Context, x: Tensor, shape: Value, *, broadcast_dimensions: Sequence[int]) -> Bound:
    inner = _whole(ctx, known_dims(shape, "a shape")).first(1)
    return Bound(inner.primitive("broadcast_in_dim", [x], broadcast_dimensions=broadcast_dimensions), inner.aval)


@lowers("stablehlo.dynamic_reshape")
def dynamic_reshape(ctx: Context, x: Tensor, shape: Value) -> Item:
    return _whole(ctx, known_dims(shape, "a shape")).first(1).primitive("reshape", [x])


@lowers("stablehlo.dynamic_iota")
def dynamic_iota(ctx: Context, shape: Value, *, iota_dimension: int) -> Bound:
    inner = _whole(ctx, known_dims(shape, "a shape")).first(0)
    return Bound(inner.primitive("iota", [], dimension=iota_dimension), inner.aval)


@lowers("stablehlo.dynamic_pad")
def dynamic_pad(ctx: Context, x: Value, fill: Value, low: Value, high: Value, interior: Value) -> Value:
    element: Value | float = fill.numpy().reshape(-1)[0] if fill.is_const else fill
    between = known_dims(interior, "a padding")
    x = pad_interior(ctx.b, x, [int(i) for i in between if isinstance(i, int)], element)
    pads = zip(known_dims(low, "a padding"), known_dims(high, "a padding"), strict=True)
    return padded(ctx.b, x, list(pads), element)


@lowers("stablehlo.real_dynamic_slice")
def real_dynamic_slice(ctx: Context, x: Tensor, starts: Value, limits: Value, strides: Value) -> Item:
    if _is_known(starts) and _is_known(limits):
        bounds = [known_dims(v, "a bound of a slice") for v in (starts, limits, strides)]
        return ctx.first(1).primitive("slice", [x], start_indices=bounds[0], limit_indices=bounds[1], strides=bounds[2])
    sizes = _slice_sizes(ctx)
    if sizes is None or any(s != 1 for s in known_dims(strides, "a step of a slice")):
        raise UnsupportedError("the size of a slice is computed from data", "use slices of fixed size")
    places = [reshaped(ctx.b, slice_static(ctx.b, starts, [a], [a + 1]), ()) for a in range(len(sizes))]
    index = Aval((), ctx.avals_in[1].dtype)
    inner = ctx.of([ctx.avals_in[0], *[index] * len(places)], ctx.avals_out)
    return inner.primitive("dynamic_slice", [x, *places], slice_sizes=sizes)


def _is_known(value: Value) -> bool:
    return value.is_const or value.sym is not None


def _slice_sizes(ctx: Context) -> list[Dim] | None:
    """The sizes of a slice that begins anywhere: those of its type, others from limits that are starts plus sizes."""
    assert ctx.operation is not None
    _, starts, limits, _ = ctx.operation.operands
    declared = ctx.result_types[0].shape
    if None not in declared:
        return [d for d in declared if d is not None]
    total = limits.operation
    if total is None or total.name != "stablehlo.add" or starts not in total.operands:
        return None
    (added,) = [v for v in total.operands if v is not starts] or [starts]
    value = ctx.env[added].value
    return known_dims(value, "the size of a slice") if isinstance(value, Value) and _is_known(value) else None


@lowers("stablehlo.optimization_barrier", "sdy.sharding_constraint", "@Sharding", "@annotate_device_placement")
def pass_through(ctx: Context, xs: list[Tensor]) -> list[Tensor]:
    return xs


@lowers("@shape_assertion")
def nothing(ctx: Context, xs: list[Tensor]) -> None:
    """Sizes that do not fit stop the kernels."""


@lowers("stablehlo.create_token", "stablehlo.after_all")
def token(ctx: Context, xs: list[Tensor]) -> Bound:
    return Bound(None, Aval((), None))
