"""Pictures of a report as lists of rectangles, for the page that draws them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from litesmith.analyze.report import OpFacts, Report

WIDTH, HEIGHT = 960, 160
MOST_BARS = 480
MOST_LAYERS = 24


@dataclass(frozen=True)
class Bar:
    """A rectangle with what it stands for."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: int


def memory_bars(report: Report) -> list[Bar]:
    """Bytes in memory at each operation of the main subgraph; of several that share a bar, the most."""
    ops = report.graphs[0].operators if report.graphs else ()
    groups = list(_groups(ops, MOST_BARS))
    highest = max((op.live_bytes for op in ops), default=0) or 1
    width = WIDTH / max(len(groups), 1)
    bars = []
    for place, group in enumerate(groups):
        most = max(group, key=lambda op: op.live_bytes)
        height = HEIGHT * most.live_bytes / highest
        bars.append(Bar(place * width, HEIGHT - height, width, height, f"{most.name} {most.layer}", most.live_bytes))
    return bars


def _groups(ops: Sequence[OpFacts], most: int) -> Iterable[Sequence[OpFacts]]:
    size = -(-len(ops) // most) or 1
    return (ops[start : start + size] for start in range(0, len(ops), size))


def layer_costs(report: Report) -> list[tuple[str, int, float]]:
    """(layer, multiply-adds, share of the most costly) of the layers that cost most; the layer is the path of a name
    without its last part."""
    costs: dict[str, int] = {}
    for graph in report.graphs:
        for op in graph.operators:
            layer = layer_of(op.layer) or op.name
            costs[layer] = costs.get(layer, 0) + op.multiply_adds
    ordered = sorted(((layer, cost) for layer, cost in costs.items() if cost), key=lambda item: -item[1])
    highest = ordered[0][1] if ordered else 1
    return [(layer, cost, cost / highest) for layer, cost in ordered[:MOST_LAYERS]]


def layer_of(name: str) -> str:
    """The layer that a tensor's name tells: its path without the operation."""
    first = name.split(";", maxsplit=1)[0]
    return first.rpartition("/")[0] or first
