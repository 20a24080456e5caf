"""Complex tensors made of their parts."""

from __future__ import annotations

from litesmith.decompositions.shapes import bitcast
from litesmith.ir import Builder, DType, Value


def joined(b: Builder, real: Value, imag: Value) -> Value:
    """The complex64 tensor of two float32 ones of one shape: pairs of numbers, taken as one each."""
    return bitcast(b, b.pack(real, imag, axis=real.rank), DType.COMPLEX64)
