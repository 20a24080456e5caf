"""Which operators the runtime computes on quantized tensors, how fast, and which operands share a scale.

One row an operator, in text: the relative time of the kernel by element type of the activations (1 is the float32 kernel
as applications run it), then what is special: ``float=1.3`` (time of the float32 kernel for each element, an ADD's is 1),
``not_negative=x`` and ``not_zero=x`` (with which integer kernels fail), ``spreads`` (so far that integers say little),
``same`` (results and the first operand share a scale), ``same=x y`` (these operands do). What is not here is refused by the
kernel, or computed wrongly: it stays float. (NEG is not here: the least integer has no negative, and its kernel wraps.)

Source: measured on ai-edge-litert 2.3.0, x86-64, one operator a file, each against the float kernel on the dequantized
operands, in the default, plain and reference interpreters. `tests/ops/test_quantized_kernels.py` runs the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from litesmith.ir.dtypes import DType
from litesmith.ir.opdef import Kernel, OpDef, QuantRule
from litesmith.ops.common import dtypes

ACTIVATIONS = """
ADD                      int8 1.0   uint8 1.0  int16 17
SUB                      int8 1.0   uint8 1.0  int16 37
MUL                      int8 2.1   uint8 2.1  int16 35
DIV                      int8 360   uint8 360  int16 370   not_zero=y spreads
MAXIMUM                  int8 0.3   uint8 0.3  int16 0.5   same=x y
MINIMUM                  int8 0.3   uint8 0.3  int16 0.5   same=x y
SQUARED_DIFFERENCE       int8 80                           spreads
EQUAL                    int8 12    uint8 12   int16 1
NOT_EQUAL                int8 12    uint8 12   int16 1
GREATER                  int8 12    uint8 12   int16 1
GREATER_EQUAL            int8 12    uint8 12   int16 1
LESS                     int8 12    uint8 12   int16 1
LESS_EQUAL               int8 12    uint8 12   int16 1
SELECT                   int8 0.4   uint8 0.4  int16 0.6   same=x y
SELECT_V2                int8 0.4   uint8 0.4  int16 0.6   same=x y
LOG                      int8 2.0              int16 8     not_negative=x spreads
SQRT                     int8 30               int16 30    not_negative=x spreads
RSQRT                    int8 9800             int16 25    not_negative=x not_zero=x spreads
ABS                      int8 110              int16 110
EXP                      int8 2.0              int16 8     float=1.3
RELU                     int8 135   uint8 130  int16 140
RELU6                    int8 135   uint8 130  int16 140
RELU_N1_TO_1             int8 135   uint8 130
RELU_0_TO_1              int8 135   uint8 130
HARD_SWISH               int8 76    uint8 76
ELU                      int8 0.4
LOGISTIC                 int8 0.45  uint8 0.45 int16 16    float=1.2
TANH                     int8 0.45  uint8 0.45 int16 15    float=1.3
PRELU                    int8 83    uint8 80
LEAKY_RELU               int8 1.0   uint8 1.0  int16 17
GELU                     int8 1.6   uint8 1.6  int16 6     float=1.6
SOFTMAX                  int8 8.0   uint8 4.7  int16 20    float=3.0
LOG_SOFTMAX              int8 8.0   uint8 8.0              float=6.0
L2_NORMALIZATION         int8 5.7   uint8 2.5              float=3.0
MEAN                     int8 0.5   uint8 0.9  int16 110
SUM                      int8 0.5   uint8 0.9  int16 10
REDUCE_MAX               int8 0.75  uint8 0.75 int16 2     same
REDUCE_MIN               int8 0.75  uint8 0.75 int16 2     same
REDUCE_PROD              int8 20               int16 20    spreads
AVERAGE_POOL_2D          int8 17    uint8 9.5  int16 45    same
MAX_POOL_2D              int8 0.33  uint8 0.33 int16 19    same
CONCATENATION            int8 0.3   uint8 0.3  int16 0.6   same=xs
PACK                     int8 0.3   uint8 0.3  int16 0.6   same=xs
UNPACK                   int8 0.3   uint8 0.3  int16 0.6   same
SPLIT                    int8 0.3   uint8 0.3  int16 0.6   same
SPLIT_V                  int8 0.3   uint8 0.3  int16 0.6   same
SLICE                    int8 0.5   uint8 0.5  int16 5     same
STRIDED_SLICE            int8 0.5   uint8 0.5  int16 75    same
PAD                      int8 0.95  uint8 1.0  int16 2.6   same
PADV2                    int8 1.0   uint8 1.0  int16 2.6   same=x value
MIRROR_PAD               int8 0.5   uint8 0.5  int16 0.6   same
RESHAPE                  int8 0.3   uint8 0.3  int16 0.5   same
SQUEEZE                  int8 0.3   uint8 0.3  int16 0.5   same
EXPAND_DIMS              int8 0.3   uint8 0.3  int16 0.5   same
TRANSPOSE                int8 0.6   uint8 0.6  int16 5.4   same
GATHER                   int8 0.8   uint8 0.8  int16 0.9   same
GATHER_ND                int8 0.8   uint8 0.8  int16 0.9   same
TILE                     int8 0.5   uint8 0.5  int16 0.7   same
BROADCAST_TO             int8 0.5   uint8 0.5  int16 0.7   same
RESIZE_BILINEAR          int8 1.2   uint8 1.2  int16 10    same
RESIZE_NEAREST_NEIGHBOR  int8 1.0   uint8 1.0  int16 1     same
DEPTH_TO_SPACE           int8 0.5   uint8 0.5              same
SPACE_TO_DEPTH           int8 0.5   uint8 0.5              same
BATCH_TO_SPACE_ND        int8 0.5   uint8 0.5  int16 0.7   same
SPACE_TO_BATCH_ND        int8 0.5   uint8 0.5  int16 0.7   same
REVERSE_V2               int8 0.5   uint8 0.5  int16 0.7   same
REVERSE_SEQUENCE                    uint8 0.5  int16 0.7   same
ARG_MAX                  int8 1     uint8 1
ARG_MIN                  int8 1     uint8 1
TOPK_V2                  int8 1     uint8 1    int16 1     same
DYNAMIC_UPDATE_SLICE     int8 0.5   uint8 0.5  int16 0.7   same=x update
FILL                     int8 0.5              int16 0.7   same=value
MATRIX_SET_DIAG          int8 1     uint8 1    int16 1     same=x diagonal
MATRIX_DIAG              int8 1                int16 1     same
SCATTER_ND               int8 1                            same=updates
ONE_HOT                  int8 1     uint8 1                same=on off
"""

WEIGHTS = """
CONV_2D              int8 0.30 int8 int4     | int16 0.9 int8 int4 | uint8 1.0 uint8 | float32 0.5 int8 int4
DEPTHWISE_CONV_2D    int8 1.10 int8 int4     | int16 57 int8       | uint8 1.3 uint8 | float32 6.9 int8
TRANSPOSE_CONV       int8 0.23 int8          | int16 0.7 int8      | uint8 0.5 uint8 | float32 0.3 int8
FULLY_CONNECTED      int8 0.27 int8 int4 int2 | int16 1.2 int8 int4 | uint8 0.9 uint8 | float32 0.3 int8 int4 int2
BATCH_MATMUL         int8 1.20 int8          | int16 42 int16      |                 | float32 0.5 int8
EMBEDDING_LOOKUP     float32 1.0 int8 int4
UNIDIRECTIONAL_SEQUENCE_LSTM int8 9 int8 | float32 0.84 int8
BIDIRECTIONAL_SEQUENCE_LSTM  float32 0.84 int8
LSTM                         float32 0.84 int8
RNN                          float32 0.84 int8
UNIDIRECTIONAL_SEQUENCE_RNN  float32 0.84 int8
BIDIRECTIONAL_SEQUENCE_RNN   float32 0.84 int8
SVDF                         float32 0.84 int8
"""

_BIASES = {
    DType.INT8: dtypes("int32"),
    DType.UINT8: dtypes("int32"),
    DType.INT16: dtypes("int32 int64"),
    DType.FLOAT32: dtypes("float32"),
}

_BIASES_OF = {("DEPTHWISE_CONV_2D", DType.INT16): dtypes("int64")}
"""A depthwise kernel refuses 32-bit biases beside 16-bit activations, whatever its options say."""

_PER_CHANNEL_ONLY = {("DEPTHWISE_CONV_2D", DType.FLOAT32)}
"""Computes garbage with one scale for all channels."""

_PER_TENSOR_ONLY = {
    ("BATCH_MATMUL", DType.INT8),
    ("BATCH_MATMUL", DType.INT16),
    ("UNIDIRECTIONAL_SEQUENCE_LSTM", DType.INT8),
    *((name, dtype) for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
      for dtype in (DType.UINT8,)),
}  # fmt: skip
"""Computes zeros, or refuses, with a scale for each channel."""

_SYMMETRIC = {"BATCH_MATMUL": ("y",), "MATRIX_DIAG": ("diagonal",), "SCATTER_ND": ("updates",)}
"""Operands whose zero point is 0: it is faster so, or the kernel fills the rest with the stored number 0."""


def with_kernels(defn: OpDef) -> OpDef:
    """The declaration itself (operators are told by identity), given its rows of the tables above."""
    object.__setattr__(defn, "quant", _rule(defn))
    return defn


def _rule(defn: OpDef) -> QuantRule | None:
    row = _ROWS.get(defn.name)
    if row is None:
        return None
    base = defn.quant or QuantRule()
    symmetric = _SYMMETRIC.get(defn.name, ())
    return replace(row, weights=base.weights, bias=base.bias, fixed=base.fixed, symmetric=symmetric)


def _activation_rule(words: list[str]) -> QuantRule:
    kernels: dict[DType, Kernel] = {}
    facts: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        name, _, value = word.partition("=")
        if name == "same":
            facts.update(ties=(value, *rest), same_scale=True)
        elif name == "float":
            facts["float_time"] = float(value)
        elif name in ("not_negative", "not_zero", "spreads"):
            facts[name] = value or True
        else:
            kernels[DType.parse(word)] = Kernel(float(next(rest)))
    return QuantRule(kernels=kernels, **facts)


def _weight_rule(name: str, text: str) -> QuantRule:
    kernels: dict[DType, Kernel] = {}
    for part in filter(None, (p.split() for p in text.split("|"))):
        dtype = DType.parse(part[0])
        kernels[dtype] = Kernel(
            float(part[1]),
            dtypes(*part[2:]),
            per_channel=(name, dtype) not in _PER_TENSOR_ONLY,
            per_tensor=(name, dtype) not in _PER_CHANNEL_ONLY,
            biases=_BIASES_OF.get((name, dtype), _BIASES[dtype]),
        )
    return QuantRule(kernels=kernels)


def _rows() -> Iterator[tuple[str, QuantRule]]:
    for line in filter(None, ACTIVATIONS.splitlines()):
        name, *words = line.split()
        yield name, _activation_rule(words)
    for line in filter(None, WEIGHTS.splitlines()):
        name, text = line.split(maxsplit=1)
        yield name, _weight_rule(name, text)


_ROWS: Mapping[str, QuantRule] = dict(_rows())
