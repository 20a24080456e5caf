"""Modules that are called as functions, in the form `jax.jit` takes."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Protocol

from litesmith.errors import UsageError
from litesmith.frontends.jax.naming import path_text


class NNX(Protocol):
    """The module ``flax.nnx``."""

    Module: type
    RngState: type

    def split(self, node: object, *filters: object) -> tuple[object, object, object]: ...
    def merge(self, definition: object, *state: object) -> object: ...


def traceable(function: Callable[..., object]) -> Callable[..., object]:
    """The function, or one that does the same and that JAX can trace.

    A module of flax.nnx (or a method of one) may count its random numbers, or scan over itself, which JAX allows only
    to a module made while tracing: a copy of it is called. A module that is a dataclass may have no hash. Calling the
    result raises UsageError where a module changes its state.
    """
    nnx = sys.modules.get("flax.nnx")
    owner = getattr(function, "__self__", function)
    if nnx is not None and isinstance(owner, nnx.Module):
        return _on_a_copy(nnx, owner, function)
    if _has_hash(function):
        return function
    bound = functools.partial(type(function).__call__, function)
    bound.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return bound


def _has_hash(function: Callable[..., object]) -> bool:
    """Whether it has a hash: a class that defines one may still refuse, for the arrays within."""
    try:
        hash(function)
    except TypeError:
        return False
    return True


def _on_a_copy(nnx: NNX, module: object, function: Callable[..., object]) -> Callable[..., object]:
    import jax

    method = getattr(function, "__func__", type(module).__call__)
    definition, counters, state = nnx.split(module, nnx.RngState, ...)

    def call(*args: object, **kwargs: object) -> object:
        # variables of this trace, the arrays as they are
        renewed = jax.tree_util.tree_map(lambda array: array, (counters, state))
        copy = nnx.merge(definition, *renewed)
        result = method(copy, *args, **kwargs)
        _check_unchanged(state, nnx.split(copy, nnx.RngState, ...)[2])
        return result

    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return call


def _check_unchanged(before: object, after: object) -> None:
    """Raises UsageError where a variable got another value."""
    from jax.tree_util import tree_flatten_with_path

    now = {path_text(path, "."): array for path, array in tree_flatten_with_path(after)[0]}
    for path, array in tree_flatten_with_path(before)[0]:
        name = path_text(path, ".")
        if now.get(name) is not array:
            raise UsageError(
                f"the module changes its variable {name.removesuffix('.value')} when it is called\n"
                "      Fix: call model.eval() first; state that has to change is to be an argument and a result"
            )
