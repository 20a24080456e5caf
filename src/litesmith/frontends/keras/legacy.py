"""Configurations Keras 2 and TensorFlow 2 wrote, as Keras 3 reads them.

Nothing here changes what a model computes: arguments Keras 3 no longer has are dropped where they say nothing, and
refused where they do.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from types import ModuleType
from typing import Any, TypeGuard

from litesmith.errors import FormatError

Config = dict[str, Any]

TF_OP = "TFOpLambda"
"""The class Keras 2 saves a TensorFlow function in a functional model as (see `tf_ops`)."""

_CONV = ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "Conv1DTranspose",
         "Conv2DTranspose", "Conv3DTranspose")  # fmt: skip
_DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
_LOOPS = ("RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_NORMALIZATIONS = ("BatchNormalization", "SyncBatchNormalization")
_SPATIAL = ("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
_ATTENTION = ("MultiHeadAttention",)

ANY = object()
"""Stands for a value that never changes what an inference computes."""

_GONE: tuple[tuple[str, tuple[str, ...], tuple[Any, ...]], ...] = (
    ("groups", _CONV, (1, None)),
    ("kernel_initializer", _DEPTHWISE, (ANY,)),
    ("kernel_regularizer", _DEPTHWISE, (ANY,)),
    ("kernel_constraint", _DEPTHWISE, (ANY,)),
    ("time_major", _LOOPS, (False, None)),
    ("implementation", (*_LOOPS, "LSTMCell", "GRUCell"), (ANY,)),
    ("noise_shape", _SPATIAL, (None,)),
    ("trainable", _SPATIAL, (ANY,)),
    ("query_shape", _ATTENTION, (ANY,)),
    ("key_shape", _ATTENTION, (ANY,)),
    ("value_shape", _ATTENTION, (ANY,)),
    ("softmax_robust_masking", _ATTENTION, (ANY,)),
    ("input_length", ("Embedding",), (ANY,)),
    ("renorm", _NORMALIZATIONS, (False, None)),
    ("fused", _NORMALIZATIONS, (ANY,)),
    ("virtual_batch_size", _NORMALIZATIONS, (None,)),
)
"""Arguments Keras 3 has no longer: the argument, the layers that had it, the values that say nothing."""

_WRAPPED = ("layer", "backward_layer", "cell", "cells")
"""Arguments that are descriptions of layers. Keras 3 asks for the module of these, though of no other layer's."""

_RENAMED = {"BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization"}

_MODULES = {"Functional": "keras.src.models.functional", "Model": "keras.src.models.functional", "Sequential": "keras"}


HARD_SIGMOID = "keras2_hard_sigmoid"
"""clip(0.2 x + 0.5, 0, 1), which Keras 2 means by ``hard_sigmoid``; Keras 3 means relu6(x + 3) / 6."""


def hard_sigmoid(keras: ModuleType) -> Callable[[float], object]:
    """Keras 2's ``hard_sigmoid`` in the operations of Keras 3."""

    def clip(x: float) -> object:
        return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)

    clip.__name__ = HARD_SIGMOID  # Bidirectional writes its layer to a configuration and reads it again
    return clip


def with_old_functions(config: object) -> object:
    """A copy of a configuration Keras 2 wrote, in which functions that have another meaning now have other names."""
    if isinstance(config, list):
        return [with_old_functions(item) for item in config]
    if not isinstance(config, dict):
        return config
    made: Config = {key: with_old_functions(value) for key, value in config.items()}
    for key in ("activation", "recurrent_activation"):
        value = made.get(key)
        named = value.get("config") if isinstance(value, dict) and value.get("class_name") == "function" else value
        if named == "hard_sigmoid":
            made[key] = {"class_name": "function", "config": HARD_SIGMOID, "module": "builtins",
                         "registered_name": HARD_SIGMOID}  # fmt: skip
    return made


def modern(config: object) -> object:
    """A configuration as Keras 3 reads it: a copy, with the outdated parts replaced.

    Raises FormatError for an argument that Keras 3 cannot express.
    """
    if isinstance(config, list):
        return [modern(item) for item in config]
    if not isinstance(config, dict):
        return config
    made: Config = {key: modern(value) for key, value in config.items()}
    name = made.get("class_name")
    if name == "Sequential" and isinstance(made.get("config"), list):  # Keras before 2.2.3
        made["config"] = {"name": made.get("name", "sequential"), "layers": made["config"]}
    if not isinstance(name, str) or not isinstance(made.get("config"), dict):
        return made
    if name in _ATTENTION and "input_shape" in (made.get("build_config") or {}):
        made["build_config"] = None  # the shape of the first input alone; the call tells the others
    _rename_module(made, name)
    name = made["class_name"]
    _repair_arguments(name, made["config"])
    repair = _REPAIRS.get(name)
    return made if repair is None else repair(made)


def _rename_module(made: Config, name: str) -> None:
    made["class_name"] = _RENAMED.get(name, name)
    module = str(made.get("module") or "")
    if module.startswith(("keras.src.engine", "tf_keras.src.engine")) and name in _MODULES:
        made["module"], made["registered_name"] = _MODULES[name], name if name == "Functional" else None
    elif module.startswith("tf_keras."):
        made["module"] = module.removeprefix("tf_")


