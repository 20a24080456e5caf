"""What the attributes of a converter ask of quantization, as a recipe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litesmith import api
from litesmith.errors import ConverterError, Problem, UsageError
from litesmith.formats.tflite.conversion_metadata import OptimizationMode
from litesmith.ir import DType, Program
from litesmith.lite.options import OpsSet, Optimize, members
from litesmith.quantize import Recipe, Rule
from litesmith.quantize.recipe import element_type
from litesmith.quantize.trained import TRAINED

if TYPE_CHECKING:
    from litesmith.lite.converter import ConverterBase

INT16X8 = OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
NO_DATA = "For full integer quantization, a `representative_dataset` must be specified."
FLOAT_TYPES = "The inference_input_type and inference_output_type must be tf.float32."


def recipe_of(converter: ConverterBase, program: Program) -> Recipe | None:
    """The recipe; None for a float model. Raises UsageError for wishes that do not go together."""
    recipe = _quantization(converter, program)
    wanted = members(Optimize, converter.optimizations)
    if Optimize.EXPERIMENTAL_SPARSITY in wanted or converter._get("_experimental_sparsify_model"):
        recipe = replace(recipe or Recipe("float32"), sparse=True)
    return recipe


def _quantization(converter: ConverterBase, program: Program) -> Recipe | None:
    ops = members(OpsSet, converter.target_spec.supported_ops)
    types = _types(converter.target_spec.supported_types)
    inputs, outputs = _entry_types(converter)
    _require_samples_of_stablehlo(converter)
    asked = inputs is not DType.FLOAT32 or outputs is not DType.FLOAT32
    is_trained = _is_trained(program)
    if _annotations(converter) == "DYNAMIC":
        return Recipe("dynamic", on_grid=True, **_channels(converter))
    if not (_asks(converter) or (is_trained and _quantizes(converter))):
        _require_floats(ops, asked)
        if _annotations(converter) == "STATIC":
            program.notes.append("the model has no fake quantization that could become integers, so it stays float")
        return None
    settled = is_trained or _default_range(converter) is not None
    if settled and converter.representative_dataset is None and DType.FLOAT16 not in types:
        return _static(converter, ops, inputs, outputs, types)
    if converter.representative_dataset is None:
        return _without_data(converter, ops, types, asked)
    if DType.FLOAT16 in types and not asked:
        return _halves(converter)
    return _static(converter, ops, inputs, outputs, types)


def expected_recipe(converter: ConverterBase) -> Recipe | None:
    """What can be said of the recipe before it is known whether the model was trained for quantization."""
    if not _quantizes(converter):
        return None
    if DType.FLOAT16 in _types(converter.target_spec.supported_types):
        return Recipe("float16")
    if converter.representative_dataset is None and _default_range(converter) is None:
        return Recipe("dynamic")
    return Recipe("int8", integer_only=not _allows_floats(members(OpsSet, converter.target_spec.supported_ops)))


def _allows_floats(ops: set[OpsSet]) -> bool:
    return OpsSet.TFLITE_BUILTINS in ops or OpsSet.SELECT_TF_OPS in ops or not ops


def _quantizes(converter: ConverterBase) -> bool:
    return _asks(converter) or _annotations(converter) != "NONE"


def _asks(converter: ConverterBase) -> bool:
    wanted = members(Optimize, converter.optimizations) - {Optimize.EXPERIMENTAL_SPARSITY}
    integers = _integers_alone(members(OpsSet, converter.target_spec.supported_ops))
    has_data = converter.representative_dataset is not None
    return bool(wanted) or _inference_type(converter) in (DType.INT8, DType.UINT8) or (integers and has_data)


def _integers_alone(ops: set[OpsSet]) -> bool:
    return OpsSet.TFLITE_BUILTINS not in ops and bool(ops & {OpsSet.TFLITE_BUILTINS_INT8, INT16X8})


def _is_trained(program: Program) -> bool:
    return not TRAINED.keys().isdisjoint(program.histogram())


def _annotations(converter: ConverterBase) -> str:
    """Which quantization the model's own fake quantization is to become: NONE, STATIC or DYNAMIC."""
    name = "_experimental_qdq_conversion_mode"
    mode = str(getattr(converter, name) or ("STATIC" if converter._get("_experimental_strict_qdq") else "NONE")).upper()
    if mode not in ("NONE", "STATIC", "DYNAMIC"):
        reason = f"Unknown QDQ conversion mode: {name} is {mode!r}"
        raise ConverterError([Problem("LS030", reason, "set it to NONE, STATIC or DYNAMIC")])
    return mode


