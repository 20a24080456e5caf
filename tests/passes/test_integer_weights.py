"""Weights folded from 8-bit integers: what is stored, what the runtime computes from it, and what stays floats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType, Value
from litesmith.ir.printer import print_program
from litesmith.ir.verify import verify
from litesmith.ops import OPS
from litesmith.passes.driver import PassResult
from litesmith.passes.integer_weights import PASSES
from litesmith.runtime import Runner
from tests.passes.harness import apply

OUT, IN = 32, 64
Make = Callable[[Builder, Value], Value]


def powers(*shape: int) -> np.ndarray:
    """Scales whose products and quotients with a byte are exact, all different, so that text shows which is which."""
    return np.ldexp(np.float32(1), np.arange(int(np.prod(shape))) % 40 - 20).reshape(shape)


def uneven(*shape: int) -> np.ndarray:
    """Scales that are no powers of two."""
    return np.random.default_rng(1).uniform(0.01, 0.1, shape).astype(np.float32)


@dataclass(frozen=True)
class Stored:
    """How weights are made of int8[32, 64] integers in -20…20, and the operations and the constant they end up as."""

    name: str
    make: Make
    shape: tuple[int, ...]
    axis: int
    scales: int
    ops: str = "DEQUANTIZE FULLY_CONNECTED"
    wide: bool = False


def blocks(b: Builder, q: Value, scale: np.ndarray, zeros: np.ndarray | float = 0) -> Value:
    """(q - zeros) * scale, where both have a column for each block."""
    expanded = np.repeat(scale, IN // scale.shape[1], axis=1)
    less = np.broadcast_to(np.float32(zeros), scale.shape).repeat(IN // scale.shape[1], axis=1)
    return b.mul(b.sub(floats(b, q), less), expanded)


def floats(b: Builder, q: Value) -> Value:
    return b.cast(q, in_data_type=DType.INT8, out_data_type=DType.FLOAT32)


ZEROS = np.random.default_rng(2).integers(-8, 8, (OUT, 2)).astype(np.float32)
STORED = [
    Stored("cast", floats, (OUT, IN), 0, 1),
    Stored("one_scale", lambda b, q: b.mul(floats(b, q), np.float32(0.3)), (OUT, IN), 0, 1),
    Stored("scale_first", lambda b, q: b.mul(uneven(OUT, 1), floats(b, q)), (OUT, IN), 0, OUT),
    Stored("by_output", lambda b, q: b.mul(floats(b, q), uneven(OUT, 1)), (OUT, IN), 0, OUT),
    Stored("by_input", lambda b, q: b.mul(floats(b, q), uneven(IN)), (OUT, IN), 1, IN),
    Stored("negative", lambda b, q: b.mul(floats(b, q), -uneven(OUT, 1)), (OUT, IN), 0, OUT),
    Stored("divided", lambda b, q: b.div(floats(b, q), powers(OUT, 1)), (OUT, IN), 0, OUT),
    Stored("divided_by_a_pass", lambda b, q: b.div(floats(b, q), uneven(OUT, 1)), (OUT, IN), 0, OUT, wide=True),
    Stored(
        "blocks",
        lambda b, q: blocks(b, q, uneven(OUT, 2)),
        (OUT * 2, 32),
        0,
        OUT * 2,
        "DEQUANTIZE RESHAPE FULLY_CONNECTED",
    ),
    Stored("blocks_of_all_rows", lambda b, q: b.mul(floats(b, q), np.repeat(uneven(2), 32)), (OUT, IN), 1, IN),
    Stored(
        "zero_points",
        lambda b, q: blocks(b, q, uneven(OUT, 2), ZEROS),
        (OUT * 2, 32),
        0,
        OUT * 2,
        "DEQUANTIZE RESHAPE FULLY_CONNECTED",
    ),
    Stored(
        "moved",
        lambda b, q: b.transpose(b.mul(b.transpose(b.reshape(floats(b, q), [OUT, IN]), [1, 0]), uneven(OUT)), [1, 0]),
        (OUT, IN),
        0,
        OUT,
    ),
]

FLOATS = [
    ("small", lambda b, q: b.mul(floats(b, b.slice(q, [0, 0], [OUT, 8])), np.float32(0.3)), None),
    ("float", lambda b, q: b.constant(np.ones((OUT, IN), np.float32)), None),
    ("rounded", lambda b, q: b.div(floats(b, q), uneven(OUT, 1)), "rounded otherwise"),
    ("element_scales", lambda b, q: b.mul(floats(b, q), uneven(OUT, IN)), "neither by channel nor by block"),
    ("small_blocks", lambda b, q: blocks(b, q, uneven(OUT, 16)), "the blocks are small"),
    ("large_zero_point", lambda b, q: blocks(b, q, uneven(OUT, 2), 120), "do not fit a byte"),
    ("fraction", lambda b, q: blocks(b, q, uneven(OUT, 2), 0.5), "in another way"),
    ("another_function", lambda b, q: b.tanh(floats(b, q)), "in another way"),
    ("scale_of_zero", lambda b, q: b.mul(floats(b, q), np.float32(0)), "not a positive number"),
    ("infinite_scale", lambda b, q: b.mul(floats(b, q), np.float32(np.inf)), "not a positive number"),
]


def program(make: Make, wide: bool = False, products: int = 1) -> Program:
    """A product with the weights; of its result another with the same weights where there are two."""
    graph = Graph("main")
    b = Builder(graph, OPS)
    b.wide = wide
    q = np.random.default_rng(0).integers(-20, 21, (OUT, IN)).astype(np.int8)
    weights = make(b, b.constant(q, name="kernel"))
    x = graph.add_input(TensorType(DType.FLOAT32, (2, weights.type.static_shape[1])), "x")
    made = [b.fully_connected(x, weights, None) for _ in range(products)]
    graph.outputs = made
    signature = Signature("serving_default", graph, {"x": 0}, {f"y{k}": k for k in range(products)})
    return Program([graph], [signature])


def narrowed(made: Program) -> list[PassResult]:
    results = apply(PASSES, made)
    verify(made)
    return results


@pytest.mark.parametrize("case", STORED, ids=lambda c: c.name)
def test_stored(case: Stored) -> None:
    made = program(case.make, case.wide)
    weights = list(made.main.ops)[0]["weights"].numpy()
    narrowed(made)
    ops = list(made.main.ops)
    assert " ".join(op.name for op in ops) == case.ops
    stored = ops[0]["x"]
    quant = stored.type.quant
    assert quant is not None
    assert (stored.name, stored.type.dtype, stored.type.static_shape) == ("kernel", DType.INT8, case.shape)
    assert (quant.axis, quant.scale.shape, quant.zero_point.tolist()) == (case.axis, (case.scales,), [0] * case.scales)
    shape = [1] * len(case.shape)
    shape[case.axis] = case.scales
    products = (stored.numpy().astype(np.float32) * quant.scale.reshape(shape)).reshape(weights.shape)
    np.testing.assert_allclose(products, weights, rtol=2.0**-22 if case.wide else 0, atol=0)
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
    made = program(case.make, case.wide)
    x = np.random.default_rng(3).normal(size=(2, IN)).astype(np.float32)
    expected = x.astype(np.float64) @ list(made.main.ops)[0]["weights"].numpy().astype(np.float64).T
    before = len(write_model(made))
    narrowed(made)
    content = write_model(made)
    assert len(content) < before - 2 * OUT * IN
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


def test_two_uses_stay_floats() -> None:
    made = program(floats, products=2)
    (result,) = narrowed(made)
    assert not result.modified
    assert {why for _, why in result.declined} == {"the weights have another use"}
