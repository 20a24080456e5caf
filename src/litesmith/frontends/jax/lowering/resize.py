"""`jax.image.resize`, which JAX spells out in gathers or products with matrices, as the resizing kernels.

The function is known by what it does: its result is the image with matrices multiplied to two of its dimensions, and
those matrices are the kernel's. Only pixels that are not finite show a difference: a product with zeros spreads them
as NaN over whole rows and columns, the kernel over the pixels next to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

import numpy as np

from litesmith.decompositions.shapes import expand_dims, squeeze, transpose
from litesmith.frontends.jax.importer import Context, import_equation
from litesmith.frontends.jax.live import (
    Atom,
    ClosedJaxpr,
    DotNumbers,
    Equation,
    GatherNumbers,
    Jaxpr,
    OpenJaxpr,
    Size,
    open_up,
)
from litesmith.frontends.jax.types import Item, Tensor, constant_of
from litesmith.ir import DType, Value
from litesmith.ir.constant import Array
from litesmith.ops import OPS

Axes = list[tuple[int, Array | None]]
"""For each dimension of a value: the image's dimension it comes from, and its weights [old size, new size] if any."""

Followed: TypeAlias = Item | Axes
"""A constant, or what became of the image."""

NAMES = frozenset({"_resize", "resize"})
LARGEST = 2**24  # elements of a matrix that is looked at
NEAREST, BILINEAR = "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"
PLACES: Mapping[tuple[int, int, int], tuple[int, ...]] = {
    (4, 1, 2): (0, 1, 2, 3),
    (4, 2, 3): (0, 2, 3, 1),
    (3, 0, 1): (0, 1, 2),
    (2, 0, 1): (0, 1),
}
"""Rank of the image, its height and width -> the order that makes it [batch, height, width, channels]."""
MISSING: Mapping[int, tuple[int, ...]] = {4: (), 3: (0,), 2: (0, 3)}
"""Rank of the image -> which of batch and channels it lacks."""


class NotAResizeError(Exception):
    """The function is no resize."""


def lower_resize(ctx: Context, jaxpr: Jaxpr, args: Sequence[Tensor]) -> Value | None:
    """The result of a jaxpr that resizes its only argument as a kernel does; None where it is something else."""
    if len(args) != 1 or not isinstance(args[0], Value) or args[0].is_const:
        return None
    image = ctx.expand(args[0], ctx.avals_in[0])
    if image.type.dtype is not DType.FLOAT32:
        return None
    try:
        consts = ctx.session.constants_of(jaxpr)
        (axes,) = _walk(ctx, open_up(jaxpr), consts, [[(d, None) for d in range(image.rank)]])
        return _emit(ctx, image, axes)
    except NotAResizeError:
        return None


# -- what the function does -------------------------------------------------------------------------------------------


