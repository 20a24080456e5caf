"""Changes of the element type."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from litesmith.decompositions import bits
from litesmith.decompositions.division import unsigned_to_int64
from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import bitcast, cast
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import ElementType
from litesmith.frontends.jax.registry import lowers
from litesmith.frontends.jax.types import carried_dtype, is_unsigned_word, round_to
from litesmith.ir import Builder, DType, Value

_SATURATED = {"int8", "int16", "uint8"}


@lowers("convert_element_type", broadcasts=True)
def convert_element_type(ctx: Context, x: Value, *, new_dtype: ElementType) -> Value:
    b, source = ctx.b, ctx.avals_in[0].dtype
    target = carried_dtype(new_dtype)
    if is_unsigned_word(source) and not is_unsigned_word(new_dtype) and target in (DType.FLOAT32, DType.INT64):
        x = unsigned_to_int64(b, x)
    if target is DType.BOOL:
        return x if x.type.dtype is DType.BOOL else b.not_equal(x, b.constant(np.array(0, x.type.dtype.numpy)))
    if x.type.dtype is DType.FLOAT32 and not target.is_float:
        return _to_integer(b, x, new_dtype)
    return round_to(b, cast(b, x, target), new_dtype)


def _to_integer(b: Builder, x: Value, new_dtype: ElementType) -> Value:
    """Toward zero; numbers out of a narrow type's range become its nearest one, as in XLA."""
    if is_unsigned_word(new_dtype):
        return cast(b, cast(b, x, DType.INT64), DType.INT32)
    name = np.dtype(new_dtype).name
    if name in _SATURATED:
        limits = np.iinfo(name)
        x = b.minimum(b.maximum(x, np.float32(limits.min)), np.float32(limits.max))
        x = cast(b, x, DType.INT32)
    return cast(b, x, carried_dtype(new_dtype))


@lowers("bitcast_convert_type")
def bitcast_convert_type(ctx: Context, x: Value, *, new_dtype: ElementType) -> Value:
    source, target = np.dtype(ctx.avals_in[0].dtype), np.dtype(new_dtype)
    words = {np.dtype(t) for t in ("float32", "int32", "uint32")}
    if source in words and target in words:
        return bitcast(ctx.b, x, carried_dtype(target))
    if source.kind in "iu" and target.kind in "iu" and source.itemsize == target.itemsize:
        return bitcast(ctx.b, x, carried_dtype(target))
    raise UnsupportedError(f"bits of {source} are taken as {target}", "use types of 32 bits", code="LS012")


@lowers("reduce_precision", broadcasts=True)
def reduce_precision(b: Builder, x: Value, *, exponent_bits: int, mantissa_bits: int) -> Value:
    known: dict[tuple[int, int], ElementType] = {(8, 23): np.dtype(np.float32), (5, 10): np.dtype(np.float16)}
    if (exponent_bits, mantissa_bits) == (8, 7):
        return round_to(b, x, np.dtype(ml_dtypes.bfloat16))
    if (exponent_bits, mantissa_bits) not in known:
        reason = f"rounding to {exponent_bits} exponent and {mantissa_bits} mantissa bits"
        raise UnsupportedError(reason, "round to float16 or bfloat16")
    return round_to(b, x, known[exponent_bits, mantissa_bits])


@lowers("nextafter")
def nextafter(b: Builder, x: Value, y: Value) -> Value:
    """One step of the bits of x toward y."""
    one = bits.int32(b, 1)
    word = bitcast(b, x, DType.INT32)
    nothing = np.float32(0)
    away = b.equal(b.greater(x, nothing), b.greater(y, x))
    stepped = select(b, away, b.add(word, one), b.sub(word, one))
    smallest = select(b, b.greater(y, nothing), one, bits.int32(b, 0x80000001))
    stepped = select(b, b.equal(x, nothing), smallest, stepped)
    moved = bitcast(b, select(b, b.equal(x, y), bitcast(b, y, DType.INT32), stepped), DType.FLOAT32)
    total = b.add(x, y)
    return select(
        b, b.not_equal(total, total), select(b, b.logical_and(b.equal(x, x), b.equal(y, y)), moved, total), moved
    )
