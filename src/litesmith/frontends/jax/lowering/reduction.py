"""Reductions, running functions and windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from litesmith.decompositions import bits, cumulative, windows
from litesmith.decompositions import sort as sorting
from litesmith.decompositions.shapes import cast
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import ElementType, Jaxpr, Size, open_up
from litesmith.frontends.jax.lowering.elementwise import NARROW
from litesmith.frontends.jax.registry import Lowering, lowers
from litesmith.frontends.jax.types import Results, dim_of, is_unsigned_word
from litesmith.ir import Builder, DType, Value
from litesmith.ir.constant import Array

MONOIDS = {"sum": "add", "max": "max", "min": "min", "prod": "mul", "and": "and", "or": "or"}


def reduce_axes(ctx: Context, x: Value, kind: str, axes: Sequence[int]) -> Value:
    """``x`` without ``axes``, reduced by ``kind`` (sum, max, min, prod, and, or, xor)."""
    b, over = ctx.b, np.array(sorted(int(a) for a in axes), np.int32)
    if not over.size:
        return x
    unsigned = is_unsigned_word(ctx.avals_in[0].dtype)
    if kind == "xor":
        return _parity(ctx, x, over)
    if kind in ("and", "or") and x.type.dtype is not DType.BOOL:
        raise UnsupportedError(f"a bitwise {kind} over a dimension", "reduce bools", code="LS012")
    if x.type.dtype is DType.BOOL:
        kind = {"max": "or", "min": "and", "prod": "and", "sum": "or"}.get(kind, kind)
    if unsigned and kind in ("max", "min"):
        return bits.signed_order(b, _reduce(b, bits.signed_order(b, x), kind, over))
    narrow = x.type.dtype
    if narrow in NARROW:
        return cast(b, _reduce(b, cast(b, x, DType.INT32), kind, over), narrow)
    return _reduce(b, x, kind, over)


def _reduce(b: Builder, x: Value, kind: str, over: Array) -> Value:
    return b.apply(windows.REDUCERS[MONOIDS[kind]][0], x, over, keep_dims=False)


def _parity(ctx: Context, x: Value, over: Array) -> Value:
    """Whether an odd number of bools holds."""
    if x.type.dtype is not DType.BOOL:
        raise UnsupportedError("a bitwise xor over a dimension", "reduce bools", code="LS012")
    count = ctx.b.sum(cast(ctx.b, x, DType.INT32), over, keep_dims=False)
    return ctx.b.equal(ctx.b.floor_mod(count, bits.int32(ctx.b, 2)), bits.int32(ctx.b, 1))


def _reduction(kind: str) -> Callable[..., Value]:
    def lowering(ctx: Context, x: Value, *, axes: Sequence[int]) -> Value:
        return reduce_axes(ctx, x, kind, axes)

    return lowering


REDUCTIONS: tuple[Lowering[..., Results], ...] = tuple(
    lowers(f"reduce_{kind}")(_reduction(kind)) for kind in ("sum", "max", "min", "prod", "and", "or", "xor")
)


def _over_axes(kind: str) -> Callable[..., list[Value]]:
    def lowering(
        ctx: Context, xs: list[Value], *, axes: Sequence[int] = (), axis_index_groups: object = None
    ) -> list[Value]:
        """A collective over the axis of `jax.vmap` is a reduction over that dimension."""
        if axis_index_groups is not None or not all(isinstance(a, int) for a in axes):
            raise UnsupportedError("runs on several devices", "convert the function of one device", code="LS010")
        each = [replace(ctx, avals_in=[a], avals_out=[r]) for a, r in zip(ctx.avals_in, ctx.avals_out, strict=True)]
        return [reduce_axes(c, x, kind, axes) for c, x in zip(each, xs, strict=True)]

    return lowering


COLLECTIVES: tuple[Lowering[..., Results], ...] = tuple(
    lowers(f"p{kind}", *more)(_over_axes(kind))
    for kind, more in {"sum": ("psum_invariant",), "max": (), "min": ()}.items()
)


@lowers("reduce")
def reduce(ctx: Context, operands: list[Value], *, jaxpr: Jaxpr, dimensions: Sequence[int]) -> Value:
    """A reduction by a function: one of the known ones, over one operand."""
    kind = monoid_of(jaxpr)
    x, init = operands if len(operands) == 2 else (None, None)
    if kind is None or x is None or init is None:
        raise UnsupportedError("a reduction by a custom function", "use jnp.sum, max, min, prod, all or any")
    return reduce_from(ctx, x, init, kind, dimensions)


def reduce_from(ctx: Context, x: Value, init: Value, kind: str, axes: Sequence[int]) -> Value:
    """``x`` without ``axes``, reduced by ``kind`` (add, max, min, mul, and, or) from a start value."""
    name = {v: k for k, v in MONOIDS.items()}[kind]
    made = reduce_axes(ctx, x, name, axes)
    unsigned = is_unsigned_word(ctx.avals_in[0].dtype) and kind in ("max", "min")
    neutral = np.int32(0 if kind == "max" else -1) if unsigned else windows.identity_of(kind, x.type.dtype)
    if init.is_const and bool(np.all(init.numpy() == neutral)):
        return made
    if unsigned:
        keys = [bits.signed_order(ctx.b, v) for v in (made, init)]
        return bits.signed_order(ctx.b, _join(ctx.b, kind, *keys))
    return _join(ctx.b, kind, made, init)


def _join(b: Builder, kind: str, x: Value, y: Value) -> Value:
    names = {"add": "add", "mul": "mul", "max": "maximum", "min": "minimum", "and": "logical_and", "or": "logical_or"}
    return b.apply(names[kind], x, y)


def monoid_of(jaxpr: Jaxpr) -> str | None:
    """The kind of a jaxpr of one binary equation on its two inputs, or None."""
    inner = open_up(jaxpr)
    if len(inner.eqns) != 1 or len(inner.invars) != 2:
        return None
    (eqn,) = inner.eqns
    known = {"add": "add", "add_any": "add", "mul": "mul", "max": "max", "min": "min", "and": "and", "or": "or"}
    if {id(a) for a in eqn.invars} != {id(a) for a in inner.invars} or inner.outvars != eqn.outvars:
        return None
    return known.get(eqn.primitive.name)


# -- places of extrema ------------------------------------------------------------------------------------------------


def _arg_lowering(name: str) -> Callable[..., Value]:
    def lowering(ctx: Context, x: Value, *, axes: Sequence[int], index_dtype: ElementType) -> Value:
        (axis,) = axes
        b = ctx.b
        if is_unsigned_word(ctx.avals_in[0].dtype):
            x = bits.signed_order(b, x)
        if x.type.dtype is DType.BOOL or x.type.dtype in NARROW:
            x = cast(b, x, DType.INT32)
        if x.type.dtype is DType.INT64:
            raise UnsupportedError("int64 is not taken by ARG_MAX", "convert to int32", code="LS012")
        made = b.apply(name, x, np.array(axis, np.int32), output_type=DType.INT32)
        return cast(b, made, ctx.dtype)

    return lowering


PLACES = (lowers("argmax")(_arg_lowering("arg_max")), lowers("argmin")(_arg_lowering("arg_min")))

# -- running functions ------------------------------------------------------------------------------------------------


def _running(kind: str) -> Callable[..., Value]:
    def lowering(ctx: Context, x: Value, *, axis: int, reverse: bool) -> Value:
        unsigned = is_unsigned_word(ctx.aval.dtype) and kind in ("max", "min")
        wide = cast(ctx.b, x, DType.INT32) if x.type.dtype in NARROW else x
        wide = bits.signed_order(ctx.b, wide) if unsigned else wide
        made = cumulative.cumulative(ctx.b, wide, kind, axis, reverse=reverse)
        made = bits.signed_order(ctx.b, made) if unsigned else made
        return cast(ctx.b, made, x.type.dtype)

    return lowering


RUNNING: tuple[Lowering[..., Results], ...] = tuple(
    lowers(f"cum{kind}")(_running(kind)) for kind in ("sum", "prod", "max", "min", "logsumexp")
)

# -- windows ----------------------------------------------------------------------------------------------------------


def _window(kind: str) -> Callable[..., Value]:
    def lowering(
        ctx: Context,
        x: Value,
        *,
        window_dimensions: Sequence[int],
        window_strides: Sequence[int],
        padding: Sequence[tuple[Size, Size]],
        base_dilation: Sequence[int],
        window_dilation: Sequence[int],
    ) -> Value:
        return reduce_windows(ctx, x, kind, window_dimensions, window_strides, padding, base_dilation, window_dilation)

    return lowering


def reduce_windows(
    ctx: Context,
    x: Value,
    kind: str,
    window: Sequence[Size],
    strides: Sequence[Size],
    padding: Sequence[tuple[Size, Size]],
    base: Sequence[Size],
    dilation: Sequence[Size],
) -> Value:
    """``kind`` (add, max, min, mul, and, or) of each window over ``x``, padded with the neutral element."""
    if is_unsigned_word(ctx.avals_in[0].dtype) and kind in ("max", "min"):
        raise UnsupportedError(f"a window {kind} of uint32", "convert to int32", code="LS012")
    narrow = x.type.dtype
    wide = cast(ctx.b, x, DType.INT32) if narrow in NARROW else x
    known = [[d for d in map(dim_of, sizes) if isinstance(d, int)] for sizes in (window, strides, base, dilation)]
    if any(len(sizes) < x.rank for sizes in known):
        raise UnsupportedError("a window of unknown size", "use fixed shapes")
    pads = [(dim_of(low), dim_of(high)) for low, high in padding]
    made = windows.reduce_window(ctx.b, wide, kind, known[0], known[1], pads, *known[2:])
    return cast(ctx.b, made, narrow)


WINDOWS: tuple[Lowering[..., Results], ...] = tuple(
    lowers(primitive)(_window(kind))
    for primitive, kind in {
        "reduce_window_sum": "add",
        "reduce_window_max": "max",
        "reduce_window_min": "min",
    }.items()
)


@lowers("reduce_window")
def reduce_window(
    ctx: Context,
    operands: list[Value],
    *,
    jaxpr: Jaxpr,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Sequence[tuple[Size, Size]],
    base_dilation: Sequence[int],
    window_dilation: Sequence[int],
) -> Value:
    kind = monoid_of(jaxpr)
    if kind is None or len(operands) != 2:
        raise UnsupportedError("a window reduced by a custom function", "use sum, max, min or prod")
    x, init = operands
    require_neutral(init, kind, x.type.dtype)
    return reduce_windows(ctx, x, kind, window_dimensions, window_strides, padding, base_dilation, window_dilation)


def require_neutral(init: Value, kind: str, dtype: DType) -> None:
    """Raises UnsupportedError where windows start from something else than the neutral element."""
    if not init.is_const or not bool(np.all(init.numpy() == windows.identity_of(kind, dtype))):
        raise UnsupportedError(
            "a window reduction whose initial value is not the neutral element", "add the initial value afterwards"
        )


@lowers("select_and_scatter_add")
def select_and_scatter_add(
    ctx: Context,
    source: Value,
    x: Value,
    *,
    select_prim: object,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> Value:
    kind = {"ge": "max", "le": "min"}.get(getattr(select_prim, "name", ""))
    if kind is None:
        raise UnsupportedError("the gradient of a pool by a custom function", "use a maximum pool")
    pads = [(int(low), int(high)) for low, high in padding]
    return windows.select_and_scatter_add(ctx.b, x, source, kind, window_dimensions, window_strides, pads)


# -- sorting ----------------------------------------------------------------------------------------------------------


@lowers("sort")
def sort(ctx: Context, operands: list[Value], *, dimension: int, num_keys: int) -> list[Value]:
    flips = [is_unsigned_word(a.dtype) for a in ctx.avals_in]
    keys = [bits.signed_order(ctx.b, x) if f else x for x, f in zip(operands, flips, strict=True)]
    made = sorting.sort(ctx.b, keys, dimension, num_keys)
    return [bits.signed_order(ctx.b, x) if f else x for x, f in zip(made, flips, strict=True)]


@lowers("top_k")
def top_k(ctx: Context, x: Value, *, k: Size, axis: int = -1) -> list[Value]:
    count = dim_of(k)
    if not isinstance(count, int):
        raise UnsupportedError("top_k of an unknown number of elements", "use a fixed k")
    unsigned = is_unsigned_word(ctx.avals_in[0].dtype)
    values, order = sorting.topk(ctx.b, bits.signed_order(ctx.b, x) if unsigned else x, count, axis)
    return [bits.signed_order(ctx.b, values) if unsigned else values, cast(ctx.b, order, DType.INT32)]


@lowers("approx_top_k")
def approx_top_k(ctx: Context, x: Value, *, k: int, reduction_dimension: int, is_max_k: bool) -> list[Value]:
    """The exact ones."""
    values, order = sorting.topk(ctx.b, x, int(k), reduction_dimension, largest=is_max_k)
    return [values, order]
