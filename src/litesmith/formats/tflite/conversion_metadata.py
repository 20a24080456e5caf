"""The ``CONVERSION_METADATA`` entry: which converter made the file, from what, with which options.

A FlatBuffer of its own (schema: ``conversion_metadata.fbs`` of TensorFlow Lite) without a file identifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from litesmith._util.fingerprint import fingerprint64
from litesmith.formats.tflite.decoder import FlatBuffer
from litesmith.formats.tflite.encoder import REF, Encoder
from litesmith.ir import Program

CONVERSION_METADATA = "CONVERSION_METADATA"
"""Name of the metadata entry."""

_NO_IDENTIFIER = bytes(4)


class ModelType(IntEnum):
    """What a model was before it was converted."""

    NONE = 0
    TF_SAVED_MODEL = 1
    KERAS_MODEL = 2
    TF_CONCRETE_FUNCTIONS = 3
    TF_GRAPH_DEF = 4
    TF_SESSION = 5
    JAX = 6
    PYTORCH = 7


class OptimizationMode(IntEnum):
    """The schema's ``ModelOptimizationMode``."""

    PTQ_FLOAT16 = 1001
    PTQ_DYNAMIC_RANGE = 1002
    PTQ_FULL_INTEGER = 1003
    PTQ_INT16 = 1004
    QUANTIZATION_AWARE_TRAINING = 2000
    RANDOM_SPARSITY = 3001
    BLOCK_SPARSITY = 3002

    @classmethod
    def of(cls, quantization: str) -> OptimizationMode:
        """Of a quantization mode's name."""
        named = {"float16": cls.PTQ_FLOAT16, "dynamic": cls.PTQ_DYNAMIC_RANGE, "int16x8": cls.PTQ_INT16}
        return named.get(quantization, cls.PTQ_FULL_INTEGER)


@dataclass(frozen=True)
class ConversionMetadata:
    """The entry's content.

    converter: name and version of the converter (the schema calls it the TensorFlow version); api_version: 1 or 2;
    model_hash: of the converted graph; optimization_modes: numbers of `OptimizationMode`.
    """

    converter: str
    api_version: int = 2
    model_type: ModelType = ModelType.NONE
    model_hash: int = 0
    optimization_modes: tuple[int, ...] = ()
    allow_custom_ops: bool = False
    enable_select_tf_ops: bool = False
    force_select_tf_ops: bool = False


def write_conversion_metadata(metadata: ConversionMetadata) -> bytes:
    """The entry as bytes; equal metadata, equal bytes."""
    encoder = Encoder()
    environment = encoder.table(
        [
            (0, REF, encoder.string(metadata.converter)),
            (1, "I", metadata.api_version),
            (2, "i", int(metadata.model_type)),
            (3, "Q", metadata.model_hash),
        ]
    )
    modes = encoder.scalars(np.array(metadata.optimization_modes, np.int32), "<i4")
    options = encoder.table(
        [
            (0, REF, modes),
            (1, "?", metadata.allow_custom_ops),
            (2, "?", metadata.enable_select_tf_ops),
            (3, "?", metadata.force_select_tf_ops),
        ]
    )
    return bytes(encoder.finish(encoder.table([(0, REF, environment), (1, REF, options)]), _NO_IDENTIFIER))


def read_conversion_metadata(data: bytes) -> ConversionMetadata:
    """The content of an entry. Raises FormatError where it is damaged, ValueError for an unknown model type."""
    buffer = FlatBuffer(np.frombuffer(data, np.uint8))
    root = buffer.root(bytes(data[4:8]))
    environment, options = root.table(0, "Environment"), root.table(1, "ConversionOptions")
    found: dict[str, Any] = {"converter": ""}
    if environment is not None:
        found |= {"converter": environment.text(0), "api_version": environment.scalar(1, "I")}
        found |= {"model_type": ModelType(environment.scalar(2, "i")), "model_hash": environment.scalar(3, "Q")}
    if options is not None:
        found["optimization_modes"] = tuple(map(int, options.array(0, "<i4")))
        flags = ("allow_custom_ops", "enable_select_tf_ops", "force_select_tf_ops")
        found |= {name: bool(options.scalar(slot, "?")) for slot, name in enumerate(flags, 1)}
    return ConversionMetadata(**found)


def model_hash(program: Program) -> int:
    """A 64-bit fingerprint of the graphs: their operators, how they are connected, and their types."""
    return fingerprint64("\n".join(_lines(program)))


def _lines(program: Program) -> list[str]:
    lines = []
    for graph in program.all_graphs():
        numbers: dict[int, int] = {}
        for op in graph.ops:
            ins = [-1 if v is None else numbers.setdefault(id(v), len(numbers)) for v in op.slots]
            outs = [numbers.setdefault(id(v), len(numbers)) for v in op.results]
            types = ", ".join(str(v.type) for v in op.results)
            lines.append(f"{op.name} {op.defn.version_of(op)} {ins} {outs} {types}")
    return lines
