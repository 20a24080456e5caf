"""Evaluators and inference of convolutions, pools, products, normalizations, image and signal operators."""

import numpy as np
import pytest

from litesmith.ops import (
    convolution,
    image,
    matmul,
    normalization,
    pooling,
    quantization,
    signal,
    stablehlo,
    text,
)
from tests.arrays import f32
from tests.ops.harness import Case, check_evaluator, i32, ints, scalar

F32 = 2e-6
"""Rounding of float32 sums in another order."""

ONE = dict(stride_h=1, stride_w=1)
TWO = dict(stride_h=2, stride_w=2)
UNEVEN = dict(stride_h=2, stride_w=3)
VALID = dict(padding="VALID")
DILATED = dict(dilation_h_factor=2, dilation_w_factor=3)
STEP3 = dict(stride_d=2, stride_h=1, stride_w=2)
ONE3 = dict(stride_d=1, stride_h=1, stride_w=1)


def _conv(name, x, filter_, **attrs):
    return Case(name, "CONV_2D", (f32(*x), f32(*filter_), f32(filter_[0])), F32, attrs, (1, 2))


def _depthwise(name, x, filter_, **attrs):
    return Case(name, "DEPTHWISE_CONV_2D", (f32(*x), f32(*filter_), f32(filter_[3])), F32, attrs, (1, 2))


def _transposed(name, shape, filter_, x, *, bias=False, **attrs):
    operands = (i32(*shape), f32(*filter_), f32(*x), f32(filter_[0]) if bias else None)
    return Case(name, "TRANSPOSE_CONV", operands[: 4 if bias else 3], F32, attrs, (0, 1, 3))


def _conv3d(name, x, filter_, **attrs):
    return Case(name, "CONV_3D", (f32(*x), f32(*filter_), f32(filter_[4])), F32, attrs, (1, 2))


def _transposed3d(name, shape, filter_, x, **attrs):
    operands = (i32(*shape), f32(*filter_), f32(*x), f32(filter_[3]))
    return Case(name, "CONV_3D_TRANSPOSE", operands, F32, attrs, (0, 1, 3))


