"""Images [N, H, W, C]: resizing, crops, colours, patches, suppression of boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.decompositions.padding import pad, slice_static
from litesmith.decompositions.shapes import (
    cast,
    reshape,
    single,
    static_int,
)
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering import open_resampling, resampling
from litesmith.frontends.tensorflow.lowering.math import in_float32
from litesmith.frontends.tensorflow.lowering.operands import as_int32, const_floats, const_ints
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, DType, Value
from litesmith.ir.constant import Array
from litesmith.ops.image import nearest_rows
from litesmith.ops.windows import padding_around, window_count

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
    attrs: dict[str, Any] = dict(align_corners=align_corners, half_pixel_centers=half_pixel_centers)
    if images.type.dtype in (DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16):
        return b.resize_nearest_neighbor(images, sizes, **attrs)
    x = images
    if _is_open(images) or not size.is_const:
        for axis, new in zip((1, 2), b.unpack(sizes, num=2, axis=0), strict=True):
            x = b.gather(x, open_resampling.nearest(b, images, axis, new, **attrs), axis=axis)
        return x
    for axis, count in zip((1, 2), const_ints(size, "the size"), strict=True):
        old = static_int(images.dims[axis], "resizing integers")
        x = b.gather(x, nearest_rows(old, count, **attrs).astype(np.int32), axis=axis)
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


def _is_open(images: Value) -> bool:
    """Whether height or width are not known."""
    return not all(isinstance(d, int) for d in images.dims[1:3])


@lowers("ResizeBicubic")
def resize_bicubic(
    b: Builder, images: Value, size: Value, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Value:
    if _is_open(images):
        new = const_ints(size, "the size of the result")
        mixed = (open_resampling.cubic(b, images, 1 + a, new[a], align_corners, half_pixel_centers) for a in (0, 1))
        return open_resampling.by_matrices(b, images, *mixed)
    pairs = zip(*_fixed_sizes(images, size), strict=True)
    rows, columns = (resampling.cubic(old, new, align_corners, half_pixel_centers) for old, new in pairs)
    return _by_matrices(b, images, rows, columns)


@lowers("ResizeArea")
def resize_area(b: Builder, images: Value, size: Value, *, align_corners: bool = False) -> Value:
    if _is_open(images):
        new = const_ints(size, "the size of the result")
        mixed = (open_resampling.area(b, images, 1 + a, new[a], align_corners) for a in (0, 1))
        return open_resampling.by_matrices(b, images, *mixed)
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
    if _is_open(images):
        new = const_ints(size, "the size of the result")
        parts = [b.unpack(v, num=2, axis=0) for v in (scale, translation)]
        return open_resampling.by_matrices(
            b,
            images,
            *(
                open_resampling.scaling_rows(b, images, 1 + a, new[a], parts[0][a], parts[1][a], kernel_type, antialias)
                for a in (0, 1)
            ),
        )
    scales, moves = const_floats(scale, "the scale"), const_floats(translation, "the translation")
    pairs = zip(*_fixed_sizes(images, size), scales, moves, strict=True)
    rows, columns = (resampling.scaling_matrix(old, new, s, t, kernel_type, antialias) for old, new, s, t in pairs)
    return _by_matrices(b, images, rows, columns)


# -- colours ----------------------------------------------------------------------------------------------------------


@lowers("AdjustContrastv2")
def adjust_contrast(b: Builder, images: Value, contrast_factor: Value) -> Value:
    """(x - mean) * factor + mean, the mean over height and width."""

    def adjust(b: Builder, x: Value) -> Value:
        mean = b.mean(x, np.array([x.rank - 3, x.rank - 2], np.int32), keep_dims=True)
        return b.add(b.mul(b.sub(x, mean), contrast_factor), mean)

    return in_float32(b, images, adjust)


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
        return b.sub(number(b, 2), b.abs(b.sub(six, number(b, center))))

    parts = [b.sub(b.abs(b.sub(six, number(b, 3))), one), tent(2), tent(4)]
    pure = b.concatenation(*parts, axis=hue.rank - 1)
    pure = b.minimum(b.maximum(pure, number(b, 0)), one)
    return b.mul(b.add(b.sub(one, saturation), b.mul(saturation, pure)), value)


@lowers("RGBToHSV")
def rgb_to_hsv(b: Builder, images: Value) -> Value:
    def convert(b: Builder, x: Value) -> Value:
        return b.concatenation(*_hue_saturation_value(b, x), axis=x.rank - 1)

    return in_float32(b, images, convert)


@lowers("HSVToRGB")
def hsv_to_rgb(b: Builder, images: Value) -> Value:
    return in_float32(b, images, lambda b, x: _from_hue(b, *_channels(b, x)))


@lowers("AdjustSaturation")
def adjust_saturation(b: Builder, images: Value, scale: Value) -> Value:
    def adjust(b: Builder, x: Value) -> Value:
        hue, saturation, value = _hue_saturation_value(b, x)
        scaled = b.minimum(b.maximum(b.mul(saturation, scale), number(b, 0)), number(b, 1))
        return _from_hue(b, hue, scaled, value)

    return in_float32(b, images, adjust)


@lowers("AdjustHue")
def adjust_hue(b: Builder, images: Value, delta: Value) -> Value:
    def adjust(b: Builder, x: Value) -> Value:
        hue, saturation, value = _hue_saturation_value(b, x)
        turned = b.add(hue, delta)
        return _from_hue(b, b.sub(turned, b.floor(turned)), saturation, value)

    return in_float32(b, images, adjust)


# -- patches ----------------------------------------------------------------------------------------------------------


@lowers("ExtractImagePatches")
def extract_image_patches(
    b: Builder, images: Value, *, ksizes: list[int], strides: list[int], rates: list[int], padding: str
) -> Value:
    """[N, rows, columns, window * C]: SPACE_TO_DEPTH where windows tile the image, else one slice for each tap."""
    window, steps, spread = ksizes[1:3], strides[1:3], rates[1:3]
    if _is_open(images):
        return _open_patches(b, images, window, steps, spread, padding)
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


LARGEST_PATCH = 512
"""Numbers in a patch of an image of open size: a convolution computes as many for each of them."""


def _open_patches(
    b: Builder, images: Value, window: list[int], steps: list[int], spread: list[int], padding: str
) -> Value:
    """A convolution whose filters take one number of the window each."""
    channels = static_int(images.dims[3], "extracting patches")
    count = window[0] * window[1] * channels
    if count > LARGEST_PATCH or images.type.dtype is not DType.FLOAT32:
        reason = f"patches of {count} numbers of type {images.type.dtype} out of images of unknown size"
        raise UnsupportedError(reason, "give the input a fixed shape")
    filters = np.eye(count, dtype=np.float32).reshape(count, *window, channels)
    return b.conv_2d(
        images,
        filters,
        np.zeros(count, np.float32),
        padding=padding,
        stride_h=steps[0],
        stride_w=steps[1],
        dilation_h_factor=spread[0],
        dilation_w_factor=spread[1],
    )


# -- suppression of boxes ---------------------------------------------------------------------------------------------


def _select_boxes(
    b: Builder, boxes: Value, scores: Value, limit: Value, overlap: Value, least: Value
) -> tuple[Value, Value]:
    return b.non_max_suppression_v4(boxes, scores, as_int32(b, limit), overlap, least)


def _require_same_suppression(overlap: Value, least: Value, sigma: Value) -> None:
    """With decaying scores TensorFlow gives a box above the overlap the score 0, the kernel drops it.

    Raises UnsupportedError where such a box could be chosen after all.
    """
    is_hard = sigma.is_const and float(sigma.numpy()) == 0
    none_above = overlap.is_const and float(overlap.numpy()) >= 1
    zero_drops = least.is_const and float(least.numpy()) >= 0
    if not (is_hard or none_above or zero_drops):
        raise UnsupportedError(
            "soft suppression whose score threshold is below 0, or unknown, chooses boxes that the kernel drops",
            "give a constant score_threshold of 0 or more",
        )


def _valid_part(b: Builder, selected: Value, count: Value) -> Value:
    return b.slice(selected, np.zeros(1, np.int32), reshape(b, count, [1]))


def _lowest(b: Builder) -> Value:
    return b.constant(np.array(np.finfo(np.float32).min, np.float32))


@lowers("NonMaxSuppression")
def non_max_suppression(
    b: Builder, boxes: Value, scores: Value, max_output_size: Value, *, iou_threshold: float = 0.5
) -> Value:
    overlap = b.constant(np.array(iou_threshold, np.float32))
    return _valid_part(b, *_select_boxes(b, boxes, scores, max_output_size, overlap, _lowest(b)))


@lowers("NonMaxSuppressionV2")
def non_max_suppression_v2(
    b: Builder, boxes: Value, scores: Value, max_output_size: Value, iou_threshold: Value
) -> Value:
    return _valid_part(b, *_select_boxes(b, boxes, scores, max_output_size, iou_threshold, _lowest(b)))


@lowers("NonMaxSuppressionV3")
def non_max_suppression_v3(
    b: Builder, boxes: Value, scores: Value, max_output_size: Value, iou_threshold: Value, score_threshold: Value
) -> Value:
    return _valid_part(b, *_select_boxes(b, boxes, scores, max_output_size, iou_threshold, score_threshold))


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
) -> tuple[Value, Value]:
    chosen, count = _select_boxes(b, boxes, scores, max_output_size, iou_threshold, score_threshold)
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
) -> tuple[Value, Value, Value]:
    _require_same_suppression(iou_threshold, score_threshold, soft_nms_sigma)
    limit = as_int32(b, max_output_size)
    settings = (single(b, v) for v in (iou_threshold, score_threshold, soft_nms_sigma))
    chosen, kept, count = b.non_max_suppression_v5(single(b, boxes), single(b, scores), limit, *settings)
    kept = cast(b, kept, scores.type.dtype)
    if pad_to_max_output_size:
        return chosen, kept, count
    return _valid_part(b, chosen, count), _valid_part(b, kept, count), count
