"""Runs in the environment of the stock tools: what MediaPipe Tasks and the Task Library make of models.

``run_readers.py FOLDER``: the models in FOLDER by the name of their task; prints the results as JSON.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, audio, components, text, vision
from sklearn.datasets import load_digits, load_sample_image
from tflite_support.task import core as task_core
from tflite_support.task import processor as task_processor
from tflite_support.task import text as task_text
from tflite_support.task import vision as task_vision

PICTURE = np.ascontiguousarray(load_sample_image("flower.jpg"))
SENTENCE = "the cat sat"


def picture(pixels: Any = PICTURE) -> Any:
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))


def base(path: Path) -> Any:
    return BaseOptions(model_asset_path=str(path))


def categories(found: Any) -> list[tuple[str, float]]:
    return [(c.category_name, round(c.score, 4)) for c in found]


def classify_image(path: Path, image: Any = None) -> Any:
    options = vision.ImageClassifierOptions(base_options=base(path), display_names_locale="de")
    with vision.ImageClassifier.create_from_options(options) as task:
        found = task.classify(image or picture()).classifications[0].categories
    return [(c.category_name, c.display_name, round(c.score, 4)) for c in found]


def classify_digits(path: Path) -> Any:
    digits = load_digits()
    options = vision.ImageClassifierOptions(base_options=base(path), max_results=1)
    results = []
    with vision.ImageClassifier.create_from_options(options) as task:
        for image, digit in zip(digits.images[:50], digits.target[:50], strict=True):
            pixels = np.repeat(np.round(image * (255 / 16)).astype(np.uint8)[..., None], 3, axis=2)
            found = task.classify(picture(pixels)).classifications[0].categories[0]
            results.append((int(digit), found.category_name))
    return results


def detect(path: Path) -> Any:
    with vision.ObjectDetector.create_from_options(vision.ObjectDetectorOptions(base_options=base(path))) as task:
        found = task.detect(picture()).detections
    return [
        (categories(d.categories)[0], [d.bounding_box.origin_x, d.bounding_box.origin_y, d.bounding_box.width,
                                       d.bounding_box.height])
        for d in found if d.categories[0].score > 0
    ]  # fmt: skip


def segment(path: Path) -> Any:
    options = vision.ImageSegmenterOptions(base_options=base(path), output_category_mask=True)
    with vision.ImageSegmenter.create_from_options(options) as task:
        mask = task.segment(picture()).category_mask.numpy_view()
        return list(task.labels), np.unique(mask).tolist()


def embed(path: Path) -> Any:
    with vision.ImageEmbedder.create_from_options(vision.ImageEmbedderOptions(base_options=base(path))) as task:
        return np.round(task.embed(picture()).embeddings[0].embedding, 4).tolist()


def classify_audio(path: Path) -> Any:
    clip = components.containers.AudioData.create_from_array(np.full((1600, 1), 0.5, np.float32), 16000)
    with audio.AudioClassifier.create_from_options(audio.AudioClassifierOptions(base_options=base(path))) as task:
        return categories(task.classify(clip)[0].classifications[0].categories)


def classify_text(path: Path) -> Any:
    with text.TextClassifier.create_from_options(text.TextClassifierOptions(base_options=base(path))) as task:
        return categories(task.classify(SENTENCE).classifications[0].categories)


def task_library_image(path: Path) -> Any:
    task = task_vision.ImageClassifier.create_from_file(str(path))
    found = task.classify(task_vision.TensorImage.create_from_array(PICTURE)).classifications[0].categories
    return [(c.category_name, round(c.score, 4)) for c in found]


def task_library_detector(path: Path) -> Any:
    task = task_vision.ObjectDetector.create_from_file(str(path))
    found = task.detect(task_vision.TensorImage.create_from_array(PICTURE)).detections
    return [(d.categories[0].category_name, round(d.categories[0].score, 4)) for d in found]


def task_library_segmenter(path: Path) -> Any:
    base_options = task_core.BaseOptions(file_name=str(path))
    options = task_vision.ImageSegmenterOptions(base_options, task_processor.SegmentationOptions())
    task = task_vision.ImageSegmenter.create_from_options(options)
    found = task.segment(task_vision.TensorImage.create_from_array(PICTURE)).segmentations[0]
    return [label.category_name for label in found.colored_labels]


def task_library_text(path: Path) -> Any:
    task = task_text.NLClassifier.create_from_file(str(path))
    return categories(task.classify(SENTENCE).classifications[0].categories)


def task_library_bert(path: Path) -> Any:
    task = task_text.BertNLClassifier.create_from_file(str(path))
    return categories(task.classify(SENTENCE).classifications[0].categories)


def generate_java(path: Path) -> Any:
    """The getters in the Java class that the Android wrapper generator makes of a model."""
    with tempfile.TemporaryDirectory() as folder:
        tool = Path(sys.executable).with_name("tflite_codegen")
        flags = [f"--model={path}", "--package_name=org.example", "--model_class_name=Made", f"--destination={folder}"]
        subprocess.run([tool, *flags], check=True, capture_output=True)
        source = next(Path(folder).rglob("Made.java")).read_text()
    return sorted(set(re.findall(r"public [A-Za-z<>]+ get\w+\(", source)))


TASKS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "image": ("image", classify_image),
    "image_u8": ("image_u8", classify_image),
    "digits": ("digits", classify_digits),
    "detector": ("detector", detect),
    "raw_detector": ("raw_detector", detect),
    "segmenter": ("segmenter", segment),
    "embedder": ("embedder", embed),
    "audio": ("audio", classify_audio),
    "text_words": ("text_words", classify_text),
    "bert": ("bert", classify_text),
    "codegen_image": ("image", generate_java),
    "codegen_detector": ("detector", generate_java),
    "task_library_image": ("image", task_library_image),
    "task_library_image_u8": ("image_u8", task_library_image),
    "task_library_detector": ("detector", task_library_detector),
    "task_library_segmenter": ("segmenter", task_library_segmenter),
    "task_library_text_words": ("text_words", task_library_text),
    "task_library_bert": ("bert", task_library_bert),
}
"""Tasks by name: the model's file and what runs it."""


def main(folder: Path) -> None:
    results: dict[str, Any] = {"means": (PICTURE.mean((0, 1)) / 255).tolist()}
    for name, (file, run) in TASKS.items():
        try:
            results[name] = run(folder / f"{file}.tflite")
        except Exception as error:
            results[name] = {"error": f"{type(error).__name__}: {error}"}
    (folder / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
