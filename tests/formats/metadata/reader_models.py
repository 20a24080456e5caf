"""Models that readers of metadata run: what each computes is seen in their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import litesmith
from litesmith.formats.metadata import Described, read_described
from litesmith.formats.metadata import tasks as t
from litesmith.formats.metadata.mediapipe import Activation
from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, Value, tensor
from litesmith.ops import OPS

DIGITS = Path(__file__).parents[3] / "examples" / "digits" / "saved_model"
COLOURS: dict[str, Sequence[str]] = {"": ["red", "green", "blue"], "de": ["rot", "grün", "blau"]}
WORDS = b"<PAD> 0\n<START> 1\n<UNKNOWN> 2\nthe 3\ncat 4\nsat 5\n"
PIECES = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\ncat\nsat\n"
ANCHORS = [[0.25, 0.25, 0.2, 0.2], [0.75, 0.75, 0.2, 0.2], [0.5, 0.5, 0.4, 0.4]]

Build = Callable[[Builder, list[Value]], Sequence[Value]]


def described(kinds: Sequence[tuple[str, DType, tuple[int, ...]]], build: Build) -> Described:
    """A model of these inputs, whose outputs are made by ``build`` and called ``out0``, ``out1``, …"""
    graph = Graph("main")
    inputs = [graph.add_input(tensor(dtype, shape), name) for name, dtype, shape in kinds]
    outputs = list(build(Builder(graph, OPS), inputs))
    for number, value in enumerate(outputs):
        value.name = f"out{number}"
    graph.outputs = outputs
    places = [{v.name: i for i, v in enumerate(values)} for values in (inputs, outputs)]
    return read_described(write_model(Program([graph], [Signature("serving_default", graph, *places)])))


IMAGE = [("image", DType.FLOAT32, (1, 8, 8, 3))]
IMAGE_U8 = [("image", DType.UINT8, (1, 8, 8, 3))]
IDS = [(f"serving_default_input_{name}:0", DType.INT32, (1, 16)) for name in ("word_ids", "mask", "type_ids")]


def colours(b: Builder, x: list[Value]) -> list[Value]:
    """The mean of each channel, between 0 and 1, of pixels from -1 to 1."""
    return [b.add(b.mul(b.mean(x[0], [1, 2]), np.float32(0.5)), np.float32(0.5))]


def colours_of_bytes(b: Builder, x: list[Value]) -> list[Value]:
    real = b.cast(x[0], in_data_type=DType.UINT8, out_data_type=DType.FLOAT32)
    return [b.mul(b.mean(real, [1, 2]), np.float32(1 / 255))]


def constants(*values: Any) -> Build:
    """Outputs that are always the same."""

    def build(b: Builder, x: list[Value]) -> list[Value]:
        nothing = b.mul(b.slice(b.reshape(x[0], [192]), [0], [1]), np.zeros(1, np.float32))
        return [b.add(np.asarray(value, np.float32), nothing) for value in values]

    return build


def masks(b: Builder, x: list[Value]) -> list[Value]:
    return [b.mul(x[0], np.float32(2.0))]


def loudness(b: Builder, x: list[Value]) -> list[Value]:
    mean = b.reshape(b.mean(b.abs(x[0]), [1]), [1, 1])
    return [b.concatenation(mean, b.sub(np.float32(1), mean), axis=1)]


def share_of(*numbers: int) -> Build:
    """Of the first input, the share of elements that are each of these numbers."""

    def build(b: Builder, x: list[Value]) -> list[Value]:
        shares = []
        for number in numbers:
            same = b.cast(b.equal(x[0], np.int32(number)), in_data_type=DType.BOOL, out_data_type=DType.FLOAT32)
            shares.append(b.reshape(b.mean(same, [1]), [1, 1]))
        return [b.concatenation(*shares, axis=1)]

    return build


BOXES = np.array([[[0.25, 0.25, 0.5, 0.75], [0, 0, 0.5, 0.5], [0, 0, 1, 1]]])
SCORES = np.array([[0.75, 0.5, 0.25]])
RAW_SCORES = np.array([[[0, 0, 0], [0, 0, 0.8], [0, 0.9, 0]]])


def digits() -> Described:
    """The demo model, of pictures in colour, as readers take them."""
    program = litesmith.convert(DIGITS, verify=False, input_shapes={"image": [1, 8, 8, 1]}).program
    graph = program.main
    grey = graph.inputs[0]
    users = list(grey.users)
    image = graph.add_input(tensor(DType.FLOAT32, (1, 8, 8, 3)), "picture")
    mean = Builder(graph, OPS).mean(image, [3], keep_dims=True)
    graph.move(mean.op, users[0])
    for op in users:
        for index, value in enumerate(op.operands):
            if value is grey:
                op.set_operand(index, mean)
    graph.inputs.remove(grey)
    program.signatures[:] = [Signature("serving_default", graph, {"picture": 0}, {"digit": 0})]
    source = read_described(write_model(program))
    labels = "zero one two three four five six seven eight nine".split()
    return source.with_metadata(*t.image_classifier(source, labels, mean=0.0, std=255 / 16))


def written(source: Described, write: Any, labels: Any = None, **given: Any) -> Described:
    arguments = (source, labels) if labels is not None else (source,)
    return source.with_metadata(*write(*arguments, **given))


def models() -> dict[str, Described]:
    """A model of each task with its metadata, by name."""
    mean = {"mean": 127.5, "std": 127.5}
    detector = constants(BOXES, [[1, 0, 2]], SCORES, [2])
    raw = constants(RAW_SCORES, np.zeros((1, 3, 4)))
    clip = [("clip", DType.FLOAT32, (1, 1600))]
    words = [("text", DType.INT32, (1, 8))]
    names = ["cat", "dog", "cow"]
    return {
        "image": written(described(IMAGE, colours), t.image_classifier, COLOURS, **mean),
        "image_u8": written(described(IMAGE_U8, colours_of_bytes), t.image_classifier, COLOURS),
        "digits": digits(),
        "detector": written(described(IMAGE, detector), t.object_detector, names, **mean),
        "raw_detector": written(described(IMAGE, raw), t.object_detector, names, **mean, anchors=t.Anchors(ANCHORS)),
        "segmenter": written(
            described(IMAGE, masks), t.image_segmenter, COLOURS[""], **mean, activation=Activation.SOFTMAX
        ),
        "embedder": written(described(IMAGE, colours), t.image_embedder, **mean),
        "audio": written(described(clip, loudness), t.audio_classifier, ["loud", "quiet"], sample_rate=16000),
        "text_words": written(described(words, share_of(0, 4)), t.text_classifier, ["pad", "cat"], vocabulary=WORDS),
        "bert": written(described(IDS, share_of(0, 5)), t.bert_classifier, ["pad", "cat"], vocabulary=PIECES),
    }
