"""What a wrapper of a model does, tensor by tensor, whatever language it is written in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from litesmith.errors import UsageError
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.defaults import default_metadata, fill_in_defaults
from litesmith.formats.metadata.described import Described, file_problems, fit_problems
from litesmith.formats.metadata.stored_tensors import Storage, StoredTensor

HOST = {
    "float32": "float",
    **dict.fromkeys(("int8", "uint8", "int16", "int32"), "int"),
    "int64": "long",
    "bool": "bool",
    "string": "string",
}
"""What users of a wrapper give and get, by the element type of the tensor; of quantized tensors it is ``float``."""


@dataclass(frozen=True)
class Tensor:
    """An input or output. place: its position; shape: -1 for unknown sizes; host: what users see its elements as."""

    place: int
    name: str
    text: str
    storage: Storage
    shape: tuple[int, ...]
    host: str

    @property
    def dtype(self) -> str:
        return self.storage.dtype

    @property
    def is_quantized(self) -> bool:
        return self.storage.is_quantized

    @property
    def is_flexible(self) -> bool:
        """Whether users choose a size other than the batch, which is 1."""
        return -1 in self.shape[1:]


@dataclass(frozen=True)
class Input(Tensor):
    """is_image: whether it takes a picture; mean, std: one number for all channels or one for each, or none at all."""

    is_image: bool = False
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    sample_rate: int = 0


@dataclass(frozen=True)
class Output(Tensor):
    """labels: files of names by locale, the names of record first; of the positions of the last dimension, or of its
    values (value_labels)."""

    labels: tuple[tuple[str, str], ...] = ()
    value_labels: bool = False
    threshold: float | None = None

    @property
    def is_scores(self) -> bool:
        """Whether users see it as categories with scores."""
        one_row = all(size in (1, -1) for size in self.shape[:-1])
        return bool(self.labels) and not self.value_labels and one_row and self.host == "float"


@dataclass(frozen=True)
class Group:
    """Outputs of one row each for each result. count: the output that says how many rows there are."""

    name: str
    members: tuple[Output, ...]
    count: Output | None = None


@dataclass(frozen=True)
class Plan:
    """A wrapper. file: name of the model's file."""

    name: str
    text: str
    file: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    groups: tuple[Group, ...] = ()
    details: dict[str, str] = field(default_factory=dict)


def plan_wrapper(model: Described, file: str) -> Plan:
    """The wrapper of a model. file: name of its file.

    Raises UsageError for metadata that do not fit the model, and for what wrappers cannot do.
    """
    metadata = fill_in_defaults(model.metadata or s.ModelMetadata(), default_metadata(model))
    counts = (len(model.inputs()), len(model.outputs()))
    problems = [*fit_problems(metadata, counts), *file_problems(metadata, model.files)]
    if problems:
        raise UsageError("the metadata do not fit the model:\n" + "\n".join(f"  {p}" for p in problems))
    graph = metadata.subgraph_metadata[0]
    inputs = tuple(
        _input(place, d, t) for place, (d, t) in enumerate(zip(graph.input_tensor_metadata, model.inputs(), strict=True))
    )
    outputs = tuple(
        _output(place, d, t)
        for place, (d, t) in enumerate(zip(graph.output_tensor_metadata, model.outputs(), strict=True))
    )
    details = {key: getattr(metadata, key) for key in ("version", "author", "license") if getattr(metadata, key)}
    name = metadata.name or re.split(r"[.]", file)[0]
    groups = tuple(_groups(graph.output_tensor_groups, outputs))
    return Plan(name, metadata.description, file, inputs, outputs, groups, details)


def _input(place: int, described: s.TensorMetadata, tensor: StoredTensor) -> Input:
    content = described.content.content_properties if described.content else None
    options = next((u.options for u in described.process_units if isinstance(u.options, s.NormalizationOptions)), None)
    mean, std = (options.mean, options.std) if options else ((), ())
    host = _host(tensor)
    is_image = isinstance(content, s.ImageProperties) and _holds_an_image(tensor)
    if is_image and tensor.dtype == "uint8" and not tensor.storage.is_quantized:
        mean = std = ()  # readers put pixels in as they are
    if mean:
        _check_normalization(described.name, mean, std, tensor, host if not is_image else "float")
    rate = content.sample_rate if isinstance(content, s.AudioProperties) else 0
    return Input(
        place, described.name, described.description, tensor.storage, tensor.shape, host, is_image, mean, std, rate
    )


def _holds_an_image(tensor: StoredTensor) -> bool:
    fits = len(tensor.shape) == 4 and tensor.shape[0] in (1, -1) and tensor.shape[3] in (1, 3)
    return fits and (tensor.dtype in ("float32", "uint8") or tensor.storage.is_quantized)


def _check_normalization(
    name: str, mean: Sequence[float], std: Sequence[float], tensor: StoredTensor, host: str
) -> None:
    channels = tensor.shape[-1] if tensor.shape else 1
    fits = len(mean) == len(std) and len(mean) in (1, channels) and host == "float"
    if not fits or 0 in std or not all(map(math.isfinite, (*mean, *std))):
        raise UsageError(
            f"{name}: its normalization, mean {list(mean)} and std {list(std)}, does not fit a tensor of {tensor.dtype} "
            f"{list(tensor.shape)}"
        )


def _output(place: int, described: s.TensorMetadata, tensor: StoredTensor) -> Output:
    options = [unit.options for unit in described.process_units]
    if any(isinstance(o, s.ScoreCalibrationOptions) for o in options):
        raise UsageError(f"{described.name}: wrappers do not calibrate scores; read the model with the Task Library")
    threshold = next((o.global_score_threshold for o in options if isinstance(o, s.ScoreThresholdingOptions)), None)
    if threshold is not None and not math.isfinite(threshold):
        raise UsageError(f"{described.name}: its global_score_threshold is {threshold}, expected a finite number")
    kinds = (s.AssociatedFileType.TENSOR_AXIS_LABELS, s.AssociatedFileType.TENSOR_VALUE_LABELS)
    axis, values = (tuple((f.locale, f.name) for f in described.associated_files if f.type is kind) for kind in kinds)
    host, storage, text = _host(tensor), tensor.storage, described.description
    if axis and host == "int":  # scores as they are stored
        host, storage = "float", Storage(tensor.dtype, 1.0)
    return Output(
        place, described.name, text, storage, tensor.shape, host, axis or values, bool(values) and not axis, threshold
    )


def _host(tensor: StoredTensor) -> str:
    if tensor.storage.is_quantized and tensor.dtype in ("int8", "uint8", "int16"):
        return "float"
    host = HOST.get(tensor.dtype)
    if host is None:
        raise UsageError(f"{tensor.name}: wrappers take no tensors of {tensor.dtype}; they take {', '.join(HOST)}")
    return host


def _groups(groups: Sequence[s.TensorGroup], outputs: Sequence[Output]) -> Iterator[Group]:
    """The groups whose tensors have as many rows each."""
    by_name = {output.name: output for output in outputs}
    count = by_name.get("number of detections")
    for group in groups:
        members = tuple(by_name[name] for name in group.tensor_names if name in by_name)
        rows = {m.shape[1] for m in members if len(m.shape) in (2, 3) and m.host == "float"}
        rowed = all(len(m.shape) in (2, 3) and m.host == "float" and m.shape[0] in (1, -1) for m in members)
        if members and rowed and len(rows) == 1 and len(members) == len(group.tensor_names):
            yield Group(group.name, members, count if count is not None and count.host == "float" else None)
