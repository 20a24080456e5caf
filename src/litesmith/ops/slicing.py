"""Parts of a tensor by position: SLICE, STRIDED_SLICE, DYNAMIC_UPDATE_SLICE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder, dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym, floordiv, maximum, minimum, non_negative
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Dimensions, OpDef, Trait
from litesmith.ir.types import Shape, TensorType
from litesmith.ops import gpu, intervals, micro, xnnpack
from litesmith.ops.common import (
    BOOL,
    FLOAT,
    INDEX,
    QUANTIZED,
    STRING,
    boolean,
    by_dtype,
    const_ints,
    dtypes,
    first_reason,
    int32,
    is_quantized,
    max_rank,
    operands,
    rank_at_most,
    unknown_dim,
)

# -- SLICE ------------------------------------------------------------------------------------------------------------


def _infer_slice(op: Op) -> list[TensorType]:
    x, begin, size = op["x"].type, dims_of(op["begin"]), dims_of(op["size"])
    if size is None:
        return [TensorType(x.dtype, tuple(unknown_dim() for _ in x.dims))]
    starts: Sequence[Dim | None] = begin if begin is not None else [None] * len(size)
    return [TensorType(x.dtype, tuple(map(_slice_size, x.dims, starts, size)))]


def _slice_size(dim: Dim, begin: Dim | None, size: Dim) -> Dim:
    """-1 takes the rest. Raises UnsupportedError for a part that is certainly outside."""
    if begin is None:
        return unknown_dim() if size == -1 else size
    length: Dim = dim - begin if size == -1 else size
    room = dim - begin - length
    if (isinstance(room, int) and room < 0) or (isinstance(length, int) and length < 0):
        raise UnsupportedError(
            f"a slice from {begin} of size {size} does not fit size {dim}", "slice inside", op="SLICE"
        )
    return length


def _slice(x: Array, begin: Array, size: Array) -> Array:
    places = tuple(slice(int(b), None if int(s) == -1 else int(b) + int(s)) for b, s in zip(begin, size, strict=True))
    return np.asarray(x[places])


def _simplify_slice(b: Builder, op: Op) -> Value | None:
    """A slice of everything is its operand."""
    begin, x = const_ints(op, "begin"), op["x"]
    if begin is None or any(begin) or x.type.shape is None or is_quantized(x):
        return None
    (taken,) = _infer_slice(op)
    return x if taken.shape == x.type.shape else None


def _symbolic_slice(op: Op) -> Array | None:
    x = op["x"].sym
    if x is None or not op["begin"].is_const or not op["size"].is_const:
        return None
    return _slice(x, op["begin"].numpy(), op["size"].numpy())


def _slice_version(op: Op) -> int:
    by_rank = 5 if max_rank([op["x"]]) > 4 else 1
    return max(by_rank, by_dtype(int8=2, string=3, int16=4, uint32=6)(op))


SLICE = OpDef(
    "SLICE",
    65,
    operands("x begin size", FLOAT | INDEX | QUANTIZED | BOOL | STRING | dtypes("uint32"), INDEX),
    options=("SliceOptions", 48),
    traits=Trait.MOVES_DATA,
    infer=_infer_slice,
    evaluate=_slice,
    symbolic=_symbolic_slice,
    simplify=_simplify_slice,
    check=rank_at_most(5, "x"),
    version=_slice_version,
    runtimes={1: "1.14.0", 2: "1.14.0", 3: "1.14.0", 4: "2.4.0", 5: "2.5.0", 6: "2.14.0", 7: "2.21.0", 8: "2.23.0"},
    gpu=gpu.slice_,
    micro=micro.DATA,
    xnnpack=xnnpack.SLICE,
    dimensions=Dimensions(rows=("begin", "size")),
)

# -- STRIDED_SLICE ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """What a strided slice takes of one dimension of its operand, or a new dimension it puts in.

    begin, end, stride: as given, begin and end None where masked; source: the operand's dimension (None: a new one);
    shrink: the dimension goes away.
    """

    source: int | None
    begin: Dim | None = None
    end: Dim | None = None
    stride: int = 1
    shrink: bool = False


def strided_spans(op: Op) -> list[Span] | None:
    """The operation's masks spelled out, one span for each dimension; None where begin, end or strides are unknown.

    An ``end`` is relative to ``begin`` with the ``offset`` attribute.
    """
    begin, end, strides = (dims_of(op[name]) for name in ("begin", "end", "strides"))
    if begin is None or end is None or strides is None or any(isinstance(s, Sym) for s in strides):
        return None
    if op.attrs["offset"]:
        end = tuple(b + e for b, e in zip(begin, end, strict=True))
    return _expand_masks(begin, end, [int(s) for s in strides if isinstance(s, int)], op.attrs, op["x"].rank)


def _expand_masks(
    begin: Sequence[Any], end: Sequence[Any], strides: Sequence[int], masks: dict[str, Any], rank: int
) -> list[Span]:
    ellipsis, new_axis = masks["ellipsis_mask"], masks["new_axis_mask"]
    count = len(strides)
    explicit = sum(1 for i in range(count) if not (ellipsis | new_axis) >> i & 1)
    spans: list[Span] = []
    source = 0
    for i in range(count):
        if ellipsis >> i & 1:
            spans += [Span(source + j) for j in range(rank - explicit)]
            source += rank - explicit
        elif new_axis >> i & 1:
            spans.append(Span(None))
        else:
            spans.append(_span(i, source, begin[i], end[i], strides[i], masks))
            source += 1
    if source > rank:
        raise UnsupportedError(f"{source} dimensions sliced of rank {rank}", "slice fewer", op="STRIDED_SLICE")
    return spans + [Span(j) for j in range(source, rank)]


def _span(i: int, source: int, begin: Any, end: Any, stride: int, masks: dict[str, Any]) -> Span:
    if masks["shrink_axis_mask"] >> i & 1:
        return Span(source, begin, None, 1, shrink=True)
    first = None if masks["begin_mask"] >> i & 1 else begin
    last = None if masks["end_mask"] >> i & 1 else end
    return Span(source, first, last, stride)


def _span_size(span: Span, dims: Shape) -> Dim:
    """How many elements a span takes; a fresh unknown size where the sign of a bound is not known."""
    if span.source is None:
        return 1
    size = dims[span.source]
    if span.stride == 0:
        raise UnsupportedError("a stride is 0", "use a stride other than 0", op="STRIDED_SLICE")
    first, last = span_bounds(span, size)
    if first is None or last is None:
        return unknown_dim()
    distance = last - first if span.stride > 0 else first - last
    step = abs(span.stride)
    return maximum(floordiv(distance + step - 1, step), 0)


def span_bounds(span: Span, size: Dim) -> tuple[Dim | None, Dim | None]:
    """First place and the place after the last, brought inside; None where the sign of a bound is unknown."""
    forward = span.stride > 0
    low, high = (0, size) if forward else (-1, size - 1)
    first = (low if forward else high) if span.begin is None else _clamp(span.begin, size, low, high)
    last = (high if forward else low) if span.end is None else _clamp(span.end, size, low, high)
    return first, last


def _clamp(place: Dim, size: Dim, low: Dim, high: Dim) -> Dim | None:
    """A position counted from the end when negative, brought into the bounds; None where its sign is unknown."""
    if non_negative(place):
        found = place
    elif non_negative(-1 - place):
        found = place + size
    else:
        return None
    return minimum(maximum(found, low), high)


def _infer_strided_slice(op: Op) -> list[TensorType]:
    x = op["x"].type
    spans = strided_spans(op)
    if spans is None:
        return [TensorType(x.dtype, _shape_of_unknown_spans(op))]
    for span in spans:
        _require_inside(span, x.dims)
    return [TensorType(x.dtype, tuple(_span_size(s, x.dims) for s in spans if not s.shrink))]


def _require_inside(span: Span, dims: Shape) -> None:
    """An index that takes a dimension away must be inside it."""
    if not span.shrink or span.source is None:
        return
    size, place = dims[span.source], span.begin
    if isinstance(size, int) and isinstance(place, int) and not -size <= place < size:
        raise UnsupportedError(
            f"index {place} is out of range for size {size}", "use an index in range", op="STRIDED_SLICE"
        )


def _shape_of_unknown_spans(op: Op) -> Shape | None:
    length = op["begin"].dims[0]
    if isinstance(length, Sym):
        return None
    zeros = [0] * length
    spans = _expand_masks(zeros, zeros, [1] * length, op.attrs, op["x"].rank)
    whole = op["x"].dims
    return tuple(
        1 if s.source is None else whole[s.source] if s == Span(s.source) else unknown_dim()
        for s in spans
        if not s.shrink
    )


def _strided_slice(x: Array, begin: Array, end: Array, strides: Array, *, offset: bool, **masks: Any) -> Array:
    last = begin + end if offset else end
    spans = _expand_masks([int(b) for b in begin], [int(e) for e in last], [int(s) for s in strides], masks, x.ndim)
    return np.asarray(x[tuple(map(_index, spans))])


def _index(span: Span) -> Any:
    if span.source is None:
        return None
    return span.begin if span.shrink else slice(span.begin, span.end, span.stride)


def _strided_slice_is_defined(op: Op) -> bool:
    return 0 not in (const_ints(op, "strides") or ())


def _symbolic_strided_slice(op: Op) -> Array | None:
    x = op["x"].sym
    if x is None or not all(op[name].is_const for name in ("begin", "end", "strides")):
        return None
    elements = _strided_slice(x, op["begin"].numpy(), op["end"].numpy(), op["strides"].numpy(), **op.attrs)
    return np.asarray(elements, dtype=object)


def _simplify_strided_slice(b: Builder, op: Op) -> Value | None:
    """A slice of everything, forward, is its operand; an end of 0 is said in a way all kernels understand."""
    x = op["x"]
    spans = strided_spans(op) if x.type.shape is not None else None
    if spans is None:
        return None
    if not is_quantized(x) and all(_takes_all(s, x.dims) for s in spans):
        return x
    return _with_empty_ends(b, op) if any(map(_ends_at_zero, spans)) else None


def _ends_at_zero(span: Span) -> bool:
    """XNNPACK takes a given end of 0 for the end of the dimension, so such a slice would not be empty."""
    return span.source is not None and not span.shrink and span.stride > 0 and span.end == 0


def _with_empty_ends(b: Builder, op: Op) -> Value | None:
    """Ends of 0 as the lowest number, which is before the first element too."""
    if not op["end"].is_const or op.attrs["offset"]:
        return None
    ends, strides, masked = op["end"].numpy(), op["strides"].numpy(), op.attrs["end_mask"]
    lowest = np.iinfo(np.int32).min
    adjusted = [
        lowest if e == 0 and s > 0 and not masked >> i & 1 else e
        for i, (e, s) in enumerate(zip(ends, strides, strict=True))
    ]
    if adjusted == list(ends):
        return None
    return b.emit(op.defn, [op["x"], op["begin"], np.array(adjusted, np.int32), op["strides"]], **op.attrs)[0]


def _end_of_zero(op: Op) -> str | None:
    constant = op["begin"].is_const and op["end"].is_const and not op.attrs["offset"]
    spans = strided_spans(op) if constant and op["x"].type.shape is not None else None
    return "XNNPACK takes an end of 0 for the end of the dimension" if any(map(_ends_at_zero, spans or ())) else None


def _takes_all(span: Span, dims: Shape) -> bool:
    if span.source is None or span.shrink or span.stride != 1:
        return False
    first, last = span_bounds(span, dims[span.source])
    return first == 0 and last == dims[span.source]


def _strided_slice_version(op: Op) -> int:
    masks = op.attrs["ellipsis_mask"] or op.attrs["new_axis_mask"]
    by_rank = 4 if max_rank([op["x"]]) > 4 else 1
    by_masks = 8 if op.attrs["offset"] else 6 if masks else 1
    return max(by_rank, by_masks, by_dtype(int8=2, bool=3, string=5, uint32=7)(op))


def _shrink_strides(op: Op) -> str | None:
    """The kernel takes a dimension away only with a positive stride."""
    strides = const_ints(op, "strides")
    shrink = op.attrs["shrink_axis_mask"]
    backward = strides is not None and any(s < 0 and shrink >> i & 1 for i, s in enumerate(strides))
    return "a dimension taken away by shrink_axis_mask has a negative stride" if backward else None


def _plain_offset(op: Op) -> str | None:
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask")
    mixed = op.attrs["offset"] and any(op.attrs[mask] for mask in masks)
    return "offset is taken with no other mask than shrink_axis_mask" if mixed else None


def _result_rank(op: Op) -> str | None:
    """New dimensions count before others are taken away."""
    if not op.attrs["new_axis_mask"] or op["begin"].type.shape is None or isinstance(op["begin"].dims[0], Sym):
        return None
    count = range(op["begin"].dims[0])
    added = sum(1 for i in count if op.attrs["new_axis_mask"] >> i & 1 and not op.attrs["ellipsis_mask"] >> i & 1)
    rank = max_rank([op["x"]]) + added
    return f"rank {rank} with the new dimensions is above 5, the highest the kernel takes" if rank > 5 else None


def _is_plain(op: Op) -> bool:
    """Whether the slice keeps every dimension and names each."""
    masks = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return not any(op.attrs[m] for m in masks) and op["begin"].dims == (op["x"].rank,)


STRIDED_SLICE = OpDef(
    "STRIDED_SLICE",
    45,
    operands("x begin end strides", FLOAT | INDEX | QUANTIZED | BOOL | STRING | dtypes("uint32"), dtypes("int32")),
    attrs={
        "begin_mask": int32(),
        "end_mask": int32(),
        "ellipsis_mask": int32(),
        "new_axis_mask": int32(),
        "shrink_axis_mask": int32(),
        "offset": boolean(),
    },
    options=("StridedSliceOptions", 32),
    traits=Trait.MOVES_DATA,
    infer=_infer_strided_slice,
    evaluate=_strided_slice,
    foldable=_strided_slice_is_defined,
    symbolic=_symbolic_strided_slice,
    simplify=_simplify_strided_slice,
    check=first_reason(rank_at_most(5, "x"), _shrink_strides, _result_rank, _plain_offset, _end_of_zero),
    version=_strided_slice_version,
    runtimes={
        1: "1.6.0",
        2: "1.14.0",
        3: "2.1.0",
        4: "2.2.0",
        5: "2.5.0",
        6: "2.6.0",
        7: "2.14.0",
        8: "2.14.0",
    },
    gpu=gpu.strided_slice,
    micro=micro.SLICES,
    xnnpack=xnnpack.strided_slice,
    dimensions=Dimensions(rows=("begin", "end", "strides"), masks=("begin_mask", "end_mask"), applies=_is_plain),
)

# -- DYNAMIC_UPDATE_SLICE ---------------------------------------------------------------------------------------------


def _infer_update(op: Op) -> list[TensorType]:
    x, update = op["x"].type, op["update"].type
    if x.dtype is not update.dtype or x.rank != update.rank:
        reason = f"the update {update} does not fit the operand {x}"
        raise UnsupportedError(reason, "give both the same element type and rank", op=op.name)
    for size, part in zip(x.dims, update.dims, strict=True):
        if isinstance(size, int) and isinstance(part, int) and part > size:
            raise UnsupportedError(f"the update {update} is larger than {x}", "update a part", op=op.name)
    return [TensorType(x.dtype, x.shape)]


def _update(x: Array, update: Array, start: Array) -> Array:
    """The start is moved so that the update fits."""
    result = np.array(x)
    starts = [min(max(int(s), 0), n - u) for s, n, u in zip(start, x.shape, update.shape, strict=True)]
    result[tuple(slice(s, s + u) for s, u in zip(starts, update.shape, strict=True))] = update
    return result


_UPDATED = FLOAT | INDEX | QUANTIZED | BOOL | dtypes("float16")

DYNAMIC_UPDATE_SLICE = OpDef(
    "DYNAMIC_UPDATE_SLICE",
    151,
    operands("x update start", _UPDATED, _UPDATED, INDEX),
    options=("DynamicUpdateSliceOptions", 117),
    infer=_infer_update,
    evaluate=_update,
    check=rank_at_most(8, "x"),
    version=lambda op: max(by_dtype(float16=3, int16=4)(op), by_dtype(2, int64=2)(op)),
    runtimes={1: "2.9.0", 2: "2.17.0", 3: "2.19.0", 4: "2.20.0", 5: "2.21.0", 6: "2.22.0"},
    micro=micro.always,
    gpu=gpu.update_slice,
    interval=intervals.either(0, 1),
)

DEFINITIONS = (SLICE, STRIDED_SLICE, DYNAMIC_UPDATE_SLICE)
