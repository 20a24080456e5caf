"""How the lowering of a StableHLO operation is written and found.

    @lowers("stablehlo.dot_general")
    def dot_general(ctx: Context, lhs: Value, rhs: Value, *, dot_dimension_numbers: DotNumbers) -> Item: ...

The rules for parameters are those of `frontends.registry`; besides the operation's attributes there are ``regions``.
Targets of custom calls are lowered by the name
``@target``, composites that are not to be taken apart by their own (``chlo.top_k``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from litesmith.frontends import registry
from litesmith.frontends.jax.types import Item, Tensor

if TYPE_CHECKING:
    from litesmith.frontends.stablehlo.importer import Context, Results

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, eq=False)
class Lowering(registry.Lowering[P, R_co]):
    """A function and the operations it lowers.

    broadcasts: it takes operands that still have to be broadcast to their shape, and its results have the shape of its
    operands; results of the others are whole, or `Bound` to a shape.
    """

    broadcasts: bool = False


def lowers(*operations: str, broadcasts: bool = False) -> Callable[[Callable[P, R]], Lowering[P, R]]:
    """Declares the function as the lowering of these operations."""
    return lambda function: Lowering(operations, function, broadcasts)


def direct(*operations: str, to: str, broadcasts: bool = False, **params: object) -> Lowering[..., Results]:
    """The lowering of operations that are a JAX primitive under another name.

    params: those of the primitive; a string is the name of the attribute that has its value.
    """

    def lowering(ctx: Context, operands: list[Tensor], **attrs: object) -> Sequence[Item]:
        given = {name: attrs.get(value) if isinstance(value, str) else value for name, value in params.items()}
        return ctx.lower(to, operands, **given)

    return Lowering(operations, lowering, broadcasts)


def collect(modules: Iterable[ModuleType]) -> dict[str, Lowering[..., Results]]:
    """Every lowering of these modules by operation. Raises ValueError for one that is lowered twice."""
    return registry.by_name(registry.lowerings_of(modules, Lowering))
