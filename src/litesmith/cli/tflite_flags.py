"""The flags of ``tflite_convert`` that `litesmith convert` takes besides its own, and what each does here.

`docs/drop-in.md` shows this table; a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

SAME, BETTER, NO_EFFECT, REFUSED = "same", "better", "no effect", "refused"


@dataclass(frozen=True)
class Flag:
    """One flag. verdict and why: for the documentation. kind: what it takes. attribute: what it sets of a converter."""

    name: str
    verdict: str
    why: str
    kind: dict[str, Any] = field(default_factory=dict)
    attribute: str = ""

    @property
    def key(self) -> str:
        """The name of its value among the command's."""
        return self.name.lstrip("-")

    def option(self) -> Callable[[Any], Any]:
        """The flag as an option of a command, not listed in its help."""
        return click.option(self.name, self.key, hidden=True, **self.kind)


_SWITCH: dict[str, Any] = {"is_flag": True}
_TRUTH: dict[str, Any] = {"is_flag": False, "flag_value": "true", "type": click.BOOL, "default": None}
_TYPE: dict[str, Any] = {"type": click.Choice(["FLOAT", "INT8", "UINT8", "QUANTIZED_UINT8"], case_sensitive=False)}

SOURCES: tuple[Flag, ...] = (
    Flag("--output_file", SAME, "written to a temporary file, verified, and renamed"),
    Flag("--saved_model_dir", SAME, "read without TensorFlow"),
    Flag("--keras_model_file", SAME, "`.keras` files too; code in the file needs `--unsafe`"),
    Flag("--graph_def_file", BETTER, "binary or text; needs no `--enable_v1_converter`"),
    Flag("--saved_model_tag_set", SAME, ""),
    Flag("--saved_model_signature_key", SAME, "several separated by commas; default: all"),
    Flag("--input_arrays", SAME, "default for a frozen graph: its placeholders"),
    Flag("--output_arrays", SAME, "default for a frozen graph: the ends of the graph"),
    Flag("--input_shapes", SAME, "`1,224,224,3:1,10`, or by name: `image=1,224,224,3;mask=?,10`"),
)
"""Flags that are options of `litesmith convert` itself."""

FLAGS: tuple[Flag, ...] = (
    Flag("--enable_v1_converter", SAME, "the converter of TensorFlow 1; flags it alone has imply it", _SWITCH),
    Flag("--experimental_new_converter", NO_EFFECT, "there is one converter", _TRUTH, "experimental_new_converter"),
    Flag("--experimental_new_quantizer", NO_EFFECT, "there is one quantizer", _TRUTH, "experimental_new_quantizer"),
    Flag("--inference_type", SAME, "INT8 and UINT8 quantize, by trained ranges or `--calibrate`", _TYPE, "inference_type"),
    Flag("--inference_input_type", SAME, "", _TYPE, "inference_input_type"),
    Flag(
        "--output_format",
        BETTER,
        "GRAPHVIZ_DOT writes the converted graph in the DOT language",
        {"type": click.Choice(["TFLITE", "GRAPHVIZ_DOT"])},
        "output_format",
    ),
    Flag("--std_dev_values", SAME, "the range of inputs of a quantized inference type"),
    Flag("--mean_values", SAME, "the range of inputs of a quantized inference type"),
    Flag("--default_ranges_min", SAME, "the range of tensors that nothing shows the range of", {"type": float}),
    Flag("--default_ranges_max", SAME, "the range of tensors that nothing shows the range of", {"type": float}),
    Flag("--quantize_weights", SAME, "dynamic range", _SWITCH),
    Flag("--post_training_quantize", SAME, "dynamic range; integers with `--calibrate`", _SWITCH),
    Flag("--quantize_to_float16", SAME, "with `--post_training_quantize`", _SWITCH),
    Flag("--drop_control_dependency", NO_EFFECT, "the file has none", _SWITCH, "drop_control_dependency"),
    Flag("--reorder_across_fake_quant", NO_EFFECT, "as in the current original", _SWITCH, "reorder_across_fake_quant"),
    Flag(
        "--change_concat_input_ranges",
        NO_EFFECT,
        "as in the current original",
        {"type": click.Choice(["TRUE", "FALSE"], case_sensitive=False)},
    ),
    Flag("--allow_custom_ops", SAME, "", _TRUTH, "allow_custom_ops"),
    Flag("--custom_opdefs", REFUSED, "a SavedModel declares its operators itself"),
    Flag("--target_ops", SAME, "names of OpsSet members, separated by commas"),
    Flag("--experimental_select_user_tf_ops", SAME, "they may become Select TF operators"),
    Flag("--dump_graphviz_dir", BETTER, "the IR after each pass as text", {}, "dump_graphviz_dir"),
    Flag("--dump_graphviz_video", NO_EFFECT, "every pass that changed something is dumped", _SWITCH),
    Flag("--conversion_summary_dir", BETTER, "the IR after each pass as text", {}, "conversion_summary_dir"),
)
"""Further flags, taken and not listed in the help."""
