"""What the readers of metadata demand: what they would refuse of a file, and how to mend it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.described import Described, file_problems, fit_problems
from litesmith.formats.metadata.mediapipe import ObjectDetectorOptions, custom_options
from litesmith.formats.metadata.stored_tensors import StoredTensor, count_subgraphs

Pair = tuple[s.TensorMetadata, StoredTensor]


@dataclass(frozen=True)
class Finding:
    """What a reader refuses. where: the tensor or field; fix: how to mend it."""

    where: str
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}\n      Fix: {self.fix}"


def validate(model: Described, reader: str) -> list[Finding]:
    """What a reader would refuse of a model: ``mediapipe``, ``task-library`` or ``codegen``.

    Raises FormatError for a damaged file. Source: the readers' own checks.
    """
    if model.metadata is None:
        return [Finding("the file", "has no metadata", "add them: litesmith metadata add FILE --from meta.yaml")]
    counts = (len(model.inputs()), len(model.outputs()))
    problems = [*fit_problems(model.metadata, counts), *file_problems(model.metadata, model.files)]
    if problems:
        return [Finding("the metadata", problem, "correct and add them again") for problem in problems]
    graph = model.metadata.subgraph_metadata[0]
    inputs = list(zip(graph.input_tensor_metadata, model.inputs(), strict=True))
    outputs = list(zip(graph.output_tensor_metadata, model.outputs(), strict=True))
    return [finding for check in READERS[reader] for finding in check(model, inputs, outputs)]


def _content(described: s.TensorMetadata) -> s.ContentProperties | None:
    return described.content.content_properties if described.content else None


def _name(pair: Pair) -> str:
    return pair[0].name or pair[1].name


def _image_inputs(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    for pair in inputs:
        described, tensor = pair
        content = _content(described)
        if len(tensor.shape) != 4 and not isinstance(content, s.ImageProperties):
            continue
        if tensor.dtype not in ("float32", "uint8"):
            yield Finding(_name(pair), f"an image of {tensor.dtype}", "convert with float32 or uint8 inputs")
        if len(tensor.shape) != 4 or tensor.shape[0] not in (1, -1) or tensor.shape[3] != 3:
            yield Finding(_name(pair), f"an image of shape {list(tensor.shape)}", "make it [1, height, width, 3]")
        if isinstance(content, s.ImageProperties) and content.color_space is s.ColorSpaceType.GRAYSCALE:
            yield Finding(_name(pair), "its colour space is GRAYSCALE", "set color_space to RGB")
        normalized = any(isinstance(u.options, s.NormalizationOptions) for u in described.process_units)
        if tensor.dtype == "float32" and not normalized:
            yield Finding(
                _name(pair),
                "a float32 image has no NormalizationOptions",
                "add process_units: [{options_type: NormalizationOptions, options: {mean: […], std: […]}}]",
            )


def _audio_inputs(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    for pair in inputs:
        described, tensor = pair
        content = _content(described)
        if not isinstance(content, s.AudioProperties):
            continue
        if tensor.dtype != "float32" or len(tensor.shape) not in (1, 2):
            kind = f"{tensor.dtype} {list(tensor.shape)}"
            yield Finding(_name(pair), f"sound as {kind}", "make it float32 [1, samples]")
        elif content.channels < 1 or content.sample_rate < 1 or tensor.shape[-1] % max(content.channels, 1):
            yield Finding(_name(pair), "sample_rate and channels do not fit its length", "set both in AudioProperties")


def _labels(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    for pair in outputs:
        described, tensor = pair
        for file in described.associated_files:
            count = len(model.files[file.name].decode("utf-8", "replace").splitlines())
            classes = tensor.shape[-1] if tensor.shape else -1
            if file.type is s.AssociatedFileType.TENSOR_AXIS_LABELS and classes > 0 and count != classes:
                reason = f"{file.name} has {count} labels for {classes} classes"
                yield Finding(_name(pair), reason, "give a file with one line a class")


def _pixels_as_stored(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    """Readers put the pixels of a uint8 image in as they are: its quantization has to undo its normalization."""
    for pair in inputs:
        described, tensor = pair
        units = [u.options for u in described.process_units if isinstance(u.options, s.NormalizationOptions)]
        if tensor.dtype != "uint8" or not tensor.storage.is_quantized or not units:
            continue
        scale, zero_point = tensor.storage.scale, tensor.storage.zero_point
        for mean, std in zip(units[0].mean, units[0].std, strict=False):
            stored = [(pixel - mean) / (std * scale) + zero_point if std else math.inf for pixel in (0, 255)]
            if not (abs(stored[0]) <= _ROUNDING and abs(stored[1] - 255) <= _ROUNDING):
                reason = f"pixels 0 to 255, normalized and quantized, are {stored[0]:.4g} to {stored[1]:.4g}; readers put"
                reason += " them in as they are"
                fix = f"set mean to {zero_point} and std to {1 / scale:.6g}, or quantize for the normalized pixels' range"
                yield Finding(_name(pair), reason, fix)
                break


_ROUNDING = 1.0


def _boxes(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    for pair in outputs:
        content = _content(pair[0])
        if not isinstance(content, s.BoundingBoxProperties):
            continue
        if len(content.index) != 4 or sorted(content.index) != [0, 1, 2, 3]:
            yield Finding(_name(pair), f"index {list(content.index)}", "set index to [1, 0, 3, 2], or as your boxes are")
        if content.type is not s.BoundingBoxType.BOUNDARIES or content.coordinate_type is not s.CoordinateType.RATIO:
            yield Finding(_name(pair), "boxes other than BOUNDARIES in RATIO", "convert the boxes in the model")
        if len({tensor.dtype == "float32" for _, tensor in outputs}) > 1:
            yield Finding(_name(pair), "some outputs of a detector are quantized and some are not", "make them all float32")


def _four_outputs(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    if _has_boxes(outputs) and len(outputs) != 4:
        reason = f"a detector has 4 outputs, this one {len(outputs)}"
        yield Finding("the model", reason, "use TFLite_Detection_PostProcess as the last operator")


def _two_outputs_or_four(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    if not _has_boxes(outputs) or len(outputs) == 4:
        return
    assert model.metadata is not None
    custom = {c.name: custom_options(c) for c in model.metadata.subgraph_metadata[0].custom_metadata}
    options = custom.get("DETECTOR_METADATA")
    if len(outputs) != 2:
        reason = f"a detector has 4 outputs, or 2 with DETECTOR_METADATA, this one {len(outputs)}"
        yield Finding("the model", reason, "use TFLite_Detection_PostProcess as the last operator")
    elif not isinstance(options, ObjectDetectorOptions):
        reason = "a detector of 2 outputs has no DETECTOR_METADATA"
        yield Finding("the model", reason, "say the anchors: tasks.object_detector(model, labels, anchors=Anchors(…))")
    else:
        yield from _anchors(options, outputs)


def _anchors(options: ObjectDetectorOptions, outputs: list[Pair]) -> Iterator[Finding]:
    fixed = options.ssd_anchors_options and options.ssd_anchors_options.fixed_anchors_schema
    count = len(fixed.anchors) if fixed else 0
    for pair in outputs:
        if len(pair[1].shape) != 3 or pair[1].shape[1] not in (count, -1):
            reason = f"shape {list(pair[1].shape)} does not fit the {count} anchors of DETECTOR_METADATA"
            yield Finding(_name(pair), reason, "give one anchor for each box")


def _has_boxes(outputs: list[Pair]) -> bool:
    return any(isinstance(_content(described), s.BoundingBoxProperties) for described, _ in outputs)


def _one_subgraph(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    masks = any(isinstance(_content(described), s.ImageProperties) for described, _ in outputs)
    count = count_subgraphs(model.model)
    if count != 1 and (masks or _has_boxes(outputs)):
        reason = f"detectors and segmenters have one subgraph, this model {count}"
        yield Finding("the model", reason, "convert one signature, without control flow")


_TOKENIZERS = (s.BertTokenizerOptions, s.SentencePieceTokenizerOptions, s.RegexTokenizerOptions)


def _words(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    assert model.metadata is not None
    graph = model.metadata.subgraph_metadata[0]
    for pair in inputs:
        units = (*pair[0].process_units, *graph.input_process_units)
        tokenized = any(isinstance(u.options, _TOKENIZERS) for u in units)
        if tokenized and pair[1].dtype not in ("int32", "string"):
            reason = f"words as {pair[1].dtype}"
            yield Finding(_name(pair), reason, "convert with int32 inputs (or strings, without a tokenizer)")
    for unit in (*graph.input_process_units, *(u for described, _ in inputs for u in described.process_units)):
        yield from _tokens(model, unit.options)


_TOKENS: dict[type[s.Table], tuple[str, ...]] = {
    s.RegexTokenizerOptions: ("<PAD>", "<UNKNOWN>"),
    s.BertTokenizerOptions: ("[CLS]", "[SEP]", "[UNK]"),
}
"""Words of its vocabulary that a tokenizer cannot do without."""


def _tokens(model: Described, options: s.ProcessUnitOptions | None) -> Iterator[Finding]:
    if not isinstance(options, (s.RegexTokenizerOptions, s.BertTokenizerOptions)):
        return
    for file in options.vocab_file[:1]:
        words = {line.split()[0] for line in model.files[file.name].decode("utf-8", "replace").splitlines() if line.split()}
        if missing := [token for token in _TOKENS[type(options)] if token not in words]:
            reason = f"{file.name} lacks {', '.join(missing)}"
            yield Finding("the tokenizer", reason, "give the vocabulary that the model was trained with, these among it")


def _names(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    for pair in [*inputs, *outputs]:
        if not pair[0].name:
            yield Finding(pair[1].name, "has no name in the metadata", "add name: …; accessors are named after it")
        elif not any(c.isascii() and c.isalpha() for c in pair[0].name):
            yield Finding(pair[0].name, "makes no identifier", "use a name with letters")


Check = Callable[[Described, list[Pair], list[Pair]], Iterator[Finding]]

_TASKS: tuple[Check, ...] = (_image_inputs, _pixels_as_stored, _audio_inputs, _words, _labels, _boxes, _one_subgraph)

READERS: dict[str, tuple[Check, ...]] = {
    "mediapipe": (*_TASKS, _two_outputs_or_four),
    "task-library": (*_TASKS, _four_outputs),
    "codegen": (_names, _labels),
}
"""The readers, and what each looks at."""
