"""JAX functions as programs, one signature each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypedDict, cast

from litesmith.errors import ConverterError, LitesmithError, UsageError
from litesmith.frontends.frame import Composite, Poison
from litesmith.frontends.jax.importer import Context, Session, import_jaxpr
from litesmith.frontends.jax.live import Aval, ClosedJaxpr, Traced
from litesmith.frontends.jax.lowering import COMPLEX_LOWERINGS, LOWERINGS, REFUSED
from litesmith.frontends.jax.naming import closed_over_names, unique
from litesmith.frontends.jax.naming import output_names as paths_out
from litesmith.frontends.jax.naming import parameter_names as paths_in
from litesmith.frontends.jax.tracing import abstract_arguments, is_type, required_bound, trace
from litesmith.frontends.jax.types import Tensor, boundary_type, deliver, receive
from litesmith.ir import Builder, DType, Graph, Origin, Program, Signature, TensorType, Value

if TYPE_CHECKING:
    from typing_extensions import Unpack


Functions: TypeAlias = (
    Callable[..., object] | Sequence[Callable[..., object]] | Mapping[str, Callable[..., object]]
)
"""One function, several, or several by the keys of their signatures."""


class Options(TypedDict, total=False):
    """Fields of a `Session` that a conversion sets."""

    composite: Composite | None
    keep_composites: Sequence[str]
    layer_of: Callable[[str], str]
    names: dict[int, str]


@dataclass(frozen=True)
class JaxFunction:
    """One entry point: a function and what it is called with.

    args, kwargs: pytrees of arrays, `jax.ShapeDtypeStruct` (whose sizes may be symbolic, `jax.export.symbolic_shape`)
    or `TensorType` (whose named sizes stay unknown); leaves that are neither arrays nor numbers are kept as they are.
    input_names, output_names: names of the leaves in order, in place of those their paths give (those of outputs may be
    a function, called after tracing). static_argnums, static_argnames: arguments that are no inputs, as of `jax.jit`.
    """

    function: Callable[..., object]
    args: Sequence[object] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)
    input_names: Sequence[str] | None = None
    output_names: Sequence[str] | Callable[[], Sequence[str]] | None = None
    static_argnums: int | Sequence[int] | None = None
    static_argnames: str | Sequence[str] | None = None


def import_jax(
    functions: Functions,
    args: object = (),
    signature_keys: Sequence[str] | None = None,
    kwargs: Mapping[str, object] | None = None,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | Callable[[], Sequence[str]] | None = None,
    static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Sequence[str] | None = None,
    **session: Unpack[Options],
) -> Program:
    """The program of a function called with ``args`` (arrays or their specifications, see `JaxFunction`).

    Of several functions (a list, or a dict by the keys of their signatures), each becomes a signature of its own;
    ``args`` then holds the arguments of each, in a list or by key, ``kwargs`` the keyword arguments by key. Keys of a
    list are ``signature_keys``, by default the functions' names; that of one function is ``serving_default``.
    Closed-over arrays become constants.
    Raises ConverterError listing every primitive that cannot be expressed, each with the user's line, the reason and a
    way out.
    """
    named = (input_names, output_names, static_argnums, static_argnames)
    if callable(functions):
        key = signature_keys[0] if signature_keys else "serving_default"
        return import_signatures(
            {key: JaxFunction(functions, cast(Sequence[object], args), kwargs or {}, *named)}, **session
        )
    if any(given is not None for given in named):
        raise UsageError(
            "names of inputs and outputs and static arguments are those of one function\n"
            "      Fix: give each function as jax.jit(function, static_argnums=…), and dicts in and out to name tensors"
        )
    return import_signatures(_entries(functions, args, signature_keys, kwargs or {}), **session)


def _entries(
    functions: Sequence[Callable[..., object]] | Mapping[str, Callable[..., object]],
    args: object,
    keys: Sequence[str] | None,
    kwargs: Mapping[str, object],
) -> dict[str, JaxFunction]:
    """Several functions by key. Raises UsageError where their arguments do not fit."""
    if isinstance(functions, Mapping):
        if keys is not None:
            raise UsageError("the functions have keys already; give a list of functions, or leave signature_keys out")
        keys, functions = [str(key) for key in functions], list(functions.values())
        if isinstance(args, Mapping) and set(args) == set(keys):
            args = [args[key] for key in keys]
    keys = list(keys or unique([str(getattr(f, "__name__", type(f).__name__)) for f in functions]))
    lists = [a for a in args if isinstance(a, (list, tuple))] if isinstance(args, (list, tuple)) else []
    if not isinstance(args, (list, tuple)) or not len(keys) == len(functions) == len(args) == len(lists):
        raise UsageError(
            f"{len(functions)} functions need as many keys and argument lists\n"
            "      Fix: convert([f, g], [(x,), (y, z)]), or convert({'f': f, 'g': g}, {'f': (x,), 'g': (y, z)})"
        )
    if unknown := sorted(set(kwargs) - set(keys)):
        raise UsageError(f"keyword arguments for {', '.join(unknown)}, but the functions are {', '.join(keys)}")
    rows = zip(keys, functions, lists, strict=True)
    return {
        key: JaxFunction(function, given, cast("Mapping[str, object]", kwargs.get(key, {})))
        for key, function, given in rows
    }


def import_signatures(functions: Mapping[str, JaxFunction], **options: Unpack[Options]) -> Program:
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

    traced, args, kwargs = _trace_entry(entry)
    closed = traced.jaxpr
    inputs = _check_names(entry.input_names, paths_in(closed.jaxpr, args, kwargs), "input")
    tree = jax.tree_util.tree_unflatten(_out_tree(traced), [0] * len(closed.jaxpr.outvars))
    chosen = entry.output_names() if callable(entry.output_names) else entry.output_names
    outputs = _check_names(chosen, paths_out(tree), "output")
    session.names = {**closed_over_names(entry.function), **session.names}
    graph = session.new_graph("main" if key == "serving_default" else key)
    _build(session, graph, closed, inputs)
    for name, value in zip(outputs, graph.outputs, strict=False):
        if value.op is not None and value.name in ("", value.op.origin.node):
            value.name = name
    return Signature(key, graph, {n: i for i, n in enumerate(inputs)}, {n: i for i, n in enumerate(outputs)})


def _trace_entry(entry: JaxFunction) -> tuple[Traced, tuple[object, ...], dict[str, object]]:
    """The traced function and its abstract arguments. Sizes named here are taken to be what operations ask of them."""
    bounds: list[str] = []
    while True:
        args, kwargs = abstract_arguments(entry.args, entry.kwargs, bounds)
        try:
            return trace(entry.function, args, kwargs, entry.static_argnums, entry.static_argnames), args, kwargs
        except LitesmithError as error:
            bound = required_bound(error)
            if bound is None or bound in bounds or not _names_sizes(entry):
                raise
            bounds.append(bound)


def _names_sizes(entry: JaxFunction) -> bool:
    """Whether some sizes of the arguments are named by a `TensorType`."""
    import jax

    leaves = jax.tree_util.tree_leaves((tuple(entry.args), dict(entry.kwargs)), is_leaf=is_type)
    return any(is_type(leaf) for leaf in leaves)


def _out_tree(traced: Traced) -> object:
    import jax

    return jax.tree_util.tree_structure(traced.out_info)


def _check_names(given: Sequence[str] | None, found: list[str], what: str) -> list[str]:
    if given is None:
        return found
    if len(given) != len(found) or len(set(given)) != len(given):
        raise UsageError(f"{len(found)} different {what} names are needed, got {list(given)}")
    return list(given)


def _build(session: Session, graph: Graph, closed: ClosedJaxpr, names: Sequence[str]) -> None:
    """Fills the graph with the function's equations."""
    b = Builder(graph, session.opset)
    context = Context(b, session)
    boundary = Origin("jax.function", graph.name)
    for variable, name in zip(closed.jaxpr.invars, names, strict=True):
        graph.add_input(_boundary_type(context, variable.aval, boundary), name)
    if session.problems:
        return
    with b.at(boundary):
        args = [receive(b, v) for v in graph.inputs]
    results = import_jaxpr(context, closed.jaxpr, session.constants_of(closed), args)
    avals = [v.aval for v in closed.jaxpr.outvars]
    with b.at(boundary):
        graph.outputs = [
            _deliver(context, r, a, boundary) for r, a in zip(results, avals, strict=True) if not isinstance(r, Poison)
        ]


def _boundary_type(context: Context, aval: Aval, origin: Origin) -> TensorType:
    try:
        return boundary_type(aval)
    except ConverterError as error:
        context.session.note(error, origin)
        return TensorType(DType.FLOAT32, ())


def _deliver(context: Context, value: Tensor, aval: Aval, origin: Origin) -> Value:
    try:
        return deliver(context.b, value, aval)
    except ConverterError as error:
        context.session.note(error, origin)
        return context.b.constant(0.0)