CONVOLUTIONS = (
    _conv("same", (2, 7, 8, 3), (4, 3, 3, 3), **ONE),
    _conv("valid_strided", (2, 9, 8, 3), (4, 3, 2, 3), **UNEVEN, **VALID),
    _conv("same_strided_even", (1, 8, 8, 2), (3, 3, 3, 2), **TWO),
    _conv("same_strided_odd", (1, 7, 5, 2), (3, 4, 2, 2), **TWO),
    _conv("relu6", (1, 5, 5, 2), (3, 3, 3, 2), **ONE, fused_activation_function="RELU6"),
    _conv("dilated_same", (1, 9, 10, 2), (3, 3, 3, 2), **ONE, **DILATED),
    _conv("dilated_valid", (1, 9, 10, 2), (3, 3, 3, 2), **ONE, **DILATED, **VALID),
    _conv("grouped", (2, 6, 6, 6), (8, 3, 3, 3), **ONE),
    _conv("grouped_per_channel", (1, 6, 6, 4), (8, 3, 3, 1), **TWO, **VALID),
    _conv("pointwise", (2, 4, 4, 5), (7, 1, 1, 5), **ONE, fused_activation_function="RELU"),
    _conv("window_past_input", (1, 2, 2, 1), (1, 5, 5, 1), **ONE),
    Case("fed_filter", "CONV_2D", (f32(1, 5, 5, 2), f32(3, 3, 3, 2), f32(3)), F32, ONE, symbolic=(0,)),
    _depthwise("same", (2, 7, 8, 3), (1, 3, 3, 3), **ONE),
    _depthwise("multiplier", (1, 8, 8, 3), (1, 3, 3, 6), **TWO),
    _depthwise("valid_relu", (1, 8, 8, 4), (1, 2, 4, 4), **TWO, **VALID, fused_activation_function="RELU"),
    _depthwise("dilated", (1, 9, 9, 2), (1, 3, 3, 4), **ONE, dilation_h_factor=2, dilation_w_factor=2),
    _transposed("same", (1, 8, 8, 3), (3, 3, 3, 2), (1, 4, 4, 2), **TWO),
    _transposed("same_odd", (2, 7, 9, 3), (3, 3, 4, 2), (2, 4, 3, 2), **UNEVEN),
    _transposed("valid_bias_relu", (1, 9, 9, 3), (3, 3, 3, 2), (1, 4, 4, 2), bias=True, **TWO, **VALID,
                fused_activation_function="RELU"),
    _transposed("valid_with_rest", (1, 10, 10, 3), (3, 3, 3, 2), (1, 4, 4, 2), **TWO, **VALID),
    _transposed("window_below_stride", (1, 8, 8, 2), (2, 1, 1, 2), (1, 4, 4, 2), **TWO),
    _conv3d("same", (1, 5, 6, 7, 2), (3, 3, 3, 2, 4), **ONE3),
    _conv3d("valid_strided", (2, 5, 6, 7, 2), (2, 3, 2, 2, 3), **STEP3, **VALID, fused_activation_function="RELU"),
    _conv3d("dilated", (1, 7, 8, 9, 1), (2, 2, 2, 1, 2), **ONE3, dilation_d_factor=2, dilation_h_factor=3,
            dilation_w_factor=1),
    _transposed3d("same", (1, 4, 3, 6, 2), (3, 3, 3, 2, 3), (1, 2, 3, 3, 3), **STEP3),
    _transposed3d("dilated", (1, 4, 5, 6, 2), (2, 3, 2, 2, 3), (1, 2, 5, 3, 3), **STEP3, dilation_d_factor=2,
                  dilation_h_factor=2, dilation_w_factor=1),
    _transposed3d("valid", (1, 5, 4, 5, 2), (3, 2, 3, 2, 1), (1, 2, 3, 2, 1), **STEP3, **VALID),
)  # fmt: skip


def _pool(op, name, shape, **attrs):
    return Case(name, op, (f32(*shape),), F32, {"filter_height": 2, "filter_width": 3, **ONE, **attrs})


POOLS = tuple(
    row
    for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")
    for row in (
        _pool(op, "same", (2, 7, 8, 3)),
        _pool(op, "same_strided", (1, 7, 8, 3), **TWO),
        _pool(op, "valid_relu", (1, 7, 8, 3), **UNEVEN, **VALID, fused_activation_function="RELU"),
        _pool(op, "whole", (1, 4, 4, 2), **VALID, filter_height=4, filter_width=4),
        _pool(op, "window_past_input", (1, 3, 3, 2), filter_height=5, filter_width=5),
    )
)


def _dense(name, x, weights, *, bias=True, constant=(1, 2), symbolic=None, **attrs):
    return Case(name, "FULLY_CONNECTED", (f32(*x), f32(*weights), f32(weights[0]) if bias else None), F32, attrs,
                constant, symbolic)  # fmt: skip


PRODUCTS = (
    _dense("rank2", (3, 4), (5, 4)),
    _dense("no_bias_relu", (3, 4), (5, 4), bias=False, fused_activation_function="RELU"),
    _dense("rank3_flattened", (2, 3, 4), (5, 4)),
    _dense("rank3_kept", (2, 3, 4), (5, 4), keep_num_dims=True),
    _dense("rank4_kept", (2, 3, 1, 4), (5, 4), keep_num_dims=True),
    _dense("features_over_axes", (2, 3, 4), (5, 12)),
    _dense("rank1", (4,), (5, 4)),
    _dense("fed_weights", (3, 4), (5, 4), constant=(), symbolic=(0,)),
    Case("rank2", "BATCH_MATMUL", (f32(3, 4), f32(4, 5)), F32, symbolic=(0,)),
    Case("constant", "BATCH_MATMUL", (f32(2, 3, 4), f32(4, 5)), F32, constant=(1,)),
    Case("batched", "BATCH_MATMUL", (f32(2, 3, 4), f32(2, 4, 5)), F32, symbolic=(0,)),
    Case("adj_x", "BATCH_MATMUL", (f32(2, 4, 3), f32(2, 4, 5)), F32, dict(adj_x=True), symbolic=(0,)),
    Case("adj_y", "BATCH_MATMUL", (f32(2, 3, 4), f32(2, 5, 4)), F32, dict(adj_y=True), symbolic=(0,)),
    Case("adj_both", "BATCH_MATMUL", (f32(2, 4, 3), f32(2, 5, 4)), F32, dict(adj_x=True, adj_y=True), symbolic=(0,)),
    Case("broadcast", "BATCH_MATMUL", (f32(2, 1, 3, 4), f32(3, 4, 5)), F32, symbolic=(1,)),
    Case("rank5", "BATCH_MATMUL", (f32(2, 1, 2, 3, 4), f32(1, 3, 1, 4, 5)), F32, symbolic=()),
    Case("left_rank2", "BATCH_MATMUL", (f32(3, 4), f32(2, 4, 5)), F32, symbolic=()),
)

