"""Products and convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.decompositions import matmul
from litesmith.decompositions.convolution import conv_general
from litesmith.decompositions.shapes import cast
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import ConvNumbers, DotNumbers, Size
from litesmith.frontends.jax.registry import lowers
from litesmith.frontends.jax.types import Item, dim_of, is_unsigned_word
from litesmith.ir import DType, Value


@lowers("dot_general")
def dot_general(ctx: Context, lhs: Value, rhs: Value, *, dimension_numbers: DotNumbers) -> Value:
    (contract, batch) = dimension_numbers
    mixed = {lhs.type.dtype, rhs.type.dtype}
    if len(mixed) > 1 and DType.FLOAT32 in mixed:
        lhs, rhs = cast(ctx.b, lhs, DType.FLOAT32), cast(ctx.b, rhs, DType.FLOAT32)
    if ctx.dtype is DType.BOOL:
        return _any_common(ctx, lhs, rhs, dimension_numbers)
    if ctx.dtype is DType.FLOAT32 and not lhs.type.dtype.is_float:
        lhs, rhs = cast(ctx.b, lhs, DType.FLOAT32), cast(ctx.b, rhs, DType.FLOAT32)
    pairs = [(tuple(x), tuple(y)) for x, y in (contract, batch)]
    return matmul.dot_general(ctx.b, lhs, rhs, pairs[0], pairs[1], ctx.dtype)


def _any_common(ctx: Context, lhs: Value, rhs: Value, dimension_numbers: DotNumbers) -> Value:
    """The product of bools: whether any pair holds. Their number is a float that cannot vanish."""
    pairs = [(tuple(x), tuple(y)) for x, y in dimension_numbers]
    x, y = cast(ctx.b, lhs, DType.FLOAT32), cast(ctx.b, rhs, DType.FLOAT32)
    return ctx.b.greater(matmul.dot_general(ctx.b, x, y, pairs[0], pairs[1], DType.FLOAT32), np.float32(0))


@lowers("conv_general_dilated")
def conv_general_dilated(
    ctx: Context,
    lhs: Value,
    rhs: Value,
    *,
    window_strides: Sequence[int],
    padding: Sequence[tuple[Size, Size]],
    lhs_dilation: Sequence[int],
    rhs_dilation: Sequence[int],
    dimension_numbers: ConvNumbers,
    feature_group_count: int,
    batch_group_count: int,
) -> Value:
    if is_unsigned_word(ctx.aval.dtype) or not ctx.dtype.is_float:
        raise UnsupportedError(f"a convolution of {ctx.aval.dtype}", "convert the operands to float32", code="LS012")
    return conv_general(
        ctx.b,
        lhs,
        rhs,
        window_strides,
        [(dim_of(low), dim_of(high)) for low, high in padding],
        lhs_dilation,
        rhs_dilation,
        feature_group_count,
        batch_group_count,
        dimension_numbers.lhs_spec,
        dimension_numbers.rhs_spec,
        dimension_numbers.out_spec,
    )


@lowers("ragged_dot_general")
def ragged_dot_general(
    ctx: Context, operands: list[Value], *, ragged_dot_dimension_numbers: DotNumbers, group_offset: object = None
) -> list[Item]:
    """A dense product for each group, of operands that are zero outside of it: JAX's own form for processors."""
    import jax
    from jax._src.lax import lax as internals

    function = getattr(internals, "_ragged_dot_general_impl", None)
    if function is None or group_offset is not None or len(operands) != 3:
        raise UnsupportedError("multiplies groups of unknown sizes", "use a dense product with a mask", code="LS010")
    specs = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in ctx.avals_in]
    jaxpr = jax.make_jaxpr(
        lambda *xs: function(
            *xs, ragged_dot_dimension_numbers=ragged_dot_dimension_numbers, preferred_element_type=ctx.aval.dtype
        )
    )
    return ctx.call(jaxpr(*specs), operands)