def _repair_arguments(name: str, arguments: Config) -> None:
    policy = arguments.get("dtype")
    if isinstance(policy, dict) and policy.get("class_name") in ("Policy", "PolicyV1"):
        arguments["dtype"] = policy.get("config", {}).get("name", "float32")
    if name.startswith("Random"):
        arguments.pop("rng_type", None)
    if name == "GRU":
        arguments.setdefault("reset_after", False)  # Keras before 2.1.3 had no other
    _repair_nested(arguments)
    if name in _NORMALIZATIONS and isinstance(arguments.get("axis"), list) and len(arguments["axis"]) == 1:
        arguments["axis"] = arguments["axis"][0]
    for argument, classes, silent in _GONE:
        if name not in classes or argument not in arguments:
            continue
        value = arguments.pop(argument)
        if ANY not in silent and value not in silent:
            raise FormatError(f"{name} with {argument}={value!r} is not in Keras 3", fix="convert from a SavedModel")


def _repair_nested(arguments: Config) -> None:
    """Wrapped layers and cells name their place, and initializers no type (they never matter: the weights are known)."""
    for key, value in arguments.items():
        if key.endswith("_initializer") and isinstance(value, dict) and isinstance(value.get("config"), dict):
            value["config"].pop("dtype", None)
        if key not in _WRAPPED:
            continue
        for layer in value if isinstance(value, list) else [value]:
            if isinstance(layer, dict) and isinstance(layer.get("config"), dict):
                layer["config"].pop("batch_input_shape", None)
                layer.setdefault("module", _MODULES.get(str(layer.get("class_name")), "keras.layers"))


# -- classes that changed ---------------------------------------------------------------------------------------------


def _thresholded_relu(made: Config) -> Config:
    """ThresholdedReLU is ReLU with a threshold: what is greater stays, the rest is 0."""
    arguments = made["config"]
    arguments.setdefault("threshold", arguments.pop("theta", 1.0))
    return made | {"class_name": "ReLU", "module": "keras.layers", "registered_name": None}


def _tf_function(made: Config) -> Config:
    arguments = made["config"]
    if made["class_name"] == "SlicingOpLambda":
        arguments["function"] = "__operators__.getitem"
    return made | {"class_name": TF_OP, "module": None, "registered_name": TF_OP}


def _policy(made: Config) -> Config:
    """A policy standing where an object is expected."""
    return made | {"class_name": "DTypePolicy", "module": "keras", "registered_name": None}


def _functional(made: Config) -> Config:
    """Scopes in layer names go, and calls are written the way Keras 3 writes them."""
    config = made["config"]
    layers = config.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        return made
    names = {str(layer.get("name")): str(layer.get("name")).replace("/", "_") for layer in layers}
    nested = _models_counted_from_one(layers, config)
    for layer in layers:
        _name_layer(layer, names, dict.fromkeys(nested, 1))
    # Keras 3 itself counts the calls of a functional model from 1 here.
    sequential = {name: 1 for name, class_name in nested.items() if class_name == "Sequential"}
    for boundary in ("input_layers", "output_layers"):
        config[boundary] = _rename_references(config.get(boundary), names, sequential)
    return made


def _models_counted_from_one(layers: list[Config], config: Config) -> dict[str, str]:
    """Nested models whose calls Keras 2 counted from 1 (making one took a node): name -> class."""
    models = {str(n.get("name")): n for n in layers if n.get("class_name") in ("Functional", "Model", "Sequential")}
    highest = dict.fromkeys(models, -1)
    pending: list[Any] = [n.get("inbound_nodes") for n in layers]
    pending.append([n for n in [config.get("output_layers")] if n])
    while pending:
        item = pending.pop()
        if _is_reference(item, highest):
            highest[item[0]] = max(highest[item[0]], item[1])
        if isinstance(item, (list, dict)):
            pending.extend(item.values() if isinstance(item, dict) else item)
    return {
        name: str(model["class_name"])
        for name, model in models.items()
        if highest[name] >= len(model.get("inbound_nodes") or ()) and _is_outdated(model)
    }


def _is_outdated(layer: Config) -> bool:
    """Whether its calls are written the way of Keras 2."""
    nodes = layer.get("inbound_nodes") or ()
    return any(isinstance(node, list) for node in nodes)


def _name_layer(layer: Config, names: Mapping[str, str], first: Mapping[str, int]) -> None:
    if isinstance(layer.get("config"), dict) and "/" in str(layer["config"].get("name", "")):
        layer["config"]["name"] = layer["config"]["name"].replace("/", "_")
    if layer.get("name") in names:
        layer["name"] = names[layer["name"]]
    nodes = layer.get("inbound_nodes")
    if isinstance(nodes, list):
        calls = [_call(_rename_references(node, names, first), set(names.values())) for node in nodes]
        layer["inbound_nodes"] = [_with_states(node, layer) for node in calls] if _is_recurrent(layer) else calls
    if layer.get("class_name") == TF_OP:
        _keep_arguments(layer)