CORNERS: tuple[dict[str, bool], ...] = (dict(), dict(align_corners=True), dict(half_pixel_centers=True))


def _resize(op, x, size, tolerance):
    return tuple(
        Case(f"{x}-{size}-{index}", op, (x_, i32(*size)), tolerance, attrs, (1,))
        for index, attrs in enumerate(CORNERS)
        for x_ in (f32(*x),)
    )


SIZES = (((2, 3, 4, 2), (6, 9)), ((1, 7, 6, 3), (3, 2)), ((1, 5, 5, 1), (1, 1)), ((1, 1, 3, 1), (4, 7)))
BOXES = np.array(
    [[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, -0.1, 1, 0.9], [0, 10, 1, 11], [1, 11.1, 0, 10.1], [0, 100, 1, 101]],
    np.float32,
)
SCORES = np.array([0.9, 0.75, 0.6, 0.95, 0.5, 0.3], np.float32)


def _nms(op, name, limit, iou, least, *sigma):
    reals = [scalar(v, np.float32) for v in (iou, least, *sigma)]
    return Case(name, op, (BOXES, SCORES, scalar(limit), *reals), F32, {}, range(2, 5 + len(sigma)))


IMAGES = (
    *(row for x, size in SIZES for row in _resize("RESIZE_BILINEAR", x, size, F32)),
    *(row for x, size in SIZES for row in _resize("RESIZE_NEAREST_NEIGHBOR", x, size, 0)),
    _nms("NON_MAX_SUPPRESSION_V4", "three", 3, 0.5, 0.0),
    _nms("NON_MAX_SUPPRESSION_V4", "padded", 6, 0.5, 0.4),
    _nms("NON_MAX_SUPPRESSION_V5", "hard", 6, 0.5, 0.4, 0.0),
    _nms("NON_MAX_SUPPRESSION_V5", "soft", 6, 1.0, 0.0, 0.5),
    _nms("NON_MAX_SUPPRESSION_V5", "soft_limited", 3, 1.0, 0.3, 0.5),
)

