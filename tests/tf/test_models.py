"""Real models: converted, they answer as TensorFlow does, with no more ops than the official converter needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("keras")

import tensorflow as tf

from benchmarks.evaluate import load_reference, op_histogram, output_error
from benchmarks.models import NAMES, UNBATCHED, registry, variant_name
from benchmarks.zoo.entry import Exporter, Options
from benchmarks.zoo.reference import write_reference

pytestmark = pytest.mark.tf

TOLERANCE = 1e-5  # of the output's range
CEILING = 5e-5  # where the official converter is further off than TOLERANCE: rounding of deep float kernels

SLOW = frozenset(
    "efficientnet_b0 efficientnet_v2_b0 resnet50_v2 densenet121 inception_v3 nasnet_mobile xception convnext_tiny vgg16"
    " mobilenet mobilenet_v3_small".split()
)
# Saved both ways even in the quick suite, because the two exporters write different object graphs and functions.
BOTH_EXPORTERS = frozenset({"mobilenet_v2", "transformer", "multi_io_dict"})
# The official converter's file is wrong or missing, so that its op count and error say nothing. The same goes for
# whatever Keras model `tf.saved_model.save` wrote: its variables are reachable through captures only, too.
NO_PEER = {
    "captures_only": "its variables are never initialized in the official file",
    "switch_case": "the official converter refuses Case over variables",
    "control_flow": "the official converter refuses Case over variables",
    "nchw": "the official converter refuses a channels-first depthwise convolution",
}


@dataclass(frozen=True)
class Row:
    """A model of the registry in one variant."""

    name: str
    batch: int | None
    exporter: Exporter = "export"

    @property
    def id(self) -> str:
        return variant_name(self.name, self.batch, self.exporter)

    @property
    def options(self) -> Options:
        return Options(self.batch, self.exporter, small=True)


def rows() -> Iterator[Row]:
    """Every model, fixed and dynamic batch."""
    for name in NAMES:
        for batch in (1,) if name in UNBATCHED else (1, None):
            yield Row(name, batch)
            if name in BOTH_EXPORTERS:
                yield Row(name, batch, "saved_model")


@dataclass(frozen=True)
class Built:
    """A SavedModel with its reference and the official converter's file (None when it failed or is of no use)."""

    directory: Path
    official: Path | None


def build(row: Row, directory: Path) -> Built:
    """Save the small variant of the model, compute its reference, convert it officially."""
    entry = registry()[row.name]
    source = directory / "saved_model"
    try:
        entry.save(str(source), row.options)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    write_reference(entry, str(source), str(directory / "reference.npz"))
    if row.name in NO_PEER or row.exporter == "saved_model":
        return Built(directory, None)
    official = directory / "official.tflite"
    official.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(source)).convert())
    return Built(directory, official)


def worst_error(model: Path, built: Built) -> float:
    """Over all signatures, outputs and three invocations (or the recorded calls of a model with state)."""
    errors = output_error(model, load_reference(built.directory / "reference.npz"))
    assert errors, "the file has no signature with outputs"
    return max(errors.values())


def allowed_error(built: Built) -> float:
    if built.official is None:
        return TOLERANCE
    theirs = worst_error(built.official, built)
    return min(CEILING, max(TOLERANCE, theirs)) if np.isfinite(theirs) else TOLERANCE


def op_count(model: Path) -> int:
    return sum(op_histogram(model.read_bytes()).values())


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.id, marks=pytest.mark.slow if row.name in SLOW else ()) for row in rows()]
)
def test_model(row: Row, tmp_path: Path) -> None:
    import litesmith

    built = build(row, tmp_path)
    ours = tmp_path / "ours.tflite"
    ours.write_bytes(litesmith.TFLiteConverter.from_saved_model(str(built.directory / "saved_model")).convert())
    assert worst_error(ours, built) <= allowed_error(built)
    if built.official is not None:
        assert op_count(ours) <= op_count(built.official)


def test_a_wrong_file_is_noticed(tmp_path: Path) -> None:
    """The official file of the captures-only model, which reads variables nobody initializes."""
    row = Row("captures_only", 1)
    built = build(row, tmp_path)
    official = tmp_path / "official.tflite"
    official.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved_model")).convert())
    assert not worst_error(official, built) <= CEILING
