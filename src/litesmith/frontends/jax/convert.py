"""JAX functions as programs, one signature each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from litesmith.errors import LitesmithError, TracingError, UsageError
from litesmith.frontends.jax.importer import POISON, Context, Session, import_jaxpr
from litesmith.frontends.jax.lowering import COMPLEX_LOWERINGS, LOWERINGS, REFUSED
from litesmith.frontends.jax.modules import traceable
from litesmith.frontends.jax.naming import closed_over_names, unique
from litesmith.frontends.jax.naming import input_names as paths_in
from litesmith.frontends.jax.naming import output_names as paths_out
from litesmith.frontends.jax.types import border_type, delivered, received
from litesmith.ir import Builder, Graph, Origin, Program, Signature, Sym, TensorType, Value


@dataclass(frozen=True)
class JaxFunction:
    """One entry point: a function and what it is called with.

    args, kwargs: pytrees of arrays, `jax.ShapeDtypeStruct` (whose sizes may be symbolic, `jax.export.symbolic_shape`)
    or `TensorType` (whose named sizes stay unknown). input_names, output_names: names of the leaves in order, in place
    of those their paths give (those of outputs may be a function, called after tracing).
    """

    function: Callable[..., Any]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    input_names: Sequence[str] | None = None
    output_names: Sequence[str] | Callable[[], Sequence[str]] | None = None


def import_jax(
    functions: Callable[..., Any] | Sequence[Callable[..., Any]],
    args: Sequence[Any] = (),
    signature_keys: Sequence[str] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | Callable[[], Sequence[str]] | None = None,
    **session: Any,
) -> Program:
    """The program of a function called with ``args`` (arrays or their specifications, see `JaxFunction`).

    Of several functions, each becomes a signature of its own; ``args`` then holds the arguments of each. Their keys are
    ``signature_keys``, by default ``serving_default`` or the functions' names. Closed-over arrays become constants.
    Raises ConverterError listing every primitive that cannot be expressed, each with the user's line, the reason and a
    way out.
    """
    if callable(functions):
        key = signature_keys[0] if signature_keys else "serving_default"
        return import_signatures(
            {key: JaxFunction(functions, args, kwargs or {}, input_names, output_names)}, **session
        )
    keys = list(signature_keys or unique([getattr(f, "__name__", "function") for f in functions]))
    if not len(keys) == len(functions) == len(args):
        raise UsageError(f"{len(functions)} functions need as many keys and argument lists")
    entries = [JaxFunction(f, a, kwargs or {}) for f, a in zip(functions, args, strict=True)]
    return import_signatures(dict(zip(keys, entries, strict=True)), **session)


def import_signatures(functions: Mapping[str, JaxFunction], **options: Any) -> Program:
    """One program with an entry point for each function; arrays several of them close over are stored once."""
    if not functions:
        raise UsageError("no function is given")
    session = Session(LOWERINGS, COMPLEX_LOWERINGS, REFUSED, **options)
    program = Program()
    for key, entry in functions.items():
        signature = _import_entry(session, key, entry)
        program.graphs.append(signature.graph)
        program.signatures.append(signature)
    session.raise_problems()
    return program


def _import_entry(session: Session, key: str, entry: JaxFunction) -> Signature:
    import jax

    args, kwargs = _specified(entry)
    traced = _traced(entry.function, args, kwargs)
    closed = traced.jaxpr
    inputs = _checked(entry.input_names, paths_in(args, kwargs), "input")
    tree = jax.tree_util.tree_unflatten(_out_tree(traced), [0] * len(closed.jaxpr.outvars))
    chosen = entry.output_names() if callable(entry.output_names) else entry.output_names
    outputs = _checked(chosen, paths_out(tree), "output")
    session.names = {**closed_over_names(entry.function), **session.names}
    graph = session.new_graph("main" if key == "serving_default" else key)
    _build(session, graph, closed, inputs)
    for name, value in zip(outputs, graph.outputs, strict=False):
        if value.op is not None and value.name in ("", value.op.origin.node):
            value.name = name
    return Signature(key, graph, {n: i for i, n in enumerate(inputs)}, {n: i for i, n in enumerate(outputs)})


def _traced(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The function as JAX traces it. Raises TracingError with JAX's reason where it cannot."""
    import jax

    try:
        return jax.jit(traceable(function)).trace(*args, **kwargs)
    except LitesmithError:
        raise
    except Exception as error:  # whatever the user's function raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TracingError(
            f"JAX cannot trace the function: {type(error).__name__}: {reason}\n      Fix: call it under jax.jit with these "
            "arguments first; bind static ones with functools.partial, and branch by jax.lax.cond or jnp.where"
        ) from error


def _out_tree(traced: Any) -> Any:
    import jax

    return jax.tree_util.tree_structure(traced.out_info)


def _checked(given: Sequence[str] | None, found: list[str], what: str) -> list[str]:
    if given is None:
        return found
    if len(given) != len(found) or len(set(given)) != len(given):
        raise UsageError(f"{len(found)} different {what} names are needed, got {list(given)}")
    return list(given)


def _build(session: Session, graph: Graph, closed: Any, names: Sequence[str]) -> None:
    """Fills the graph with the function's equations."""
    b = Builder(graph, session.opset)
    context = Context(b, session)
    border = Origin("jax.function", graph.name)
    for variable, name in zip(closed.jaxpr.invars, names, strict=True):
        graph.add_input(_border_type(context, variable.aval, border), name)
    if session.problems:
        return
    with b.at(border):
        args = [received(b, v) for v in graph.inputs]
    results = import_jaxpr(context, closed.jaxpr, session.constants_of(closed), args)
    avals = [v.aval for v in closed.jaxpr.outvars]
    with b.at(border):
        graph.outputs = [
            _deliver(context, r, a, border) for r, a in zip(results, avals, strict=True) if r is not POISON
        ]


def _border_type(context: Context, aval: Any, origin: Origin) -> TensorType:
    from litesmith.errors import ConverterError
    from litesmith.ir import DType

    try:
        return border_type(aval)
    except ConverterError as error:
        context.problem(error, origin)
        return TensorType(DType.FLOAT32, ())


def _deliver(context: Context, value: Any, aval: Any, origin: Origin) -> Value:
    from litesmith.errors import ConverterError

    try:
        return delivered(context.b, value, aval)
    except ConverterError as error:
        context.problem(error, origin)
        return context.b.constant(0.0)


# -- specifications ---------------------------------------------------------------------------------------------------


def _specified(entry: JaxFunction) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments as abstract ones: what `jax.jit(f).trace` takes."""
    import jax
    from jax import export  # older versions do not import it with jax

    leaves = jax.tree_util.tree_leaves((entry.args, dict(entry.kwargs)), is_leaf=_is_type)
    symbols = sorted({str(d) for t in leaves if _is_type(t) for d in t.dims if isinstance(d, Sym)})
    scope = export.SymbolicScope() if symbols else None
    sizes = dict(zip(symbols, export.symbolic_shape(",".join(symbols), scope=scope), strict=True)) if symbols else {}

    def abstract(leaf: Any) -> Any:
        if _is_type(leaf):
            return jax.ShapeDtypeStruct([sizes.get(str(d), d) for d in leaf.dims], leaf.dtype.numpy)
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
        return leaf

    args, kwargs = jax.tree_util.tree_map(abstract, (tuple(entry.args), dict(entry.kwargs)), is_leaf=_is_type)
    return args, kwargs


def _is_type(leaf: Any) -> bool:
    return isinstance(leaf, TensorType)
