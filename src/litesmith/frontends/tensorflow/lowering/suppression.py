"""Suppression of overlapping boxes over several classes and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.indexing import clamp
from litesmith.decompositions.padding import pad
from litesmith.decompositions.rnn import row_at, set_row
from litesmith.decompositions.shapes import cast, full, iota, reshape, size_value, static_int, transpose
from litesmith.frontends.tensorflow.importer import Context
from litesmith.frontends.tensorflow.lowering.control import loop, tensor_of
from litesmith.frontends.tensorflow.lowering.operands import const_ints, like
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Dim, DType, Value

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.resources import Item

_NONE = -np.inf
"""The score of a place that no box takes."""


@lowers(
    "CombinedNonMaxSuppression",
    outputs=("nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"),
)
def combined_non_max_suppression(
    context: Context,
    boxes: Value,
    scores: Value,
    max_output_size_per_class: Value,
    max_total_size: Value,
    iou_threshold: Value,
    score_threshold: Value,
    *,
    pad_per_class: bool = False,
    clip_boxes: bool = True,
) -> tuple[Value, Value, Value, Value]:
    """The best boxes of each image: NON_MAX_SUPPRESSION_V4 on each class of each image in a loop, then the best of all.

    boxes: [images, boxes, 1 or classes, 4]; scores: [images, boxes, classes]. Gives [images, n, 4], [images, n] twice
    and int32[images], zeros where there are fewer than n.
    """
    b = context.b
    (each,) = const_ints(max_output_size_per_class, "the number of boxes of a class")
    (total,) = const_ints(max_total_size, "the number of boxes of an image")
    images, _, classes = scores.dims
    count = static_int(classes, "suppression over classes")
    kept, chosen = _of_each_class(context, boxes, scores, each, iou_threshold, score_threshold)
    kept = reshape(b, kept, [images, count * each], scores)
    chosen = reshape(b, chosen, [images, count * each, 4], scores)
    best, places = b.topk_v2(kept, np.array(min(total, count * each), np.int32))
    is_taken = b.greater(best, like(b, _NONE, best))
    corners = b.gather(chosen, places, axis=1, batch_dims=1)
    corners = clamp(b, corners, like(b, 0, corners), like(b, 1, corners)) if clip_boxes else corners
    numbers = cast(b, b.floor_div(places, like(b, each, places)), DType.FLOAT32)
    width = min(total, count * each) if pad_per_class else total
    results = [_pad_results(b, v, is_taken, width) for v in (corners, best, numbers)]
    found = b.sum(cast(b, is_taken, DType.INT32), np.array([1], np.int32))
    return results[0], results[1], results[2], found


def _of_each_class(
    context: Context, boxes: Value, scores: Value, each: int, overlap: Value, least: Value
) -> tuple[Value, Value]:
    """Scores [images * classes, each] and boxes [images * classes, each, 4] of what is chosen in each class."""
    b = context.b
    images, number, classes = scores.dims
    count = static_int(classes, "suppression over classes")
    rows = images * count
    is_shared = boxes.dims[2] == 1
    by_class = reshape(b, transpose(b, scores, [0, 2, 1]), [rows, number], scores)
    where = reshape(b, transpose(b, boxes, [0, 2, 1, 3]), [images if is_shared else rows, number, 4], boxes)
    start = [
        b.constant(np.array(0, np.int32)),
        size_value(b, rows, scores),
        full(b, [rows, each], _NONE, DType.FLOAT32, scores),
        full(b, [rows, each, 4], 0, DType.FLOAT32, scores),
        by_class,
        where,
        overlap,
        least,
    ]

    def goes_on(inner: Context, items: Sequence[Item]) -> Sequence[Item]:
        index, end, *_ = map(tensor_of, items)
        return [inner.b.less(index, end)]

    def step(inner: Context, items: Sequence[Item]) -> Sequence[Item]:
        index, end, kept, chosen, *given = map(tensor_of, items)
        own = inner.b.floor_div(index, like(inner.b, count, index)) if is_shared else index
        ratings, corners = row_at(inner.b, given[0], index), row_at(inner.b, given[1], own)
        score, corners = _suppress_class(inner.b, ratings, corners, each, *given[2:])
        following = inner.b.add(index, like(inner.b, 1, index))
        return [following, end, set_row(inner.b, kept, score, index), set_row(inner.b, chosen, corners, index), *given]

    finished = loop(context, goes_on, step, start, [False, True, False, False, True, True, True, True])
    return tensor_of(finished[2]), tensor_of(finished[3])


def _suppress_class(b: Builder, scores: Value, boxes: Value, each: int, overlap: Value, least: Value) -> tuple[Value, Value]:
    """Scores [each] and boxes [each, 4] of one class; places without a box have the lowest score."""
    limit = b.constant(np.array(each, np.int32))
    places, count = b.non_max_suppression_v4(boxes, scores, limit, overlap, least)
    is_taken = b.less(iota(b, [each], 0, DType.INT32), count)
    found = b.gather(scores, places, axis=0)
    return select(b, is_taken, found, like(b, _NONE, found)), b.gather(boxes, places, axis=0)


def _pad_results(b: Builder, values: Value, is_taken: Value, width: int) -> Value:
    """Zeros for what no box takes, and up to ``width`` places for each image."""
    dims: list[Dim] = [*is_taken.dims, *[1] * (values.rank - is_taken.rank)]
    shown = select(b, reshape(b, is_taken, dims, values), values, like(b, 0, values))
    missing = width - static_int(values.dims[1], "suppression over classes")
    return pad(b, shown, [(0, 0), (0, missing), *[(0, 0)] * (values.rank - 2)]) if missing else shown
