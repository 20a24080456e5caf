"""Between real and quantized numbers, and from sparse to dense constants.

QUANTIZE's result type (element type, scale, zero point) is a matter of the result, not of attributes: give it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.constant import Array
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ir.types import TensorType
from litesmith.ops import gpu, micro, xnnpack
from litesmith.ops.common import FLOAT, boolean, dtypes, int32, operands, quantized_only, real, same_as


def _infer_quantize(op: Op) -> list[TensorType]:
    if not op.results:
        raise UnsupportedError("the result type of QUANTIZE is not inferred", "give the result types", op=op.name)
    return [op.results[0].type.with_shape(op["x"].type.shape)]


def _is_per_channel(op: Op) -> bool:
    types = [v.type for v in (*op.inputs, *op.results)]
    return any(t.quant is not None and t.quant.per_channel for t in types)


def _quantize_version(op: Op) -> int:
    types = {v.type.dtype for v in (op["x"], *op.results)}
    needed = [
        (6, DType.INT2 in types),
        (5, DType.UINT4 in types),
        (4, DType.INT4 in types),
        (3, _is_per_channel(op)),
        (2, DType.INT16 in types),
    ]
    return max((version for version, holds in needed if holds), default=1)


_TO = {
    DType.FLOAT32: dtypes("int8 uint8 int16 int4 uint4"),
    DType.INT8: dtypes("int8 uint8 int16"),
    DType.UINT8: dtypes("int8 uint8 int16"),
    DType.INT16: dtypes("int8 int16 int32"),
    DType.INT32: dtypes("int8 int16"),
}


def _goes(op: Op) -> str | None:
    x, result = op["x"].type, op.result.type
    if result.dtype not in _TO.get(x.dtype, frozenset()):
        return f"it does not go from {x.dtype} to {result.dtype}"
    if result.quant is None or (x.quant is None and not x.dtype.is_float):
        return "a quantized tensor has no scale"
    return None


QUANTIZE = OpDef(
    "QUANTIZE",
    114,
    operands("x", frozenset(_TO)),
    options=("QuantizeOptions", 89),
    traits=Trait.ELEMENTWISE,
    infer=_infer_quantize,
    check=_goes,
    version=_quantize_version,
    runtimes={1: "1.14.0", 2: "1.15.0", 3: "2.7.0", 4: "2.21.0", 5: "2.21.0", 6: "2.21.0"},
    gpu=gpu.ONE,
    micro=micro.QUANTIZE,
    xnnpack=xnnpack.convert,
)


def _dequantize_version(op: Op) -> int:
    per_channel = 5 if _is_per_channel(op) else 2
    versions = {
        DType.UINT4: 8,
        DType.INT2: 7,
        DType.INT4: 6,
        DType.INT16: 3,
        DType.FLOAT16: 3,
        DType.INT8: per_channel,
    }
    return versions.get(op["x"].type.dtype, 1)


DEQUANTIZE = OpDef(
    "DEQUANTIZE",
    6,
    operands("x", dtypes("float16 int8 uint8 int16 int4 uint4 int2")),
    options=("DequantizeOptions", 38),
    traits=Trait.ELEMENTWISE,
    infer=same_as("x", DType.FLOAT32),
    evaluate=lambda x: x.astype(np.float32),
    foldable=lambda op: False,  # the point of a quantized constant is to stay small
    check=quantized_only("int8 uint8 int16 int4 uint4 int2"),
    version=_dequantize_version,
    runtimes={
        1: "1.13.1", 2: "1.14.0", 3: "1.15.0", 4: "2.2.0", 5: "2.7.0", 6: "2.18.0", 7: "2.21.0", 8: "2.22.0", 9: "2.23.0",
    },
    gpu=gpu.DEQUANTIZE,
    micro=micro.QUANTIZE,
    xnnpack=xnnpack.convert,
)  # fmt: skip


def nudged_grid(low: Any, high: Any, num_bits: int, narrow_range: bool) -> tuple[Any, Any, np.float32, np.float32]:
    """The grid nearest to [low, high] on which 0 lies (of arrays, each element's): its scale, the step that is 0, and the
    first and the last step. All in float32, as the kernel has it."""
    first, last = np.float32(1 if narrow_range else 0), np.float32((1 << num_bits) - 1)
    with np.errstate(all="ignore"):
        scale = (high - low) / (last - first)
        zero = np.floor(np.clip(first - low / scale, first, last) + np.float32(0.5))
    return scale, zero, first, last


def _fake_quant(x: Array, *, min: float, max: float, num_bits: int, narrow_range: bool) -> Array:
    scale, zero, first, last = nudged_grid(np.float32(min), np.float32(max), num_bits, narrow_range)
    low = (first - zero) * scale
    high = low + scale * (last - first)
    steps = np.floor((np.clip(x, low, high) - low) * (np.float32(1) / scale) + np.float32(0.5))
    return np.asarray(steps * scale + low, np.float32)


def _fake_quant_range(op: Op) -> str | None:
    low, high, bits = op.attrs["min"], op.attrs["max"], op.attrs["num_bits"]
    if not low <= 0 <= high or low == high:
        return f"range [{low}, {high}] does not hold 0 and another number"
    if op.attrs["narrow_range"]:
        return "narrow_range is for weights; the kernel refuses it"
    return None if 2 <= bits <= 16 else f"{bits} bits are not within 2 to 16"


FAKE_QUANT = OpDef(
    "FAKE_QUANT",
    80,
    operands("x", FLOAT),
    attrs={"min": real(), "max": real(), "num_bits": int32(), "narrow_range": boolean()},
    options=("FakeQuantOptions", 58),
    traits=Trait.ELEMENTWISE,
    infer=same_as("x"),
    evaluate=_fake_quant,
    check=_fake_quant_range,
    version=lambda op: 2 if op.attrs["narrow_range"] else 1,
    runtimes={1: "1.5.0", 2: "1.10.0"},
)

SHIFTED, TO_EVEN, UP = range(3)
"""How numbers are rounded to a trained grid: steps are counted from the least number, or from 0 with ties to even, or up."""


def _trained_grid(
    x: Array, *, least: float, greatest: float, step: float, inverse: float, rounding: int
) -> Array:
    f = np.float32
    clamped = np.clip(x, f(least), f(greatest))
    if rounding == SHIFTED:
        return np.asarray(np.floor((clamped - f(least)) * f(inverse) + f(0.5)) * f(step) + f(least), f)
    scaled = clamped * f(inverse)
    steps = np.rint(scaled) if rounding == TO_EVEN else np.floor(scaled + f(0.5))
    return np.asarray(steps * f(step), f)


TRAINED_GRID = OpDef(
    "TRAINED_GRID",
    -1,
    operands("x", FLOAT),
    attrs={"least": real(), "greatest": real(), "step": real(), "inverse": real(), "rounding": int32()},
    traits=Trait.ELEMENTWISE,
    infer=same_as("x"),
    evaluate=_trained_grid,
)
"""Fake quantization that FAKE_QUANT cannot say, for the quantizer to read. It is in no file: `decompositions.grids` says it
in arithmetic."""

DENSIFY = OpDef(
    "DENSIFY",
    124,
    operands("x", dtypes("float32 float16 int8")),
    options=("DensifyOptions", 99),
    infer=same_as("x"),
    evaluate=lambda x: x,
    foldable=lambda op: op["x"].const is not None and op["x"].const.sparsity is None,
    check=lambda op: None if op["x"].is_const else "the operand is no constant",
    runtimes={1: "2.2.0"},
    gpu=gpu.densify,
)

DEFINITIONS = (QUANTIZE, DEQUANTIZE, FAKE_QUANT, DENSIFY)
