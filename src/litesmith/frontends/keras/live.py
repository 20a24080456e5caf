"""Keras' own objects, as far as an import looks at them: Keras is not imported for their types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np


class Tensor(Protocol):
    """A tensor of a backend, a symbolic one, or what specifies one."""

    @property
    def shape(self) -> Sequence[int | None]: ...
    @property
    def dtype(self) -> np.dtype[np.generic]: ...


class Variable(Protocol):
    """``keras.Variable``."""

    path: str
    shape: Sequence[int]
    value: Tensor


class Layer(Protocol):
    """``keras.layers.Layer``, models included."""

    name: str
    built: bool
    call: Callable[..., object]
    variables: Sequence[Variable]

    def __call__(self, *args: object, **kwargs: object) -> object: ...


class Model(Layer, Protocol):
    """``keras.Model``, functional."""

    layers: Sequence[Layer]
    outputs: Sequence[Tensor]
    weights: Sequence[Variable]


class Cell(Protocol):
    """The cell of a recurrent layer; `getattr` gives its weights."""

    activation: object
    recurrent_activation: object
    reset_after: bool


class RecurrentLayer(Layer, Protocol):
    """``keras.layers.SimpleRNN``, ``LSTM`` or ``GRU``."""

    cell: Cell
    units: int
    stateful: bool
    go_backwards: bool
    return_sequences: bool
    return_state: bool


class UpSampling2D(Layer, Protocol):
    """``keras.layers.UpSampling2D``."""

    size: tuple[int, int]
    data_format: str
    interpolation: str


class Wrapper(Layer, Protocol):
    """``keras.layers.TimeDistributed``."""

    layer: Layer


