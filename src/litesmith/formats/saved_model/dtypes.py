"""`DataType` numbers of the protos and what they are in NumPy. The one table of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import ml_dtypes
import numpy as np

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import DataType

_REFERENCE = 100  # DT_X_REF (the type of a TF1 variable's own output) is DT_X + 100


@dataclass(frozen=True)
class DType:
    """name: as TensorFlow prints it (``float32``, ``qint8``, ``resource``); numpy: None when it has no array form;
    field: the `TensorProto` field that carries the values one by one."""

    name: str
    numpy: np.dtype[Any] | None
    field: str


def _row(name: str, numpy: Any, field: str) -> DType:
    return DType(name, None if numpy is None else np.dtype(numpy), field)


# Sub-byte types take one byte an element, in TensorProto and checkpoints as in ml_dtypes.
_TABLE: dict[int, DType] = {
    1: _row("float32", np.float32, "float_val"),
    2: _row("float64", np.float64, "double_val"),
    3: _row("int32", np.int32, "int_val"),
    4: _row("uint8", np.uint8, "int_val"),
    5: _row("int16", np.int16, "int_val"),
    6: _row("int8", np.int8, "int_val"),
    7: _row("string", np.object_, "string_val"),
    8: _row("complex64", np.complex64, "scomplex_val"),
    9: _row("int64", np.int64, "int64_val"),
    10: _row("bool", np.bool_, "bool_val"),
    11: _row("qint8", np.int8, "int_val"),
    12: _row("quint8", np.uint8, "int_val"),
    13: _row("qint32", np.int32, "int_val"),
    14: _row("bfloat16", ml_dtypes.bfloat16, "half_val"),
    15: _row("qint16", np.int16, "int_val"),
    16: _row("quint16", np.uint16, "int_val"),
    17: _row("uint16", np.uint16, "int_val"),
    18: _row("complex128", np.complex128, "dcomplex_val"),
    19: _row("float16", np.float16, "half_val"),
    20: _row("resource", None, "resource_handle_val"),
    21: _row("variant", None, "variant_val"),
    22: _row("uint32", np.uint32, "uint32_val"),
    23: _row("uint64", np.uint64, "uint64_val"),
    24: _row("float8_e5m2", ml_dtypes.float8_e5m2, "float8_val"),
    25: _row("float8_e4m3fn", ml_dtypes.float8_e4m3fn, "float8_val"),
    26: _row("float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz, "float8_val"),
    27: _row("float8_e4m3b11fnuz", ml_dtypes.float8_e4m3b11fnuz, "float8_val"),
    28: _row("float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz, "float8_val"),
    29: _row("int4", ml_dtypes.int4, "int_val"),
    30: _row("uint4", ml_dtypes.uint4, "int_val"),
    31: _row("int2", ml_dtypes.int2, "int_val"),
    32: _row("uint2", ml_dtypes.uint2, "int_val"),
    33: _row("float4_e2m1fn", ml_dtypes.float4_e2m1fn, "float8_val"),
}
_INVALID = DType("invalid", None, "")


NUMBERS: Mapping[str, DataType] = {row.name: cast("DataType", number) for number, row in _TABLE.items()}
"""`DataType` numbers by name."""


def dtype_of(number: int) -> DType:
    """The row of a `DataType` number, reference types taken as their base; an unknown number has no array form."""
    base = number - _REFERENCE if number > _REFERENCE else number
    return _TABLE.get(base) or (_INVALID if number == 0 else DType(f"unknown data type {number}", None, ""))
