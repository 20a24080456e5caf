"""What a converter converts: how each kind of source is imported, with the official converter's order and names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from litesmith._util.naming import input_shapes
from litesmith.errors import MissingFileError, UsageError
from litesmith.formats.tflite.conversion_metadata import ModelType
from litesmith.ir import Program
from litesmith.lite.layout import name_as_exported, name_as_frozen, order_by_fingerprint
from litesmith.sources import frozen_graph_hook, saved_model_hook

if TYPE_CHECKING:
    from litesmith.formats.saved_model import SavedModel
    from litesmith.formats.saved_model.protos import GraphDef
    from litesmith.frontends.keras.live import Layer, Model
    from litesmith.frontends.tensorflow.live import ConcreteFunction, TFSession, TFTensor
    from litesmith.frontends.tensorflow.select_ops import SelectOps

Shapes = Mapping[str, Sequence[int | None]]

SERVING = "serving_default"
_KERAS_EXPORT = "serve"


@dataclass(frozen=True)
class Loading:
    """How to load: whether unknown operators may become custom ones, and checksums of weights are checked. select: which
    may become Select TF operators."""

    allow_custom_ops: bool = False
    checksums: bool = True
    select: SelectOps | None = None


@dataclass(frozen=True)
class Source:
    """load: the program before any pass; input_arrays: names of the inputs, where they are known without loading."""

    model_type: ModelType
    load: Callable[[Loading], Program]
    input_arrays: Callable[[], list[str]] | None = None


# -- SavedModels ------------------------------------------------------------------------------------------------------


def open_saved_model(directory: str | os.PathLike[str], tags: Iterable[str] | None) -> SavedModel:
    """The SavedModel. Raises MissingFileError where there is none, UsageError for a tag set it does not have."""
    from litesmith.formats.saved_model import SavedModel

    path = Path(directory)
    if not any((path / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        raise MissingFileError(f"SavedModel file does not exist at: {path}", fix="give the directory of a SavedModel")
    return SavedModel.open(path, tuple(tags) if tags else None)


def saved_model(
    directory: str | os.PathLike[str],
    keys: Sequence[str] | None,
    tags: Iterable[str] | None,
    shapes: Shapes | None = None,
) -> Source:
    """Signatures of a SavedModel. Raises UsageError for a key it does not have."""
    model = open_saved_model(directory, tags)
    unknown = [k for k in keys or () if k not in model.signatures]
    if unknown:
        valid = ", ".join(sorted(model.signatures)) or "none"
        raise UsageError(f"Invalid signature key '{unknown[0]}' found. Valid keys are '{valid}'.")

    def load(how: Loading) -> Program:
        from litesmith.frontends.tensorflow.saved_model import import_saved_model

        hook = saved_model_hook(model, how.allow_custom_ops, how.checksums, how.select)
        program = import_saved_model(
            model, keys or _keys(model), shapes, on_unknown=hook, select=how.select, may_leave_out=keys is None
        )
        order_by_fingerprint(program)
        return program

    return Source(ModelType.TF_SAVED_MODEL, load)


def _keys(model: SavedModel) -> list[str] | None:
    """All signatures, but for the second name Keras gives to the one it exports."""
    from litesmith.frontends.tensorflow.saved_model import meaning_of

    keys = list(model.signatures)
    if _KERAS_EXPORT in keys and SERVING in keys:
        meanings = [meaning_of(model, model.signatures[k]) for k in (_KERAS_EXPORT, SERVING)]
        if meanings[0] is not None and meanings[0] == meanings[1]:
            keys.remove(_KERAS_EXPORT)
    return keys or None


def saved_model_arrays(
    directory: str | os.PathLike[str],
    inputs: Iterable[str] | None,
    shapes: Shapes | None,
    outputs: Iterable[str] | None,
    tags: Iterable[str] | None,
    key: str | None,
) -> Source:
    """What lies between tensors of a SavedModel, by default those of a signature, named as in a frozen graph."""
    model = open_saved_model(directory, tags)
    if inputs is None or outputs is None:
        signature = model.signature(key or SERVING)
        inputs = inputs or [t.tensor_name for t in signature.inputs.values()]
        outputs = outputs or [t.tensor_name for t in signature.outputs.values()]
    inputs, outputs = sorted(map(str, inputs)), sorted(map(str, outputs))
    names = [n.removesuffix(":0") for n in inputs]
    input_shapes(given_shapes(shapes), names)

    def load(how: Loading) -> Program:
        from litesmith.frontends.tensorflow.saved_model import import_between

        hook = saved_model_hook(model, how.allow_custom_ops, how.checksums, how.select)
        program = import_between(model, inputs, outputs, given_shapes(shapes), key or SERVING, hook, how.select)
        name_as_frozen(program)
        return program

    return Source(ModelType.TF_SAVED_MODEL, load, lambda: names)


def given_shapes(shapes: Shapes | None) -> Shapes:
    """The shapes by plain name."""
    return {name.removesuffix(":0"): list(shape) for name, shape in (shapes or {}).items()}


# -- frozen graphs ----------------------------------------------------------------------------------------------------


def frozen_graph_file(
    file: str | os.PathLike[str], inputs: Sequence[str] | None, outputs: Sequence[str] | None, shapes: Shapes | None
) -> Source:
    """A frozen graph in a file. Raises MissingFileError where there is none, FormatError for a damaged one."""
    from litesmith.formats.saved_model import read_graph_def

    path = Path(file)
    if not path.exists():
        raise MissingFileError(f"File '{path}' does not exist.", fix="give the path of a frozen GraphDef")
    graph_def = read_graph_def(path)
    if any(node.op.startswith("Variable") or node.op.endswith("VariableOp") for node in graph_def.node):
        raise UsageError("Please freeze the graph using freeze_graph.py.")
    return frozen_graph(graph_def, inputs, outputs, shapes, ModelType.TF_GRAPH_DEF)


NO_ARRAYS = (
    "If input_tensors and output_tensors are None, both input_arrays_with_shape and "
    "output_arrays|control_output_arrays must be defined."
)


def given_graph(graph_def: GraphDef | None, inputs: Sequence[str], outputs: Sequence[str], shapes: Shapes) -> Source:
    """A GraphDef at hand. What is missing (the graph itself, names) is told when it is converted, as in the original."""
    if graph_def is not None and inputs and outputs:
        return frozen_graph(graph_def, inputs, outputs, shapes, ModelType.TF_GRAPH_DEF)
    reason = "Must provide the graph_def." if inputs and outputs else NO_ARRAYS

    def load(how: Loading) -> Program:
        raise UsageError(reason)

    return Source(ModelType.TF_GRAPH_DEF, load, lambda: [n.removesuffix(":0") for n in inputs])


def frozen_graph(
    graph_def: GraphDef,
    inputs: Sequence[str] | None,
    outputs: Sequence[str] | None,
    shapes: Shapes | None,
    model_type: ModelType,
) -> Source:
    """A GraphDef without variables, between named tensors (none: its placeholders, its ends).

    Raises UsageError for names it does not have.
    """
    from litesmith.frontends.tensorflow.graph_def import frozen_entry, import_entries

    given = given_shapes(shapes)
    entry = frozen_entry(graph_def, list(inputs or ()), list(outputs or ()), given)

    def load(how: Loading) -> Program:
        hook = frozen_graph_hook(how.allow_custom_ops)
        program = import_entries([entry], given, select=how.select, on_unknown=hook)
        name_as_frozen(program)
        return program

    return Source(model_type, load, lambda: list(entry.signature.inputs))


def session(sess: TFSession, inputs: Sequence[TFTensor], outputs: Sequence[TFTensor]) -> Source:
    """A graph of TensorFlow 1 with the values its variables have in a session."""
    import sys

    names = [t.name for t in outputs]
    freeze = sys.modules["tensorflow"].compat.v1.graph_util.convert_variables_to_constants
    frozen = freeze(sess, sess.graph.as_graph_def(), [n.partition(":")[0] for n in names])
    shapes = {t.name: t.shape.as_list() for t in inputs if t.shape.rank is not None}
    return frozen_graph(frozen, [t.name for t in inputs], names, shapes, ModelType.TF_SESSION)


# -- concrete functions -----------------------------------------------------------------------------------------------


def concrete_functions(functions: object, trackable: object) -> Source:
    """TensorFlow functions; one without a ConcreteFunction needs an ``input_signature``.

    trackable: the object that owns them. With it, names and order are those of a SavedModel made of them.
    """
    from litesmith.frontends.tensorflow.concrete import (
        NOT_CONCRETE,
        as_concrete,
        import_concrete_functions,
        is_concrete,
    )

    if not isinstance(functions, (list, tuple)):
        raise UsageError(NOT_CONCRETE)
    if not functions:
        raise UsageError("No ConcreteFunction is specified.")
    concrete = [as_concrete(f) for f in functions]
    as_saved = trackable is not None and not hasattr(trackable, "get_concrete_function") and not is_concrete(trackable)

    def load(how: Loading) -> Program:
        program = import_concrete_functions(concrete, allow_custom_ops=how.allow_custom_ops, select=how.select)
        if as_saved:
            keys = [s.key for s in program.signatures]
            name_as_exported(program, _calls(dict(zip(keys, concrete, strict=True))))
            order_by_fingerprint(program)
        else:
            name_as_frozen(program)
        return program

    return Source(ModelType.TF_CONCRETE_FUNCTIONS, load)


def _calls(functions: Mapping[str, ConcreteFunction]) -> dict[str, str]:
    """The nodes that call the functions of a SavedModel's signatures: numbered by kind, in the order of the keys."""
    counts: dict[str, int] = {}
    calls = {}
    for key, function in sorted(functions.items()):
        stateful = any(op.op_def.is_stateful for op in function.graph.get_operations() if op.type != "Placeholder")
        kind = "StatefulPartitionedCall" if stateful else "PartitionedCall"
        count = counts[kind] = counts.get(kind, -1) + 1
        calls[key] = f"{kind}_{count}" if count else kind
    return calls


