"""Reductions, windows and sorting."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence

import numpy as np

from litesmith.decompositions import bits
from litesmith.decompositions import sort as sorting
from litesmith.decompositions.shapes import cast
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.lowering.reduction import reduce_axes, reduce_from, reduce_windows, require_neutral
from litesmith.frontends.jax.types import Item, Tensor, is_unsigned_word
from litesmith.frontends.stablehlo.importer import Aval, Context
from litesmith.frontends.stablehlo.lowering.structure import known_dims
from litesmith.frontends.stablehlo.module import Region, Variable
from litesmith.frontends.stablehlo.regions import extremum_of, kind_of, order_of
from litesmith.frontends.stablehlo.registry import lowers
from litesmith.ir import Dim, DType, Value

_OWN = ("a reduction by a custom function", "use a sum, product, maximum, minimum, all or any")


@lowers("stablehlo.reduce")
def reduce(
    ctx: Context, operands: list[Tensor], *, dimensions: Sequence[int], regions: Sequence[Region]
) -> Item | list[Item]:
    """One tensor by a known function, or numbers and their indices by which number is the extremum."""
    if len(operands) == 2:
        kind = kind_of(regions[0])
        if kind is None:
            raise UnsupportedError(*_OWN)
        return _reduce_tensor(ctx, operands[0], operands[1], kind, dimensions)
    x = operands[0]
    if len(operands) == 4 and len(dimensions) == 1 and isinstance(x, Value):
        return _place_of_extremum(ctx, x, regions[0], dimensions[0])
    raise UnsupportedError("a reduction of several tensors at once", "reduce them one by one")


def _reduce_tensor(ctx: Context, x: Tensor, init: Tensor, kind: str, dimensions: Sequence[int]) -> Item:
    if kind == "xor" and isinstance(x, Value):
        return reduce_axes(ctx, x, "xor", dimensions)
    if isinstance(x, Value) and isinstance(init, Value):
        return reduce_from(ctx, x, init, kind, dimensions)
    if kind != "add":
        raise UnsupportedError(f"a {kind} over complex numbers", "reduce real and imaginary parts", code="LS012")
    return ctx.first(1).primitive("reduce_sum", [x], axes=dimensions)


def _place_of_extremum(ctx: Context, x: Value, region: Region, axis: int) -> list[Item]:
    kind = extremum_of(region)
    assert ctx.operation is not None
    if kind is None or not _counts_along(ctx, ctx.operation.operands[1], axis):
        raise UnsupportedError("a reduction of several tensors by a custom function", "use argmax or argmin")
    index_type = ctx.result_types[1].dtype
    first = ctx.first(1)
    number = first.of(first.avals_in, ctx.avals_out[:1]).primitive(f"reduce_{kind}", [x], axes=(axis,))
    place = first.of(first.avals_in, ctx.avals_out[1:]).primitive(
        f"arg{kind}", [x], axes=(axis,), index_dtype=index_type
    )
    return [number, place]


def _counts_along(ctx: Context, variable: Variable, axis: int) -> bool:
    """Whether the elements of a value are their index along the axis."""
    value = ctx.env[variable].value
    operation = variable.operation
    if operation is not None and operation.name in ("stablehlo.iota", "stablehlo.dynamic_iota"):
        return bool(operation.attrs["iota_dimension"] == axis)
    if not isinstance(value, Value) or not value.is_small_const or value.rank <= axis:
        return False
    elements = value.numpy()
    line = np.arange(elements.shape[axis]).reshape([-1 if a == axis else 1 for a in range(elements.ndim)])
    return bool(np.all(elements == line))


# -- windows ----------------------------------------------------------------------------------------------------------


@lowers("stablehlo.reduce_window")
def reduce_window(
    ctx: Context,
    operands: list[Value],
    *,
    window_dimensions: Sequence[int],
    regions: Sequence[Region],
    window_strides: Sequence[int] | None = None,
    base_dilations: Sequence[int] | None = None,
    window_dilations: Sequence[int] | None = None,
    padding: Sequence[Sequence[int]] | None = None,
) -> Item:
    if len(operands) != 2:
        raise UnsupportedError("windows of several tensors at once", "reduce them one by one")
    ones: list[Dim] = [1] * len(window_dimensions)
    pads = [(0, 0)] * len(ones) if padding is None else [(int(low), int(high)) for low, high in padding]
    steps = [list(v or ones) for v in (window_strides, base_dilations, window_dilations)]
    return _windows(ctx, operands, regions[0], list(window_dimensions), steps, pads)


@lowers("@stablehlo.dynamic_reduce_window")
def dynamic_reduce_window(ctx: Context, operands: list[Value], *, called_computations: Sequence[str]) -> Item:
    """Its sizes are operands: window, strides, dilations of operand and window, paddings."""
    if len(operands) != 7:
        raise UnsupportedError("windows of several tensors at once", "reduce them one by one")
    window, *steps, padding = (known_dims(v, "a window") for v in operands[2:])
    pads = list(zip(padding[::2], padding[1::2], strict=True))
    return _windows(ctx, operands[:2], ctx.function(called_computations[0]).body, window, steps, pads)


def _windows(
    ctx: Context,
    operands: Sequence[Value],
    region: Region,
    window: Sequence[Dim],
    steps: Sequence[Sequence[Dim]],
    pads: Sequence[tuple[Dim, Dim]],
) -> Item:
    kind, (x, init) = kind_of(region), operands
    if kind is None or kind == "xor":
        raise UnsupportedError("a window reduced by a custom function", "use sum, max, min or prod")
    require_neutral(init, kind, x.type.dtype)
    running = _running(x, window, steps, pads)
    if running is not None and kind in _CUMULATIVE:
        axis, is_reversed = running
        aval = Aval(x.dims, ctx.avals_in[0].dtype)
        inner = ctx.of([aval], [aval])
        return inner.primitive(_CUMULATIVE[kind], [x], axis=axis, reverse=is_reversed)
    strides, base, dilation = steps
    return reduce_windows(ctx, x, kind, window, strides, pads, base, dilation)


_CUMULATIVE = {"add": "cumsum", "mul": "cumprod", "max": "cummax", "min": "cummin"}


def _running(
    x: Value, window: Sequence[Dim], steps: Sequence[Sequence[Dim]], pads: Sequence[tuple[Dim, Dim]]
) -> tuple[int, bool] | None:
    """The dimension over which windows make a running function, and whether from its end; None where they do not."""
    sliding = [a for a, (size, pad) in enumerate(zip(window, pads, strict=True)) if size != 1 or tuple(pad) != (0, 0)]
    if len(sliding) != 1 or any(s != 1 for step in steps for s in step):
        return None
    (axis,) = sliding
    if window[axis] != x.dims[axis]:
        return None
    reach = x.dims[axis] - 1
    return {(reach, 0): (axis, False), (0, reach): (axis, True)}.get((pads[axis][0], pads[axis][1]))


@lowers("stablehlo.select_and_scatter")
def select_and_scatter(
    ctx: Context,
    x: Value,
    source: Value,
    init: Value,
    *,
    regions: Sequence[Region],
    window_dimensions: Sequence[int] | None = None,
    window_strides: Sequence[int] | None = None,
    padding: Sequence[Sequence[int]] | None = None,
) -> Item:
    """The gradient of a maximum or minimum pool."""
    chooses = _choice(regions[0])
    if chooses is None or kind_of(regions[1]) != "add" or not init.is_const or bool(np.any(init.numpy())):
        raise UnsupportedError("scatters by a custom function", "use the gradient of a maximum pool")
    ones = [1] * x.rank
    return ctx.reorder([1, 0]).primitive(
        "select_and_scatter_add",
        [source, x],
        select_prim=_Named(chooses),
        window_dimensions=window_dimensions or ones,
        window_strides=window_strides or ones,
        padding=[(0, 0)] * x.rank if padding is None else padding,
    )


class _Named:
    """A primitive, as far as its name goes."""

    def __init__(self, name: str) -> None:
        self.name = name


def _choice(region: Region) -> str | None:
    """``ge`` or ``le`` for a region that is this comparison of its arguments, else None."""
    if len(region.operations) != 1:
        return None
    (operation,) = region.operations
    if operation.name != "stablehlo.compare" or operation.operands != region.arguments:
        return None
    name = str(operation.attrs["comparison_direction"]).lower()
    return name if name in ("ge", "le") else None


# -- sorting ----------------------------------------------------------------------------------------------------------


@lowers("stablehlo.sort")
def sort(ctx: Context, operands: list[Value], *, regions: Sequence[Region], dimension: int = -1) -> Sequence[Item]:
    order = order_of(regions[0])
    if order is None:
        raise UnsupportedError("a sort by a custom comparison", "sort by values, in one direction")
    keys, descending = order
    axis = dimension % len(ctx.avals_in[0].shape)
    if not descending:
        return ctx.lower("sort", operands, dimension=axis, num_keys=keys)
    flips = [is_unsigned_word(a.dtype) for a in ctx.avals_in]
    ordered = [bits.signed_order(ctx.b, x) if f else x for x, f in zip(operands, flips, strict=True)]
    made = sorting.sort(ctx.b, ordered, axis, keys, descending=True)
    return [bits.signed_order(ctx.b, x) if f else x for x, f in zip(made, flips, strict=True)]


def _settings(attribute: object) -> Mapping[str, object]:
    """An attribute that is a dict of others; none where it is missing."""
    return attribute if isinstance(attribute, Mapping) else {}


@lowers("chlo.top_k", "@mhlo.topk", "@mhlo.top_k")
def top_k(ctx: Context, x: Value, **attrs: object) -> Sequence[Item]:
    settings = {**attrs, **_settings(attrs.get("mhlo.attributes"))}
    k, largest = settings.get("k"), settings.get("largest", True)
    if not isinstance(k, int):
        raise UnsupportedError("top_k lacks the number of elements", "export the model again")
    if largest:
        return ctx.lower("top_k", [x], k=k, axis=-1)
    values, order = sorting.topk(ctx.b, x, k, largest=False)
    return [values, cast(ctx.b, order, DType.INT32)]


@lowers("@stablehlo.dynamic_top_k")
def dynamic_top_k(ctx: Context, x: Value, k: Value) -> list[Item]:
    (count,) = known_dims(k, "the number of elements")
    return ctx.first(1).lower("top_k", [x], k=count, axis=-1)


@lowers("@ApproxTopK")
def approx_top_k(ctx: Context, operands: list[Value], **attrs: object) -> list[Value]:
    """The exact ones, which an approximation may be."""
    settings = {**attrs, **_settings(attrs.get("mhlo.backend_config")), **_settings(attrs.get("backend_config"))}
    called = ctx.function(str([*typing.cast("Sequence[str]", settings.get("called_computations") or []), ""][0]))
    order = order_of(called.body)
    assert ctx.operation is not None
    axis, k = int(str(settings["reduction_dim"])), int(str(settings["top_k"]))
    if order is None or len(operands) != 4 or not _counts_along(ctx, ctx.operation.operands[1], axis):
        raise UnsupportedError("an approximate top_k by a custom comparison", "use jax.lax.top_k")
    values, places = sorting.topk(ctx.b, operands[0], k, axis, largest=order[1])
    return [values, cast(ctx.b, places, DType.INT32)]
