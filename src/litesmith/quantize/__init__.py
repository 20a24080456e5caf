"""Quantization: observe, plan, rewrite, verify."""

from litesmith.quantize.calibrate import Calibration
from litesmith.quantize.distributed import CalibrationData
from litesmith.quantize.plan import OpPlan, Plan, TensorPlan
from litesmith.quantize.recipe import MODES, Recipe, Rule, as_recipe

__all__ = ["MODES", "Calibration", "CalibrationData", "OpPlan", "Plan", "Recipe", "Rule", "TensorPlan", "as_recipe"]
