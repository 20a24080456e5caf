"""Every element type declared for a kernel is taken by it, and what `check` refuses is refused for cause."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from litesmith.errors import LitesmithError
from litesmith.ir import Builder, DType, Graph, Quantization, TensorType
from litesmith.ir.verify import kernel_problems
from litesmith.ops import OPS
from litesmith.ops.quantization import _TO as QUANTIZES_TO
from tests.arrays import assert_close, f32, rng
from tests.ops.harness import Case, OperandRow, Quantized, accepts, evaluated, i32, operation, program_of, run, scalar

STEP = dict(stride_h=1, stride_w=1)
STEP3 = dict(stride_d=1, **STEP)
POOL = dict(filter_height=2, filter_width=2, **STEP)
QUANTIZED = ("int8", "uint8", "int16", "int4", "int2")


STEP_SIZE = 0.05
"""Scale of quantized activations."""


def some(dtype: str, *shape: int, quantized: bool = True, scale: Any = STEP_SIZE, axis: int = 0) -> OperandRow:
    """An operand of this type, integers of the quantized types with scale and zero point."""
    found = DType.parse(dtype)
    if dtype == "string":
        return np.full(shape, b"text", object)
    array = rng(f"{dtype}{shape}").uniform(0, 2, shape).astype(found.numpy)
    if not quantized or dtype not in QUANTIZED:
        return array
    return Quantized(array, scale, 0, axis, found)


def scaled(dtype: str, *shape: int, scale: float = STEP_SIZE, zero_point: int = 0) -> TensorType:
    """A quantized result type."""
    return TensorType(DType.parse(dtype), shape, Quantization(np.array([scale], np.float32), np.array([zero_point])))


def like(x: str, *shape: int, **quant: Any) -> list[TensorType]:
    """The result type that goes with an input of this type."""
    return [scaled(x, *shape, **quant) if x in QUANTIZED else TensorType(DType.parse(x), shape)]


def bias(x: str, weights: OperandRow) -> OperandRow:
    """A bias of 4 units for these weights and an input of this type, with the scale of the accumulator."""
    if x == "float32" or not isinstance(weights, Quantized):
        return f32(4)
    scale = np.array(weights.scale, np.float32) * np.float32(STEP_SIZE)
    return Quantized(np.zeros(4, np.int64 if x == "int16" else np.int32), scale.tolist())


# -- types of weights -------------------------------------------------------------------------------------------------

WEIGHTED: dict[str, dict[str, str]] = {
    "CONV_2D": {"float32": "float32 int8 int4", "int8": "int8 int4", "uint8": "uint8", "int16": "int8 int4"},
    "DEPTHWISE_CONV_2D": {"float32": "float32 int8", "int8": "int8 int4", "uint8": "uint8", "int16": "int8"},
    "TRANSPOSE_CONV": {"float32": "float32 int8", "int8": "int8", "uint8": "uint8", "int16": "int8"},
    "FULLY_CONNECTED": {
        "float32": "float32 int8 int4 int2", "int8": "int8 int4 int2", "uint8": "uint8", "int16": "int8 int4",
    },
    "BATCH_MATMUL": {"float32": "float32 int8", "int8": "int8", "int16": "int16"},
}  # fmt: skip
FILTERS = {
    "CONV_2D": (4, 3, 3, 2), "DEPTHWISE_CONV_2D": (1, 3, 3, 4), "TRANSPOSE_CONV": (4, 3, 3, 2),
    "FULLY_CONNECTED": (4, 8), "BATCH_MATMUL": (8, 4),
}  # fmt: skip
CHANNEL_AXIS = {"DEPTHWISE_CONV_2D": 3}


def weighted(op: str, x: str, w: OperandRow, name: str) -> Case:
    """An operation with weights."""
    match op:
        case "CONV_2D":
            return Case(name, op, (some(x, 1, 5, 5, 2), w, bias(x, w)), 0, STEP, (1, 2), results=like(x, 1, 5, 5, 4))
        case "DEPTHWISE_CONV_2D":
            return Case(name, op, (some(x, 1, 5, 5, 4), w, bias(x, w)), 0, STEP, (1, 2), results=like(x, 1, 5, 5, 4))
        case "TRANSPOSE_CONV":
            row = (i32(1, 5, 5, 4), w, some(x, 1, 5, 5, 2), bias(x, w))
            return Case(name, op, row, 0, STEP, (0, 1, 3), results=like(x, 1, 5, 5, 4))
        case "FULLY_CONNECTED":
            return Case(name, op, (some(x, 3, 8), w, bias(x, w)), 0, {}, (1, 2), results=like(x, 3, 4))
        case _:
            return Case(name, op, (some(x, 3, 8), w), 0, {}, (1,), results=like(x, 3, 4))


def filter_of(op: str, w: str, *, per_channel: bool) -> OperandRow:
    """Weights of this type, per channel or with one scale."""
    axis, shape = CHANNEL_AXIS.get(op, 0), FILTERS[op]
    return some(w, *shape, scale=[0.02, 0.03, 0.01, 0.05] if per_channel else 0.03, axis=axis)


PAIRS = [(op, x, w) for op, pairs in WEIGHTED.items() for x, ws in pairs.items() for w in ws.split()]


@pytest.mark.parametrize("op, x, w", PAIRS)
def test_weights_are_taken(op, x, w):
    per_channel = op not in ("FULLY_CONNECTED", "BATCH_MATMUL") and x != "uint8"
    accepts(weighted(op, x, filter_of(op, w, per_channel=per_channel), f"{x}-{w}"))


@pytest.mark.parametrize("op", WEIGHTED)
def test_declared_weights_are_the_tested_ones(op):
    defn = OPS[op]
    at = 2 if op == "TRANSPOSE_CONV" else 0
    assert defn.inputs[at].dtypes == frozenset({DType.parse(x) for x in WEIGHTED[op]})
    for x, w in product(WEIGHTED[op], ("float32", "int8", "uint8", "int4", "int2", "int16")):
        case = weighted(op, x, filter_of(op, w, per_channel=op == "DEPTHWISE_CONV_2D"), "pair")
        assert bool(kernel_problems(program_of(operation(case)))) == (w not in WEIGHTED[op][x].split()), f"{x} {w}"


def dequantized(operand: OperandRow) -> np.ndarray:
    """The real numbers of a quantized operand."""
    assert isinstance(operand, Quantized)
    scale = np.array(operand.scale, np.float32)
    shape = [-1 if a == operand.axis else 1 for a in range(operand.array.ndim)] if scale.size > 1 else []
    return operand.array.astype(np.float32) * scale.reshape(shape)


HYBRIDS = [(op, w) for op, x, w in PAIRS if x == "float32" and w != "float32"]


@pytest.mark.parametrize("op, w", HYBRIDS)
@pytest.mark.parametrize("kernels", ["default", "builtin"])
def test_integer_weights_with_float_input_compute_what_they_stand_for(op, w, kernels):
    weights = filter_of(op, w, per_channel=op != "BATCH_MATMUL")
    case = weighted(op, "float32", weights, "hybrid")
    case = Case(case.name, op, case.operands, 0, case.attrs, case.constant, kernels=kernels)
    real = weighted(op, "float32", dequantized(weights), "real")
    assert_close(run(case, operation(case))[0], evaluated(real)[0], 0.02)  # the kernel rounds the input to 8 bits


# -- one data operand -------------------------------------------------------------------------------------------------


def _l2(x: str) -> Case:
    results = like(x, 2, 4, scale=1 / 128, zero_point=128 if x == "uint8" else 0)
    return Case(x, "L2_NORMALIZATION", (some(x, 2, 4),), 0, results=results)


def _dequantize(x: str) -> Case:
    packed = x in ("int4", "uint4", "int2")
    operand = (
        Quantized(np.ones((2, 4), DType.parse(x).numpy), 0.1, dtype=DType.parse(x)) if x != "float16" else some(x, 2)
    )
    return Case(x, "DEQUANTIZE", (operand,), 0, {}, (0,) if packed else ())


def _pool(op: str) -> Callable[[str], Case]:
    return lambda x: Case(x, op, (some(x, 1, 4, 4, 2),), 0, POOL, results=like(x, 1, 4, 4, 2))


def _resize(op: str) -> Callable[[str], Case]:
    return lambda x: Case(x, op, (some(x, 1, 4, 4, 2, quantized=False), i32(3, 7)), 0, {}, (1,))


def _binary(op: str) -> Callable[[str], Case]:
    return lambda x: Case(x, op, (some(x, 2, 3, quantized=False), some(x, 2, 3, quantized=False)), 0)


PAD = dict(edge_padding_low=(1, 0), edge_padding_high=(0, 1), interior_padding=(0, 1))
GATHER = dict(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,), index_vector_dim=1, slice_sizes=(1, 3))

UNARY: dict[str, Callable[[str], Case]] = {
    "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": _pool("MAX_POOL_2D"),
    "L2_POOL_2D": _pool("L2_POOL_2D"),
    "L2_NORMALIZATION": _l2,
    "RESIZE_BILINEAR": _resize("RESIZE_BILINEAR"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("RESIZE_NEAREST_NEIGHBOR"),
    "DEQUANTIZE": _dequantize,
    "SKIP_GRAM": lambda x: Case(x, "SKIP_GRAM", (some(x, 1),), 0, dict(ngram_size=1)),
    "RANDOM_UNIFORM": lambda x: Case(x, "RANDOM_UNIFORM", (i32(2, 3),), 0, dict(seed=1)),
    "RANDOM_STANDARD_NORMAL": lambda x: Case(x, "RANDOM_STANDARD_NORMAL", (i32(2, 3),), 0, dict(seed=1)),
    "MULTINOMIAL": lambda x: Case(x, "MULTINOMIAL", (f32(2, 5), scalar(4)), 0, dict(seed=1), (1,)),
    **{f"STABLEHLO_{n}": _binary(f"STABLEHLO_{n}") for n in "ADD MULTIPLY MAXIMUM MINIMUM AND SHIFT_LEFT".split()},
    "STABLEHLO_PAD": lambda x: Case(
        x, "STABLEHLO_PAD", (some(x, 2, 3, quantized=False), some(x, quantized=False)), 0, PAD, (1,)
    ),
    "STABLEHLO_GATHER": lambda x: Case(
        x, "STABLEHLO_GATHER", (some(x, 4, 3, quantized=False), i32([[1], [2]])), 0, GATHER
    ),
}


@pytest.mark.parametrize("op, x", [(op, x.text) for op in UNARY for x in sorted(OPS[op].inputs[0].dtypes, key=str)])
def test_declared_types_are_taken(op, x):
    accepts(UNARY[op](x))


@pytest.mark.parametrize("x, result", [(x.text, r.text) for x, rs in QUANTIZES_TO.items() for r in sorted(rs, key=str)])
def test_quantize_goes(x, result):
    source = Quantized(np.ones((2, 4), DType.parse(x).numpy), 0.1) if x != "float32" else f32(2, 4)
    accepts(Case(x, "QUANTIZE", (source,), 0, results=[scaled(result, 2, 4)]))


COPIED = ["float32", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "bool"]


@pytest.mark.parametrize("x", COPIED)
def test_nearest_neighbours_are_copied_in_every_type(x):
    case = UNARY["RESIZE_NEAREST_NEIGHBOR"](x)
    np.testing.assert_array_equal(run(case, operation(case))[0], evaluated(case)[0])


# -- refusals ---------------------------------------------------------------------------------------------------------


def _conv_with(activation: str) -> Case:
    attrs = {**STEP, "fused_activation_function": activation}
    return Case(activation, "CONV_2D", (f32(1, 5, 5, 2), f32(4, 3, 3, 2), f32(4)), 0, attrs, (1, 2))


REFUSED = (
    (_conv_with("TANH"), "ignores the fused activation TANH"),
    (Case("bias", "CONV_2D", (f32(1, 5, 5, 2), f32(4, 3, 3, 2)), 0, STEP, (1,)), "without a bias"),
    (Case("units", "CONV_2D", (f32(1, 5, 5, 4), f32(3, 3, 3, 2), f32(3)), 0, STEP, (1, 2)), "no multiple of the 2"),
    (Case("sizes", "TRANSPOSE_CONV", (i32(1, 9, 9, 4), f32(4, 3, 3, 2), f32(1, 5, 5, 2)), 0, STEP, (0, 1)),
     "needs spatial sizes"),
    (Case("sizes", "CONV_3D_TRANSPOSE", (i32(1, 9, 7, 7, 2), f32(3, 3, 3, 2, 1), f32(1, 7, 7, 7, 1)), 0, STEP3, (0, 1)),
     "needs spatial sizes"),
    (Case("both", "RESIZE_BILINEAR", (f32(1, 4, 4, 2), i32(3, 3)), 0,
          dict(align_corners=True, half_pixel_centers=True), (1,)), "exclude each other"),
    (Case("relu", "L2_NORMALIZATION", (f32(2, 4),), 0, dict(fused_activation_function="RELU")), "no fused activation"),
    (Case("rank3", "LOCAL_RESPONSE_NORMALIZATION", (f32(2, 3, 4),), 0, dict(radius=1)), "rank 3 is not 4"),
    (Case("odd", "RFFT2D", (f32(3, 5), i32(3, 5)), 0, {}, (1,)), "powers of two"),
    (Case("rank6", "BATCH_MATMUL", (f32(1, 1, 1, 2, 3, 4), f32(4, 5)), 0, {}, (1,)), "not within 2 to 5"),
    (Case("narrow", "FAKE_QUANT", (f32(3),), 0, dict(min=-1.0, max=1.0, num_bits=8, narrow_range=True)), "refuses"),
    (Case("tanh", "STABLEHLO_TANH", (f32(3),), 0), "no kernel"),
    (Case("concat", "CONCAT_EMBEDDINGS", (f32(3),), 0, results=like("float32", 3)), "no kernel"),
)  # fmt: skip


@pytest.mark.parametrize("case, reason", REFUSED, ids=repr)
def test_what_the_kernel_refuses_is_refused(case, reason):
    problems = kernel_problems(program_of(operation(case)))
    assert any(reason in p.reason for p in problems), problems


RUNS_ANYWAY = {"CONV_2D-TANH", "RESIZE_BILINEAR-both", "BATCH_MATMUL-rank6"}
"""Refused although the default kernels run them: wrongly (TANH), or only where XNNPACK takes them."""


@pytest.mark.parametrize("case", [c for c, _ in REFUSED if repr(c) not in RUNS_ANYWAY and c.name != "units"], ids=repr)
def test_the_runtime_refuses_too(case):
    op = operation(case)
    with pytest.raises(LitesmithError):
        run(Case(case.name, case.op, case.operands, 0, case.attrs, case.constant, kernels="builtin"), op)


def test_the_kernel_leaves_out_tanh():
    case, plain = _conv_with("TANH"), _conv_with("NONE")
    assert_close(run(case, operation(case))[0], run(plain, operation(plain))[0], 1e-6)


VALID = dict(padding="VALID")
IMPOSSIBLE = (
    (Case("channels", "CONV_2D", (f32(1, 5, 5, 3), f32(4, 3, 3, 2), f32(4)), 0, STEP), "no multiple"),
    (Case("rank", "CONV_2D", (f32(5, 5, 3), f32(4, 3, 3, 3), f32(4)), 0, STEP), "expected rank 4"),
    (Case("stride", "CONV_2D", (f32(1, 5, 5, 2), f32(4, 3, 3, 2), f32(4)), 0), "must be positive"),
    (
        Case("window", "CONV_2D", (f32(1, 2, 2, 2), f32(4, 3, 3, 2), f32(4)), 0, {**STEP, **VALID}),
        "does not fit",
    ),
    (Case("bias", "CONV_2D", (f32(1, 5, 5, 2), f32(4, 3, 3, 2), f32(3)), 0, STEP), "3 elements for 4"),
    (Case("features", "FULLY_CONNECTED", (f32(3, 7), f32(4, 8)), 0), "do not multiply"),
    (Case("kept", "FULLY_CONNECTED", (f32(2, 4), f32(4, 8)), 0, dict(keep_num_dims=True)), "do not multiply"),
    (Case("inner", "BATCH_MATMUL", (f32(3, 7), f32(8, 4)), 0), "do not multiply"),
    (Case("batches", "BATCH_MATMUL", (f32(2, 3, 8), f32(3, 8, 4)), 0), "do not broadcast"),
    (
        Case("pool", "MAX_POOL_2D", (f32(1, 3, 3, 1),), 0, {**POOL, **VALID, "filter_width": 4}),
        "does not fit",
    ),
    (Case("lhs", "STABLEHLO_ADD", (f32(3), f32(1)), 0), "differ"),
)


@pytest.mark.parametrize("case, reason", IMPOSSIBLE, ids=repr)
def test_inference_refuses(case, reason):
    with pytest.raises(LitesmithError, match=reason):
        operation(case)


def test_builder_gives_a_convolution_the_bias_its_kernel_needs():
    graph = Graph()
    x = graph.add_input(TensorType(DType.FLOAT32, (1, 5, 5, 2)))
    y = Builder(graph, OPS).conv_2d(x, f32(4, 3, 3, 2), **STEP)
    np.testing.assert_array_equal(y.op["bias"].numpy(), np.zeros(4, np.float32))
