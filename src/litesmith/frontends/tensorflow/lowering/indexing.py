"""Reading and writing by index, searching, sorting, sums by segment.

An index out of range is an error in TensorFlow on a CPU and in LiteRT alike, where not said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litesmith.decompositions import scatter
from litesmith.decompositions.gather import select
from litesmith.decompositions.integers import floor_div
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import cast, dim_value, expand_dims, full, iota, reshape, shape_vector, vector_of
from litesmith.decompositions.sort import sort, topk
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.attributes import Attribute
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_floats, const_ints, like
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, DType, Value
from litesmith.ir.budget import require_room
from litesmith.ir.constant import Array
from litesmith.ir.dims import product

# -- gathers ----------------------------------------------------------------------------------------------------------


@lowers("Gather")
def gather(b: Builder, params: Value, indices: Value, *, validate_indices: bool = True) -> Value:
    return b.gather(params, indices, axis=0, batch_dims=0)


@lowers("GatherV2")
def gather_v2(b: Builder, params: Value, indices: Value, axis: Value, *, batch_dims: int = 0) -> Value:
    (number,) = const_ints(axis, "the axis")
    batch = batch_dims + indices.rank if batch_dims < 0 else batch_dims
    return b.gather(params, indices, axis=number % max(params.rank, 1), batch_dims=batch)


@lowers("GatherNd")
def gather_nd(b: Builder, params: Value, indices: Value, *, bad_indices_policy: str = "") -> Value:
    """GATHER_ND; an empty index vector takes the whole tensor each time."""
    if indices.dims[-1] == 0:
        whole = reshape(b, params, [*[1] * (indices.rank - 1), *params.dims])
        return b.broadcast_to(whole, shape_vector(b, [*indices.dims[:-1], *params.dims], indices, params))
    return b.gather_nd(params, indices)


@lowers("OneHot")
def one_hot(b: Builder, indices: Value, depth: Value, on_value: Value, off_value: Value, *, axis: int = -1) -> Value:
    return b.one_hot(indices, depth, on_value, off_value, axis=axis)


# -- scatters ---------------------------------------------------------------------------------------------------------


@lowers("ScatterNd")
def scatter_nd(b: Builder, indices: Value, updates: Value, shape: Value, *, bad_indices_policy: str = "") -> Value:
    return b.scatter_nd(as_int32(b, indices), updates, as_int32(b, shape))


def scatter_lowering(combine: str) -> Callable[..., Value]:
    """The lowering that combines rows of updates into a tensor."""

    def function(b: Builder, tensor: Value, indices: Value, updates: Value, *, bad_indices_policy: str = "") -> Value:
        return scatter.scatter_nd(b, tensor, as_int32(b, indices), updates, combine)

    return function


@lowers("TensorScatterSub")
def tensor_scatter_sub(
    b: Builder, tensor: Value, indices: Value, updates: Value, *, bad_indices_policy: str = ""
) -> Value:
    total = b.scatter_nd(as_int32(b, indices), updates, shape_vector(b, tensor.dims, tensor))
    return b.sub(tensor, total)


SCATTERS = (
    lowers("TensorScatterUpdate")(scatter_lowering("set")),
    lowers("TensorScatterAdd", "ScatterNdNonAliasingAdd")(scatter_lowering("add")),
    lowers("TensorScatterMax")(scatter_lowering("max")),
    lowers("TensorScatterMin")(scatter_lowering("min")),
)


@lowers("SparseToDense")
def sparse_to_dense(
    b: Builder,
    sparse_indices: Value,
    output_shape: Value,
    sparse_values: Value,
    default_value: Value,
    *,
    validate_indices: bool = True,
) -> Value:
    return b.sparse_to_dense(sparse_indices, output_shape, sparse_values, default_value)


@lowers("DynamicStitch", "ParallelDynamicStitch")
def dynamic_stitch(b: Builder, operands: list[Value]) -> Value:
    """Row ``data[k][i]`` at place ``indices[k][i]``: a gather where the places are known, else a scatter."""
    indices, data = operands[: len(operands) // 2], operands[len(operands) // 2 :]
    element = data[0].dims[indices[0].rank :]
    rows = [reshape(b, d, [product(i.dims), *element], i, d) for i, d in zip(indices, data, strict=True)]
    joined = rows[0] if len(rows) == 1 else b.concatenation(*rows, axis=0)
    if all(i.is_const for i in indices):
        places = np.concatenate([i.numpy().ravel() for i in indices])
        last = {int(place): row for row, place in enumerate(places)}
        missing = set(range(len(last))) - last.keys()
        if not missing:
            return b.gather(joined, np.array([last[n] for n in range(len(last))], np.int32), axis=0)
    flat = [reshape(b, as_int32(b, i), [product(i.dims)], i) for i in indices]
    places_ = flat[0] if len(flat) == 1 else b.concatenation(*flat, axis=0)
    count = b.add(b.reduce_max(places_, [0], keep_dims=True), b.constant(np.ones(1, np.int32)))
    shape = count if not element else b.concatenation(count, shape_vector(b, element, data[0]), axis=0)
    empty = b.fill(shape, b.constant(np.zeros((), data[0].type.dtype.numpy)))
    return scatter.scatter_nd(b, empty, expand_dims(b, places_, 1), joined, "set")


@lowers("DynamicPartition", outputs=("outputs",))
def dynamic_partition(b: Builder, data: Value, partitions: Value, *, num_partitions: int) -> list[Value]:
    """The rows of each partition, in order."""
    made = []
    for number in range(num_partitions):
        places = b.where(b.equal(partitions, like(b, number, partitions)))
        made.append(b.gather_nd(data, places))
    return made


# -- by segment -------------------------------------------------------------------------------------------------------

_KERNEL_SEGMENTS = (DType.FLOAT32, DType.INT32)
_NEUTRAL = {"sum": 0, "prod": 1}


def _extreme(kind: str, dtype: DType) -> float:
    """What TensorFlow has in a segment without elements."""
    if kind in _NEUTRAL:
        return _NEUTRAL[kind]
    import ml_dtypes

    finfo: Any = ml_dtypes.finfo  # untyped
    limits = finfo(dtype.numpy) if dtype.is_float else np.iinfo(dtype.numpy)
    return limits.min if kind == "max" else limits.max


def _unsorted_lowering(kind: str) -> Callable[..., Value]:
    def function(b: Builder, data: Value, segment_ids: Value, num_segments: Value) -> Value:
        return unsorted_segment(b, kind, data, segment_ids, num_segments)

    return function


def unsorted_segment(b: Builder, kind: str, data: Value, segment_ids: Value, num_segments: Value) -> Value:
    """Elements of each segment joined; those with a negative number belong to none.

    The kernels take float32 and int32; other integers are scattered, half floats computed in float32.
    """
    count, ids = as_int32(b, num_segments), as_int32(b, segment_ids)
    dtype = data.type.dtype
    if dtype in _KERNEL_SEGMENTS:
        return b.apply(f"unsorted_segment_{kind}", data, ids, count)
    if dtype in (DType.FLOAT16, DType.BFLOAT16):
        made = b.apply(f"unsorted_segment_{kind}", cast(b, data, DType.FLOAT32), ids, count)
        limit = b.constant(np.array(_extreme(kind, dtype), np.float32))
        if kind in ("max", "min"):
            made = b.maximum(made, limit) if kind == "max" else b.minimum(made, limit)
        return cast(b, made, dtype)
    return _scattered_segments(b, kind, data, ids, count)


def _scattered_segments(b: Builder, kind: str, data: Value, ids: Value, count: Value) -> Value:
    """By a scatter into one segment more, which takes what belongs to none."""
    spare = b.select_v2(b.less(ids, like(b, 0, ids)), count, ids)
    element = list(data.dims[ids.rank :])
    wider = reshape(b, b.add(count, like(b, 1, count)), [1])
    shape = b.concatenation(wider, shape_vector(b, element, data), axis=0) if element else wider
    neutral = b.fill(shape, like(b, _extreme(kind, data.type.dtype), data))
    combine = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}[kind]
    made = scatter.scatter_nd(b, neutral, expand_dims(b, spare, ids.rank), data, combine)
    sizes = b.sub(b.shape(made, out_type=DType.INT32), np.eye(1, made.rank, dtype=np.int32)[0])
    return b.slice(made, np.zeros(made.rank, np.int32), sizes)


UNSORTED = tuple(
    lowers(f"UnsortedSegment{kind.title()}")(_unsorted_lowering(kind)) for kind in ("sum", "prod", "max", "min")
)


def _last_segment(b: Builder, segment_ids: Value) -> Value:
    """How many segments sorted numbers say there are."""
    last = b.reduce_max(as_int32(b, segment_ids), [0], keep_dims=False)
    made: Value = b.add(last, b.constant(np.array(1, np.int32)))
    some = isinstance(segment_ids.dims[0], int) and segment_ids.dims[0] > 0
    return made if some else b.maximum(made, b.constant(np.array(0, np.int32)))


def _segment(kind: str) -> Callable[..., Value]:
    def function(b: Builder, data: Value, segment_ids: Value) -> Value:
        """Over sorted numbers. A segment without elements holds 1 (prod) or 0."""
        number = _last_segment(b, segment_ids)
        made = unsorted_segment(b, kind, data, segment_ids, number)
        return made if kind in _NEUTRAL else _zero_empty_segments(b, made, segment_ids, number)

    return function


def _counts(b: Builder, segment_ids: Value, num_segments: Value, dtype: DType) -> Value:
    ones = full(b, segment_ids.dims, 1, dtype, segment_ids)
    return b.unsorted_segment_sum(ones, as_int32(b, segment_ids), as_int32(b, num_segments))


def _zero_empty_segments(b: Builder, made: Value, segment_ids: Value, num_segments: Value) -> Value:
    """The result, but 0 in segments without elements."""
    counts = _counts(b, segment_ids, num_segments, DType.INT32)
    filled = b.greater(counts, b.constant(np.array(0, np.int32)))
    rows = reshape(b, filled, [filled.dims[0], *[1] * (made.rank - 1)])
    return select(b, rows, made, like(b, 0, made))


@lowers("SegmentSum")
def segment_sum(b: Builder, data: Value, segment_ids: Value) -> Value:
    """SEGMENT_SUM where the numbers are known to leave no segment out, which its kernel refuses."""
    floats = (DType.FLOAT16, DType.BFLOAT16)
    if data.type.dtype in (*_KERNEL_SEGMENTS, *floats) and segment_ids.is_const and _leaves_none_out(segment_ids):
        return b.segment_sum(data, as_int32(b, segment_ids))
    return unsorted_segment(b, "sum", data, segment_ids, _last_segment(b, segment_ids))


def _leaves_none_out(ids: Value) -> bool:
    numbers = ids.numpy()
    return bool(np.all(np.isin(np.diff(numbers, prepend=-1), (0, 1)))) and not (numbers.size and numbers[0])


@lowers("SegmentMean")
def segment_mean(b: Builder, data: Value, segment_ids: Value) -> Value:
    """Sum by count, which counts as at least 1 so that segments without elements hold 0."""
    number = _last_segment(b, segment_ids)
    total = unsorted_segment(b, "sum", data, segment_ids, number)
    counts = _counts(b, segment_ids, number, DType.FLOAT32)
    counts = reshape(b, counts, [counts.dims[0], *[1] * (data.rank - 1)])
    return b.div(total, cast(b, b.maximum(counts, np.float32(1)), data.type.dtype))


SEGMENTS = tuple(lowers(f"Segment{kind.title()}")(_segment(kind)) for kind in ("prod", "max", "min"))


def _sparse_segment(kind: str) -> Callable[..., Value]:
    def function(b: Builder, data: Value, indices: Value, rest: list[Value]) -> Value:
        """Rows of ``data`` gathered, and joined over sorted numbers: their sum, mean, or sum by the root of the count."""
        segment_ids = rest[0]
        number = as_int32(b, rest[1]) if len(rest) > 1 else _last_segment(b, segment_ids)
        total = unsorted_segment(b, "sum", b.gather(data, indices, axis=0), segment_ids, number)
        if kind == "sum":
            return total
        counts = b.maximum(_counts(b, segment_ids, number, DType.FLOAT32), np.float32(1))
        counts = reshape(b, counts, [counts.dims[0], *[1] * (data.rank - 1)])
        return b.div(total, cast(b, b.sqrt(counts) if kind == "sqrt" else counts, data.type.dtype))

    return function


SPARSE_SEGMENTS = tuple(
    lowers(f"SparseSegment{name}", f"SparseSegment{name}WithNumSegments")(_sparse_segment(kind))
    for name, kind in (("Sum", "sum"), ("Mean", "mean"), ("SqrtN", "sqrt"))
)

# -- searching --------------------------------------------------------------------------------------------------------


@lowers("TopKV2", outputs=("values", "indices"))
def top_k(
    b: Builder, input: Value, k: Value, *, sorted: bool = True, index_type: DType = DType.INT32
) -> tuple[Value, Value]:
    """TOPK_V2, which always sorts; where NaN lies among the elements is the kernel's choice."""
    values, places = b.topk_v2(input, as_int32(b, k))
    return values, cast(b, places, index_type)