# -- Keras ------------------------------------------------------------------------------------------------------------


def keras_model(
    model: Model, shapes: Shapes | None = None, input_signature: object = None, as_keras_2: bool = False
) -> Source:
    """A Keras model, with the names and the order of the SavedModel the official converter makes of it.

    input_signature: specifications of the inputs, a list with one (or a structure of them) for each argument.
    as_keras_2: whether outputs are named as legacy Keras names them, whatever Keras the model is of.
    """
    given = input_signature if isinstance(input_signature, (list, tuple)) else [input_signature]
    args = () if input_signature is None else given

    def load(how: Loading) -> Program:
        from litesmith.frontends.keras import import_keras

        program = import_keras(model, args, given_shapes(shapes), how.allow_custom_ops, how.select)
        is_keras_3 = not (as_keras_2 or type(model).__module__.startswith("tf_keras"))
        (signature,) = program.signatures
        if is_keras_3 and not _names_outputs(model):
            signature.outputs = {f"output_{i}": place for i, place in enumerate(signature.outputs.values())}
        if is_keras_3 and len(signature.inputs) == 1 and not _has_symbolic_inputs(model):
            signature.inputs = {"args_0": 0}
        call = "StatefulPartitionedCall" if model.weights else "PartitionedCall"
        name_as_exported(program, {signature.key: f"{call}_1" if is_keras_3 else call})
        order_by_fingerprint(program)
        return program

    return Source(ModelType.KERAS_MODEL, load)


