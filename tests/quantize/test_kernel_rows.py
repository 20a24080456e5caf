"""Every row of the kernel table runs in the runtime and agrees with the float kernel, with and without XNNPACK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType, Value
from litesmith.ops import OPS
from litesmith.quantize import Recipe
from litesmith.quantize.exchange import RealRunner
from litesmith.quantize.plan import STATIC
from litesmith.quantize.quantizer import quantize
from litesmith.runtime import Runner

Make = Callable[[Builder, list[Value]], Any]

I32 = np.int32
RNG = np.random.default_rng(7)
FILTER = RNG.normal(size=(4, 3, 3, 4)).astype(np.float32)
DEPTH_FILTER = RNG.normal(size=(1, 3, 3, 4)).astype(np.float32)
MATRIX = RNG.normal(size=(5, 4)).astype(np.float32)
BIAS = RNG.normal(size=4).astype(np.float32)
IMAGE = (1, 6, 6, 4)
ROWS = (3, 4)
STEP = dict(stride_h=1, stride_w=1)
POOL = dict(filter_height=2, filter_width=2, stride_h=2, stride_w=2, padding="VALID")


def unary(name: str, **attrs: Any) -> Make:
    return lambda b, v: getattr(b, name)(v[0], **attrs)


def binary(name: str, **attrs: Any) -> Make:
    return lambda b, v: getattr(b, name)(v[0], v[1], **attrs)


CASES: dict[str, tuple[tuple[tuple[int, ...], ...], Make, tuple[float, float]]] = {
    **{n.upper(): ((ROWS, ROWS), binary(n), (-2, 2)) for n in ("add", "sub", "mul", "maximum", "minimum")},
    **{
        n.upper(): ((ROWS, ROWS), binary(n), (-2, 2))
        for n in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "squared_difference")
    },
    "DIV": ((ROWS, ROWS), binary("div"), (1, 2)),
    "SELECT": ((ROWS, ROWS), lambda b, v: b.select(np.eye(3, 4) > 0, v[0], v[1]), (-2, 2)),
    "SELECT_V2": ((ROWS, ROWS), lambda b, v: b.select_v2(np.eye(3, 4) > 0, v[0], v[1]), (-2, 2)),
    **{n.upper(): ((ROWS,), unary(n), (0.5, 2)) for n in ("log", "sqrt", "rsqrt")},
    **{
        n.upper(): ((ROWS,), unary(n), (-2, 2))
        for n in ("abs", "exp", "relu", "relu6", "relu_n1_to_1", "relu_0_to_1", "hard_swish", "elu", "logistic",
                  "tanh", "gelu", "log_softmax")
    },
    "SOFTMAX": ((ROWS,), unary("softmax", beta=1.0), (-2, 2)),
    "LEAKY_RELU": ((ROWS,), unary("leaky_relu", alpha=0.2), (-2, 2)),
    "PRELU": ((ROWS,), lambda b, v: b.prelu(v[0], np.full(4, 0.25, np.float32)), (-2, 2)),
    "L2_NORMALIZATION": ((ROWS,), unary("l2_normalization"), (-2, 2)),
    **{
        n.upper(): ((IMAGE,), lambda b, v, n=n: getattr(b, n)(v[0], np.array([1, 2], I32), keep_dims=False), (-2, 2))
        for n in ("mean", "sum", "reduce_max", "reduce_min")
    },
    "REDUCE_PROD": (((2, 3),), lambda b, v: b.reduce_prod(v[0], np.array([1], I32), keep_dims=False), (0.5, 1.5)),
    "AVERAGE_POOL_2D": ((IMAGE,), unary("average_pool_2d", **POOL), (-2, 2)),
    "MAX_POOL_2D": ((IMAGE,), unary("max_pool_2d", **POOL), (-2, 2)),
    "CONCATENATION": ((ROWS, ROWS), binary("concatenation", axis=1), (-2, 2)),
    "PACK": ((ROWS, ROWS), binary("pack", axis=0), (-2, 2)),
    "UNPACK": ((ROWS,), lambda b, v: b.unpack(v[0], num=3, axis=0), (-2, 2)),
    "SPLIT": ((ROWS,), lambda b, v: b.split(1, v[0], num_splits=2), (-2, 2)),
    "SPLIT_V": ((ROWS,), lambda b, v: b.split_v(v[0], np.array([1, 3], I32), 1, num_splits=2), (-2, 2)),
    "SLICE": ((ROWS,), lambda b, v: b.slice(v[0], np.array([1, 0], I32), np.array([2, 3], I32)), (-2, 2)),
    "STRIDED_SLICE": (
        (ROWS,),
        lambda b, v: b.strided_slice(v[0], np.array([0, 3], I32), np.array([3, 0], I32), np.array([2, -1], I32)),
        (-2, 2),
    ),
    "PAD": ((ROWS,), lambda b, v: b.pad(v[0], np.array([[1, 1], [0, 2]], I32)), (-2, 2)),
    "PADV2": ((ROWS,), lambda b, v: b.padv2(v[0], np.array([[1, 1], [0, 2]], I32), np.float32(-3)), (-2, 2)),
    "MIRROR_PAD": ((ROWS,), lambda b, v: b.mirror_pad(v[0], np.array([[1, 1], [0, 2]], I32), mode="REFLECT"), (-2, 2)),
    "RESHAPE": ((ROWS,), lambda b, v: b.reshape(v[0], np.array([2, 6], I32)), (-2, 2)),
    "SQUEEZE": (((1, 3, 1, 4),), lambda b, v: b.squeeze(v[0], squeeze_dims=(0, 2)), (-2, 2)),
    "EXPAND_DIMS": ((ROWS,), lambda b, v: b.expand_dims(v[0], np.array(1, I32)), (-2, 2)),
    "TRANSPOSE": ((ROWS,), lambda b, v: b.transpose(v[0], np.array([1, 0], I32)), (-2, 2)),
    "GATHER": ((ROWS,), lambda b, v: b.gather(v[0], np.array([2, 0], I32), axis=0), (-2, 2)),
    "GATHER_ND": ((ROWS,), lambda b, v: b.gather_nd(v[0], np.array([[2, 0], [0, 1]], I32)), (-2, 2)),
    "TILE": ((ROWS,), lambda b, v: b.tile(v[0], np.array([2, 1], I32)), (-2, 2)),
    "BROADCAST_TO": (((1, 4),), lambda b, v: b.broadcast_to(v[0], np.array([3, 4], I32)), (-2, 2)),
    "RESIZE_BILINEAR": ((IMAGE,), lambda b, v: b.resize_bilinear(v[0], np.array([12, 12], I32)), (-2, 2)),
    "RESIZE_NEAREST_NEIGHBOR": ((IMAGE,), lambda b, v: b.resize_nearest_neighbor(v[0], np.array([9, 9], I32)), (-2, 2)),
    "DEPTH_TO_SPACE": ((IMAGE,), unary("depth_to_space", block_size=2), (-2, 2)),
    "SPACE_TO_DEPTH": ((IMAGE,), unary("space_to_depth", block_size=2), (-2, 2)),
    "BATCH_TO_SPACE_ND": (
        ((4, 3, 3, 2),), lambda b, v: b.batch_to_space_nd(v[0], np.array([2, 2], I32), np.zeros((2, 2), I32)), (-2, 2),
    ),
    "SPACE_TO_BATCH_ND": (
        (IMAGE,), lambda b, v: b.space_to_batch_nd(v[0], np.array([2, 2], I32), np.zeros((2, 2), I32)), (-2, 2),
    ),
    "REVERSE_V2": ((ROWS,), lambda b, v: b.reverse_v2(v[0], np.array([1], I32)), (-2, 2)),
    "REVERSE_SEQUENCE": (
        (ROWS,), lambda b, v: b.reverse_sequence(v[0], np.array([2, 4, 1], I32), seq_dim=1, batch_dim=0), (-2, 2),
    ),
    "ARG_MAX": ((ROWS,), lambda b, v: b.arg_max(v[0], np.array(1, I32), output_type=DType.INT32), (-2, 2)),
    "ARG_MIN": ((ROWS,), lambda b, v: b.arg_min(v[0], np.array(1, I32), output_type=DType.INT32), (-2, 2)),
    "TOPK_V2": ((ROWS,), lambda b, v: b.topk_v2(v[0], np.array(2, I32)), (-2, 2)),
    "DYNAMIC_UPDATE_SLICE": (
        (ROWS, (1, 4)), lambda b, v: b.dynamic_update_slice(v[0], v[1], np.array([1, 0], I32)), (-2, 2),
    ),
    "FILL": (((),), lambda b, v: b.fill(np.array([2, 3], I32), v[0]), (-2, 2)),
    "MATRIX_DIAG": ((ROWS,), unary("matrix_diag"), (1, 2)),
    "SCATTER_ND": (
        ((2, 4),), lambda b, v: b.scatter_nd(np.array([[3], [1]], I32), v[0], np.array([5, 4], I32)), (1, 2),
    ),
    "ONE_HOT": (
        ((), ()), lambda b, v: b.one_hot(np.array([2, 0, 1], I32), np.int32(3), v[0], v[1], axis=-1), (1, 2),
    ),
    "MATRIX_SET_DIAG": (((3, 3), (3,)), binary("matrix_set_diag"), (-2, 2)),
    "CONV_2D": ((IMAGE,), lambda b, v: b.conv_2d(v[0], FILTER, BIAS, **STEP), (-2, 2)),
    "DEPTHWISE_CONV_2D": ((IMAGE,), lambda b, v: b.depthwise_conv_2d(v[0], DEPTH_FILTER, BIAS, **STEP), (-2, 2)),
    "TRANSPOSE_CONV": (
        (IMAGE,),
        lambda b, v: b.transpose_conv(np.array([1, 12, 12, 4], I32), FILTER, v[0], BIAS, stride_h=2, stride_w=2),
        (-2, 2),
    ),
    "FULLY_CONNECTED": ((ROWS,), lambda b, v: b.fully_connected(v[0], MATRIX, np.zeros(5, np.float32)), (-2, 2)),
    "BATCH_MATMUL": (((2, 3, 4), (2, 4, 5)), binary("batch_matmul"), (-2, 2)),
}  # fmt: skip
"""Operator -> shapes of its inputs, how it is made, the range of the inputs."""

ROUGH = {("RSQRT", "int16"): 0.01, ("RESIZE_BILINEAR", "int16"): 0.01, ("RSQRT", "int8"): 0.02, ("LOG", "int16"): 5e-4}
"""Kernels that are less exact than one or two steps, as shares of the range."""

STEPS = {"int8": 255, "uint8": 255, "int16": 32767}
MODES = {"int8": "int8", "uint8": "uint8", "int16": "int16x8"}

TYPED = [
    (name, dtype.text)
    for name, defn in OPS.items()
    if defn.quant is not None
    for dtype in defn.quant.kernels
    if dtype is not DType.FLOAT32 and name != "UNIDIRECTIONAL_SEQUENCE_LSTM"  # keeps a state: test_fused_lstm.py
]


def test_every_row_has_a_case() -> None:
    assert {name for name, _ in TYPED} == set(CASES)


def program_of(name: str) -> tuple[Program, list[np.ndarray[Any, Any]]]:
    shapes, make, (low, high) = CASES[name]
    graph = Graph()
    b = Builder(graph, OPS)
    inputs = [graph.add_input(TensorType(DType.FLOAT32, shape), f"x{i}") for i, shape in enumerate(shapes)]
    made = make(b, inputs)
    graph.outputs = list(made) if isinstance(made, (tuple, list)) else [made]
    names = {f"y{i}": i for i in range(len(graph.outputs))}
    program = Program([graph], [Signature("main", graph, {f"x{i}": i for i in range(len(shapes))}, names)])
    rng = np.random.default_rng(3)
    return program, [rng.uniform(low, high, shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize(("name", "dtype"), TYPED, ids=lambda v: str(v))
def test_row(name: str, dtype: str) -> None:
    program, arrays = program_of(name)
    inputs = {f"x{i}": a for i, a in enumerate(arrays)}
    recipe = Recipe(MODES[dtype], islands=False, bias_correction=False, least_sqnr=-300)
    result = quantize(program, recipe, [("main", inputs)])
    assert result.plan.ops["0:0"].form == STATIC, result.plan.ops["0:0"]
    model = write_model(result.program)
    # the float kernel on the numbers the integers stand for
    stored = {n: _rounded(result, program, i, a, dtype) for i, (n, a) in enumerate(inputs.items())}
    expected = Runner(write_model(program)).run(stored)
    for kernels in ("default", "builtin"):
        runner = RealRunner(model, kernels=kernels)
        for _ in range(3):
            _compare(name, dtype, expected, runner.run(stored))


def _rounded(result: Any, program: Program, index: int, array: Any, dtype: str) -> Any:
    """An input as the quantized model reads it."""
    for op in result.program.main.ops:
        quantized = op.name == "QUANTIZE" and op["x"] is result.program.main.inputs[index]
        if quantized:
            quant = op.results[0].type.quant
            limits = np.iinfo(dtype)
            steps = np.clip(np.rint(array / quant.scale[0]) + quant.zero_point[0], limits.min, limits.max)
            return ((steps - quant.zero_point[0]) * quant.scale[0]).astype(np.float32)
    return array


def _compare(name: str, dtype: str, expected: Any, actual: Any) -> None:
    for output, value in expected.items():
        if value.dtype.kind != "f":
            np.testing.assert_array_equal(actual[output], value)
            continue
        span = float(np.abs(value).max())
        weights = 0.02 if name in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED") else 0.0
        allowed = span * ROUGH.get((name, dtype), 4.5 / STEPS[dtype]) + span * weights + 1e-6
        np.testing.assert_allclose(actual[output], value, atol=allowed, rtol=0)
