"""Mixed precision by budgets of size and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.errors import QuantizationError
from litesmith.formats.tflite import write_model
from litesmith.quantize import Recipe
from litesmith.quantize.quantizer import quantize

DIGITS = Path(__file__).resolve().parent.parent.parent / "examples" / "digits"


@pytest.fixture(scope="module")
def quantized() -> Any:
    images = np.load(DIGITS / "heldout.npz")["images"].astype(np.float32)[:40]
    program = litesmith.convert(DIGITS / "saved_model", verify=False).program
    calls = [("serving_default", {"image": image[None]}) for image in images]
    return lambda recipe: quantize(program, recipe, calls)


def test_a_budget_of_size(quantized: Any) -> None:
    plain = quantized(Recipe("int8"))
    size, nearness = len(write_model(plain.program)), {}
    for share in (0.75, 1.0, 1.6):
        made = quantized(Recipe("int8", budget_size=int(share * size)))
        assert len(write_model(made.program)) <= share * size
        assert made.curve[-1].size <= share * size
        nearness[share] = made.fidelity.mean
    assert nearness[0.75] < plain.fidelity.mean - 1  # weights of 4 bits
    assert nearness[1.6] > quantized(Recipe("int8", integer_layers=True)).fidelity.mean + 1  # floats where they matter
    assert nearness[0.75] > quantized(Recipe("int8-int4")).fidelity.mean


def test_a_budget_of_time(quantized: Any) -> None:
    size = len(write_model(quantized(Recipe("int8")).program))
    tight, loose = (quantized(Recipe("int8", budget_time=t, budget_size=3 * size)) for t in (0.95, 1.3))
    assert loose.fidelity.mean >= tight.fidelity.mean


@pytest.mark.parametrize("budget", [dict(budget_size=1000), dict(budget_time=0.01)])
def test_what_is_out_of_reach_is_an_error(budget: Any, quantized: Any) -> None:
    with pytest.raises(QuantizationError, match="no choice of layers"):
        quantized(Recipe("int8", **budget))
