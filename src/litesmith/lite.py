"""The drop-in face: the names of ``tf.lite`` that concern conversion.

import litesmith as lite
converter = lite.TFLiteConverter.from_saved_model("dir", signature_keys=["serving_default"])
open("model.tflite", "wb").write(converter.convert())
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any

import numpy as np

from litesmith import api
from litesmith.errors import ConverterError, Problem, UsageError


class Optimize(Enum):
    """How a model is optimized when it is converted. The two ``OPTIMIZE_FOR_…`` members mean the same as DEFAULT."""

    DEFAULT = "DEFAULT"
    OPTIMIZE_FOR_SIZE = "OPTIMIZE_FOR_SIZE"
    OPTIMIZE_FOR_LATENCY = "OPTIMIZE_FOR_LATENCY"
    EXPERIMENTAL_SPARSITY = "EXPERIMENTAL_SPARSITY"

    def __str__(self) -> str:
        return str(self.value)


class OpsSet(Enum):
    """The operators a converted model may use."""

    TFLITE_BUILTINS = "TFLITE_BUILTINS"
    SELECT_TF_OPS = "SELECT_TF_OPS"
    TFLITE_BUILTINS_INT8 = "TFLITE_BUILTINS_INT8"
    EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8 = (
        "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
    )
    EXPERIMENTAL_STABLEHLO_OPS = "EXPERIMENTAL_STABLEHLO_OPS"

    def __str__(self) -> str:
        return str(self.value)

    @staticmethod
    def get_options() -> list[str]:
        """Names of all members."""
        return [str(member) for member in OpsSet]


class RepresentativeDataset:
    """Samples to calibrate with. ``input_gen`` is a function returning a generator of input lists or dicts."""

    def __init__(self, input_gen: Callable[[], Iterable[Any]]) -> None:
        self.input_gen = input_gen


class TargetSpec:
    """What the converted model runs on."""

    def __init__(
        self,
        supported_ops: Iterable[OpsSet] | None = None,
        supported_types: Iterable[Any] | None = None,
        experimental_select_user_tf_ops: Iterable[str] | None = None,
        experimental_supported_backends: Iterable[str] | None = None,
    ) -> None:
        self.supported_ops = set(supported_ops) if supported_ops is not None else {OpsSet.TFLITE_BUILTINS}
        self.supported_types = set(supported_types or ())
        self.experimental_select_user_tf_ops = set(experimental_select_user_tf_ops or ())
        self.experimental_supported_backends = experimental_supported_backends


_ACCEPTED = {
    "experimental_new_converter": True,
    "experimental_new_quantizer": True,
    "experimental_enable_resource_variables": True,
    "unfold_batchmatmul": False,
    "legalize_custom_tensor_list_ops": False,
    "experimental_use_stablehlo_quantizer": False,
    "experimental_stablehlo_quantizer_config": None,
    "exclude_conversion_metadata": False,
    "experimental_new_dynamic_range_quantizer": True,
    "model_origin_framework": "UNSET",
    "canonicalizing_inf_as_min_max_float": True,
    "ir_dump_dir": None,
    "ir_dump_pass_regex": None,
    "ir_dump_func_regex": None,
    "enable_timing": None,
    "print_ir_before": None,
    "print_ir_after": None,
    "print_ir_module_scope": None,
    "elide_elementsattrs_if_larger": None,
    "serialize_debug_metadata": False,
}
"""Attributes taken so that existing code runs; what each does here is told in docs/drop-in.md."""


class TFLiteConverter:
    """Converts a model to LiteRT, with the constructors and attributes of ``tf.lite.TFLiteConverter``."""

    def __init__(self, source: Any, args: Sequence[Any] = (), **options: Any) -> None:
        self._source = source
        self._args = args
        self._options = options
        self.optimizations: Iterable[Optimize] = set()
        self.representative_dataset: Any = None
        self.target_spec = TargetSpec()
        self.allow_custom_ops = False
        self.inference_input_type: Any = np.float32
        self.inference_output_type: Any = np.float32
        for name, value in _ACCEPTED.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and self._is_complete() and not hasattr(self, name):
            warnings.warn(f"TFLiteConverter has no attribute {name!r}; it has no effect", stacklevel=2)
        object.__setattr__(self, name, value)

    def _is_complete(self) -> bool:
        return next(reversed(_ACCEPTED)) in self.__dict__

    @classmethod
    def from_saved_model(
        cls,
        saved_model_dir: Any,
        signature_keys: Sequence[str] | None = None,
        tags: Iterable[str] | None = None,
    ) -> TFLiteConverter:
        """A converter for the directory of a SavedModel: some signatures of it (default: all), of one tag set."""
        return cls(saved_model_dir, signature_keys=signature_keys, tags=tuple(tags) if tags else None)

    def convert(self) -> bytes:
        """The converted model as the bytes of a `.tflite` file.

        Raises ConverterError listing everything that stands in the way.
        """
        self._refuse_quantization()
        return api.convert(self._source, *self._args, **self._options).content

    def _refuse_quantization(self) -> None:
        """Options that ask for another model than a float one are an error, never ignored."""
        asked = [
            name
            for name, is_set in {
                "optimizations": bool(set(self.optimizations or ())),
                "target_spec.supported_types": bool(self.target_spec.supported_types),
                "target_spec.supported_ops": OpsSet.TFLITE_BUILTINS not in set(self.target_spec.supported_ops),
                "inference_input_type": not _is_float32(self.inference_input_type),
                "inference_output_type": not _is_float32(self.inference_output_type),
            }.items()
            if is_set
        ]
        if asked:
            reason = f"{', '.join(asked)} asks for quantization, which this version does not do"
            raise ConverterError(Problem("LS030", reason, "leave it at its default to get the float model"))


def _is_float32(dtype: Any) -> bool:
    if dtype is None:
        return True
    try:
        return bool(np.dtype(getattr(dtype, "as_numpy_dtype", dtype)) == np.float32)
    except TypeError as error:
        raise UsageError(f"{dtype!r} is no element type") from error


def __getattr__(name: str) -> Any:
    if name == "Interpreter":
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
