"""Layer identity: which layer an operation comes from, and layers that are lowered whole.

While a model is traced, the ``call`` of each of its layers opens a name scope of ours, which every backend writes into
its graph; `LayerNames` turns such scopes into layer paths, the same for all backends. A layer with a lowering of its
own (see `lowerings` in `recurrent.py`) is called through a function with a name of ours, a `tf.function` or a
`jax.jit`, which both importers hand over whole before they would inline it. Both rest on the public protocol that
calling a layer runs its ``call`` method.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from litesmith.frontends.keras.live import Layer, Variable
from litesmith.ir import Builder, Value

PREFIX = "litesmith_layer_"
CALL = "litesmith_call_"


@dataclass(frozen=True)
class Backend:
    """What a backend offers for both.

    scope: opens a name scope; function: wraps a function of flat tensors so that the graph keeps it as one call of this
    name.
    """

    scope: Callable[[str], AbstractContextManager[object]]
    function: Callable[[str, Callable[..., object]], Callable[..., Iterable[object]]]


def all_layers(model: Layer, base: type) -> list[Layer]:
    """The model and every layer below it, each once."""
    return list(_parts(model, base, base))


def all_variables(model: Layer, layer: type, variable: type) -> list[Variable]:
    """Every variable of the model, each once, those no layer tracks (the states of a recurrent one) included."""
    kinds = (variable, *{type(v) for v in model.variables})  # those of Keras 3.5 are of another class than it exports
    found = {id(v): v for v in [*model.variables, *_parts(model, layer, kinds)]}
    return list(found.values())


def _parts(model: Layer, layer: type, wanted: type | tuple[type, ...]) -> Iterator[Any]:
    """What a model holds of a kind, in its layers and the lists and dicts among their attributes."""
    seen: set[int] = set()
    queue = [model]
    while queue:
        item = queue.pop()
        if isinstance(item, (layer, wanted)):
            if id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, wanted):
                yield item
            if isinstance(item, layer):
                queue.extend(vars(item).values())
        elif isinstance(item, Mapping):
            queue.extend(item.values())
        elif isinstance(item, (list, tuple, set)):
            queue.extend(item)


def _own_graph(layer: Layer) -> list[object]:
    """The functional model a sequential one keeps of itself: it has the same layers, and is none of them."""
    layers = set(map(id, getattr(layer, "layers", None) or ()))
    return [
        inner
        for inner in vars(layer).values()
        if layers
        and id(inner) not in layers
        and not isinstance(inner, Mapping)  # TensorFlow's have `layers` too
        and layers <= set(map(id, getattr(inner, "layers", None) or ()))
    ]


class LayerNames:
    """Names of scopes for layers, and the layer paths (``encoder/block_3/attention``) of such scopes."""

    def __init__(self, model: Layer, layers: Sequence[Layer] = ()) -> None:
        self._unnamed = {id(model), *(id(inner) for layer in layers for inner in _own_graph(layer))}
        self._names: list[str] = []
        self._numbers: dict[int, int] = {}
        self._paths: dict[str, str] = {}

    def scope(self, layer: Layer) -> str:
        """The scope of a layer."""
        if id(layer) not in self._numbers:
            self._numbers[id(layer)] = len(self._names)
            self._names.append("" if id(layer) in self._unnamed else str(layer.name))
        return f"{PREFIX}{self._numbers[id(layer)]}_"

    def path(self, scope: str) -> str:
        """The layers a scope lies in, outermost first; the model itself is not named."""
        if scope not in self._paths:
            numbers = [int(n) for n in re.findall(rf"{PREFIX}(\d+)_", scope)]
            names = [self._names[n] for n, before in zip(numbers, [None, *numbers], strict=False) if n != before]
            self._paths[scope] = "/".join(name for name in names if name)
        return self._paths[scope]


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer that is lowered whole. ``initial``: number of state tensors among the call's tensors."""

    layer: Layer
    initial: int


Lower = Callable[[Builder, LayerCall, Sequence[Value]], "Sequence[Value] | None"]


