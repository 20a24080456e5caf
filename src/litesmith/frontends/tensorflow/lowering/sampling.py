"""Images read at computed positions: crops resized, projective transforms."""

from __future__ import annotations

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.indexing import clamp
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import (
    broadcast_to,
    cast,
    expand_dims,
    reshape,
    single,
    size_value,
    static_int,
    vector_of,
)
from litesmith.decompositions.special import round_away
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_ints
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Dim, DType, Value


def number(b: Builder, value: float) -> Value:
    """A float32 scalar."""
    return b.constant(np.array(value, np.float32))


# -- crops ------------------------------------------------------------------------------------------------------------


@lowers("CropAndResize")
def crop_and_resize(
    b: Builder,
    image: Value,
    boxes: Value,
    box_ind: Value,
    crop_size: Value,
    *,
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
) -> Value:
    """[boxes, *crop size, C]: rows are gathered (and mixed) first, then columns; outside is the extrapolation value."""
    new = const_ints(crop_size, "the crop size")
    pixels = cast(b, image, DType.FLOAT32)
    count = boxes.dims[0]
    places = [_crop_places(b, boxes, a, size_value(b, pixels.dims[1 + a], pixels), new[a]) for a in (0, 1)]
    batch = b.broadcast_to(
        reshape(b, as_int32(b, box_ind), [count, 1]), vector_of(b, size_value(b, count, boxes), b.constant(new[0]))
    )

    def rows(index: Value) -> Value:
        return b.gather_nd(pixels, b.pack(batch, index, axis=2))

    def columns(source: Value, index: Value) -> Value:
        return b.gather(source, index, axis=2, batch_dims=1)

    limits = [cast(b, size_value(b, pixels.dims[1 + a] - 1, pixels), DType.FLOAT32) for a in (0, 1)]
    taps = [_taps(b, place, limit, method) for place, limit in zip(places, limits, strict=True)]
    crops = _blend(b, [rows(index) for index, _ in taps[0]], taps[0], (2, 3))
    crops = _blend(b, [columns(crops, index) for index, _ in taps[1]], taps[1], (1, 3))
    valid = [
        b.logical_and(b.greater_equal(p, number(b, 0)), b.less_equal(p, limit))
        for p, limit in zip(places, limits, strict=True)
    ]
    inside = b.logical_and(expand_dims(b, valid[0], 2, 3), expand_dims(b, valid[1], 1, 3))
    return select(b, inside, crops, number(b, extrapolation_value))


def _crop_places(b: Builder, boxes: Value, axis: int, size: Value, new: int) -> Value:
    """[boxes, new] source positions along one dimension."""
    count = boxes.dims[0]
    low, high = (slice_static(b, boxes, [0, a], [count, a + 1]) for a in (axis, axis + 2))
    last = cast(b, b.sub(size, b.constant(np.array(1, np.int32))), DType.FLOAT32)
    if new == 1:
        return b.mul(b.mul(b.add(low, high), number(b, 0.5)), last)
    step = b.div(b.mul(b.sub(high, low), last), number(b, new - 1))
    return b.add(b.mul(low, last), b.mul(step, np.arange(new, dtype=np.float32)[None]))


Taps = list[tuple[Value, "Value | None"]]


def _taps(b: Builder, places: Value, limit: Value, method: str) -> Taps:
    """(int32 index, share) of each source of a position: one (the nearest), or two."""
    inside = clamp(b, places, number(b, 0), limit)
    if method == "nearest":
        return [(cast(b, b.floor(b.add(inside, number(b, 0.5))), DType.INT32), None)]
    low = b.floor(inside)
    return [(cast(b, low, DType.INT32), None), (cast(b, b.ceil(inside), DType.INT32), b.sub(inside, low))]


def _blend(b: Builder, sources: list[Value], taps: Taps, axes: tuple[int, int]) -> Value:
    if len(sources) == 1:
        return sources[0]
    share = taps[1][1]
    assert share is not None
    return b.add(sources[0], b.mul(b.sub(sources[1], sources[0]), expand_dims(b, share, *axes)))


# -- projective transforms --------------------------------------------------------------------------------------------


