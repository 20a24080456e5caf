"""The parts of the benchmark harness that decide: errors, ratios, shortfalls, process figures, reference files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import report
from benchmarks.evaluate import load_reference, relative_error
from benchmarks.models import NAMES, UNBATCHED, variant_name
from benchmarks.process import measure, medians
from benchmarks.run import DYNAMIC, QUICK, variants

F = np.float32
ERRORS: list[tuple[str, Any, Any, float]] = [
    ("equal", F([1, 2]), F([1, 2]), 0.0),
    ("of the range", F([0, 5]), F([0, 4]), 0.25),
    ("constant reference", F([3, 3]), F([2, 2]), 0.5),
    ("single number", F([3]), F([2]), 0.5),
    ("zeros", F([0, 0.5]), F([0, 0]), 0.5),
    ("same NaN", F([np.nan, 1, 0]), F([np.nan, 1, 0]), 0.0),
    ("lost NaN", F([0, 1, 0]), F([np.nan, 1, 0]), np.inf),
    ("new NaN", F([np.nan, 1]), F([0, 1]), np.inf),
    ("sign of infinity", F([np.inf, 1]), F([-np.inf, 1]), np.inf),
    ("only NaN", F([np.nan]), F([np.nan]), 0.0),
    ("shape", F([[1, 2]]), F([1, 2]), np.inf),
    ("dtype", np.float64([1, 2]), F([1, 2]), np.inf),
    ("integers", np.int32([1, 2]), np.int32([1, 2]), 0.0),
    ("other integers", np.int32([1, 3]), np.int32([1, 2]), np.inf),
    ("strings", np.array([b"a"], object), np.array([b"a"], "S1"), 0.0),
    ("empty", np.zeros((0, 2), F), np.zeros((0, 2), F), 0.0),
]


@pytest.mark.parametrize("got, expected, error", [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_relative_error(got: Any, expected: Any, error: float) -> None:
    assert relative_error(got, expected) == pytest.approx(error, rel=1e-6)


def record(name: str = "m", ours: dict[str, Any] | None = None, theirs: dict[str, Any] | None = None) -> dict[str, Any]:
    side = {"wall": 2.0, "cpu": 8.0, "peak_mb": 100.0, "op_count": 10, "error": 1e-6, "failure": ""}
    return {"name": name, "litesmith": side | (ours or {}), "official": side | (theirs or {})}


def test_ratios_and_their_geometric_mean() -> None:
    records = [record(ours={"cpu": 1.0}), record(ours={"cpu": 4.0})]
    assert report.ratios(records[0])["cpu"] == 1 / 8
    assert report.geometric_means(records)["cpu"] == pytest.approx(0.25)


@pytest.mark.parametrize("wrong", ({"error": "inf"}, {"error": 0.5}, {"failure": "boom"}, {"error": None}))
def test_a_wrong_result_counts_in_no_mean(wrong: dict[str, Any]) -> None:
    assert report.geometric_means([record(theirs=wrong)]) == {}
    assert report.geometric_means([record(ours=wrong)]) == {}


SHORTFALLS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("good", {}, {}, ""),
    ("failure", {"failure": "Traceback\nLS012 tf.Foo"}, {}, "LS012 tf.Foo"),
    ("error", {"error": 2e-5}, {}, "error 2e-05"),
    ("no worse than the peer", {"error": 2e-5}, {"error": 3e-5}, ""),
    ("as bad as a wrong peer", {"error": 2e-3}, {"error": 3e-3}, "error 0.002"),
    ("not finite", {"error": "inf"}, {}, "error inf"),
    ("ops", {"op_count": 11}, {}, "11 ops (official 10)"),
    ("more ops than a wrong file", {"op_count": 11}, {"error": "inf"}, ""),
]


@pytest.mark.parametrize("ours, theirs, text", [row[1:] for row in SHORTFALLS], ids=[row[0] for row in SHORTFALLS])
def test_shortfalls(ours: dict[str, Any], theirs: dict[str, Any], text: str) -> None:
    lines = report.shortfalls([record("m", ours, theirs)])
    assert bool(lines) == bool(text)
    assert all(text in line for line in lines)


def test_the_markdown_has_a_row_for_each_model() -> None:
    failed = record("failed", {"failure": "boom", "error": None, "op_count": None})
    where = dict.fromkeys(("cpu", "cores", "python", "tensorflow", "litert", "date", "repeats"), "?")
    text = report.markdown({"models": [record("fine"), failed], "environment": where})
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert any("fine" in line for line in table)
    assert any("failed / 1e-06" in line for line in table)


def test_a_process_is_measured() -> None:
    usage = measure([sys.executable, "-c", "b = bytearray(80_000_000); print('done')"])
    assert (usage.error, usage.stdout.strip()) == ("", "done")
    assert usage.peak_mb > 80
    assert usage.cpu > 0


def test_a_failing_process_says_why() -> None:
    usage = measure([sys.executable, "-c", "raise SystemExit('no such thing')"])
    assert usage.error == "no such thing"
    long = measure([sys.executable, "-c", "raise ValueError('the point\\n' + 'detail\\n' * 99)"])
    assert long.error.startswith("ValueError: the point")
    assert medians([usage, usage]).error == "no such thing"


def test_a_process_that_hangs_is_ended() -> None:
    assert measure([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.5).error


def test_calls_of_a_model_with_state_come_in_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "reference.npz", **{"s/outputs/y": F([0])})
    (tmp_path / "reference").mkdir()
    for number in range(3):
        np.savez(tmp_path / "reference" / f"{number:04d}.npz", **{"s/outputs/y": F([number])})
    calls = load_reference(tmp_path / "reference.npz")["s"]
    assert [float(call["outputs"]["y"][0]) for call in calls] == [0, 1, 2]


def test_variants() -> None:
    assert variants(["vgg16", "unet"], "some") == [("vgg16", 1), ("unet", 1), ("unet", None)]
    assert variants(["counter", "unet"], "dynamic") == [("unet", None)]
    assert variant_name("unet", None, "saved_model") == "unet-dyn-sm"
    assert set(QUICK) | set(DYNAMIC) | UNBATCHED <= set(NAMES)
