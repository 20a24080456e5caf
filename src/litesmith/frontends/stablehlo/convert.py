"""Programs of serialized JAX functions and StableHLO modules, and modules inside of other frameworks' graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from litesmith._util.files import require_file
from litesmith._util.naming import input_shapes as shapes_by_input
from litesmith.errors import ConverterError, FormatError, UnsupportedError, UsageError
from litesmith.frontends.frame import POISON
from litesmith.frontends.jax.lowering import COMPLEX_LOWERINGS
from litesmith.frontends.jax.lowering import LOWERINGS as PRIMITIVES
from litesmith.frontends.jax.lowering import REFUSED as REFUSED_PRIMITIVES
from litesmith.frontends.jax.naming import input_names, output_names
from litesmith.frontends.jax.types import boundary_type, deliver, dims_of, receive
from litesmith.frontends.stablehlo.attributes import Type
from litesmith.frontends.stablehlo.dimensions import argument_shapes
from litesmith.frontends.stablehlo.guard import require_readable
from litesmith.frontends.stablehlo.importer import Aval, Bound, Context, Session, aval_of, tensors_of
from litesmith.frontends.stablehlo.live import Exported
from litesmith.frontends.stablehlo.lowering import LOWERINGS, REFUSED
from litesmith.frontends.stablehlo.module import BYTECODE, Function, Module, read_module
from litesmith.ir import Builder, Dim, Origin, Program, Signature, Value

Shapes = Mapping[str, Sequence[int | None]]

BOUNDARY = "stablehlo.module"


def import_path(path: Path, input_shapes: Shapes | None = None) -> Program:
    """The program of a file: `Exported.serialize()`, a portable artifact of StableHLO, or a module's text.

    Raises FormatError where the file is damaged or none of these, UsageError where JAX, which reads it, is missing.
    """
    require_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", path=str(path)) from error
    return import_bytes(data, input_shapes, str(path))


def import_bytes(data: bytes, input_shapes: Shapes | None = None, path: str = "") -> Program:
    """As `import_path`, of bytes at hand."""
    if data.startswith(BYTECODE) or _is_text(data):
        require_readable(data, path)
        return import_module(read_module(data, path), input_shapes)
    exported = _deserialize(data, path)
    require_readable(exported.mlir_module_serialized, path)
    return import_exported(exported, input_shapes)


def _is_text(data: bytes) -> bool:
    head = data[:4096].lstrip()
    return head.startswith((b"module", b"#loc", b"//", b"func.func", b"builtin.module", b"#"))


def _deserialize(data: bytes, path: str) -> Exported:
    """A `jax.export.Exported` out of its bytes."""
    try:
        from jax import export
    except ImportError as error:
        raise UsageError(
            "serialized JAX functions are read by JAX, which is not installed: pip install 'litesmith[jax]'"
        ) from error
    try:
        exported: Exported = export.deserialize(bytearray(data))
        return exported
    except Exception as error:  # a damaged FlatBuffer fails in any of the ways of Python; nothing of it is executed
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise FormatError(
            f"this is not a serialized JAX function: {reason}",
            path=path,
            fix="write the file with jax.export.export(...)(...).serialize(); register its pytree types before reading",
        ) from error


# -- one program ------------------------------------------------------------------------------------------------------


def import_exported(exported: Exported, input_shapes: Shapes | None = None) -> Program:
    """The program of a `jax.export.Exported`. Inputs and outputs have the names their pytree paths give.

    Raises ConverterError listing everything that cannot be expressed.
    """
    import jax

    if exported.nr_devices != 1:
        raise UnsupportedError(f"it runs on {exported.nr_devices} devices", "export the function of one device")
    if exported.ordered_effects:
        raise UnsupportedError("it has ordered effects", "take prints and callbacks out of the function")
    leaves = list(range(len(exported.in_avals)))
    args, kwargs = jax.tree_util.tree_unflatten(exported.in_tree, leaves)
    outputs = jax.tree_util.tree_unflatten(exported.out_tree, [0] * len(exported.out_avals))
    module = read_module(exported.mlir_module_serialized)
    avals = [Aval(dims_of(a.shape), a.dtype) for a in exported.in_avals]
    kept = list(exported.module_kept_var_idx)
    return _program(
        module, avals, kept, input_names(args, kwargs), output_names(outputs), exported.platforms, input_shapes
    )


def import_module(module: Module, input_shapes: Shapes | None = None) -> Program:
    """The program of a module: inputs ``args_0`` …, outputs ``output_0`` …."""
    main = module.main
    shapes = argument_shapes(main, module.functions)
    types = [v.type for v in main.body.arguments]
    for declared in types:
        if declared.dtype is None:
            raise UnsupportedError(f"an argument is {declared.text}", "export a function of tensors", code="LS012")
    avals = [Aval(s, t.dtype) for s, t in zip(shapes, types, strict=True)]
    inputs = [f"args_{i}" for i in range(len(avals))]
    outputs = [f"output_{i}" for i in range(len(main.body.results))]
    return _program(module, avals, range(len(avals)), inputs, outputs, ("cpu",), input_shapes)


def _program(
    module: Module,
    avals: Sequence[Aval],
    kept: Sequence[int],
    inputs: Sequence[str],
    outputs: Sequence[str],
    platforms: Sequence[str],
    input_shapes: Shapes | None,
) -> Program:
    session = _session(module)
    graph = session.new_graph("main")
    context = Context(Builder(graph, session.opset), session)
    boundary = Origin(BOUNDARY, module.main.name)
    avals = _with_shapes(avals, inputs, input_shapes or {})
    types = _attempt_each(context, boundary, [partial(boundary_type, a) for a in avals])
    session.raise_problems()
    for declared, name in zip(types, inputs, strict=True):
        graph.add_input(declared, name)
    with context.b.at(boundary):
        args = [Bound(receive(context.b, v), a) for v, a in zip(graph.inputs, avals, strict=True)]
        results = _run(context, module.main, [args[i] for i in kept], platforms)
        given = [r for r in results if r.value is not POISON]
        graph.outputs = _attempt_each(context, boundary, [partial(_deliver, context.b, r) for r in given])
    session.raise_problems()
    for name, value in zip(outputs, graph.outputs, strict=True):
        if value.op is not None and value.name in ("", value.op.origin.node):
            value.name = name
    program = Program()
    program.graphs.append(graph)
    numbers = {n: i for i, n in enumerate(inputs)}, {n: i for i, n in enumerate(outputs)}
    program.signatures.append(Signature("serving_default", graph, *numbers))
    return program


def _session(module: Module, graph_names: dict[str, int] | None = None) -> Session:
    return Session(
        PRIMITIVES,
        COMPLEX_LOWERINGS,
        REFUSED_PRIMITIVES,
        module=module,
        own_lowerings=LOWERINGS,
        own_refused=REFUSED,
        graph_names={} if graph_names is None else graph_names,
    )


def _deliver(b: Builder, result: Bound) -> Value:
    """What travels as an output of the model."""
    (value,) = tensors_of([result.value])
    return deliver(b, value, result.aval)


T = TypeVar("T")


def _attempt_each(context: Context, origin: Origin, makers: Sequence[Callable[[], T]]) -> list[T]:
    """What each of the functions makes; the refusals are noted."""
    made = []
    for maker in makers:
        try:
            made.append(maker())
        except ConverterError as error:
            context.session.note(error, origin)
    return made


def _with_shapes(avals: Sequence[Aval], names: Sequence[str], given: Shapes) -> list[Aval]:
    """The inputs with the sizes the user gives. Raises UsageError for one that does not fit."""
    given = shapes_by_input(given, names)
    fitting = [(a.shape, _fitting(name, a, given)) for name, a in zip(names, avals, strict=True)]
    pairs = [pair for shape, sizes in fitting for pair in zip(shape, sizes, strict=True)]
    sizes: dict[Dim, Dim] = {mine: theirs for mine, theirs in pairs if theirs is not None and not isinstance(mine, int)}
    return [Aval(tuple(sizes.get(d, d) for d in a.shape), a.dtype) for a in avals]


def _fitting(name: str, aval: Aval, given: Shapes) -> Sequence[int | None]:
    shape = given.get(name, [None] * len(aval.shape))
    fits = len(shape) == len(aval.shape) and all(
        s is None or not isinstance(d, int) or s == d for s, d in zip(shape, aval.shape, strict=True)
    )
    if not fits:
        raise UsageError(f"input {name!r} has the shape {aval.shape}, which {tuple(shape)} does not fit")
    return shape


def _run(context: Context, main: Function, args: Sequence[Bound], platforms: Sequence[str]) -> list[Bound]:
    """The module's main function, told which of its platforms it is for where it asks."""
    spare = len(main.body.arguments) - len(args)
    if spare == 1 and len(platforms) > 1:
        names = [p.lower() for p in platforms]
        index = Value.constant(np.array(names.index("cpu") if "cpu" in names else 0, np.int32))
        args = [Bound(index, Aval((), main.body.arguments[0].type.dtype)), *args]
        spare = 0
    if spare:
        raise UnsupportedError(
            f"the module takes {len(main.body.arguments)} arguments and is given {len(args)}",
            "export the model again with a current version of JAX",
        )
    for argument, bound in zip(main.body.arguments, args, strict=True):
        _require_fitting(argument.type, bound)
    return context.inline(main, args)


