"""Models and data that evaluations are tried on."""

from __future__ import annotations

import numpy as np
import pytest

import litesmith
from tests.graphs import DIGITS


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """The example model as a .tflite file."""
    return litesmith.convert(DIGITS / "saved_model", verify=False).save(tmp_path_factory.mktemp("m") / "digits.tflite")


@pytest.fixture(scope="session")
def heldout():
    """Columns of the example's held-out data, with something to slice by."""
    file = np.load(DIGITS / "heldout.npz")
    labels = file["labels"].astype(np.int64)
    return {
        "image": file["images"].astype(np.float32),
        "label": labels,
        "weight": np.float32(1 + labels / 7),
        "parity": np.array(["even", "odd"], object)[labels % 2],
        "half": np.arange(len(labels)) * 2 // len(labels),
    }
