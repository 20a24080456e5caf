"""From a GraphDef to a program: frozen graphs with named inputs and outputs, and concrete functions.

What comes from TensorFlow itself (concrete functions, variables) is taken through its public attributes; TensorFlow is
not imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from litesmith.errors import UnsupportedError, UsageError
from litesmith.formats.saved_model import Signature as SourceSignature
from litesmith.formats.saved_model import SignatureTensor
from litesmith.formats.saved_model.dtypes import dtype_of
from litesmith.frontends.tensorflow.attributes import shape_of, tf_dtype
from litesmith.frontends.tensorflow.entries import Shapes, add_signature, import_signature, import_until_stable
from litesmith.frontends.tensorflow.importer import Model, Session, python_name
from litesmith.frontends.tensorflow.resources import Table, Variable
from litesmith.ir import Constant, Dim, DType, Program, Value


@dataclass(frozen=True)
class Entry:
    """One entry point over a GraphDef: nodes, named tensors, and what the graph captures (see `import_signature`)."""

    signature: SourceSignature
    nodes: Sequence[Any]
    functions: Mapping[str, Any]
    captured: Mapping[str, Any] = field(default_factory=dict)
    dims: Mapping[str, Sequence[Dim]] = field(default_factory=dict)


def import_entries(entries: Sequence[Entry], shapes: Shapes | None = None, **session: Any) -> Program:
    """Imports entry points that share one function library, a graph each. session: see `import_until_stable`."""
    functions = {name: f for entry in entries for name, f in entry.functions.items()}
    variables: dict[str, Variable] = {}

    def variable(name: str, node: Any) -> Variable:
        if name not in variables:
            variables[name] = Variable(name, tf_dtype(node.attr["dtype"].type), shape_of(node.attr["shape"].shape))
        return variables[name]

    def build(session: Session) -> Program:
        program = Program()
        for entry in entries:
            graph = import_signature(session, entry.nodes, entry.signature, shapes or {}, entry.captured, entry.dims)
            program.graphs.append(graph)
            add_signature(program, entry.signature, graph)
        return program

    return import_until_stable(Model(functions, variable), build, **session)


# -- frozen graphs ----------------------------------------------------------------------------------------------------


def frozen_entry(
    graph_def: Any,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    shapes: Shapes | None = None,
    key: str = "serving_default",
) -> Entry:
    """The entry point of a GraphDef between named tensors (``node`` or ``node:0``).

    Defaults: every placeholder is an input, every node nobody uses an output. Raises UsageError for an unknown name.
    """
    nodes = {node.name: node for node in graph_def.node}
    ins = list(inputs or [n.name for n in nodes.values() if n.op in ("Placeholder", "PlaceholderV2")])
    outs = list(outputs or _unused(nodes.values()))
    for name in [*ins, *outs]:
        if name.partition(":")[0] not in nodes:
            raise UsageError(f"the graph has no node {name!r}; its placeholders are {', '.join(ins) or 'none'}")
    if not outs:
        raise UsageError("the graph has no outputs: name them")
    return Entry(
        SourceSignature(
            key,
            {_plain(n): _frozen_tensor(nodes, n, (shapes or {}).get(_plain(n))) for n in ins},
            {_plain(n): _frozen_tensor(nodes, n, None) for n in outs},
        ),
        list(graph_def.node),
        {f.signature.name: f for f in graph_def.library.function},
    )


def _plain(name: str) -> str:
    return name.removesuffix(":0")


def _unused(nodes: Iterable[Any]) -> list[str]:
    used = {i.lstrip("^").partition(":")[0] for node in nodes for i in node.input}
    return [n.name for n in nodes if n.name not in used and n.op not in ("NoOp", "Assert", "Const", "Placeholder")]


def _frozen_tensor(nodes: Mapping[str, Any], name: str, shape: Sequence[int | None] | None) -> SignatureTensor:
    attrs = nodes[name.partition(":")[0]].attr
    number = next((attrs[a].type for a in ("dtype", "T") if a in attrs and attrs[a].type), 1)
    if shape is None and "shape" in attrs:
        declared = shape_of(attrs["shape"].shape)
        shape = None if declared is None else [None if d < 0 else d for d in declared]
    reference = name if ":" in name else f"{name}:0"
    return SignatureTensor(_plain(name), reference, dtype_of(number), None if shape is None else tuple(shape))


# -- concrete functions -----------------------------------------------------------------------------------------------


def import_concrete_functions(
    functions: Sequence[Any], keys: Sequence[str] | None = None, shapes: Shapes | None = None
) -> Program:
    """Imports TensorFlow ConcreteFunctions, an entry point each.

    keys: their names (default: ``serving_default`` for one, the functions' own for several). Raises UsageError where
    the keys do not fit or a function takes a resource.
    """
    chosen = list(keys or _keys_of(functions))
    if len(chosen) != len(functions) or len(set(chosen)) != len(chosen):
        raise UsageError(f"{len(functions)} functions need as many different signature keys, got {chosen}")
    return import_entries([concrete_entry(f, k) for f, k in zip(functions, chosen, strict=True)], shapes)


def _keys_of(functions: Sequence[Any]) -> list[str]:
    if len(functions) == 1:
        return ["serving_default"]
    names = [python_name(f.name.decode() if isinstance(f.name, bytes) else str(f.name)) for f in functions]
    return [n if names.count(n) == 1 else f"{n}_{i}" for i, n in enumerate(names)]


def concrete_entry(
    function: Any,
    key: str,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dims: Mapping[str, Sequence[Dim]] | None = None,
) -> Entry:
    """The entry point of a TensorFlow ConcreteFunction, with the names of its own inputs and outputs unless given.

    Raises UsageError where it takes a resource as an argument.
    """
    graph_def = function.graph.as_graph_def()
    captures = {placeholder.name: outside for outside, placeholder in function.graph.captures}
    arguments = [t for t in function.inputs if t.name not in captures]
    names = list(input_names or _argument_names(function, arguments))
    results = list(output_names or _output_names(function))
    for name, tensor in zip(names, arguments, strict=True):
        if tensor.dtype.name in ("resource", "variant"):
            raise UsageError(f"argument {name!r} is a {tensor.dtype.name}: capture it in the function instead")
    return Entry(
        SourceSignature(
            key,
            {n: _concrete_tensor(n, t) for n, t in zip(names, arguments, strict=True)},
            {n: _concrete_tensor(n, t) for n, t in zip(results, function.outputs, strict=True)},
        ),
        list(graph_def.node),
        {f.signature.name: f for f in graph_def.library.function},
        {name: _captured(function, outside) for name, outside in captures.items()},
        dims or {},
    )


def _argument_names(function: Any, arguments: Sequence[Any]) -> list[str]:
    keywords = [str(k) for k in getattr(function, "_arg_keywords", None) or ()]
    if len(keywords) == len(arguments) and len(set(keywords)) == len(keywords):
        return keywords
    return [t.name.partition(":")[0] for t in arguments]


def _output_names(function: Any) -> list[str]:
    """Keys of a dict result; ``output_0``, ``output_1`` … for anything else."""
    structure = function.structured_outputs
    if isinstance(structure, Mapping) and len(structure) == len(function.outputs):
        return sorted(structure)
    return [f"output_{i}" for i in range(len(function.outputs))]


def _concrete_tensor(name: str, tensor: Any) -> SignatureTensor:
    shape = None if tensor.shape.rank is None else tuple(tensor.shape.as_list())
    return SignatureTensor(name, tensor.name, dtype_of(tensor.dtype.as_datatype_enum), shape)


def _captured(function: Any, outside: Any) -> Any:
    if outside.dtype.name != "resource":
        return Value.constant(outside.numpy())
    for variable in function.graph.variables:
        if variable.handle is outside:
            return _variable(variable)
    return Table(str(outside), DType.RESOURCE, DType.RESOURCE, load=lambda *types: _exported(outside, *types))


def _exported(handle: Any, key_dtype: DType, value_dtype: DType) -> tuple[Any, Any]:
    """Keys and values of a live lookup table. Raises UnsupportedError where the resource is none of these types."""
    tensorflow = sys.modules["tensorflow"]
    types = [tensorflow.as_dtype("string" if d is DType.STRING else d.text) for d in (key_dtype, value_dtype)]
    try:
        found = tensorflow.raw_ops.LookupTableExportV2(table_handle=handle, Tkeys=types[0], Tvalues=types[1])
    except tensorflow.errors.OpError as error:
        raise UnsupportedError(f"a captured resource is no lookup table: {error.message}", "save the model") from error
    return found.keys.numpy(), found.values.numpy()


def _variable(variable: Any) -> Variable:
    shape = tuple(-1 if d is None else int(d) for d in variable.shape.as_list())
    dtype = tf_dtype(variable.dtype.base_dtype.as_datatype_enum)
    static = variable.value().shape.as_list()
    initial = Constant.lazy(dtype, static, variable.numpy)
    return Variable(variable.name.partition(":")[0], dtype, shape, initial)
