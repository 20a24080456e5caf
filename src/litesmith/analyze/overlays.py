"""Node data for Model Explorer: files that it lays over the graph of a `.tflite` file.

A node's key is the number of the operator in its subgraph, as the TFLite adapter of Model Explorer numbers them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from litesmith._util.node_data import node_data
from litesmith.analyze.report import GPU, MICRO, XNNPACK, OpFacts, Report

_VALUES: dict[str, Callable[[OpFacts], int | str | None]] = {
    "multiply_adds": lambda op: op.multiply_adds,
    "live_bytes": lambda op: op.live_bytes,
    "weight_bytes": lambda op: op.weight_bytes,
    "gpu": lambda op: op.stays_off.get(GPU),
    "xnnpack": lambda op: op.stays_off.get(XNNPACK),
    "micro": lambda op: op.stays_off.get(MICRO),
}


def overlay(report: Report, what: str) -> dict[str, Any]:
    """The node data of one kind, by subgraph. Raises KeyError for a kind there is none of."""
    value_of = _VALUES[what]
    data: dict[str, Any] = {}
    for graph in report.graphs:
        values = {str(op.index): v for op in graph.operators if (v := value_of(op)) is not None}
        data[graph.name] = node_data(values, what)
    return data


def write_overlays(report: Report, folder: Path, stem: str) -> list[Path]:
    """Writes a file of each kind, ``STEM.KIND.json``, and returns their paths. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for what in _VALUES:
        path = folder / f"{stem}.{what}.json"
        path.write_text(json.dumps(overlay(report, what), indent=1), encoding="utf-8")
        paths.append(path)
    return paths
