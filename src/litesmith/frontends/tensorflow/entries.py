"""Entry points: from named tensors of a source graph to a graph of the program, whatever the source is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from litesmith.decompositions.complex_parts import Complex
from litesmith.errors import ConverterError, Problem, UsageError
from litesmith.formats.saved_model import Signature as SourceSignature
from litesmith.formats.saved_model import SignatureTensor
from litesmith.frontends.frame import POISON, Composite, nameless
from litesmith.frontends.tensorflow.importer import (
    DAMAGED,
    Context,
    Model,
    Scope,
    Session,
    Unknown,
    make_table,
)
from litesmith.frontends.tensorflow.lowering import LOWERINGS
from litesmith.frontends.tensorflow.nodes import complex_tensor
from litesmith.frontends.tensorflow.ranks import demanded_shape, takes_any_rank
from litesmith.frontends.tensorflow.resources import TensorList, Variable
from litesmith.frontends.tensorflow.select_ops import SelectOps, initialize, known_place
from litesmith.frontends.tensorflow.stand_ins import further_problems
from litesmith.ir import Builder, Dim, DType, Graph, Program, Signature, Sym, TensorType, Value
from litesmith.ir.dims import substitute

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import NodeDef
    from litesmith.frontends.tensorflow.resources import Item

UNKNOWN_RANK = "LS021"

Shapes = Mapping[str, Sequence[int | None]]


def import_until_stable(
    model: Model,
    build: Callable[[Session], Program],
    select: SelectOps | None = None,
    *,
    on_unknown: Unknown | None = None,
    composite: Composite | None = None,
    layer_of: Callable[[str], str] = nameless,
) -> Program:
    """Imports again while variables are found to be assigned that were taken for constants, or sizes to be decided.

    select: which Select TF operators are allowed; on_unknown, composite, layer_of: see `Session`.
    """
    mutable: frozenset[str] = frozenset()
    sizes: dict[tuple[str, str], int] = {}
    while True:
        resources = set(select.resources) if select is not None else set()
        current = Session(
            model,
            LOWERINGS,
            mutable=mutable,
            sizes=sizes,
            on_unknown=on_unknown,
            composite=composite,
            layer_of=layer_of,
            select=select.lower if select is not None else None,
            output_place=select.output_place if select is not None else known_place,
        )
        program = build(current)
        found = mutable | current.assigned.keys()
        known = current.decided | sizes
        if select is not None and select.resources != resources:
            continue
        if found == mutable and known == sizes:
            if current.problems and select is None:
                current.problems |= dict.fromkeys(further_problems(program))
            current.raise_problems()
            _initialize_state(program, current)
            program.notes += current.notes()
            return program
        mutable, sizes = frozenset(found), known


def import_signature(
    session: Session,
    nodes: Iterable[NodeDef],
    signature: SourceSignature,
    shapes: Shapes,
    captured: Mapping[str, Item] | None = None,
    dims: Mapping[str, Sequence[Dim]] | None = None,
) -> Graph:
    """The graph of one entry point.

    nodes: of the GraphDef its tensor names refer to; captured: tensor name -> what flows in there besides the inputs
    (a constant `Value`, a `Variable`); dims: input name -> shape whose unknown sizes have names.
    """
    graph = session.new_graph("main" if not session.graph_names else signature.key)
    session.entry = graph
    context = Context(Builder(graph, session.opset), session)
    scope = Scope(context, nodes)
    for reference, item in (captured or {}).items():
        scope.feed_tensor(reference, item)
    for declared in signature.inputs.values():
        wanted = _with_rank(session, scope, declared, shapes)
        value = _graph_input(session, graph, wanted, shapes, (dims or {}).get(declared.name))
        if value is not None:
            scope.feed_tensor(declared.tensor_name, value)
    declared_outputs = [o for o in signature.outputs.values() if _is_dense(session, o, "output")]
    if session.problems and len(graph.inputs) < len(signature.inputs):
        return graph
    scope.run([o.tensor_name for o in declared_outputs])
    results = [scope.result(o.tensor_name) for o in declared_outputs]
    set_outputs(context, graph, results, [o.tensor_name for o in declared_outputs])
    return graph


def _is_dense(session: Session, tensor: SignatureTensor, role: str) -> bool:
    if tensor.encoding == "dense":
        return True
    reason = f"{role} {tensor.name!r} is a {tensor.encoding} tensor"
    session.problems[Problem("LS020", reason, "make it a dense tensor in the signature", node=tensor.name)] = None
    return False


def _with_rank(session: Session, scope: Scope, declared: SignatureTensor, shapes: Shapes) -> SignatureTensor:
    """The input with the rank that operators ask for, where it has none of its own."""
    if declared.shape is not None:
        return declared
    where = declared.tensor_name, scope.nodes.values(), session.model.functions
    asked = demanded_shape(*where)
    if asked is None and declared.name not in shapes and takes_any_rank(*where):
        session.remarks[f"input {declared.name!r} of unknown rank has one dimension of unknown size"] = None
        asked = (None,)
    return replace(declared, shape=asked)


def _graph_input(
    session: Session, graph: Graph, declared: SignatureTensor, shapes: Shapes, dims: Sequence[Dim] | None
) -> Value | None:
    if not _is_dense(session, declared, "input"):
        return None
    shape = shapes.get(declared.name, declared.shape)
    if shape is None:
        fix = f"give its shape: input_shapes={{{declared.name!r}: [...]}}"
        reason = f"input {declared.name!r} has an unknown rank"
        session.problems[Problem(UNKNOWN_RANK, reason, fix, node=declared.name)] = None
        return None
    if declared.shape is not None and not _fits(shape, declared.shape):
        raise UsageError(f"input {declared.name!r} is {declared}; the shape {list(shape)} does not fit")
    try:
        dtype = DType.parse(declared.dtype.name)
    except KeyError:
        reason = f"input {declared.name!r} is {declared.dtype.name}, which LiteRT does not have"
        session.problems[Problem("LS022", reason, "use another type in the signature", node=declared.name)] = None
        return None
    symbolic = tuple(dims) if dims is not None else symbolic_shape(declared.name, shape)
    known: dict[str, Dim] = {name: size for (entry, name), size in session.sizes.items() if entry == graph.name}
    return graph.add_input(TensorType(dtype, tuple(substitute(d, known) for d in symbolic)), declared.tensor_name)


def _fits(given: Sequence[int | None], declared: Sequence[int | None]) -> bool:
    return len(given) == len(declared) and all(
        d is None or (g is not None and g == d) for g, d in zip(given, declared, strict=True)
    )


def symbolic_shape(name: str, shape: Sequence[int | None]) -> tuple[Dim, ...]:
    """A shape whose unknown sizes (None or -1) are symbols named after the input and the axis."""
    stem = re.sub(r"\W", "_", name) or "input"
    stem = stem if stem[0].isalpha() else f"x{stem}"
    return tuple(Sym.named(f"{stem}_{i}") if d is None or d < 0 else int(d) for i, d in enumerate(shape))


def set_outputs(context: Context, graph: Graph, results: Sequence[Item], names: Sequence[str]) -> None:
    """Makes the results the graph's outputs, each a tensor of its own with the wanted name."""
    outputs: list[Value] = []
    for result, name in zip(results, names, strict=True):
        if result is POISON:
            _require_a_reason(context.session, name)
            continue
        value = result.stacked if isinstance(result, TensorList) else result
        if isinstance(value, Variable):
            value = context.read(value)
        if isinstance(value, Complex):
            value = complex_tensor(context.b, value)
        if value is POISON:
            continue
        if not isinstance(value, Value):
            reason = f"output {name!r} is a {type(result).__name__.lower()}, not a tensor"
            context.session.problems[Problem("LS023", reason, "return tensors only", node=name)] = None
            continue
        outputs.append(_name_output(value, name, outputs))
    graph.outputs = outputs


