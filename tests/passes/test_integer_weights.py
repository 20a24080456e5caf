"""Weights folded from integers: what is stored, what the runtime computes from it, and what stays floats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType, Value
from litesmith.ir.folding import ROUNDED_ONCE, STEPWISE
from litesmith.ir.printer import print_program
from litesmith.ir.verify import verify
from litesmith.ops import OPS
from litesmith.passes import equal_weights
from litesmith.passes.driver import PassResult
from litesmith.passes.integer_weights import PASSES
from litesmith.runtime import Runner
from tests.passes.harness import apply

OUT, IN = 32, 64
Make = Callable[[Builder, Value], Value]
Use = Callable[[Builder, Value, Value], Value]


def powers(*shape: int) -> np.ndarray:
    """Scales whose products and quotients with a byte are exact, all different, so that text shows which is which."""
    return np.ldexp(np.float32(1), np.arange(int(np.prod(shape))) % 40 - 20).reshape(shape)


def uneven(*shape: int) -> np.ndarray:
    """Scales that are no powers of two."""
    return np.random.default_rng(1).uniform(0.01, 0.1, shape).astype(np.float32)


def integers(low: int, high: int, dtype: type = np.int8, shape: tuple[int, ...] = (OUT, IN)) -> np.ndarray:
    """Both ends occur."""
    made: np.ndarray = np.random.default_rng(0).integers(low, high, shape).astype(dtype)
    made.flat[:2] = low, high - 1
    return made


SIGNED, NIBBLES, BYTES = integers(-20, 21), integers(0, 16, np.uint8), integers(0, 256, np.uint8)


@dataclass(frozen=True)
class Stored:
    """How weights are made of integers, and the operations and the constant they end up as.

    zeros: whether there are zero points. error: of the products, relative to the folded weights.
    """

    name: str
    make: Make
    shape: tuple[int, ...] = (OUT, IN)
    axis: int = 0
    scales: int = OUT
    ops: str = "DEQUANTIZE FULLY_CONNECTED"
    wide: bool = False
    q: np.ndarray = field(default_factory=lambda: SIGNED)
    dtype: DType = DType.INT8
    zeros: bool = False
    error: float = 0


def in_groups(b: Builder, q: Value, groups: np.ndarray, scale: np.ndarray, zeros: np.ndarray | float = 0) -> Value:
    """(q - zeros) * scale, where both have a column for each group and ``groups`` says of which one a feature is."""
    less = np.broadcast_to(np.float32(zeros), scale.shape)[:, groups]
    return b.mul(b.sub(floats(b, q), less), scale[:, groups])


def blocks(b: Builder, q: Value, scale: np.ndarray, zeros: np.ndarray | float = 0) -> Value:
    """`in_groups` where these are blocks of one size."""
    return in_groups(b, q, np.arange(IN) * scale.shape[1] // IN, scale, zeros)


def floats(b: Builder, q: Value) -> Value:
    return b.cast(q, in_data_type=q.type.dtype, out_data_type=DType.FLOAT32)


def heads(b: Builder, q: Value) -> Value:
    """Scales by output and by block, split into heads and joined again."""
    split = b.reshape(blocks(b, q, uneven(OUT, 2)), [4, 8, 2, IN // 2])
    moved = b.transpose(split, [2, 3, 0, 1])
    return b.transpose(b.reshape(moved, [IN, OUT]), [1, 0])


SHUFFLED = np.random.default_rng(4).permutation(np.arange(IN) // 16)
SHORT = np.arange(IN) // 24
FACTORS = np.random.default_rng(5).uniform(0.5, 2, IN).astype(np.float32)
ZEROS = np.random.default_rng(2).integers(-8, 8, (OUT, 2)).astype(np.float32)
UNSIGNED = np.random.default_rng(6).integers(0, 16, (OUT, 4)).astype(np.float32)
IN_BLOCKS = "DEQUANTIZE RESHAPE FULLY_CONNECTED"
ROUNDED = 2.0**-22
"""How far products may be from weights that were rounded step by step."""
STORED = [
    Stored("cast", floats, scales=1),
    Stored("one_scale", lambda b, q: b.mul(floats(b, q), np.float32(0.3)), scales=1),
    Stored("scale_first", lambda b, q: b.mul(uneven(OUT, 1), floats(b, q))),
    Stored("by_output", lambda b, q: b.mul(floats(b, q), uneven(OUT, 1))),
    Stored("by_input", lambda b, q: b.mul(floats(b, q), uneven(IN)), axis=1, scales=IN),
    Stored("negative", lambda b, q: b.mul(floats(b, q), -uneven(OUT, 1))),
    Stored("divided", lambda b, q: b.div(floats(b, q), powers(OUT, 1))),
    Stored("divided_and_rounded", lambda b, q: b.div(floats(b, q), uneven(OUT, 1)), error=ROUNDED),
    Stored("divided_by_a_pass", lambda b, q: b.div(floats(b, q), uneven(OUT, 1)), wide=True, error=ROUNDED),
    Stored("blocks", lambda b, q: blocks(b, q, uneven(OUT, 2)), (OUT * 2, 32), 0, OUT * 2, IN_BLOCKS),
    Stored("blocks_of_all_rows", lambda b, q: b.mul(floats(b, q), np.repeat(uneven(2), 32)), axis=1, scales=IN),
    Stored("less_zeros", lambda b, q: blocks(b, q, uneven(OUT, 2), ZEROS), (OUT * 2, 32), 0, OUT * 2, IN_BLOCKS),
    Stored(
        "moved",
        lambda b, q: b.transpose(b.mul(b.transpose(b.reshape(floats(b, q), [OUT, IN]), [1, 0]), uneven(OUT)), [1, 0]),
    ),
    Stored("split_and_joined", heads, (OUT * 2, 32), 0, OUT * 2, IN_BLOCKS),
    Stored(
        "scaled_in_another_shape",
        lambda b, q: b.reshape(b.mul(b.reshape(floats(b, q), [IN, OUT]), uneven(OUT)), [OUT, IN]),
        (IN, OUT),
        axis=1,
        ops=IN_BLOCKS,
    ),
    Stored(
        "blocks_in_another_shape_and_order",
        lambda b, q: b.reshape(b.mul(b.reshape(floats(b, q), [IN, OUT]), np.repeat(uneven(2, OUT), 32, 0)), [OUT, IN]),
        (OUT * 2, 32),
        scales=OUT * 2,
        ops="DEQUANTIZE RESHAPE TRANSPOSE RESHAPE FULLY_CONNECTED",
    ),
    Stored("part", lambda b, q: b.slice(b.mul(floats(b, q), uneven(OUT, 1)), [8, 0], [16, IN]), (16, IN), 0, 16),
    Stored("int4", lambda b, q: b.mul(floats(b, q), uneven(OUT, 1)), q=integers(-8, 8), dtype=DType.INT4),
    Stored("uint8", lambda b, q: b.mul(floats(b, q), uneven(OUT, 1)), q=BYTES, zeros=True),
    Stored(
        "nibbles",
        lambda b, q: blocks(b, q, uneven(OUT, 4), UNSIGNED),
        (OUT * 4, 16),
        0,
        OUT * 4,
        IN_BLOCKS,
        q=NIBBLES,
        dtype=DType.INT4,
        zeros=True,
    ),
    Stored("middle_of_nibbles", lambda b, q: b.sub(floats(b, q), np.float32(8)), scales=1, q=NIBBLES, dtype=DType.INT4),
    Stored(
        "bytes_with_zero_points",
        lambda b, q: b.mul(b.sub(floats(b, q), 16 * UNSIGNED[:, :1]), uneven(OUT, 1)),
        q=BYTES,
        zeros=True,
    ),
    Stored(
        "groups_out_of_order",
        lambda b, q: in_groups(b, q, SHUFFLED, uneven(OUT, 4), UNSIGNED),
        (OUT * 4, 16),
        0,
        OUT * 4,
        "GATHER DEQUANTIZE RESHAPE FULLY_CONNECTED",
        q=NIBBLES,
        dtype=DType.INT4,
        zeros=True,
    ),
    Stored(
        "last_block_short",
        lambda b, q: in_groups(b, q, SHORT, uneven(OUT, 3), UNSIGNED[:, :3]),
        (OUT * 3, 24),
        0,
        OUT * 3,
        "PAD DEQUANTIZE RESHAPE FULLY_CONNECTED",
    ),
    Stored(
        "by_output_and_feature",
        lambda b, q: b.div(b.mul(floats(b, q), uneven(OUT, 1)), FACTORS),
        ops="MUL DEQUANTIZE FULLY_CONNECTED",
    ),
    Stored(
        "blocks_and_features",
        lambda b, q: b.div(blocks(b, q, uneven(OUT, 2)), FACTORS),
        (OUT * 2, 32),
        0,
        OUT * 2,
        "MUL DEQUANTIZE RESHAPE FULLY_CONNECTED",
    ),
]

FLOATS = [
    ("small", lambda b, q: b.mul(floats(b, b.slice(q, [0, 0], [OUT, 8])), np.float32(0.3)), None),
    ("float", lambda b, q: b.constant(np.ones((OUT, IN), np.float32)), None),
    ("element_scales", lambda b, q: b.mul(floats(b, q), uneven(OUT, IN)), "neither by channel nor by block"),
    ("small_blocks", lambda b, q: blocks(b, q, uneven(OUT, 16)), "the blocks are small"),
    ("large_zero_point", lambda b, q: blocks(b, q, uneven(OUT, 2), 250), "do not fit a byte"),
    ("fraction", lambda b, q: blocks(b, q, uneven(OUT, 2), 0.5), "in another way"),
    ("shifted_twice", lambda b, q: b.sub(b.mul(floats(b, q), uneven(OUT, 1)), np.float32(1)), "in another way"),
    ("another_function", lambda b, q: b.tanh(floats(b, q)), "in another way"),
    ("scale_of_zero", lambda b, q: b.mul(floats(b, q), np.float32(0)), "not a positive number"),
    (
        "large_factors_of_features",
        lambda b, q: b.mul(b.mul(floats(b, q), uneven(OUT, 1)), 2.0**40 * FACTORS),
        "neither by channel nor by block",
    ),
    ("infinite_scale", lambda b, q: b.mul(floats(b, q), np.float32(np.inf)), "not a positive number"),
    (
        "overflow_on_the_way",
        lambda b, q: b.mul(b.mul(floats(b, q), np.float32(1e38)), np.float32(1e-38)),
        "beyond what can be multiplied in any order",
    ),
]


def product(b: Builder, x: Value, weights: Value) -> Value:
    made: Value = b.fully_connected(x, weights, None)
    return made


def program(make: Make, wide: bool = False, products: int = 1, q: np.ndarray = SIGNED, use: Use = product) -> Program:
    """A product with the weights; of its operand another with the same weights where there are two."""
    graph = Graph("main")
    b = Builder(graph, OPS, folding=ROUNDED_ONCE if wide else STEPWISE)
    weights = make(b, b.constant(q, name="kernel"))
    x = graph.add_input(TensorType(DType.FLOAT32, (2, IN)), "x")
    made = [use(b, x, weights) for _ in range(products)]
    graph.outputs = made
    signature = Signature("serving_default", graph, {"x": 0}, {f"y{k}": k for k in range(products)})
    return Program([graph], [signature])


def narrowed(made: Program) -> list[PassResult]:
    results = apply(PASSES, made)
    verify(made)
    return results


def names(made: Program) -> str:
    return " ".join(op.name for op in made.main.ops)


@pytest.mark.parametrize("case", STORED, ids=lambda c: c.name)
def test_stored(case: Stored) -> None:
    made = program(case.make, case.wide, q=case.q)
    weights = list(made.main.ops)[-1]["weights"].numpy()
    narrowed(made)
    assert names(made) == case.ops
    stored = next(op for op in made.main.ops if op.name == "DEQUANTIZE")["x"]
    quant = stored.type.quant
    assert quant is not None
    assert (stored.name, stored.type.dtype, stored.type.static_shape) == ("kernel", case.dtype, case.shape)
    assert (quant.axis, quant.scale.shape, quant.zero_point.shape) == (case.axis, (case.scales,), (case.scales,))
    assert np.any(quant.zero_point) == case.zeros
    low = -8 if case.dtype is DType.INT4 else -128
    assert low <= quant.zero_point.min() <= quant.zero_point.max() < -low
    if case.ops in ("DEQUANTIZE FULLY_CONNECTED", IN_BLOCKS):
        shape = [1] * len(case.shape)
        shape[case.axis] = case.scales
        numbers = stored.numpy().astype(np.float32) - quant.zero_point.astype(np.float32).reshape(shape)
        products = (numbers * quant.scale.reshape(shape)).reshape(weights.shape)
        np.testing.assert_allclose(products, weights, rtol=case.error, atol=0)
    assert not narrowed(made)[0].modified


def test_text() -> None:
    made = program(lambda b, q: b.mul(floats(b, q), np.float32(0.5)))
    narrowed(made)
    assert print_program(made).splitlines()[1:4] == [
        "  %1 = DEQUANTIZE(int8[32, 64]<[0.5], [0], 0>@kernel) : float32[32, 64]",
        "  %2 = FULLY_CONNECTED(%x, %1, _) : float32[2, 32]",
        "  return %2",
    ]


@pytest.mark.parametrize("kernels", ["default", "reference"])
@pytest.mark.parametrize("case", STORED, ids=lambda c: c.name)
def test_runs(case: Stored, kernels: str) -> None:
    made = program(case.make, case.wide, q=case.q)
    x = np.random.default_rng(3).normal(size=(2, IN)).astype(np.float32)
    expected = x.astype(np.float64) @ list(made.main.ops)[-1]["weights"].numpy().astype(np.float64).T
    before = len(write_model(made))
    narrowed(made)
    content = write_model(made)
    elements = int(np.prod(case.shape))
    assert len(content) < before - (3 if case.dtype is DType.INT4 else 2) * elements + 12 * case.scales
    runner = Runner(content, kernels=kernels)
    for _ in range(3):
        got = runner.run([x])["y0"]
        assert np.abs(got - expected).max() <= 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize(("name", "make", "reason"), FLOATS, ids=[name for name, *_ in FLOATS])
def test_stays_floats(name: str, make: Make, reason: str | None) -> None:
    made = program(make)
    text = print_program(made)
    (result,) = narrowed(made)
    assert print_program(made) == text
    assert [why for _, why in result.declined if reason is None or reason not in why] == []
    assert len(result.declined) == (reason is not None)


def _other_kernels() -> dict[str, tuple[Use, tuple[int, ...]]]:
    def matmul(b: Builder, x: Value, weights: Value) -> Value:
        made: Value = b.batch_matmul(b.reshape(x, [2, 2, 1, 32]), weights)
        return made

    def matmul_on_the_left(b: Builder, x: Value, weights: Value) -> Value:
        made: Value = b.batch_matmul(weights, b.reshape(x, [2, 2, 32, 1]))
        return made

    def convolution(b: Builder, x: Value, weights: Value) -> Value:
        image = b.reshape(x, [2, 4, 4, 4])
        made: Value = b.conv_2d(image, weights, None, padding="SAME", stride_h=1, stride_w=1)
        return made

    def depthwise(b: Builder, x: Value, weights: Value) -> Value:
        image = b.reshape(x, [2, 1, 1, 64])
        made: Value = b.depthwise_conv_2d(
            image, weights, None, padding="SAME", stride_h=1, stride_w=1, depth_multiplier=1
        )
        return made

    return {
        "BATCH_MATMUL": (matmul, (2, 32, 32)),
        "BATCH_MATMUL on the left": (matmul_on_the_left, (2, 32, 32)),
        "CONV_2D": (convolution, (32, 4, 4, 4)),
        "DEPTHWISE_CONV_2D": (depthwise, (1, 4, 8, 64)),
    }


@pytest.mark.parametrize("name", _other_kernels())
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_other_kernels(name: str, axis: int | None) -> None:
    use, shape = _other_kernels()[name]
    size = [1] * len(shape)
    if axis is not None:
        size[axis] = shape[axis]
    scales = uneven(*size)
    x = np.random.default_rng(3).normal(size=(2, IN)).astype(np.float32)
    results = []
    for passes in (False, True):
        made = program(lambda b, q: b.mul(floats(b, q), scales), q=integers(-20, 21, shape=shape), use=use)
        if passes:
            narrowed(made)
            assert "DEQUANTIZE" in names(made)
        results.append(Runner(write_model(made)).run([x])["y0"])
    np.testing.assert_allclose(*results, atol=1e-6 * np.abs(results[0]).max(), rtol=0)


def also_added(b: Builder, x: Value, weights: Value) -> Value:
    """The weights are an operand of another operation, too."""
    made: Value = b.fully_connected(
        b.fully_connected(x, weights, None), b.add(weights, b.slice(x, [0, 0], [1, IN])), None
    )
    return made


def test_another_use_stays_floats() -> None:
    made = program(floats, q=integers(-20, 21, shape=(IN, IN)), use=also_added)
    (result,) = narrowed(made)
    assert not result.modified
    assert {why for _, why in result.declined} == {"the weights have another use"}


def two_layers(b: Builder, x: Value, weights: Value) -> Value:
    made: Value = b.fully_connected(b.fully_connected(x, weights, None), weights, None)
    return made


def twice(b: Builder, x: Value, weights: Value) -> Value:
    """The same operations on the same integers, folded twice."""
    q = weights.const.made_by.inputs[0] if weights.const is not None and weights.const.made_by is not None else weights
    made: Value = b.fully_connected(b.fully_connected(x, weights, None), floats(b, q), None)
    return made


def other_integers(b: Builder, x: Value, weights: Value) -> Value:
    other = floats(b, b.constant(-integers(-20, 21, shape=(IN, IN))))
    made: Value = b.fully_connected(b.fully_connected(x, weights, None), other, None)
    return made


@pytest.mark.parametrize(
    ("use", "ops"),
    [
        (two_layers, "DEQUANTIZE FULLY_CONNECTED FULLY_CONNECTED"),
        (twice, "DEQUANTIZE FULLY_CONNECTED FULLY_CONNECTED"),
        (other_integers, "DEQUANTIZE FULLY_CONNECTED DEQUANTIZE FULLY_CONNECTED"),
    ],
)
def test_equal_weights_are_widened_once(use: Use, ops: str) -> None:
    made = program(floats, q=integers(-20, 21, shape=(IN, IN)), use=use)
    x = np.random.default_rng(3).normal(size=(2, IN)).astype(np.float32)
    expected = Runner(write_model(made)).run([x])["y0"]
    apply([*PASSES, *equal_weights.PASSES], made)
    verify(made)
    assert names(made) == ops
    got = Runner(write_model(made)).run([x])["y0"]
    assert np.abs(got - expected).max() <= 1e-6 * np.abs(expected).max()
    assert not apply(equal_weights.PASSES, made)[0].modified
