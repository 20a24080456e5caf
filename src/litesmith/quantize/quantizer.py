"""The whole way: float program, calibration, plan, rewrite, check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice

from litesmith.errors import Problem, QuantizationError, UsageError
from litesmith.formats.metadata.programs import Interface, follow
from litesmith.formats.tflite import write_model
from litesmith.ir import Program
from litesmith.ir.clone import clone
from litesmith.quantize.budget import within_budget
from litesmith.quantize.calibrate import Calibration, calibrate
from litesmith.quantize.dequantize import dequantize_program, is_quantized
from litesmith.quantize.distributed import CalibrationData
from litesmith.quantize.effort import representative
from litesmith.quantize.fidelity import Fidelity, compare
from litesmith.quantize.histograms import ESTIMATORS, estimate_ranges, histograms
from litesmith.quantize.improve import has_integer_weights
from litesmith.quantize.mixed import within_size_and_time
from litesmith.quantize.plan import Keys, Plan
from litesmith.quantize.planned import apply_plan
from litesmith.quantize.prepare import prepare, with_default_range, with_trained_ranges
from litesmith.quantize.quantized import Quantized
from litesmith.quantize.recipe import Recipe
from litesmith.quantize.samples import Call
from litesmith.quantize.sparse import expand_sparse, store_sparsely
from litesmith.quantize.ways import improve_result

SMOOTHING = 0.95
"""Weight of what was seen before, in a moving average."""

KEPT, KEPT_BYTES = 256, 1 << 26
"""Samples that are kept in memory after calibration, to compare the result with the float model: so many, so many bytes."""



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
    original = clone(program if not requantize else _float_program(program)).program
    interface = Interface.of(original)
    sparse = expand_sparse(original) or recipe.sparse
    trained = prepare(original, recipe)
    _keep_constants(original, 0 if calls is None else COMPUTED_ONCE)
    samples: list[Call] = []
    known = (calibration, calls, plan, recipe.default_range)
    if recipe.is_static and not trained and all(source is None for source in known):
        raise _needs_data(recipe)
    if calls is not None:
        if recipe.is_static and calibration is None and not recipe.trained_only:
            calibration = _calibrate(original, recipe, calls, samples, threads, progress)
        else:
            samples = list(islice(_stream(calls, original), KEPT))
    if trained:
        calibration = with_trained_ranges(original, calibration or Calibration(), trained)
    if recipe.default_range is not None:
        calibration = with_default_range(original, calibration or Calibration(), recipe.default_range)
    result = apply_plan(original, recipe, calibration, plan)
    samples = _affordable_samples(result, samples)
    if samples and plan is None:
        result = _improve(result, samples)
    if sparse:
        store_sparsely(result.program)
    if check and samples:
        result.fidelity = _check_fidelity(result, samples)
    follow(result.program, interface)
    return result


COMPUTED_ONCE = 1 << 26
"""Bytes of constants that are kept once they are computed: a program is written several times where there are samples."""


def _keep_constants(program: Program, left: int) -> None:
    for graph in program.all_graphs():
        for value in (v for op in graph.ops for v in op.inputs if v.const is not None and v.const.is_lazy):
            assert value.const is not None
            left -= value.const.nbytes
            if left < 0:
                return
            value.const.keep()


def _affordable_samples(result: Quantized, samples: list[Call]) -> list[Call]:
    """As many samples as the result can be judged with in time."""
    return representative(samples, Keys(result.float_program), result.plan, result.recipe.rounding)


def _improve(result: Quantized, samples: list[Call]) -> Quantized:
    """As near to the float model as the recipe wants it."""
    recipe = result.recipe
    if any(has_integer_weights(op) for op in result.plan.ops.values()):
        result = improve_result(result, samples)
    if recipe.is_static and (recipe.budget_size is not None or recipe.budget_time is not None):
        return _within_size_and_time(result, samples)
    return result if recipe.budget_sqnr is None else _within_budget(result, samples, recipe.budget_sqnr)


def _stream(calls: Iterable[Call] | CalibrationData, program: Program) -> Iterable[Call]:
    return calls.calls(program) if isinstance(calls, CalibrationData) else calls


def _calibrate(
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
        stream = _keep_first(_stream(calls, program), samples)
        found = calibrate(program, stream, threads, progress, SMOOTHING if is_moving else 0.0)
    if recipe.ranges in ESTIMATORS:
        found = estimate_ranges(found, histograms(program, samples, threads), recipe.ranges)
    return found


def _within_size_and_time(result: Quantized, samples: list[Call]) -> Quantized:
    def again(recipe: Recipe) -> Quantized:
        return improve_result(apply_plan(result.float_program, recipe, result.calibration, None), samples)

    return within_size_and_time(result, samples, again)


def _within_budget(result: Quantized, samples: list[Call], least: float) -> Quantized:
    def again(floats: Collection[str]) -> Quantized:
        plain = apply_plan(result.float_program, result.recipe, result.calibration, None, floats)
        return improve_result(plain, samples)

    return within_budget(result, samples, least, again)


def _fidelity(result: Quantized, samples: list[Call]) -> Fidelity:
    return compare(write_model(result.float_program), write_model(result.program), samples)


def _keep_first(calls: Iterable[Call], kept: list[Call]) -> Iterator[Call]:
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


def _float_program(program: Program) -> Program:
    return dequantize_program(program) if is_quantized(program) else program


def _needs_data(recipe: Recipe) -> QuantizationError:
    reason = f"mode {recipe.mode!r} makes activations integers, whose ranges have to be seen on samples"
    fix = "give calibrate=samples (--calibrate samples.npz; representative_dataset), or quantize weights only: 'dynamic'"
    return QuantizationError([Problem("LS040", reason, fix)])


def _check_fidelity(result: Quantized, samples: list[Call]) -> Fidelity:
    found = _fidelity(result, samples)
    if found.worst < result.recipe.least_sqnr:
        reason = (
            f"the quantized model lost its meaning: its outputs are {found.worst:.1f} dB from the float ones on the "
            f"calibration data (signal to noise), {result.recipe.least_sqnr:.0f} dB are the least"
        )
        fix = "see which layer does it (litesmith quantize --debug), leave it float (exclude=), or use int16x8 or dynamic"
        raise QuantizationError([Problem("LS044", reason, fix)])
    return found
