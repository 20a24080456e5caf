"""A Keras model as a program, through the graph its backend traces."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from litesmith.errors import UsageError
from litesmith.frontends.keras.calls import Calling, Shapes, calling
from litesmith.frontends.keras.layers import Interception, LayerNames, all_layers
from litesmith.frontends.keras.recurrent import lowerings
from litesmith.ir import Program

SIGNATURE = "serving_default"


def import_keras(
    model: Any, args: Sequence[Any] = (), shapes: Shapes | None = None, allow_custom_ops: bool = False
) -> Program:
    """The program of a Keras model or layer.

    args: examples of its inputs, for one that does not know them. shapes: input name -> shape replacing the model's.
    allow_custom_ops: whether TensorFlow operators without a lowering become custom ones.
    Raises UsageError where the inputs are unknown or the backend is not supported, ConverterError with every problem.
    """
    keras = keras_of(model)
    layers = all_layers(model, keras.layers.Layer)
    call = calling(model, keras, args, shapes or {})
    interception = Interception(lowerings(keras))
    return _backend(keras)(call, layers, interception, allow_custom_ops)


def keras_of(model: Any) -> ModuleType:
    """The package the model's classes come from: ``keras`` or legacy ``tf_keras``."""
    for cls in type(model).__mro__:
        root = cls.__module__.split(".")[0]
        if root in ("keras", "tf_keras"):
            return sys.modules[root]
    raise UsageError(f"{type(model).__name__} is no Keras layer")


Importer = Callable[[Calling, Sequence[Any], Interception, bool], Program]


def _backend(keras: ModuleType) -> Importer:
    name = "tensorflow" if keras.__name__ == "tf_keras" else keras.backend.backend()
    found: Importer | None = {"tensorflow": _through_tensorflow, "jax": _through_jax}.get(name)
    if found is None:
        raise UsageError(
            f"Keras runs on its {name} backend, which has no graph to convert\n"
            '      Fix: save the model (model.save("model.keras")), then run\n'
            "           KERAS_BACKEND=jax litesmith convert model.keras -o model.tflite"
        )
    return found


def _through_tensorflow(
    call: Calling, layers: Sequence[Any], interception: Interception, allow_custom_ops: bool
) -> Program:
    import tensorflow as tf

    from litesmith.frontends.tensorflow.concrete import concrete_entry, declarations
    from litesmith.frontends.tensorflow.custom_ops import custom_ops
    from litesmith.frontends.tensorflow.graph_def import import_entries

    names: list[str] = []

    def flat(*tensors: Any) -> list[Any]:
        outputs = call(*tensors)
        names[:] = call.output_names(outputs)
        return [tf.convert_to_tensor(t) for t in call.keras.tree.flatten(outputs)]

    def mark(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        function.__name__ = name
        return tf.function(function, autograph=False)

    specs = [tf.TensorSpec(s.shape, s.dtype.text, name=f"input_{i}") for i, s in enumerate(call.specs)]
    with interception.active(layers, mark, call.keras):
        function = tf.function(flat, autograph=False).get_concrete_function(*specs)
    dims = {s.name: s.dims for s in call.specs}
    names_in = [s.name for s in call.specs]
    entry = concrete_entry(function, SIGNATURE, names_in, names, dims, with_shapes=allow_custom_ops)
    return import_entries(
        [entry],
        composite=interception.lower,
        layer_of=LayerNames(layers[1:]).path,
        on_unknown=custom_ops(declarations([function]).get) if allow_custom_ops else None,
    )


def _through_jax(call: Calling, layers: Sequence[Any], interception: Interception, _allow_custom_ops: bool) -> Program:
    import jax

    from litesmith.frontends.jax.convert import import_jax
    from litesmith.ir import TensorType

    keras, model = call.keras, call.model
    weights = {v.path: v.value for v in model.variables}
    trainable = [weights[v.path] for v in model.trainable_variables]
    others = [weights[v.path] for v in model.non_trainable_variables]
    names: list[str] = []

    def flat(*tensors: Any) -> list[Any]:
        pairs = [*zip(model.trainable_variables, trainable, strict=True),
                 *zip(model.non_trainable_variables, others, strict=True)]  # fmt: skip
        with keras.StatelessScope(state_mapping=pairs):
            outputs = call(*tensors)
        names[:] = call.output_names(outputs)
        return [jax.numpy.asarray(t) for t in keras.tree.flatten(outputs)]

    def mark(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        function.__name__ = name
        return jax.jit(function)

    args = [TensorType(s.dtype, s.dims) for s in call.specs]
    with interception.active(layers, mark, keras):
        return import_jax(
            flat,
            args,
            input_names=[s.name for s in call.specs],
            output_names=lambda: names,
            composite=interception.lower,
            layer_of=LayerNames(layers[1:]).path,
        )
