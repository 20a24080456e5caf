"""Calls, conditionals and loops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import size_value
from litesmith.frontends.frame import POISON
from litesmith.frontends.jax.types import Tensor
from litesmith.frontends.stablehlo.importer import (
    Aval,
    Bound,
    Closure,
    Context,
    aval_of,
    require_same_shapes,
)
from litesmith.frontends.stablehlo.lowering.structure import known_dims
from litesmith.frontends.stablehlo.module import Function, Region
from litesmith.frontends.stablehlo.regions import size_function
from litesmith.frontends.stablehlo.registry import lowers
from litesmith.ir import Builder, DType, Value
from litesmith.ir.dims import floordiv, modulo


@lowers("func.call", broadcasts=True)
def call(ctx: Context, args: list[Tensor], *, callee: str) -> list[Bound]:
    function = ctx.function(callee)
    size = _size(ctx, function, args)
    return [size] if size is not None else ctx.inline(function, _as_given(ctx, args))


def _size(ctx: Context, function: Function, args: Sequence[Tensor]) -> Bound | None:
    """The quotient or rest of two sizes, which stays a known size; None for any other call."""
    known = [v for v in args[-2:] if isinstance(v, Value) and v.rank == 0 and (v.is_const or v.sym is not None)]
    if len(known) < 2 or all(v.is_const for v in known):
        return None
    name = size_function(function, ctx.stable.module.functions)
    if name is None:
        return None
    (x,), (y,) = (known_dims(v, "a size") for v in known)
    made = floordiv(x, y) if name == "floor_divide" else modulo(x, y)
    return Bound(size_value(ctx.b, made), ctx.avals_out[0]) if y != 0 else None


@lowers("stablehlo.composite", broadcasts=True)
def composite(ctx: Context, args: list[Tensor], *, decomposition: str) -> list[Bound]:
    """One that is not known as a whole is its decomposition."""
    return ctx.inline(ctx.function(decomposition), _as_given(ctx, args))


def _as_given(ctx: Context, args: Sequence[Tensor]) -> list[Bound]:
    return [Bound(v, a) for v, a in zip(args, ctx.avals_in, strict=True)]


@lowers("stablehlo.while")
def while_(ctx: Context, init: list[Tensor], *, regions: Sequence[Region]) -> list[Bound]:
    avals = [aval_of(v, a.dtype) for v, a in zip(init, ctx.avals_in, strict=True)]
    condition, body = ctx.closure(regions[0]), ctx.closure(regions[1], avals)
    outer = [*condition.live_values, *body.live_values]
    dtypes = [c.dtypes[v] for c in (condition, body) for v in c.live]
    inner = ctx.of([*(aval_of(v, d) for v, d in zip(outer, dtypes, strict=True)), *avals], avals)
    made = inner.lower(
        "while",
        [*outer, *init],
        cond_jaxpr=condition,
        body_jaxpr=body,
        cond_nconsts=len(condition.live),
        body_nconsts=len(body.live),
    )
    return [Bound(v, a) for v, a in zip(made, avals, strict=True)]


@lowers("stablehlo.if")
def if_(ctx: Context, condition: Value, *, regions: Sequence[Region]) -> list[Bound]:
    return _conditional(ctx, condition, [regions[1], regions[0]])


@lowers("stablehlo.case")
def case(ctx: Context, index: Value, *, regions: Sequence[Region]) -> list[Bound]:
    """The last branch for an index that is none."""
    last = len(regions) - 1
    is_bool = index.op is not None and index.op.name == "CAST" and index.op["x"].type.dtype is DType.BOOL
    return _conditional(ctx, index if is_bool else _without_negative(ctx.b, index, last), list(regions))


def _without_negative(b: Builder, index: Value, last: int) -> Value:
    zero, end = (b.constant(np.array(n, index.type.dtype.numpy)) for n in (0, last))
    if last == 0:
        return zero
    return select(b, b.less(index, zero), end, index)


def _conditional(ctx: Context, index: Value, branches: Sequence[Region]) -> list[Bound]:
    closures = _of_the_same(ctx, branches)
    live = closures[0].live_values
    dtypes = [closures[0].dtypes[v] for v in closures[0].live]
    args = [aval_of(v, d) for v, d in zip(live, dtypes, strict=True)]
    inner = ctx.of([ctx.avals_in[0], *args], ctx.avals_out)
    made = inner.lower("cond", [index, *live], branches=closures)
    if any(v is POISON for v in made):
        return [Bound(POISON, Aval((), None))] * len(made)
    called = [c.made for c in closures if c.made]
    for shapes in called[1:]:
        require_same_shapes(shapes, called[0], "the branches of a conditional give different shapes")
    avals = called[0] if called else []
    return [Bound(v, a) for v, a in zip(made, avals, strict=True)]


def _of_the_same(ctx: Context, branches: Sequence[Region]) -> list[Closure]:
    """The branches as functions of the same captured values."""
    captured = list(dict.fromkeys(v for r in branches for v in r.captured))
    return [ctx.closure(r, captured=captured) for r in branches]
