"""`TFLiteConverter`, and what it shares with the converter of TensorFlow 1."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import litesmith
from litesmith import api
from litesmith._util.naming import suggestion
from litesmith.errors import ConverterError
from litesmith.formats.tflite.conversion_metadata import (
    CONVERSION_METADATA,
    ConversionMetadata,
    model_hash,
    write_conversion_metadata,
)
from litesmith.ir import Program
from litesmith.ir.budget import own_limits
from litesmith.keywords import Dump
from litesmith.lite import sources
from litesmith.lite.attributes import ALIASES, V2, Attribute
from litesmith.lite.messages import explain
from litesmith.lite.options import TargetSpec
from litesmith.lite.quantization import accumulation, calibrate_only, expected_recipe, optimization_modes, recipe_of
from litesmith.lite.quantized_files import hand_out_integers, keep_float_entries, name_tensors
from litesmith.lite.requests import (
    allows_select_ops,
    check_backends,
    check_result,
    forces_select_ops,
    refusals,
    select_ops,
)
from litesmith.lite.sources import Loading, Shapes, Source
from litesmith.ops.common import own_unknown_dims

if TYPE_CHECKING:
    from litesmith.frontends.keras.live import Model
    from litesmith.quantize import Recipe


class ConverterBase:
    """Attributes and conversion, whatever the source."""

    attributes: ClassVar[Sequence[Attribute]] = ()
    api_version: ClassVar[int] = 2

    optimizations: Iterable[Any]
    representative_dataset: Any
    target_spec: TargetSpec
    allow_custom_ops: bool
    rnn: str
    exclude_conversion_metadata: bool
    experimental_new_converter: bool
    experimental_new_quantizer: bool
    experimental_new_dynamic_range_quantizer: bool
    experimental_enable_resource_variables: bool
    unfold_batchmatmul: bool
    legalize_custom_tensor_list_ops: bool
    model_origin_framework: Any
    canonicalizing_inf_as_min_max_float: bool
    ir_dump_dir: str | os.PathLike[str] | None
    ir_dump_pass_regex: str | None
    ir_dump_func_regex: str | None
    enable_timing: bool | None
    print_ir_before: str | None
    print_ir_after: str | None
    print_ir_module_scope: bool | None
    elide_elementsattrs_if_larger: int | None
    experimental_use_stablehlo_quantizer: bool
    experimental_stablehlo_quantizer_config: Any
    serialize_debug_metadata: bool
    inference_input_type: Any
    inference_output_type: Any

    def _set_up(self, source: Source) -> None:
        self._source = source
        for attribute in self.attributes:
            if attribute.name not in ALIASES:
                object.__setattr__(self, attribute.name, copy.copy(attribute.default))
        self.target_spec = TargetSpec()

    if not TYPE_CHECKING:  # where it is seen, type checkers take every name for an attribute

        def __setattr__(self, name: str, value: object) -> None:
            known = [a.name for a in self.attributes]
            if name not in _OWN and name not in known:
                near = suggestion(name, known)
                warnings.warn(f"TFLiteConverter has no attribute {name!r}, so it has no effect{near}", stacklevel=2)
            object.__setattr__(self, name, value)

    def convert(self) -> bytes:
        """The converted model as the bytes of a `.tflite` file, verified.

        Raises ConverterError listing everything that stands in the way, attributes that ask for what this version does
        not do among it.
        """
        return self.to_model().content

    def to_model(
        self,
        verify: bool = True,
        reference: object = None,
        edit_recipe: Callable[[Recipe], Recipe] | None = None,
        metadata: object = None,
    ) -> api.Model:
        """What `convert` makes, as a `litesmith.Model`, whose weights are not in memory yet.

        verify, reference, metadata: see `litesmith.api.Options`. edit_recipe: a function from the quantization recipe
        that the attributes ask for to the one that is used.
        """
        problems = refusals(self, self.attributes)
        if problems:
            raise ConverterError(problems)
        options = self._options(verify, reference, metadata)
        requested = api.read_metadata(options)
        try:
            with own_unknown_dims(), own_limits():
                program = self._program(options, verify)
        except ConverterError as error:
            raise explain(error, allows_select_ops(self)) from error
        check_result(self, program)
        modes: tuple[int, ...] = ()
        if self._get("_experimental_calibrate_only") and edit_recipe is None:
            model = calibrate_only(self, program, options)
            if requested is not None:
                model.metadata = requested
        else:
            recipe = recipe_of(self, program)
            if recipe is not None and edit_recipe is not None:
                recipe = edit_recipe(recipe)
            data = self._get("representative_dataset") if recipe is not None and recipe.is_static else None
            model = api.finish(program, replace(options, quantize=recipe, calibrate=data), requested)
            modes = optimization_modes(self, program, recipe, model.program)
            check_backends(self, model.program)
            self._shape_file(model.program, recipe)
            model.program.metadata.update(accumulation(self, recipe))
        if not self._get("exclude_conversion_metadata"):
            model.program.metadata[CONVERSION_METADATA] = self._metadata(program, modes)
        return model

    def _shape_file(self, program: Program, recipe: Any) -> None:
        """Boundaries and names of a quantized file as those of the original."""
        if recipe is None or recipe.mode == "float32":
            return
        if self._get("experimental_new_quantizer") is False and recipe.is_static:
            keep_float_entries(program)
        if str(self._get("_experimental_qdq_conversion_mode")).upper() == "STATIC":
            hand_out_integers(program)
        name_tensors(program)

    def _program(self, options: api.Options, verify: bool) -> Program:
        """The optimized program; what the kernels do not take is loaded again as Select TF operators, where allowed."""
        select = select_ops(self)
        while True:
            try:
                loading = Loading(bool(self._get("allow_custom_ops")), verify, select)
                return api.optimize(self._source.load(loading), options)
            except ConverterError as error:
                if select is None or not select.force(error.problems):
                    raise

    def _get(self, name: str) -> Any:
        return getattr(self, name)

    def _options(self, verify: bool, reference: object, metadata: object) -> api.Options:
        return api.Options(
            verify=verify,
            reference=reference,
            metadata=metadata,
            dump=self._dump(),
            external_weights=bool(self._get("_experimental_use_buffer_offset")),
            without_passes=["input-scale-folding"] if self._get("_experimental_disable_fuse_mul_and_fc") else (),
            rnn=self._get("rnn"),
            quantize=expected_recipe(self),
        )

    def _dump(self) -> Dump | None:
        directory = self._dump_directory()
        if not directory:
            return None
        from litesmith.ir.dump import IRDump

        return IRDump(directory, self._get("ir_dump_pass_regex") or "", self._get("ir_dump_func_regex") or "")

    def _dump_directory(self) -> str | os.PathLike[str] | None:
        return self.ir_dump_dir

    def _metadata(self, program: Program, modes: tuple[int, ...]) -> bytes:
        return write_conversion_metadata(
            ConversionMetadata(
                converter=f"litesmith {litesmith.__version__}",
                api_version=self.api_version,
                model_type=self._source.model_type,
                model_hash=model_hash(program),
                optimization_modes=modes,
                allow_custom_ops=bool(self._get("allow_custom_ops")),
                enable_select_tf_ops=allows_select_ops(self),
                force_select_tf_ops=forces_select_ops(self),
            )
        )


_OWN = frozenset({"_source", "target_spec"})


class TFLiteConverter(ConverterBase):
    """Converts a model to LiteRT, with the constructors and attributes of ``tf.lite.TFLiteConverter``.

    What each attribute does here is told in docs/drop-in.md.
    """

    attributes = V2

    def __init__(self, funcs: Sequence[object], trackable_obj: object = None) -> None:
        self._set_up(sources.concrete_functions(funcs, trackable_obj))

    @classmethod
    def _of(cls, source: Source) -> TFLiteConverter:
        made = cls.__new__(cls)
        made._set_up(source)
        return made

    @classmethod
    def from_saved_model(
        cls,
        saved_model_dir: str | os.PathLike[str],
        signature_keys: Sequence[str] | None = None,
        tags: Iterable[str] | None = None,
        input_shapes: Shapes | None = None,
    ) -> TFLiteConverter:
        """A converter for the directory of a SavedModel: some signatures of it (default: all), of one tag set.

        input_shapes (not in the original): input name -> shape, None for an unknown size, replacing the model's.
        Raises an OSError where there is no SavedModel, a ValueError for a key or tag set it does not have.
        """
        return cls._of(sources.saved_model(saved_model_dir, list(signature_keys or ()) or None, tags, input_shapes))

    @classmethod
    def from_keras_model(cls, model: Model, input_signature: object = None) -> TFLiteConverter:
        """A converter for a Keras model (Keras 3 on TensorFlow or JAX, or legacy Keras 2).

        input_signature (not in the original): for each argument of the model its inputs' shapes and types, as in
        Keras' ``model.export``, where they are not to be the model's own.
        """
        return cls._of(sources.keras_model(model, input_signature=input_signature))

    @classmethod
    def from_keras_file(
        cls, file: str | os.PathLike[str], input_shapes: Shapes | None = None, safe_mode: bool = True
    ) -> TFLiteConverter:
        """A converter for a Keras file (not in the original).

        input_shapes: input name -> shape, None for an unknown size. safe_mode: whether code in the file is refused.
        """
        return cls._of(sources.keras_file(file, None, input_shapes, safe_mode))

    @classmethod
    def from_concrete_functions(cls, funcs: Sequence[object], trackable_obj: object = None) -> TFLiteConverter:
        """A converter for TensorFlow ConcreteFunctions, a signature each.

        trackable_obj: the object that owns the functions; with it, tensors are named and ordered as in a SavedModel.
        Raises a ValueError for what is no ConcreteFunction and has no input signature.
        """
        return cls(funcs, trackable_obj)

    @classmethod
    def experimental_from_jax(
        cls, serving_funcs: Sequence[Callable[..., object]], inputs: Sequence[Sequence[tuple[str, object]]] | None
    ) -> TFLiteConverter:
        """A converter for JAX functions with their weights applied, a signature each.

        inputs: for each function a list of (name, array) pairs, one for each of its arguments in order. Raises a
        ValueError where they do not fit.
        """
        return cls._of(sources.jax_functions(serving_funcs, inputs))
