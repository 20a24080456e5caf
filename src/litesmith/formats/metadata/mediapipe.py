"""Custom metadata that MediaPipe Tasks read: how a detector's raw boxes are decoded, what a segmenter's masks need.

Source: ``object_detector_metadata_schema.fbs`` and ``image_segmenter_metadata_schema.fbs``. As in
`litesmith.formats.metadata.schema`, the order of the fields is their order in the schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from litesmith.errors import FormatError
from litesmith.formats.metadata.codec import decode, encode, unknown_fields
from litesmith.formats.metadata.schema import CustomMetadata, Table, scalar_field

_IDENTIFIER = b"V001"


@dataclass(frozen=True)
class FixedAnchor(Table):
    """A box that detections are relative to, in parts of the image."""

    x_center: float = scalar_field("f", 0.0)
    y_center: float = scalar_field("f", 0.0)
    width: float = scalar_field("f", 0.0)
    height: float = scalar_field("f", 0.0)


@dataclass(frozen=True)
class FixedAnchorsSchema(Table):
    """One anchor for each box of the output."""

    anchors: tuple[FixedAnchor, ...] = ()


@dataclass(frozen=True)
class SsdAnchorsOptions(Table):
    """The anchors of a detector."""

    fixed_anchors_schema: FixedAnchorsSchema | None = None


@dataclass(frozen=True)
class TensorsDecodingOptions(Table):
    """How boxes become detections. num_coords: numbers of a box, those of its key points among them."""

    num_classes: int = scalar_field("i")
    num_boxes: int = scalar_field("i")
    num_coords: int = scalar_field("i")
    keypoint_coord_offset: int = scalar_field("i")
    num_keypoints: int = scalar_field("i")
    num_values_per_keypoint: int = scalar_field("i")
    x_scale: float = scalar_field("f", 0.0)
    y_scale: float = scalar_field("f", 0.0)
    w_scale: float = scalar_field("f", 0.0)
    h_scale: float = scalar_field("f", 0.0)
    apply_exponential_on_box_size: bool = scalar_field("?", False)
    sigmoid_score: bool = scalar_field("?", False)


@dataclass(frozen=True)
class ObjectDetectorOptions(Table):
    """``DETECTOR_METADATA``: a detector whose two outputs are boxes and scores before non-maximum suppression."""

    min_parser_version: str = ""
    ssd_anchors_options: SsdAnchorsOptions | None = None
    tensors_decoding_options: TensorsDecodingOptions | None = None


class Activation(IntEnum):
    """What has to be applied to a segmenter's output."""

    NONE = 0
    SIGMOID = 1
    SOFTMAX = 2


@dataclass(frozen=True)
class ImageSegmenterOptions(Table):
    """``SEGMENTER_METADATA``."""

    activation: Activation = Activation.NONE
    min_parser_version: str = ""


CUSTOM: dict[str, type[Table]] = {
    "DETECTOR_METADATA": ObjectDetectorOptions,
    "SEGMENTER_METADATA": ImageSegmenterOptions,
}
"""The tables in the bytes of custom metadata, by the name of the entry."""


def custom_metadata(options: Table) -> CustomMetadata:
    """The options of a task as custom metadata."""
    name = next(name for name, kind in CUSTOM.items() if kind is type(options))
    return CustomMetadata(name, encode(options, _IDENTIFIER))


def custom_options(custom: CustomMetadata) -> Table | None:
    """The table in custom metadata; None for others than these, and for bytes that are more or no such table."""
    kind = CUSTOM.get(custom.name)
    if kind is None:
        return None
    try:
        if unknown_fields(custom.data, kind, _IDENTIFIER):
            return None
        options: Table = decode(custom.data, kind, _IDENTIFIER)
    except FormatError:
        return None
    return options
