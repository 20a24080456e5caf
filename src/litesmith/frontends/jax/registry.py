"""How the lowering of a JAX primitive is written and found.

    @lowers("dot_general")
    def dot_general(b: Builder, lhs: Value, rhs: Value, *, dimension_numbers: DotNumbers) -> Value: ...

The rules for parameters are those of `frontends.registry`; keyword-only parameters are those of the primitive that
matter here, the equation's other ones are left aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import ParamSpec, TypeVar

from litesmith.frontends import registry
from litesmith.frontends.jax.types import Results

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, eq=False)
class Lowering(registry.Lowering[P, R_co]):
    """A function and the primitives it lowers.

    broadcasts: it takes operands that still have to be broadcast to their shape (dimensions of size 1, or scalars) and
    may give such a result. complex: it takes and gives `Complex` pairs (None: tensors and pairs alike); the other
    lowerings of the same primitive take real tensors.
    """

    broadcasts: bool = False
    complex: bool | None = False


def lowers(
    *primitives: str, broadcasts: bool = False, complex: bool | None = False
) -> Callable[[Callable[P, R]], Lowering[P, R]]:
    """Declares the function as the lowering of these primitives."""
    return lambda function: Lowering(primitives, function, broadcasts, complex)


def collect(modules: Iterable[ModuleType]) -> tuple[dict[str, Lowering[..., Results]], dict[str, Lowering[..., Results]]]:
    """Every lowering of these modules by primitive: for real tensors, and for complex ones.

    Raises ValueError for a primitive that is lowered twice.
    """
    lowerings = list(registry.lowerings_of(modules, Lowering))
    real = registry.by_name(v for v in lowerings if not v.complex)
    return real, registry.by_name(v for v in lowerings if v.complex)
