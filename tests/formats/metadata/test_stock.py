"""Metadata beside the stock tools, run in an environment of their own (``make test-metadata``)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.formats.metadata import read_described, to_document
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata import tasks as t
from litesmith.formats.metadata.readers import validate
from litesmith.formats.tflite.archive import read_archive
from litesmith.ir import DType
from tests.formats.metadata import reader_models
from tests.formats.metadata.test_tasks import (
    BERT,
    BOXES,
    CLIP,
    IMAGE,
    IMAGE_U8,
    LABELS,
    MASKS,
    SCORES,
    SCORES_U8,
    WORDS,
    Kinds,
    model,
)

pytestmark = pytest.mark.metadata

HERE = Path(__file__).parent / "stock"
CALIBRATION = t.Calibration(b"1.0,2.0,3.0\n\n1.0,2.0,3.0,0.5\n1.0,2.0,3.0\n", s.ScoreTransformationType.LOG, 0.25)
TEXT: Kinds = [("text", DType.STRING, (1,))]

ROWS: dict[str, tuple[Any, tuple[Kinds, Kinds], dict[str, Any]]] = {
    "image_classifier": (t.image_classifier, (IMAGE, SCORES), {"mean": 127.5, "std": 127.5}),
    "image_channels": (t.image_classifier, (IMAGE, SCORES), {"mean": [1, 2, 3], "std": [4, 5, 6]}),
    "image_calibrated": (t.image_classifier, (IMAGE_U8, SCORES_U8), {"calibration": CALIBRATION}),
    "object_detector": (t.object_detector, (IMAGE, BOXES), {"mean": 127.5, "std": 127.5}),
    "image_segmenter": (t.image_segmenter, (IMAGE, MASKS), {"mean": 0, "std": 255}),
    "audio_classifier": (t.audio_classifier, (CLIP, SCORES), {"sample_rate": 16000}),
    "text_words": (t.text_classifier, (WORDS, SCORES), {"vocabulary": b"[PAD] 0\nthe 1\n"}),
    "text_string": (t.text_classifier, (TEXT, SCORES), {}),
    "bert": (t.bert_classifier, (BERT, SCORES), {"vocabulary": b"[PAD]\nthe\n"}),
    "bert_sentence_piece": (t.bert_classifier, (BERT, SCORES), {"sentence_piece": b"\x08\x01"}),
}


def run(script: str, folder: Path) -> None:
    """Runs a script in the environment of the stock tools."""
    python = os.environ.get("METADATA_PYTHON")
    if not python:
        pytest.skip("METADATA_PYTHON names no Python with the stock tools; run make test-metadata")
    ran = subprocess.run([python, str(HERE / script), str(folder)], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for each row: the model, ours, the stock writer's, and what the stock reader says of both."""
    folder = tmp_path_factory.mktemp("stock")
    for name, (write, kinds, given) in ROWS.items():
        row = folder / name
        row.mkdir()
        source = model(*kinds)
        source.save(row / "model.tflite")
        metadata, files = write(source, LABELS, **given)
        source.with_metadata(metadata, files).save(row / "ours.tflite")
        for file, content in files.items():
            (row / file).write_bytes(content)
    run("write_stock.py", folder)
    return folder


@pytest.mark.parametrize("name", ROWS)
def test_the_stock_writers_say_the_same(name: str, stock: Path) -> None:
    texts = [json.loads((stock / name / file).read_text()) for file in ("stock.json", "read.json")]
    assert texts[0] == texts[1]
    files = [dict(read_archive(memoryview((stock / name / f).read_bytes())).files) for f in ("stock.tflite", "ours.tflite")]
    assert files[0] == files[1]


@pytest.mark.parametrize("name", ROWS)
def test_we_read_what_they_write(name: str, stock: Path) -> None:
    found = read_described(stock / name / "stock.tflite")
    assert found.metadata is not None
    theirs = json.loads((stock / name / "stock.json").read_text())
    assert rounded(to_document(found.metadata)) == rounded(theirs)


def rounded(value: Any) -> Any:
    """A document with its numbers as the stock reader prints them, with six digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What the readers make of each model."""
    folder = tmp_path_factory.mktemp("readers")
    for name, described in reader_models.models().items():
        assert validate(described, "mediapipe") == []
        described.save(folder / f"{name}.tflite")
    run("run_readers.py", folder)
    found: Mapping[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_pictures(results: Mapping[str, Any]) -> None:
    means = np.array(results["means"])
    for name in ("image", "image_u8"):
        found = results[name]
        assert [c[:2] for c in found] == [
            [("red", "green", "blue")[i], ("rot", "grün", "blau")[i]] for i in np.argsort(-means)
        ]
        np.testing.assert_allclose([c[2] for c in found], np.sort(means)[::-1], atol=0.05, rtol=0)  # it is resized
        np.testing.assert_allclose(dict(results[f"task_library_{name}"])["red"], means[0], atol=0.05, rtol=0)


def test_digits(results: Mapping[str, Any]) -> None:
    names = "zero one two three four five six seven eight nine".split()
    right = [names[digit] == label for digit, label in results["digits"]]
    assert len(right) == 50
    assert sum(right) >= 48


def test_detections(results: Mapping[str, Any]) -> None:
    assert [r[0] for r in results["detector"]] == [["dog", 0.75], ["cat", 0.5]]
    boxes = [[160, 107, 320, 107], [0, 0, 320, 214]]
    np.testing.assert_allclose([r[1] for r in results["detector"]], boxes, atol=1.5, rtol=0)
    assert [r[0] for r in results["raw_detector"]] == [["dog", 0.9], ["cow", 0.8]]
    np.testing.assert_allclose(results["raw_detector"][0][1], [192, 128, 256, 171], atol=1.5, rtol=0)
    assert results["task_library_detector"] == [["dog", 0.75], ["cat", 0.5]]


def test_masks(results: Mapping[str, Any]) -> None:
    assert results["segmenter"][0] == ["red", "green", "blue"]
    assert set(results["segmenter"][1]) <= {0, 1, 2}
    assert results["task_library_segmenter"] == ["red", "green", "blue"]


def test_an_embedding(results: Mapping[str, Any]) -> None:
    assert len(results["embedder"]) == 3


def test_a_clip(results: Mapping[str, Any]) -> None:
    assert dict(results["audio"]) == pytest.approx({"loud": 0.5, "quiet": 0.5}, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "pads", "cats"),
    [("text_words", 4 / 8, 1 / 8), ("bert", 11 / 16, 1 / 16),
     ("task_library_text_words", 4 / 8, 1 / 8), ("task_library_bert", 11 / 16, 1 / 16)],
)  # fmt: skip
def test_texts(results: Mapping[str, Any], name: str, pads: float, cats: float) -> None:
    assert dict(results[name]) == pytest.approx({"pad": pads, "cat": cats}, abs=1e-3)


def test_generated_java(results: Mapping[str, Any]) -> None:
    assert "public List<Category> getProbabilityAsCategoryList(" in results["codegen_image"]
    assert "public List<String> getCategoryLabels(" in results["codegen_detector"]
    assert "public TensorBuffer getLocationAsTensorBuffer(" in results["codegen_detector"]
