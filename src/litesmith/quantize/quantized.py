"""What a quantization gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from litesmith.ir import Program
from litesmith.quantize.calibrate import Calibration
from litesmith.quantize.fidelity import Fidelity
from litesmith.quantize.plan import STATIC, TABLE, Plan
from litesmith.quantize.recipe import Recipe


@dataclass
class Quantized:
    """The result. program: the quantized one; float_program: what it was made of; plan, calibration: how; fidelity: how far
    its outputs are from the float ones on calibration data, None without data. keys: the key in the plan of operations of
    ``program``, by ``id``. curve: what a budget tried (`budget.Point`)."""

    program: Program
    float_program: Program
    plan: Plan
    calibration: Calibration | None
    recipe: Recipe
    fidelity: Fidelity | None = None
    keys: dict[int, str] = field(default_factory=dict)
    curve: tuple[Any, ...] = ()

    @property
    def has_integers(self) -> bool:
        """Whether some operation has integer activations."""
        return any(op.form in (STATIC, TABLE) for op in self.plan.ops.values())


def is_on_grid(recipe: Recipe, calibration: Calibration | None) -> bool:
    """Whether weights may lie on grids that training settled."""
    return recipe.on_grid or (calibration is not None and bool(calibration.trained))
