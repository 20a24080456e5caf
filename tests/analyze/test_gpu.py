"""The GPU delegate's conditions, both ways: what it takes, and what it leaves and why."""

from __future__ import annotations

import pytest

from litesmith.ops.gpu import gpu_reason
from tests.analyze.one_op import one_op, only

X = "%x: float32[1, 4, 4, 8]"
XY = f"{X}, %y: float32[1, 4, 4, 8]"
CONV = "{padding=SAME, stride_w=1, stride_h=1}"
DEPTHWISE = "{padding=SAME, stride_w=1, stride_h=1, depth_multiplier=%d}"
POOL = "{padding=SAME, stride_w=1, stride_h=1, filter_width=%d, filter_height=2}"

TAKEN = {
    "add": (XY, "ADD(%x, %y) : float32[1, 4, 4, 8]"),
    "add scalar": (X, "ADD(%x, float32[](1.0)) : float32[1, 4, 4, 8]"),
    "mul by channels": (f"{X}, %y: float32[8]", "MUL(%x, %y) : float32[1, 4, 4, 8]"),
    "add of two": (XY, "ADD_N(%x, %y) : float32[1, 4, 4, 8]"),
    "pool": (X, f"MAX_POOL_2D(%x) {POOL % 2} : float32[1, 4, 4, 8]"),
    "conv": (X, f"CONV_2D(%x, float32[3, 1, 1, 8]@w, float32[3]@b) {CONV} : float32[1, 4, 4, 3]"),
    "depthwise": (X, f"DEPTHWISE_CONV_2D(%x, float32[1, 3, 3, 8]@w) {DEPTHWISE % 1} : float32[1, 4, 4, 8]"),
    "matmul": ("%x: float32[2, 3, 4], %y: float32[2, 4, 5]", "BATCH_MATMUL(%x, %y) : float32[2, 3, 5]"),
    "cast to int": (X, "CAST(%x) {in_data_type=float32, out_data_type=int32} : int32[1, 4, 4, 8]"),
    "cast of bool": ("%x: bool[3]", "CAST(%x) {in_data_type=bool, out_data_type=float32} : float32[3]"),
    "concatenation": (XY, "CONCATENATION(%x, %y) {axis=3} : float32[1, 4, 4, 16]"),
    "cumsum": (X, "CUMSUM(%x, int32[](1)) : float32[1, 4, 4, 8]"),
    "depth to space": (X, "DEPTH_TO_SPACE(%x) {block_size=2} : float32[1, 8, 8, 2]"),
    "update slice": (
        f"{X}, %y: float32[1, 2, 2, 2], %z: int32[4]",
        "DYNAMIC_UPDATE_SLICE(%x, %y, %z) : float32[1, 4, 4, 8]",
    ),
    "embedding": ("%x: int32[5]", "EMBEDDING_LOOKUP(%x, float32[10, 4]@t) : float32[5, 4]"),
    "dense": ("%x: float32[2, 4]", "FULLY_CONNECTED(%x, float32[3, 4]@w) : float32[2, 3]"),
    "gather": (f"{X}, %i: int32[3]", "GATHER(%x, %i) {axis=1} : float32[1, 3, 4, 8]"),
    "hard swish": (X, "HARD_SWISH(%x) : float32[1, 4, 4, 8]"),
    "reshape": (X, "RESHAPE(%x, int32[2](4, 32)) : float32[4, 32]"),
    "bilinear": (X, "RESIZE_BILINEAR(%x, int32[2](8, 8)) {half_pixel_centers=true} : float32[1, 8, 8, 8]"),
    "top k": ("%x: float32[2, 9]", "TOPK_V2(%x, int32[](1)) : float32[2, 1], int32[2, 1]"),
    "mean": (X, "MEAN(%x, int32[2](1, 2)) {keep_dims=true} : float32[1, 1, 1, 8]"),
    "reduce any": ("%x: bool[1, 4]", "REDUCE_ANY(%x, int32[1](1)) : bool[1]"),
    "reverse": (X, "REVERSE_V2(%x, int32[1](1)) : float32[1, 4, 4, 8]"),
    "one hot": ("%x: int32[2, 1]", "ONE_HOT(%x, int32[](5), float32[](1.0), float32[](0.0)) {axis=-1} : float32[2, 1, 5]"),
    "pad": (X, "PAD(%x, int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0)) : float32[1, 6, 6, 8]"),
    "mirror": (X, "MIRROR_PAD(%x, int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0)) {mode=REFLECT} : float32[1, 6, 6, 8]"),
    "select": (f"%c: bool[1, 4, 4, 8], {XY}", "SELECT_V2(%c, %x, %y) : float32[1, 4, 4, 8]"),
    "slice": (X, "SLICE(%x, int32[4](0, 0, 0, 0), int32[4](1, 2, 2, 8)) : float32[1, 2, 2, 8]"),
    "strided slice": (
        X,
        "STRIDED_SLICE(%x, int32[4](0, 0, 0, 0), int32[4](1, 4, 4, 8), int32[4](1, 2, 2, 1)) : float32[1, 2, 2, 8]",
    ),
    "softmax": ("%x: float32[2, 4]", "SOFTMAX(%x) {beta=1.0} : float32[2, 4]"),
    "ceil": (X, "CEIL(%x) : float32[1, 4, 4, 8]"),
    "round": (X, "ROUND(%x) : float32[1, 4, 4, 8]"),
    "not": ("%x: bool[3]", "LOGICAL_NOT(%x) : bool[3]"),
    "or": ("%x: bool[3], %y: bool[3]", "LOGICAL_OR(%x, %y) : bool[3]"),
    "atan2": (XY, "ATAN2(%x, %y) : float32[1, 4, 4, 8]"),
    "less": (XY, "LESS(%x, %y) : bool[1, 4, 4, 8]"),
    "divided by a constant": (X, "DIV(%x, float32[](2.0)) : float32[1, 4, 4, 8]"),
    "shift": ("%x: int32[3], %y: int32[3]", "RIGHT_SHIFT(%x, %y) : int32[3]"),
    "unpooling": (XY, 'CUSTOM(%x, %y) {custom_code="MaxUnpooling2D"} : float32[1, 8, 8, 8]'),
}

