"""Metadata of the common tasks: what the stock writers (tflite-support 0.4.4) give, and what is refused, with the reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from litesmith.errors import UsageError
from litesmith.formats.metadata import Described, read_described, to_document
from litesmith.formats.metadata import mediapipe as m
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata import tasks as t
from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, tensor
from litesmith.ops import OPS

F32, U8, I32 = DType.FLOAT32, DType.UINT8, DType.INT32
Kinds = list[tuple[str, DType, tuple[int, ...]]]

IMAGE: Kinds = [("image", F32, (1, 8, 8, 3))]
IMAGE_U8: Kinds = [("image", U8, (1, 8, 8, 3))]
SCORES: Kinds = [("p", F32, (1, 4))]
SCORES_U8: Kinds = [("p", U8, (1, 4))]
BOXES: Kinds = [("l", F32, (1, 10, 4)), ("c", F32, (1, 10)), ("s", F32, (1, 10)), ("n", F32, (1,))]
MASKS: Kinds = [("m", F32, (1, 8, 8, 4))]
CLIP: Kinds = [("clip", F32, (1, 1600))]
WORDS: Kinds = [("text", I32, (1, 16))]
BERT: Kinds = [(f"serving_default_input_{n}:0", I32, (1, 16)) for n in ("word_ids", "mask", "type_ids")]
LABELS = ["a", "b", "c", "d"]
RAW: Kinds = [("s", F32, (1, 2, 4)), ("b", F32, (1, 2, 6))]
ANCHORS = t.Anchors([[0.25, 0.25, 0.5, 0.5], [0.75, 0.75, 0.5, 0.5]], scale=(10, 10, 5, 5), sigmoid=True)


def model(inputs: Kinds, outputs: Kinds) -> Described:
    """A model with these inputs and outputs; what it computes is of no interest."""
    graph = Graph("main")
    for name, dtype, shape in inputs:
        graph.add_input(tensor(dtype, shape), name)
    b = Builder(graph, OPS)
    first = graph.inputs[0]
    source = first.type.dtype
    for name, dtype, shape in outputs:
        value = b.slice(b.reshape(first, [int(np.prod(inputs[0][2]))]), [0], [1])
        if source is not dtype:
            value = b.cast(value, in_data_type=source, out_data_type=dtype)
        value = b.reshape(b.tile(value, [int(np.prod(shape))]), list(shape))
        value.name = name
        graph.outputs = [*graph.outputs, value]
    signature = Signature(
        "serving_default",
        graph,
        {kind[0]: i for i, kind in enumerate(inputs)},
        {kind[0]: i for i, kind in enumerate(outputs)},
    )
    return read_described(write_model(Program([graph], [signature])))


def feature(name: str, text: str, **fields: Any) -> dict[str, Any]:
    content = {"content_properties_type": "FeatureProperties", "content_properties": {}}
    return {"name": name, "description": text, "content": content, "stats": {}, **fields}


def image(text: str, mean: float, std: float, low: float, high: float) -> dict[str, Any]:
    units = [{"options_type": "NormalizationOptions", "options": {"mean": [mean], "std": [std]}}]
    content = {"content_properties_type": "ImageProperties", "content_properties": {"color_space": "RGB"}}
    stats = {"max": [high], "min": [low]}
    return {"name": "image", "description": text, "content": content, "process_units": units, "stats": stats}


def labels(kind: str = "TENSOR_AXIS_LABELS") -> list[dict[str, str]]:
    text = "Labels for categories that the model can recognize."
    return [{"name": "labels.txt", "description": text, "type": kind}]


def scores(high: float = 1.0, what: str = "Probabilities") -> dict[str, Any]:
    stats = {"max": [high], "min": [0.0]}
    return feature("probability", f"{what} of the labels respectively.", stats=stats, associated_files=labels())


COLUMNS = {"range": {"min": 2, "max": 2}}
VOCABULARY = [{
    "name": "vocab.txt", "type": "VOCABULARY",
    "description": "Vocabulary file to convert natural language words to embedding vectors.",
}]  # fmt: skip
BOX = {
    "content_properties_type": "BoundingBoxProperties",
    "content_properties": {"index": [1, 0, 3, 2], "type": "BOUNDARIES"},
    **COLUMNS,
}
FEATURE = {"content_properties_type": "FeatureProperties", "content_properties": {}, **COLUMNS}

# Recorded from the stock writers, field by field: task, model, arguments, name, subgraph, smallest parser.
MASK = {
    "name": "segmentation_masks", "description": "Masks over the target objects with high accuracy.",
    "content": {"content_properties_type": "ImageProperties",
                "content_properties": {"color_space": "GRAYSCALE"}, "range": {"min": 1, "max": 2}},
    "stats": {}, "associated_files": labels(),
}  # fmt: skip

STOCK: list[tuple[str, Callable[..., t.Result], tuple[Kinds, Kinds], dict[str, Any], str, dict[str, Any], str]] = [
    ("image classifier", t.image_classifier, (IMAGE, SCORES), {"mean": 127.5, "std": 127.5}, "ImageClassifier", {
        "input_tensor_metadata": [image("Input image to be classified.", 127.5, 127.5, -1.0, 1.0)],
        "output_tensor_metadata": [scores()],
    }, "1.0.0"),
    ("image classifier uint8", t.image_classifier, (IMAGE_U8, SCORES_U8), {}, "ImageClassifier", {
        "input_tensor_metadata": [image("Input image to be classified.", 0.0, 1.0, 0.0, 255.0)],
        "output_tensor_metadata": [scores(255.0)],
    }, "1.0.0"),
    ("object detector", t.object_detector, (IMAGE, BOXES), {"mean": 127.5, "std": 127.5}, "ObjectDetector", {
        "input_tensor_metadata": [image("Input image to be detected.", 127.5, 127.5, -1.0, 1.0)],
        "output_tensor_metadata": [
            {"name": "location", "description": "The locations of the detected boxes.", "content": BOX, "stats": {}},
            feature("category", "The categories of the detected boxes.", content=FEATURE,
                    associated_files=labels("TENSOR_VALUE_LABELS")),
            feature("score", "The scores of the detected boxes.", content=FEATURE),
            feature("number of detections", "The number of the detected boxes."),
        ],
        "output_tensor_groups": [{"name": "detection_result", "tensor_names": ["location", "category", "score"]}],
    }, "1.2.0"),
    ("raw detector", t.object_detector, (IMAGE_U8, RAW), {"anchors": ANCHORS}, "ObjectDetector", {
        "input_tensor_metadata": [image("Input image to be detected.", 0.0, 1.0, 0.0, 255.0)],
        "output_tensor_metadata": [
            feature("score", "The scores of the detected boxes.", associated_files=labels()),
            {"name": "location", "description": "The locations of the detected boxes.", "stats": {},
             "content": {k: v for k, v in BOX.items() if k != "range"}},
        ],
        "custom_metadata": [{"name": "DETECTOR_METADATA", "data": {
            "ssd_anchors_options": {"fixed_anchors_schema": {"anchors": [
                {"x_center": 0.25, "y_center": 0.25, "width": 0.5, "height": 0.5},
                {"x_center": 0.75, "y_center": 0.75, "width": 0.5, "height": 0.5}]}},
            "tensors_decoding_options": {
                "num_classes": 4, "num_boxes": 2, "num_coords": 6, "keypoint_coord_offset": 4, "num_keypoints": 1,
                "num_values_per_keypoint": 2, "x_scale": 10.0, "y_scale": 10.0, "w_scale": 5.0, "h_scale": 5.0,
                "apply_exponential_on_box_size": True, "sigmoid_score": True}}}],
    }, "1.5.0"),
    ("segmenter of logits", t.image_segmenter, (IMAGE_U8, MASKS), {"activation": m.Activation.SOFTMAX},
     "ImageSegmenter", {
        "input_tensor_metadata": [image("Input image to be segmented.", 0.0, 1.0, 0.0, 255.0)],
        "output_tensor_metadata": [MASK],
        "custom_metadata": [{"name": "SEGMENTER_METADATA", "data": {"activation": "SOFTMAX"}}],
    }, "1.5.0"),
    ("image segmenter", t.image_segmenter, (IMAGE, MASKS), {"mean": 0, "std": 255}, "ImageSegmenter", {
        "input_tensor_metadata": [image("Input image to be segmented.", 0.0, 255.0, 0.0, 1.0)],
        "output_tensor_metadata": [MASK],
    }, "1.0.0"),
    ("audio classifier", t.audio_classifier, (CLIP, SCORES), {"sample_rate": 16000}, "AudioClassifier", {
        "input_tensor_metadata": [feature("audio_clip", "Input audio clip to be classified.", content={
            "content_properties_type": "AudioProperties",
            "content_properties": {"sample_rate": 16000, "channels": 1}})],
        "output_tensor_metadata": [scores(what="Scores")],
    }, "1.3.0"),
    ("text classifier", t.text_classifier, (WORDS, SCORES), {"vocabulary": b"the 1\n"}, "NLClassifier", {
        "input_tensor_metadata": [
            feature("input_text", "Embedding vectors representing the input text to be classified.", process_units=[
                {"options_type": "RegexTokenizerOptions",
                 "options": {"delim_regex_pattern": r"[^\w\']+", "vocab_file": VOCABULARY}}])],
        "output_tensor_metadata": [scores()],
    }, "1.2.1"),
    ("bert classifier", t.bert_classifier, (BERT, SCORES), {"vocabulary": b"[UNK]\n"}, "BertNLClassifier", {
        "input_tensor_metadata": [
            feature("ids", "Tokenized ids of the input text."),
            feature("mask", "Mask with 1 for real tokens and 0 for padding tokens."),
            feature("segment_ids", "0 for the first sequence, 1 for the second sequence if exists."),
        ],
        "output_tensor_metadata": [scores()],
        "input_process_units": [{"options_type": "BertTokenizerOptions", "options": {"vocab_file": VOCABULARY}}],
    }, "1.1.0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("write", "kinds", "given", "name", "graph", "version"), [row[1:] for row in STOCK], ids=[row[0] for row in STOCK]
)
def test_what_the_stock_writers_give(
    write: Any, kinds: Any, given: dict[str, Any], name: str, graph: dict[str, Any], version: str
) -> None:
    source, out = model(*kinds), io.BytesIO()
    metadata, files = write(source, LABELS, **given)
    source.with_metadata(metadata, files).write(out)
    back = read_described(out.getvalue())
    assert back.metadata is not None
    document = to_document(back.metadata)
    assert document.pop("description")
    assert document == {"name": name, "subgraph_metadata": [graph], "min_parser_version": version}
    assert back.files["labels.txt"] == b"a\nb\nc\nd\n"


def test_labels_by_locale() -> None:
    metadata, files = t.image_classifier(model(IMAGE_U8, SCORES), {"": LABELS, "de": ["A", "B", "C", "D"]})
    assert files == {"labels.txt": b"a\nb\nc\nd\n", "labels_de.txt": b"A\nB\nC\nD\n"}
    recorded = metadata.subgraph_metadata[0].output_tensor_metadata[0].associated_files
    assert [(f.name, f.locale) for f in recorded] == [("labels.txt", ""), ("labels_de.txt", "de")]


def test_score_calibration() -> None:
    table = t.Calibration(b"1,2,3\n" * 4, s.ScoreTransformationType.LOG, 0.25)
    metadata, files = t.image_classifier(model(IMAGE_U8, SCORES), LABELS, calibration=table)
    output = metadata.subgraph_metadata[0].output_tensor_metadata[0]
    assert output.process_units[0].options == s.ScoreCalibrationOptions(s.ScoreTransformationType.LOG, 0.25)
    assert files["score_calibration.csv"] == table.table


REFUSED: list[tuple[str, Any, tuple[Kinds, Kinds], dict[str, Any], str]] = [
    ("no normalization", t.image_classifier, (IMAGE, SCORES), {}, "is float32: say how pixels"),
    ("too few labels", t.image_classifier, (IMAGE_U8, SCORES), {"labels": ["a"]}, "1 labels, the output 'p' has 4"),
    ("a text as labels", t.image_classifier, (IMAGE_U8, SCORES), {"labels": "abcd"}, "expected a list of names"),
    ("two lines", t.image_classifier, (IMAGE_U8, SCORES), {"labels": ["a\nb", "c", "d", "e"]}, "a label is one line"),
    ("no image", t.image_classifier, (WORDS, SCORES), {}, "is int32; readers take float32 and uint8"),
    ("grey image", t.image_classifier, ([("x", U8, (1, 8, 8, 1))], SCORES), {}, r"has shape \[1, 8, 8, 1\]"),
    ("zero std", t.image_classifier, (IMAGE, SCORES), {"mean": 0, "std": 0}, "no zeros in std"),
    ("one output", t.object_detector, (IMAGE_U8, SCORES), {}, "expected the four outputs"),
    ("outputs in another order", t.object_detector, (IMAGE_U8, BOXES[::-1]), {}, r"have ranks \[1, 2, 2, 3\]"),
    ("no pairs of boxes", t.object_detector, (IMAGE_U8, SCORES), {"anchors": ANCHORS}, "expected two outputs, boxes"),
    ("too few anchors", t.object_detector, (IMAGE_U8, RAW), {"anchors": t.Anchors([[0, 0, 1, 1]])}, "expected 2 anchors"),
    ("either may be the boxes", t.object_detector, (IMAGE_U8, [RAW[0], ("b", F32, (1, 2, 4))]), {"anchors": ANCHORS},
     "which of the outputs"),
    ("labels of neither", t.object_detector, (IMAGE_U8, RAW), {"anchors": ANCHORS, "labels": ["a"]}, "no order fits"),
    ("two inputs", t.image_segmenter, ([*IMAGE_U8, ("y", U8, (1, 8, 8, 3))], MASKS), {}, "with one input, got 2"),
    ("channels", t.audio_classifier, (CLIP, SCORES), {"sample_rate": 8000, "channels": 7}, "do not fit a clip of 1600"),
    ("no vocabulary", t.text_classifier, (WORDS, SCORES), {}, "need vocabulary="),
    ("two tokenizers", t.bert_classifier, (BERT, SCORES), {"vocabulary": b"", "sentence_piece": b""}, "one tokenizer"),
    ("other names", t.bert_classifier, (BERT, SCORES), {"vocabulary": b"", "inputs": {"ids": "x"}}, "has serving_"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("write", "kinds", "given", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_models_that_are_refused(write: Any, kinds: Any, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        write(model(*kinds), **given)