@lowers("TopK", outputs=("values", "indices"))
def top_k_of_attribute(b: Builder, input: Value, *, k: int, sorted: bool = True) -> tuple[Value, Value]:
    return b.topk_v2(input, b.constant(np.array(k, np.int32)))


@lowers("ApproxTopK", outputs=("values", "indices"))
def approximate_top_k(
    b: Builder, input: Value, *, k: int, reduction_dimension: int = -1, is_max_k: bool = True, **speed: Attribute
) -> tuple[Value, Value]:
    """The exact ones, whatever the recall that is asked for."""
    return topk(b, input, k, reduction_dimension, is_max_k)


@lowers("NthElement")
def nth_element(b: Builder, input: Value, n: Value, *, reverse: bool = False) -> Value:
    """The n-th smallest (or largest) element of each row."""
    (number,) = const_ints(n, "n")
    if not isinstance(input.dims[-1], int):
        (ordered,) = sort(b, [input], descending=reverse)
    else:
        ordered, _ = topk(b, input, number + 1, largest=reverse)
    starts = [0] * (input.rank - 1) + [number]
    return reshape(b, slice_static(b, ordered, starts, [*input.dims[:-1], number + 1]), input.dims[:-1])


@lowers("Where")
def where(b: Builder, input: Value) -> Value:
    return b.where(input)


