"""How the lowering of a JAX primitive is written and found.

A lowering is a function from the operands and parameters of one equation to values::

    @lowers("dot_general")
    def dot_general(b: Builder, lhs: Value, rhs: Value, *, dimension_numbers: Any) -> Value: ...

Positional parameters are the operands in order; one annotated ``list[Value]`` takes what the others leave. Keyword-only
parameters are those of the primitive that matter here, by name; the equation's other ones are left aside. A first
parameter annotated `Context` gives access to the abstract values and to the import itself.

``broadcasts``: the function takes operands that still have to be broadcast to their shape (dimensions of size 1, or
scalars) and may give such a result. ``complex``: it takes and gives `Complex` pairs (None: tensors and pairs alike);
the other lowerings of the same primitive take real tensors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from litesmith.errors import UnsupportedError


@dataclass(frozen=True)
class Parameters:
    """What a lowering takes: operands as (name, takes a list), keyword parameters with their defaults."""

    wants_context: bool
    operands: tuple[tuple[str, bool], ...]
    keywords: Mapping[str, Any]
    all_keywords: bool


@dataclass(frozen=True, eq=False)
class Lowering:
    """A function and the primitives it lowers."""

    primitives: tuple[str, ...]
    function: Callable[..., Any]
    broadcasts: bool = False
    complex: bool | None = False

    @cached_property
    def parameters(self) -> Parameters:
        """What the function takes, read from its signature once."""
        operands, keywords, context, everything = [], {}, False, False
        for index, parameter in enumerate(inspect.signature(self.function).parameters.values()):
            annotation = str(parameter.annotation)
            if index == 0:
                context = annotation == "Context"
            elif parameter.kind is parameter.KEYWORD_ONLY:
                keywords[parameter.name] = parameter.default
            elif parameter.kind is parameter.VAR_KEYWORD:
                everything = True
            else:
                operands.append((parameter.name, annotation.startswith("list[")))
        return Parameters(context, tuple(operands), keywords, everything)

    def bind_operands(self, operands: Sequence[Any]) -> list[Any]:
        """The operands as positional arguments. Raises UnsupportedError when their number does not fit."""
        declared = self.parameters.operands
        spare = len(operands) - sum(not is_list for _, is_list in declared)
        if spare < 0 or (spare and not any(is_list for _, is_list in declared)):
            raise UnsupportedError(f"expected {len(declared)} operands, got {len(operands)}", "report this JAX version")
        bound, at = [], 0
        for _, is_list in declared:
            bound.append(list(operands[at : at + spare]) if is_list else operands[at])
            at += spare if is_list else 1
        return bound

    def bind_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The equation's parameters as keyword arguments. Raises UnsupportedError for one that is missing."""
        if self.parameters.all_keywords:
            return {**self.parameters.keywords, **params}
        bound = {name: params.get(name, default) for name, default in self.parameters.keywords.items()}
        missing = [name for name, value in bound.items() if value is inspect.Parameter.empty]
        if missing:
            raise UnsupportedError(f"parameter {missing[0]!r} is missing", "use a supported version of JAX")
        return bound


def lowers(
    *primitives: str, broadcasts: bool = False, complex: bool | None = False
) -> Callable[[Callable[..., Any]], Lowering]:
    """Declares the function as the lowering of these primitives."""
    return lambda function: Lowering(primitives, function, broadcasts, complex)


def collect(modules: Iterable[ModuleType]) -> tuple[dict[str, Lowering], dict[str, Lowering]]:
    """Every lowering of these modules (alone or in a tuple) by primitive: for real tensors, and for complex ones.

    Raises ValueError for a double one.
    """
    tables: tuple[dict[str, Lowering], dict[str, Lowering]] = ({}, {})
    for module in modules:
        for value in vars(module).values():
            for lowering in value if isinstance(value, tuple) else (value,):
                if isinstance(lowering, Lowering):
                    for primitive in lowering.primitives:
                        if tables[bool(lowering.complex)].setdefault(primitive, lowering) is not lowering:
                            raise ValueError(f"{primitive} is lowered twice")
    return tables
