"""A float program as a plan has it."""

from __future__ import annotations

from collections.abc import Collection

from litesmith.errors import ConverterError
from litesmith.ir import Program
from litesmith.ir.clone import clone
from litesmith.ir.verify import kernel_problems, problems_of
from litesmith.quantize.calibrate import Calibration
from litesmith.quantize.plan import STATIC, Plan
from litesmith.quantize.planner import make_plan
from litesmith.quantize.quantized import Quantized, is_on_grid
from litesmith.quantize.recipe import Recipe
from litesmith.quantize.rewrite import Improvements, rewrite

ATTEMPTS = 4
"""Plans tried before kernels that refuse their operands are given up on."""


def apply_plan(
    original: Program, recipe: Recipe, calibration: Calibration | None, plan: Plan | None, floats: Collection[str] = ()
) -> Quantized:
    """The program as the plan has it, or one made here, with operations float whose kernels refuse what they would get."""
    avoid: set[str] = set(floats)
    for _ in range(ATTEMPTS):
        chosen = plan or make_plan(original, recipe, calibration, avoid)
        result = rewrite_program(original, recipe, calibration, chosen, None)
        problems = kernel_problems(result.program)
        if not problems:
            return result
        refused = _refused_keys(result, chosen)
        if plan is not None or recipe.integer_only or not refused - avoid:
            raise ConverterError(problems)
        avoid |= refused
    raise ConverterError(problems)


def _refused_keys(result: Quantized, plan: Plan) -> set[str]:
    """The keys of operations whose kernels refuse what they got."""
    ops = [op for graph in result.program.all_graphs() for op in graph.ops if any(True for _ in problems_of(op))]
    keys = {result.keys[id(op)] for op in ops if id(op) in result.keys}
    return {key for key in keys if plan.ops[key].form == STATIC}


def rewrite_program(
    original: Program, recipe: Recipe, calibration: Calibration | None, plan: Plan, better: Improvements | None
) -> Quantized:
    """The program as the plan has it, with what is known of its layers beyond that."""
    copy = clone(original).program
    keys = rewrite(copy, plan, recipe, better or Improvements(on_grid=is_on_grid(recipe, calibration)))
    copy.notes += plan.notes
    return Quantized(copy, original, plan, calibration, recipe, keys=keys)
