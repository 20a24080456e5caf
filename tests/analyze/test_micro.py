"""TFLite Micro's verdict and arena, against its interpreter."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from litesmith.analyze import analyze_file
from litesmith.formats.tflite import write_model
from tests.analyze.one_op import one_op
from tests.analyze.test_gpu import TAKEN

if sys.platform != "linux" or sys.version_info >= (3, 14):
    pytest.skip("TFLite Micro has wheels for Linux, Python 3.10 to 3.13", allow_module_level=True)
pytest.importorskip("tflite_micro")

X = "%x: float32[1, 4, 4, 8]"
MORE = {
    **{
        name: (X, f"{name}(%x) : float32[1, 4, 4, 8]")
        for name in "ABS NEG EXP LOG SIN COS FLOOR RSQRT SQRT SQUARE TANH LOGISTIC RELU RELU6 ELU GELU SIGN LOG_SOFTMAX".split()
    },
    "unpack": ("%x: float32[2, 3]", "UNPACK(%x) {num=2} : float32[3], float32[3]"),
    "pack": ("%x: float32[3], %y: float32[3]", "PACK(%x, %y) {values_count=2, axis=0} : float32[2, 3]"),
    "arg max": ("%x: float32[2, 4]", "ARG_MAX(%x, int32[](1)) {output_type=int32} : int32[2]"),
    "int64 add": ("%x: int64[3], %y: int64[3]", "ADD(%x, %y) : int64[3]"),
    "int32 add": ("%x: int32[3], %y: int32[3]", "ADD(%x, %y) : int32[3]"),
    "tile": (X, "TILE(%x, int32[4](1, 2, 1, 1)) : float32[1, 8, 4, 8]"),
    "pow": (f"{X}, %y: float32[1, 4, 4, 8]", "POW(%x, %y) : float32[1, 4, 4, 8]"),
    "split": ("%x: float32[2, 6]", "SPLIT(int32[](1), %x) {num_splits=2} : float32[2, 3], float32[2, 3]"),
    "unknown batch": ("%x: float32[b, 3]", "RELU(%x) : float32[b, 3]"),
    "hybrid": ("%x: float32[2, 4]", "FULLY_CONNECTED(%x, int8[3, 4]@w) : float32[2, 3]"),
}
RUN = """
import itertools, sys
import numpy as np
from tflite_micro import runtime

def fill(interpreter):
    for number in itertools.count():
        try:
            details = interpreter.get_input_details(number)
        except IndexError:
            return
        interpreter.set_input(np.zeros(details["shape"], details["dtype"]), number)

for path in sys.argv[1:]:
    try:
        interpreter = runtime.Interpreter.from_file(path, arena_size=1 << 20)
        fill(interpreter)
        interpreter.invoke()
        print("RUNS", path, flush=True)
        interpreter.print_allocations()
    except Exception:
        print("FAILS", path, flush=True)
"""
"""Runs files in a process of its own: a kernel that aborts ends it."""


def _run(*paths: Path) -> str:
    done = subprocess.run([sys.executable, "-c", RUN, *map(str, paths)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(("inputs", "line"), [*TAKEN.values(), *MORE.values()], ids=[*TAKEN, *MORE])
def test_verdict(inputs: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(write_model(one_op(inputs, line)))
    verdict = analyze_file(path).runtime("TFLite Micro")
    assert (verdict.runs == "yes") == ("RUNS" in _run(path)), verdict.reasons


def _chain(widths: list[int]) -> str:
    """A network of dense layers."""
    lines = []
    for number, (above, below) in enumerate(pairwise(widths)):
        source = "%x" if number == 0 else f"%{number - 1}"
        lines.append(f"%{number} = FULLY_CONNECTED({source}, float32[{below}, {above}]@w{number}) : float32[1, {below}]")
    body = "\n  ".join(lines)
    return f"graph main(%x: float32[1, {widths[0]}]) {{\n  {body}\n  return %{len(widths) - 2}\n}}\n"


@pytest.mark.parametrize("seed", range(6))
def test_arena(seed: int, tmp_path: Path) -> None:
    from litesmith.ir.parser import parse_program
    from litesmith.ops import OPS

    widths = [int(n) for n in np.random.default_rng(seed).integers(1, 300, 8)]
    path = tmp_path / "m.tflite"
    path.write_bytes(write_model(parse_program(_chain(widths), OPS)))
    told = next(line for line in _run(path).splitlines() if "Arena allocation head" in line)
    assert int(told.split("head")[1].split()[0]) == analyze_file(path).memory.micro_arena
