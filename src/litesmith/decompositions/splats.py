"""Constants of one number, which files write as that number and a shape of any size."""

from __future__ import annotations

from litesmith.decompositions.shapes import full
from litesmith.ir import Builder, DType, Value
from litesmith.ir.constant import Array

SPLAT_BYTES = 1 << 26
"""Constants of one number that are larger are made by the runtime."""


def large_splat(b: Builder, array: Array) -> Value | None:
    """A large array that is one number seen many times, as a FILL; None for any other array."""
    if array.nbytes <= SPLAT_BYTES or array.dtype.kind not in "iufb":
        return None
    if any(stride and size > 1 for stride, size in zip(array.strides, array.shape, strict=True)):
        return None
    return full(b, array.shape, array.flat[0].item(), DType.of(array.dtype))
