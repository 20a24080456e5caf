"""Random numbers: keys are their words, and the generators the integer arithmetic they are made of."""

from __future__ import annotations

from typing import Any

from litesmith.decompositions import bits
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.registry import lowers
from litesmith.ir import Value


@lowers("threefry2x32", broadcasts=True)
def threefry2x32(ctx: Context, key_1: Value, key_2: Value, count_1: Value, count_2: Value) -> list[Value]:
    return list(bits.threefry(ctx.b, (key_1, key_2), (count_1, count_2)))


def _traced(ctx: Context, function: Any, key_dtype: Any, args: list[Value], shapes: list[tuple[int, ...]]) -> list[Any]:
    """The generator's own function, traced on the words of the key and inlined."""
    import jax
    import jax.numpy as jnp

    specs = [jax.ShapeDtypeStruct(s, jnp.uint32) for s in shapes]
    if key_dtype._impl.name not in ("threefry2x32", "fry"):
        raise UnsupportedError(
            f"the random generator {key_dtype._impl.name!r} has no form in built-in operators",
            'use keys of jax.random.key(seed, impl="threefry2x32")',
        )
    return ctx.call(jax.make_jaxpr(function)(*specs), args)


def _single_key(ctx: Context, aval: Any) -> tuple[int, ...]:
    if aval.shape:
        raise UnsupportedError("random numbers of several keys at once", "draw from one key, in a loop")
    shape: tuple[int, ...] = aval.dtype._impl.key_shape
    return shape


@lowers("random_bits")
def random_bits(ctx: Context, key: Value, *, bit_width: int, shape: Any) -> list[Any]:
    aval = ctx.avals_in[0]
    impl = aval.dtype._impl
    if bit_width != 32:
        raise UnsupportedError(f"random numbers of {bit_width} bits", "draw float32 or 32-bit integers", code="LS012")
    return _traced(
        ctx, lambda k: impl.random_bits(k, bit_width, tuple(shape)), aval.dtype, [key], [_single_key(ctx, aval)]
    )


@lowers("random_split")
def random_split(ctx: Context, key: Value, *, shape: Any) -> list[Any]:
    aval = ctx.avals_in[0]
    return _traced(ctx, lambda k: aval.dtype._impl.split(k, tuple(shape)), aval.dtype, [key], [_single_key(ctx, aval)])


@lowers("random_fold_in")
def random_fold_in(ctx: Context, key: Value, data: Value) -> list[Any]:
    aval = ctx.avals_in[0]
    shapes = [_single_key(ctx, aval), ()]
    return _traced(ctx, aval.dtype._impl.fold_in, aval.dtype, [key, data], shapes)


@lowers("random_seed")
def random_seed(ctx: Context, seed: Value, *, impl: Any) -> list[Any]:
    """The words of a key made of a 32-bit seed: the high one is its sign, or zero."""
    import jax
    import jax.numpy as jnp

    spec = jax.ShapeDtypeStruct(ctx.avals_in[0].shape, jnp.dtype(ctx.avals_in[0].dtype))
    return ctx.call(jax.make_jaxpr(impl.seed)(spec), [seed])