def _require_fitting(declared: Type, bound: Bound) -> None:
    """Raises UnsupportedError where an argument is not of the type the module declares."""
    shape = bound.aval.shape
    same = len(shape) == len(declared.shape) and all(
        d is None or not isinstance(s, int) or d == s for d, s in zip(declared.shape, shape, strict=True)
    )
    if not same or declared.dtype is None:
        raise UnsupportedError(f"an argument of type {declared.text} is given the shape {shape}", "export it again")


# -- inside of another graph ------------------------------------------------------------------------------------------


def inline_module(
    b: Builder, data: bytes, args: Sequence[Value], platforms: Sequence[str], graph_names: dict[str, int]
) -> list[Value]:
    """The results of a module called with tensors of another frontend's graph.

    ``graph_names`` are those the graph's program has used, for subgraphs of the module. Raises ConverterError listing
    everything that cannot be expressed.
    """
    require_readable(data)
    module = read_module(data)
    session = _session(module, graph_names=graph_names)
    context = Context(b, session)
    arguments = module.main.body.arguments[len(module.main.body.arguments) - len(args) :]
    _share_sizes(module, args)
    bound = []
    for value, argument in zip(args, arguments, strict=False):
        travelling = receive(b, value)
        bound.append(Bound(travelling, aval_of(travelling, argument.type.dtype)))
    results = _run(context, module.main, bound, platforms)
    session.raise_problems()
    return [_deliver(b, r) for r in results]


def _share_sizes(module: Module, args: Sequence[Value]) -> None:
    """Inputs of the model whose sizes the module asserts to be equal get the same symbols."""
    arguments = module.main.body.arguments
    shapes = argument_shapes(module.main, module.functions)[len(arguments) - len(args) :]
    known: dict[Dim, Dim] = {}
    for value, shape in zip(args, shapes, strict=False):
        if value.type.shape is None or len(value.type.shape) != len(shape):
            continue
        dims = [known.setdefault(s, d) if not isinstance(s, int) else d for s, d in zip(shape, value.dims, strict=True)]
        is_input = value.op is None and not value.is_const and not value.users
        if is_input and all(isinstance(d, int) == isinstance(v, int) for d, v in zip(dims, value.dims, strict=True)):
            value.type = value.type.with_shape(tuple(dims))