LEFT = {
    "rank 5": ("%x: float32[1, 2, 2, 2, 2]", "ABS(%x) : float32[1, 2, 2, 2, 2]", "rank 5"),
    "int64": ("%x: int64[3], %y: int64[3]", "ADD(%x, %y) : int64[3]", "int64"),
    "unknown size": ("%x: float32[b, 3]", "ABS(%x) : float32[b, 3]", "not static"),
    "no kernel": ("%x: float32[3]", "RELU_0_TO_1(%x) : float32[3]", "no kernel"),
    "unpack": ("%x: float32[2, 3]", "UNPACK(%x) {num=2} : float32[3], float32[3]", "no kernel"),
    "ranks that do not broadcast": (
        "%x: float32[1, 4, 4, 8], %y: float32[3, 8]",
        "ADD(%x, %y) : float32[1, 4, 4, 8]",
        "do not broadcast",
    ),
    "sum of three": (f"{XY}, %z: float32[1, 4, 4, 8]", "ADD_N(%x, %y, %z) : float32[1, 4, 4, 8]", "3 operands"),
    "empty window": (X, f"MAX_POOL_2D(%x) {POOL % 0} : float32[1, 4, 4, 8]", "filter_width is 0"),
    "depthwise": (
        X,
        f"DEPTHWISE_CONV_2D(%x, float32[1, 3, 3, 8]@w) {DEPTHWISE % 2} : float32[1, 4, 4, 8]",
        "depth multiplier",
    ),
    "cast to int8": (X, "CAST(%x) {in_data_type=float32, out_data_type=int8} : int8[1, 4, 4, 8]", "cast from float32"),
    "cumsum along what is computed": (f"{X}, %a: int32[]", "CUMSUM(%x, %a) : float32[1, 4, 4, 8]", "axis is not constant"),
    "block of one": (X, "DEPTH_TO_SPACE(%x) {block_size=1} : float32[1, 4, 4, 8]", "block size is 1"),
    "table of ids": ("%x: int32[5, 2]", "GATHER(float32[10, 4]@t, %x) : float32[5, 2, 4]", "rank 2"),
    "dense of a constant": ("%w: float32[3, 4]", "FULLY_CONNECTED(float32[2, 4]@x, %w) : float32[2, 3]", "constant"),
    "bilinear": (
        X,
        "RESIZE_BILINEAR(%x, int32[2](8, 8)) {align_corners=true, half_pixel_centers=true} : float32[1, 8, 8, 8]",
        "align_corners",
    ),
    "computed axes": (f"{X}, %a: int32[1]", "MEAN(%x, %a) : float32[*]", "2 operands that are not constant"),
    "one hot of many": (
        "%x: int32[2, 3]",
        "ONE_HOT(%x, int32[](5), float32[](1.0), float32[](0.0)) {axis=-1} : float32[2, 3, 5]",
        "all but the batch",
    ),
    "pad of rank 2": ("%x: float32[2, 3]", "PAD(%x, int32[2, 2](0, 1, 0, 1)) : float32[3, 4]", "3 or 4 dimensions"),
    "symmetric": (
        X,
        "MIRROR_PAD(%x, int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0)) {mode=SYMMETRIC} : float32[1, 6, 6, 8]",
        "SYMMETRIC",
    ),
    "select by int": ("%c: bool[3], %x: float32[3], %y: float32[1, 3]", "SELECT_V2(%c, %x, %y) : float32[1, 3]", "branch"),
    "slice of rank 2": ("%x: float32[2, 3]", "SLICE(%x, int32[2](0, 0), int32[2](1, 3)) : float32[1, 3]", "rank 2"),
    "shrunk": (
        X,
        "STRIDED_SLICE(%x, int32[4](0, 0, 0, 0), int32[4](1, 4, 4, 8), int32[4](1, 1, 1, 1)) {shrink_axis_mask=1} : float32[4, 4, 8]",
        "shrink_axis_mask",
    ),
    "softmax": ("%x: float32[2, 4]", "SOFTMAX(%x) {beta=2.0} : float32[2, 4]", "beta"),
    "constant operands": ("%x: float32[3]", "DIV(float32[](1.0), float32[](2.0)) : float32[]", "0 run-time"),
    "foreign operator": (X, 'CUSTOM(%x) {custom_code="Mine"} : float32[1]', "not known to the delegate"),
    "string": ("%x: string[2], %y: string[2]", "EQUAL(%x, %y) : bool[2]", "string"),
}


@pytest.mark.parametrize(("inputs", "line"), TAKEN.values(), ids=TAKEN)
def test_taken(inputs: str, line: str) -> None:
    assert gpu_reason(only(one_op(inputs, line))) is None


@pytest.mark.parametrize(("inputs", "line", "reason"), LEFT.values(), ids=LEFT)
def test_left(inputs: str, line: str, reason: str) -> None:
    assert reason in (gpu_reason(only(one_op(inputs, line))) or "")
