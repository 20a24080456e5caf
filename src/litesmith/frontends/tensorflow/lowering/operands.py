"""Operands as lowerings need them: constants, int32 indices."""

from __future__ import annotations

import numpy as np

from litesmith.decompositions.shapes import cast
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, DType, Value


def const_ints(value: Value, what: str) -> tuple[int, ...]:
    """Elements of an operand that must be constant. Raises UnsupportedError where it is not."""
    if not value.is_const:
        raise UnsupportedError(f"{what} is computed while the model runs", f"make {what} a constant")
    return tuple(int(e) for e in value.numpy().ravel())


def const_floats(value: Value, what: str) -> tuple[float, ...]:
    """Like `const_ints`, for floating-point numbers."""
    if not value.is_const:
        raise UnsupportedError(f"{what} is computed while the model runs", f"make {what} a constant")
    return tuple(float(e) for e in value.numpy().ravel())


def as_int32(b: Builder, value: Value) -> Value:
    """A shape or index operand as int32, which every kernel takes."""
    return cast(b, value, DType.INT32)


def like(b: Builder, number: float, x: Value) -> Value:
    """A scalar constant in the element type of ``x``."""
    with np.errstate(invalid="ignore"):  # a damaged graph has numbers that do not fit
        return b.constant(np.array(number).astype(x.type.dtype.numpy))
