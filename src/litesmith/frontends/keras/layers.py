"""Layer identity: which layer an operation comes from, and layers that are lowered whole.

The layers of a model open a name scope when they are called, on every backend; `LayerNames` turns scopes into layer
paths. A layer with a lowering of its own (see `LOWERINGS` in `recurrent.py`) is called through a function with a name
of ours, a `tf.function` or a `jax.jit`, which both importers hand over whole before they would inline it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from litesmith.ir import Builder, Value

PREFIX = "litesmith_layer_"

Marker = Callable[[str, Callable[..., Any]], Callable[..., Any]]
"""Wraps a function of flat tensors so that the backend's graph keeps it as one call of this name."""


def all_layers(model: Any, base: type) -> list[Any]:
    """The model and every layer below it, each once."""
    found: dict[int, Any] = {}
    queue = [model]
    while queue:
        item = queue.pop()
        if isinstance(item, base):
            if id(item) in found:
                continue
            found[id(item)] = item
            queue.extend(vars(item).values())
        elif isinstance(item, Mapping):
            queue.extend(item.values())
        elif isinstance(item, (list, tuple, set)):
            queue.extend(item)
    return list(found.values())


class LayerNames:
    """Layer paths (``encoder/block_3/attention``) of the name scopes of a traced model."""

    def __init__(self, layers: Sequence[Any]) -> None:
        self.names = {layer.name for layer in layers}
        self._paths: dict[str, str] = {}

    def path(self, scope: str) -> str:
        """The layers a scope (``functional_1/encoder_1/block_3/…``) lies in, outermost first."""
        if scope not in self._paths:
            known = (self._known(part) for part in scope.split("/"))
            self._paths[scope] = "/".join(name for name in known if name)
        return self._paths[scope]

    def _known(self, part: str) -> str:
        """The layer a part of a scope names; scopes used again carry a number."""
        if part in self.names:
            return part
        stem = re.sub(r"_\d+$", "", part)
        return stem if stem in self.names else ""


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer that is lowered whole. ``initial``: number of state tensors among the call's tensors."""

    layer: Any
    initial: int


Lower = Callable[[Builder, LayerCall, Sequence[Value]], "Sequence[Value] | None"]


@dataclass
class Interception:
    """Calls made during one trace, by the name of the function that stands for them."""

    lowerings: Mapping[type, Lower]
    calls: dict[str, LayerCall] = field(default_factory=dict)

    def lower(self, b: Builder, name: str, args: Sequence[Any]) -> list[Value] | None:
        """Results of an intercepted call; None where the function is none, or is better inlined."""
        call = self.calls.get(name)
        if call is None:
            return None
        tensors = args[: 1 + call.initial]
        if not all(isinstance(t, Value) for t in tensors):
            return None
        made = self.lowerings[type(call.layer)](b, call, tensors)
        return None if made is None else list(made)

    @contextmanager
    def active(self, layers: Sequence[Any], mark: Marker, keras: Any) -> Iterator[None]:
        """While active, layers with a lowering of their own are called through marked functions."""
        with ExitStack() as stack:
            for layer in layers:
                if type(layer) in self.lowerings:
                    stack.enter_context(self._intercepted(layer, mark, keras))
            yield

    @contextmanager
    def _intercepted(self, layer: Any, mark: Marker, keras: Any) -> Iterator[None]:
        original = layer.call

        def call(sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
            if mask is not None:
                return original(sequences, initial_state=initial_state, mask=mask, training=training)
            states = keras.tree.flatten(initial_state) if initial_state is not None else []
            name = f"{PREFIX}{len(self.calls)}"
            self.calls[name] = LayerCall(layer, len(states))
            structure: list[Any] = []

            def inner(first: Any, *rest: Any) -> list[Any]:
                given = keras.tree.pack_sequence_as(initial_state, list(rest)) if rest else None
                outputs = original(first, initial_state=given, training=False)
                structure.append(outputs)
                return list(keras.tree.flatten(outputs))

            flat = mark(name, inner)(sequences, *states)
            return keras.tree.pack_sequence_as(structure[-1], list(flat))

        object.__setattr__(layer, "call", call)
        try:
            yield
        finally:
            object.__delattr__(layer, "call")