@lowers("Unique", outputs=("y", "idx"))
def unique(b: Builder, x: Value, *, out_idx: DType = DType.INT32) -> tuple[Value, Value]:
    return b.unique(x, idx_out_type=out_idx)


@lowers("UniqueV2", outputs=("y", "idx"))
def unique_v2(b: Builder, x: Value, axis: Value, *, out_idx: DType = DType.INT32) -> tuple[Value, Value]:
    _require_vector(x, axis)
    return b.unique(x, idx_out_type=out_idx)


def _require_vector(x: Value, axis: Value | None) -> None:
    if x.rank != 1 or (axis is not None and axis.dims[0] not in (0, 1)):
        raise UnsupportedError(f"unique rows of {x.type}", "give it a vector")


@lowers("UniqueWithCounts", outputs=("y", "idx", "count"))
def unique_with_counts(b: Builder, x: Value, *, out_idx: DType = DType.INT32) -> tuple[Value, Value, Value]:
    return _with_counts(b, x, out_idx)


@lowers("UniqueWithCountsV2", outputs=("y", "idx", "count"))
def unique_with_counts_v2(
    b: Builder, x: Value, axis: Value, *, out_idx: DType = DType.INT32
) -> tuple[Value, Value, Value]:
    _require_vector(x, axis)
    return _with_counts(b, x, out_idx)


