"""Images [N, H, W, C]: resizing, crops, colours, patches, suppression of boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.indexing import clamp
from litesmith.decompositions.padding import pad, slice_static
from litesmith.decompositions.shapes import (
    broadcast_to,
    cast,
    expand_dims,
    reshape,
    size_value,
    static_int,
    vector_of,
)
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering import resampling
from litesmith.frontends.tensorflow.lowering.math import in_float32
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_floats, const_ints
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, DType, Value
from litesmith.ops.windows import padding_around, window_count

Array = np.ndarray[Any, Any]

# -- resizing ---------------------------------------------------------------------------------------------------------


def number(b: Builder, value: float) -> Value:
    """A float32 scalar."""
    return b.constant(np.array(value, np.float32))


@lowers("ResizeBilinear")
def resize_bilinear(
    b: Builder, images: Value, size: Value, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Value:
    """The result is float32 whatever the images are."""
    pixels, sizes = cast(b, images, DType.FLOAT32), as_int32(b, size)
    return b.resize_bilinear(pixels, sizes, align_corners=align_corners, half_pixel_centers=half_pixel_centers)


@lowers("ResizeNearestNeighbor")
def resize_nearest(
    b: Builder, images: Value, size: Value, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Value:
    """The kernel for float32 (and types that fit it), two gathers for the others."""
    sizes = as_int32(b, size)
    attrs = dict(align_corners=align_corners, half_pixel_centers=half_pixel_centers)
    if images.type.dtype in (DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16):
        return b.resize_nearest_neighbor(images, sizes, **attrs)
    from litesmith.ops.image import _nearest

    x = images
    for axis, new in zip((1, 2), const_ints(size, "the size"), strict=True):
        old = static_int(images.dims[axis], "resizing integers")
        x = b.gather(x, _nearest(old, new, **attrs).astype(np.int32), axis=axis)
    return x


def _by_matrices(b: Builder, images: Value, rows: Array, columns: Array) -> Value:
    """[N, H, W, C] by weights [new H, H] and [new W, W]: a matrix product along each dimension that changes."""
    x = cast(b, images, DType.FLOAT32)
    n, height, width, channels = x.dims
    if not _is_identity(rows):
        flat = reshape(b, x, [n, height, width * channels])
        x = reshape(b, b.batch_matmul(rows[None], flat), [n, len(rows), width, channels], images)
    if not _is_identity(columns):
        flat = reshape(b, x, [n * x.dims[1], width, channels])
        x = reshape(b, b.batch_matmul(columns[None], flat), [n, x.dims[1], len(columns), channels], images)
    return x


def _is_identity(matrix: Array) -> bool:
    return matrix.shape[0] == matrix.shape[1] and bool(np.array_equal(matrix, np.eye(len(matrix))))


def _fixed_sizes(images: Value, size: Value) -> tuple[tuple[int, int], tuple[int, int]]:
    """Old and new (height, width), which these methods need while converting."""
    old = [static_int(d, "this way of resizing") for d in images.dims[1:3]]
    new = const_ints(size, "the size")
    return (old[0], old[1]), (new[0], new[1])


@lowers("ResizeBicubic")
def resize_bicubic(
    b: Builder, images: Value, size: Value, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Value:
    pairs = zip(*_fixed_sizes(images, size), strict=True)
    rows, columns = (resampling.cubic(old, new, align_corners, half_pixel_centers) for old, new in pairs)
    return _by_matrices(b, images, rows, columns)


@lowers("ResizeArea")
def resize_area(b: Builder, images: Value, size: Value, *, align_corners: bool = False) -> Value:
    pairs = zip(*_fixed_sizes(images, size), strict=True)
    rows, columns = (resampling.area(old, new, align_corners) for old, new in pairs)
    return _by_matrices(b, images, rows, columns)


@lowers("ScaleAndTranslate")
def scale_and_translate(
    b: Builder,
    images: Value,
    size: Value,
    scale: Value,
    translation: Value,
    *,
    kernel_type: str = "lanczos3",
    antialias: bool = True,
) -> Value:
    scales, moves = const_floats(scale, "the scale"), const_floats(translation, "the translation")
    pairs = zip(*_fixed_sizes(images, size), scales, moves, strict=True)
    rows, columns = (resampling.scaled(old, new, s, t, kernel_type, antialias) for old, new, s, t in pairs)
    return _by_matrices(b, images, rows, columns)


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
    made = _mixed(b, [rows(index) for index, _ in taps[0]], taps[0], (2, 3))
    made = _mixed(b, [columns(made, index) for index, _ in taps[1]], taps[1], (1, 3))
    valid = [
        b.logical_and(b.greater_equal(p, number(b, 0)), b.less_equal(p, limit))
        for p, limit in zip(places, limits, strict=True)
    ]
    inside = b.logical_and(expand_dims(b, valid[0], 2, 3), expand_dims(b, valid[1], 1, 3))
    return select(b, inside, made, number(b, extrapolation_value))


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


def _mixed(b: Builder, sources: list[Value], taps: Taps, axes: tuple[int, int]) -> Value:
    if len(sources) == 1:
        return sources[0]
    share = taps[1][1]
    assert share is not None
    made: Value = b.add(sources[0], b.mul(b.sub(sources[1], sources[0]), expand_dims(b, share, *axes)))
    return made


# -- colours ----------------------------------------------------------------------------------------------------------


@lowers("AdjustContrastv2")
def adjust_contrast(b: Builder, images: Value, contrast_factor: Value) -> Value:
    """(x - mean) * factor + mean, the mean over height and width."""

    def adjusted(b: Builder, x: Value) -> Value:
        mean = b.mean(x, np.array([x.rank - 3, x.rank - 2], np.int32), keep_dims=True)
        made: Value = b.add(b.mul(b.sub(x, mean), contrast_factor), mean)
        return made

    return in_float32(b, images, adjusted)


def _channels(b: Builder, x: Value) -> list[Value]:
    """Three [..., 1] channels."""
    return list(b.split(np.array(x.rank - 1, np.int32), x, num_splits=3))


def _hue_saturation_value(b: Builder, rgb: Value) -> tuple[Value, Value, Value]:
    red, green, blue = _channels(b, rgb)
    value = b.maximum(b.maximum(red, green), blue)
    chroma = b.sub(value, b.minimum(b.minimum(red, green), blue))
    zero, one = number(b, 0), number(b, 1)
    saturation = select(b, b.greater(value, zero), b.div(chroma, value), zero)
    norm = b.div(one, b.mul(number(b, 6), chroma))
    of_blue = b.add(b.mul(norm, b.sub(red, green)), number(b, 4 / 6))
    of_green = b.add(b.mul(norm, b.sub(blue, red)), number(b, 2 / 6))
    of_red = b.mul(norm, b.sub(green, blue))
    hue = select(b, b.equal(red, value), of_red, select(b, b.equal(green, value), of_green, of_blue))
    hue = select(b, b.greater(chroma, zero), hue, zero)
    return select(b, b.less(hue, zero), b.add(hue, one), hue), saturation, value


def _from_hue(b: Builder, hue: Value, saturation: Value, value: Value) -> Value:
    """Red, green, blue: how far each is from its hue, mixed with grey by saturation."""
    six = b.mul(hue, number(b, 6))
    one = number(b, 1)

    def tent(center: float) -> Value:
        made: Value = b.sub(number(b, 2), b.abs(b.sub(six, number(b, center))))
        return made

    parts = [b.sub(b.abs(b.sub(six, number(b, 3))), one), tent(2), tent(4)]
    pure = b.concatenation(*parts, axis=hue.rank - 1)
    pure = b.minimum(b.maximum(pure, number(b, 0)), one)
    made: Value = b.mul(b.add(b.sub(one, saturation), b.mul(saturation, pure)), value)
    return made


@lowers("RGBToHSV")
def rgb_to_hsv(b: Builder, images: Value) -> Value:
    def converted(b: Builder, x: Value) -> Value:
        made: Value = b.concatenation(*_hue_saturation_value(b, x), axis=x.rank - 1)
        return made

    return in_float32(b, images, converted)


@lowers("HSVToRGB")
def hsv_to_rgb(b: Builder, images: Value) -> Value:
    return in_float32(b, images, lambda b, x: _from_hue(b, *_channels(b, x)))


@lowers("AdjustSaturation")
def adjust_saturation(b: Builder, images: Value, scale: Value) -> Value:
    def adjusted(b: Builder, x: Value) -> Value:
        hue, saturation, value = _hue_saturation_value(b, x)
        scaled = b.minimum(b.maximum(b.mul(saturation, scale), number(b, 0)), number(b, 1))
        return _from_hue(b, hue, scaled, value)

    return in_float32(b, images, adjusted)


@lowers("AdjustHue")
def adjust_hue(b: Builder, images: Value, delta: Value) -> Value:
    def adjusted(b: Builder, x: Value) -> Value:
        hue, saturation, value = _hue_saturation_value(b, x)
        turned = b.add(hue, delta)
        return _from_hue(b, b.sub(turned, b.floor(turned)), saturation, value)

    return in_float32(b, images, adjusted)


# -- patches ----------------------------------------------------------------------------------------------------------


@lowers("ExtractImagePatches")
def extract_image_patches(
    b: Builder, images: Value, *, ksizes: list[int], strides: list[int], rates: list[int], padding: str
) -> Value:
    """[N, rows, columns, window * C]: SPACE_TO_DEPTH where windows tile the image, else one slice for each tap."""
    window, steps, spread = ksizes[1:3], strides[1:3], rates[1:3]
    sizes = [static_int(d, "extracting patches") for d in images.dims[1:3]]
    axes = list(zip(sizes, window, steps, spread, strict=True))
    counts = [static_int(window_count(n, k, s, r, padding), "patches") for n, k, s, r in axes]
    if min(counts) < 1:
        raise UnsupportedError(f"a window of {window} does not fit {images.type}", "use SAME padding")
    around = [padding_around(n, c, k, s, r) for (n, k, s, r), c in zip(axes, counts, strict=True)]
    x = pad(b, images, [(0, 0), *around, (0, 0)])
    n, channels = images.dims[0], images.dims[3]
    if window == steps and window[0] == window[1] and spread == [1, 1]:
        used = slice_static(b, x, [0] * 4, [n, counts[0] * window[0], counts[1] * window[1], channels])
        return b.space_to_depth(used, block_size=window[0]) if window[0] > 1 else used
    parts = []
    for place in np.ndindex(*window):
        begin = [i * r for i, r in zip(place, spread, strict=True)]
        end = [f + (c - 1) * s + 1 for f, c, s in zip(begin, counts, steps, strict=True)]
        parts.append(slice_static(b, x, [0, *begin, 0], [n, *end, channels], [1, *steps, 1]))
    return parts[0] if len(parts) == 1 else b.concatenation(*parts, axis=3)


# -- suppression of boxes ---------------------------------------------------------------------------------------------


def _selected(
    b: Builder, boxes: Value, scores: Value, limit: Value, overlap: Value, least: Value
) -> tuple[Value, Value]:
    made: tuple[Value, Value] = b.non_max_suppression_v4(boxes, scores, as_int32(b, limit), overlap, least)
    return made


def _valid_part(b: Builder, selected: Value, count: Value) -> Value:
    made: Value = b.slice(selected, np.zeros(1, np.int32), reshape(b, count, [1]))
    return made


def _lowest(b: Builder) -> Value:
    return b.constant(np.array(np.finfo(np.float32).min, np.float32))


@lowers("NonMaxSuppression")
def non_max_suppression(
    b: Builder, boxes: Value, scores: Value, max_output_size: Value, *, iou_threshold: float = 0.5
) -> Value:
    overlap = b.constant(np.array(iou_threshold, np.float32))
    return _valid_part(b, *_selected(b, boxes, scores, max_output_size, overlap, _lowest(b)))


@lowers("NonMaxSuppressionV2")
def non_max_suppression_v2(
    b: Builder, boxes: Value, scores: Value, max_output_size: Value, iou_threshold: Value
) -> Value:
    return _valid_part(b, *_selected(b, boxes, scores, max_output_size, iou_threshold, _lowest(b)))


@lowers("NonMaxSuppressionV3")
def non_max_suppression_v3(
    b: Builder, boxes: Value, scores: Value, max_output_size: Value, iou_threshold: Value, score_threshold: Value
) -> Value:
    return _valid_part(b, *_selected(b, boxes, scores, max_output_size, iou_threshold, score_threshold))


@lowers("NonMaxSuppressionV4", outputs=("selected_indices", "valid_outputs"))
def non_max_suppression_v4(
    b: Builder,
    boxes: Value,
    scores: Value,
    max_output_size: Value,
    iou_threshold: Value,
    score_threshold: Value,
    *,
    pad_to_max_output_size: bool = False,
) -> Any:
    chosen, count = _selected(b, boxes, scores, max_output_size, iou_threshold, score_threshold)
    return (chosen if pad_to_max_output_size else _valid_part(b, chosen, count)), count


@lowers("NonMaxSuppressionV5", outputs=("selected_indices", "selected_scores", "valid_outputs"))
def non_max_suppression_v5(
    b: Builder,
    boxes: Value,
    scores: Value,
    max_output_size: Value,
    iou_threshold: Value,
    score_threshold: Value,
    soft_nms_sigma: Value,
    *,
    pad_to_max_output_size: bool = False,
) -> Any:
    limit = as_int32(b, max_output_size)
    chosen, kept, count = b.non_max_suppression_v5(boxes, scores, limit, iou_threshold, score_threshold, soft_nms_sigma)
    if pad_to_max_output_size:
        return chosen, kept, count
    return _valid_part(b, chosen, count), _valid_part(b, kept, count), count


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
    pixels = cast(b, images, DType.FLOAT32)
    places = [
        _mapped(b, place, size, fill_mode)
        for place, size in zip(_sources(b, transforms, height, width), sizes, strict=True)
    ]
    if interpolation == "NEAREST":
        corners = [([_rounded(b, place) for place in places], None)]
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
    return projective_transform(
        b, images, transforms, output_shape, number(b, 0), interpolation=interpolation, fill_mode=fill_mode
    )


def _sources(b: Builder, transforms: Value, height: int, width: int) -> tuple[Value, Value]:
    """[images or 1, height, width] source rows and columns."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (
        reshape(b, slice_static(b, transforms, [0, i], [transforms.dims[0], i + 1]), [transforms.dims[0], 1, 1])
        for i in range(8)
    )
    x = np.arange(width, dtype=np.float32).reshape(1, 1, -1)
    y = np.arange(height, dtype=np.float32).reshape(1, -1, 1)

    def plane(by_x: Value, by_y: Value, offset: Value) -> Value:
        made: Value = b.add(b.add(b.mul(by_x, x), b.mul(by_y, y)), offset)
        return made

    scale = plane(c0, c1, number(b, 1))
    return b.div(plane(b0, b1, b2), scale), b.div(plane(a0, a1, a2), scale)


def _rounded(b: Builder, place: Value) -> Value:
    """To the nearest, halves away from zero."""
    from litesmith.decompositions.special import round_away

    return round_away(b, place)


def _share(b: Builder, share: list[Value], row: int, column: int) -> Value:
    """How much one of the four neighbours counts."""
    parts = [s if upper else b.sub(number(b, 1), s) for s, upper in zip(share, (row, column), strict=True)]
    made: Value = b.mul(*parts)
    return made


def _mapped(b: Builder, place: Value, size: int, mode: str) -> Value:
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
    b: Builder, pixels: Value, rows: Value, columns: Value, sizes: list[int], fill: Value, count: Any
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
