"""The TFLite Metadata schema 1.5.0 as frozen dataclasses.

Source: ``metadata_schema.fbs``. The order of the fields is their order in the schema, which is all that
`litesmith.formats.metadata.codec` needs: a text, a number, a vector or a table takes one slot, a union two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


def scalar_field(code: str, default: object = 0, name: str = "") -> Any:
    """A scalar or vector field with the `struct` code of its elements and, where they differ, its schema name."""
    return field(default=default, metadata={"code": code, "name": name})


class AssociatedFileType(IntEnum):
    """What an associated file holds."""

    UNKNOWN = 0
    DESCRIPTIONS = 1
    TENSOR_AXIS_LABELS = 2
    TENSOR_VALUE_LABELS = 3
    TENSOR_AXIS_SCORE_CALIBRATION = 4
    VOCABULARY = 5
    SCANN_INDEX_FILE = 6


class ColorSpaceType(IntEnum):
    """Colour space of an image."""

    UNKNOWN = 0
    RGB = 1
    GRAYSCALE = 2


class BoundingBoxType(IntEnum):
    """What the four numbers of a box are."""

    UNKNOWN = 0
    BOUNDARIES = 1
    UPPER_LEFT = 2
    CENTER = 3


class CoordinateType(IntEnum):
    """Whether coordinates are parts of the image or pixels."""

    RATIO = 0
    PIXEL = 1


class ScoreTransformationType(IntEnum):
    """How a score is transformed before it is calibrated."""

    IDENTITY = 0
    LOG = 1
    INVERSE_LOGISTIC = 2


class Table:
    """Base of the schema's tables."""


@dataclass(frozen=True)
class AssociatedFile(Table):
    """A file that travels behind the model. name: base name in the archive; locale: ISO-639-1 language code."""

    name: str = ""
    description: str = ""
    type: AssociatedFileType = AssociatedFileType.UNKNOWN
    locale: str = ""
    version: str = ""


@dataclass(frozen=True)
class FeatureProperties(Table):
    """Content: numbers without further meaning."""


@dataclass(frozen=True)
class ImageSize(Table):
    """Pixels."""

    width: int = scalar_field("I")
    height: int = scalar_field("I")


@dataclass(frozen=True)
class ImageProperties(Table):
    """Content: an image."""

    color_space: ColorSpaceType = ColorSpaceType.UNKNOWN
    default_size: ImageSize | None = None


@dataclass(frozen=True)
class BoundingBoxProperties(Table):
    """Content: boxes. index: where left, top, right, bottom (or x, y, width, height) are among the four numbers."""

    index: tuple[int, ...] = scalar_field("I", ())
    type: BoundingBoxType = BoundingBoxType.UNKNOWN
    coordinate_type: CoordinateType = CoordinateType.RATIO


@dataclass(frozen=True)
class AudioProperties(Table):
    """Content: sound. sample_rate: Hz."""

    sample_rate: int = scalar_field("I")
    channels: int = scalar_field("I")


ContentProperties = FeatureProperties | ImageProperties | BoundingBoxProperties | AudioProperties


@dataclass(frozen=True)
class ValueRange(Table):
    """Dimensions the content covers; negative numbers count from the last one."""

    min: int = scalar_field("i")
    max: int = scalar_field("i")


@dataclass(frozen=True)
class Content(Table):
    """What a tensor holds."""

    content_properties: ContentProperties | None = None
    range: ValueRange | None = None


@dataclass(frozen=True)
class Stats(Table):
    """Largest and smallest value: one for all, or one for each channel."""

    max: tuple[float, ...] = scalar_field("f", ())
    min: tuple[float, ...] = scalar_field("f", ())


@dataclass(frozen=True)
class NormalizationOptions(Table):
    """The model takes ``(x - mean) / std``; one value for all, or one for each channel."""

    mean: tuple[float, ...] = scalar_field("f", ())
    std: tuple[float, ...] = scalar_field("f", ())


@dataclass(frozen=True)
class ScoreCalibrationOptions(Table):
    """Scores are calibrated by the table in an associated file."""

    score_transformation: ScoreTransformationType = ScoreTransformationType.IDENTITY
    default_score: float = scalar_field("f", 0.0)


@dataclass(frozen=True)
class ScoreThresholdingOptions(Table):
    """Results below this score are dropped."""

    global_score_threshold: float = scalar_field("f", 0.0)


@dataclass(frozen=True)
class BertTokenizerOptions(Table):
    """WordPiece tokenizer."""

    vocab_file: tuple[AssociatedFile, ...] = ()


@dataclass(frozen=True)
class SentencePieceTokenizerOptions(Table):
    """SentencePiece tokenizer."""

    sentence_piece_model: tuple[AssociatedFile, ...] = field(default=(), metadata={"name": "sentencePiece_model"})
    vocab_file: tuple[AssociatedFile, ...] = ()


@dataclass(frozen=True)
class RegexTokenizerOptions(Table):
    """Splits text at the matches of a regular expression."""

    delim_regex_pattern: str = ""
    vocab_file: tuple[AssociatedFile, ...] = ()


ProcessUnitOptions = (
    NormalizationOptions
    | ScoreCalibrationOptions
    | ScoreThresholdingOptions
    | BertTokenizerOptions
    | SentencePieceTokenizerOptions
    | RegexTokenizerOptions
)


@dataclass(frozen=True)
class ProcessUnit(Table):
    """A step before or after the model."""

    options: ProcessUnitOptions | None = None


@dataclass(frozen=True)
class TensorMetadata(Table):
    """What an input or output means."""

    name: str = ""
    description: str = ""
    dimension_names: tuple[str, ...] = ()
    content: Content | None = None
    process_units: tuple[ProcessUnit, ...] = ()
    stats: Stats | None = None
    associated_files: tuple[AssociatedFile, ...] = ()


@dataclass(frozen=True)
class TensorGroup(Table):
    """Tensors that belong together, by their metadata names."""

    name: str = ""
    tensor_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class CustomMetadata(Table):
    """Bytes that a reader knows by name."""

    name: str = ""
    data: bytes = b""


@dataclass(frozen=True)
class SubGraphMetadata(Table):
    """What a subgraph does; inputs and outputs in the subgraph's order."""

    name: str = ""
    description: str = ""
    input_tensor_metadata: tuple[TensorMetadata, ...] = ()
    output_tensor_metadata: tuple[TensorMetadata, ...] = ()
    associated_files: tuple[AssociatedFile, ...] = ()
    input_process_units: tuple[ProcessUnit, ...] = ()
    output_process_units: tuple[ProcessUnit, ...] = ()
    input_tensor_groups: tuple[TensorGroup, ...] = ()
    output_tensor_groups: tuple[TensorGroup, ...] = ()
    custom_metadata: tuple[CustomMetadata, ...] = ()


@dataclass(frozen=True)
class ModelMetadata(Table):
    """What a model is, and how to use it; the root of the metadata."""

    name: str = ""
    description: str = ""
    version: str = ""
    subgraph_metadata: tuple[SubGraphMetadata, ...] = ()
    author: str = ""
    license: str = ""
    associated_files: tuple[AssociatedFile, ...] = ()
    min_parser_version: str = ""
