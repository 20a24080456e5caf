"""Connectionist temporal classification: reading labels from scores over time."""

from __future__ import annotations

import numpy as np

from litesmith.decompositions.cumulative import cumulative
from litesmith.decompositions.gather import select
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import (
    cast,
    expand_dims,
    full,
    iota,
    single,
    size_value,
    static_int,
    transpose,
    vector_of,
)
from litesmith.frontends.tensorflow.lowering.operands import as_int32, like
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, DType, Value


@lowers("CTCGreedyDecoder", outputs=("decoded_indices", "decoded_values", "decoded_shape", "log_probability"))
def ctc_greedy_decoder(
    b: Builder, inputs: Value, sequence_length: Value, *, merge_repeated: bool = False, blank_index: int = -1
) -> tuple[Value, Value, Value, Value]:
    """The best class at each step, without blanks and, where ``merge_repeated``, without repetitions.

    inputs: [steps, rows, classes]; sequence_length: [rows]. Gives the labels as a sparse [rows, longest] (their indices
    int64[labels, 2], the labels int64[labels], the shape int64[2]) and, [rows, 1], minus the sum of the best scores.
    """
    scores = single(b, inputs)
    steps, rows, classes = scores.dims
    blank = blank_index if blank_index >= 0 else static_int(classes, "the number of classes") + blank_index
    best = transpose(b, b.arg_max(scores, np.int32(2), output_type=DType.INT32), [1, 0])
    reached = b.less(iota(b, best.dims, 1, DType.INT32, best), expand_dims(b, as_int32(b, sequence_length), 1))
    kept = b.logical_and(reached, b.not_equal(best, like(b, blank, best)))
    if merge_repeated:
        first = full(b, [rows, 1], -1, DType.INT32, best)
        before = b.concatenation(first, slice_static(b, best, [0, 0], [rows, steps - 1]), axis=1)
        kept = b.logical_and(kept, b.not_equal(best, before))
    indices, values = _labels(b, best, kept)
    return indices, values, _shape(b, kept), cast(b, _log_probability(b, scores, reached), inputs.type.dtype)


def _labels(b: Builder, best: Value, kept: Value) -> tuple[Value, Value]:
    """Row and number in it of each label that is kept, and the labels."""
    numbers = cumulative(b, cast(b, kept, DType.INT32), "sum", axis=1, exclusive=True)
    places = b.where(kept)
    rows = slice_static(b, places, [0, 0], [places.dims[0], 1])
    number = expand_dims(b, cast(b, b.gather_nd(numbers, places), DType.INT64), 1)
    return b.concatenation(rows, number, axis=1), cast(b, b.gather_nd(best, places), DType.INT64)


def _shape(b: Builder, kept: Value) -> Value:
    counts = b.sum(cast(b, kept, DType.INT32), np.array([1], np.int32))
    longest = b.maximum(b.reduce_max(counts, np.array([0], np.int32)), b.constant(np.array(0, np.int32)))
    return cast(b, vector_of(b, size_value(b, kept.dims[0], kept), longest), DType.INT64)


def _log_probability(b: Builder, scores: Value, reached: Value) -> Value:
    highest = transpose(b, b.reduce_max(scores, np.array([2], np.int32)), [1, 0])
    counted = select(b, reached, highest, like(b, 0, highest))
    return b.neg(b.sum(counted, np.array([1], np.int32), keep_dims=True))