@dataclass
class Interception:
    """Calls made during one trace, by the name of the function that stands for them."""

    lowerings: Mapping[type, Lower]
    rewrites: Mapping[type, Callable[[Any, Callable[..., object]], Callable[..., object]]] = field(default_factory=dict)
    calls: dict[str, LayerCall] = field(default_factory=dict)

    def lower(
        self, b: Builder, name: str, args: Sequence[object], attrs: Mapping[str, object] | None = None
    ) -> list[Value] | None:
        """Results of an intercepted call; None where the function is none, or is better inlined."""
        call = self.calls.get(name)
        if call is None:
            return None
        tensors = [t for t in args[: 1 + call.initial] if isinstance(t, Value)]
        if len(tensors) < len(args[: 1 + call.initial]):
            return None
        results = self.lowerings[type(call.layer)](b, call, tensors)
        return None if results is None else list(results)

    @contextmanager
    def active(self, layers: Sequence[Layer], names: LayerNames, backend: Backend, tree: ModuleType) -> Iterator[None]:
        """While active, layers open scopes of their own, and those with a lowering are called through functions."""
        with ExitStack() as stack:
            for layer in layers:
                stack.enter_context(self._wrap_layer(layer, names.scope(layer), backend, tree))
            yield

    @contextmanager
    def _wrap_layer(self, layer: Layer, scope: str, backend: Backend, tree: ModuleType) -> Iterator[None]:
        with ExitStack() as stack:
            for method in ("call", "quantized_call"):
                original = getattr(layer, method, None)
                if original is None:
                    continue
                function = self._instead(layer, original, backend, tree) if method == "call" else original
                stack.enter_context(_replace_method(layer, method, _in_scope(function, original, scope, backend)))
            yield

    def _instead(
        self, layer: Layer, original: Callable[..., object], backend: Backend, tree: ModuleType
    ) -> Callable[..., object]:
        """The layer's ``call``: through a function that is named in `calls`, or another way, or as it is."""
        signature = inspect.signature(original)
        if type(layer) in self.rewrites:
            original = self.rewrites[type(layer)](layer, original)
        if type(layer) not in self.lowerings or getattr(layer, "stateful", False):
            return original
        first = next(iter(signature.parameters))

        def call(*args: object, **kwargs: object) -> object:
            given = signature.bind(*args, **kwargs).arguments
            plain = given.get("mask") is None and not given.get("training")
            if not plain or len(tree.flatten(given[first])) != 1:
                return original(*args, **kwargs)
            initial_state = given.get("initial_state")
            states = tree.flatten(initial_state) if initial_state is not None else []
            name = f"{CALL}{len(self.calls)}"
            self.calls[name] = LayerCall(layer, len(states))
            structure: list[Any] = []

            def inner(sequences: object, *rest: object) -> list[object]:
                state = tree.pack_sequence_as(initial_state, list(rest)) if rest else None
                options = {"initial_state": state, "training": False}
                outputs = original(sequences, **{k: v for k, v in options.items() if k in signature.parameters})
                structure.append(outputs)
                return list(tree.flatten(outputs))

            flat = backend.function(name, inner)(given[first], *states)
            return tree.pack_sequence_as(structure[-1], list(flat))

        return call


def _in_scope(
    function: Callable[..., object], original: Callable[..., object], scope: str, backend: Backend
) -> Callable[..., object]:
    @functools.wraps(original)
    def call(*args: object, **kwargs: object) -> object:
        with backend.scope(scope):
            return function(*args, **kwargs)

    return call


@contextmanager
def _replace_method(layer: Layer, method: str, function: Callable[..., object]) -> Iterator[None]:
    """A method replaced on one object, past the tracking its class does of attributes."""
    missing = object()
    own = vars(layer).get(method, missing)  # some layers (tf_keras' TFOpLambda) keep a function of their own
    object.__setattr__(layer, method, function)
    try:
        yield
    finally:
        if own is missing:
            object.__delattr__(layer, method)
        else:
            object.__setattr__(layer, method, own)
