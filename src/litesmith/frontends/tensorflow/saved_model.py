"""From a SavedModel to a program: one graph for each signature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from litesmith._util.naming import input_shapes as given_shapes
from litesmith.errors import Problem, UsageError
from litesmith.formats.saved_model import SavedModel
from litesmith.formats.saved_model import Signature as SourceSignature
from litesmith.formats.saved_model import Variable as SourceVariable
from litesmith.frontends.frame import Composite
from litesmith.frontends.tensorflow.attributes import tf_dtype
from litesmith.frontends.tensorflow.entries import (
    UNKNOWN_RANK,
    Shapes,
    add_signature,
    import_signature,
    import_until_stable,
)
from litesmith.frontends.tensorflow.graph_def import frozen_entry
from litesmith.frontends.tensorflow.importer import Model, Session, Unknown
from litesmith.frontends.tensorflow.resources import Variable
from litesmith.frontends.tensorflow.select_ops import SelectOps
from litesmith.ir import Constant, DType, Graph, Program

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import NodeDef

DEFAULT_SIGNATURE = "serving_default"
_KEY_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


def import_saved_model(
    model: SavedModel,
    signature_keys: Sequence[str] | None = None,
    input_shapes: Shapes | None = None,
    on_unknown: Unknown | None = None,
    composite: Composite | None = None,
    select: SelectOps | None = None,
    may_leave_out: bool | None = None,
) -> Program:
    """Imports some signatures (default: all) of a SavedModel.

    may_leave_out: whether signatures with an input of unknown rank are left out where others are not; default: where
    none was chosen.

    input_shapes: input name -> shape with None for unknown sizes, replacing the model's. on_unknown, composite: see
    `Session`; select: see `import_until_stable`. Raises UsageError for a key or input the model does not have,
    ConverterError with every problem found.
    """
    chosen = _selected_signatures(model, signature_keys)
    may_leave_out = signature_keys is None if may_leave_out is None else may_leave_out
    shapes = given_shapes(input_shapes or {}, (name for s in chosen for name in s.inputs))
    source = source_model(model)

    def build(session: Session) -> Program:
        program = Program()
        imported: dict[object, Graph] = {}
        for signature in chosen:
            meaning = meaning_of(model, signature) or signature.key
            if meaning not in imported:
                known = set(session.problems)
                imported[meaning] = import_signature(session, model.nodes.values(), signature, shapes)
                if may_leave_out and _leave_out(session, signature, known, chosen):
                    continue
                program.graphs.append(imported[meaning])
            if imported[meaning] in program.graphs:
                add_signature(program, signature, imported[meaning])
        if not program.signatures:
            session.problems.update(session.set_aside)
        return program

    return import_until_stable(source, build, select, on_unknown=on_unknown, composite=composite)


def _leave_out(
    session: Session, signature: SourceSignature, known: set[Problem], chosen: Sequence[SourceSignature]
) -> bool:
    """Whether a signature is left out, as it has an input of unknown rank, and others are converted."""
    new = [p for p in session.problems if p not in known]
    if len(chosen) < 2 or not new or any(p.code != UNKNOWN_RANK for p in new):
        return False
    for problem in new:
        session.set_aside[problem] = session.problems.pop(problem)
    session.remarks[f"signature {signature.key!r} is left out: {new[0].reason}"] = None
    return True


def import_between(
    model: SavedModel,
    inputs: Sequence[str],
    outputs: Sequence[str],
    input_shapes: Shapes | None = None,
    key: str = DEFAULT_SIGNATURE,
    on_unknown: Unknown | None = None,
    select: SelectOps | None = None,
) -> Program:
    """Imports what lies between named tensors of a SavedModel's graph, whatever its signatures say.

    Raises UsageError for a name the graph does not have, ConverterError with every problem found.
    """
    shapes = input_shapes or {}
    entry = frozen_entry(model.graph_def, inputs, outputs, shapes, key)

    def build(session: Session) -> Program:
        graph = import_signature(session, entry.nodes, entry.signature, shapes)
        program = Program([graph])
        add_signature(program, entry.signature, graph)
        return program

    return import_until_stable(source_model(model), build, select, on_unknown=on_unknown)


def _selected_signatures(model: SavedModel, keys: Sequence[str] | None) -> list[SourceSignature]:
    if not model.signatures:
        raise UsageError(
            f"{model.path} has no signatures: save the model with signatures=… (or Keras' model.export), "
            "or convert its functions with from_concrete_functions"
        )
    if keys:
        return [model.signature(key) for key in keys]
    found = sorted(model.signatures, key=lambda key: (key != DEFAULT_SIGNATURE, key))
    return [model.signatures[key] for key in found]


def source_model(model: SavedModel) -> Model:
    """The importer's view of a SavedModel."""
    variables: dict[str, Variable] = {}

    def variable(name: str, node: NodeDef) -> Variable:
        try:
            found = model.variable(node.name)
        except UsageError:  # a variable the model keeps to itself, such as one that holds the name of an asset
            return variables.setdefault(name, Variable(name, tf_dtype(node.attr["dtype"].type), None))
        unique = _unique_name(found) or node.name
        if unique not in variables:
            variables[unique] = _variable(model, found, node.name, unique)
        return variables[unique]

    return Model(
        model.functions,
        variable,
        initializer=(model.nodes.values(), model.initializers) if model.initializers else None,
        assets=_Assets(model),
        files={a.tensor_name: a.filename.encode() for a in model.assets if a.tensor_name},
    )


def _unique_name(found: SourceVariable) -> str:
    """The variable's name in the converted model: its key in the checkpoint, for a part of a tensor its own name."""
    is_part = found.stored is not None and found.stored.extents is not None
    return found.name if is_part else found.key.removesuffix(_KEY_SUFFIX)


class _Assets(Mapping[bytes, bytes]):
    """The asset files of a model by name, read when asked for."""

    def __init__(self, model: SavedModel) -> None:
        self._paths = {a.filename.encode(): a.path for a in model.assets}

    def __getitem__(self, name: bytes) -> bytes:
        return self._paths[name].read_bytes()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _variable(model: SavedModel, found: SourceVariable, node: str, name: str) -> Variable:
    dtype = DType.parse(found.dtype.name)
    shape = None if found.shape is None else tuple(-1 if d is None else int(d) for d in found.shape)
    initial = None
    if found.stored is not None:
        if shape is not None and min(shape, default=0) >= 0:
            initial = Constant.lazy(dtype, shape, lambda: model.variable_array(node))
        else:
            initial = Constant.of(model.variable_array(node), dtype)
    return Variable(name, dtype, shape, initial, label=found.name)


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
