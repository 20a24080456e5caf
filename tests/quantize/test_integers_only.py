"""What becomes of operators without an integer kernel, and of numbers nobody reads, where integers only are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.quantize import Plan, Recipe, as_recipe
from litesmith.quantize.fidelity import compare
from litesmith.quantize.quantizer import quantize
from litesmith.runtime import Runner
from tests.quantize.test_quantize import ZERO, W, _calls, _program


def test_a_mask_that_is_an_output_stays_the_least() -> None:
    keep = np.arange(8) < 5
    program = _program(lambda b, x: b.select_v2(keep[None], x, np.float32(-1e9)))
    result = quantize(program, Recipe("int8", integer_only=True), _calls())
    exact, found = (Runner(write_model(p)).run(_calls()[0][1])["y"] for p in (program, result.program))
    assert np.abs(exact - found)[:, keep].max() <= 0.1
    assert found[:, ~keep].max() < found[:, keep].min() - 8


FUNCTIONS: dict[str, tuple[Any, float]] = {  # of one tensor, and the dB they keep as a table of 256 numbers
    "a wave": (lambda b, x: b.mul(b.sin(x), b.cos(b.mul(x, np.float32(2)))), 33),
    "steps": (lambda b, x: b.mul(b.floor(b.mul(x, np.float32(0.5))), np.float32(3)), 15),
    "softplus": (lambda b, x: b.log(b.add(b.exp(x), np.float32(1))), 33),
    "a root of what may be 0": (lambda b, x: b.rsqrt(b.add(b.relu(x), np.float32(0.25))), 33),
    "a quotient by negative numbers": (lambda b, x: b.div(x, b.sub(b.abs(x), np.float32(9))), 33),
    "steps that others read": (
        lambda b, x: b.concatenation(y := b.mul(b.relu(x), np.float32(2)), b.sin(y), axis=1), 33,
    ),
    "two ends": (lambda b, x: b.concatenation(b.sin(x), b.cos(b.sin(x)), axis=1), 33),
    "beside what is none": (lambda b, x: b.add(b.fully_connected(b.sin(x), W, ZERO), b.softmax(b.cos(x), beta=1.0)), 30),
}


@pytest.mark.parametrize("mode", ["int8", "uint8"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_tensor_are_tables(name: str, mode: str) -> None:
    make, least = FUNCTIONS[name]
    program = _program(make)
    result = quantize(program, replace(as_recipe(mode), integer_only=True), _calls())
    forms = {plan.form for plan in result.plan.ops.values()}
    if name != "softplus":
        assert "table" in forms
    assert all(not op.results[0].type.dtype.is_float or op.name == "DEQUANTIZE" for op in result.program.main.ops)
    again = Plan.from_json(result.plan.to_json())
    content = write_model(result.program)
    same = quantize(program, result.recipe, plan=again, check=False).program
    assert [op.name for op in same.main.ops] == [op.name for op in result.program.main.ops]
    assert compare(write_model(program), content, _calls()).worst >= least
    plain, fast = (Runner(content, kernels=kernels).run(_calls()[0][1])["y"] for kernels in ("builtin", "default"))
    assert np.abs(plain - fast).max() <= 2 * np.abs(plain).max() / 127


CUT_OFF: dict[str, Any] = {  # what is cut off needs no numbers of its own
    "a clamp": (lambda b, x: b.relu6(b.mul(x, x))),
    "the larger one": (lambda b, x: b.maximum(x, np.float32(0.5))),
    "both ends": (lambda b, x: b.minimum(b.maximum(x, np.float32(-0.25)), np.float32(0.25))),
}


@pytest.mark.parametrize("name", CUT_OFF)
def test_what_is_cut_off_is_not_stored(name: str) -> None:
    program = _program(CUT_OFF[name])
    result = quantize(program, Recipe("int8", integer_only=True), _calls())
    first = next(iter(result.program.main.ops)) if name != "a clamp" else next(
        op for op in result.program.main.ops if op.name == "MUL"
    )
    content = write_model(result.program)
    quant = first.results[0].type.quant
    exact = Runner(write_model(program)).run(_calls()[0][1])["y"]
    assert quant.scale[0] * 255 <= (6.01 if name == "a clamp" else exact.max() - min(exact.min(), 0) + 2.5)
    assert compare(write_model(program), content, _calls()).worst >= 35
    for kernels in ("default", "builtin"):
        assert np.abs(Runner(content, kernels=kernels).run(_calls()[0][1])["y"] - exact).max() <= 1.01 * quant.scale[0]


SAID_OTHERWISE: dict[str, Any] = {  # operators without an integer kernel of each type
    "sums of many": lambda b, x: b.add_n(x, b.mul(x, x), b.abs(x)),
    "slopes": lambda b, x: b.prelu(x, np.linspace(0, 1, 8, dtype=np.float32)),
    "clamps from -1": lambda b, x: b.relu_n1_to_1(x),
    "clamps from 0": lambda b, x: b.relu_0_to_1(x),
    "exponentials below 0": lambda b, x: b.elu(x),
    "hard swish": lambda b, x: b.hard_swish(x),
    "products with constants": lambda b, x: b.batch_matmul(b.reshape(x, np.array([1, 1, 8], np.int32)), W[None]),
}


@pytest.mark.parametrize(("mode", "least"), [("int8", 33), ("int16x8", 75)])
@pytest.mark.parametrize("name", SAID_OTHERWISE)
def test_what_is_said_by_operators_that_have_a_kernel(name: str, mode: str, least: float) -> None:
    program = _program(SAID_OTHERWISE[name])
    result = quantize(program, replace(as_recipe(mode), integer_only=True), _calls())
    content = write_model(result.program)
    assert compare(write_model(program), content, _calls()).worst >= least
    exact, found = (Runner(m, kernels="builtin") for m in (write_model(program), content))
    for _, inputs in _calls():
        wanted, got = exact.run(inputs)["y"], found.run(inputs)["y"]
        assert np.abs(wanted - got).max() <= 0.05 * np.abs(wanted).max()
