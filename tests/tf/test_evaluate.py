"""SavedModels on TensorFlow beside the .tflite files made of them."""

from __future__ import annotations

import numpy as np
import pytest

import litesmith
from litesmith.errors import LitesmithError
from litesmith.evaluate import evaluate
from tests.graphs import DIGITS

pytestmark = pytest.mark.tf

pytest.importorskip("tensorflow")

DATA = np.load(DIGITS / "heldout.npz")
COLUMNS = {"image": DATA["images"].astype(np.float32), "label": DATA["labels"]}


def test_a_file_agrees_with_its_saved_model(tmp_path):
    file = litesmith.convert(DIGITS / "saved_model", verify=False).save(tmp_path / "digits.tflite")
    models = {"file": file, "source": DIGITS / "saved_model"}
    result = evaluate(models, COLUMNS, baseline="source", thresholds=["sqnr >= 100", "label_flip_rate <= 0"])
    assert result.blessed
    assert result.value("sparse_categorical_accuracy", model="source") == result.value("sparse_categorical_accuracy", model="file")
    assert result.value("max_output_error", model="file") < 1e-5


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"image": COLUMNS["image"][:, :4], "label": COLUMNS["label"]}, {}, "the feature for the input 'image' does not fit"),
        ({"label": COLUMNS["label"]}, {}, "no feature 'image' for the model's input 'image'"),
    ],
)
def test_what_is_wrong(columns, options, message):
    with pytest.raises(LitesmithError, match=message):
        evaluate(DIGITS / "saved_model", columns, task="classification", **options)


def test_a_directory_that_is_no_saved_model(tmp_path):
    with pytest.raises(LitesmithError, match="TensorFlow does not load it"):
        evaluate(tmp_path, COLUMNS, task="classification")
