"""Pictures of what a quantization costs (extra ``plots``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litesmith.errors import UsageError

if TYPE_CHECKING:
    from litesmith.quantize.debugger import DebugReport

SHOWN = 40
"""So many layers, the worst, are shown."""


def plot_layers(report: DebugReport, path: Path) -> None:
    """Bars: the ratio of signal to noise of each layer's result, and of the output when it alone is quantized."""
    plt = _pyplot()
    layers = report.layers[:SHOWN]
    names = [f"{layer.operator} {layer.layer or layer.tensor}"[-48:] for layer in layers]
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.28 * max(len(layers), 4)), layout="constrained")
    places = range(len(layers))
    axes.barh([p - 0.2 for p in places], [layer.sqnr for layer in layers], height=0.38, label="result of the layer")
    axes.barh([p + 0.2 for p in places], [layer.alone for layer in layers], height=0.38, label="output, this layer alone")
    axes.set_yticks(list(places), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("signal to quantization noise, dB (more is better)")
    axes.set_title(f"Layers by what they cost, over {report.samples} samples")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    axes.grid(axis="x", alpha=0.3)
    _save(figure, path)


def plot_tradeoff(points: Sequence[tuple[float, float, str]], path: Path, xlabel: str) -> None:
    """A curve of cost (x) against SQNR in dB (y), each point with its label."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    axes.plot([p[0] for p in points], [p[1] for p in points], marker="o")
    for x, y, label in points:
        axes.annotate(label, (x, y), textcoords="offset points", xytext=(4, 4), fontsize=7)
    axes.set_xlabel(xlabel)
    axes.set_ylabel("signal to quantization noise, dB")
    axes.grid(alpha=0.3)
    _save(figure, path)


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise UsageError("plots need matplotlib: pip install 'litesmith[plots]'") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _save(figure: Any, path: Path) -> None:
    try:
        figure.savefig(path, dpi=130)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error}") from error
    finally:
        _pyplot().close(figure)
