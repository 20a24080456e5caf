"""Quantization as the options of a conversion ask for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litesmith.errors import UsageError
from litesmith.ir import Program
from litesmith.quantize.calibrate import Calibration
from litesmith.quantize.distributed import CalibrationData
from litesmith.quantize.plan import Plan
from litesmith.quantize.quantized import Quantized
from litesmith.quantize.quantizer import quantize
from litesmith.quantize.recipe import as_recipe
from litesmith.quantize.samples import add_signature, calls_of

if TYPE_CHECKING:
    from litesmith.api import Options


def quantize_as_asked(program: Program, options: Options, progress: Callable[[int], object] | None = None) -> Quantized:
    """The quantized program. Raises UsageError for options that do not go together, QuantizationError where it fails."""
    recipe = as_recipe(options.quantize if options.quantize is not None else "int8")
    if isinstance(options.exclude, str):
        recipe = recipe.excluding([options.exclude])
    elif options.exclude:
        recipe = recipe.excluding(list(options.exclude))
    plan = options.plan if options.plan is None or isinstance(options.plan, Plan) else Plan.load(options.plan)
    calibration, data = _calibration(options.calibrate)
    add_signature(program)
    is_set = data is None or isinstance(data, CalibrationData)
    calls = data if is_set else calls_of(program, data)
    return quantize(
        program,
        recipe,
        calls,
        calibration=calibration,
        plan=plan,
        threads=threads(),
        progress=progress,
        check=options.verify,
        requantize=options.requantize,
    )


def _calibration(given: Any) -> tuple[Calibration | None, Any]:
    """A saved calibration, or data to make one of."""
    if isinstance(given, Calibration):
        return given, None
    if isinstance(given, (str, Path)) and str(given).endswith(".json"):
        return Calibration.load(given), None
    if isinstance(given, CalibrationData):
        return None, given
    if isinstance(given, (str, Path)) and Path(given).suffix in _DATA_SETS:
        return None, CalibrationData(given)
    if given is not None and not is_data(given):
        raise UsageError(f"calibrate= takes samples, a path or a saved calibration, not {type(given).__name__}")
    return None, given


_DATA_SETS = {".tfrecord", ".tfrecords", ".parquet", ".csv"}
"""Files whose columns are features by the names of the inputs."""


def is_data(given: Any) -> bool:
    """Whether samples can be read off this."""
    return isinstance(given, (str, Path)) or callable(given) or hasattr(given, "__iter__") or hasattr(given, "input_gen")


def threads() -> int:
    """How many threads calibration runs on."""
    import os

    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1))
