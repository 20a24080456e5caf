"""Random numbers. The runtime's generators draw from the same distributions, not the same sequence."""

from __future__ import annotations

from litesmith.decompositions.shapes import cast, dim_value, reshape
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, DType, Value


def _float32_only(dtype: DType) -> None:
    if dtype is not DType.FLOAT32:
        raise UnsupportedError(f"random numbers of type {dtype} have no kernel", "draw float32 and cast")


@lowers("RandomUniform")
def random_uniform(b: Builder, shape: Value, *, dtype: DType, seed: int = 0, seed2: int = 0) -> Value:
    _float32_only(dtype)
    return b.random_uniform(cast(b, shape, DType.INT32), seed=seed, seed2=seed2)


@lowers("RandomStandardNormal")
def random_normal(b: Builder, shape: Value, *, dtype: DType, seed: int = 0, seed2: int = 0) -> Value:
    _float32_only(dtype)
    return b.random_standard_normal(cast(b, shape, DType.INT32), seed=seed, seed2=seed2)


@lowers("RandomUniformInt")
def random_uniform_int(
    b: Builder, shape: Value, minval: Value, maxval: Value, *, seed: int = 0, seed2: int = 0
) -> Value:
    """minval + floor(u * (maxval - minval)), where every integer can come as u has 23 bits."""
    dtype = minval.type.dtype
    if not (minval.is_const and maxval.is_const) or int(maxval.numpy()) - int(minval.numpy()) > 1 << 23:
        raise UnsupportedError("the range of a random integer is unknown or wider than 2^23", "draw a smaller range")
    span = float(int(maxval.numpy()) - int(minval.numpy()))
    uniform = b.random_uniform(cast(b, shape, DType.INT32), seed=seed, seed2=seed2)
    drawn = b.minimum(b.floor(b.mul(uniform, span)), span - 1)
    return b.add(cast(b, drawn, dtype), minval)


@lowers("Multinomial")
def multinomial(
    b: Builder,
    logits: Value,
    num_samples: Value,
    *,
    seed: int = 0,
    seed2: int = 0,
    output_dtype: DType = DType.INT64,
) -> Value:
    drawn = b.multinomial(logits, num_samples, seed=seed, seed2=seed2)
    return cast(b, drawn, output_dtype)


@lowers("RandomShuffle")
def random_shuffle(b: Builder, value: Value, *, seed: int = 0, seed2: int = 0) -> Value:
    """Rows in the order of as many random numbers."""
    if value.rank == 0:
        return value
    count = dim_value(b, value, 0)
    keys = b.random_uniform(reshape(b, count, [1]), seed=seed, seed2=seed2)
    _, order = b.topk_v2(keys, count)
    return b.gather(value, order, axis=0)
