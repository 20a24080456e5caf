"""Convolution in every layout and dimension number, said in CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and CONV_3D.

Inside, everything is channels-last: x [N, *spatial, C], filter [*window, C / groups, units].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from litesmith.decompositions.padding import pad
from litesmith.decompositions.shapes import (
    cast,
    equal_dims,
    expand_dims,
    reshape,
    shape_vector,
    single,
    squeeze,
    static_int,
    transpose,
)
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Dim, Sym, Value
from litesmith.ir.dims import maximum

Pads = list[tuple[Dim, Dim]]


@dataclass(frozen=True)
class Layout:
    """Where an operand has its dimensions: ``batch`` and ``feature`` (of a filter: output and input features)."""

    batch: int
    feature: int
    spatial: tuple[int, ...]

    @staticmethod
    def of(spec: Sequence[int]) -> Layout:
        """From JAX's order (batch, feature, *spatial); of a filter (output features, input features, *window)."""
        return Layout(spec[0], spec[1], tuple(spec[2:]))


@dataclass(frozen=True)
class _Conv:
    strides: tuple[int, ...]
    pads: Pads
    spread: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


def conv_general(
    b: Builder,
    x: Value,
    w: Value,
    strides: Sequence[int],
    padding: str | Sequence[tuple[Dim, Dim]] = "VALID",
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    groups: int = 1,
    batch_groups: int = 1,
    x_spec: Sequence[int] | None = None,
    w_spec: Sequence[int] | None = None,
    out_spec: Sequence[int] | None = None,
) -> Value:
    """Correlates ``x`` with the filter ``w``, over one, two or three spatial dimensions.

    strides, dilations: one for each spatial dimension. padding: ``SAME``, ``VALID`` or (low, high) pairs, negative
    ones crop. lhs_dilation spreads the input apart (a transposed convolution), rhs_dilation the filter. The specs say
    where the dimensions are, as (batch, feature, *spatial) for ``x`` and the result and (output, input, *window) for
    ``w``; the defaults are [N, *spatial, C] and [*window, C, units]. float16 and bfloat16 are computed in float32.
    """
    count = x.rank - 2
    if not 1 <= count <= 3:
        raise UnsupportedError(f"a convolution over {count} dimensions", "use one, two or three spatial dimensions")
    if not x.type.dtype.is_float:
        raise UnsupportedError(f"a convolution of {x.type.dtype}", "convert the operands to float32")
    last = (0, count + 1, *range(1, count + 1))
    dtype = x.type.dtype
    x = transpose(b, single(b, x), _channels_last(Layout.of(x_spec or last)))
    w = transpose(b, single(b, w), _window_first(Layout.of(w_spec or (count + 1, count, *range(count)))))
    conv = _Conv(
        tuple(int(s) for s in strides),
        [],
        tuple(int(s) for s in lhs_dilation or (1,) * count),
        tuple(int(s) for s in rhs_dilation or (1,) * count),
        groups,
    )
    conv = replace(conv, pads=_pads(x, w, conv, padding))
    if batch_groups > 1:
        x, conv = _batch_to_features(b, x, batch_groups), replace(conv, groups=batch_groups)
    result = cast(b, _convolve(b, x, w, conv), dtype)
    return transpose(b, result, _from_channels_last(Layout.of(out_spec or last)))


def _channels_last(layout: Layout) -> list[int]:
    return [layout.batch, *layout.spatial, layout.feature]


def _window_first(layout: Layout) -> list[int]:
    return [*layout.spatial, layout.feature, layout.batch]


def _from_channels_last(layout: Layout) -> list[int]:
    order = _channels_last(layout)
    return [order.index(i) for i in range(len(order))]


