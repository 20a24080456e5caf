"""Sizes that a signature leaves open and the operators behind it decide.

    x: float32[?, ?]  ─►  MatMul with float32[16, 8]        ⇒        x: float32[?, 16]

With any other size the source fails, so the graph input can say it: the file declares what it takes, and the shape
arithmetic that depends on the size vanishes. Only operators that every run reaches are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from litesmith.frontends.tensorflow.attributes import Attrs, attribute_of_type, list_of_type
from litesmith.ir import Dim, Sym, Value

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.resources import Item

Pairs: TypeAlias = Iterator[tuple[Dim, Dim]]
Rule: TypeAlias = Callable[[Sequence[Value], Attrs], Pairs]


def decided_sizes(op: str, inputs: Sequence[Item], attrs: Attrs) -> dict[str, int]:
    """Name of an unknown size -> the size this node decides on."""
    rule = _RULES.get(op)
    tensors = [v for v in inputs if isinstance(v, Value) and v.type.shape is not None]
    if rule is None or len(tensors) < len(inputs) or not any(isinstance(d, Sym) for v in tensors for d in v.dims):
        return {}
    try:
        pairs = list(rule(tensors, attrs))
    except (LookupError, TypeError, ValueError):  # damaged: for the lowering to refuse
        return {}
    found = [_solve_size(a, b) for a, b in pairs] + [_solve_size(b, a) for a, b in pairs]
    return dict(pair for pair in found if pair is not None)


def _solve_size(dim: Dim, size: Dim) -> tuple[str, int] | None:
    """(n, value), where ``dim`` is ``a * n + b`` of one named size n and equal to a number; else None."""
    if not isinstance(dim, Sym) or not isinstance(size, int):
        return None
    linear = [(monomial, factor) for monomial, factor in dim.terms.items() if monomial]
    if len(linear) != 1 or len(linear[0][0]) != 1:
        return None
    ((atom, power),), factor = linear[0]
    value, rest = divmod(size - dim.terms.get((), 0), factor)
    if power != 1 or atom.args or rest or value < 0:
        return None
    return atom.name, value


# -- what operators ask of their operands --------------------------------------------------------------------------------


def _product(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
    x, y = inputs[:2]
    turned = [attrs.get(old) or attrs.get(new) for old, new in (("transpose_a", "adj_x"), ("transpose_b", "adj_y"))]
    yield x.dims[-2 if turned[0] else -1], y.dims[-1 if turned[1] else -2]


def _channels(*vectors: int) -> Rule:
    def rule(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
        axis = 1 if str(attrs.get("data_format", "NHWC")).startswith("NC") else -1
        for vector in vectors:
            yield inputs[0].dims[axis], inputs[vector].dims[0]

    return rule


def _channels_of_convolution(place: int, filter_axis: int, layout: str) -> Rule:
    """Channels of the operand there, which are the filter's: convolutions in groups have known channels."""

    def rule(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
        axis = 1 if str(attrs.get("data_format", layout)).startswith("NC") else -1
        yield inputs[place].dims[axis], inputs[1].dims[filter_axis]

    return rule


def _depthwise(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
    yield inputs[0].dims[1 if attrs.get("data_format") == "NCHW" else -1], inputs[1].dims[2]


def _last_is(size: int, place: int = 0) -> Rule:
    def rule(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
        yield inputs[place].dims[-1], size

    return rule


def _sizes_of_parts(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
    x, sizes, axis = inputs
    if sizes.is_const and axis.is_const and all(sizes.numpy() >= 0):
        yield x.dims[int(axis.numpy())], int(sizes.numpy().sum())


def _declared_sizes(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
    shape = list_of_type(attrs, "shape", int) if attrs["shape"] else ()
    yield from ((d, s) for d, s in zip(inputs[0].dims, shape, strict=True) if s >= 0)


def _size_of_unpack(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
    yield inputs[0].dims[attribute_of_type({"axis": 0, **attrs}, "axis", int)], attribute_of_type(attrs, "num", int)


def _sizes_of_pack(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
    for dims in zip(*(x.dims for x in inputs), strict=True):
        yield from _equal(dims)


def _equal(dims: Sequence[Dim]) -> Pairs:
    """Sizes that are all the same: the unknown ones are the one that is known, if any is."""
    known = next((d for d in dims if isinstance(d, int)), None)
    if known is not None:
        yield from ((d, known) for d in dims if isinstance(d, Sym))


def _sizes_of_concatenation(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
    *parts, axis = inputs
    if not axis.is_const:
        return
    skipped = int(axis.numpy()) % parts[0].rank
    for place, dims in enumerate(zip(*(x.dims for x in parts), strict=True)):
        if place != skipped:
            yield from _equal(dims)


def _sizes_of_equation(inputs: Sequence[Value], attrs: Attrs) -> Pairs:
    terms = str(attrs["equation"]).replace(" ", "").split("->")[0].split(",")
    sizes: dict[str, list[Dim]] = {}
    for term, x in zip(terms, inputs, strict=True):
        before, _, after = term.partition("...")
        labelled = [*zip(before, x.dims, strict=False)]
        labelled += zip(reversed(after), reversed(x.dims), strict=False) if "..." in term else ()
        for label, dim in labelled:
            sizes.setdefault(label, []).append(dim)
    for dims in sizes.values():
        yield from _equal([d for d in dims if d != 1])  # 1 stands for any size


_RULES: Mapping[str, Rule] = {
    "MatMul": _product,
    "BatchMatMul": _product,
    "BatchMatMulV2": _product,
    "BatchMatMulV3": _product,
    "Einsum": _sizes_of_equation,
    "BiasAdd": _channels(1),
    "FusedBatchNorm": _channels(1, 2),
    "FusedBatchNormV2": _channels(1, 2),
    "FusedBatchNormV3": _channels(1, 2),
    "DepthwiseConv2dNative": _depthwise,
    "Conv2D": _channels_of_convolution(0, 2, "NHWC"),
    "Conv3D": _channels_of_convolution(0, 3, "NDHWC"),
    "Conv2DBackpropInput": _channels_of_convolution(2, 3, "NHWC"),
    "Conv3DBackpropInputV2": _channels_of_convolution(2, 4, "NDHWC"),
    "EnsureShape": _declared_sizes,
    "SplitV": _sizes_of_parts,
    "CropAndResize": _last_is(4, 1),
    **dict.fromkeys((f"NonMaxSuppression{v}" for v in ("", "V2", "V3", "V4", "V5")), _last_is(4)),
    **dict.fromkeys(("RGBToHSV", "HSVToRGB", "AdjustHue", "AdjustSaturation", "Cross"), _last_is(3)),
    "Unpack": _size_of_unpack,
    "Pack": _sizes_of_pack,
    "ConcatV2": _sizes_of_concatenation,
}