def _names_outputs(model: Layer) -> bool:
    """Whether the outputs have names of their own, or none that the original would not give them either."""
    if not _declaration(model, "outputs"):
        return True
    structure = _declaration(model, "output")  # of a Sequential model it cannot always be told; it has one output
    return isinstance(structure, dict)


def _has_symbolic_inputs(model: Layer) -> bool:
    """Whether inputs were declared, with names, and not only seen in a call."""
    return bool(_declaration(model, "inputs"))


def _declaration(model: Layer, name: str) -> object:
    try:
        return getattr(model, name, None)
    except (AttributeError, ValueError):  # what Keras raises for a model without symbolic tensors
        return None


def keras_file(
    file: str | os.PathLike[str],
    custom_objects: Mapping[str, object] | None = None,
    shapes: Shapes | None = None,
    safe_mode: bool = True,
) -> Source:
    """A Keras file. Raises MissingFileError where there is none."""
    model = open_keras_file(file, custom_objects, safe_mode)
    from litesmith.frontends.keras.files import is_of_keras_2

    return keras_model(model, shapes, as_keras_2=is_of_keras_2(Path(file)))


def open_keras_file(
    file: str | os.PathLike[str], custom_objects: Mapping[str, object] | None, safe_mode: bool
) -> Model:
    """The model in a Keras file. Raises MissingFileError where there is none."""
    from litesmith.frontends.keras import load_model

    if not Path(file).exists():
        raise MissingFileError(f"File '{file}' does not exist.", fix="give the path of a .keras or .h5 file")
    return load_model(file, safe_mode=safe_mode, custom_objects=custom_objects)


# -- JAX --------------------------------------------------------------------------------------------------------------


def jax_functions(
    functions: Sequence[Callable[..., object]], inputs: Sequence[Sequence[tuple[str, object]]] | None
) -> Source:
    """JAX functions and, for each, its inputs as (name, array) pairs in the order of its arguments."""
    if not functions:
        raise UsageError("No serving func is specified.")
    if inputs is None or len(inputs) == 0:
        raise UsageError("Input tensors are not specified.")
    if len(functions) != len(inputs):
        raise UsageError(f"Input tensor mapping len {len(inputs)} does not match serving func len {len(functions)}.")
    if not isinstance(inputs, (tuple, list)):
        raise UsageError("Input tensors should be pass in a tuple list wrapped in an array.")
    if not all(isinstance(pairs, (tuple, list)) for pairs in inputs):
        raise UsageError("The input placeholders are not a dictionary.")

    def load(how: Loading) -> Program:
        from litesmith.frontends.jax import JaxFunction, import_signatures
        from litesmith.frontends.jax.naming import unique

        names = [str(getattr(f, "__name__", "function")) for f in functions]
        keys = [SERVING] if len(functions) == 1 else unique(names)
        entries = [
            JaxFunction(f, [array for _, array in pairs], input_names=[str(name) for name, _ in pairs])
            for f, pairs in zip(functions, inputs, strict=True)
        ]
        return import_signatures(dict(zip(keys, entries, strict=True)))

    return Source(ModelType.JAX, load)
