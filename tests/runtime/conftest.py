"""Real models, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_MODELS = sorted((Path(__file__).parents[3] / "shared/models/mlperf_tiny").glob("*.tflite"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "real_model" in metafunc.fixturenames:
        missing = pytest.param(None, marks=pytest.mark.skip(reason="no MLPerf Tiny models"), id="none")
        metafunc.parametrize("real_model", REAL_MODELS or [missing], ids=lambda path: path.stem)
