"""The converter of TensorFlow 1: ``compat.v1.lite.TFLiteConverter``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from litesmith.errors import UsageError
from litesmith.formats.tflite.conversion_metadata import ModelType
from litesmith.lite import sources
from litesmith.lite.attributes import V1
from litesmith.lite.converter import ConverterBase
from litesmith.lite.options import Optimize, members
from litesmith.lite.sources import Loading, Shapes, Source


class TFLiteConverter(ConverterBase):
    """Converts a model to LiteRT, with the constructors and attributes of ``tf.compat.v1.lite.TFLiteConverter``.

    What each attribute does here is told in docs/drop-in.md.
    """

    attributes = V1
    api_version = 1

    inference_type: Any
    output_format: Any
    quantized_input_stats: Any
    default_ranges_stats: Any
    drop_control_dependency: bool
    reorder_across_fake_quant: bool
    change_concat_input_ranges: bool
    dump_graphviz_dir: str | os.PathLike[str] | None
    dump_graphviz_video: bool
    conversion_summary_dir: str | os.PathLike[str] | None

    def __init__(
        self,
        graph_def: Any,
        input_tensors: Sequence[Any] | None,
        output_tensors: Sequence[Any] | None,
        input_arrays_with_shape: Sequence[tuple[str, Sequence[int]]] | None = None,
        output_arrays: Sequence[str] | None = None,
        experimental_debug_info_func: Any = None,
    ) -> None:
        """A frozen GraphDef between tensors, or between arrays given by name and shape."""
        if input_tensors is not None and output_tensors:
            inputs = [t.name for t in input_tensors]
            outputs: Sequence[str] = [t.name for t in output_tensors]
            shapes: Shapes = {t.name: t.shape.as_list() for t in input_tensors if t.shape.rank is not None}
        else:
            pairs = list(input_arrays_with_shape or ())
            inputs, outputs, shapes = [name for name, _ in pairs], list(output_arrays or ()), dict(pairs)
        self._set_up(sources.frozen_graph(graph_def, inputs, outputs, shapes, ModelType.TF_GRAPH_DEF))

    @classmethod
    def _of(cls, source: Source) -> TFLiteConverter:
        made = cls.__new__(cls)
        made._set_up(source)
        return made

    @classmethod
    def from_session(cls, sess: Any, input_tensors: Sequence[Any], output_tensors: Sequence[Any]) -> TFLiteConverter:
        """A converter for the graph of a session between tensors, with the values its variables have there."""
        return cls._of(sources.session(sess, input_tensors, output_tensors))

    @classmethod
    def from_frozen_graph(
        cls,
        graph_def_file: Any,
        input_arrays: Sequence[str],
        output_arrays: Sequence[str],
        input_shapes: Mapping[str, Sequence[int] | None] | None = None,
    ) -> TFLiteConverter:
        """A converter for a frozen graph in a file (binary or text), between named tensors.

        input_shapes: name -> shape, None where the graph says it. Raises an OSError where the file is missing, a
        ValueError for a name the graph does not have.
        """
        return cls._of(sources.frozen_graph_file(graph_def_file, input_arrays, output_arrays, _shapes(input_shapes)))

    @classmethod
    def from_saved_model(
        cls,
        saved_model_dir: Any,
        input_arrays: Sequence[str] | None = None,
        input_shapes: Mapping[str, Sequence[int] | None] | None = None,
        output_arrays: Sequence[str] | None = None,
        tag_set: Iterable[str] | None = None,
        signature_key: str | None = None,
    ) -> TFLiteConverter:
        """A converter for a SavedModel between named tensors of its graph, by default those of one signature."""
        shapes = _shapes(input_shapes)
        source = sources.saved_model_arrays(
            saved_model_dir, input_arrays, shapes, output_arrays, tag_set, signature_key
        )
        return cls._of(source)

    @classmethod
    def from_keras_model_file(
        cls,
        model_file: Any,
        input_arrays: Sequence[str] | None = None,
        input_shapes: Mapping[str, Sequence[int] | None] | None = None,
        output_arrays: Sequence[str] | None = None,
        custom_objects: Mapping[str, Any] | None = None,
        safe_mode: bool = True,
    ) -> TFLiteConverter:
        """A converter for a Keras file, whose own inputs and outputs are taken.

        safe_mode (not in the original): whether code in the file is refused. Raises a ValueError where arrays
        are named, as the original does when it runs eagerly.
        """
        if input_arrays or output_arrays:
            raise UsageError("`input_arrays` and `output_arrays` are unsupported with Eager mode.")
        return cls._of(sources.keras_file(model_file, custom_objects, _shapes(input_shapes), safe_mode))

    def get_input_arrays(self) -> list[str]:
        """Names of the inputs."""
        if self._source.input_arrays is not None:
            return self._source.input_arrays()
        return list(self._source.load(Loading()).signatures[0].inputs)

    @property
    def post_training_quantize(self) -> bool:
        """Deprecated: whether `optimizations` has Optimize.DEFAULT."""
        _deprecated("post_training_quantize", "optimizations")
        return Optimize.DEFAULT in members(Optimize, self._get("optimizations"))

    @post_training_quantize.setter
    def post_training_quantize(self, value: bool) -> None:
        _deprecated("post_training_quantize", "optimizations")
        self.optimizations = [Optimize.DEFAULT] if value else []

    @property
    def target_ops(self) -> Any:
        """Deprecated: `target_spec.supported_ops`."""
        _deprecated("target_ops", "target_spec.supported_ops")
        return self.target_spec.supported_ops

    @target_ops.setter
    def target_ops(self, value: Any) -> None:
        _deprecated("target_ops", "target_spec.supported_ops")
        self.target_spec.supported_ops = value

    def _dump_directory(self) -> Any:
        named = ("ir_dump_dir", "dump_graphviz_dir", "conversion_summary_dir")
        return next(filter(None, map(self._get, named)), None)


def _shapes(given: Mapping[str, Sequence[int] | None] | None) -> Shapes | None:
    return None if given is None else {name: shape for name, shape in given.items() if shape is not None}


def _deprecated(name: str, instead: str) -> None:
    warnings.warn(f"{name} is deprecated; use {instead}", DeprecationWarning, stacklevel=3)
