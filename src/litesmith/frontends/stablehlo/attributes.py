"""MLIR attributes and types of StableHLO modules as Python values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from litesmith.frontends.jax.live import DotNumbers, ElementType
from litesmith.frontends.stablehlo import live
from litesmith.frontends.stablehlo.live import MlirAttribute, MlirElements, MlirOperation, MlirType
from litesmith.ir.constant import Array

_DTYPES: dict[str, Any] = {
    "i1": np.bool_,
    "bf16": ml_dtypes.bfloat16,
    "f16": np.float16,
    "f32": np.float32,
    "f64": np.float64,
    "complex<f32>": np.complex64,
    "complex<f64>": np.complex128,
    "i2": ml_dtypes.int2,
    "i4": ml_dtypes.int4,
    "ui2": ml_dtypes.uint2,
    "ui4": ml_dtypes.uint4,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn,
    "f8E5M2": ml_dtypes.float8_e5m2,
    **{f"i{n}": np.dtype(f"int{n}") for n in (8, 16, 32, 64)},
    **{f"ui{n}": np.dtype(f"uint{n}") for n in (8, 16, 32, 64)},
}


@dataclass(frozen=True)
class Type:
    """The type of a value: a shape (None for an unknown size) and an element type; of anything else, its text."""

    text: str
    shape: tuple[int | None, ...] = ()
    dtype: Any = None


def type_of(mlir: MlirType) -> Type:
    """An MLIR type. One that is no ranked tensor of a known element type has no ``dtype``."""
    text = str(mlir)
    found = re.fullmatch(r"tensor<((?:(?:\d+|\?)x)*)([^x,].*?)(?:, .*)?>", text)
    dtype = _DTYPES.get(found[2]) if found is not None else None
    if found is None or dtype is None:
        return Type(text)
    sizes = found[1].split("x")[:-1]
    return Type(text, tuple(None if s == "?" else int(s) for s in sizes), np.dtype(dtype))


def attributes_of(operation: MlirOperation) -> dict[str, Any]:
    """The attributes of an MLIR operation by name."""
    found = operation.attributes
    names = [a if isinstance(a, str) else a.name for a in found]
    return {name: _attribute(operation, name) for name in names}


def _attribute(operation: MlirOperation, name: str) -> Any:
    if operation.name == "stablehlo.constant" and name == "value":
        declared = type_of(operation.results[0].type)
        if not _is_shown(declared):
            return _printed_elements(str(operation), declared)
    return decode(operation.attributes[name])


def _is_shown(declared: Type) -> bool:
    """Whether the bindings show elements of this type. At others, those of older versions end the process."""
    return declared.dtype is not None and declared.dtype.kind in "iuf" and declared.dtype.isbuiltin == 1


def decode(attribute: MlirAttribute) -> Any:
    """An MLIR attribute as a number, string, list, dict, array or tuple of dimension numbers; else its text."""
    from jaxlib.mlir import ir

    simple = (ir.BoolAttr, ir.IntegerAttr, ir.FloatAttr, ir.StringAttr, ir.FlatSymbolRefAttr)
    if isinstance(attribute, simple):
        return attribute.value
    if isinstance(attribute, (ir.ArrayAttr, ir.DenseI64ArrayAttr, ir.DenseI32ArrayAttr, ir.DenseBoolArrayAttr)):
        return [decode(a) if isinstance(a, ir.Attribute) else a for a in attribute]
    if isinstance(attribute, ir.DictAttr):
        return {named.name: decode(named.attr) for named in (attribute[i] for i in range(len(attribute)))}
    if isinstance(attribute, ir.DenseElementsAttr):
        return _elements(attribute)
    return _dialect_attribute(attribute)


def _elements(attribute: MlirElements) -> Array | None:
    declared = type_of(attribute.type)
    if not _is_shown(declared):
        return _printed_elements(str(attribute), declared)
    shape = [int(d or 0) for d in declared.shape]
    if attribute.is_splat:
        one = np.array(decode(attribute.get_splat_value()), declared.dtype)
        return np.broadcast_to(one, shape)
    return np.array(attribute).reshape(shape)


_NUMBER = re.compile(r"[-+]?(?:0x[0-9A-Fa-f]+|\d+\.?\d*(?:[eE][-+]?\d+)?)|true|false")


def _printed_elements(text: str, declared: Type) -> Array | None:
    """Elements out of ``dense<…>``: their bytes where it has them, else numbers, else one for all."""
    shape = [int(d or 0) for d in declared.shape]
    body = re.search(r"dense<(.*)>\s*:", text, re.DOTALL)
    if declared.dtype is None or body is None:
        return None
    raw = re.fullmatch(r'\s*"0x([0-9A-Fa-f]*)"\s*', body[1])
    if raw is not None:
        return _all_or_one(_from_bytes(bytes.fromhex(raw[1]), declared.dtype, math.prod(shape)), shape)
    part = np.zeros((), declared.dtype).real.dtype if declared.dtype.kind == "c" else declared.dtype
    numbers = np.array([_number(n, part) for n in _NUMBER.findall(body[1])], part)
    return _all_or_one(numbers.view(declared.dtype) if declared.dtype.kind == "c" else numbers, shape)


def _from_bytes(data: bytes, dtype: ElementType, count: int) -> Array:
    """Elements of the bytes MLIR prints, which hold eight bools each, in older versions."""
    if dtype == np.bool_ and len(data) != count:
        return np.unpackbits(np.frombuffer(data, np.uint8), count=count, bitorder="little").astype(np.bool_)
    return np.frombuffer(data, dtype)


def _all_or_one(elements: Array, shape: Sequence[int]) -> Array:
    return np.broadcast_to(elements[0], shape) if elements.size == 1 else elements.reshape(shape)


def _number(text: str, dtype: ElementType) -> np.generic | Array:
    """A printed number; a hexadecimal one is the bits of a float."""
    if text.startswith("0x"):
        return np.array(int(text, 16), f"uint{dtype.itemsize * 8}").view(dtype)[()]
    return dtype.type({"true": 1, "false": 0}.get(text) if text in ("true", "false") else float(text))


# -- attributes of the StableHLO dialect ------------------------------------------------------------------------------


@dataclass(frozen=True)
class ConvNumbers:
    """Dimensions of operand, kernel and result in the order batch (output feature), feature, spatial ones."""

    lhs_spec: tuple[int, ...]
    rhs_spec: tuple[int, ...]
    out_spec: tuple[int, ...]


@dataclass(frozen=True)
class GatherNumbers:
    """Dimension numbers of a gather or scatter in the gather's terms, and where the index vectors run."""

    offset_dims: tuple[int, ...]
    collapsed_slice_dims: tuple[int, ...]
    start_index_map: tuple[int, ...]
    operand_batching_dims: tuple[int, ...]
    start_indices_batching_dims: tuple[int, ...]
    index_vector_dim: int


