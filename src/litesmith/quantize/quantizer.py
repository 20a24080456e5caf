"""The whole way: float program, calibration, plan, rewrite, check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from litesmith.errors import ConverterError, Problem, QuantizationError
from litesmith.formats.tflite import write_model
from litesmith.ir import Program
from litesmith.ir.clone import clone
from litesmith.ir.constant import Array
from litesmith.ir.verify import kernel_problems
from litesmith.quantize.calibrate import Calibration, calibrate
from litesmith.quantize.fidelity import Fidelity, compare
from litesmith.quantize.plan import STATIC, Plan
from litesmith.quantize.planner import make_plan
from litesmith.quantize.prepare import prepare, with_trained_ranges
from litesmith.quantize.recipe import Recipe
from litesmith.quantize.rewrite import Improvements, rewrite

KEPT, KEPT_BYTES = 64, 1 << 26
"""Samples that are kept in memory after calibration, to compare the result with the float model: so many, so many bytes."""

ATTEMPTS = 4
"""Plans tried before kernels that refuse their operands are given up on."""

Call = tuple[str, Mapping[str, Array]]


@dataclass
class Quantized:
    """The result. program: the quantized one; float_program: what it was made of; plan, calibration: how; fidelity: how far
    its outputs are from the float ones on calibration data, None without data. keys: the key in the plan of operations of
    ``program``, by ``id``."""

    program: Program
    float_program: Program
    plan: Plan
    calibration: Calibration | None
    recipe: Recipe
    fidelity: Fidelity | None = None
    keys: dict[int, str] = field(default_factory=dict)


def quantize(
    program: Program,
    recipe: Recipe,
    calls: Iterable[Call] | None = None,
    *,
    calibration: Calibration | None = None,
    plan: Plan | None = None,
    threads: int = 1,
    progress: Any = None,
    check: bool = True,
    requantize: bool = False,
) -> Quantized:
    """Quantizes a float program, which is left as it is.

    calls: samples, as pairs of a signature's key and its inputs by name; needed where activations become integers and there
    is neither a saved calibration nor a plan. check: whether the outputs are compared with the float ones.
    requantize: whether a quantized program may be quantized again, by way of floats.
    Raises QuantizationError where it cannot be done as asked, or the result lost the model's meaning.
    """
    if not requantize:
        _require_floats(program)
    original = clone(program if not requantize else _as_floats(program)).program
    trained = prepare(original, recipe)
    samples: list[Call] = []
    if recipe.is_static and calibration is None and calls is None and plan is None and not trained:
        raise _needs_data(recipe)
    if calls is not None:
        if recipe.is_static and calibration is None:
            calibration = calibrate(original, _keeping(calls, samples), threads, progress)
        else:
            samples = list(islice(calls, KEPT))
    if trained:
        calibration = with_trained_ranges(original, calibration or Calibration(), trained)
    result = _planned(original, recipe, calibration, plan)
    if samples and recipe.is_static and (recipe.bias_correction or recipe.rounding == "gptq"):
        from litesmith.quantize.improve import improvements

        chosen = result.plan

        def again(better: Improvements) -> Quantized:
            return _rewritten(original, recipe, calibration, chosen, better)

        result = again(improvements(result, samples, again))
    if check and samples:
        result.fidelity = _checked(original, result, samples)
    return result


def _keeping(calls: Iterable[Call], kept: list[Call]) -> Iterator[Call]:
    """The calls; the first ones are kept."""
    size = 0
    for call in calls:
        size += sum(a.nbytes for a in call[1].values())
        if not kept or (len(kept) < KEPT and size <= KEPT_BYTES):
            kept.append(call)
        yield call


def _require_floats(program: Program) -> None:
    from litesmith.quantize.dequantize import is_quantized

    if is_quantized(program):
        reason = "the model is quantized already; quantizing it again adds the errors of both"
        fix = "quantize the float model it was made of, or allow it with requantize=True (--requantize)"
        raise QuantizationError([Problem("LS046", reason, fix)])


def _as_floats(program: Program) -> Program:
    from litesmith.quantize.dequantize import dequantized, is_quantized

    return dequantized(program) if is_quantized(program) else program


def _needs_data(recipe: Recipe) -> QuantizationError:
    reason = f"mode {recipe.mode!r} makes activations integers, whose ranges have to be seen on samples"
    fix = "give calibrate=samples (--calibrate samples.npz; representative_dataset), or quantize weights only: 'dynamic'"
    return QuantizationError([Problem("LS040", reason, fix)])


def _planned(original: Program, recipe: Recipe, calibration: Calibration | None, plan: Plan | None) -> Quantized:
    avoid: set[str] = set()
    for _ in range(ATTEMPTS):
        chosen = plan or make_plan(original, recipe, calibration, avoid)
        made = _rewritten(original, recipe, calibration, chosen, None)
        problems = kernel_problems(made.program)
        if not problems:
            return made
        refused = _refusing(made, chosen)
        if plan is not None or recipe.integer_only or not refused - avoid:
            raise ConverterError(problems)
        avoid |= refused
    raise ConverterError(problems)


def _refusing(made: Quantized, plan: Plan) -> set[str]:
    """The keys of operations whose kernels refuse what they got."""
    from litesmith.ir.verify import problems_of

    ops = [op for graph in made.program.all_graphs() for op in graph.ops if any(True for _ in problems_of(op))]
    keys = {made.keys[id(op)] for op in ops if id(op) in made.keys}
    return {key for key in keys if plan.ops[key].form == STATIC}


def _rewritten(
    original: Program, recipe: Recipe, calibration: Calibration | None, plan: Plan, improved: Improvements | None
) -> Quantized:
    copy = clone(original).program
    improved = improved or Improvements(on_grid=calibration is not None and bool(calibration.trained))
    keys = rewrite(copy, plan, recipe, improved)
    copy.notes += plan.notes
    return Quantized(copy, original, plan, calibration, recipe, keys=keys)


def _checked(original: Program, result: Quantized, samples: list[Call]) -> Fidelity:
    found = compare(write_model(original), write_model(result.program), samples)
    if found.worst < result.recipe.least_sqnr:
        reason = (
            f"the quantized model lost its meaning: its outputs are {found.worst:.1f} dB from the float ones on the "
            f"calibration data (signal to noise), {result.recipe.least_sqnr:.0f} dB are the least"
        )
        fix = "see which layer does it (litesmith quantize --debug), leave it float (exclude=), or use int16x8 or dynamic"
        raise QuantizationError([Problem("LS044", reason, fix)])
    return found
