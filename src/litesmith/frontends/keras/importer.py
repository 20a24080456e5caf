"""A Keras model as a program, through the graph its backend traces."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING

from litesmith.errors import ConverterError, LitesmithError, UsageError
from litesmith.frontends.keras import recurrent, resizing
from litesmith.frontends.keras.calls import Calling, Shapes, calling
from litesmith.frontends.keras.graphs import outside_graphs
from litesmith.frontends.keras.layers import Backend, Interception, LayerNames, Lower, all_layers, all_variables
from litesmith.frontends.keras.live import Layer, Variable
from litesmith.frontends.keras.naming import name_by_layers
from litesmith.frontends.keras.quantized import quantization_problems
from litesmith.frontends.keras.rewrites import rewrites
from litesmith.frontends.keras.sizes import with_equal_sizes, with_multiples
from litesmith.frontends.keras.state import keep_state
from litesmith.ir import Program

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.select_ops import SelectOps

SIGNATURE = "serving_default"


def lowerings(keras: ModuleType) -> dict[type, Lower]:
    """The layers that are lowered whole, by class."""
    return {**recurrent.lowerings(keras), **resizing.lowerings(keras)}


def import_keras(
    model: Layer,
    args: Sequence[object] = (),
    shapes: Shapes | None = None,
    allow_custom_ops: bool = False,
    select: SelectOps | None = None,
) -> Program:
    """The program of a Keras model or layer.

    args: examples of its inputs, for one that does not know them. shapes: input name -> shape replacing the model's.
    allow_custom_ops: whether TensorFlow operators without a lowering become custom ones. select: which may become Select
    TF operators.
    Raises UsageError where the inputs are unknown or the backend is not supported, ConverterError with every problem.
    """
    with outside_graphs():
        return _import(model, args, shapes or {}, allow_custom_ops, select)


def _import(
    model: Layer, args: Sequence[object], shapes: Shapes, allow_custom_ops: bool, select: SelectOps | None
) -> Program:
    keras = keras_of(model)
    through = _backend(keras)
    call = calling(model, keras, args, shapes)
    _build(call)
    layers = all_layers(model, keras.layers.Layer)
    problems = quantization_problems(layers, keras)
    if problems:
        raise ConverterError(problems)
    trace = _Trace(call, layers, LayerNames(model, layers), Interception(lowerings(keras), rewrites(keras)), select)
    return name_by_layers(through(trace, allow_custom_ops))


def _build(call: Calling) -> None:
    """Calls a model that lacks weights or layers once, with symbolic inputs, so that the trace finds them."""
    keras = call.keras
    if all(layer.built for layer in all_layers(call.model, keras.layers.Layer)) or not hasattr(keras, "KerasTensor"):
        return
    symbolic = [keras.KerasTensor(s.shape, dtype=s.dtype.text) for s in call.specs]
    call(*symbolic)


def keras_of(model: Layer) -> ModuleType:
    """The package the model's classes come from: ``keras`` or legacy ``tf_keras``."""
    for cls in type(model).__mro__:
        root = cls.__module__.split(".")[0]
        if root in ("keras", "tf_keras"):
            return sys.modules[root]
    raise UsageError(f"{type(model).__name__} is not a Keras layer")


@dataclass
class _Trace:
    """What both backends trace: a model, how it is called, its layers and those that are lowered whole."""

    call: Calling
    layers: Sequence[Layer]
    names: LayerNames
    interception: Interception
    select: SelectOps | None = None

    def inside(self, backend: Backend) -> AbstractContextManager[None]:
        """While active, layers are told apart in the backend's graph."""
        return self.interception.active(self.layers, self.names, backend, self.call.tree)


Importer = Callable[[_Trace, bool], Program]


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


