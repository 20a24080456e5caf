"""Runs in the environment of the stock tools: what their writers say of our models, and how they read our metadata.

``write_stock.py FOLDER``: each directory ``FOLDER/<row>`` holds ``model.tflite`` without metadata, ``ours.tflite``, and the
associated files. Writes ``stock.json`` (the stock writer's metadata) and ``read.json`` (ours, as the stock reader sees it).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tflite_support import metadata
from tflite_support.metadata_writers import (
    audio_classifier,
    bert_nl_classifier,
    image_classifier,
    image_segmenter,
    nl_classifier,
    object_detector,
)
from tflite_support.metadata_writers import metadata_info as info

Row = Callable[[bytearray, Callable[[str], str]], Any]

ROWS: dict[str, Row] = {
    "image_classifier": lambda model, at: image_classifier.MetadataWriter.create_for_inference(
        model, [127.5], [127.5], [at("labels.txt")]
    ),
    "image_channels": lambda model, at: image_classifier.MetadataWriter.create_for_inference(
        model, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [at("labels.txt")]
    ),
    "image_calibrated": lambda model, at: image_classifier.MetadataWriter.create_for_inference(
        model, [0.0], [1.0], [at("labels.txt")], info.ScoreCalibrationMd(1, 0.25, at("score_calibration.csv"))
    ),
    "object_detector": lambda model, at: object_detector.MetadataWriter.create_for_inference(
        model, [127.5], [127.5], [at("labels.txt")]
    ),
    "image_segmenter": lambda model, at: image_segmenter.MetadataWriter.create_for_inference(
        model, [0.0], [255.0], [at("labels.txt")]
    ),
    "audio_classifier": lambda model, at: audio_classifier.MetadataWriter.create_for_inference(
        model, 16000, 1, [at("labels.txt")]
    ),
    "text_words": lambda model, at: nl_classifier.MetadataWriter.create_for_inference(
        model, info.RegexTokenizerMd(r"[^\w\']+", at("vocab.txt")), [at("labels.txt")]
    ),
    "text_string": lambda model, at: nl_classifier.MetadataWriter.create_for_inference(model, None, [at("labels.txt")]),
    "bert": lambda model, at: bert_nl_classifier.MetadataWriter.create_for_inference(
        model, info.BertTokenizerMd(at("vocab.txt")), [at("labels.txt")]
    ),
    "bert_sentence_piece": lambda model, at: bert_nl_classifier.MetadataWriter.create_for_inference(
        model, info.SentencePieceTokenizerMd(at("spm.model")), [at("labels.txt")]
    ),
}


def as_json(model: bytes) -> str:
    text: str = metadata.MetadataDisplayer.with_model_buffer(model).get_metadata_json()
    return text


def main(folder: Path) -> None:
    for name, write in ROWS.items():
        row = folder / name
        model = bytearray((row / "model.tflite").read_bytes())
        stock = write(model, lambda file, row=row: str(row / file)).populate()
        (row / "stock.tflite").write_bytes(stock)
        (row / "stock.json").write_text(as_json(stock))
        (row / "read.json").write_text(as_json((row / "ours.tflite").read_bytes()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