def _with_counts(b: Builder, x: Value, out_idx: DType) -> tuple[Value, Value, Value]:
    values, places = b.unique(x, idx_out_type=DType.INT32)
    counts = _counts(b, places, dim_value(b, values, 0), DType.INT32)
    return values, cast(b, places, out_idx), cast(b, counts, out_idx)


@lowers("ListDiff", outputs=("out", "idx"))
def list_diff(b: Builder, x: Value, y: Value, *, out_idx: DType = DType.INT32) -> tuple[Value, Value]:
    """Elements of ``x`` that are not in ``y``, and their places."""
    known = b.reduce_any(b.equal(expand_dims(b, x, 1), expand_dims(b, y, 0)), [1])
    places = b.where(b.logical_not(known))
    flat = reshape(b, places, [places.dims[0]])
    return b.gather(x, flat, axis=0), cast(b, flat, out_idx)


@lowers("InTopKV2")
def in_top_k_v2(b: Builder, predictions: Value, targets: Value, k: Value) -> Value:
    """Whether fewer than k predictions are above the target's; never where one of the row is not finite."""
    n, classes = predictions.dims
    numbers = iota(b, [1, classes], 1, DType.INT32, predictions)
    column = reshape(b, as_int32(b, targets), [n, 1])
    hit = b.equal(numbers, column)
    zero = b.constant(np.zeros((), np.float32))
    own = b.sum(b.select_v2(hit, predictions, zero), [1], keep_dims=True)
    above = b.sum(cast(b, b.greater(predictions, own), DType.INT32), [1])
    finite = b.reduce_all(b.less(b.abs(predictions), np.float32(np.inf)), [1])
    inside = b.reduce_any(hit, [1])
    return b.logical_and(b.logical_and(finite, inside), b.less(above, as_int32(b, k)))


