"""Images: resizing, crops, colours, patches, suppression of boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, ints, parity_test  # noqa: E402

raw = tf.raw_ops
X = f32(2, 6, 5, 3, low=0.0, high=1.0)
BATCH = dict(spec=[(None, 6, 5, 3)], also=[[f32(1, 6, 5, 3)]])
SIZES = dict(spec=[(None, None, None, 3)], also=[[f32(1, 3, 8, 3)]])
TARGETS = ((12, 10), (3, 2), (6, 5), (7, 1), (1, 9), (4, 8))
CONVENTIONS = {"half pixel": (False, True), "corners": (True, False), "legacy": (False, False)}

RESIZES = [
    *(
        Case(
            f"{name} {how} {h}x{w}",
            lambda x, op=op, s=(h, w), a=align, p=half: op(images=x, size=s, align_corners=a, half_pixel_centers=p),
            [X],
            **BATCH,
        )
        for name, op in {
            "bilinear": raw.ResizeBilinear,
            "nearest": raw.ResizeNearestNeighbor,
            "bicubic": raw.ResizeBicubic,
        }.items()
        for how, (align, half) in CONVENTIONS.items()
        for h, w in TARGETS
    ),
    *(
        Case(
            f"area {h}x{w} {align}",
            lambda x, s=(h, w), a=align: raw.ResizeArea(images=x, size=s, align_corners=a),
            [X],
            **BATCH,
        )
        for h, w in TARGETS
        for align in (False, True)
    ),
    *(
        Case(
            f"resize {method} {antialias} {h}x{w}",
            lambda x, m=method, a=antialias, s=(h, w): tf.image.resize(x, s, m, antialias=a),
            [X],
            **BATCH,
        )
        for method in ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
        for antialias in (False, True)
        for h, w in ((12, 10), (3, 2), (4, 8))
    ),
    Case("resize one image", lambda x: tf.image.resize(x, [4, 4]), [X[0]]),
    Case("resize keeping the ratio", lambda x: tf.image.resize(x, [12, 12], preserve_aspect_ratio=True), [X]),
    Case("bilinear unknown", lambda x: tf.image.resize(x, [7, 9]), [X], **SIZES, ops=1),
    Case("bilinear by two", lambda x: tf.image.resize(x, tf.shape(x)[1:3] * 2), [X], **SIZES),
    Case("nearest unknown", lambda x: tf.image.resize(x, [7, 9], "nearest"), [X], **SIZES, ops=1),
    Case("bilinear fed size", tf.image.resize, [X, np.int32([7, 9])]),
    *(
        Case(f"bilinear {d}", lambda x: tf.image.resize(x, [4, 8]), [np.array(X * 100, d)])
        for d in ("uint8", "int32", "float16", "int16")
    ),
    *(
        Case(f"nearest {d}", lambda x: tf.image.resize(x, [4, 8], "nearest"), [np.array(X * 100, d)], tol=0.0)
        for d in ("uint8", "int32", "float16", "int16", "int64")
    ),
    Case("bicubic uint8", lambda x: tf.image.resize(x, [4, 8], "bicubic"), [np.array(X * 100, np.uint8)]),
    Case(
        "scale and translate",
        lambda x: raw.ScaleAndTranslate(
            images=x, size=[7, 6], scale=[1.5, 0.7], translation=[0.5, -1.0], kernel_type="triangle", antialias=True
        ),
        [X],
    ),
    Case(
        "scale and translate box",
        lambda x: raw.ScaleAndTranslate(
            images=x, size=[7, 6], scale=[0.5, 2.0], translation=[1.0, 0.0], kernel_type="box", antialias=False
        ),
        [X],
    ),
    Case("resize with pad", lambda x: tf.image.resize_with_pad(x, 9, 9), [X]),
    Case("resize with crop or pad", lambda x: tf.image.resize_with_crop_or_pad(x, 4, 9), [X]),
]
METHODS = ("bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
RESIZES += [
    Case(
        f"{method} of open size{' smoothed' if smooth else ''}",
        lambda x, m=method, a=smooth: tf.image.resize(x, [9, 13], m, antialias=a),
        [f32(1, 7, 9, 3)],
        spec=[(None, None, None, 3)],
        also=[[f32(2, 12, 6, 3)], [f32(1, 30, 40, 3)]],
    )
    for method in METHODS
    for smooth in (False, True)
]
OPEN = dict(spec=[(None, None, None, 3)], also=[[f32(2, 12, 6, 3)], [f32(1, 2, 31, 3)]])
RESIZES += [
    *(
        Case(
            f"bicubic {how} of open size to {h}x{w}",
            lambda x, s=(h, w), a=align, p=half: raw.ResizeBicubic(
                images=x, size=s, align_corners=a, half_pixel_centers=p
            ),
            [f32(1, 7, 9, 3)],
            **OPEN,
        )
        for how, (align, half) in CONVENTIONS.items()
        for h, w in ((9, 13), (1, 4))
        if how != "half pixel"
    ),
    *(
        Case(
            f"area of open size with corners aligned to {h}x{w}",
            lambda x, s=(h, w): raw.ResizeArea(images=x, size=s, align_corners=True),
            [f32(1, 7, 9, 3)],
            **OPEN,
        )
        for h, w in ((9, 13), (1, 4))
    ),
    *(
        Case(
            f"nearest {how} of integers of open size",
            lambda x, a=align, p=half: raw.ResizeNearestNeighbor(
                images=x, size=tf.shape(x)[1:3] * 2 - 3, align_corners=a, half_pixel_centers=p
            ),
            [ints(1, 7, 9, 3)],
            spec=[(None, None, None, 3)],
            also=[[ints(2, 12, 6, 3)], [ints(1, 2, 31, 3)]],
            tol=0.0,
        )
        for how, (align, half) in CONVENTIONS.items()
    ),
]
test_resizes = parity_test(RESIZES)

BOXES = np.float32([[0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], [-0.3, 0.5, 1.2, 0.7], [0.9, 0.8, 0.1, 0.2]])
PICKS = np.int32([0, 1, 1, 0])
CROPS = [
    *(
        Case(
            f"crop and resize {method} {h}x{w}",
            lambda x, b, i, s=(h, w), m=method: tf.image.crop_and_resize(x, b, i, s, m, -1.0),
            [X, BOXES, PICKS],
        )
        for method in ("bilinear", "nearest")
        for h, w in ((4, 4), (1, 3), (7, 1))
    ),
    Case(
        "crop and resize unknown",
        lambda x, b, i: tf.image.crop_and_resize(x, b, i, [3, 4]),
        [X, BOXES, PICKS],
        spec=[(None, None, None, 3), (None, 4), (None,)],
        also=[[f32(1, 4, 9, 3), BOXES[:1], PICKS[:1]]],
    ),
    Case(
        "crop and resize uint8",
        lambda x, b, i: tf.image.crop_and_resize(x, b, i, [3, 4]),
        [np.array(X * 255, np.uint8), BOXES, PICKS],
    ),
    Case("central crop", lambda x: tf.image.central_crop(x, 0.5), [X]),
    Case("crop", lambda x: tf.image.crop_to_bounding_box(x, 1, 2, 3, 2), [X], **BATCH),
    Case("pad", lambda x: tf.image.pad_to_bounding_box(x, 1, 2, 9, 9), [X], **BATCH),
    Case("flip", tf.image.flip_left_right, [X], **BATCH),
    Case("flip up", tf.image.flip_up_down, [X], **SIZES),
    Case("rot90", tf.image.rot90, [X], **BATCH),
    Case("transpose", tf.image.transpose, [X], **SIZES),
]
test_crops = parity_test(CROPS)

GREY = np.float32([[[[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]]])
COLOURS = [
    Case("contrast", lambda x: tf.image.adjust_contrast(x, 1.7), [X], **BATCH),
    Case("contrast fed", tf.image.adjust_contrast, [X, np.float32(0.3)], spec=[(None, 6, 5, 3)]),
    Case("contrast uint8", lambda x: tf.image.adjust_contrast(x, 1.7), [np.array(X * 255, np.uint8)]),
    Case("brightness", lambda x: tf.image.adjust_brightness(x, 0.2), [X]),
    Case("gamma", lambda x: tf.image.adjust_gamma(x, 0.7, 1.1), [X]),
    Case("rgb to hsv", tf.image.rgb_to_hsv, [X], **BATCH),
    Case("rgb to hsv grey", tf.image.rgb_to_hsv, [GREY]),
    Case("hsv to rgb", tf.image.hsv_to_rgb, [X], **BATCH),
    Case("hsv to rgb grey", tf.image.hsv_to_rgb, [GREY]),
    *(Case(f"hue {d}", lambda x, d=d: tf.image.adjust_hue(x, d), [X]) for d in (0.0, 0.2, -0.7)),
    Case("hue grey", lambda x: tf.image.adjust_hue(x, 0.3), [GREY]),
    *(Case(f"saturation {f}", lambda x, f=f: tf.image.adjust_saturation(x, f), [X]) for f in (0.0, 0.5, 2.5)),
    Case("saturation grey", lambda x: tf.image.adjust_saturation(x, 0.5), [GREY]),
    Case("grey", tf.image.rgb_to_grayscale, [X], **BATCH),
    Case("colour", tf.image.grayscale_to_rgb, [X[..., :1]]),
    Case("yuv", tf.image.rgb_to_yuv, [X]),
    Case("yiq", tf.image.yiq_to_rgb, [X]),
    Case("standardization", tf.image.per_image_standardization, [X], **BATCH),
    Case("convert", lambda x: tf.image.convert_image_dtype(x, tf.float32), [np.array(X * 255, np.uint8)]),
    Case("convert back", lambda x: tf.image.convert_image_dtype(x, tf.uint8, saturate=True), [X * 1.3 - 0.1]),
    Case("total variation", tf.image.total_variation, [X]),
    Case("sobel", tf.image.sobel_edges, [X], **BATCH),
    Case("gradients", tf.image.image_gradients, [X]),
    Case("psnr", lambda x, y: tf.image.psnr(x, y, 1.0), [X, X[::-1].copy()]),
    Case("ssim", lambda x, y: tf.image.ssim(x, y, 1.0, filter_size=3), [X, X[::-1].copy()]),
]
test_colours = parity_test(COLOURS)


def patches(x: Any, size: Any, step: Any, rate: Any = (1, 1), padding: str = "VALID") -> Any:
    return tf.image.extract_patches(x, [1, *size, 1], [1, *step, 1], [1, *rate, 1], padding)


PATCHES = [
    Case("tiles", lambda x: patches(x, (2, 2), (2, 2)), [f32(2, 6, 4, 3)], spec=[(None, 6, 4, 3)], ops=1),
    Case("tiles with a rest", lambda x: patches(x, (2, 2), (2, 2)), [X], **BATCH, ops=2),
    Case("tiles padded", lambda x: patches(x, (4, 4), (4, 4), padding="SAME"), [X]),
    Case("overlapping", lambda x: patches(x, (3, 2), (1, 2)), [X], **BATCH),
    Case("same", lambda x: patches(x, (3, 3), (2, 1), padding="SAME"), [X]),
    Case("rates", lambda x: patches(x, (2, 2), (1, 1), (2, 3)), [X]),
    *(
        Case(
            f"of open size {padding} {rate}",
            lambda x, p=padding, r=rate: patches(x, (3, 2), (2, 1), r, p),
            [X],
            spec=[(None, None, None, 3)],
            also=[[f32(1, 6, 8, 3)]],
            ops=1,
        )
        for padding in ("SAME", "VALID")
        for rate in ((1, 1), (2, 1))
    ),
    Case("rates same", lambda x: patches(x, (2, 3), (1, 1), (2, 2), "SAME"), [X]),
    Case("infinite", lambda x: patches(x, (2, 2), (1, 1)), [np.where(X > 0.8, np.inf, X).astype(np.float32)]),
    Case("int32", lambda x: patches(x, (2, 2), (1, 1)), [ints(1, 4, 4, 2)]),
    Case(
        "too large of unknown size are refused",
        lambda x: patches(x, (20, 20), (1, 1)),
        [f32(1, 24, 24, 3)],
        spec=[(None, None, None, 3)],
        raises="LS001",
        says="fixed",
    ),
]
test_patches = parity_test(PATCHES)

MANY = np.sort(np.random.default_rng(3).random((20, 2, 2)).astype(np.float32), axis=1).reshape(20, 4)
SCORES = np.random.default_rng(4).random(20).astype(np.float32)
CROWDS = np.sort(np.random.default_rng(5).random((2, 20, 3, 2, 2)).astype(np.float32), axis=3).reshape(2, 20, 3, 4)
RATINGS = np.random.default_rng(6).random((2, 20, 3)).astype(np.float32)


def combined(each, total, **options):
    """Suppression over classes."""
    return lambda b, s: tuple(tf.image.combined_non_max_suppression(b, s, each, total, **options))


SUPPRESSED = [
    Case("nms", lambda b, s: tf.image.non_max_suppression(b, s, 5, 0.3), [MANY, SCORES]),
    Case("nms score", lambda b, s: tf.image.non_max_suppression(b, s, 10, 0.5, 0.4), [MANY, SCORES]),
    Case(
        "nms unknown",
        lambda b, s: tf.image.non_max_suppression(b, s, 5, 0.3),
        [MANY, SCORES],
        spec=[(None, 4), (None,)],
        also=[[MANY[:3], SCORES[:3]]],
    ),
    Case(
        "nms padded",
        lambda b, s: tf.image.non_max_suppression_padded(b, s, 10, 0.3, pad_to_max_output_size=True),
        [MANY, SCORES],
    ),
    Case("nms with scores", lambda b, s: tf.image.non_max_suppression_with_scores(b, s, 6, 0.5, 0.1), [MANY, SCORES]),
    Case(
        "nms soft",
        lambda b, s: tf.image.non_max_suppression_with_scores(b, s, 6, 1.0, 0.1, soft_nms_sigma=0.5),
        [MANY, SCORES],
    ),
    Case(
        "nms soft without a score threshold is refused",
        lambda b, s: tf.image.non_max_suppression_with_scores(b, s, 6, 0.5, soft_nms_sigma=0.5),
        [MANY, SCORES],
        raises="LS001",
        says="score_threshold",
    ),
    Case(
        "nms soft from 0 on",
        lambda b, s: tf.image.non_max_suppression_with_scores(b, s, 6, 0.3, 0.0, soft_nms_sigma=0.5),
        [MANY, SCORES],
    ),
    Case(
        "nms v1",
        lambda b, s: raw.NonMaxSuppression(boxes=b, scores=s, max_output_size=4, iou_threshold=0.4),
        [MANY, SCORES],
    ),
    Case(
        "nms v2",
        lambda b, s: raw.NonMaxSuppressionV2(boxes=b, scores=s, max_output_size=4, iou_threshold=0.4),
        [MANY, SCORES],
    ),
    Case(
        "nms v4",
        lambda b, s: raw.NonMaxSuppressionV4(
            boxes=b, scores=s, max_output_size=4, iou_threshold=0.4, score_threshold=0.1, pad_to_max_output_size=True
        ),
        [MANY, SCORES],
    ),
    Case(
        "nms v4 unpadded",
        lambda b, s: raw.NonMaxSuppressionV4(
            boxes=b, scores=s, max_output_size=15, iou_threshold=0.1, score_threshold=0.1
        ),
        [MANY, SCORES],
    ),
    Case(
        "nms v5 padded",
        lambda b, s: raw.NonMaxSuppressionV5(
            boxes=b,
            scores=s,
            max_output_size=15,
            iou_threshold=0.2,
            score_threshold=0.1,
            soft_nms_sigma=0.0,
            pad_to_max_output_size=True,
        ),
        [MANY, SCORES],
    ),
    Case(
        "nms of classes",
        combined(6, 10),
        [CROWDS, RATINGS],
        spec=[(None, 20, 3, 4), (None, 20, 3)],
        also=[[CROWDS[:1], RATINGS[:1]]],
    ),
    Case("nms of classes, one box each", combined(6, 10, clip_boxes=False), [CROWDS[:, :, :1] * 2.0, RATINGS]),
    Case("nms of classes, few", combined(30, 50, score_threshold=0.7), [CROWDS, RATINGS]),
    Case("nms of classes, padded", combined(2, 50, pad_per_class=True, iou_threshold=0.1), [CROWDS, RATINGS]),
    Case("nms of classes, nothing", combined(3, 5, score_threshold=2.0), [CROWDS, RATINGS]),
    Case(
        "nms of classes, any number of boxes",
        combined(6, 10),
        [CROWDS, RATINGS],
        spec=[(2, None, 3, 4), (2, None, 3)],
        also=[[CROWDS[:, :4], RATINGS[:, :4]]],
    ),
]
test_suppressed = parity_test(SUPPRESSED)

TURN = np.float32([[0.9, 0.2, 0.4, -0.3, 1.1, 0.7, 0.0, 0.0]])
TILT = np.float32([[0.9, 0.2, -3.0, -0.3, 1.1, 2.6, 0.02, -0.01], [1.2, 0, 1.5, 0, 0.8, -2.5, 0, 0]])
TRANSFORMS = [
    *(
        Case(
            f"transform {interpolation} {mode} {how}",
            lambda x, t, i=interpolation, m=mode: raw.ImageProjectiveTransformV3(
                images=x, transforms=t, output_shape=[7, 8], fill_value=0.5, interpolation=i, fill_mode=m
            ),
            [X, transforms],
            spec=[(None, 6, 5, 3)],
        )
        for interpolation in ("BILINEAR", "NEAREST")
        for mode in ("CONSTANT", "NEAREST", "WRAP", "REFLECT")
        for how, transforms in {"one": TURN, "each": TILT}.items()
    ),
    Case(
        "transform v2",
        lambda x: raw.ImageProjectiveTransformV2(
            images=x, transforms=TURN, output_shape=[6, 5], interpolation="BILINEAR"
        ),
        [X],
    ),
    Case(
        "transform uint8",
        lambda x: raw.ImageProjectiveTransformV2(
            images=x, transforms=TURN, output_shape=[6, 5], interpolation="NEAREST"
        ),
        [np.array(X * 255, np.uint8)],
    ),
]
test_transforms = parity_test(TRANSFORMS)

CASES = [*TRANSFORMS, *RESIZES, *CROPS, *COLOURS, *PATCHES, *SUPPRESSED]
