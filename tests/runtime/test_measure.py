"""Measuring gives figures that hang together; how large they are is not tested."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from litesmith.errors import UsageError, VerificationError
from litesmith.runtime import Measurement, measure
from tests.runtime.tiny_models import TYPES, Signature, Subgraph, Tensor, add, identity, model, plus_one, sub

BIG = 1 << 22
ONE = model(plus_one())
TWO = model(
    [plus_one(), plus_one(node=sub)],
    [Signature("plus", {"x": 0}, {"y": 2}), Signature("minus", {"x": 0}, {"y": 2}, subgraph=1)],
)
X = np.ones((4, 3), np.float32)


def consistent(measurement: Measurement, repeats: int) -> bool:
    times = (measurement.min_ms, measurement.median_ms, measurement.p90_ms)
    return measurement.repeats == repeats and times[0] > 0 and sorted(times) == list(times)


@pytest.mark.parametrize("signature", ["plus", "minus"])
@pytest.mark.parametrize("inputs", [None, [X], {"x": X}])
def test_latency(signature: str, inputs: object) -> None:
    measurement = measure(TWO, inputs, signature, repeats=4, warmup=0)
    assert consistent(measurement, 4)
    assert measurement.peak_bytes is None


def test_peak_memory_of_a_process_of_its_own(tmp_path: Path) -> None:
    constant = Tensor("c", [BIG], data=np.ones(BIG, np.float32))
    big = model(Subgraph([Tensor("x", [BIG]), constant, Tensor("y", [BIG])], [0], [2], [add([0, 1], 2)]))
    path = tmp_path / "big.tflite"
    path.write_bytes(big)
    small = measure(ONE, [X], repeats=2, warmup=0, isolated=True)
    large = measure(path, repeats=2, warmup=0, isolated=True)
    assert consistent(small, 2)
    if sys.platform == "linux":
        assert small.peak_bytes is not None
        assert large.peak_bytes is not None
        assert large.peak_bytes > small.peak_bytes + 2 * 4 * BIG


def test_strings_reach_the_process() -> None:
    texts = model(identity([-1], TYPES.STRING))
    assert consistent(measure(texts, [["a", "bc"]], repeats=2, warmup=0, isolated=True), 2)


def test_failures_of_the_process_are_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.tflite"
    path.write_bytes(b"not a model")
    with pytest.raises(VerificationError, match="LS901"):
        measure(path, repeats=1, isolated=True)


@pytest.mark.parametrize("options", [{"repeats": 0}, {"warmup": -1}, {"threads": 0}])
def test_wrong_options(options: dict) -> None:
    with pytest.raises(UsageError):
        measure(ONE, **options)