def _require_a_reason(session: Session, name: str) -> None:
    """An output that could not be made has its problem noted, even where nobody said why."""
    if not session.problems:
        problem = Problem("LS025", f"output {name!r} could not be made", DAMAGED, node=name)
        session.problems[problem] = None


def _name_output(value: Value, name: str, taken: Sequence[Value]) -> Value:
    if value.op is not None and not any(value is t for t in taken):
        value.name = name
    return value


def add_signature(program: Program, signature: SourceSignature, graph: Graph) -> None:
    """Adds an entry point on a graph of the program."""
    inputs = {t.name: i for i, t in enumerate(signature.inputs.values())}
    outputs = {t.name: i for i, t in enumerate(signature.outputs.values())}
    program.signatures.append(Signature(signature.key, graph, inputs, outputs))


# -- state ------------------------------------------------------------------------------------------------------------


def _initialize_state(program: Program, session: Session) -> None:
    """Fills every table and gives every assigned variable its first value, once, before anything else runs."""
    if not session.assigned and not session.tables and not session.select_state:
        program.graphs += session.select_functions.values()
        return
    missing = [v.name for v in session.assigned.values() if v.initial is None]
    if missing:
        problems = [Problem("LS024", f"variable {n!r} has no initial value", "initialize and save it") for n in missing]
        raise ConverterError(problems)
    graph = session.new_graph("initialize")
    b = Builder(graph, session.opset)
    for number, table in session.tables.values():
        keys, values = b.constant(table.keys, table.key_dtype), b.constant(table.values, table.value_dtype)
        b.hashtable_import(make_table(b, number, table), keys, values)
    for variable in session.assigned.values():
        handle = b.var_handle(container="", shared_name=variable.name)
        b.assign_variable(handle, Value.constant(variable.initial, variable.name))
    initialize(b, session)
    for entry in program.graphs:
        first = next(entry.ops, None)
        Builder(entry, session.opset, before=first).call_once(init_subgraph=graph)
    program.graphs += session.select_functions.values()
