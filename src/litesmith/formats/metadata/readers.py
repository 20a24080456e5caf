"""What the readers of metadata demand: what they would refuse of a file, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.described import Described, file_problems, fit_problems
from litesmith.formats.metadata.stored_tensors import StoredTensor

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


def _boxes(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    for pair in outputs:
        content = _content(pair[0])
        if not isinstance(content, s.BoundingBoxProperties):
            continue
        if len(content.index) != 4 or sorted(content.index) != [0, 1, 2, 3]:
            yield Finding(_name(pair), f"index {list(content.index)}", "set index to [1, 0, 3, 2], or as your boxes are")
        if content.type is not s.BoundingBoxType.BOUNDARIES or content.coordinate_type is not s.CoordinateType.RATIO:
            yield Finding(_name(pair), "boxes other than BOUNDARIES in RATIO", "convert the boxes in the model")
        if len(outputs) not in (2, 4):
            reason = f"a detector has 4 outputs (or 2 with DETECTOR_METADATA), this one {len(outputs)}"
            yield Finding(_name(pair), reason, "use TFLite_Detection_PostProcess as the last operator")


def _names(model: Described, inputs: list[Pair], outputs: list[Pair]) -> Iterator[Finding]:
    for pair in [*inputs, *outputs]:
        if not pair[0].name:
            yield Finding(pair[1].name, "has no name in the metadata", "add name: …; accessors are named after it")
        elif not any(c.isascii() and c.isalpha() for c in pair[0].name):
            yield Finding(pair[0].name, "makes no identifier", "use a name with letters")


Check = Callable[[Described, list[Pair], list[Pair]], Iterator[Finding]]

_TASKS: tuple[Check, ...] = (_image_inputs, _audio_inputs, _labels, _boxes)

READERS: dict[str, tuple[Check, ...]] = {"mediapipe": _TASKS, "task-library": _TASKS, "codegen": (_names, _labels)}
"""The readers, and what each looks at."""
