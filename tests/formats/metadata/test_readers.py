"""What readers of metadata would refuse, and that they take what the tasks give."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litesmith.errors import UsageError
from litesmith.formats.metadata import Described, from_document, read_described, to_document
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata import tasks as t
from litesmith.formats.metadata.mediapipe import ObjectDetectorOptions, custom_metadata
from litesmith.formats.metadata.readers import READERS, validate
from litesmith.formats.tflite import read_model, write_model
from litesmith.ir import DType, Quantization
from litesmith.ir.types import TensorType
from tests.formats.metadata.test_tasks import (
    ANCHORS,
    BERT,
    BOXES,
    CLIP,
    IMAGE,
    IMAGE_U8,
    LABELS,
    MASKS,
    RAW,
    SCORES,
    WORDS,
    Kinds,
    model,
)

Edit = Callable[[s.SubGraphMetadata], s.SubGraphMetadata]


def classifier(image: Kinds = IMAGE_U8, **given: Any) -> Described:
    return written(t.image_classifier, (image, SCORES), **given)


def written(write: Any, kinds: Any, **given: Any) -> Described:
    source = model(*kinds)
    return source.with_metadata(*write(source, LABELS, **given))


def edited(source: Described, edit: Edit) -> Described:
    assert source.metadata is not None
    graph = edit(source.metadata.subgraph_metadata[0])
    return source.with_metadata(replace(source.metadata, subgraph_metadata=(graph,)))


def quantized(scale: float, zero_point: int, mean: float, std: float) -> Described:
    """A classifier of uint8 images with this quantization and normalization."""
    program = read_model(model(IMAGE_U8, SCORES).model.tobytes())
    quant = Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))
    program.main.inputs[0].type = TensorType(DType.UINT8, (1, 8, 8, 3), quant)
    source = read_described(write_model(program))
    return source.with_metadata(*t.image_classifier(source, LABELS, mean=mean, std=std))


def without_units(graph: s.SubGraphMetadata) -> s.SubGraphMetadata:
    return replace(graph, input_tensor_metadata=(replace(graph.input_tensor_metadata[0], process_units=()),))


def with_content(place: int, content: Any) -> Edit:
    def edit(graph: s.SubGraphMetadata) -> s.SubGraphMetadata:
        outputs = list(graph.output_tensor_metadata)
        outputs[place] = replace(outputs[place], content=s.Content(content))
        return replace(graph, output_tensor_metadata=tuple(outputs))

    return edit


WORD_LIST, TOKENS = b"<PAD> 0\n<UNKNOWN> 1\n", b"[CLS]\n[SEP]\n[UNK]\n"

TAKEN: list[tuple[str, Callable[[], Described], str]] = [
    ("image classifier", classifier, "mediapipe task-library codegen"),
    ("float image", lambda: classifier(IMAGE, mean=1, std=1), "mediapipe task-library"),
    ("detector", lambda: written(t.object_detector, (IMAGE_U8, BOXES)), "mediapipe task-library codegen"),
    ("raw detector", lambda: written(t.object_detector, (IMAGE_U8, RAW), anchors=ANCHORS), "mediapipe"),
    ("segmenter", lambda: written(t.image_segmenter, (IMAGE_U8, MASKS)), "mediapipe task-library"),
    ("audio", lambda: written(t.audio_classifier, (CLIP, SCORES), sample_rate=16000), "mediapipe task-library"),
    ("text", lambda: written(t.text_classifier, (WORDS, SCORES), vocabulary=WORD_LIST), "mediapipe task-library"),
    ("bert", lambda: written(t.bert_classifier, (BERT, SCORES), vocabulary=TOKENS), "mediapipe task-library"),
    ("pixels as stored", lambda: quantized(1 / 127.5, 128, 127.5, 127.5), "mediapipe task-library"),
]


@pytest.mark.parametrize(("source", "readers"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_what_readers_take(source: Callable[[], Described], readers: str) -> None:
    for reader in readers.split():
        assert validate(source(), reader) == []


BOX = s.BoundingBoxProperties((0, 1, 2, 3), s.BoundingBoxType.CENTER)

REFUSED: list[tuple[str, Callable[[], Described], str, str]] = [
    ("nothing", lambda: model(IMAGE, SCORES), "mediapipe", "has no metadata"),
    ("float image", lambda: edited(classifier(IMAGE, mean=1, std=1), without_units), "mediapipe", "no Normalization"),
    ("range", lambda: quantized(1 / 255, 0, 127.5, 127.5), "mediapipe", "are -255 to 255; readers put them in as they"),
    ("raw detector", lambda: written(t.object_detector, (IMAGE_U8, RAW), anchors=ANCHORS), "task-library", "4 outputs"),
    ("no anchors", lambda: edited(written(t.object_detector, (IMAGE_U8, RAW), anchors=ANCHORS),
                                  lambda g: replace(g, custom_metadata=())), "mediapipe", "no DETECTOR_METADATA"),
    ("other anchors", lambda: edited(written(t.object_detector, (IMAGE_U8, RAW), anchors=ANCHORS),
                                     lambda g: replace(g, custom_metadata=(custom_metadata(ObjectDetectorOptions()),))),
     "mediapipe", "does not fit the 0 anchors"),
    ("boxes", lambda: edited(written(t.object_detector, (IMAGE_U8, BOXES)), with_content(0, BOX)), "mediapipe",
     "boxes other than BOUNDARIES"),
    ("three outputs", lambda: edited(model(IMAGE_U8, BOXES[:3]).with_metadata(s.ModelMetadata(subgraph_metadata=(
        s.SubGraphMetadata(input_tensor_metadata=(s.TensorMetadata(),),
                           output_tensor_metadata=(s.TensorMetadata(),) * 3),))),
        with_content(0, BOX)), "mediapipe", "this one 3"),
    ("words", lambda: edited(classifier(), lambda g: replace(g, input_process_units=(
        s.ProcessUnit(s.RegexTokenizerOptions(" ")),))), "mediapipe", "words as uint8"),
    ("no unknown word", lambda: written(t.text_classifier, (WORDS, SCORES), vocabulary=b"a 1\n"), "task-library",
     "vocab.txt lacks <PAD>, <UNKNOWN>"),
    ("no start", lambda: written(t.bert_classifier, (BERT, SCORES), vocabulary=b"[UNK]\na\n"), "mediapipe",
     "lacks [CLS], [SEP]"),
    ("no name", lambda: edited(classifier(), lambda g: replace(g, input_tensor_metadata=(s.TensorMetadata(),))),
     "codegen", "has no name"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "reader", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_readers_refuse(source: Callable[[], Described], reader: str, reason: str) -> None:
    findings = validate(source(), reader)
    assert any(reason in finding.reason for finding in findings), findings
    assert all(finding.fix for finding in findings)


def test_every_reader_has_checks() -> None:
    assert set(READERS) == {"mediapipe", "task-library", "codegen"}


def test_tables_in_custom_metadata() -> None:
    source = written(t.object_detector, (IMAGE_U8, RAW), anchors=ANCHORS)
    document = json.loads(json.dumps(to_document(source.metadata)))
    assert from_document(document) == source.metadata
    custom = {"name": "DETECTOR_METADATA", "data": {"tensors_decoding_options": {"sigmoid_score": 1, "num_boxs": 2}}}
    with pytest.raises(UsageError, match=r"did you mean num_boxes\?(.|\n)*expected true or false, got 1"):
        from_document({"subgraph_metadata": [{"custom_metadata": [custom]}]})
    with pytest.raises(UsageError, match="only DETECTOR_METADATA and SEGMENTER_METADATA are known as tables"):
        from_document({"subgraph_metadata": [{"custom_metadata": [{"name": "x", "data": {}}]}]})
