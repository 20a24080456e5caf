"""A function and its arguments, as JAX traces them."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeGuard, cast

import numpy as np

from litesmith.errors import LitesmithError, TracingError
from litesmith.frontends.jax.live import Jitted, Traced
from litesmith.frontends.jax.modules import traceable
from litesmith.ir import Sym, TensorType


def abstract_arguments(
    args: Sequence[object], kwargs: Mapping[str, object], bounds: Sequence[str] = ()
) -> tuple[tuple[object, ...], dict[str, object]]:
    """Arguments as abstract ones: what `jax.jit(f).trace` takes. bounds: what holds of named sizes (``"n <= 8"``)."""
    import jax
    from jax import export  # older versions do not import it with jax

    leaves = jax.tree_util.tree_leaves((tuple(args), dict(kwargs)), is_leaf=is_type)
    symbols = sorted({str(d) for t in leaves if is_type(t) for d in t.dims if isinstance(d, Sym)})
    scope = export.SymbolicScope(bounds) if symbols else None
    sizes = dict(zip(symbols, export.symbolic_shape(",".join(symbols), scope=scope), strict=True)) if symbols else {}

    def abstract(leaf: object) -> object:
        if is_type(leaf):
            return jax.ShapeDtypeStruct([sizes.get(str(d), d) for d in leaf.dims], leaf.dtype.numpy)
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
        return leaf

    made = jax.tree_util.tree_map(abstract, (tuple(args), dict(kwargs)), is_leaf=is_type)
    return made[0], made[1]


def is_type(leaf: object) -> TypeGuard[TensorType]:
    """Whether an argument is given by its tensor type."""
    return isinstance(leaf, TensorType)


def trace(
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: dict[str, object],
    static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Sequence[str] | None = None,
) -> Traced:
    """The `jax.stages.Traced` of a call. Raises TracingError with JAX's reason where there is none.

    A function that is jitted already keeps its own static arguments. Of the arguments of another one, leaves that are
    neither arrays nor numbers (functions, strings) are kept as they are.
    """
    import jax

    try:
        with _whole_tracebacks():
            jitted, bound = _jitted_function(function)
            if jitted is not None and static_argnums is None and static_argnames is None:
                return jitted.trace(*bound, *args, **kwargs)
            call, args, kwargs = _without_objects(traceable(function), args, kwargs)
            made: Jitted = jax.jit(call, static_argnums=static_argnums, static_argnames=static_argnames)
            return made.trace(*args, **kwargs)
    except LitesmithError:
        raise
    except Exception as error:  # whatever the user's function raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TracingError(
            f"JAX cannot trace the function: {type(error).__name__}: {reason}\n      Fix: {_way_out(function, error)}"
        ) from error


_INCONCLUSIVE = re.compile(r"Symbolic dimension comparison '([^']+)' ([<>]=) '([^']+)' is inconclusive")


def required_bound(error: BaseException) -> str | None:
    """What an operation asks of unknown sizes, where that is why a function cannot be traced, as ``n <= 8``.

    A comparison of the user's own is none: both of its branches are meant.
    """
    cause: BaseException | None = error
    while cause is not None:
        found = _INCONCLUSIVE.search(str(cause))
        if found is not None and _in_shape_rule(cause):
            return " ".join(found.groups())
        cause = cause.__cause__ or cause.__context__
    return None


def _in_shape_rule(error: BaseException) -> bool:
    """Whether JAX's rule for the shape of a result raised it."""
    frames = (frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(code.co_name.endswith("_shape_rule") and "jax" in code.co_filename for code in frames)


@contextmanager
def _whole_tracebacks() -> Iterator[None]:
    """Has JAX leave its own frames in tracebacks."""
    import jax

    before = jax.config.jax_traceback_filtering
    jax.config.update("jax_traceback_filtering", "off")
    try:
        yield
    finally:
        jax.config.update("jax_traceback_filtering", before)


def _way_out(function: Callable[..., object], error: Exception) -> str:
    if _is_unbound(function):
        return "a module of flax.linen has no variables of its own: give functools.partial(model.apply, variables)"
    if bound := required_bound(error):
        return f'say so where the sizes are named: jax.export.symbolic_shape("…", constraints=["{bound}"])'
    return (
        "call it under jax.jit with these arguments first; bind static ones with static_argnums, static_argnames or "
        "functools.partial, and branch by jax.lax.cond or jnp.where"
    )


def _is_unbound(function: object) -> bool:
    """Whether it is a module of flax.linen without variables, or a method of one."""
    owner = getattr(function, "__self__", function)
    is_linen = any(c.__module__.startswith("flax.linen") and c.__name__ == "Module" for c in type(owner).__mro__)
    return is_linen and getattr(owner, "scope", None) is None


def _jitted_function(function: object) -> tuple[Jitted | None, tuple[object, ...]]:
    """The function `jax.jit` made and what is bound to it (of a method, its object); None of another one."""
    bound, inner = ((function.__self__,), function.__func__) if inspect.ismethod(function) else ((), function)
    return (cast(Jitted, inner), bound) if type(inner).__name__ == "PjitFunction" else (None, ())


def _without_objects(
    function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[Callable[..., object], tuple[object, ...], dict[str, object]]:
    """A function of the arguments' arrays and numbers alone, and those; the other leaves are bound to it."""
    import jax

    leaves, tree = jax.tree_util.tree_flatten((args, kwargs))
    kept = [None if _is_data(leaf) else leaf for leaf in leaves]
    if all(leaf is None for leaf in kept):
        return function, args, kwargs

    def call(*args: object, **kwargs: object) -> object:
        given = iter(jax.tree_util.tree_leaves((args, kwargs)))
        whole = [next(given) if leaf is None else leaf for leaf in kept]
        args, kwargs = jax.tree_util.tree_unflatten(tree, whole)
        return function(*args, **kwargs)

    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    data = [leaf if _is_data(leaf) else None for leaf in leaves]
    rest = jax.tree_util.tree_unflatten(tree, data)
    return call, rest[0], rest[1]


def _is_data(leaf: object) -> bool:
    return isinstance(leaf, (bool, int, float, complex, np.generic)) or hasattr(leaf, "dtype")
