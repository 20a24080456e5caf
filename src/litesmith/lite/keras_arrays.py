"""Keras files as the converter of TensorFlow 1 takes them: inputs and outputs in the model's order, or named ones."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from litesmith._util.naming import input_shapes, suggestion
from litesmith.errors import UsageError
from litesmith.formats.tflite.conversion_metadata import ModelType
from litesmith.ir import Program
from litesmith.lite.sources import Loading, Shapes, Source, given_shapes, open_keras_file

if TYPE_CHECKING:
    from litesmith.frontends.keras.live import Model

_OUTPUT = "Identity"
"""What TensorFlow calls the results of a function: ``Identity``, ``Identity_1`` …"""


def runs_eagerly() -> bool:
    """Whether TensorFlow is used, and computes at once."""
    tf = sys.modules.get("tensorflow")
    return tf is not None and bool(tf.executing_eagerly())


def keras_file_arrays(
    file: str | os.PathLike[str],
    custom_objects: Mapping[str, object] | None,
    shapes: Shapes | None,
    arrays: tuple[Sequence[str], Sequence[str]],
    safe_mode: bool,
) -> Source:
    """A Keras file; arrays: names of inputs and of outputs, each empty for the model's own.

    Raises UsageError for a name or shape of what the model does not have.
    """
    from litesmith.frontends.keras.graphs import outside_graphs

    with outside_graphs():
        whole = open_keras_file(file, custom_objects, safe_mode)
        model = _between(whole, *arrays) if any(arrays) else whole
    given = given_shapes(shapes)
    names = [_plain(t.name) for t in _leaves(getattr(model, "inputs", None))]
    if names:
        input_shapes(given, names)

    def load(how: Loading) -> Program:
        from litesmith.frontends.keras import import_keras

        program = import_keras(model, (), given, how.allow_custom_ops, how.select)
        (signature,) = program.signatures
        graph = signature.graph
        wanted = [n for n in names if n in signature.inputs]
        order = [signature.inputs[n] for n in wanted] if len(wanted) == len(graph.inputs) else range(len(graph.inputs))
        labels = {place: name for name, place in signature.inputs.items()}
        signature.inputs = {labels[place]: i for i, place in enumerate(order)}
        graph.inputs = [graph.inputs[place] for place in order]
        for name, place in signature.inputs.items():
            graph.inputs[place].name = name
        outputs = list(arrays[1]) or [f"{_OUTPUT}_{i}" if i else _OUTPUT for i in range(len(graph.outputs))]
        signature.outputs = {_plain(name): i for i, name in enumerate(outputs)}
        for name, place in signature.outputs.items():
            if graph.outputs[place].op is not None:
                graph.outputs[place].name = name
        return program

    return Source(ModelType.KERAS_MODEL, load, (lambda: list(names)) if names else None)


def _leaves(tensors: Any) -> list[Any]:
    if isinstance(tensors, Mapping):
        return [tensors[key] for key in sorted(tensors)]
    return list(tensors or ()) if isinstance(tensors, (list, tuple)) else [tensors]


def _plain(name: str) -> str:
    return str(name).removesuffix(":0")


def _between(model: Model, inputs: Sequence[str], outputs: Sequence[str]) -> Model:
    """The part of a functional model between named tensors."""
    from litesmith.frontends.keras.importer import keras_of

    keras = keras_of(model)
    known = {_plain(t.name): t for t in _leaves(getattr(model, "inputs", None))}
    named_inputs = [_find(name, known) for name in inputs] or list(known.values())
    layers = {n.name: out for n in model.layers if (out := getattr(n, "output", None)) is not None}
    results = [_find(name.partition("/")[0], layers) for name in outputs] or list(model.outputs)
    part: Model = keras.Model(named_inputs, results)
    return part


def _find(name: str, known: Mapping[str, Any]) -> Any:
    if _plain(name) not in known:
        near = suggestion(_plain(name), known)
        raise UsageError(f"Invalid tensors '{name}' were found{near or '.'}")
    return known[_plain(name)]
