"""Calibration on data sets: the same ranges, bit by bit, however the samples are read and wherever they are worked on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import litesmith
from litesmith.data import DataError
from litesmith.data.examples import serialize_example
from litesmith.data.tfrecord import write_records
from litesmith.quantize import CalibrationData
from tests.graphs import DIGITS

IMAGES = np.load(DIGITS / "heldout.npz")["images"].astype(np.float32)[:60]


def quantized(data: object):
    model = litesmith.convert(DIGITS / "saved_model", quantize="int8", calibrate=data)
    return model.quantized.calibration.ranges, model.content


@pytest.fixture(scope="module")
def expected():
    return quantized(IMAGES)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """TFRecords whose images are flat lists, under another name."""
    folder = tmp_path_factory.mktemp("data")
    for part in range(3):
        with (folder / f"part-{part}").open("wb") as file:
            write_records(file, (serialize_example({"pixels": image}) for image in IMAGES[part * 20 : part * 20 + 20]))
    return folder


def test_arrays(expected):
    assert quantized(CalibrationData({"image": IMAGES})) == expected


def test_tfrecords(files, expected, tmp_path):
    assert quantized(CalibrationData(files, inputs={"image": "pixels"})) == expected
    with (tmp_path / "d.tfrecord").open("wb") as file:
        write_records(file, (serialize_example({"image": image}) for image in IMAGES))
    assert quantized(tmp_path / "d.tfrecord") == expected


@pytest.mark.beam
@pytest.mark.parametrize("options", [[], ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]], ids=len)
def test_on_beam(files, expected, options, monkeypatch):
    pytest.importorskip("apache_beam")
    source = str(Path(litesmith.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]))
    data = CalibrationData(files, inputs={"image": "pixels"}, runner="DirectRunner", runner_options=options)
    assert quantized(data) == expected


def test_what_is_wrong(files):
    with pytest.raises(DataError, match="feature 'image' is missing; the data have: pixels"):
        quantized(CalibrationData(files))
    with pytest.raises(litesmith.LitesmithError, match="no sample"):
        quantized(CalibrationData({"image": IMAGES[:0]}))
