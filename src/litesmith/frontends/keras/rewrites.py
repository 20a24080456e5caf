"""Layers that are called in another way than their own, with the same result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from litesmith.errors import UnsupportedError

Call = Callable[..., Any]


def _time_distributed(layer: Any, original: Call, keras: Any) -> Call:
    """TimeDistributed as one call on a batch of all time steps, [N T, …].

    Keras runs a copy for each step where their number is known, and takes the batch for it where it is not. Legal for
    layers of Keras, which treat the samples of a batch one by one.
    """

    def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        known = inputs.shape[1] is not None and isinstance(inputs.shape[1], int)
        masked = kwargs.get("mask") is not None or bool(args)
        if masked or not _is_own(type(layer.layer), keras) or None in inputs.shape[2:]:
            if not known:
                reason = "TimeDistributed over an unknown number of steps, with a mask or a custom layer"
                raise UnsupportedError(reason, "fix the number of steps: input_shapes={name: [None, steps, …]}")
            return original(inputs, *args, **kwargs)
        ops = keras.ops
        sizes = ops.shape(inputs)
        made = layer.layer(ops.reshape(inputs, (-1, *inputs.shape[2:])), training=False)
        return keras.tree.map_structure(lambda y: ops.reshape(y, (-1, sizes[1], *y.shape[1:])), made)

    return call


def _is_own(cls: type, keras: Any) -> bool:
    """Whether a class is one of Keras' layers itself, whatever module it lies in."""
    return getattr(keras.layers, cls.__name__, None) is cls


def rewrites(keras: Any) -> Mapping[type, Callable[[Any, Call], Call]]:
    """Another way to call a layer, by class: a function of the layer and its own ``call``."""
    if not hasattr(keras, "ops"):  # legacy Keras
        return {}
    return {keras.layers.TimeDistributed: lambda layer, call: _time_distributed(layer, call, keras)}
