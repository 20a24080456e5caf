"""``tflite_convert``: its command line, by way of the drop-in converters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import click

from litesmith.cli.tflite_flags import FLAGS
from litesmith.errors import ConverterError, Problem

_BOTH = {"enable_v1_converter", "experimental_new_converter", "experimental_new_quantizer"}
_TYPES = {"FLOAT": "float32", "INT8": "int8", "UINT8": "uint8", "QUANTIZED_UINT8": "uint8"}

Shapes = dict[str, list[int | None]]


def main(args: list[str] | None = None) -> int:
    """The console script: ``litesmith convert`` with the flags of ``tflite_convert``."""
    from litesmith.cli import main as litesmith

    return litesmith(["convert", *(sys.argv[1:] if args is None else args)])


def with_flags(function: Callable[..., object]) -> Callable[..., object]:
    """A command that takes every flag of ``tflite_convert``."""
    for flag in reversed(FLAGS):
        function = flag.option()(function)
    return function


def flags_given(given: dict[str, Any]) -> set[str]:
    """Names of the further flags of ``tflite_convert`` that were given."""
    return {flag.key for flag in FLAGS if given[flag.key] not in (None, False)}


def converter(given: dict[str, Any], shapes: Shapes) -> Any:
    """The drop-in converter these flags ask for. Raises click.UsageError where they do not fit each other."""
    _check(given)
    first = given["graph_file"] or given["inputs"] or given["outputs"] or flags_given(given) - _BOTH
    instance = (_first if first or given["enable_v1_converter"] else _current)(given, shapes)
    for flag in FLAGS:
        if flag.attribute and given[flag.key] is not None and flag.key in flags_given(given) | _BOTH:
            setattr(instance, flag.attribute, _TYPES.get(given[flag.key], given[flag.key]))
    _set_target(instance, given)
    return instance


def _check(given: dict[str, Any]) -> None:
    for one, other in (("std_dev_values", "mean_values"), ("default_ranges_min", "default_ranges_max")):
        if (given[one] is None) != (given[other] is None):
            raise click.UsageError(f"--{one} and --{other} must be used together")
    if given["dump_graphviz_video"] and not given["dump_graphviz_dir"]:
        raise click.UsageError("--dump_graphviz_video must be used with --dump_graphviz_dir")
    if given["custom_opdefs"]:
        raise ConverterError(
            Problem(
                "LS030", "--custom_opdefs is not read", "save the model as a SavedModel, which declares its operators"
            )
        )


def _current(given: dict[str, Any], shapes: Shapes) -> Any:
    """The converter of TensorFlow 2."""
    from litesmith.lite import TFLiteConverter

    if given["saved_model"]:
        keys = [k for s in given["signatures"] for k in s.split(",")]
        return TFLiteConverter.from_saved_model(given["saved_model"], keys or None, _names(given["tags"]), shapes)
    return TFLiteConverter.from_keras_file(given["keras_file"], shapes, safe_mode=not given["unsafe"])


def _first(given: dict[str, Any], shapes: Shapes) -> Any:
    """The converter of TensorFlow 1."""
    from litesmith.compat.v1.lite import TFLiteConverter

    arrays: dict[str, Any] = dict(
        input_arrays=_names(given["inputs"]), output_arrays=_names(given["outputs"]), input_shapes=shapes or None
    )
    if given["graph_file"]:
        return TFLiteConverter.from_frozen_graph(given["graph_file"], **arrays)
    if given["keras_file"]:
        return TFLiteConverter.from_keras_model_file(given["keras_file"], safe_mode=not given["unsafe"], **arrays)
    keys = [k for s in given["signatures"] for k in s.split(",")]
    if len(keys) > 1:
        raise click.UsageError("the converter of TensorFlow 1 takes one signature")
    tags, key = _names(given["tags"]), keys[0] if keys else None
    return TFLiteConverter.from_saved_model(given["saved_model"], tag_set=tags, signature_key=key, **arrays)


def _set_target(instance: Any, given: dict[str, Any]) -> None:
    """Attributes that several flags make together."""
    from litesmith.lite import OpsSet, Optimize

    if given["target_ops"]:
        names = _names(given["target_ops"]) or []
        unknown = [n for n in names if n not in OpsSet.get_options()]
        if unknown:
            raise click.UsageError(f"Invalid value for --target_ops. Options: {','.join(OpsSet.get_options())}")
        instance.target_spec.supported_ops = {OpsSet(n) for n in names}
    if given["experimental_select_user_tf_ops"]:
        if OpsSet.SELECT_TF_OPS not in instance.target_spec.supported_ops:
            raise click.UsageError("--experimental_select_user_tf_ops needs --target_ops with SELECT_TF_OPS")
        instance.target_spec.experimental_select_user_tf_ops = _names(given["experimental_select_user_tf_ops"])
    if given["quantize_weights"] or given["post_training_quantize"]:
        instance.optimizations = [Optimize.DEFAULT]
    if given["quantize_to_float16"]:
        instance.target_spec.supported_types = ["float16"]
    if given["mean_values"] is not None:
        instance.quantized_input_stats = _input_stats(instance, given)
    if given["default_ranges_min"] is not None:
        instance.default_ranges_stats = (given["default_ranges_min"], given["default_ranges_max"])


def _input_stats(instance: Any, given: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Mean and deviation of each input, in the order of the inputs."""
    names = _names(given["inputs"]) or instance.get_input_arrays()
    try:
        pairs = [tuple(float(n) for n in _split(given[flag])) for flag in ("mean_values", "std_dev_values")]
    except ValueError as error:
        raise click.UsageError(f"--mean_values and --std_dev_values are numbers separated by commas: {error}") from error
    if any(len(numbers) != len(names) for numbers in pairs):
        raise click.UsageError(f"--mean_values and --std_dev_values need a number for each of {', '.join(names)}")
    return dict(zip(names, zip(*pairs, strict=True), strict=True))


def _names(text: str | None) -> list[str] | None:
    return list(_split(text)) if text is not None else None


def _split(text: str) -> Iterable[str]:
    return (n.strip() for n in text.split(",") if n.strip())
