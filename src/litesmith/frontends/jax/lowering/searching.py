"""`jnp.searchsorted` and `jnp.digitize` in known boundaries as BUCKETIZE; JAX spells them out as a loop that bisects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import Equation, Jaxpr, is_jaxpr, open_up
from litesmith.frontends.jax.types import Tensor
from litesmith.ir import DType, Value
from litesmith.ir.constant import Array

NAME = "searchsorted"
LOOP = "_searchsorted_scan_impl"
PRIMITIVE = "SearchSorted"
SIDES = {"lt_to": "right", "lt": "right", "le_to": "left", "le": "left"}
"""The loop goes left where the number is smaller than the element, or not greater than it."""

EXACT = 2**24
"""The kernel compares in float32, which holds integers up to here."""


def lower_search(ctx: Context, jaxpr: Jaxpr, args: Sequence[Tensor]) -> Value | None:
    """Where numbers belong among sorted boundaries; None where these are unknown, or the function is another one."""
    tensors = [a for a in args if isinstance(a, Value)]
    if len(args) != 2 or len(tensors) != 2:
        return None
    boundaries, numbers = tensors
    if not boundaries.is_const or boundaries.rank != 1 or numbers.is_const or ctx.aval.dtype != np.int32:
        return None
    if numbers.type.dtype not in (DType.FLOAT32, DType.INT32) or boundaries.type.dtype is not numbers.type.dtype:
        return None
    limits = _upper_bounds(boundaries.numpy(), _side(jaxpr))
    if limits is None:
        return None
    return ctx.b.bucketize(ctx.expand(numbers, ctx.avals_in[1]), boundaries=tuple(map(float, limits)))


def _side(jaxpr: Jaxpr) -> str | None:
    """Which side of equal elements the loop ends at; None where there is more than such a loop."""
    outer = open_up(jaxpr)
    if len(outer.eqns) != 1:
        return None
    primitive = outer.eqns[0].params.get("_prim")
    if primitive is None and outer.eqns[0].params.get("name") != LOOP:
        return None
    if list(outer.eqns[0].invars) != list(outer.invars) or list(outer.eqns[0].outvars) != list(outer.outvars):
        return None
    if primitive is not None:
        return _side_of_primitive(primitive)
    found = _equations(jaxpr)
    sides = {SIDES[eqn.primitive.name] for eqn in found if eqn.primitive.name in SIDES}
    return sides.pop() if len(sides) == 1 else None


def _side_of_primitive(primitive: object) -> str | None:
    """The side of the primitive that JAX 0.12 has for the loop; None for another one, or other dimensions."""
    params = dict(getattr(primitive, "params", None) or {})
    if type(primitive).__name__ != PRIMITIVE or params.get("dimension") != 0 or params.get("batch_dims") != 0:
        return None
    side = params.get("side")
    return side if side in ("left", "right") else None


def _equations(jaxpr: Jaxpr) -> Iterator[Equation]:
    for eqn in open_up(jaxpr).eqns:
        yield eqn
        for param in eqn.params.values():
            if is_jaxpr(param):
                yield from _equations(param)


def _upper_bounds(boundaries: Array, side: str | None) -> Array | None:
    """Boundaries whose number at or below an element is what is asked for; None where there are none.

    On the left of equal elements, that is the next greater number of each; denormal ones are 0, as for XLA.
    """
    if side is None or np.any(boundaries[1:] < boundaries[:-1]) or np.any(np.isnan(boundaries)):
        return None
    if boundaries.dtype.kind == "i":
        limits = boundaries.astype(np.int64) + (side == "left")
        return limits if np.all(np.abs(limits) <= EXACT) else None
    if side == "right":
        return boundaries
    if not np.all(np.isfinite(boundaries)):
        return None
    tiny = np.finfo(np.float32).tiny
    return np.where(np.abs(boundaries) < tiny, tiny, np.nextafter(boundaries, np.float32(np.inf)))