def _keep_arguments(layer: Config) -> None:
    """Arguments of a TensorFlow function that are no tensors belong to the layer: Keras makes tensors of numbers."""
    calls = [node for node in layer.get("inbound_nodes") or () if isinstance(node, dict)]
    if len(calls) != 1:
        return
    given = calls[0]["kwargs"]
    tensors = {key: value for key, value in given.items() if _has_tensor(value)}
    layer["config"]["arguments"] = {key: value for key, value in given.items() if key not in tensors}
    calls[0]["kwargs"] = tensors


def _has_tensor(value: object) -> bool:
    if isinstance(value, dict):
        return value.get("class_name") == "__keras_tensor__"
    return isinstance(value, list) and any(_has_tensor(item) for item in value)


def _rename_references(node: object, names: Mapping[str, str], first: Mapping[str, int]) -> object:
    """The same references with the new names of layers, and calls counted from 0 (``first``: number of the first)."""
    if _is_reference(node, names):
        further = [_rename_references(item, names, first) for item in node[2:]]
        return [names[node[0]], node[1] - first.get(node[0], 0), *further]
    if isinstance(node, list):
        return [_rename_references(item, names, first) for item in node]
    if isinstance(node, dict):
        return {key: _rename_references(value, names, first) for key, value in node.items()}
    return node


def _is_reference(item: object, names: Container[str]) -> TypeGuard[list[Any]]:
    """Whether an item names a tensor: ``[layer, node, tensor]``, perhaps with further arguments of the call."""
    return (
        isinstance(item, list)
        and len(item) in (3, 4)
        and isinstance(item[0], str)
        and item[0] in names
        and all(isinstance(i, int) for i in item[1:3])
        and (len(item) == 3 or isinstance(item[3], dict))
    )


def _call(node: object, names: set[str]) -> object:
    """One call of a layer: as it is where Keras 3 reads it, else with all tensors marked as such."""
    if not isinstance(node, list):
        return node
    first = _is_reference(node, names)
    tensors = [node] if first else node
    if not all(_is_reference(t, names) for t in tensors):
        return node
    further: Config = {}
    for tensor in tensors:
        further |= tensor[3] if len(tensor) == 4 else {}
    if not first and not any(_has_reference(v, names) for v in further.values()) and not further:
        return node
    given = [_tensor(t) for t in tensors]
    arguments = {key: _mark_tensors(value, names) for key, value in further.items()}
    return {"args": [given[0] if len(given) == 1 else given], "kwargs": arguments}


def _is_recurrent(layer: Config) -> bool:
    return layer.get("class_name") in (*_LOOPS, "Bidirectional")


def _with_states(node: object, layer: Config) -> object:
    """A call whose first argument is the sequence alone: Keras 2 has the states, too, in one list of tensors."""
    if isinstance(node, list) and len(node) > 1 and all(isinstance(t, list) for t in node):
        node = {"args": [[_tensor(t) for t in node]], "kwargs": {}}
    if not isinstance(node, dict) or not isinstance(given := (node.get("args") or [None])[0], list):
        return node
    options = dict(node.get("kwargs") or {})
    if options.pop("constants", None) or (layer.get("config") or {}).get("num_constants"):
        raise FormatError(f"{layer.get('name')} gets constants besides its states", fix="convert from a SavedModel")
    states = {"initial_state": given[1:]} if len(given) > 1 else {}
    return {"args": given[:1], "kwargs": options | states}


def _has_reference(value: object, names: set[str]) -> bool:
    if _is_reference(value, names):
        return True
    return isinstance(value, list) and any(_has_reference(item, names) for item in value)


def _mark_tensors(value: object, names: set[str]) -> object:
    if _is_reference(value, names):
        return _tensor(value)
    return [_mark_tensors(item, names) for item in value] if isinstance(value, list) else value


def _tensor(reference: list[Any]) -> Config:
    history = {"shape": [None], "dtype": "float32", "keras_history": reference[:3]}
    return {"class_name": "__keras_tensor__", "config": history}


def _sequential(made: Config) -> Config:
    """The shape of the input stands in a layer of its own."""
    layers = made["config"].get("layers")
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], dict):
        return made
    shape: Any = None
    for layer in layers:
        if layer.get("class_name") != "InputLayer" and isinstance(layer.get("config"), dict):
            shape = layer["config"].pop("batch_input_shape", None) or shape
    if layers[0].get("class_name") != "InputLayer" and shape is not None:
        arguments = {"batch_shape": shape, "name": f"{layers[0].get('config', {}).get('name', 'model')}_input"}
        first = {"module": "keras.layers", "class_name": "InputLayer", "config": arguments, "registered_name": None}
        made["config"]["layers"] = [first, *layers]
    return made


_REPAIRS: Mapping[str, Callable[[Config], Config]] = {
    "ThresholdedReLU": _thresholded_relu,
    "TFOpLambda": _tf_function,
    "SlicingOpLambda": _tf_function,
    "Policy": _policy,
    "Sequential": _sequential,
    "Functional": _functional,
    "Model": _functional,
}
