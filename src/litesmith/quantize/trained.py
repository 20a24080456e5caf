"""Models trained for quantization: the ranges they learned, and the grids their weights lie on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litesmith.ir import DType, Program, Value
from litesmith.ir.constant import Array
from litesmith.ops.quantization import nudged_grid
from litesmith.quantize.ranges import LIMITS, Range


@dataclass(frozen=True)
class Trained:
    """The range of a tensor that training settled: the real number 0 and the step between two numbers are exact."""

    scale: float
    steps_below: int
    steps: int

    def parameters(self, dtype: DType) -> tuple[float, int] | None:
        """Scale and zero point in an element type of as many numbers, or one more: narrow ranges leave out the least.

        None in another.
        """
        least, most = LIMITS[dtype]
        unused = most - least - self.steps
        return (self.scale, least + unused + self.steps_below) if unused in (0, 1) else None

    @property
    def range(self) -> Range:
        """From the smallest to the largest number."""
        return Range(-self.steps_below * self.scale, (self.steps - self.steps_below) * self.scale)


def take_trained_ranges(program: Program) -> dict[int, Trained]:
    """Removes fake quantization in place; returns what it said, by the ``id`` of the tensor it was applied to."""
    found: dict[int, Trained] = {}
    for graph in program.all_graphs():
        for op in list(graph.ops):
            if op.name not in TRAINED or op["x"].is_const:
                continue
            x, (result,) = op["x"], op.results
            grid = TRAINED[op.name](op.attrs)
            if id(x) in found and found[id(x)] != grid:
                continue  # a second grid of the same tensor stays an operation
            found.setdefault(id(x), grid)
            _rename(x, result)
            graph.replace_value(result, x)
            graph.erase(op)
    return found


def _rename(x: Value, result: Value) -> None:
    if result.output_uses and result.name and x.op is not None:
        x.name = result.name


def _read_trained(attrs: dict[str, float]) -> Trained:
    scale, zero, _, last = nudged_grid(np.float32(attrs["min"]), np.float32(attrs["max"]), int(attrs["num_bits"]), False)
    return Trained(float(scale), int(zero), int(last))


def _of_grid(attrs: dict[str, float]) -> Trained:
    step = attrs["step"]
    return Trained(step, round(-attrs["least"] / step), round((attrs["greatest"] - attrs["least"]) / step))


TRAINED = {"FAKE_QUANT": _read_trained, "TRAINED_GRID": _of_grid}
"""The grid that an operation rounds to, by its name."""


LEVELS = 127
OFF_GRID = 2e-3
"""How far from a whole number of steps weights may be that lie on a grid."""


def grid_scales(array: Array, axis: int | None, levels: int = LEVELS, coarsest: bool = False) -> Array | None:
    """The steps of the symmetric grids of up to so many steps that the weights of each channel lie on, float32.

    coarsest: whether of several grids the one of the fewest steps is meant, not the one of the most.
    None where they lie on none: they were not trained for quantization.
    """
    rows = array.reshape(1, -1) if axis is None else np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
    most = np.abs(rows).max(axis=1, initial=0).astype(np.float64)
    scales = np.zeros(len(rows))
    open_rows = most > 0
    for steps in range(1, levels + 1) if coarsest else range(levels, 0, -1):
        if not open_rows.any():
            break
        step = np.where(open_rows, most / steps, 1)[:, None]
        places = rows / step
        fits = open_rows & (np.abs(places - np.rint(places)).max(axis=1, initial=0) < OFF_GRID)
        scales[fits] = most[fits] / steps
        open_rows &= ~fits
    if open_rows.any():
        return None
    usual = np.median(scales[scales > 0]) if (scales > 0).any() else 1.0
    return np.where(scales > 0, scales, usual).astype(np.float32)
