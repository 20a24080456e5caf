"""From a SavedModel to a program: one graph for each signature."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from litesmith.errors import ConverterError, Problem, UsageError
from litesmith.formats.saved_model import SavedModel, SignatureTensor
from litesmith.formats.saved_model import Signature as SourceSignature
from litesmith.frontends.tensorflow.importer import Context, Model, Scope, Session
from litesmith.frontends.tensorflow.lowering import LOWERINGS
from litesmith.frontends.tensorflow.resources import POISON, TensorList, Variable
from litesmith.ir import Builder, Constant, Dim, DType, Graph, Program, Signature, Sym, TensorType, Value

Shapes = Mapping[str, Sequence[int | None]]

DEFAULT_SIGNATURE = "serving_default"
_KEY_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


def import_saved_model(
    model: SavedModel,
    signature_keys: Sequence[str] | None = None,
    input_shapes: Shapes | None = None,
    on_unknown: Any = None,
) -> Program:
    """Imports some signatures (default: all) of a SavedModel.

    input_shapes: input name -> shape with None for unknown sizes, replacing the model's. Raises UsageError for a key or
    input the model does not have, ConverterError with every problem found.
    """
    chosen = _chosen(model, signature_keys)
    _check_inputs(chosen, input_shapes or {})
    source = source_model(model)

    def build(session: Session) -> Program:
        program = Program()
        made: dict[object, Graph] = {}
        for signature in chosen:
            meaning = meaning_of(model, signature) or signature.key
            if meaning not in made:
                made[meaning] = _import_signature(session, model, signature, input_shapes or {})
                program.graphs.append(made[meaning])
            _add_signature(program, signature, made[meaning])
        return program

    return import_until_stable(source, build, on_unknown)


def import_until_stable(model: Model, build: Callable[[Session], Program], on_unknown: Any = None) -> Program:
    """Imports again while variables are found to be assigned that were taken for constants."""
    mutable: frozenset[str] = frozenset()
    while True:
        session = Session(model, LOWERINGS, mutable=mutable, on_unknown=on_unknown)
        program = build(session)
        found = mutable | session.assigned.keys()
        if found == mutable:
            session.raise_problems()
            _initialize_variables(program, session)
            return program
        mutable = frozenset(found)


def _chosen(model: SavedModel, keys: Sequence[str] | None) -> list[SourceSignature]:
    if not model.signatures:
        raise UsageError(
            f"{model.path} has no signatures: save the model with signatures=… (or Keras' model.export), "
            "or convert its functions with from_concrete_functions"
        )
    if keys:
        return [model.signature(key) for key in keys]
    found = sorted(model.signatures, key=lambda key: (key != DEFAULT_SIGNATURE, key))
    return [model.signatures[key] for key in found]


def _check_inputs(signatures: Sequence[SourceSignature], shapes: Shapes) -> None:
    known = sorted({name for s in signatures for name in s.inputs})
    for name in shapes:
        if name not in known:
            raise UsageError(f"input_shapes names {name!r}; the model's inputs are {', '.join(known) or 'none'}")


def source_model(model: SavedModel) -> Model:
    """The importer's view of a SavedModel."""
    made: dict[str, Variable] = {}

    def variable(name: str, node: Any) -> Variable:
        found = model.variable(node.name)
        unique = found.key.removesuffix(_KEY_SUFFIX) or node.name
        if unique not in made:
            made[unique] = _variable(model, found, node.name, unique)
        return made[unique]

    return Model(model.functions, variable)


def _variable(model: SavedModel, found: Any, node: str, name: str) -> Variable:
    dtype = DType.parse(found.dtype.name)
    shape = None if found.shape is None else tuple(-1 if d is None else int(d) for d in found.shape)
    initial = None
    if found.stored is not None:
        if shape is not None and min(shape, default=0) >= 0:
            initial = Constant.lazy(dtype, shape, lambda: model.variable_array(node))
        else:
            initial = Constant.of(model.variable_array(node), dtype)
    return Variable(name, dtype, shape, initial)


# -- one signature ----------------------------------------------------------------------------------------------------


def _import_signature(session: Session, model: SavedModel, signature: SourceSignature, shapes: Shapes) -> Graph:
    graph = session.new_graph("main" if not session.graph_names else signature.key)
    context = Context(Builder(graph, session.opset), session)
    scope = Scope(context, model.nodes.values())
    for declared in _ordered(signature.inputs):
        value = _graph_input(session, graph, declared, shapes)
        if value is not None:
            scope.feed_tensor(declared.tensor_name, value)
    declared_outputs = [o for o in _ordered(signature.outputs) if _is_dense(session, o, "output")]
    if session.problems and len(graph.inputs) < len(signature.inputs):
        return graph
    scope.run([o.tensor_name for o in declared_outputs])
    results = [scope.result(o.tensor_name) for o in declared_outputs]
    set_outputs(context, graph, results, [o.tensor_name for o in declared_outputs])
    return graph


def _ordered(tensors: Mapping[str, SignatureTensor]) -> list[SignatureTensor]:
    return list(tensors.values())