def _batch_to_features(b: Builder, x: Value, groups: int) -> Value:
    """[groups * n, *spatial, C] as [n, *spatial, groups * C]."""
    n, *spatial, channels = x.dims
    split = reshape(b, x, [groups, n // groups, *spatial, channels])
    moved = transpose(b, split, [*range(1, x.rank), 0, x.rank])
    return reshape(b, moved, [n // groups, *spatial, channels * groups])


# -- padding ----------------------------------------------------------------------------------------------------------


def _spans(w: Value, dilation: Sequence[int]) -> list[int]:
    """The reach of the filter in each spatial dimension."""
    window = [static_int(d, "a convolution's filter") for d in w.dims[:-2]]
    return [(k - 1) * d + 1 if k else 0 for k, d in zip(window, dilation, strict=True)]


def same_pads(size: Dim, span: int, stride: int) -> tuple[Dim, Dim]:
    """What SAME adds at both ends of a dimension."""
    count = (size + stride - 1) // stride
    total = maximum((count - 1) * stride + span - size, 0)
    if isinstance(size, Sym) and stride == 1:
        total = max(span - 1, 0)
    return total // 2, total - total // 2


def _pads(x: Value, w: Value, conv: _Conv, padding: str | Sequence[tuple[Dim, Dim]]) -> Pads:
    spans, sizes = _spans(w, conv.dilation), _spread_sizes(x.dims[1:-1], conv.spread)
    if not isinstance(padding, str):
        return [(low, high) for low, high in padding]
    if padding == "VALID":
        return [(0, 0)] * len(spans)
    if padding == "SAME":
        return [same_pads(n, k, s) for n, k, s in zip(sizes, spans, conv.strides, strict=True)]
    raise UnsupportedError(f"padding {padding!r}", "use SAME, VALID or explicit pairs")


def _spread_sizes(sizes: Sequence[Dim], spread: Sequence[int]) -> list[Dim]:
    return [maximum((n - 1) * s + 1, 0) if s > 1 else n for n, s in zip(sizes, spread, strict=True)]


def resolve_padding(
    b: Builder,
    x: Value,
    spans: Sequence[int],
    strides: Sequence[int],
    pads: Pads,
    fill: float = 0.0,
) -> tuple[Value, str]:
    """The input and the kernel's padding mode that together give these pads: SAME where it is exactly that."""
    if all(p == (0, 0) for p in pads):
        return x, "VALID"
    same = [same_pads(n, k, s) for n, k, s in zip(x.dims[1:-1], spans, strides, strict=True)]
    if all(equal_dims(a, b) for p, q in zip(pads, same, strict=True) for a, b in zip(p, q, strict=True)):
        return x, "SAME"
    return pad(b, x, [(0, 0), *pads, (0, 0)], fill), "VALID"


# -- the operators ----------------------------------------------------------------------------------------------------


def _convolve(b: Builder, x: Value, w: Value, conv: _Conv) -> Value:
    if x.rank == 3:
        return _one_dimensional(b, x, w, conv)
    if any(s > 1 for s in conv.spread):
        return _transposed_convolution(b, x, w, conv)
    if x.rank == 5:
        return _in_groups(b, x, w, conv)
    return _plain_2d(b, x, w, conv)


def _one_dimensional(b: Builder, x: Value, w: Value, conv: _Conv) -> Value:
    """[N, L, C] as [N, 1, L, C]."""
    flat = _Conv((1, *conv.strides), [(0, 0), *conv.pads], (1, *conv.spread), (1, *conv.dilation), conv.groups)
    return squeeze(b, _convolve(b, expand_dims(b, x, 1), expand_dims(b, w, 0), flat), 1)


def _plain_2d(b: Builder, x: Value, w: Value, conv: _Conv) -> Value:
    x, mode = resolve_padding(b, x, _spans(w, conv.dilation), conv.strides, conv.pads)
    attrs: dict[str, Any] = dict(
        padding=mode,
        stride_h=conv.strides[0],
        stride_w=conv.strides[1],
        dilation_h_factor=conv.dilation[0],
        dilation_w_factor=conv.dilation[1],
    )
    *window, _, units = w.dims
    if conv.groups > 1 and conv.groups == x.dims[-1]:
        multiplier = static_int(units, "a depthwise convolution's filter") // conv.groups
        filters = reshape(b, w, [1, *window, units])
        return b.depthwise_conv_2d(x, filters, zero_bias(units), depth_multiplier=multiplier, **attrs)
    return b.conv_2d(x, transpose(b, w, [3, 0, 1, 2]), zero_bias(units), **attrs)


def _in_groups(b: Builder, x: Value, w: Value, conv: _Conv) -> Value:
    """CONV_3D, which takes no groups: one for each."""
    if conv.groups > 1:
        parts = zip(_split_channels(b, x, conv.groups), _split_channels(b, w, conv.groups), strict=True)
        return b.concatenation(*(_in_groups(b, p, q, replace(conv, groups=1)) for p, q in parts), axis=4)
    x, mode = resolve_padding(b, x, _spans(w, conv.dilation), conv.strides, conv.pads)
    attrs: dict[str, Any] = {f"stride_{c}": s for c, s in zip("dhw", conv.strides, strict=True)}
    attrs |= {f"dilation_{c}_factor": s for c, s in zip("dhw", conv.dilation, strict=True)}
    return b.conv_3d(x, w, padding=mode, **attrs)


def zero_bias(units: Dim) -> Value:
    """A bias of zeros. The convolution kernels do not all run without one."""
    return Value.constant(np.zeros(static_int(units, "a convolution's filter"), np.float32))


def _split_channels(b: Builder, x: Value, count: int) -> list[Value]:
    """``x`` in equal parts of its last dimension."""
    return list(b.split(np.array(x.rank - 1, np.int32), x, num_splits=count))


# -- transposed -------------------------------------------------------------------------------------------------------


def _transposed_convolution(b: Builder, x: Value, w: Value, conv: _Conv) -> Value:
    """A convolution of an input spread apart: TRANSPOSE_CONV where it is one, else zeros put in and a plain one."""
    simple = all(s == 1 for s in (*conv.strides, *conv.dilation)) and conv.groups == 1
    window = _spans(w, conv.dilation)
    fits = all(_as_int(low) < k for (low, _), k in zip(conv.pads, window, strict=True))
    if simple and fits and x.rank == 4:
        flipped = b.reverse_v2(w, np.array([0], np.int32)) if window[0] > 1 else w
        flipped = b.reverse_v2(flipped, np.array([1], np.int32)) if window[1] > 1 else flipped
        crops = [k - 1 - _as_int(low) for (low, _), k in zip(conv.pads, window, strict=True)]
        sizes = [n + lo + hi - k + 1 for n, (lo, hi), k in zip(_sizes(x, conv), conv.pads, window, strict=True)]
        return conv_transpose(b, x, flipped, conv.spread, crops, sizes)
    spread = interior_zeros(b, x, conv.spread)
    return _convolve(b, spread, w, replace(conv, spread=(1,) * len(conv.spread)))


def _as_int(dim: Dim) -> int:
    return static_int(dim, "the padding of a transposed convolution")


def _sizes(x: Value, conv: _Conv) -> list[Dim]:
    return [(n - 1) * s + 1 for n, s in zip(x.dims[1:-1], conv.spread, strict=True)]


def conv_transpose(
    b: Builder,
    x: Value,
    w: Value,
    strides: Sequence[int],
    crops: Sequence[int],
    sizes: Sequence[Dim],
) -> Value:
    """Each input element adds its filter (``w``: [H, W, C, units]) to the result, ``stride`` apart.

    crops: elements cut off at the low end of each spatial dimension; sizes: of the result. SAME and VALID of the kernel
    where they say just that, else a VALID one that is cut or zero-padded to size.
    """
    window = [static_int(d, "a transposed convolution's filter") for d in w.dims[:2]]
    filters = transpose(b, w, [3, 0, 1, 2])
    attrs = dict(stride_h=int(strides[0]), stride_w=int(strides[1]))
    n, *spatial, _ = x.dims
    units = w.dims[3]
    for mode in ("VALID", "SAME"):
        if all(_kernel_gives(mode, *row) for row in zip(spatial, window, strides, crops, sizes, strict=True)):
            return _transpose_conv(b, x, filters, [n, *sizes, units], mode, attrs)
    whole = [(d - 1) * s + k for d, s, k in zip(spatial, strides, window, strict=True)]
    result = _transpose_conv(b, x, filters, [n, *whole, units], "VALID", attrs)
    cuts: Pads = [(-c, size - (full - c)) for c, size, full in zip(crops, sizes, whole, strict=True)]
    return pad(b, result, [(0, 0), *cuts, (0, 0)], 0)


def _kernel_gives(mode: str, size: Dim, window: int, stride: int, crop: int, result: Dim) -> bool:
    """Whether the kernel in this mode cuts ``crop`` elements at the low end and takes this size of the result."""
    if mode == "VALID":
        return crop == 0 and (result - window) // stride + 1 == size
    return (result + stride - 1) // stride == size and same_pads(result, window, stride)[0] == crop


def _transpose_conv(
    b: Builder, x: Value, filters: Value, dims: Sequence[Dim], mode: str, attrs: dict[str, Any]
) -> Value:
    return b.transpose_conv(shape_vector(b, dims, x), filters, x, padding=mode, **attrs)


def interior_zeros(b: Builder, x: Value, spread: Sequence[int], fill: float = 0) -> Value:
    """[N, *spatial, C] with ``spread - 1`` elements of ``fill`` between neighbours of each spatial dimension."""
    factors = np.array([1, *spread, 1], np.int32)
    return b.dilate(x, factors, b.constant(np.array(fill, x.type.dtype.numpy)))
