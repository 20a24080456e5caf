"""What the lowerings of all frontends have in common: how their parameters are read, bound and found.

A lowering is a function from the operands and attributes of one source operation to values. Positional parameters are
the operands in order; one annotated ``list[…]`` takes what the others leave. A parameter annotated with ``Item`` or
``Tensor`` also takes what is no tensor. Keyword-only parameters are attributes; their defaults stand in for those the
operation leaves out. A first parameter annotated `Context` gives access to the import itself, any other one is the builder.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Generic, ParamSpec, TypeAlias, TypeVar

from litesmith.errors import UnsupportedError

T = TypeVar("T")
P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

EXPORT_AGAIN = "export the model again with a supported version of the framework"


_AS_IT_IS = ("Item", "Tensor")
"""Annotations of parameters that take what flows in as it is."""


@dataclass(frozen=True)
class Input:
    """One positional parameter."""

    name: str
    is_list: bool
    takes_item: bool


@dataclass(frozen=True)
class Parameters:
    """The parameters of a lowering; ``attrs`` maps names to defaults, ``all_attrs``: it takes every other one too."""

    wants_context: bool
    inputs: tuple[Input, ...]
    attrs: Mapping[str, object]
    all_attrs: bool


@dataclass(frozen=True, eq=False)
class Lowering(Generic[P, R_co]):
    """A function and the source operations it lowers, by name."""

    names: tuple[str, ...]
    function: Callable[P, R_co]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return self.function(*args, **kwargs)

    @cached_property
    def parameters(self) -> Parameters:
        """What the function takes, read from its signature once."""
        inputs: list[Input] = []
        attrs: dict[str, object] = {}
        context, all_attrs = False, False
        for index, parameter in enumerate(inspect.signature(self.function).parameters.values()):
            annotation = str(parameter.annotation)
            if index == 0:
                context = annotation == "Context"
            elif parameter.kind is parameter.KEYWORD_ONLY:
                attrs[parameter.name] = parameter.default
            elif parameter.kind is parameter.VAR_KEYWORD:
                all_attrs = True
            else:
                is_list = annotation.startswith("list[")
                kind = annotation.removeprefix("list[").removesuffix("]")
                inputs.append(Input(parameter.name, is_list, kind in _AS_IT_IS))
        return Parameters(context, tuple(inputs), attrs, all_attrs)

    def bind_inputs(self, inputs: Sequence[T]) -> list[T | list[T]]:
        """The operands as positional arguments. Raises UnsupportedError when their number does not fit."""
        declared = self.parameters.inputs
        spare = len(inputs) - sum(not i.is_list for i in declared)
        if spare < 0 or (spare and not any(i.is_list for i in declared)):
            raise UnsupportedError(f"expected {len(declared)} operands, got {len(inputs)}", EXPORT_AGAIN)
        bound: list[T | list[T]] = []
        at = 0
        for parameter in declared:
            bound.append(list(inputs[at : at + spare]) if parameter.is_list else inputs[at])
            at += spare if parameter.is_list else 1
        return bound

    def bind_attrs(self, attrs: Mapping[str, object]) -> dict[str, object]:
        """The attributes as keyword arguments. Raises UnsupportedError for one that is missing."""
        if self.parameters.all_attrs:
            return {**self.parameters.attrs, **attrs}
        bound = {name: attrs.get(name, default) for name, default in self.parameters.attrs.items()}
        missing = [name for name, value in bound.items() if value is inspect.Parameter.empty]
        if missing:
            raise UnsupportedError(f"attribute {missing[0]!r} is missing", EXPORT_AGAIN)
        return bound


AnyLowering: TypeAlias = "Lowering[..., object]"
L = TypeVar("L", bound=AnyLowering)


def lowerings_of(modules: Iterable[ModuleType], kind: type[L]) -> Iterator[L]:
    """Every lowering of this kind defined in these modules, alone or in a tuple."""
    for module in modules:
        for value in vars(module).values():
            yield from (v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, kind))


def by_name(lowerings: Iterable[L]) -> dict[str, L]:
    """The lowerings by the operations they lower. Raises ValueError for one that is lowered twice."""
    found: dict[str, L] = {}
    for lowering in lowerings:
        for name in lowering.names:
            if found.setdefault(name, lowering) is not lowering:
                raise ValueError(f"{name} is lowered twice")
    return found
