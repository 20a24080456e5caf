"""The report as one HTML page."""

from __future__ import annotations

from litesmith._util import pages
from litesmith.analyze.pictures import HEIGHT, WIDTH, layer_costs, memory_bars
from litesmith.analyze.report import GPU, MICRO, XNNPACK, Report

_COLUMNS = {GPU: "GPU", XNNPACK: "XNNPACK", MICRO: "Micro"}


def render_page(report: Report) -> str:
    """The page. Names are shown as text, whatever they hold."""
    bars = memory_bars(report)
    return pages.render_page(
        "litesmith.analyze",
        "report.html",
        report=report,
        memory_bars=bars,
        peak=max((bar.value for bar in bars), default=0),
        layer_costs=layer_costs(report),
        width=WIDTH,
        height=HEIGHT,
        delegates=_COLUMNS,
    )