def _walk(ctx: Context, jaxpr: OpenJaxpr, consts: Sequence[Followed], args: Sequence[Followed]) -> list[Followed]:
    """Results of a jaxpr: constants, and what became of the image. Raises NotAResizeError where that cannot be said."""
    env: dict[Atom, Followed] = dict(zip(jaxpr.constvars, consts, strict=True))
    env.update(zip(jaxpr.invars, args, strict=True))

    def constant(atom: Atom) -> Item:
        known = read(atom)
        assert not isinstance(known, list)
        return known

    def read(atom: Atom) -> Followed:
        return constant_of(np.asarray(atom.val, atom.aval.dtype)) if hasattr(atom, "val") else env[atom]

    for eqn in jaxpr.eqns:
        operands = [read(a) for a in eqn.invars]
        live = any(isinstance(v, list) for v in operands)
        made = _step(ctx, eqn, operands) if live else import_equation(ctx, eqn, constant)
        if not all(isinstance(v, list) or (isinstance(v, Value) and v.is_const) for v in made):
            raise NotAResizeError
        env.update(zip(eqn.outvars, made, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _step(ctx: Context, eqn: Equation, operands: list[Followed]) -> Sequence[Followed]:
    name = eqn.primitive.name
    if name in ("jit", "pjit"):
        inner = cast(ClosedJaxpr, eqn.params["jaxpr"])
        return _walk(ctx, inner.jaxpr, ctx.session.constants_of(inner), operands)
    if name not in _STEPS:
        raise NotAResizeError
    given: list[Followed] = [
        ctx.expand(v, a.aval) if isinstance(v, Value) else v for v, a in zip(operands, eqn.invars, strict=True)
    ]
    return [_STEPS[name](given, eqn)]


def _product(operands: list[Followed], eqn: Equation) -> Axes:
    """The image by a constant matrix."""
    (contract, batch) = cast(DotNumbers, eqn.params["dimension_numbers"])
    side = 0 if isinstance(operands[0], list) else 1
    image, weights = operands[side], operands[1 - side]
    if not isinstance(image, list) or not isinstance(weights, Value) or weights.rank != 2:
        raise NotAResizeError
    if len(contract[0]) != 1 or batch[0] or weights.type.dtype is not DType.FLOAT32:
        raise NotAResizeError
    place, inner = contract[side][0], contract[1 - side][0]
    matrix = weights.numpy()
    new = [_set_weights(image[place], matrix if inner == 0 else matrix.T)]
    rest = [axis for i, axis in enumerate(image) if i != place]
    return [*rest, *new] if side == 0 else [*new, *rest]


def _gather(operands: list[Followed], eqn: Equation) -> Axes:
    """Whole slices along one dimension of the image."""
    image, places = operands
    numbers = cast(GatherNumbers, eqn.params["dimension_numbers"])
    sizes, shape = cast(Sequence[Size], eqn.params["slice_sizes"]), eqn.invars[0].aval.shape
    if (
        not isinstance(image, list)
        or not isinstance(places, Value)
        or len(numbers.start_index_map) != 1
        or len(shape) != len(image)
    ):
        raise NotAResizeError
    place = numbers.start_index_map[0]
    rest = tuple(i for i in range(len(image)) if i != place)
    whole = all(sizes[i] == shape[i] for i in rest) and sizes[place] == 1
    plain = tuple(numbers.collapsed_slice_dims) == (place,) and tuple(numbers.offset_dims) == rest
    size = shape[place]
    if not (whole and plain and places.rank == 2 and isinstance(size, int)):
        raise NotAResizeError
    index = places.numpy()[:, 0]
    if index.size * size > LARGEST or index.min() < 0 or index.max() >= size:
        raise NotAResizeError
    return [_set_weights(a, np.eye(size, dtype=bool)[:, index]) if i == place else a for i, a in enumerate(image)]


def _transpose(operands: list[Followed], eqn: Equation) -> Axes:
    image = operands[0]
    assert isinstance(image, list)
    return [image[p] for p in cast(Sequence[int], eqn.params["permutation"])]


def _set_weights(axis: tuple[int, Array | None], matrix: Array) -> tuple[int, Array]:
    if axis[1] is not None:
        raise NotAResizeError
    return axis[0], matrix


_STEPS: Mapping[str, Callable[[list[Followed], Equation], Axes]] = {
    "dot_general": _product,
    "gather": _gather,
    "transpose": _transpose,
}

# -- what the kernels do ----------------------------------------------------------------------------------------------


def _kernel_weights(name: str, old: int, new: int) -> Array:
    """[old, new] weights of a kernel along one dimension, with pixels that have their centers in the middle."""
    evaluate = OPS[name].evaluate
    if evaluate is None or old * max(old, new) > LARGEST:
        raise NotAResizeError
    pixels = np.eye(old, dtype=np.float32).reshape(1, old, 1, old)
    made = evaluate(pixels, np.array([new, 1], np.int32), align_corners=False, half_pixel_centers=True)
    return np.asarray(made).reshape(new, old).T


def _agrees(name: str, matrix: Array) -> bool:
    """Whether a kernel has these weights: the nearest pixels are the same, weights differ by the rounding of places."""
    allowed = 0.0 if name == NEAREST else 4 * float(np.spacing(np.float32(matrix.shape[0])))
    return bool(np.max(np.abs(_kernel_weights(name, *matrix.shape) - matrix)) <= allowed)


def _emit(ctx: Context, image: Value, axes: Followed) -> Value:
    """The kernel that does to the image what ``axes`` say. Raises NotAResizeError where none does."""
    if not isinstance(axes, list) or [d for d, _ in axes] != list(range(image.rank)):
        raise NotAResizeError
    changed = {d: m for d, m in axes if m is not None}
    (rank, *pair), order = _spatial_order(image.rank, changed)
    nearest = all(m.dtype == np.bool_ for m in changed.values())
    name = NEAREST if nearest else BILINEAR
    if not changed or not all(m.dtype == (np.bool_ if nearest else np.float32) for m in changed.values()):
        raise NotAResizeError
    if not all(_agrees(name, m) for m in changed.values()):
        raise NotAResizeError
    sizes = [changed[d].shape[1] if d in changed else image.dims[d] for d in pair]
    if not all(isinstance(s, int) for s in sizes):
        raise NotAResizeError
    b = ctx.b
    x = transpose(b, image, order)
    x = expand_dims(b, x, *MISSING[rank])
    emit = b.resize_nearest_neighbor if nearest else b.resize_bilinear
    x = emit(x, np.array(sizes, np.int32), align_corners=False, half_pixel_centers=True)
    x = squeeze(b, x, *MISSING[rank])
    return transpose(b, x, [int(i) for i in np.argsort(order)])


def _spatial_order(rank: int, changed: Mapping[int, Array]) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """Where height and width are, and the order that brings them to the middle."""
    for place, order in PLACES.items():
        if place[0] == rank and set(changed) <= set(place[1:]):
            return place, order
    raise NotAResizeError
