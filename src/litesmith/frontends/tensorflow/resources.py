"""What flows along TensorFlow edges and is no tensor: variables, tables, lists, complex pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from litesmith.decompositions.complex_parts import Complex
from litesmith.frontends.frame import Poison
from litesmith.ir import Constant, Dim, DType, Value
from litesmith.ir.constant import Array


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
    first: Value | None = None
    """What the model's initializer assigned last."""
    label: str = ""
    """What the user calls it, where that is not the unique name; the name of its weights in the file."""


@dataclass(eq=False)
class Table:
    """A lookup table of the source model. Its content is what the model's initializer fills in.

    keys: [n]; values: [n, *value]; load: gives both for the two element types, where the table lives elsewhere;
    is_static: it is filled once, before the first lookup, or the source fails.
    """

    name: str
    key_dtype: DType
    value_dtype: DType
    keys: Array | None = None
    values: Array | None = None
    load: Callable[[DType, DType], tuple[Array, Array]] | None = None
    is_static: bool = False


@dataclass(frozen=True, eq=False)
class RuntimeTable:
    """A table of the converted model: string to int64 or int64 to string."""

    key_dtype: DType
    value_dtype: DType
    keys: Array
    values: Array

    @property
    def content(self) -> tuple[object, ...]:
        """What it holds, as something to compare."""
        return (self.key_dtype, self.value_dtype, tuple(self.keys.tolist()), tuple(self.values.tolist()))


@dataclass(frozen=True, eq=False)
class TensorList:
    """A TensorList as one dense tensor.

    stacked: [n, *element]; ``element`` are the element's known dimensions, None where the model does not say.
    is_trial: nothing is stored, as only the shape of what would be is looked for.
    """

    stacked: Value | None
    dtype: DType
    element: tuple[Dim, ...] | None
    length: Value | None = None
    is_trial: bool = False


@dataclass(frozen=True, eq=False)
class RandomWords:
    """A key (two words) or counter (four) of a random generator, as int32 scalars, the low word first."""

    words: tuple[Value, ...]


@dataclass(frozen=True, eq=False)
class TensorArray:
    """The handle of an array of TensorFlow 1. Only its element type matters: the content is what flows."""

    dtype: DType
    grows: bool


@dataclass(frozen=True)
class State:
    """A resource that is TensorFlow's as a whole: how its handle is made, and what it holds at first."""

    op: str
    options: bytes
    item: Variable | Table


Item: TypeAlias = Value | Variable | Table | RuntimeTable | TensorList | TensorArray | RandomWords | Complex | Poison
"""What flows along an edge."""

Results: TypeAlias = Item | Sequence[Item] | None
"""What a lowering gives: one result, several, or none."""


def is_complex(value: object) -> bool:
    """Whether this is a complex tensor in either form."""
    return isinstance(value, Complex) or (isinstance(value, Value) and value.type.dtype.is_complex)
