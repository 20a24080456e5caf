"""Our files in TFLite Micro's own interpreter: the same results as in LiteRT."""

from __future__ import annotations

import sys
from textwrap import dedent

import numpy as np
import pytest

import litesmith
from litesmith.formats.tflite import write_model
from litesmith.ir.parser import parse_program
from litesmith.ops import OPS
from litesmith.passes import pipeline
from litesmith.runtime import Runner
from tests.graphs import DIGITS

if sys.platform != "linux" or sys.version_info >= (3, 14):
    pytest.skip("TFLite Micro has wheels for Linux, Python 3.10 to 3.13", allow_module_level=True)

from tflite_micro import runtime

ARENA = 1 << 22

SLICES = {
    "first_row": "STRIDED_SLICE(%x, int32[1](1), int32[1](2), int32[1](1)) {shrink_axis_mask=1} : float32[4, 5]",
    "rows": "STRIDED_SLICE(%x, int32[1](0), int32[1](2), int32[1](1)) : float32[2, 4, 5]",
    "ellipsis": "STRIDED_SLICE(%x, int32[2](0, 1), int32[2](0, 4), int32[2](1, 2)) {ellipsis_mask=1} : float32[3, 4, 2]",
    "new_dimension": "STRIDED_SLICE(%x, int32[2](0, 1), int32[2](0, 3), int32[2](1, 1)) {new_axis_mask=1}"
    " : float32[1, 2, 4, 5]",
    "backwards": "STRIDED_SLICE(%x, int32[2](2, 3), int32[2](0, 0), int32[2](-1, -1)) {end_mask=2} : float32[2, 4, 5]",
}


def micro(content: bytes, inputs: list[np.ndarray], calls: int = 3) -> list[np.ndarray]:
    """What Micro computes, the inputs set again before each call (its arena takes their place)."""
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=ARENA)
    for _ in range(calls):
        for number, value in enumerate(inputs):
            interpreter.set_input(value, number)
        interpreter.invoke()
    return [interpreter.get_output(0)]


@pytest.mark.parametrize("text", SLICES.values(), ids=SLICES)
def test_slices(text: str) -> None:
    result = text.rpartition(" : ")[2]
    program = parse_program(
        dedent(f"""
        graph main(%x: float32[3, 4, 5]) {{
          %0 = {text}
          %1 = ADD(%0, float32[](1.0)) {{fused_activation_function=NONE}} : {result}
          return %1
        }}
        """),
        OPS,
    )
    pipeline.run(program)
    content = write_model(program)
    x = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    (expected,) = Runner(content).run([x]).values()
    assert np.array_equal(micro(content, [x])[0], expected)


def test_a_whole_model() -> None:
    source = DIGITS / "saved_model"
    (name,) = litesmith.convert(source, verify=False).program.signatures[0].inputs
    model = litesmith.convert(source, input_shapes={name: [1, 8, 8, 1]})
    x = np.random.default_rng(0).random((1, 8, 8, 1)).astype(np.float32)
    (expected,) = model(x).values()
    assert np.allclose(micro(model.content, [x])[0], expected, atol=1e-6)
