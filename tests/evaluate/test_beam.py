"""The same results on Apache Beam, however many processes work on them."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.data import DataError
from litesmith.data.examples import serialize_example
from litesmith.data.tfrecord import write_records
from litesmith.errors import UsageError
from litesmith.evaluate import evaluate

pytestmark = pytest.mark.beam

pytest.importorskip("apache_beam")

OPTIONS = {"slices": ["parity", "half*parity"], "weight": "weight"}


@pytest.fixture(scope="module")
def files(heldout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for part in range(6):
        with (folder / f"part-{part}").open("wb") as file:
            rows = range(part * 60, part * 60 + 60)
            write_records(file, (serialize_example({n: c[i] for n, c in heldout.items()}) for i in rows))
    return folder


@pytest.fixture(scope="module")
def expected(digits, files):
    return evaluate(digits, files, **OPTIONS)


def assert_same(one, other):
    assert one.counts == other.counts
    for key, metrics in one.metrics.items():
        assert list(metrics) == list(other.metrics[key])
        for metric, value in metrics.items():
            np.testing.assert_array_equal(value, other.metrics[key][metric], err_msg=str(metric))


@pytest.mark.parametrize("options", [[], ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]], ids=len)
def test_in_process(digits, files, expected, options):
    assert_same(evaluate(digits, files, runner="DirectRunner", runner_options=options, **OPTIONS), expected)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_in_worker_processes(digits, files, expected, workers, tmp_path, monkeypatch):
    import os
    from pathlib import Path

    import litesmith

    source = str(Path(litesmith.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]))
    options = ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    found = evaluate(digits, files, runner="DirectRunner", runner_options=options, output=tmp_path / "out", **OPTIONS)
    assert_same(found, expected)
    assert (tmp_path / "out" / "BLESSED").exists()


def test_what_a_worker_finds_wrong_is_told(digits, files, tmp_path):
    for part in files.iterdir():
        (tmp_path / part.name).write_bytes(part.read_bytes())
    for part in (2, 4):
        (tmp_path / f"part-{part}").write_bytes(b"no records at all")
    with pytest.raises(DataError, match="part-2: is not a TFRecord file"):
        evaluate(digits, tmp_path, runner="DirectRunner", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_runner_that_is_not_there(digits, files, tmp_path):
    with pytest.raises(UsageError, match="the runner 'NoSuchRunner' failed"):
        evaluate(digits, files, runner="NoSuchRunner", output=tmp_path / "out")
    assert not list(tmp_path.iterdir())
