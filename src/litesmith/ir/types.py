"""Tensor types: element type, shape with symbolic dimensions, quantization."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from litesmith.ir.constant import Constant
from litesmith.ir.dims import Dim, Sym, product
from litesmith.ir.dtypes import DType

Shape = tuple[Dim, ...]


@dataclass(frozen=True, eq=False)
class Blockwise:
    """Blockwise quantization: one scale for each ``block_size`` elements along the last dimension.

    scales: [..., blocks] float16; zero_points: the same shape, None for zero; block_shape: sizes of a block along each
    dimension, empty where ``block_size`` says it all. Compared by identity.
    """

    scales: Constant
    zero_points: Constant | None
    block_size: int
    block_shape: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Quantization:
    """Affine quantization ``real = scale * (stored - zero_point)``.

    scale: [1] or [channels] float32; zero_point: the same shape, int64; axis: the channel dimension when per-channel.
    ``minimum`` and ``maximum`` are the recorded range, empty when none is. ``details`` is a quantization the schema
    says in another way: `Blockwise`, or the bytes of a custom one; ``scale`` and ``zero_point`` may be empty then.
    """

    scale: np.ndarray[Any, Any]
    zero_point: np.ndarray[Any, Any]
    axis: int = 0
    minimum: tuple[float, ...] = ()
    maximum: tuple[float, ...] = ()
    details: Blockwise | bytes | None = None

    @cached_property
    def _key(self) -> tuple[object, ...]:
        return (
            self.scale.tobytes(),
            self.zero_point.tobytes(),
            self.axis,
            self.minimum,
            self.maximum,
            self.details,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantization) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def per_channel(self) -> bool:
        """Whether each channel has a scale of its own."""
        return self.scale.size > 1


@dataclass(frozen=True)
class TensorType:
    """Type of a value. ``shape`` is None where even the rank is unknown."""

    dtype: DType
    shape: Shape | None
    quant: Quantization | None = None

    @property
    def rank(self) -> int:
        """Number of dimensions. Raises ValueError where it is unknown."""
        return len(self.dims)

    @property
    def dims(self) -> Shape:
        """The shape. Raises ValueError where the rank is unknown."""
        if self.shape is None:
            raise ValueError("the rank of this tensor is unknown")
        return self.shape

    @cached_property
    def is_static(self) -> bool:
        """Whether every dimension is an int."""
        return self.shape is not None and not any(isinstance(d, Sym) for d in self.shape)

    @property
    def static_shape(self) -> tuple[int, ...]:
        """The shape as ints. Raises ValueError where a dimension is unknown."""
        if not self.is_static:
            raise ValueError(f"shape {shape_text(self.shape)} is not static")
        return tuple(d for d in self.dims if isinstance(d, int))

    @property
    def count(self) -> Dim:
        """Number of elements."""
        return product(self.dims)

    def with_shape(self, shape: Iterable[Dim] | None) -> TensorType:
        """The same element type in another shape, its quantization kept."""
        return replace(self, shape=None if shape is None else tuple(shape))

    def with_dtype(self, dtype: DType) -> TensorType:
        """The same shape with another element type, without quantization."""
        return TensorType(dtype, self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}{shape_text(self.shape)}"


def tensor(dtype: DType, shape: Sequence[Dim] | None) -> TensorType:
    """A tensor type of this element type and shape."""
    return TensorType(dtype, None if shape is None else tuple(shape))


def shape_text(shape: Shape | None) -> str:
    """A shape as the IR prints it: ``[b, 28, 28]``; ``[*]`` for an unknown rank."""
    return "[*]" if shape is None else f"[{', '.join(map(str, shape))}]"
