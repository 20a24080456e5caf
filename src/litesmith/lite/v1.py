"""The converter of TensorFlow 1: ``compat.v1.lite.TFLiteConverter``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from litesmith.errors import UsageError
from litesmith.lite import sources
from litesmith.lite.attributes import V1
from litesmith.lite.converter import ConverterBase
from litesmith.lite.graphviz import as_dot
from litesmith.lite.keras_arrays import keras_file_arrays, runs_eagerly
from litesmith.lite.options import Optimize, members
from litesmith.lite.sources import Loading, Shapes, Source

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import GraphDef
    from litesmith.frontends.tensorflow.live import TFSession, TFTensor

P = ParamSpec("P")


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
        graph_def: GraphDef,
        input_tensors: Sequence[TFTensor] | None,
        output_tensors: Sequence[TFTensor] | None,
        input_arrays_with_shape: Sequence[tuple[str, Sequence[int]]] | None = None,
        output_arrays: Sequence[str] | None = None,
        experimental_debug_info_func: object = None,
    ) -> None:
        """A frozen GraphDef between tensors, or between arrays given by name and shape."""
        ignored = {
            "input_arrays_with_shape": input_tensors is not None and input_arrays_with_shape is not None,
            "output_arrays": output_tensors is not None and output_arrays is not None,
        }
        for name in (n for n, is_ignored in ignored.items() if is_ignored):
            warnings.warn(f"{name} is ignored: tensors are given, too", stacklevel=2)
        if input_tensors is not None and output_tensors:
            inputs = [_name(t) for t in input_tensors]
            outputs: Sequence[str] = [_name(t) for t in output_tensors]
            shapes: Shapes = {t.name: t.shape.as_list() for t in input_tensors if _has_rank(t)}
        else:
            pairs = list(input_arrays_with_shape or ())
            inputs, outputs, shapes = [name for name, _ in pairs], list(output_arrays or ()), dict(pairs)
        self._set_up(sources.given_graph(graph_def, inputs, outputs, shapes))

    @classmethod
    def _of(cls, source: Source) -> TFLiteConverter:
        made = cls.__new__(cls)
        made._set_up(source)
        return made

    @classmethod
    def from_session(
        cls, sess: TFSession, input_tensors: Sequence[TFTensor], output_tensors: Sequence[TFTensor]
    ) -> TFLiteConverter:
        """A converter for the graph of a session between tensors, with the values its variables have there."""
        return cls._of(sources.session(sess, input_tensors, output_tensors))

    @classmethod
    def from_frozen_graph(
        cls,
        graph_def_file: str | os.PathLike[str],
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
        saved_model_dir: str | os.PathLike[str],
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
        model_file: str | os.PathLike[str],
        input_arrays: Sequence[str] | None = None,
        input_shapes: Mapping[str, Sequence[int] | None] | None = None,
        output_arrays: Sequence[str] | None = None,
        custom_objects: Mapping[str, object] | None = None,
        safe_mode: bool = True,
    ) -> TFLiteConverter:
        """A converter for a Keras file, whose own inputs and outputs are taken.

        input_arrays, output_arrays: names of inputs, and of outputs or layers (``dense/BiasAdd``), where they are not
        to be the model's; raises a ValueError for them when TensorFlow runs eagerly, as the original does. safe_mode
        (not in the original): whether code in the file is refused.
        """
        if (input_arrays or output_arrays) and runs_eagerly():
            raise UsageError(
                "`input_arrays` and `output_arrays` are unsupported with Eager mode. If your model requires any of these "
                "parameters, please use disable_eager_execution()."
            )
        shapes, arrays = _shapes(input_shapes), (input_arrays or (), output_arrays or ())
        return cls._of(keras_file_arrays(model_file, custom_objects, shapes, arrays, safe_mode))

    def get_input_arrays(self) -> list[str]:
        """Names of the inputs."""
        if self._source.input_arrays is not None:
            return self._source.input_arrays()
        return list(self._source.load(Loading()).signatures[0].inputs)

    @property
    def post_training_quantize(self) -> bool:
        """Deprecated: whether `optimizations` has Optimize.DEFAULT."""
        _warn_deprecated("post_training_quantize", "optimizations")
        return Optimize.DEFAULT in members(Optimize, self._get("optimizations"))

    @post_training_quantize.setter
    def post_training_quantize(self, value: bool) -> None:
        _warn_deprecated("post_training_quantize", "optimizations")
        self.optimizations = [Optimize.DEFAULT] if value else []

    @property
    def target_ops(self) -> Iterable[object]:
        """Deprecated: `target_spec.supported_ops`."""
        _warn_deprecated("target_ops", "target_spec.supported_ops")
        return self.target_spec.supported_ops

    @target_ops.setter
    def target_ops(self, value: Iterable[object]) -> None:
        _warn_deprecated("target_ops", "target_spec.supported_ops")
        self.target_spec.supported_ops = value

    def convert(self) -> bytes:
        """The converted model, verified: a `.tflite` file, or a graph in the DOT language where it is asked for."""
        if self._get("output_format") in ("GRAPHVIZ_DOT", 3):
            return as_dot(self.to_model().program).encode()
        return super().convert()

    def _dump_directory(self) -> str | os.PathLike[str] | None:
        named = ("ir_dump_dir", "dump_graphviz_dir", "conversion_summary_dir")
        return next(filter(None, map(self._get, named)), None)


def _under_old_name(make: Callable[P, TFLiteConverter]) -> Callable[P, TFLiteConverter]:
    @wraps(make)
    def call(*args: P.args, **kwargs: P.kwargs) -> TFLiteConverter:
        _warn_deprecated("TocoConverter", "TFLiteConverter")
        return make(*args, **kwargs)

    return call


class TocoConverter:
    """The deprecated name of `TFLiteConverter`."""

    from_session = staticmethod(_under_old_name(TFLiteConverter.from_session))
    from_frozen_graph = staticmethod(_under_old_name(TFLiteConverter.from_frozen_graph))
    from_saved_model = staticmethod(_under_old_name(TFLiteConverter.from_saved_model))
    from_keras_model_file = staticmethod(_under_old_name(TFLiteConverter.from_keras_model_file))


def _name(tensor: TFTensor | str) -> str:
    return tensor if isinstance(tensor, str) else str(tensor.name)


def _has_rank(tensor: TFTensor | str) -> bool:
    return not isinstance(tensor, str) and tensor.shape.rank is not None


def _shapes(given: Mapping[str, Sequence[int] | None] | None) -> Shapes | None:
    return None if given is None else {name: shape for name, shape in given.items() if shape is not None}


def _warn_deprecated(name: str, instead: str) -> None:
    warnings.warn(f"{name} is deprecated; use {instead}", DeprecationWarning, stacklevel=3)
