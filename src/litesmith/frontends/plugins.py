"""Lowerings of composite functions that other packages bring: by decorator, or by entry point.

    @litesmith.composite("acme.gate")
    def gate(b, x, *, sharpness): ...

A package names its lowerings in its metadata, so that nobody has to import it:

    [project.entry-points."litesmith.composites"]
    "acme.gate" = "acme_litesmith:gate"

What `convert(composites=…)` is given comes first, then what is decorated, then entry points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, TypeAlias

from litesmith.errors import LitesmithError, UnsupportedError
from litesmith.frontends.plugin_registry import F, Function, PluginRegistry
from litesmith.ir import Builder, Value

Lowering: TypeAlias = Function

COMPOSITES = PluginRegistry("litesmith.composites", "composite", "lowering")


def composite(name: str) -> Callable[[F], F]:
    """Makes a function the lowering of the composite functions of this name, in every conversion from now on.

    name: what ``tf.function(experimental_implements=…)`` or ``jax.lax.composite`` says. The function takes the builder,
    the tensors of the call and, in keyword-only parameters, the attributes of the name; it gives its results. Raises
    UsageError where the name has another lowering already.
    """

    return COMPOSITES.decorator(name)


def registered_lowering(name: str) -> Lowering | None:
    """The lowering a decorator or an installed package brings for a composite; None where there is none."""
    return COMPOSITES.find(name)


def lower_first(
    names: Sequence[str], b: Builder, tensors: Sequence[Any], attrs: Mapping[str, Any], count: int
) -> list[Any] | None:
    """The results of a composite by the lowering of the first of its names that has one."""
    found = ((name, lowering) for name in names if (lowering := registered_lowering(name)) is not None)
    name, lowering = next(found, ("", None))
    return None if lowering is None else lower(lowering, b, name, tensors, attrs, count)


def hook(
    given: Mapping[str, Lowering],
) -> Callable[[Builder, str, Sequence[Any], Mapping[str, Any]], list[Any] | None] | None:
    """What an import asks at each call of a function, for lowerings given by name; None without any."""

    def lower_given(b: Builder, name: str, tensors: Sequence[Any], attrs: Mapping[str, Any]) -> list[Any] | None:
        return lower(given[name], b, name, tensors, attrs) if name in given else None

    return lower_given if given else None


def lower(
    lowering: Lowering, b: Builder, name: str, tensors: Sequence[Any], attrs: Mapping[str, Any], count: int | None = None
) -> list[Any]:
    """The results of a composite by its lowering. count: how many there have to be, where that is known.

    Raises UnsupportedError, with what the contract is, where the lowering fails or gives anything else.
    """
    try:
        made = lowering(b, *tensors, **_accepted_attrs(lowering, attrs))
    except LitesmithError:
        raise
    except Exception as error:  # the user's code may raise anything
        given = ", ".join(str(t.type) if isinstance(t, Value) else type(t).__name__ for t in tensors)
        raise UnsupportedError(
            f"the lowering of the composite {name!r} fails when it is called with ({given}): "
            f"{type(error).__name__}: {error}",
            "a lowering takes the builder, the tensors of the call in order (what a function captures comes last), and "
            "attributes as keyword-only parameters",
        ) from error
    results = list(made) if isinstance(made, (tuple, list)) else [made]
    wrong = [type(r).__name__ for r in results if not isinstance(r, Value)]
    if wrong or (count is not None and len(results) != count):
        got = f"a {wrong[0]}" if wrong else f"{len(results)} results"
        wanted = "tensors of the builder" if wrong else f"{count}, as many as the function has"
        raise UnsupportedError(f"the lowering of the composite {name!r} gives {got}", f"return {wanted}")
    return results


def _accepted_attrs(lowering: Lowering, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that a lowering has keyword parameters for: all, where it takes ``**attrs``."""
    parameters = signature(lowering).parameters.values()
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters):
        return dict(attrs)
    wanted = {p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY}
    return {name: value for name, value in attrs.items() if name in wanted}