def _through_tensorflow(trace: _Trace, allow_custom_ops: bool) -> Program:
    import tensorflow as tf

    from litesmith.frontends.tensorflow.concrete import concrete_entry, declarations
    from litesmith.frontends.tensorflow.custom_ops import custom_ops
    from litesmith.frontends.tensorflow.graph_def import import_entries

    call = trace.call
    names: list[str] = []

    def flat(*tensors: object) -> list[object]:
        outputs = call(*tensors)
        names[:] = call.output_names(outputs)
        return [tf.convert_to_tensor(t) for t in call.tree.flatten(outputs)]

    def mark(name: str, function: Callable[..., object]) -> Callable[..., Iterable[object]]:
        function.__name__ = name
        marked: Callable[..., Iterable[object]] = tf.function(function, autograph=False)
        return marked

    specs = [tf.TensorSpec(s.shape, s.dtype.text, name=f"input_{i}") for i, s in enumerate(call.specs)]
    with trace.inside(Backend(tf.name_scope, mark)):
        function = tf.function(flat, autograph=False).get_concrete_function(*specs)
    dims = {s.name: s.dims for s in call.specs}
    names_in = [s.name for s in call.specs]
    with_shapes = allow_custom_ops or trace.select is not None
    entry = concrete_entry(function, SIGNATURE, names_in, names, dims, with_shapes=with_shapes)
    if trace.select is not None:
        trace.select.declarations = declarations([function]).get
    return import_entries(
        [entry],
        composite=trace.interception.lower,
        select=trace.select,
        layer_of=trace.names.path,
        on_unknown=custom_ops(declarations([function]).get) if allow_custom_ops else None,
    )


def _through_jax(trace: _Trace, _allow_custom_ops: bool) -> Program:
    from litesmith.frontends.jax.naming import unique

    if trace.select is not None:
        raise UsageError("Keras runs on JAX, which has no TensorFlow operators\n      Fix: leave select_tf_ops out")
    found = _JaxTrace(trace, ())
    try:
        program = found.program()
    except LitesmithError as error:
        call = with_equal_sizes(trace.call, error) or with_multiples(trace.call, error)
        if call is None:
            raise
        trace.interception.calls.clear()
        return _through_jax(replace(trace, call=call), _allow_custom_ops)
    if not found.assigned:
        return program
    states = list(found.assigned.values())
    trace.interception.calls.clear()
    program = _JaxTrace(trace, states).program()
    return keep_state(program, unique([v.path for v in states]), [v.value for v in states])


class _JaxTrace:
    """One trace on JAX. ``states``: variables the model assigns, which come in and go out after the other tensors."""

    def __init__(self, trace: _Trace, states: Sequence[Variable]) -> None:
        self.trace, self.states = trace, states
        keras = trace.call.keras
        self.variables = all_variables(trace.call.model, keras.layers.Layer, keras.Variable)
        self.values = [v.value for v in self.variables]
        self.assigned: dict[int, Variable] = {}
        self.output_names: list[str] = []

    def _flat(self, *tensors: object) -> list[object]:
        import jax

        call, count = self.trace.call, len(self.states)
        given, states = tensors[: len(tensors) - count], tensors[len(tensors) - count :]
        current = dict(zip(map(id, self.states), states, strict=True))
        pairs = [(v, current.get(id(v), value)) for v, value in zip(self.variables, self.values, strict=True)]
        with call.keras.StatelessScope(state_mapping=pairs) as scope:
            outputs = call(*given)
        after = {id(v): scope.get_current_value(v) for v, _ in pairs}
        self.assigned = {id(v): v for v, before in pairs if after[id(v)] is not before}
        self.output_names[:] = [*call.output_names(outputs), *(f"{_STATE}{i}" for i in range(count))]
        return [jax.numpy.asarray(t) for t in [*call.tree.flatten(outputs), *(after[id(v)] for v in self.states)]]

    def program(self) -> Program:
        """The traced model as a program."""
        import jax

        from litesmith.frontends.jax.convert import import_jax
        from litesmith.ir import DType, TensorType

        def mark(name: str, function: Callable[..., object]) -> Callable[..., Iterable[object]]:
            def alone(*tensors: object) -> object:
                # What a layer assigns inside (seeds, drawn and not used) may not leave the function.
                with self.trace.call.keras.StatelessScope():
                    return function(*tensors)

            alone.__name__ = name
            marked: Callable[..., Iterable[object]] = jax.jit(alone)
            return marked

        specs = self.trace.call.specs
        args = [TensorType(s.dtype, s.dims) for s in specs]
        args += [TensorType(DType.of(v.value.dtype), tuple(v.shape)) for v in self.states]
        with self.trace.inside(Backend(jax.named_scope, mark)):
            return import_jax(
                lambda *tensors: self._flat(*tensors),
                args,
                input_names=[*(s.name for s in specs), *(f"{_STATE}{i}" for i in range(len(self.states)))],
                output_names=lambda: self.output_names,
                composite=self.trace.interception.lower,
                layer_of=self.trace.names.path,
                names={id(value): v.path for v, value in zip(self.variables, self.values, strict=True)},
            )


_STATE = "litesmith_state_"
