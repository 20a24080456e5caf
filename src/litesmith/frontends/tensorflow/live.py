"""TensorFlow's own objects, as far as an import looks at them: TensorFlow is not imported for their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from litesmith.ir.constant import Array

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import GraphDef, OpDef


class TFType(Protocol):
    """``tf.DType``."""

    name: str
    as_datatype_enum: int

    @property
    def base_dtype(self) -> TFType: ...


class TFShape(Protocol):
    """``tf.TensorShape``."""

    rank: int | None

    def as_list(self) -> list[int | None]: ...


class TFTensor(Protocol):
    """``tf.Tensor``, symbolic or with a value."""

    name: str
    dtype: TFType
    shape: TFShape

    def numpy(self) -> Array: ...


class TFVariable(Protocol):
    """``tf.Variable``."""

    name: str
    dtype: TFType
    shape: TFShape
    handle: TFTensor

    def read_value(self) -> TFTensor: ...


class TFOperation(Protocol):
    """``tf.Operation``."""

    type: str
    op_def: OpDef


class FuncGraph(Protocol):
    """The graph of a function. captures: (tensor outside, placeholder inside)."""

    captures: Iterable[tuple[TFTensor, TFTensor]]
    variables: Sequence[TFVariable]

    def get_operations(self) -> Sequence[TFOperation]: ...
    def as_graph_def(self, *, add_shapes: bool = ...) -> GraphDef: ...


class ConcreteFunction(Protocol):
    """``tf.types.experimental.ConcreteFunction``."""

    name: str | bytes
    graph: FuncGraph
    inputs: Sequence[TFTensor]
    outputs: Sequence[TFTensor]
    structured_outputs: Mapping[str, object] | Sequence[object] | object


class TFSession(Protocol):
    """``tf.compat.v1.Session``."""

    graph: FuncGraph
