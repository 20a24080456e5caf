"""The whole way: float program, calibration, plan, rewrite, check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from litesmith.errors import ConverterError, Problem, QuantizationError, UsageError
from litesmith.formats.metadata.programs import Interface, follow
from litesmith.formats.tflite import write_model
from litesmith.ir import Program
from litesmith.ir.clone import clone
from litesmith.ir.verify import kernel_problems, problems_of
from litesmith.quantize.budget import within_budget
from litesmith.quantize.calibrate import Calibration, calibrate
from litesmith.quantize.dequantize import dequantized, is_quantized
from litesmith.quantize.distributed import CalibrationData
from litesmith.quantize.effort import representative
from litesmith.quantize.fidelity import Fidelity, compare
from litesmith.quantize.histograms import ESTIMATORS, estimated, histograms
from litesmith.quantize.improve import corrected, improvements
from litesmith.quantize.mixed import within_size_and_time
from litesmith.quantize.nearness import nearness
from litesmith.quantize.plan import STATIC, Keys, Plan
from litesmith.quantize.planner import make_plan
from litesmith.quantize.prepare import prepare, with_default_range, with_trained_ranges
from litesmith.quantize.quantized import Quantized, is_on_grid
from litesmith.quantize.recipe import Recipe
from litesmith.quantize.rewrite import Improvements, rewrite
from litesmith.quantize.samples import Call
from litesmith.quantize.sparse import expand_sparse, store_sparsely

SMOOTHING = 0.95
"""Weight of what was seen before, in a moving average."""

KEPT, KEPT_BYTES = 64, 1 << 26
"""Samples that are kept in memory after calibration, to compare the result with the float model: so many, so many bytes."""

ATTEMPTS = 4
"""Plans tried before kernels that refuse their operands are given up on."""


def quantize(
    program: Program,
    recipe: Recipe,
    calls: Iterable[Call] | CalibrationData | None = None,
    *,
    calibration: Calibration | None = None,
    plan: Plan | None = None,
    threads: int = 1,
    progress: Callable[[int], object] | None = None,
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
    interface = Interface.of(original)
    sparse = expand_sparse(original) or recipe.sparse
    trained = prepare(original, recipe)
    samples: list[Call] = []
    known = (calibration, calls, plan, recipe.default_range)
    if recipe.is_static and not trained and all(source is None for source in known):
        raise _needs_data(recipe)
    if calls is not None:
        if recipe.is_static and calibration is None and not recipe.trained_only:
            calibration = _calibrated(original, recipe, calls, samples, threads, progress)
        else:
            samples = list(islice(_stream(calls, original), KEPT))
    if trained:
        calibration = with_trained_ranges(original, calibration or Calibration(), trained)
    if recipe.default_range is not None:
        calibration = with_default_range(original, calibration or Calibration(), recipe.default_range)
    result = _planned(original, recipe, calibration, plan)
    samples = _some(result, samples)
    if samples and plan is None:
        result = _bettered(result, samples)
    if sparse:
        store_sparsely(result.program)
    if check and samples:
        result.fidelity = _checked(result, samples)
    follow(result.program, interface)
    return result


def _some(result: Quantized, samples: list[Call]) -> list[Call]:
    """As many samples as the result can be judged with in time."""
    if not result.recipe.is_static:
        return samples
    return representative(samples, Keys(result.float_program), result.plan)


def _bettered(result: Quantized, samples: list[Call]) -> Quantized:
    """As near to the float model as the recipe wants it."""
    recipe = result.recipe
    if recipe.is_static:
        result = _improved(result, samples)
    if recipe.is_static and (recipe.budget_size is not None or recipe.budget_time is not None):
        return _within_size_and_time(result, samples)
    return result if recipe.budget_sqnr is None else _within_budget(result, samples, recipe.budget_sqnr)


def _stream(calls: Iterable[Call] | CalibrationData, program: Program) -> Iterable[Call]:
    return calls.calls(program) if isinstance(calls, CalibrationData) else calls


def _calibrated(
    program: Program,
    recipe: Recipe,
    calls: Iterable[Call] | CalibrationData,
    samples: list[Call],
    threads: int,
    progress: Callable[[int], object] | None,
) -> Calibration:
    """The ranges as the recipe wants them estimated. samples: the first calls are put there."""
    is_moving = recipe.ranges == "moving-average"
    if isinstance(calls, CalibrationData) and calls.runner is not None:
        if is_moving:
            raise UsageError("moving averages depend on the order of the samples: calibrate without a runner")
        found = calls.calibrate(program)
        samples += islice(calls.calls(program), KEPT)
    else:
        stream = _keeping(_stream(calls, program), samples)
        found = calibrate(program, stream, threads, progress, SMOOTHING if is_moving else 0.0)
    if recipe.ranges in ESTIMATORS:
        found = estimated(found, histograms(program, samples, threads), recipe.ranges)
    return found


def _improved(result: Quantized, samples: list[Call]) -> Quantized:
    """The same plan with better weights and biases, where they make the outputs better; and by the best headroom."""
    recipe = result.recipe
    if recipe.search:
        recipe = replace(recipe, search=False, headroom=_best_headroom(result, samples))
        result = _planned(result.float_program, recipe, result.calibration, None)
    if not recipe.bias_correction and recipe.rounding == "nearest":
        return result
    seen, apart = _split(samples) if result.recipe.search or recipe.rounding == "gptq" else (samples, samples)
    plain = result

    def again(better: Improvements) -> Quantized:
        return _rewritten(plain.float_program, recipe, plain.calibration, plain.plan, better)

    ways = [plain]
    for rounding in dict.fromkeys((recipe.rounding, "nearest")):
        rounded = improvements(replace(plain, recipe=replace(recipe, rounding=rounding)), seen)
        ways += [again(rounded)] if rounded.rounded else []
        ways += [again(corrected(plain, seen, again, rounded))] if recipe.bias_correction else []
    return max(ways, key=lambda one: nearness(one, apart))


def _split(samples: list[Call]) -> tuple[list[Call], list[Call]]:
    """Samples to find something with, and others to see whether it holds; all for both where there are few."""
    if len(samples) < FEW:
        return samples, samples
    return [call for i, call in enumerate(samples) if i % 4], samples[::4]


def _within_size_and_time(result: Quantized, samples: list[Call]) -> Quantized:
    def again(recipe: Recipe) -> Quantized:
        return _improved(_planned(result.float_program, recipe, result.calibration, None), samples)

    return within_size_and_time(result, samples, again)


def _within_budget(result: Quantized, samples: list[Call], least: float) -> Quantized:
    def again(floats: Collection[str]) -> Quantized:
        plain = _planned(result.float_program, result.recipe, result.calibration, None, floats)
        return _improved(plain, samples)

    return within_budget(result, samples, least, again)


FEW, MANY = 8, 100
"""Samples too few to keep some apart; and so many that their ranges are those of the data: a part of them would show smaller
ones, and widening would look better than it is."""

NOISE = 1.0
"""dB by which a headroom has to be better than none."""

HEADROOMS = (1.0, 1.05, 1.1, 1.2)
"""How far ranges are widened, as far as a search tries."""


def _best_headroom(result: Quantized, samples: list[Call]) -> float:
    """The one that keeps most on samples whose ranges were not looked at."""
    seen, apart = _split(samples)
    if seen is samples or result.calibration is None or result.calibration.samples >= MANY:
        return result.recipe.headroom
    part = replace_ranges(result.calibration, calibrate(result.float_program, seen))
    found = {}
    for headroom in HEADROOMS:
        recipe = replace(result.recipe, headroom=headroom, search=False)
        found[headroom] = nearness(_planned(result.float_program, recipe, part, None), apart)
    return max(found, key=lambda h: found[h] - (NOISE if h != HEADROOMS[0] else 0.0))


def replace_ranges(whole: Calibration, part: Calibration) -> Calibration:
    """The ranges of a part of the samples; those it did not touch are the whole's."""
    touched = {k: r for k, r in part.ranges.items() if not r.is_empty}
    return Calibration({**whole.ranges, **touched}, part.samples, whole.trained)