def _dot(n: live.DotNumbers) -> DotNumbers:
    """In the order of JAX: ((contracting), (batching))."""
    contracting = tuple(n.lhs_contracting_dimensions), tuple(n.rhs_contracting_dimensions)
    return contracting, (tuple(n.lhs_batching_dimensions), tuple(n.rhs_batching_dimensions))


def _conv(n: live.ConvolutionNumbers) -> ConvNumbers:
    return ConvNumbers(
        (n.input_batch_dimension, n.input_feature_dimension, *n.input_spatial_dimensions),
        (n.kernel_output_feature_dimension, n.kernel_input_feature_dimension, *n.kernel_spatial_dimensions),
        (n.output_batch_dimension, n.output_feature_dimension, *n.output_spatial_dimensions),
    )


def _gather(n: live.GatherNumbers) -> GatherNumbers:
    return GatherNumbers(
        tuple(n.offset_dims),
        tuple(n.collapsed_slice_dims),
        tuple(n.start_index_map),
        tuple(getattr(n, "operand_batching_dims", ())),
        tuple(getattr(n, "start_indices_batching_dims", ())),
        n.index_vector_dim,
    )


def _scatter(n: live.ScatterNumbers) -> GatherNumbers:
    return GatherNumbers(
        tuple(n.update_window_dims),
        tuple(n.inserted_window_dims),
        tuple(n.scattered_dims_to_operand_dims),
        tuple(getattr(n, "input_batching_dims", ())),
        tuple(getattr(n, "scatter_indices_batching_dims", ())),
        n.index_vector_dim,
    )


def _dialect_attribute(attribute: MlirAttribute) -> DotNumbers | ConvNumbers | GatherNumbers | str:
    from jaxlib.mlir.dialects import stablehlo

    readers: dict[str, Callable[..., DotNumbers | ConvNumbers | GatherNumbers]] = {
        "DotDimensionNumbers": _dot,
        "ConvDimensionNumbers": _conv,
        "GatherDimensionNumbers": _gather,
        "ScatterDimensionNumbers": _scatter,
    }
    for name, reader in readers.items():
        kind = getattr(stablehlo, name)
        if kind.isinstance(attribute):
            return reader(kind(attribute))
    text = str(attribute)
    word = re.fullmatch(r"#(?:stablehlo|chlo)<\w+ (\w+)>", text)
    return word[1] if word is not None else text
