"""JAX's own objects, as far as an import looks at them: JAX is not imported for their types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, SupportsIndex, TypeAlias, TypeGuard, cast

import numpy as np

from litesmith.ir import Sym

Size: TypeAlias = SupportsIndex | Sym
"""A size in a shape: an int, an expression that `jax.export.symbolic_shape` makes, or a dimension."""

ElementType: TypeAlias = "np.dtype[np.generic]"


class Aval(Protocol):
    """An abstract value. The element type of random keys is one that NumPy does not know (see `key_impl`)."""

    @property
    def shape(self) -> Sequence[Size]: ...
    @property
    def dtype(self) -> ElementType: ...


class Atom(Protocol):
    """What an equation takes or gives: a variable, or a literal, which has a ``val``."""

    @property
    def aval(self) -> Aval: ...


class Named(Protocol):
    name: str


class SourceInfo(Protocol):
    name_stack: object


class Equation(Protocol):
    """``jax.extend.core.JaxprEqn``."""

    primitive: Named
    params: Mapping[str, object]
    invars: Sequence[Atom]
    outvars: Sequence[Atom]
    effects: set[object]
    source_info: SourceInfo


class OpenJaxpr(Protocol):
    """``jax.extend.core.Jaxpr``."""

    eqns: Sequence[Equation]
    invars: Sequence[Atom]
    outvars: Sequence[Atom]
    constvars: Sequence[Atom]


class ClosedJaxpr(Protocol):
    """``jax.extend.core.ClosedJaxpr``."""

    jaxpr: OpenJaxpr
    consts: Sequence[object]


Jaxpr: TypeAlias = OpenJaxpr | ClosedJaxpr


class Traced(Protocol):
    """What ``jax.jit(function).trace(…)`` gives."""

    jaxpr: ClosedJaxpr
    out_info: object


class Jitted(Protocol):
    """What ``jax.jit`` makes of a function."""

    def trace(self, *args: object, **kwargs: object) -> Traced: ...


class KeyImpl(Protocol):
    """How random keys are made of words."""

    name: str
    key_shape: tuple[int, ...]
    random_bits: Callable[..., object]
    split: Callable[..., object]
    fold_in: Callable[..., object]
    seed: Callable[..., object]


def open_up(jaxpr: Jaxpr) -> OpenJaxpr:
    """The jaxpr without what it is closed over."""
    inner: OpenJaxpr | None = getattr(jaxpr, "jaxpr", None)
    return cast(OpenJaxpr, jaxpr) if inner is None else inner


def is_jaxpr(value: object) -> TypeGuard[Jaxpr]:
    """Whether this is a jaxpr, open or closed."""
    return hasattr(getattr(value, "jaxpr", value), "eqns")


def key_impl(dtype: object) -> KeyImpl | None:
    """How keys of this element type are made of words; None for numbers."""
    return getattr(dtype, "_impl", None)


class GatherNumbers(Protocol):
    """``jax.lax.GatherDimensionNumbers``."""

    offset_dims: Sequence[int]
    collapsed_slice_dims: Sequence[int]
    start_index_map: Sequence[int]
    operand_batching_dims: Sequence[int]
    start_indices_batching_dims: Sequence[int]


class ScatterNumbers(Protocol):
    """``jax.lax.ScatterDimensionNumbers``."""

    update_window_dims: Sequence[int]
    inserted_window_dims: Sequence[int]
    scatter_dims_to_operand_dims: Sequence[int]
    operand_batching_dims: Sequence[int]
    scatter_indices_batching_dims: Sequence[int]


class ConvNumbers(Protocol):
    """``jax.lax.ConvDimensionNumbers``: where batch, features and places are in each operand and the result."""

    lhs_spec: Sequence[int]
    rhs_spec: Sequence[int]
    out_spec: Sequence[int]


Pair: TypeAlias = tuple[Sequence[int], Sequence[int]]
DotNumbers: TypeAlias = tuple[Pair, Pair]
"""The dimensions of both operands that are contracted, and those of a batch."""
