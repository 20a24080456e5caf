"""Image operators on [N, H, W, C], and non-maximum suppression."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.opdef import Attr, OpDef, Trait, VersionRule
from litesmith.ir.types import Shape, TensorType, shape_text
from litesmith.ops import costs, gpu, micro, xnnpack
from litesmith.ops.common import (
    FLOAT,
    INT32,
    QUANTIZED,
    boolean,
    by_dtype,
    dtypes,
    highest,
    operands,
    unknown_dim,
)

# -- resizing ---------------------------------------------------------------------------------------------------------


def _infer_resize(op: Op) -> list[TensorType]:
    x = op["x"].type
    if x.rank != 4:
        raise UnsupportedError(f"input {shape_text(x.shape)} is not of rank 4", "reshape it to rank 4", op=op.name)
    sizes: Shape | None = dims_of(op["size"])
    if sizes is not None and len(sizes) != 2:
        raise UnsupportedError(f"size has {len(sizes)} elements, expected 2", op=op.name)
    height, width = sizes if sizes is not None else (unknown_dim(), unknown_dim())
    return [TensorType(x.dtype, (x.dims[0], height, width, x.dims[3]))]


def _one_convention(op: Op) -> str | None:
    if op.attrs["align_corners"] and op.attrs["half_pixel_centers"]:
        return "align_corners and half_pixel_centers exclude each other"
    return None


def _scale(size: int, new: int, align_corners: bool) -> np.float32:
    if align_corners and new > 1:
        return np.float32(size - 1) / np.float32(new - 1)
    return np.float32(size) / np.float32(new)


def nearest_rows(size: int, new: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """Source index of each new position."""
    offset = np.float32(0.5 if half_pixel_centers else 0)
    at = (np.arange(new, dtype=np.float32) + offset) * _scale(size, new, align_corners)
    index = np.floor(at + np.float32(0.5)) if align_corners else np.floor(at)
    return np.asarray(np.clip(index.astype(np.int64), 0, size - 1))


def _resize_nearest(x: Array, size: Array, *, align_corners: bool, half_pixel_centers: bool) -> Array:
    rows, columns = (
        nearest_rows(n, int(m), align_corners, half_pixel_centers) for n, m in zip(x.shape[1:3], size, strict=True)
    )
    return x[:, rows][:, :, columns]


def _weights(size: int, new: int, align_corners: bool, half_pixel_centers: bool) -> tuple[Array, Array, Array]:
    """Lower and upper source index of each new position, and the weight of the upper one."""
    at = np.arange(new, dtype=np.float32)
    scale = _scale(size, new, align_corners)
    at = (at + np.float32(0.5)) * scale - np.float32(0.5) if half_pixel_centers else at * scale
    lower = np.maximum(np.floor(at).astype(np.int64), 0)
    upper = np.minimum(np.ceil(at).astype(np.int64), size - 1)
    return lower, upper, (at - lower).astype(np.float32)


def _resize_bilinear(x: Array, size: Array, **attrs: Any) -> Array:
    for axis, new in zip((1, 2), size, strict=True):
        lower, upper, weight = _weights(x.shape[axis], int(new), attrs["align_corners"], attrs["half_pixel_centers"])
        weight = weight.reshape([-1 if a == axis else 1 for a in range(4)])
        x = np.take(x, lower, axis) * (1 - weight) + np.take(x, upper, axis) * weight
    return x


def _version(*attrs: str) -> VersionRule:
    chosen: VersionRule = lambda op: 3 if any(op.attrs[a] for a in attrs) else 1  # noqa: E731
    return highest(by_dtype(int8=2, int16=4), chosen)


def _cost(op: Op) -> Dim:
    """Multiply-adds: two linear interpolations of two taps each."""
    cost: Dim = 4 * op.result.type.count
    return cost


RESIZE_BILINEAR = OpDef(
    "RESIZE_BILINEAR",
    23,
    operands("x size", FLOAT | QUANTIZED, INT32),
    attrs={"align_corners": Attr("bool", False, slot=2), "half_pixel_centers": Attr("bool", False, slot=3)},
    options=("ResizeBilinearOptions", 15),
    infer=_infer_resize,
    evaluate=_resize_bilinear,
    foldable=lambda op: op["x"].type.dtype in FLOAT,
    check=_one_convention,
    version=_version("half_pixel_centers"),
    runtimes={1: "1.7.0", 2: "1.14.0", 3: "2.2.0", 4: "2.5.0"},
    cost=_cost,
    gpu=gpu.bilinear,
    micro=micro.always,
    xnnpack=xnnpack.RESIZE,
)

RESIZE_NEAREST_NEIGHBOR = OpDef(
    "RESIZE_NEAREST_NEIGHBOR",
    97,
    operands("x size", dtypes("float32 float16 int8 uint8 int16 uint16 int32 uint32 bool"), INT32),
    attrs={"align_corners": boolean(), "half_pixel_centers": boolean()},
    options=("ResizeNearestNeighborOptions", 74),
    traits=Trait.MOVES_DATA,
    infer=_infer_resize,
    evaluate=_resize_nearest,
    check=_one_convention,
    version=_version("half_pixel_centers", "align_corners"),
    runtimes={1: "1.13.1", 2: "1.14.0", 3: "2.3.0", 4: "2.4.0"},
    gpu=gpu.ONE,
    micro=micro.always,
)

# -- non-maximum suppression ------------------------------------------------------------------------------------------


def _selection_size(op: Op) -> Dim:
    limit = op["max_output_size"]
    return int(limit.numpy().reshape(())) if limit.is_const else unknown_dim("boxes")


def _infer_nms_v4(op: Op) -> list[TensorType]:
    return [TensorType(DType.INT32, (_selection_size(op),)), TensorType(DType.INT32, ())]


def _infer_nms_v5(op: Op) -> list[TensorType]:
    count = _selection_size(op)
    return [
        TensorType(DType.INT32, (count,)),
        TensorType(DType.FLOAT32, (count,)),
        TensorType(DType.INT32, ()),
    ]


def _overlaps(box: Array, others: Array) -> Array:
    """Intersection over union of one box [y1, x1, y2, x2] with others [n, 4]; corners may be in any order."""
    low, high = np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])
    lows, highs = np.minimum(others[:, :2], others[:, 2:]), np.maximum(others[:, :2], others[:, 2:])
    sides = np.maximum(np.minimum(high, highs) - np.maximum(low, lows), 0)
    shared, area, areas = sides.prod(1), (high - low).prod(), (highs - lows).prod(1)
    ratio = shared / np.where(area + areas - shared > 0, area + areas - shared, 1)
    return np.where((area <= 0) | (areas <= 0), 0, ratio).astype(np.float32)


def _suppress(boxes: Array, scores: Array, limit: int, iou: float, least: float, sigma: float) -> tuple[Array, Array]:
    """Greedy selection; with ``sigma`` > 0, an overlap lowers a score (soft suppression) rather than removing a box."""
    current, alive = scores.astype(np.float32).copy(), scores > least
    decay = np.float32(-0.5 / sigma) if sigma > 0 else np.float32(0)
    selected: list[int] = []
    while alive.any() and len(selected) < limit:
        best = int(np.flatnonzero(alive)[np.argmax(current[alive])])
        selected.append(best)
        alive[best] = False
        overlap = _overlaps(boxes[best], boxes)
        if sigma > 0:
            current[alive] *= np.exp(decay * overlap[alive] ** 2)
            alive &= (current > least) & (overlap <= iou)
        else:
            alive &= overlap <= iou
    return np.array(selected, np.int32), current[selected].astype(np.float32)


def _pad(array: Array, length: int) -> Array:
    return np.pad(array, (0, length - len(array)))


def _scalar(array: Array) -> float:
    return float(np.asarray(array).reshape(()))


def _nms_v4(boxes: Array, scores: Array, limit: Array, iou: Array, least: Array) -> list[Array]:
    size = int(_scalar(limit))
    selected, _ = _suppress(boxes, scores, size, _scalar(iou), _scalar(least), 0.0)
    return [_pad(selected, size), np.array(len(selected), np.int32)]


def _nms_v5(boxes: Array, scores: Array, limit: Array, iou: Array, least: Array, sigma: Array) -> list[Array]:
    size = int(_scalar(limit))
    selected, kept = _suppress(boxes, scores, size, _scalar(iou), _scalar(least), _scalar(sigma))
    return [_pad(selected, size), _pad(kept, size), np.array(len(selected), np.int32)]


NON_MAX_SUPPRESSION_V4 = OpDef(
    "NON_MAX_SUPPRESSION_V4",
    120,
    operands("boxes scores max_output_size iou_threshold score_threshold", FLOAT, FLOAT, INT32, FLOAT),
    results=("selected_indices", "valid_outputs"),
    options=("NonMaxSuppressionV4Options", 95),
    infer=_infer_nms_v4,
    evaluate=_nms_v4,
    runtimes={1: "2.1.0"},
    cost=costs.compares_pairs,
)

NON_MAX_SUPPRESSION_V5 = OpDef(
    "NON_MAX_SUPPRESSION_V5",
    121,
    operands("boxes scores max_output_size iou_threshold score_threshold soft_nms_sigma", FLOAT, FLOAT, INT32, FLOAT),
    results=("selected_indices", "selected_scores", "valid_outputs"),
    options=("NonMaxSuppressionV5Options", 96),
    infer=_infer_nms_v5,
    evaluate=_nms_v5,
    runtimes={1: "2.1.0"},
    cost=costs.compares_pairs,
)

DEFINITIONS = (RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR, NON_MAX_SUPPRESSION_V4, NON_MAX_SUPPRESSION_V5)