def _halves(converter: ConverterBase) -> Recipe:
    _require_integers_of_variables(converter)
    return Recipe("float16", smallest_weights=0)


def _require_integers_of_variables(converter: ConverterBase) -> None:
    if converter._get("_experimental_variable_quantization"):
        raise UsageError(
            "`_experimental_variable_quantization` is only supported for full integer quantization. "
            f"Fix: {NO_DATA.removeprefix('For full integer quantization, ')}"
        )


def _require_samples_of_stablehlo(converter: Any) -> None:
    if converter.experimental_use_stablehlo_quantizer and not (_asks(converter) and converter.representative_dataset):
        text = "StableHLO quantizer only supports static-range and weight-only PTQ"
        raise _error(text, "set optimizations = [Optimize.DEFAULT] and a representative_dataset")


def _require_floats(ops: set[OpsSet], asked: bool) -> None:
    if asked:
        raise _error(FLOAT_TYPES, "set optimizations = [Optimize.DEFAULT] and a representative_dataset")
    if _integers_alone(ops):
        raise UsageError(
            "integer operators alone need quantization: set optimizations = [Optimize.DEFAULT] and a representative_dataset"
        )


def _without_data(converter: ConverterBase, ops: set[OpsSet], types: set[DType], asked: bool) -> Recipe:
    if INT16X8 in ops or DType.INT16 in types or OpsSet.TFLITE_BUILTINS_INT8 in ops:
        raise UsageError(NO_DATA)
    if asked:
        raise _error(FLOAT_TYPES, "set a representative_dataset")
    if DType.FLOAT16 in types:
        return _halves(converter)
    _require_integers_of_variables(converter)
    if _low_bits(converter):
        return Recipe("weight-only", on_grid=True, low_bit_weights=True, **_channels(converter))
    return Recipe("dynamic", **_channels(converter))


def _static(converter: ConverterBase, ops: set[OpsSet], inputs: DType, outputs: DType, types: set[DType]) -> Recipe:
    wide = INT16X8 in ops or DType.INT16 in types
    allowed = (DType.FLOAT32, DType.INT16) if wide else (DType.FLOAT32, DType.INT8, DType.UINT8)
    if not {inputs, outputs} <= set(allowed):
        names = [f"tf.{dtype}" for dtype in allowed]
        text = f"The inference_input_type and inference_output_type must be in {names}."
        raise _error(text, f"they are {inputs} and {outputs}")
    bias = getattr(converter, "_experimental_full_integer_quantization_bias_type", None)
    return Recipe(
        "int16x8" if wide else "int8",
        input_type=inputs,
        output_type=outputs,
        integer_only=not _allows_floats(ops),
        integer_layers=True,
        bias_type=None if bias is None else _bias_type(bias, wide),
        input_grids=_input_grids(converter),
        default_range=_default_range(converter),
        variables=bool(converter._get("_experimental_variable_quantization")),
        low_bit_weights=_low_bits(converter),
        on_grid=_low_bits(converter),
        islands=_islands(converter, inputs, outputs),
        trained_only=bool(converter._get("_experimental_strict_qdq")),
        **_channels(converter),
    )


def _error(text: str, note: str) -> UsageError:
    """An error whose text is the original's, which programs compare; what is to be done stands in a note."""
    error = UsageError(text)
    if hasattr(error, "add_note"):  # from Python 3.11 on
        error.add_note(f"Fix: {note}")
    return error


def _low_bits(converter: ConverterBase) -> bool:
    return any(converter._get(f"_experimental_{name}") for name in ("low_bit_qat", "reduce_type_precision"))


def _islands(converter: ConverterBase, inputs: DType, outputs: DType) -> bool:
    """Whether slow operators stay floats: not beside integer inputs where the original's first quantizer is asked for."""
    return converter.experimental_new_quantizer is not False or {inputs, outputs} == {DType.FLOAT32}


def _input_grids(converter: ConverterBase) -> tuple[tuple[str, float, int], ...]:
    """Scale and zero point of the inputs whose mean and deviation are given: real = (stored - mean) / deviation."""
    stats = getattr(converter, "quantized_input_stats", None) or {}
    found = []
    for name, pair in stats.items():
        mean, deviation = pair
        if not deviation:
            raise UsageError(f"quantized_input_stats of {name!r}: the deviation is 0")
        found.append((str(name), 1.0 / float(deviation), round(float(mean))))
    return tuple(found)


