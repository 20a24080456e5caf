"""Modules that are called as functions, in the form `jax.jit` takes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from litesmith.errors import UsageError


def traceable(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or one that does the same and that JAX can trace.

    A module of flax.nnx (or a method of one) may count its random numbers, or scan over itself, which JAX allows only
    to a module made while tracing: a copy of it is called. A module that is a dataclass may have no hash. Calling the
    result raises UsageError where a module changes its state.
    """
    nnx = sys.modules.get("flax.nnx")
    owner = getattr(function, "__self__", function)
    if nnx is not None and isinstance(owner, nnx.Module):
        return _on_a_copy(nnx, owner, getattr(function, "__func__", type(owner).__call__))
    return function if _has_hash(function) else functools.partial(type(function).__call__, function)


def _has_hash(function: Callable[..., Any]) -> bool:
    """Whether it has a hash: a class that defines one may still refuse, for the arrays within."""
    try:
        hash(function)
    except TypeError:
        return False
    return True


def _on_a_copy(nnx: Any, module: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    import jax

    definition, state = nnx.split(module)

    def call(*args: Any, **kwargs: Any) -> Any:
        renewed = jax.tree_util.tree_map(lambda array: array, state)  # variables of this trace, the arrays as they are
        copy = nnx.merge(definition, renewed)
        result = method(copy, *args, **kwargs)
        _check_unchanged(nnx, state, nnx.split(copy)[1])
        return result

    return call


def _check_unchanged(nnx: Any, before: Any, after: Any) -> None:
    """Raises UsageError where a variable got another value; counters of random numbers may."""
    now = dict(nnx.to_flat_state(after))
    for path, variable in nnx.to_flat_state(before):
        if isinstance(variable, nnx.RngState):
            continue
        if path not in now or now[path].get_raw_value() is not variable.get_raw_value():
            raise UsageError(
                f"the module changes its {type(variable).__name__} {'.'.join(map(str, path))} when it is called\n"
                "      Fix: call model.eval() first; state that has to change is to be an argument and a result"
            )
