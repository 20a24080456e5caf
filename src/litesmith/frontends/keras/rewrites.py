"""Layers that are called in another way than their own, with the same result."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

from litesmith.errors import UnsupportedError
from litesmith.frontends.keras.live import Layer, Tensor, Wrapper
from litesmith.frontends.keras.resizing import up_sampling

Call = Callable[..., object]


def _time_distributed(layer: Wrapper, original: Call, keras: ModuleType) -> Call:
    """TimeDistributed as one call on a batch of all time steps, [N T, …].

    Keras runs a copy for each step where their number is known, and maps over the steps where it is not. Legal for
    what treats the samples of a batch one by one.
    """

    def call(inputs: Tensor, *args: object, **kwargs: object) -> object:
        if args or None in inputs.shape[2:] or not _is_samplewise(layer.layer, keras):
            if not isinstance(inputs.shape[1], int):  # Keras would go over as many steps as there are samples
                reason = (
                    f"TimeDistributed of {type(layer.layer).__name__}, code of its own, over an unknown number of steps"
                )
                raise UnsupportedError(reason, "fix the number of steps: input_shapes={name: [None, steps, …]}")
            return original(inputs, *args, **kwargs)
        ops, mask = keras.ops, cast("Tensor | None", kwargs.get("mask"))
        sizes = ops.shape(inputs)
        options = {"training": False} if _takes(layer.layer, "training") else {}
        if mask is not None and _takes(layer.layer, "mask"):
            options["mask"] = ops.reshape(mask, (-1, *mask.shape[2:]))
        results = layer.layer(ops.reshape(inputs, (-1, *inputs.shape[2:])), **options)
        return keras.tree.map_structure(lambda y: ops.reshape(y, (-1, sizes[1], *y.shape[1:])), results)

    return call


def _takes(layer: Layer, argument: str) -> bool:
    return argument in inspect.signature(layer.call).parameters


def _is_samplewise(layer: Layer, keras: ModuleType) -> bool:
    """Whether a layer, or a model of layers, is sure to treat the samples of a batch one by one."""
    if type(layer) is keras.Sequential or _is_functional(layer, keras):
        parts = getattr(layer, "layers" if type(layer) is keras.Sequential else "operations")
        return all(isinstance(part, keras.Layer) and _is_samplewise(part, keras) for part in parts)
    if not _is_own(type(layer), keras) or isinstance(layer, keras.layers.Lambda) or getattr(layer, "stateful", False):
        return False
    axis = getattr(layer, "axis", None)
    inner = getattr(layer, "layer", None)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return 0 not in axes and (inner is None or _is_samplewise(inner, keras))


def _is_functional(layer: Layer, keras: ModuleType) -> bool:
    """Whether a model is a graph of layers and nothing else."""
    kind = type(layer)
    return isinstance(layer, keras.Model) and kind.__name__ == "Functional" and kind.__module__.split(".")[0] == "keras"


def _is_own(cls: type, keras: ModuleType) -> bool:
    """Whether a class is one of Keras' layers itself, whatever module it lies in."""
    return getattr(keras.layers, cls.__name__, None) is cls


def rewrites(keras: ModuleType) -> Mapping[type, Callable[[Any, Call], Call]]:
    """Another way to call a layer, by class: a function of the layer and its own ``call``."""
    if not hasattr(keras, "ops"):  # legacy Keras
        return {}
    return {
        keras.layers.TimeDistributed: lambda layer, call: _time_distributed(layer, call, keras),
        keras.layers.UpSampling2D: lambda layer, call: up_sampling(layer, call, keras),
    }