def _fidelity(result: Quantized, samples: list[Call]) -> Fidelity:
    return compare(write_model(result.float_program), write_model(result.program), samples)


def _keeping(calls: Iterable[Call], kept: list[Call]) -> Iterator[Call]:
    """The calls; the first ones are kept."""
    size = 0
    for call in calls:
        size += sum(a.nbytes for a in call[1].values())
        if not kept or (len(kept) < KEPT and size <= KEPT_BYTES):
            kept.append(call)
        yield call


def _require_floats(program: Program) -> None:
    if is_quantized(program):
        reason = "the model is quantized already; quantizing it again adds the errors of both"
        fix = "quantize the float model it was made of, or allow it with requantize=True (--requantize)"
        raise QuantizationError([Problem("LS046", reason, fix)])


def _as_floats(program: Program) -> Program:
    return dequantized(program) if is_quantized(program) else program


def _needs_data(recipe: Recipe) -> QuantizationError:
    reason = f"mode {recipe.mode!r} makes activations integers, whose ranges have to be seen on samples"
    fix = "give calibrate=samples (--calibrate samples.npz; representative_dataset), or quantize weights only: 'dynamic'"
    return QuantizationError([Problem("LS040", reason, fix)])


def _planned(
    original: Program, recipe: Recipe, calibration: Calibration | None, plan: Plan | None, floats: Collection[str] = ()
) -> Quantized:
    avoid: set[str] = set(floats)
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
    ops = [op for graph in made.program.all_graphs() for op in graph.ops if any(True for _ in problems_of(op))]
    keys = {made.keys[id(op)] for op in ops if id(op) in made.keys}
    return {key for key in keys if plan.ops[key].form == STATIC}


def _rewritten(
    original: Program, recipe: Recipe, calibration: Calibration | None, plan: Plan, improved: Improvements | None
) -> Quantized:
    copy = clone(original).program
    improved = improved or Improvements(on_grid=is_on_grid(recipe, calibration))
    keys = rewrite(copy, plan, recipe, improved)
    copy.notes += plan.notes
    return Quantized(copy, original, plan, calibration, recipe, keys=keys)


def _checked(result: Quantized, samples: list[Call]) -> Fidelity:
    found = _fidelity(result, samples)
    if found.worst < result.recipe.least_sqnr:
        reason = (
            f"the quantized model lost its meaning: its outputs are {found.worst:.1f} dB from the float ones on the "
            f"calibration data (signal to noise), {result.recipe.least_sqnr:.0f} dB are the least"
        )
        fix = "see which layer does it (litesmith quantize --debug), leave it float (exclude=), or use int16x8 or dynamic"
        raise QuantizationError([Problem("LS044", reason, fix)])
    return found
