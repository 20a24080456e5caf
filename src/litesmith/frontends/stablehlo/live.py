"""Objects of the MLIR bindings, as far as a module is read from them: they are not imported for their types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from litesmith.frontends.jax.live import Aval


class MlirType(Protocol):
    """``mlir.ir.Type``, of which the text says all."""


class MlirValue(Protocol):
    type: MlirType


class MlirAttribute(Protocol):
    """``mlir.ir.Attribute``; its kind says what else it has (see `attributes.decode`)."""


class MlirElements(Protocol):
    """``mlir.ir.DenseElementsAttr``."""

    type: MlirType
    is_splat: bool

    def get_splat_value(self) -> MlirAttribute: ...


class NamedAttribute(Protocol):
    name: str


class MlirAttributes(Protocol):
    """The attributes of an operation: names, or named attributes in older versions."""

    def __iter__(self) -> Iterator[str | NamedAttribute]: ...
    def __getitem__(self, name: str) -> MlirAttribute: ...


class MlirOperation(Protocol):
    """``mlir.ir.Operation``."""

    name: str
    attributes: MlirAttributes
    results: Sequence[MlirValue]
    operands: Sequence[MlirValue]
    regions: Sequence[MlirRegion]
    location: object


class DotNumbers(Protocol):
    """``#stablehlo.dot``."""

    lhs_contracting_dimensions: Sequence[int]
    rhs_contracting_dimensions: Sequence[int]
    lhs_batching_dimensions: Sequence[int]
    rhs_batching_dimensions: Sequence[int]


class ConvolutionNumbers(Protocol):
    """``#stablehlo.conv``."""

    input_batch_dimension: int
    input_feature_dimension: int
    input_spatial_dimensions: Sequence[int]
    kernel_output_feature_dimension: int
    kernel_input_feature_dimension: int
    kernel_spatial_dimensions: Sequence[int]
    output_batch_dimension: int
    output_feature_dimension: int
    output_spatial_dimensions: Sequence[int]


class GatherNumbers(Protocol):
    """``#stablehlo.gather``."""

    offset_dims: Sequence[int]
    collapsed_slice_dims: Sequence[int]
    start_index_map: Sequence[int]
    index_vector_dim: int


class ScatterNumbers(Protocol):
    """``#stablehlo.scatter``."""

    update_window_dims: Sequence[int]
    inserted_window_dims: Sequence[int]
    scattered_dims_to_operand_dims: Sequence[int]
    index_vector_dim: int


class MlirBlock(Protocol):
    arguments: Sequence[MlirValue]
    operations: Sequence[MlirOpView]


class MlirRegion(Protocol):
    blocks: Iterable[MlirBlock]


class MlirOpView(Protocol):
    """An operation of a dialect, and what it is for MLIR."""

    operation: MlirOperation


class MlirModule(Protocol):
    body: MlirBlock


class Exported(Protocol):
    """``jax.export.Exported``."""

    nr_devices: int
    ordered_effects: Sequence[object]
    in_avals: Sequence[Aval]
    out_avals: Sequence[Aval]
    in_tree: object
    out_tree: object
    module_kept_var_idx: Sequence[int]
    mlir_module_serialized: bytes
    platforms: Sequence[str]
