"""Random numbers: keys are their words, and the generators the integer arithmetic they are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from litesmith.decompositions import bits
from litesmith.decompositions.shapes import broadcast_to
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import KeyImpl, Size, key_impl
from litesmith.frontends.jax.registry import lowers
from litesmith.frontends.jax.types import Item, dims_of
from litesmith.ir import Value


@lowers("threefry2x32", broadcasts=True)
def threefry2x32(ctx: Context, key_1: Value, key_2: Value, count_1: Value, count_2: Value) -> list[Value]:
    return list(bits.threefry(ctx.b, (key_1, key_2), (count_1, count_2)))


def _generator(ctx: Context) -> KeyImpl:
    """That of the first operand's keys. Raises UnsupportedError for one that is not made of integer arithmetic."""
    impl = key_impl(ctx.avals_in[0].dtype)
    assert impl is not None
    if impl.name not in ("threefry2x32", "fry"):
        raise UnsupportedError(
            f"the random generator {impl.name!r} has no form in built-in operators",
            'use keys of jax.random.key(seed, impl="threefry2x32")',
        )
    return impl


def _inline_generator(ctx: Context, function: Callable[..., object], args: list[Value], batch: Sequence[Size]) -> list[Item]:
    """The generator's own function of a key's words (and a number for each key), inlined for a batch of keys."""
    import jax
    import jax.numpy as jnp

    impl = _generator(ctx)
    for _ in batch:
        function = jax.vmap(function)
    specs = [jax.ShapeDtypeStruct((*batch, *impl.key_shape), jnp.uint32)]
    specs += [jax.ShapeDtypeStruct(tuple(batch), jnp.uint32) for _ in args[1:]]
    return ctx.call(jax.make_jaxpr(function)(*specs), args)


@lowers("random_bits")
def random_bits(ctx: Context, key: Value, *, bit_width: int, shape: Sequence[Size]) -> list[Item]:
    aval = ctx.avals_in[0]
    if bit_width != 32:
        raise UnsupportedError(f"random numbers of {bit_width} bits", "draw float32 or 32-bit integers", code="LS012")
    return _inline_generator(ctx, lambda k: _generator(ctx).random_bits(k, bit_width, tuple(shape)), [key], aval.shape)


@lowers("random_split")
def random_split(ctx: Context, key: Value, *, shape: Sequence[Size]) -> list[Item]:
    aval = ctx.avals_in[0]
    return _inline_generator(ctx, lambda k: _generator(ctx).split(k, tuple(shape)), [key], aval.shape)


@lowers("random_fold_in")
def random_fold_in(ctx: Context, key: Value, data: Value) -> list[Item]:
    """One number for all keys, one key for all numbers, or one each."""
    aval, batch = ctx.avals_in[0], ctx.aval.shape
    key = broadcast_to(ctx.b, key, [*dims_of(batch), *key.dims[len(aval.shape) :]])
    return _inline_generator(ctx, _generator(ctx).fold_in, [key, broadcast_to(ctx.b, data, dims_of(batch))], batch)


@lowers("random_seed")
def random_seed(ctx: Context, seed: Value, *, impl: KeyImpl) -> list[Item]:
    """The words of a key made of a 32-bit seed: the high one is its sign, or zero."""
    import jax
    import jax.numpy as jnp

    function = impl.seed
    for _ in ctx.avals_in[0].shape:
        function = jax.vmap(function)
    spec = jax.ShapeDtypeStruct(ctx.avals_in[0].shape, jnp.dtype(ctx.avals_in[0].dtype))
    return ctx.call(jax.make_jaxpr(function)(spec), [seed])


@lowers("random_gamma")
def random_gamma(ctx: Context, key: Value, alpha: Value, *, log_space: bool) -> list[Item]:
    """JAX's own rejection loop."""
    import jax
    import jax.numpy as jnp
    from jax.extend.core import primitives

    impl, (keys, alphas) = _generator(ctx), ctx.avals_in

    def draw(words: object, a: object) -> object:
        return primitives.random_gamma_p.impl(
            jax.random.wrap_key_data(words, impl=impl.name), a, log_space=log_space, use_vmap=True
        )

    specs = [
        jax.ShapeDtypeStruct((*keys.shape, *impl.key_shape), jnp.uint32),
        jax.ShapeDtypeStruct(alphas.shape, alphas.dtype),
    ]
    return ctx.call(jax.make_jaxpr(draw)(*specs), [key, alpha])
