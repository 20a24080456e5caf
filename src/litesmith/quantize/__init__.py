"""Quantization: observe, plan, rewrite, verify."""

from litesmith.quantize.calibrate import Calibration
from litesmith.quantize.plan import OpPlan, Plan, TensorPlan
from litesmith.quantize.recipe import MODES, Recipe, Rule, as_recipe

__all__ = ["MODES", "Calibration", "OpPlan", "Plan", "Recipe", "Rule", "TensorPlan", "as_recipe"]
