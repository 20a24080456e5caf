"""Converts TensorFlow SavedModels, Keras models and JAX functions to LiteRT, without TensorFlow.

    import litesmith
    model = litesmith.convert("saved_model_dir")
    model.save("model.tflite")

Code written for ``tf.lite`` runs with ``import litesmith as lite``: ``lite.TFLiteConverter``,
``lite.Optimize``, …. Nothing is imported until one of the names is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litesmith import compat, lite
    from litesmith.api import Model, convert, export
    from litesmith.checking import check
    from litesmith.errors import (
        ConverterError,
        FormatError,
        LitesmithError,
        QuantizationError,
        UsageError,
        VerificationError,
    )
    from litesmith.frontends.operator_plugins import custom_operator, operator
    from litesmith.frontends.plugins import composite
    from litesmith.lite import (
        Interpreter,
        OpsSet,
        Optimize,
        RepresentativeDataset,
        TargetSpec,
        TFLiteConverter,
        experimental,
    )
    from litesmith.lite.keras_export import enable_keras_export
    from litesmith.quantize import Calibration, Plan, Recipe, Rule

__version__ = "0.1.0"

__all__ = [
    "Calibration",
    "ConverterError",
    "FormatError",
    "Interpreter",
    "LitesmithError",
    "Model",
    "OpsSet",
    "Optimize",
    "Plan",
    "QuantizationError",
    "Recipe",
    "RepresentativeDataset",
    "Rule",
    "TFLiteConverter",
    "TargetSpec",
    "UsageError",
    "VerificationError",
    "__version__",
    "check",
    "compat",
    "composite",
    "convert",
    "custom_operator",
    "enable_keras_export",
    "experimental",
    "export",
    "lite",
    "operator",
]

_MODULES = {
    "api": ("Model", "convert", "export"),
    "checking": ("check",),
    "frontends.operator_plugins": ("custom_operator", "operator"),
    "errors": ("ConverterError", "FormatError", "LitesmithError", "QuantizationError", "UsageError", "VerificationError"),
    "frontends.plugins": ("composite",),
    "lite": (
        "Interpreter",
        "OpsSet",
        "Optimize",
        "RepresentativeDataset",
        "TFLiteConverter",
        "TargetSpec",
        "experimental",
    ),
    "lite.keras_export": ("enable_keras_export",),
    "quantize": ("Calibration", "Plan", "Recipe", "Rule"),
}
_SUBMODULES = ("compat", "lite")
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
