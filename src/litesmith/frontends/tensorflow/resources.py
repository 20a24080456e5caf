"""What flows along TensorFlow edges and is no tensor: variables, lists, and values that could not be made."""

from __future__ import annotations

from dataclasses import dataclass

from litesmith.ir import Constant, Dim, DType, Value


@dataclass(eq=False)
class Variable:
    """A variable of the source model, shared by everything that refers to it.

    name: unique in the model; initial: its value when the model starts, None where it has none; reference: a TF1
    reference variable, which is read by use.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...] | None
    initial: Constant | None = None
    reference: bool = False
    value: Value | None = None
    """The one constant value all reads share while the variable is never assigned."""


@dataclass(eq=False)
class Table:
    """A lookup table: keys and values are filled by the model's initializer."""

    name: str
    key_dtype: DType
    value_dtype: DType
    keys: Value | None = None
    values: Value | None = None
    default: Value | None = None


@dataclass(frozen=True, eq=False)
class TensorList:
    """A TensorList as one dense tensor.

    stacked: [n, *element]; ``element`` are the element's known dimensions, None where the model does not say.
    """

    stacked: Value | None
    dtype: DType
    element: tuple[Dim, ...] | None
    length: Value | None = None


class Poison:
    """Stands for the outputs of a node that could not be lowered; what depends on it is skipped silently."""

    def __repr__(self) -> str:
        return "<poison>"


POISON = Poison()
