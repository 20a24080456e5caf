"""Tensors made from little: FILL, RANGE, MATRIX_DIAG, MATRIX_SET_DIAG; and sums by segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym, floordiv, maximum
from litesmith.ir.graph import Op
from litesmith.ir.opdef import OpDef
from litesmith.ir.types import TensorType
from litesmith.ops import costs, intervals, micro
from litesmith.ops.common import (
    BOOL,
    FLOAT,
    INDEX,
    INT8,
    INT16,
    INT32,
    STRING,
    UINT8,
    by_dtype,
    const_ints,
    dtypes,
    has_no_nan,
    operands,
    require_same_dtype,
    same_as,
    unknown_dim,
    unknown_dims,
)

# -- FILL and RANGE ---------------------------------------------------------------------------------------------------


def _infer_fill(op: Op) -> list[TensorType]:
    shape = dims_of(op["shape"])
    if shape is None:
        length = op["shape"].dims[0]
        shape = None if isinstance(length, Sym) else unknown_dims(op, length)
    if shape is not None and any(isinstance(d, int) and d < 0 for d in shape):
        raise UnsupportedError(f"a size in {shape} is negative", "fill a shape of known sizes", op=op.name)
    return [TensorType(op["value"].type.dtype, shape)]


def _fill(shape: Array, value: Array) -> Array:
    return np.full([int(d) for d in shape], value.reshape(()), value.dtype)


def _symbolic_fill(op: Op) -> Array | None:
    if not op["shape"].is_const or op["value"].sym is None:
        return None
    return _fill(op["shape"].numpy(), op["value"].sym)


FILL = OpDef(
    "FILL",
    94,
    operands("shape value", INDEX, FLOAT | INDEX | INT8 | INT16 | BOOL | STRING | dtypes("float16")),
    options=("FillOptions", 68),
    infer=_infer_fill,
    evaluate=_fill,
    symbolic=_symbolic_fill,
    version=by_dtype(1, bool=2, string=2, int8=3, int16=3, float16=4),
    runtimes={1: "1.13.0", 2: "2.3.0", 3: "2.5.0", 4: "2.12.0", 5: "2.23.0"},
    micro=micro.always,
    interval=intervals.either(1),
)


def _infer_range(op: Op) -> list[TensorType]:
    require_same_dtype(op)
    return [TensorType(op["start"].type.dtype, (_range_size(op),))]


def _range_size(op: Op) -> Dim:
    if all(v.is_const for v in op.inputs):
        return _range_count(*(v.numpy().reshape(-1)[0] for v in op.inputs))
    start, limit, delta = (None if v.sym is None else v.sym.reshape(-1)[0] for v in op.inputs)
    if start is None or limit is None or not isinstance(delta, int) or delta == 0:
        return unknown_dim()
    distance = limit - start if delta > 0 else start - limit
    return maximum(floordiv(distance + abs(delta) - 1, abs(delta)), 0)


def _range(start: Array, limit: Array, delta: Array) -> Array:
    """Element i is start + i * delta, computed by adding up as the kernel does."""
    first, last, step = (a.reshape(-1)[0] for a in (start, limit, delta))
    steps = np.full(_range_count(first, last, step), step)
    steps[:1] = first
    return np.cumsum(steps, dtype=first.dtype)


def _range_count(first: Any, last: Any, step: Any) -> int:
    if first.dtype.kind == "f":
        return max(int(np.ceil(np.abs((last - first) / step))), 0)
    distance, by = int(last) - int(first), int(step)
    return max(-(-abs(distance) // abs(by)), 0) if distance * by > 0 else 0


def _range_is_defined(op: Op) -> bool:
    start, limit, delta = (v.numpy().reshape(-1)[0] for v in op.inputs)
    return bool(delta != 0 and ((start <= limit) if delta > 0 else (start >= limit)))


RANGE = OpDef(
    "RANGE",
    96,
    operands("start limit delta", FLOAT | INDEX),
    options=("RangeOptions", 73),
    infer=_infer_range,
    evaluate=_range,
    foldable=_range_is_defined,
    version=by_dtype(int64=2),
    runtimes={1: "1.13.0", 2: "2.14.0"},
    cost=costs.result_elements,
    interval=intervals.counting,
)

# -- diagonals --------------------------------------------------------------------------------------------------------


def _infer_matrix_diag(op: Op) -> list[TensorType]:
    x = op["diagonal"].type
    if x.rank < 1:
        raise UnsupportedError("a scalar is not a diagonal", "reshape it to [1]", op=op.name)
    return [TensorType(x.dtype, (*x.dims, x.dims[-1]))]


def _matrix_diag(diagonal: Array) -> Array:
    return np.where(np.eye(diagonal.shape[-1], dtype=bool), diagonal[..., None], np.zeros((), diagonal.dtype))


_MATRIX = FLOAT | INDEX | INT8 | UINT8 | INT16

MATRIX_DIAG = OpDef(
    "MATRIX_DIAG",
    113,
    operands("diagonal", _MATRIX),
    options=("MatrixDiagOptions", 88),
    infer=_infer_matrix_diag,
    evaluate=_matrix_diag,
    runtimes={1: "1.14.0"},
)


def _matrix_set_diag(x: Array, diagonal: Array) -> Array:
    result = np.array(x)
    places = np.arange(min(x.shape[-2:]))
    result[..., places, places] = diagonal
    return result


MATRIX_SET_DIAG = OpDef(
    "MATRIX_SET_DIAG",
    115,
    operands("x diagonal", _MATRIX),
    options=("MatrixSetDiagOptions", 90),
    infer=same_as("x"),
    evaluate=_matrix_set_diag,
    runtimes={1: "1.14.0"},
)

# -- by segment -------------------------------------------------------------------------------------------------------


def _infer_segment_sum(op: Op) -> list[TensorType]:
    x, ids = op["x"].type, const_ints(op, "segment_ids")
    count: Dim = unknown_dim("n") if ids is None else max(ids, default=-1) + 1
    return [TensorType(x.dtype, (count, *x.dims[1:]))]


def _segment_sum(x: Array, segment_ids: Array) -> Array:
    sums = np.zeros((int(segment_ids.max(initial=-1)) + 1, *x.shape[1:]), x.dtype)
    np.add.at(sums, segment_ids, x)
    return sums


def _ids_ascend(op: Op) -> bool:
    """The kernel wants ids from 0 on, each at most one above the one before."""
    ids = np.array(const_ints(op, "segment_ids"))
    return bool(np.all(ids[:1] == 0) and np.all(np.isin(np.diff(ids), (0, 1))))


SEGMENT_SUM = OpDef(
    "SEGMENT_SUM",
    125,
    operands("x segment_ids", FLOAT | INT32, INT32),
    options=("SegmentSumOptions", 100),
    infer=_infer_segment_sum,
    evaluate=_segment_sum,
    foldable=_ids_ascend,
    runtimes={1: "2.2.0"},
    cost=costs.operand_elements,
)


def _infer_unsorted(op: Op) -> list[TensorType]:
    x, ids, count = op["x"].type, op["segment_ids"].type, op["num_segments"].sym
    size: Dim = unknown_dim("n") if count is None else count.reshape(-1)[0]
    return [TensorType(x.dtype, (size, *x.dims[ids.rank :]))]


def _segment_reducer(reduce: Callable[..., Any], empty: Callable[[Any], Any]) -> Callable[..., Array]:
    def evaluate(x: Array, segment_ids: Array, num_segments: Array) -> Array:
        count = int(num_segments.reshape(-1)[0])
        reduced = np.full((count, *x.shape[segment_ids.ndim :]), empty(x.dtype), x.dtype)
        kept = segment_ids >= 0
        reduce(reduced, segment_ids[kept], x[kept])
        return reduced

    return evaluate


def _ids_below_count(op: Op) -> bool:
    ids, count = op["segment_ids"].numpy(), int(op["num_segments"].numpy().reshape(-1)[0])
    return bool(np.all(ids < count)) and has_no_nan(op)


def _lowest(dtype: Any) -> Any:
    return np.finfo(dtype).min if dtype.kind == "f" else np.iinfo(dtype).min


def _largest(dtype: Any) -> Any:
    return np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max


def _unsorted_segment(
    suffix: str, code: int, number: int, reduce: Any, empty: Callable[[Any], Any], since: str
) -> OpDef:
    return OpDef(
        f"UNSORTED_SEGMENT_{suffix}",
        code,
        operands("x segment_ids num_segments", FLOAT | INT32, INT32),
        options=(f"UnsortedSegment{suffix.title()}Options", number),
        infer=_infer_unsorted,
        evaluate=_segment_reducer(reduce, empty),
        foldable=_ids_below_count,
        runtimes={1: since},
        cost=costs.operand_elements,
    )


UNSORTED_SEGMENT_PROD = _unsorted_segment("PROD", 153, 118, np.multiply.at, lambda dtype: 1, "2.10.0")
UNSORTED_SEGMENT_MAX = _unsorted_segment("MAX", 154, 119, np.maximum.at, _lowest, "2.10.0")
UNSORTED_SEGMENT_SUM = _unsorted_segment("SUM", 155, 121, np.add.at, lambda dtype: 0, "2.10.0")
UNSORTED_SEGMENT_MIN = _unsorted_segment("MIN", 157, 120, np.minimum.at, _largest, "2.11.0")

DEFINITIONS = (
    FILL,
    RANGE,
    MATRIX_DIAG,
    MATRIX_SET_DIAG,
    SEGMENT_SUM,
    UNSORTED_SEGMENT_PROD,
    UNSORTED_SEGMENT_MAX,
    UNSORTED_SEGMENT_SUM,
    UNSORTED_SEGMENT_MIN,
)
