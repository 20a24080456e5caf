"""What is done to a float program before it is quantized: forms of operators that integers suit."""

from __future__ import annotations

from litesmith.ir import Program
from litesmith.passes.driver import Pass, run_pass
from litesmith.quantize.recipe import Recipe


def prepare(program: Program, recipe: Recipe) -> None:
    """Rewrites a program in place; it computes the same as before."""
    for one in _forms(recipe):
        run_pass(one, program)


def _forms(recipe: Recipe) -> list[Pass]:
    return []