def _is_dense(session: Session, tensor: SignatureTensor, role: str) -> bool:
    if tensor.encoding == "dense":
        return True
    reason = f"{role} {tensor.name!r} is a {tensor.encoding} tensor"
    session.problems[Problem("LS020", reason, "make it a dense tensor in the signature", node=tensor.name)] = None
    return False


def _graph_input(session: Session, graph: Graph, declared: SignatureTensor, shapes: Shapes) -> Value | None:
    if not _is_dense(session, declared, "input"):
        return None
    shape = shapes.get(declared.name, declared.shape)
    if shape is None:
        fix = f"give its shape: input_shapes={{{declared.name!r}: [...]}}"
        reason = f"input {declared.name!r} has an unknown rank"
        session.problems[Problem("LS021", reason, fix, node=declared.name)] = None
        return None
    if declared.shape is not None and not _fits(shape, declared.shape):
        raise UsageError(f"input {declared.name!r} is {declared}; the shape {list(shape)} does not fit")
    try:
        dtype = DType.parse(declared.dtype.name)
    except KeyError:
        reason = f"input {declared.name!r} is {declared.dtype.name}, which LiteRT does not have"
        session.problems[Problem("LS022", reason, "use another type in the signature", node=declared.name)] = None
        return None
    return graph.add_input(TensorType(dtype, symbolic_shape(declared.name, shape)), declared.tensor_name)


def _fits(given: Sequence[int | None], declared: Sequence[int | None]) -> bool:
    return len(given) == len(declared) and all(
        d is None or (g is not None and g == d) for g, d in zip(given, declared, strict=True)
    )


def symbolic_shape(name: str, shape: Sequence[int | None]) -> tuple[Dim, ...]:
    """A shape whose unknown sizes (None or -1) are symbols named after the input and the axis."""
    stem = re.sub(r"\W", "_", name) or "input"
    stem = stem if stem[0].isalpha() else f"x{stem}"
    return tuple(Sym.named(f"{stem}_{i}") if d is None or d < 0 else int(d) for i, d in enumerate(shape))


def set_outputs(context: Context, graph: Graph, results: Sequence[Any], names: Sequence[str]) -> None:
    """Makes the results the graph's outputs, each a tensor of its own with the wanted name."""
    outputs: list[Value] = []
    for result, name in zip(results, names, strict=True):
        if result is POISON:
            continue
        value = result.stacked if isinstance(result, TensorList) else result
        if isinstance(value, Variable):
            value = context.read(value)
        if not isinstance(value, Value):
            reason = f"output {name!r} is a {type(result).__name__.lower()}, not a tensor"
            context.session.problems[Problem("LS023", reason, "return tensors only", node=name)] = None
            continue
        outputs.append(_named(value, name, outputs))
    graph.outputs = outputs


def _named(value: Value, name: str, taken: Sequence[Value]) -> Value:
    if value.op is not None and not any(value is t for t in taken):
        value.name = name
    return value


def _add_signature(program: Program, signature: SourceSignature, graph: Graph) -> None:
    inputs = {t.name: i for i, t in enumerate(_ordered(signature.inputs))}
    outputs = {t.name: i for i, t in enumerate(_ordered(signature.outputs))}
    program.signatures.append(Signature(signature.key, graph, inputs, outputs))


def meaning_of(model: SavedModel, signature: SourceSignature) -> object | None:
    """What a TF2 signature computes, as something to compare: signatures that mean the same share one graph.

    Keras, for one, exports each model twice (``serve`` and ``serving_default``). None where the signature is not one
    call of a function.
    """
    references = [(name, o.tensor_name.partition(":")) for name, o in signature.outputs.items()]
    calls = {node for _, (node, _, _) in references}
    node = model.nodes.get(next(iter(calls))) if len(calls) == 1 else None
    if node is None or "f" not in node.attr or node.attr["f"].func.name not in model.functions:
        return None
    fed = {t.tensor_name.partition(":")[0]: name for name, t in signature.inputs.items()}
    body = model.functions[node.attr["f"].func.name]
    return (
        tuple((t.name, t.dtype.name, t.shape) for t in signature.inputs.values()),
        tuple((name, index) for name, (_, _, index) in references),
        tuple(f"input {fed[i]}" if i in fed else i for i in node.input),
        tuple((a.name, a.type) for a in body.signature.input_arg),
        tuple(n.SerializeToString(deterministic=True) for n in body.node_def),
        tuple(sorted(body.ret.items())),
    )


# -- state ------------------------------------------------------------------------------------------------------------


def _initialize_variables(program: Program, session: Session) -> None:
    """Gives every assigned variable its first value, once, before anything else runs."""
    if not session.assigned:
        return
    missing = [v.name for v in session.assigned.values() if v.initial is None]
    if missing:
        problems = [Problem("LS024", f"variable {n!r} has no initial value", "initialize and save it") for n in missing]
        raise ConverterError(problems)
    graph = session.new_graph("initialize_variables")
    b = Builder(graph, session.opset)
    for variable in session.assigned.values():
        handle = b.var_handle(container="", shared_name=variable.name)
        b.assign_variable(handle, Value.constant(variable.initial, variable.name))
    for entry in program.graphs:
        first = next(entry.ops, None)
        Builder(entry, session.opset, before=first).call_once(init_subgraph=graph)