@lowers("InTopK")
def in_top_k(b: Builder, predictions: Value, targets: Value, *, k: int) -> Value:
    return in_top_k_v2(b, predictions, targets, b.constant(np.array(k, np.int32)))


# -- counting and bins ------------------------------------------------------------------------------------------------


@lowers("Bincount")
def bincount(b: Builder, arr: Value, size: Value, weights: Value) -> Value:
    """Over all elements, whatever the rank."""
    flat = [v if v.rank == 1 else reshape(b, v, [product(v.dims)], v) for v in (arr, weights)]
    return _bincount(b, flat[0], size, flat[1], False)


@lowers("DenseBincount")
def dense_bincount(b: Builder, input: Value, size: Value, weights: Value, *, binary_output: bool = False) -> Value:
    return _bincount(b, input, size, weights, binary_output)


def _bincount(b: Builder, x: Value, size: Value, weights: Value, binary: bool) -> Value:
    """How often (or with what total weight) each number below ``size`` occurs, in each row of a matrix.

    x: [N], [rows, N] or one number. Numbers from ``size`` on are not counted, as in TensorFlow; a negative one is an
    error there, undefined here.
    """
    if x.rank == 0:
        x, weights = expand_dims(b, x, 0), weights if weights.rank else expand_dims(b, weights, 0)
    dtype = weights.type.dtype
    limit = as_int32(b, size)
    inside = b.minimum(as_int32(b, x), limit)
    has_weights = weights.type.shape is not None and weights.dims != (0,) and weights.rank == x.rank
    amounts = weights if has_weights and not binary else full(b, x.dims, 1, dtype, x)
    bins = b.add(limit, b.constant(np.array(1, np.int32)))
    if x.rank == 2:
        rows = iota(b, x.dims, 0, DType.INT32, x)
        places = b.concatenation(expand_dims(b, rows, 2), expand_dims(b, inside, 2), axis=2)
        shape = vector_of(b, dim_value(b, x, 0), reshape(b, bins, ()))
    else:
        places, shape = expand_dims(b, inside, x.rank), reshape(b, bins, [1])
    counts = b.scatter_nd(places, amounts, shape)
    last = counts.rank - 1
    kept = b.slice(counts, np.zeros(counts.rank, np.int32), _rows_and(b, x, limit) if last else reshape(b, limit, [1]))
    if not binary:
        return kept
    return cast(b, b.greater(kept, like(b, 0, kept)), dtype)


