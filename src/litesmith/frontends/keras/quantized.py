"""Layers with quantized dtype policies: what cannot be converted of them.

Integer policies (int8, int4, gptq, awq) need nothing here: the trace holds the integers and how they are scaled, and the
passes write them as integer weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from litesmith.errors import Problem
from litesmith.frontends.keras.live import Layer

_FLOAT8 = "its float8 policy rounds the operand and the weights to float8_e4m3fn, which no kernel takes"
_FLOAT8_FIX = 'quantize it to int8 or int4, or convert the model before quantize("float8")'
_WRAPPED = "Keras calls the computation of the wrapped layer without its scales, on the bare integers"
_WRAPPED_FIX = "use the wrapped layer itself, which takes more dimensions, or wrap a Sequential of it"
_UNCALIBRATED = "Keras counts it as not calibrated, and it has no float kernel: a .h5 file does not keep that it was"
_UNCALIBRATED_FIX = "convert the model that was quantized while it is in memory"


def quantization_problems(layers: Sequence[Layer], keras: ModuleType) -> list[Problem]:
    """Why layers cannot be converted as they are quantized, one problem for each such layer."""
    return [
        problem.locate(op=f"keras.{type(layer).__name__}", node=_path(layer), layer=_path(layer))
        for layer, problem in _find_problems(layers, keras)
    ]


def _find_problems(layers: Sequence[Layer], keras: ModuleType) -> Iterator[tuple[Any, Problem]]:
    for layer in layers:
        if _mode(layer) == "float8" and not getattr(layer, "layers", None):
            yield layer, Problem("LS012", _FLOAT8, _FLOAT8_FIX)
        if _lost_its_kernel(layer):
            yield layer, Problem("LS012", _UNCALIBRATED, _UNCALIBRATED_FIX)
        if isinstance(layer, keras.layers.TimeDistributed) and _mode(layer.layer) not in (None, "float8"):
            yield layer, Problem("LS012", _WRAPPED, _WRAPPED_FIX)


def _mode(layer: Layer) -> str | None:
    """The name of the quantization; None where there is none, or this version of Keras has none."""
    mode = getattr(layer, "quantization_mode", None)
    return None if mode is None else str(mode)


def _lost_its_kernel(layer: Layer) -> bool:
    """Whether a layer quantized by calibration has neither the result of that nor what it had before."""
    calibrated = getattr(layer, f"is_{_mode(layer)}_calibrated", True)
    return layer.built and not calibrated and getattr(layer, "kernel", None) is None


def _path(layer: Layer) -> str:
    return str(getattr(layer, "path", None) or layer.name)
