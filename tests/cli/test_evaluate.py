"""``litesmith evaluate``: what it prints, writes and returns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import litesmith
from litesmith.cli import main
from tests.graphs import DIGITS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The example model and its held-out data."""
    folder = tmp_path_factory.mktemp("digits")
    litesmith.convert(DIGITS / "saved_model", verify=False).save(folder / "digits.tflite")
    data = np.load(DIGITS / "heldout.npz")
    np.savez(folder / "data.npz", image=data["images"].astype(np.float32), label=data["labels"])
    return folder


@pytest.fixture
def run(files, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["evaluate", *map(str, args)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return lambda *args: call(files / "digits.tflite", "--data", files / "data.npz", *args)


def test_metrics_are_printed(run):
    code, out, _ = run()
    assert code == 0
    assert "sparse_categorical_accuracy" in out and "0.983333" in out
    assert run("--slice", "label")[1].count("label=") == 10


def test_json(run):
    code, out, _ = run("--json", "--metric", "accuracy", "--slice", "label=3")
    report = json.loads(out)
    assert (code, report["blessed"]) == (0, True)
    assert [part["examples"] for part in report["slices"]] == [360, 37]
    assert report["slices"][0]["metrics"] == [{"name": "sparse_categorical_accuracy", "value": 0.9833333333333333}]


def test_thresholds_decide_the_exit_code(run):
    assert run("--threshold", "accuracy >= 0.95")[0] == 0
    code, out, err = run("--threshold", "accuracy >= 0.99", "-o", "out")
    assert code == 1
    assert "NOT_BLESSED: 0 of 1 thresholds hold" in out
    assert err.splitlines()[-1] == "overall: sparse_categorical_accuracy is 0.983333, not >= 0.99"
    assert Path("out/NOT_BLESSED").exists()


def test_models_with_names_and_a_baseline(files, run, capsys):
    path = files / "digits.tflite"
    args = ["--model", f"new={path}", "--model", f"old={path}", "--baseline", "old", "--data", files / "data.npz"]
    assert main(["evaluate", *map(str, args), "--threshold", "accuracy change >= 0"]) == 0
    out = capsys.readouterr().out
    assert "old (baseline)" in out and "Δ sparse_categorical_accuracy" in out


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--metric", "Nothing"], 2, "unknown metric 'Nothing'"),
        (["--image-size", "big"], 2, "HEIGHTxWIDTH"),
        (["--input", "image"], 2, "NAME=VALUE"),
        (["--model", "a=b"], 2, "name the models as arguments or with --model"),
        (["--label", "lable"], 1, "label 'lable' is missing"),
    ],
)
def test_what_is_wrong(run, args, code, message):
    found, _, err = run(*args)
    assert (found, message in err) == (code, True), err
