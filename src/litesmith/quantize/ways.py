"""Which of several ways to round weights and correct biases comes nearest to the float model.

Ways are found on a part of the samples and compared on the others, so that none wins by what it learnt by heart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from litesmith.quantize.calibrate import Calibration, calibrate
from litesmith.quantize.improve import correct_biases, improvements
from litesmith.quantize.nearness import nearness
from litesmith.quantize.planned import apply_plan, rewrite_program
from litesmith.quantize.quantized import Quantized, is_on_grid
from litesmith.quantize.rewrite import Improvements
from litesmith.quantize.samples import Call

FEW, MANY = 8, 100
"""Samples too few to keep some apart; and so many that their ranges are those of the data: a part of them would show smaller
ones, and widening would look better than it is."""

NOISE = 1.0
"""dB by which a headroom has to be better than none."""

HEADROOMS = (1.0, 1.05, 1.1, 1.2)
"""How far ranges are widened, as far as a search tries."""

LEARNT = 0.5
"""dB that rounding by GPTQ and correcting biases are worth on data not seen, where the samples kept apart do not tell."""


@dataclass(frozen=True)
class Way:
    """One way: how weights are rounded, and whether biases are corrected."""

    rounding: str
    corrects: bool


def improve_result(result: Quantized, samples: list[Call]) -> Quantized:
    """The same plan with better weights and biases, where they make the outputs better; and by the best headroom."""
    recipe = result.recipe
    is_searched = recipe.search or recipe.rounding == "gptq"
    if recipe.search:
        recipe = replace(recipe, search=False, headroom=_best_headroom(result, samples))
        if recipe.headroom != result.recipe.headroom:
            result = apply_plan(result.float_program, recipe, result.calibration, None)
        result = replace(result, recipe=recipe)
    if not recipe.bias_correction and recipe.rounding == "nearest":
        return result
    seen, apart = _split(samples) if is_searched else (samples, samples)
    best, way = max(_attempts(result, seen), key=lambda one: nearness(one[0], apart) + _worth(one[1]) * is_searched)
    if seen is samples or not way.corrects or way.rounding != "nearest":
        return best
    on_grid = is_on_grid(recipe, result.calibration)
    return _correct(result, samples, Improvements(on_grid=on_grid))  # quick as it is: with all samples


def _worth(way: Way) -> float:
    return LEARNT * ((way.rounding == "gptq") + way.corrects)


def _attempts(plain: Quantized, seen: list[Call]) -> Iterator[tuple[Quantized, Way]]:
    recipe = plain.recipe
    yield plain, Way("nearest", False)
    for rounding in dict.fromkeys((recipe.rounding, "nearest")):
        found = improvements(replace(plain, recipe=replace(recipe, rounding=rounding)), seen)
        if found.rounded:
            yield _rewrite(plain, found), Way(rounding, False)
        if recipe.bias_correction:
            yield _correct(plain, seen, found), Way(rounding, True)


def _rewrite(plain: Quantized, better: Improvements) -> Quantized:
    return rewrite_program(plain.float_program, plain.recipe, plain.calibration, plain.plan, better)


def _correct(plain: Quantized, samples: list[Call], found: Improvements) -> Quantized:
    def again(better: Improvements) -> Quantized:
        return _rewrite(plain, better)

    return again(correct_biases(plain, samples, again, found))


def _split(samples: list[Call]) -> tuple[list[Call], list[Call]]:
    """Samples to find something with, and others to see whether it holds; all for both where there are few."""
    if len(samples) < FEW:
        return samples, samples
    return [call for i, call in enumerate(samples) if i % 4], samples[::4]


def _best_headroom(result: Quantized, samples: list[Call]) -> float:
    """The one that keeps most on samples whose ranges were not looked at."""
    seen, apart = _split(samples)
    if seen is samples or result.calibration is None or result.calibration.samples >= MANY:
        return result.recipe.headroom
    part = _with_ranges_of(result.calibration, calibrate(result.float_program, seen))
    found = {}
    for headroom in HEADROOMS:
        recipe = replace(result.recipe, headroom=headroom, search=False)
        found[headroom] = nearness(apply_plan(result.float_program, recipe, part, None), apart)
    return max(found, key=lambda h: found[h] - (NOISE if h != HEADROOMS[0] else 0.0))


def _with_ranges_of(whole: Calibration, part: Calibration) -> Calibration:
    """The ranges of a part of the samples; those it did not touch are the whole's."""
    touched = {k: r for k, r in part.ranges.items() if not r.is_empty}
    return Calibration({**whole.ranges, **touched}, part.samples, whole.trained)
