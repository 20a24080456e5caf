"""The five MLPerf Tiny models, from the files they are published as, against the official converter's files beside them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import litesmith
from litesmith.formats.tflite import read_model
from litesmith.frontends.keras import load_model
from litesmith.runtime import Runner, compare
from tests.keras.parity import check_answers

MODELS = Path(os.environ.get("LITESMITH_MODELS", "/work/shared/models")) / "mlperf_tiny"

pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason="the MLPerf Tiny models are not here")


@dataclass(frozen=True)
class Published:
    """source: what is converted. official: the file beside it. low, high: its inputs.

    tol: how far the official file is from its own source, as part of the range; None where it was made of other
    weights, so that only its operators can be compared.
    """

    source: str
    official: str
    low: float = -2.0
    high: float = 2.0
    tol: float | None = 1e-5


PUBLISHED = (
    # Its biases fold statistics of a slightly later step than those in the H5 file: up to 0.6 apart.
    Published("ad01.h5", "ad01_fp32.official.tflite", tol=2e-2),
    Published("resnet8_cifar10.h5", "resnet8_cifar10.official.tflite", 0.0, 255.0),
    Published("vww_96.h5", "vww_96_float.official.tflite", 0.0, 1.0),
    # The official file is an integer one.
    Published("str_ww_ref_model.h5", "str_ww_ref_model.official.tflite", tol=None),
    # The official file has int8 weights, of another training.
    Published("kws_ref_model", "kws_ref_model_float32.official.tflite", tol=None),
)
each = pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.source)


def images(row: Published, content: bytes) -> np.ndarray:
    """Random inputs of a model."""
    (tensor,) = Runner(content).signature().inputs
    return np.random.default_rng(5).uniform(row.low, row.high, (1, *tensor.shape[1:])).astype(np.float32)


@each
def test_operators_are_no_more_than_the_official_ones(row: Published) -> None:
    ours, official = litesmith.convert(MODELS / row.source), read_model(MODELS / row.official)
    extra = {"QUANTIZE": 0, "DEQUANTIZE": 0}
    assert sum(ours.operators.values()) <= sum((official.histogram() | extra).values())


@each
def test_answers_as_the_official_file(row: Published) -> None:
    if row.tol is None:
        pytest.skip("the official file has other weights")
    content = litesmith.convert(MODELS / row.source).content
    data = images(row, content)
    have, want = (next(iter(Runner(c).run([data]).values())) for c in (content, (MODELS / row.official).read_bytes()))
    result = compare(have, want, row.tol)
    assert result.passed, f"{result.reason} ({result.relative:.2e} of the range)"


@pytest.mark.parametrize("row", [r for r in PUBLISHED if r.source.endswith(".h5")], ids=lambda row: row.source)
def test_answers_as_keras(row: Published) -> None:
    content = litesmith.convert(MODELS / row.source).content
    data = images(row, content)
    check_answers(content, data, [np.asarray(load_model(MODELS / row.source)(data, training=False))], 1e-5)
