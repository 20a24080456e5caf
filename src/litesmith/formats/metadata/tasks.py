"""Metadata of the common tasks, as the readers of MediaPipe Tasks and the Task Library expect them.

Each function takes a model and few facts and returns the metadata and the associated files, for
`Described.with_metadata` or ``convert(metadata=…)``. Names, descriptions and statistics are those of the stock writers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from litesmith.errors import UsageError
from litesmith.formats.metadata import mediapipe
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.stored_tensors import HasTensors
from litesmith.formats.metadata.stored_tensors import StoredTensor as Tensor

Labels = Sequence[str] | Mapping[str, Sequence[str]]
"""Names of the classes; or several lists by locale (``""`` for none), the first of them the names of record."""

Numbers = float | Sequence[float]
"""One number for all channels, or one for each."""

Result = tuple[s.ModelMetadata, dict[str, bytes]]

LABELS_TEXT = "Labels for categories that the model can recognize."
"""Description of a file of labels."""


@dataclass(frozen=True)
class Calibration:
    """Score calibration. table: CSV, a line a class: scale, slope, offset[, smallest uncalibrated score]; an empty line
    gives the class ``default_score``."""

    table: bytes
    transformation: s.ScoreTransformationType = s.ScoreTransformationType.IDENTITY
    default_score: float = 0.0


@dataclass
class _Files:
    """Associated files as they are collected."""

    contents: dict[str, bytes] = field(default_factory=dict)

    def add(
        self, name: str, content: bytes, kind: s.AssociatedFileType, text: str, locale: str = ""
    ) -> s.AssociatedFile:
        """Takes a file in and returns the record of it."""
        if self.contents.setdefault(name, content) != content:
            raise UsageError(f"two different associated files are called {name!r}")
        return s.AssociatedFile(name, text, kind, locale)

    def labels(self, labels: Labels | None, kind: s.AssociatedFileType) -> tuple[s.AssociatedFile, ...]:
        """A file for each locale, one label a line."""
        return tuple(
            self.add(f"labels_{locale}.txt" if locale else "labels.txt", lines(names), kind, LABELS_TEXT, locale)
            for locale, names in _by_locale(labels).items()
        )


def lines(names: Sequence[str]) -> bytes:
    """Labels as a file, one a line. Raises UsageError for a label that is none or more than one line."""
    wrong = next((n for n in names if "\n" in n or "\r" in n), None)
    if wrong is not None:
        raise UsageError(f"a label is one line, got {wrong!r}")
    return "".join(f"{name}\n" for name in names).encode()


def read_labels(content: bytes, name: str = "labels") -> list[str]:
    """The labels of a file, one a line. Raises UsageError for text that is not UTF-8."""
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def _by_locale(labels: Labels | None) -> Mapping[str, Sequence[str]]:
    if labels is None:
        return {}
    return labels if isinstance(labels, Mapping) else {"": labels}


def _channels(value: Numbers) -> tuple[float, ...]:
    return (float(value),) if isinstance(value, (int, float)) else tuple(float(v) for v in value)


def check_labels(labels: Labels | None, tensor: Tensor) -> None:
    """Raises UsageError where there are not as many labels as the output has classes."""
    classes = tensor.shape[-1] if tensor.shape else -1
    for locale, names in _by_locale(labels).items():
        if isinstance(names, str):
            raise UsageError(f"labels: expected a list of names, got the text {names!r:.40}")
        if classes > 0 and len(names) != classes:
            where = f" for {locale!r}" if locale else ""
            raise UsageError(f"there are {len(names)} labels{where}, the output {tensor.name!r} has {classes} classes")


# --- tensors -------------------------------------------------------------------------------------------------------


def _image(tensor: Tensor, mean: Numbers | None, std: Numbers | None, text: str) -> s.TensorMetadata:
    floating = tensor.dtype == "float32"
    if tensor.dtype not in ("float32", "uint8"):
        raise UsageError(f"the image input {tensor.name!r} is {tensor.dtype}; readers take float32 and uint8")
    if len(tensor.shape) != 4 or tensor.shape[3] != 3 or tensor.shape[0] not in (1, -1):
        shape = list(tensor.shape)
        raise UsageError(f"the image input {tensor.name!r} has shape {shape}; readers take [1, height, width, 3]")
    if floating and (mean is None or std is None):
        raise UsageError(
            f"the image input {tensor.name!r} is float32: say how pixels from 0 to 255 are normalized, "
            "mean= and std= in (pixel - mean) / std, for example 127.5 and 127.5 for inputs from -1 to 1"
        )
    means, stds = _channels(0.0 if mean is None else mean), _channels(1.0 if std is None else std)
    if len(means) != len(stds) or any(v == 0 for v in stds):
        raise UsageError(f"mean and std: expected as many of each and no zeros in std, got {means} and {stds}")
    if floating:
        low = tuple(float((0 - m) / d) for m, d in zip(means, stds, strict=True))
        high = tuple(float((255 - m) / d) for m, d in zip(means, stds, strict=True))
    else:
        low, high = (0.0,), (255.0,)
    return s.TensorMetadata(
        "image",
        text,
        content=s.Content(s.ImageProperties(s.ColorSpaceType.RGB)),
        process_units=(s.ProcessUnit(s.NormalizationOptions(means, stds)),),
        stats=s.Stats(max=high, min=low),
    )


def _scores(
    tensor: Tensor,
    files: _Files,
    labels: Labels | None,
    calibration: Calibration | None = None,
    what: str = "Probabilities",
) -> s.TensorMetadata:
    check_labels(labels, tensor)
    associated = list(files.labels(labels, s.AssociatedFileType.TENSOR_AXIS_LABELS))
    units: tuple[s.ProcessUnit, ...] = ()
    if calibration is not None:
        kind = s.AssociatedFileType.TENSOR_AXIS_SCORE_CALIBRATION
        text = "Contains sigmoid-based score calibration parameters. The main purposes of score calibration is to make "
        text += "scores across classes comparable, so that a common threshold can be used for all output classes."
        associated.append(files.add("score_calibration.csv", calibration.table, kind, text))
        units = (s.ProcessUnit(s.ScoreCalibrationOptions(calibration.transformation, calibration.default_score)),)
    high = 255.0 if tensor.dtype == "uint8" else 1.0
    return s.TensorMetadata(
        "probability",
        f"{what} of the labels respectively.",
        content=s.Content(s.FeatureProperties()),
        process_units=units,
        stats=s.Stats(max=(high,), min=(0.0,)),
        associated_files=tuple(associated),
    )


def _plain(name: str, text: str, stats: s.Stats | None = None, **fields: object) -> s.TensorMetadata:
    """A tensor of numbers without further meaning."""
    content = s.Content(s.FeatureProperties())
    return s.TensorMetadata(name, text, **{"content": content, "stats": stats or s.Stats(), **fields})  # type: ignore[arg-type]


def _one(tensors: Sequence[Tensor], what: str) -> Tensor:
    if len(tensors) != 1:
        raise UsageError(f"expected a model with one {what}, got {len(tensors)}: {', '.join(t.name for t in tensors)}")
    return tensors[0]


def _result(name: str, text: str, files: _Files, graph: s.SubGraphMetadata) -> Result:
    return s.ModelMetadata(name, text, subgraph_metadata=(graph,)), files.contents


# --- images --------------------------------------------------------------------------------------------------------


def image_classifier(
    model: HasTensors,
    labels: Labels | None = None,
    *,
    mean: Numbers | None = None,
    std: Numbers | None = None,
    calibration: Calibration | None = None,
) -> Result:
    """One image [1, height, width, 3] float32 | uint8, one output [1, classes].

    mean, std: normalization of pixels from 0 to 255, ``(pixel - mean) / std``; required for float32. labels: a name
    for each class. Raises UsageError where the model is none of this kind or the labels do not fit it.
    """
    files = _Files()
    image = _image(_one(model.inputs(), "input"), mean, std, "Input image to be classified.")
    scores = _scores(_one(model.outputs(), "output"), files, labels, calibration)
    text = "Identify the most prominent object in the image from a known set of categories."
    graph = s.SubGraphMetadata(input_tensor_metadata=(image,), output_tensor_metadata=(scores,))
    return _result("ImageClassifier", text, files, graph)


@dataclass(frozen=True)
class Anchors:
    """How boxes before non-maximum suppression are decoded.

    boxes: for each box of the output its anchor, centre x, centre y, width, height in parts of the image; scale: what the
    four numbers of a box are divided by; exponential: whether sizes are logarithms; sigmoid: whether scores are logits.
    """

    boxes: Sequence[Sequence[float]]
    scale: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    exponential: bool = True
    sigmoid: bool = False


_DETECTOR_TEXT = (
    "Identify which of a known set of objects might be present and provide information about their positions within the "
    "given image or a video stream."
)
_LOCATION_TEXT, _SCORE_TEXT = "The locations of the detected boxes.", "The scores of the detected boxes."
_BOX = s.BoundingBoxProperties((1, 0, 3, 2), s.BoundingBoxType.BOUNDARIES, s.CoordinateType.RATIO)


def object_detector(
    model: HasTensors,
    labels: Labels | None = None,
    *,
    mean: Numbers | None = None,
    std: Numbers | None = None,
    anchors: Anchors | None = None,
) -> Result:
    """One image; four outputs as the post-processing operator gives them: boxes [1, n, 4], classes, scores, number.

    With ``anchors``, two outputs before non-maximum suppression, in any order: boxes [1, n, 4 or more] and scores
    [1, n, classes]; only MediaPipe reads these. Readers take four outputs in order of their tensor numbers. labels: a
    name for each class the model can detect. Raises UsageError where the model is none of this kind.
    """
    files = _Files()
    image = _image(_one(model.inputs(), "input"), mean, std, "Input image to be detected.")
    if anchors is not None:
        graph = _raw_detections(image, model.outputs(), files, labels, anchors)
        return _result("ObjectDetector", _DETECTOR_TEXT, files, graph)
    outputs = model.outputs()
    if len(outputs) != 4:
        raise UsageError(
            "expected the four outputs of TFLite_Detection_PostProcess (boxes, classes, scores, number), or two and "
            f"anchors=, got {len(outputs)}"
        )
    columns = s.ValueRange(2, 2)
    feature = s.Content(s.FeatureProperties(), columns)
    names = files.labels(labels, s.AssociatedFileType.TENSOR_VALUE_LABELS)
    described = (
        _plain("location", _LOCATION_TEXT, content=s.Content(_BOX, columns)),
        _plain("category", "The categories of the detected boxes.", content=feature, associated_files=names),
        _plain("score", _SCORE_TEXT, content=feature),
        _plain("number of detections", "The number of the detected boxes."),
    )
    _check_detections(outputs)
    order = sorted(range(4), key=lambda i: outputs[i].number)
    placed = [described[order.index(i)] for i in range(4)]
    group = s.TensorGroup("detection_result", ("location", "category", "score"))
    graph = s.SubGraphMetadata(
        input_tensor_metadata=(image,), output_tensor_metadata=tuple(placed), output_tensor_groups=(group,)
    )
    return _result("ObjectDetector", _DETECTOR_TEXT, files, graph)


def _raw_detections(
    image: s.TensorMetadata, outputs: Sequence[Tensor], files: _Files, labels: Labels | None, anchors: Anchors
) -> s.SubGraphMetadata:
    boxes, scores = _boxes_and_scores(outputs, labels)
    if any(len(box) != 4 for box in anchors.boxes) or (boxes.shape[1] > 0 and len(anchors.boxes) != boxes.shape[1]):
        raise UsageError(f"expected {boxes.shape[1]} anchors of four numbers, one for each box, got {len(anchors.boxes)}")
    check_labels(labels, scores)
    names = files.labels(labels, s.AssociatedFileType.TENSOR_AXIS_LABELS)
    described = {
        boxes: _plain("location", _LOCATION_TEXT, content=s.Content(_BOX)),
        scores: _plain("score", _SCORE_TEXT, associated_files=names),
    }
    fixed = tuple(mediapipe.FixedAnchor(*map(float, box)) for box in anchors.boxes)
    x, y, width, height = map(float, anchors.scale)
    decoding = mediapipe.TensorsDecodingOptions(
        num_classes=scores.shape[2],
        num_boxes=len(fixed),
        num_coords=boxes.shape[2],
        keypoint_coord_offset=4,
        num_keypoints=(boxes.shape[2] - 4) // 2,
        num_values_per_keypoint=2,
        x_scale=x,
        y_scale=y,
        w_scale=width,
        h_scale=height,
        apply_exponential_on_box_size=anchors.exponential,
        sigmoid_score=anchors.sigmoid,
    )
    ssd = mediapipe.SsdAnchorsOptions(mediapipe.FixedAnchorsSchema(fixed))
    return s.SubGraphMetadata(
        input_tensor_metadata=(image,),
        output_tensor_metadata=tuple(described[output] for output in outputs),
        custom_metadata=(mediapipe.custom_metadata(mediapipe.ObjectDetectorOptions("", ssd, decoding)),),
    )


def _boxes_and_scores(outputs: Sequence[Tensor], labels: Labels | None) -> tuple[Tensor, Tensor]:
    """The outputs of a detector before non-maximum suppression, told apart by their last dimensions."""
    shapes = [list(o.shape) for o in outputs]
    if len(outputs) != 2 or any(len(shape) != 3 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise UsageError(f"expected two outputs, boxes [1, n, 4 or more] and scores [1, n, classes], got {shapes}")
    counts = {len(names) for names in _by_locale(labels).values()}
    fitting = [
        (boxes, scores)
        for boxes, scores in (outputs, outputs[::-1])
        if boxes.shape[2] >= 4 and scores.shape[2] > 0 and (not counts or counts == {scores.shape[2]})
    ]
    exact = [pair for pair in fitting if pair[0].shape[2] == 4] or fitting
    if len(exact) != 1:
        reason = "either may be the boxes" if exact else "no order fits the labels"
        raise UsageError(f"which of the outputs {shapes} are boxes and which scores? {reason}; give labels= of the classes")
    return exact[0][0], exact[0][1]


def _check_detections(outputs: Sequence[Tensor]) -> None:
    """Raises UsageError unless the outputs, sorted by number, look like boxes, classes, scores and number."""
    ranks = [len(o.shape) for o in sorted(outputs, key=lambda o: o.number)]
    if ranks != [3, 2, 2, 1]:
        raise UsageError(
            "in order of their tensor numbers, which is how readers take them, the outputs have to be boxes [1, n, 4], "
            f"classes [1, n], scores [1, n] and number [1]; they have ranks {ranks}"
        )


def image_segmenter(
    model: HasTensors,
    labels: Labels | None = None,
    *,
    mean: Numbers | None = None,
    std: Numbers | None = None,
    activation: mediapipe.Activation | None = None,
) -> Result:
    """One image; one output [1, height, width, classes]. Raises UsageError otherwise.

    labels: a name for each class. activation: what MediaPipe has to apply to the output (``SEGMENTER_METADATA``).
    """
    files = _Files()
    image = _image(_one(model.inputs(), "input"), mean, std, "Input image to be segmented.")
    output = _one(model.outputs(), "output")
    check_labels(labels, output)
    masks = s.TensorMetadata(
        "segmentation_masks",
        "Masks over the target objects with high accuracy.",
        content=s.Content(s.ImageProperties(s.ColorSpaceType.GRAYSCALE), s.ValueRange(1, 2)),
        stats=s.Stats(),
        associated_files=files.labels(labels, s.AssociatedFileType.TENSOR_AXIS_LABELS),
    )
    text = "Semantic image segmentation predicts whether each pixel of an image is associated with a certain class."
    options = () if activation is None else (mediapipe.ImageSegmenterOptions(activation),)
    graph = s.SubGraphMetadata(
        input_tensor_metadata=(image,),
        output_tensor_metadata=(masks,),
        custom_metadata=tuple(mediapipe.custom_metadata(o) for o in options),
    )
    return _result("ImageSegmenter", text, files, graph)


def image_embedder(model: HasTensors, *, mean: Numbers | None = None, std: Numbers | None = None) -> Result:
    """One image; one output, the embedding [1, size]. Raises UsageError otherwise."""
    files = _Files()
    image = _image(_one(model.inputs(), "input"), mean, std, "Input image.")
    _one(model.outputs(), "output")
    embedding = _plain("embedding", "Embedding vector of the image.")
    graph = s.SubGraphMetadata(input_tensor_metadata=(image,), output_tensor_metadata=(embedding,))
    return _result("ImageEmbedder", "Extracts a feature vector from an image.", files, graph)


# --- sound and text ------------------------------------------------------------------------------------------------


def audio_classifier(model: HasTensors, labels: Labels | None = None, *, sample_rate: int, channels: int = 1) -> Result:
    """One clip [1, samples] or [samples] float32, one output [1, classes]. sample_rate: Hz.

    Raises UsageError where the model is none of this kind or its length is no multiple of ``channels``.
    """
    files = _Files()
    clip = _one(model.inputs(), "input")
    if clip.dtype != "float32" or len(clip.shape) not in (1, 2):
        raise UsageError(f"the clip {clip.name!r} is {clip.dtype} {list(clip.shape)}; readers take float32 [1, samples]")
    if sample_rate <= 0 or channels <= 0 or (clip.shape[-1] > 0 and clip.shape[-1] % channels):
        raise UsageError(f"{sample_rate} Hz and {channels} channels do not fit a clip of {clip.shape[-1]} samples")
    content = s.Content(s.AudioProperties(sample_rate, channels))
    described = _plain("audio_clip", "Input audio clip to be classified.", content=content)
    scores = _scores(_one(model.outputs(), "output"), files, labels, what="Scores")
    graph = s.SubGraphMetadata(input_tensor_metadata=(described,), output_tensor_metadata=(scores,))
    text = "Identify the most prominent type in the audio clip from a known set of categories."
    return _result("AudioClassifier", text, files, graph)


_VOCABULARY_TEXT = "Vocabulary file to convert natural language words to embedding vectors."


def text_classifier(
    model: HasTensors,
    labels: Labels | None = None,
    *,
    vocabulary: bytes | None = None,
    delimiter: str = r"[^\w\']+",
) -> Result:
    """One input, text as a string or as int32 word numbers [1, words]; one output [1, classes].

    vocabulary: a line a word, word and number; required for word numbers. delimiter: the regular expression that
    words are split at. Raises UsageError where the model is none of this kind.
    """
    files = _Files()
    tensor = _one(model.inputs(), "input")
    if tensor.dtype not in ("int32", "string"):
        raise UsageError(f"the text input {tensor.name!r} is {tensor.dtype}; readers take int32 word numbers and strings")
    if (vocabulary is None) != (tensor.dtype == "string"):
        raise UsageError("word numbers (int32) need vocabulary=, texts (strings) take none")
    units: tuple[s.ProcessUnit, ...] = ()
    if vocabulary is not None:
        file = files.add("vocab.txt", vocabulary, s.AssociatedFileType.VOCABULARY, _VOCABULARY_TEXT)
        units = (s.ProcessUnit(s.RegexTokenizerOptions(delimiter, (file,))),)
    text = "Embedding vectors representing the input text to be classified."
    described = _plain("input_text", text, process_units=units)
    scores = _scores(_one(model.outputs(), "output"), files, labels)
    graph = s.SubGraphMetadata(input_tensor_metadata=(described,), output_tensor_metadata=(scores,))
    return _result("NLClassifier", "Classify the input text into a set of known categories.", files, graph)


_BERT_INPUTS = {
    "ids": ("serving_default_input_word_ids:0", "Tokenized ids of the input text."),
    "mask": ("serving_default_input_mask:0", "Mask with 1 for real tokens and 0 for padding tokens."),
    "segment_ids": (
        "serving_default_input_type_ids:0",
        "0 for the first sequence, 1 for the second sequence if exists.",
    ),
}


def bert_classifier(
    model: HasTensors,
    labels: Labels | None = None,
    *,
    vocabulary: bytes | None = None,
    sentence_piece: bytes | None = None,
    inputs: Mapping[str, str] | None = None,
) -> Result:
    """Three int32 inputs [1, tokens], one output [1, classes].

    vocabulary: a WordPiece token a line; sentence_piece: a SentencePiece model, instead. inputs: the tensors' names of
    ``ids``, ``mask`` and ``segment_ids``; by default those of the stock exporters. Raises UsageError otherwise.
    """
    files = _Files()
    if (vocabulary is None) == (sentence_piece is None):
        raise UsageError("give one tokenizer: vocabulary= (WordPiece) or sentence_piece=")
    names = {tensor.name: place for place, tensor in enumerate(model.inputs())}
    wanted = {role: (inputs or {}).get(role, default) for role, (default, _) in _BERT_INPUTS.items()}
    missing = sorted(set(wanted.values()) - set(names))
    if missing or len(names) != len(wanted):
        raise UsageError(
            f"the inputs {', '.join(missing) or 'of the model'} do not fit: the model has {', '.join(names)}; say which is "
            "which with inputs={'ids': …, 'mask': …, 'segment_ids': …}"
        )
    roles = sorted(wanted, key=lambda role: names[wanted[role]])
    graph = s.SubGraphMetadata(
        input_tensor_metadata=tuple(_plain(role, _BERT_INPUTS[role][1]) for role in roles),
        output_tensor_metadata=(_scores(_one(model.outputs(), "output"), files, labels),),
        input_process_units=(s.ProcessUnit(_tokenizer(files, vocabulary, sentence_piece)),),
    )
    return _result("BertNLClassifier", "Classify the input text into a set of known categories.", files, graph)


def _tokenizer(files: _Files, vocabulary: bytes | None, sentence_piece: bytes | None) -> s.ProcessUnitOptions:
    if vocabulary is not None:
        file = files.add("vocab.txt", vocabulary, s.AssociatedFileType.VOCABULARY, _VOCABULARY_TEXT)
        return s.BertTokenizerOptions((file,))
    assert sentence_piece is not None
    kind = s.AssociatedFileType.UNKNOWN
    return s.SentencePieceTokenizerOptions((files.add("spm.model", sentence_piece, kind, "The sentence piece model file."),))
