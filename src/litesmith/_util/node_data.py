"""Node data, which Model Explorer lays over the graph of a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_GRADIENT = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#d64545"}]
_LEFT_COLOUR = "#f4b6b6"


def node_data(values: Mapping[str, float | str], name: str) -> dict[str, object]:
    """Node data of a subgraph: numbers along a gradient, texts in one colour. Numbers that are none are left out."""
    results: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, str):
            results[key] = {"value": value, "bgColor": _LEFT_COLOUR}
        elif math.isfinite(value):
            results[key] = {"value": value}
    return {"name": name, "results": results, "gradient": _GRADIENT}
