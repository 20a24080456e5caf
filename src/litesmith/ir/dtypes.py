"""Element types: the schema's `TensorType` enumeration with their NumPy counterparts."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from typing import Any

import ml_dtypes
import numpy as np


class DType(Enum):
    """An element type. The member's value is its number in the schema's ``TensorType``."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18
    INT2 = 19
    UINT4 = 20
    FLOAT8_E4M3FN = 21
    FLOAT8_E5M2 = 22

    @cached_property
    def text(self) -> str:
        """The name used in printed IR: ``float32``, ``int4`` …"""
        return self.name.lower()

    def __str__(self) -> str:
        return self.text

    @cached_property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype of an unpacked element; object for string, resource and variant."""
        return _NUMPY[self]

    @cached_property
    def bits(self) -> int:
        """Bits an element takes in the file; 0 for string, resource and variant."""
        if self.numpy == np.dtype(object):
            return 0
        return _PACKED_BITS.get(self, self.numpy.itemsize * 8)

    @cached_property
    def is_float(self) -> bool:
        """Whether this is a real floating-point type of any width."""
        return self.name.startswith(("FLOAT", "BFLOAT"))

    @cached_property
    def is_integer(self) -> bool:
        """Whether this is a signed or unsigned integer type of any width (bool is not)."""
        return self.name.startswith(("INT", "UINT"))

    @cached_property
    def is_complex(self) -> bool:
        """Whether this is a complex type."""
        return self.name.startswith("COMPLEX")

    @staticmethod
    def parse(text: str) -> DType:
        """The type with this printed name. Raises KeyError when there is none."""
        return DType[text.upper()]

    @staticmethod
    def of(dtype: Any) -> DType:
        """The type of a NumPy dtype (or of anything `np.dtype` takes). Raises TypeError when there is none."""
        if isinstance(dtype, DType):
            return dtype
        dtype = np.dtype(dtype)
        if dtype.kind in "OSU":
            return DType.STRING
        found = _FROM_NUMPY.get(dtype)
        if found is None:
            raise TypeError(f"no LiteRT element type for NumPy dtype {dtype}")
        return found


_PACKED_BITS = {DType.INT4: 4, DType.UINT4: 4, DType.INT2: 2}

_NUMPY: dict[DType, np.dtype[Any]] = {
    DType.FLOAT32: np.dtype(np.float32),
    DType.FLOAT16: np.dtype(np.float16),
    DType.INT32: np.dtype(np.int32),
    DType.UINT8: np.dtype(np.uint8),
    DType.INT64: np.dtype(np.int64),
    DType.STRING: np.dtype(object),
    DType.BOOL: np.dtype(np.bool_),
    DType.INT16: np.dtype(np.int16),
    DType.COMPLEX64: np.dtype(np.complex64),
    DType.INT8: np.dtype(np.int8),
    DType.FLOAT64: np.dtype(np.float64),
    DType.COMPLEX128: np.dtype(np.complex128),
    DType.UINT64: np.dtype(np.uint64),
    DType.RESOURCE: np.dtype(object),
    DType.VARIANT: np.dtype(object),
    DType.UINT32: np.dtype(np.uint32),
    DType.UINT16: np.dtype(np.uint16),
    DType.INT4: np.dtype(ml_dtypes.int4),
    DType.BFLOAT16: np.dtype(ml_dtypes.bfloat16),
    DType.INT2: np.dtype(ml_dtypes.int2),
    DType.UINT4: np.dtype(ml_dtypes.uint4),
    DType.FLOAT8_E4M3FN: np.dtype(ml_dtypes.float8_e4m3fn),
    DType.FLOAT8_E5M2: np.dtype(ml_dtypes.float8_e5m2),
}

_FROM_NUMPY = {numpy: dtype for dtype, numpy in _NUMPY.items() if numpy != np.dtype(object)}
