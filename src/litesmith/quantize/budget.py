"""Mixed precision by a budget of error: the layers that cost the output most stay float until it is near enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from litesmith.formats.tflite import write_model
from litesmith.quantize.debugger import costs_alone
from litesmith.quantize.fidelity import compare
from litesmith.quantize.plan import STATIC
from litesmith.quantize.quantized import Quantized
from litesmith.quantize.samples import Call

LOOKED_AT = 8
"""Samples that the cost of each layer is measured on."""


@dataclass(frozen=True)
class Point:
    """A model on the way: how many layers stay float, the size of its file in bytes, how near it is in dB."""

    floats: int
    size: int
    sqnr: float


def within_budget(
    result: Quantized, samples: Sequence[Call], least: float, again: Callable[[Collection[str]], Quantized]
) -> Quantized:
    """The quantization with the fewest floats found whose outputs are so near; ``curve`` says what was tried.

    again: quantizes with these operations left float. Where even the float layers do not reach it, the best one found.
    """
    keys = [k for k, op in result.plan.ops.items() if op.form == STATIC and op.weights is not None and k.startswith("0:")]
    costs = costs_alone(result, samples[:LOOKED_AT], keys)
    order = sorted(keys, key=lambda key: costs[key])
    points = [_point(result, 0, samples)]
    best, count = result, 0
    while points[-1].sqnr < least and count < len(order):
        count = min(max(1, count * 2), len(order))
        best = again(order[:count])
        points.append(_point(best, count, samples))
    best, points = _bisect(best, count, order, samples, least, again, points)
    best.curve = tuple(sorted(points, key=lambda p: p.floats))
    return best


def _bisect(
    best: Quantized,
    count: int,
    order: Sequence[str],
    samples: Sequence[Call],
    least: float,
    again: Callable[[Collection[str]], Quantized],
    points: list[Point],
) -> tuple[Quantized, list[Point]]:
    """Between the last count that was too few and the first that was enough, by halving."""
    low = count // 2 if count > 1 else 0
    while count - low > 1 and points[-1].sqnr >= least:
        middle = (low + count) // 2
        tried = again(order[:middle])
        point = _point(tried, middle, samples)
        points.insert(-1, point)
        if point.sqnr >= least:
            best, count = tried, middle
        else:
            low = middle
    return best, points


def _point(result: Quantized, floats: int, samples: Sequence[Call]) -> Point:
    model = write_model(result.program)
    return Point(floats, len(model), compare(write_model(result.float_program), model, samples).mean)


def plot_curve(points: Sequence[Point], path: Path) -> None:
    """A picture of size against nearness (extra ``plots``)."""
    from litesmith.quantize.plots import plot_tradeoff

    rows = [(p.size / 1000, p.sqnr, f"{p.floats} float layers") for p in points]
    plot_tradeoff(rows, path, "size of the file, kB")
