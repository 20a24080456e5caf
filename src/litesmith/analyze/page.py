"""The report as one HTML page that needs nothing else: no request leaves it."""

from __future__ import annotations

from typing import Any

from litesmith._util.text import human_bytes, printable
from litesmith.analyze.pictures import HEIGHT, WIDTH, layer_costs, memory_bars
from litesmith.analyze.report import GPU, MICRO, XNNPACK, Report

_COLUMNS = {GPU: "GPU", XNNPACK: "XNNPACK", MICRO: "Micro"}


def render_page(report: Report) -> str:
    """The page. Names are shown as text, whatever they hold."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("litesmith.analyze"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"bytes": human_bytes, "grouped": _grouped, "plain": printable}
    return str(environment.get_template("report.html").render(_context(report)))


def _context(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "memory_bars": memory_bars(report),
        "layer_costs": layer_costs(report),
        "width": WIDTH,
        "height": HEIGHT,
        "delegates": _COLUMNS,
    }


def _grouped(number: int) -> str:
    return f"{number:,}"