def _rows_and(b: Builder, x: Value, limit: Value) -> Value:
    return vector_of(b, dim_value(b, x, 0), reshape(b, limit, ()))


@lowers("Bucketize")
def bucketize(b: Builder, input: Value, *, boundaries: list[float]) -> Value:
    return b.bucketize(input, boundaries=tuple(boundaries))


def _search_lowering(upper: bool) -> Callable[..., Value]:
    def function(b: Builder, sorted_inputs: Value, values: Value, *, out_type: DType = DType.INT32) -> Value:
        """How many of the row's sorted numbers lie below (upper: at or below) each value."""
        compare = b.less_equal if upper else b.less
        below = compare(expand_dims(b, sorted_inputs, 1), expand_dims(b, values, 2))
        return b.sum(cast(b, below, out_type), [2])

    return function


SEARCHES = (lowers("LowerBound")(_search_lowering(False)), lowers("UpperBound")(_search_lowering(True)))


@lowers("HistogramFixedWidth")
def histogram_fixed_width(
    b: Builder, values: Value, value_range: Value, nbins: Value, *, dtype: DType = DType.INT32
) -> Value:
    """Counts in bins of equal width, what lies outside in the first and last bin.

    TensorFlow computes the bin in float64. The boundaries are found with its own formula while converting, so that a
    comparison in float32 gives the same bins.
    """
    low, high = const_floats(value_range, "the range")
    (count,) = const_ints(nbins, "the number of bins")
    if not (low < high and count > 0 and np.isfinite([low, high]).all()):
        raise UnsupportedError(
            f"it has {count} bins from {low} to {high}", "give a range that grows and at least one bin"
        )
    flat = reshape(b, values, [product(values.dims)])
    bins = b.bucketize(flat, boundaries=tuple(_bin_starts(low, high, count)))
    ones = full(b, flat.dims, 1, dtype, flat)
    return b.scatter_nd(expand_dims(b, bins, 1), ones, np.array([count], np.int32))


def _bin_starts(low: float, high: float, count: int) -> list[float]:
    """The least float32 number in each bin but the first, found by bisection among all float32 numbers."""
    require_room(8 * count, "the boundaries of the bins")
    step = (high - low) / count
    numbers = np.arange(1, count)
    below = np.full(count - 1, _place_among_floats(np.float32(low)), np.int64)
    start = np.full(count - 1, _place_among_floats(np.float32(high)) + 2, np.int64)
    while np.any(start - below > 1):
        middle = (below + start) // 2
        inside = ((_at_place(middle).astype(np.float64) - low) / step).astype(np.int64) >= numbers
        below, start = np.where(inside, below, middle), np.where(inside, middle, start)
    return [float(x) for x in _at_place(start)]


def _place_among_floats(x: np.float32) -> int:
    """The place of a number among all float32 numbers in order; 0 is at 0."""
    bits = int(x.view(np.int32))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


def _at_place(places: Array) -> Array:
    """The float32 numbers at these places."""
    magnitudes = np.abs(places).astype(np.int32).view(np.float32)
    return np.asarray(np.where(places < 0, -magnitudes, magnitudes))


@lowers("UnravelIndex")
def unravel_index(b: Builder, indices: Value, dims: Value) -> Value:
    """The coordinates of flat places, a row for each dimension."""
    sizes = const_ints(dims, "the sizes")
    rows, rest = [], indices
    for size in reversed(sizes):
        rows.append(b.floor_mod(rest, like(b, size, rest)))
        rest = floor_div(b, b.sub(rest, rows[-1]), like(b, size, rest))
    return b.pack(*reversed(rows), axis=0)
