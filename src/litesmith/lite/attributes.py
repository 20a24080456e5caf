"""The converter's attributes: what each defaults to, what it does here, and which values are refused.

`docs/drop-in.md` shows this table; a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SAME, BETTER, NO_EFFECT, REFUSED = "same", "better", "no effect", "refused"
"""How a name compares with its original. ``refused``: the default works, asking for more is an error."""

FLOAT_FIX = "leave it at its default to get the float model"


@dataclass(frozen=True)
class Attribute:
    """One attribute of a converter.

    verdict and why: for the documentation. asks: what a value that is refused asks for. is_asked: tells such a value
    (default: any but the default one and None). fix: the way out.
    """

    name: str
    default: object
    verdict: str
    why: str
    asks: str = ""
    is_asked: Callable[[Any], bool] | None = None
    fix: str = FLOAT_FIX

    def refusal(self, value: object) -> str | None:
        """What the value asks for when this version does not do it, else None."""
        if self.verdict != REFUSED:
            return None
        asked = self.is_asked(value) if self.is_asked is not None else value not in (self.default, None)
        return self.asks if asked else None


def _refusal(name: str, default: object, asks: str, fix: str = FLOAT_FIX) -> Attribute:
    return Attribute(name, default, REFUSED, f"asks for {asks}, which this version does not support", asks, fix=fix)


_ONE_CONVERTER = "there is one converter"
_ONE_QUANTIZER = "there is one quantizer"
_LISTS = "TensorLists always become built-in operators, with a dynamic batch"
_RNN = (
    'not in the original: the form of recurrent layers, `"auto"`, `"fused"`, `"loop"` or `"unrolled"` (see recurrent.md)'
)
_OWN_RECIPE = "set optimizations = [Optimize.DEFAULT] and a representative_dataset, or quantize by a Recipe"
_FLOAT_SOURCE = "convert the float model itself, with optimizations = [Optimize.DEFAULT] and a representative_dataset"
_TEXT_IR = "the IR is litesmith's own and has its own dump (`ir_dump_dir`)"

COMMON: tuple[Attribute, ...] = (
    Attribute("optimizations", (), BETTER, "integers where they are faster and right; see docs/quantize.md"),
    Attribute(
        "representative_dataset", None, BETTER, "arrays, `.npz` files and folders of images are taken, too"
    ),
    Attribute("target_spec", None, SAME, "see TargetSpec"),
    Attribute("allow_custom_ops", False, SAME, "unknown TensorFlow operators become custom ones with their attributes"),
    Attribute("rnn", "auto", BETTER, _RNN),
    Attribute("exclude_conversion_metadata", False, SAME, "the metadata names litesmith and its version"),
    Attribute("experimental_new_converter", True, NO_EFFECT, _ONE_CONVERTER),
    Attribute(
        "experimental_new_quantizer", True, SAME,
        "False leaves inputs and outputs float that only operators without an integer kernel read or make",
    ),
    Attribute("experimental_new_dynamic_range_quantizer", True, NO_EFFECT, _ONE_QUANTIZER),
    Attribute(
        "experimental_enable_resource_variables", True, SAME, "False refuses models whose result needs variables"
    ),
    Attribute("unfold_batchmatmul", False, SAME, "True refuses models whose result has a BATCH_MATMUL left"),
    Attribute("legalize_custom_tensor_list_ops", False, NO_EFFECT, _LISTS),
    Attribute("model_origin_framework", "UNSET", NO_EFFECT, "each source has its own frontend"),
    Attribute(
        "canonicalizing_inf_as_min_max_float", True, BETTER, "infinities stay infinities, in constants too"
    ),
    Attribute("ir_dump_dir", None, BETTER, "the IR as text after the import and each pass that changed something"),
    Attribute("ir_dump_pass_regex", None, SAME, "names of passes whose result is dumped"),
    Attribute("ir_dump_func_regex", None, SAME, "names of graphs that are dumped"),
    Attribute("enable_timing", None, NO_EFFECT, "`--dump-ir` and a profiler tell more; nothing is printed"),
    Attribute("print_ir_before", None, NO_EFFECT, _TEXT_IR),
    Attribute("print_ir_after", None, NO_EFFECT, _TEXT_IR),
    Attribute("print_ir_module_scope", None, NO_EFFECT, _TEXT_IR),
    Attribute("elide_elementsattrs_if_larger", None, NO_EFFECT, "large constants are never printed"),
    Attribute("experimental_use_stablehlo_quantizer", False, SAME, "needs a representative_dataset; there is one quantizer"),
    _refusal("experimental_stablehlo_quantizer_config", None, "a recipe in TensorFlow's own messages", _OWN_RECIPE),
    _refusal("serialize_debug_metadata", False, "source locations in the file"),
    Attribute("_experimental_calibrate_only", False, SAME, "the float model with the ranges of its tensors"),
    Attribute("_experimental_sparsify_model", False, BETTER, "as `Optimize.EXPERIMENTAL_SPARSITY`; the original ignores it"),
    Attribute("_experimental_disable_per_channel", False, SAME, "one scale for all weights of a layer"),
    Attribute(
        "_experimental_disable_per_channel_quantization_for_dense_layers", False, SAME, "one scale for all of its weights"
    ),
    _refusal("_experimental_tf_quantization_mode", None, "graphs of TensorFlow's own quantizer", _FLOAT_SOURCE),
    Attribute(
        "_experimental_full_integer_quantization_bias_type", None, BETTER, "by default int32 wherever the sums provably fit"
    ),
    Attribute("_experimental_quantization_options", None, NO_EFFECT, "as in the original, but for StableHLO files"),
    Attribute("_experimental_low_bit_qat", False, SAME, "weights trained on grids of 4 bits are stored in 4 bits"),
    Attribute("_experimental_variable_quantization", False, SAME, "variables as integers, with one scale each"),
    Attribute("_experimental_reduce_type_precision", False, SAME, "weights whose integers fit 4 bits are stored in 4 bits"),
    Attribute(
        "_experimental_qdq_conversion_mode", None, SAME,
        "STATIC: integers by the model's own fake quantization; DYNAMIC: its weights alone",
    ),
    Attribute("_experimental_strict_qdq", False, SAME, "integers only where the model has fake quantization on all sides"),
    Attribute(
        "_experimental_preserve_assert_op", False, SAME, "assertions become Select TF operators, where these are allowed"
    ),
    Attribute(
        "_experimental_disable_fuse_mul_and_fc", False, SAME, "factors of the input of a layer stay a multiplication"
    ),
    Attribute("_experimental_use_buffer_offset", False, SAME, "weights behind the FlatBuffer, as in files over 2 GB"),
    Attribute("_experimental_lower_tensor_list_ops", True, NO_EFFECT, _LISTS),
    Attribute("_experimental_default_to_single_batch_in_tensor_list_ops", False, NO_EFFECT, _LISTS),
    Attribute("_experimental_unfold_large_splat_constant", False, NO_EFFECT, "equal constants are stored once"),
    Attribute("_experimental_enable_dynamic_update_slice", False, NO_EFFECT, "the operator is used where it fits"),
    Attribute("_experimental_guarantee_all_funcs_one_use", False, NO_EFFECT, "functions are inlined at their calls"),
    Attribute("_experimental_allow_all_select_tf_ops", False, SAME, "every TensorFlow operator may become a Select TF one"),
    Attribute("_experimental_enable_composite_direct_lowering", True, NO_EFFECT, "composites are lowered or inlined"),
    Attribute(
        "_experimental_unsafe_fuse_dynamic_shaped_broadcast", False, NO_EFFECT, "broadcasts are fused where it is safe"
    ),
)  # fmt: skip
"""Attributes of both converters."""

V2: tuple[Attribute, ...] = (
    *COMMON,
    Attribute("inference_input_type", "float32", SAME, "float32, int8, uint8; int16 beside 16-bit activations"),
    Attribute("inference_output_type", "float32", SAME, "float32, int8, uint8; int16 beside 16-bit activations"),
)
"""Attributes of `TFLiteConverter`."""

V1: tuple[Attribute, ...] = (
    *COMMON,
    Attribute("inference_type", "float32", SAME, "int8 and uint8 quantize, by trained ranges or samples"),
    Attribute("inference_input_type", None, SAME, "default: `inference_type`"),
    Attribute("inference_output_type", None, SAME, "default: `inference_type`"),
    Attribute("output_format", "TFLITE", BETTER, "GRAPHVIZ_DOT gives the converted graph in the DOT language"),
    Attribute("quantized_input_stats", {}, SAME, "mean and deviation, the range of quantized inputs"),
    Attribute("default_ranges_stats", None, SAME, "the range of tensors that nothing shows the range of"),
    Attribute("drop_control_dependency", True, NO_EFFECT, "the file has none; effects keep their order"),
    Attribute("reorder_across_fake_quant", False, NO_EFFECT, "as in the current original"),
    Attribute("change_concat_input_ranges", False, NO_EFFECT, "as in the current original"),
    Attribute("dump_graphviz_dir", None, BETTER, "the IR after each pass as text, as with `ir_dump_dir`"),
    Attribute("dump_graphviz_video", False, NO_EFFECT, "every pass that changed something is dumped"),
    Attribute("conversion_summary_dir", None, BETTER, "the IR after each pass as text, as with `ir_dump_dir`"),
    Attribute("post_training_quantize", False, SAME, "sets `optimizations`"),
    Attribute("target_ops", None, SAME, "sets `target_spec.supported_ops`"),
)
"""Attributes of `compat.v1.TFLiteConverter`."""

ALIASES = frozenset({"post_training_quantize", "target_ops"})
"""Deprecated attributes of the first converter that stand for another one."""