LRN = dict(radius=2, bias=1.0, alpha=0.3, beta=0.75)
SPARSE_IDS = (i32(1, 3, 0, 1), i32([[0, 0], [0, 1], [1, 0], [2, 3]]), i32(3, 4), f32(4, low=0.5), f32(4, 5))
OTHERS = (
    Case("rank2", "L2_NORMALIZATION", (f32(3, 7),), F32),
    Case("rank4", "L2_NORMALIZATION", (f32(2, 3, 4, 5),), F32),
    Case("zeros", "L2_NORMALIZATION", (np.zeros((2, 3), np.float32),), 0),
    Case("tiny", "L2_NORMALIZATION", (f32(2, 3) * np.float32(1e-7),), F32),
    Case("plain", "LOCAL_RESPONSE_NORMALIZATION", (f32(2, 3, 4, 7),), 1e-5, LRN),
    Case("wide", "LOCAL_RESPONSE_NORMALIZATION", (f32(1, 2, 2, 3),), 1e-5, {**LRN, "radius": 4, "bias": 2.0}),
    Case("exact", "RFFT2D", (f32(4, 8), i32(4, 8)), F32, constant=(1,)),
    Case("padded_and_cropped", "RFFT2D", (f32(2, 3, 5), i32(4, 4)), F32, constant=(1,)),
    Case("one_row", "RFFT2D", (f32(3, 1, 8), i32(1, 8)), F32, constant=(1,)),
    Case("eight_bits", "FAKE_QUANT", (f32(3, 9, low=-4, high=4),), 0, dict(min=-1.0, max=2.5, num_bits=8)),
    Case("four_bits", "FAKE_QUANT", (f32(3, 9),), 0, dict(min=0.0, max=1.5, num_bits=4)),
    Case("float16", "DEQUANTIZE", (f32(3, 4).astype(np.float16),), 0),
    *(Case(c.lower(), "EMBEDDING_LOOKUP_SPARSE", SPARSE_IDS, F32, dict(combiner=c), symbolic=(0, 3))
      for c in ("SUM", "MEAN", "SQRTN")),
    Case("hits", "HASHTABLE_LOOKUP", (i32(3, 8, 1), i32(1, 3, 5), f32(3, 2)), 0),
)  # fmt: skip

PAIR = (f32(3, 4), f32(3, 4, seed="other"))
WORDS = (ints(3, 4), ints(3, 4, seed="other"))
TABLE = np.arange(60, dtype=np.float32).reshape(3, 4, 5)


def _gather(name, indices, **attrs):
    return Case(name, "STABLEHLO_GATHER", (TABLE, i32(indices)), 0, attrs, symbolic=(1,))


def _padded(name, low, high, interior):
    attrs = dict(edge_padding_low=low, edge_padding_high=high, interior_padding=interior)
    return Case(name, "STABLEHLO_PAD", (f32(3, 4), scalar(7.0, np.float32)), 0, attrs, (1,))


STABLEHLO = (
    *(Case("float32", f"STABLEHLO_{n}", PAIR, 0, symbolic=(0,)) for n in ("ADD", "MULTIPLY", "MAXIMUM", "MINIMUM")),
    *(Case("int32", f"STABLEHLO_{n}", WORDS, 0, symbolic=()) for n in ("ADD", "MULTIPLY", "MAXIMUM", "MINIMUM", "AND")),
    _padded("edges", (1, 2), (0, 3), (0, 0)),
    _padded("interior", (1, 0), (0, 1), (2, 1)),
    _padded("negative", (-1, 2), (1, -2), (1, 0)),
    _gather("rows", [[1], [2]], offset_dims=(1, 2), collapsed_slice_dims=(0,), start_index_map=(0,),
            index_vector_dim=1, slice_sizes=(1, 4, 5)),
    _gather("clamped", [[2, 3], [0, 9]], offset_dims=(1, 2), collapsed_slice_dims=(0,), start_index_map=(0, 1),
            index_vector_dim=1, slice_sizes=(1, 2, 5)),
    _gather("offset_first", [[0, 1, 2]], offset_dims=(0, 2), collapsed_slice_dims=(1,), start_index_map=(1,),
            index_vector_dim=0, slice_sizes=(3, 1, 5)),
)  # fmt: skip

CASES = STABLEHLO + CONVOLUTIONS + POOLS + PRODUCTS + IMAGES + OTHERS


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_evaluator_agrees_with_the_runtime(case):
    check_evaluator(case)


FAMILIES = (convolution, image, matmul, normalization, pooling, quantization, signal, stablehlo, text)
WITHOUT_ROW = {"DENSIFY"}
"""Needs a sparse constant: tested with the reader."""


@pytest.mark.parametrize("defn", [d for f in FAMILIES for d in f.DEFINITIONS if d.evaluate is not None], ids=str)
def test_every_evaluator_has_a_row(defn):
    assert (defn.name in {case.op for case in CASES}) != (defn.name in WITHOUT_ROW)