def _default_range(converter: ConverterBase) -> tuple[float, float] | None:
    given = getattr(converter, "default_ranges_stats", None)
    if given is None:
        return None
    low, high = given
    if not low < high:
        raise UsageError(f"default_ranges_stats are a smaller and a larger number, not {given!r}")
    return float(low), float(high)


def _bias_type(given: object, wide: bool) -> DType:
    found = element_type(given)
    allowed = (DType.INT32, DType.INT64) if wide else (DType.INT32,)
    if found not in allowed:
        names = " or ".join(str(d) for d in allowed)
        raise UsageError(f"Expected bias type to be {names} for {'int16x8' if wide else 'int8'} quantization, got {found}.")
    return found


def _channels(converter: ConverterBase) -> dict[str, Any]:
    dense = converter._get("_experimental_disable_per_channel_quantization_for_dense_layers")
    return {"per_channel": not converter._get("_experimental_disable_per_channel"), "per_channel_dense": not dense}


def _types(given: Iterable[object] | None) -> set[DType]:
    found = set()
    for one in given or ():
        name = getattr(one, "name", None) or getattr(one, "__name__", None) or str(one)
        try:
            found.add(DType.parse(str(name)))
        except KeyError as error:
            raise UsageError(f"{one!r} in target_spec.supported_types is not an element type") from error
    return found


def _entry_types(converter: ConverterBase) -> tuple[DType, DType]:
    general = _inference_type(converter)
    default = general if general in (DType.INT8, DType.UINT8) else DType.FLOAT32
    inputs = getattr(converter, "inference_input_type", None)
    outputs = getattr(converter, "inference_output_type", None)
    return (
        default if inputs is None else element_type(inputs),
        default if outputs is None else element_type(outputs),
    )


def _inference_type(converter: ConverterBase) -> DType:
    given = getattr(converter, "inference_type", None)
    return DType.FLOAT32 if given is None else element_type(given)


def calibrate_only(converter: ConverterBase, program: Program, options: api.Options) -> api.Model:
    """The float model whose tensors carry the ranges that the representative dataset showed."""
    from litesmith.quantize.asked import threads
    from litesmith.quantize.calibrate import calibrate, record_ranges
    from litesmith.quantize.samples import calls_of

    if converter.representative_dataset is None:
        raise UsageError("_experimental_calibrate_only needs a representative_dataset")
    seen = calibrate(program, calls_of(program, converter.representative_dataset), threads())
    record_ranges(program, seen)
    return api.Model(program, options)


def optimization_modes(
    converter: ConverterBase, program: Program, recipe: Recipe | None, result: Program
) -> tuple[OptimizationMode, ...]:
    """What the conversion metadata say was done to a program, as those of the official converter would."""
    if recipe is None:
        return ()
    weights = [value.const for graph in result.all_graphs() for value in graph.constants() if value.const is not None]
    sparse = [const.sparsity for const in weights if const.sparsity is not None]
    found = {OptimizationMode.BLOCK_SPARSITY if s.blocks else OptimizationMode.RANDOM_SPARSITY for s in sparse}
    if recipe.mode != "float32":
        is_trained = _is_trained(program) and converter.representative_dataset is None
        found.add(OptimizationMode.QUANTIZATION_AWARE_TRAINING if is_trained else OptimizationMode.of(recipe.mode))
    return tuple(sorted(found))


def accumulation(converter: Any, recipe: Recipe | None) -> dict[str, bytes]:
    """The metadata entry that allows delegates to compute a float16 model in float16, and what sums are kept in.

    Raises UsageError for a type that is neither float16 nor float32.
    """
    given = getattr(converter.target_spec, "_experimental_supported_accumulation_type", None)
    if given is None or recipe is None or recipe.mode != "float16":
        return {}
    (dtype,) = _types([given])
    if dtype not in (DType.FLOAT16, DType.FLOAT32):
        raise UsageError(f"_experimental_supported_accumulation_type is {dtype}; it is float16 or float32")
    return {"reduced_precision_support": b"fp16accfp16" if dtype is DType.FLOAT16 else b"fp16accfp32"}


def with_denied(recipe: Recipe, ops: Any, nodes: Any) -> Recipe:
    """The recipe with operators and nodes left float, also beside integers alone, as a debugger's options name them."""
    if not ops and not nodes:
        return recipe
    rules = [Rule(op=name) for name in ops or ()] + [Rule(match=name) for name in nodes or ()]
    return replace(recipe, rules=(*recipe.rules, *rules), integer_only=False)