@lowers("ImageProjectiveTransformV3")
def projective_transform(
    b: Builder,
    images: Value,
    transforms: Value,
    output_shape: Value,
    fill_value: Value,
    *,
    interpolation: str,
    fill_mode: str = "CONSTANT",
) -> Value:
    """Result pixel (x, y) comes from ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k), k = c0 x + c1 y + 1.

    transforms: [images or 1, 8]. Sources are gathered one, or four mixed, for each result pixel.
    """
    height, width = const_ints(output_shape, "the size of the result")
    count, old_height, old_width, _ = images.dims
    sizes = [static_int(d, "a projective transform") for d in (old_height, old_width)]
    pixels = single(b, images)
    places = [
        _map_outside(b, place, size, fill_mode)
        for place, size in zip(_sources(b, transforms, height, width), sizes, strict=True)
    ]
    if interpolation == "NEAREST":
        corners: list[tuple[list[Value], Value | None]] = [([round_away(b, place) for place in places], None)]
    else:
        low = [b.floor(place) for place in places]
        high = [b.add(place, number(b, 1)) for place in low]
        share = [b.sub(place, floor) for place, floor in zip(places, low, strict=True)]
        corners = [([(low, high)[i][0], (low, high)[j][1]], _share(b, share, i, j)) for i in (0, 1) for j in (0, 1)]
    total: Value | None = None
    for (rows, columns), weight in corners:
        taken = _pixels_at(b, pixels, rows, columns, sizes, fill_value, count)
        taken = taken if weight is None else b.mul(taken, expand_dims(b, weight, 3))
        total = taken if total is None else b.add(total, taken)
    assert total is not None
    return cast(b, total, images.type.dtype)


@lowers("ImageProjectiveTransformV2")
def projective_transform_v2(
    b: Builder,
    images: Value,
    transforms: Value,
    output_shape: Value,
    *,
    interpolation: str,
    fill_mode: str = "CONSTANT",
) -> Value:
    result: Value = projective_transform(
        b, images, transforms, output_shape, number(b, 0), interpolation=interpolation, fill_mode=fill_mode
    )
    return result


def _sources(b: Builder, transforms: Value, height: int, width: int) -> tuple[Value, Value]:
    """[images or 1, height, width] source rows and columns."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (
        reshape(b, slice_static(b, transforms, [0, i], [transforms.dims[0], i + 1]), [transforms.dims[0], 1, 1])
        for i in range(8)
    )
    x = np.arange(width, dtype=np.float32).reshape(1, 1, -1)
    y = np.arange(height, dtype=np.float32).reshape(1, -1, 1)

    def plane(by_x: Value, by_y: Value, offset: Value) -> Value:
        return b.add(b.add(b.mul(by_x, x), b.mul(by_y, y)), offset)

    scale = plane(c0, c1, number(b, 1))
    return b.div(plane(b0, b1, b2), scale), b.div(plane(a0, a1, a2), scale)


def _share(b: Builder, share: list[Value], row: int, column: int) -> Value:
    """How much one of the four neighbours counts."""
    parts = [s if upper else b.sub(number(b, 1), s) for s, upper in zip(share, (row, column), strict=True)]
    return b.mul(*parts)


def _map_outside(b: Builder, place: Value, size: int, mode: str) -> Value:
    """Where a position outside the image reads from."""
    last = number(b, size - 1)
    if mode == "CONSTANT":
        return place
    if mode == "NEAREST" or size <= 1:
        return clamp(b, place, number(b, 0), last)
    if mode == "WRAP":  # the number of periods is counted in size - 1, as TensorFlow and SciPy do
        periods = b.floor(b.div(b.abs(place), last))
        period, zero = number(b, size), number(b, 0)
        below = b.add(place, b.mul(period, b.add(periods, number(b, 1))))
        above = b.sub(place, b.mul(period, periods))
        moved = select(b, b.less(place, zero), below, select(b, b.greater(place, last), above, place))
        return clamp(b, moved, zero, last)
    if mode == "REFLECT":
        turned = b.floor_mod(place, number(b, 2 * size))
        mirrored = select(b, b.less(turned, number(b, size)), turned, b.sub(number(b, 2 * size - 1), turned))
        outside = b.logical_or(b.less(place, number(b, 0)), b.greater(place, last))
        return clamp(b, select(b, outside, mirrored, place), number(b, 0), last)
    raise UnsupportedError(f"fill mode {mode!r}", "use CONSTANT, NEAREST, WRAP or REFLECT")


def _pixels_at(
    b: Builder, pixels: Value, rows: Value, columns: Value, sizes: list[int], fill: Value, count: Dim
) -> Value:
    """[images, height, width, C] pixels at whole positions, ``fill`` for those outside."""
    inside: Value | None = None
    for place, size in ((rows, sizes[0]), (columns, sizes[1])):
        within = b.logical_and(b.greater_equal(place, number(b, 0)), b.less_equal(place, number(b, size - 1)))
        inside = within if inside is None else b.logical_and(inside, within)
    assert inside is not None
    safe = [
        cast(b, clamp(b, place, number(b, 0), number(b, size - 1)), DType.INT32)
        for place, size in ((rows, sizes[0]), (columns, sizes[1]))
    ]
    flat = reshape(b, pixels, [count, sizes[0] * sizes[1], pixels.dims[3]])
    index = b.add(b.mul(safe[0], b.constant(np.array(sizes[1], np.int32))), safe[1])
    index = broadcast_to(b, index, [count, *index.dims[1:]], pixels)
    taken = b.gather(flat, index, axis=1, batch_dims=1)
    return select(b, expand_dims(b, inside, 3), taken, fill)
