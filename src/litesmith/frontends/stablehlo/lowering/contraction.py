"""Products, convolutions, normalizations and Fourier transforms."""

from __future__ import annotations

from collections.abc import Sequence

from litesmith.decompositions import einsum as sums
from litesmith.decompositions.cumulative import reverse
from litesmith.decompositions.normalization import normalize
from litesmith.decompositions.shapes import reshape
from litesmith.frontends.jax.types import Item, Tensor
from litesmith.frontends.stablehlo.attributes import ConvNumbers
from litesmith.frontends.stablehlo.importer import Context
from litesmith.frontends.stablehlo.lowering.structure import known_dims
from litesmith.frontends.stablehlo.registry import Lowering, direct, lowers
from litesmith.ir import Dim, Value

DOT_GENERAL = direct("stablehlo.dot_general", to="dot_general", dimension_numbers="dot_dimension_numbers")
FFT = direct("stablehlo.fft", to="fft", fft_type="fft_type", fft_lengths="fft_length")


@lowers("stablehlo.dot")
def dot(ctx: Context, x: Tensor, y: Tensor) -> Item:
    last = len(ctx.avals_in[0].shape) - 1
    return ctx.primitive("dot_general", [x, y], dimension_numbers=(((last,), (0,)), ((), ())))


@lowers("stablehlo.convolution")
def convolution(
    ctx: Context,
    x: Value,
    kernel: Value,
    *,
    dimension_numbers: ConvNumbers,
    feature_group_count: int,
    batch_group_count: int,
    window_strides: Sequence[int] | None = None,
    padding: Sequence[Sequence[int]] | None = None,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    window_reversal: Sequence[bool] | None = None,
) -> Item:
    spatial = dimension_numbers.rhs_spec[2:]
    turned = [a for a, is_reversed in zip(spatial, window_reversal or (), strict=False) if is_reversed]
    ones = [1] * len(spatial)
    return ctx.first(2).primitive(
        "conv_general_dilated",
        [x, reverse(ctx.b, kernel, tuple(turned)) if turned else kernel],
        window_strides=window_strides or ones,
        padding=[(0, 0)] * len(spatial) if padding is None else padding,
        lhs_dilation=lhs_dilation or ones,
        rhs_dilation=rhs_dilation or ones,
        dimension_numbers=dimension_numbers,
        feature_group_count=feature_group_count,
        batch_group_count=batch_group_count,
    )


@lowers("stablehlo.dynamic_conv")
def dynamic_conv(ctx: Context, x: Value, kernel: Value, padding: Value, **attrs: object) -> Item:
    amounts = known_dims(padding, "a padding")
    pairs = list(zip(amounts[::2], amounts[1::2], strict=True))
    static: Lowering[..., Item] = convolution
    return static(ctx, x, kernel, **static.bind_attrs({**attrs, "padding": pairs}))


@lowers("stablehlo.einsum", "stablehlo.unary_einsum")
def einsum(ctx: Context, operands: list[Value], *, einsum_config: str) -> Value:
    return sums.einsum(ctx.b, einsum_config, operands)


@lowers("stablehlo.batch_norm_inference")
def batch_norm_inference(
    ctx: Context,
    x: Value,
    scale: Value,
    offset: Value,
    mean: Value,
    variance: Value,
    *,
    epsilon: float,
    feature_index: int,
) -> Value:
    dims: list[Dim] = [1] * x.rank
    dims[feature_index] = x.dims[feature_index]
    mean, variance, offset, scale = (reshape(ctx.b, v, dims) for v in (mean, variance, offset, scale))
    return normalize(ctx.b, x, mean, variance, scale, offset, epsilon)
