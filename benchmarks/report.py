"""Ratios, geometric means and tables of benchmark records. A record is what ``run.compare`` returns for one model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table

Record = Mapping[str, Any]
SIDES = ("litesmith", "official")

# figure -> (title, unit, digits, target of litesmith / official as the project states it, "" where none)
FIGURES: dict[str, tuple[str, str, int, str]] = {
    "wall": ("wall", "s", 2, ""),
    "cpu": ("CPU", "s", 2, "≤ 0.125"),
    "peak_mb": ("peak", "MB", 0, "≤ 0.25"),
    "size": ("size", "kB", 0, ""),
    "op_count": ("ops", "", 0, "≤ 1 each"),
    "delegated": ("delegated", "%", 0, ""),
    "latency_ms": ("latency", "ms", 2, "≤ 1.0"),
}


def ratios(record: Record) -> dict[str, float]:
    """litesmith / official for every figure both sides have."""
    ours, theirs = (record[side] for side in SIDES)
    return {name: ours[name] / theirs[name] for name in FIGURES if ours.get(name) and theirs.get(name)}


def correct(side: Record) -> bool:
    """Whether a result converted and ran with an error that is a number below one percent."""
    error = side.get("error")
    return not side.get("failure") and isinstance(error, float) and error < 1e-2


def geometric_means(records: Iterable[Record]) -> dict[str, float]:
    """Per figure, over the models that both sides converted correctly."""
    shared = [ratios(record) for record in records if all(correct(record[side]) for side in SIDES)]
    columns = {name: [row[name] for row in shared if name in row] for name in FIGURES}
    return {name: math.exp(sum(map(math.log, column)) / len(column)) for name, column in columns.items() if column}


def within_error(record: Record) -> bool:
    """The project's accuracy figure: 1e-5 of the range, or the official error where that is larger (up to 5e-5)."""
    ours, theirs = record["litesmith"], record["official"]
    allowed = min(5e-5, max(1e-5, theirs["error"])) if correct(theirs) else 1e-5
    return correct(ours) and ours["error"] <= allowed


def shortfalls(records: Iterable[Record]) -> list[str]:
    """One line for each model that misses a per-model figure: failure, error, op count."""
    lines = []
    for record in records:
        ours, theirs = record["litesmith"], record["official"]
        if ours.get("failure"):
            lines.append(f"{record['name']}: {' '.join(ours['failure'].split())[:300]}")
        elif not within_error(record):
            lines.append(f"{record['name']}: error {ours['error']} (official {theirs.get('error')})")
        if correct(theirs) and ours.get("op_count", 0) > theirs["op_count"]:
            lines.append(f"{record['name']}: {ours['op_count']} ops (official {theirs['op_count']})")
    return lines


def _number(value: float | None, figure: str) -> str:
    if value is None:
        return "–"
    digits = FIGURES[figure][2]
    return f"{value / 1000 if figure == 'size' else value:,.{digits}f}"


def _error(side: Record) -> str:
    if side.get("failure"):
        return "failed"
    error = side.get("error")
    return f"{error:.0e}" if isinstance(error, float) else str(error)


def header() -> list[str]:
    """Column titles; each cell shows litesmith first, then the official converter."""
    return ["model", *(f"{title} {unit}".strip() for title, unit, *_ in FIGURES.values()), "error"]


def rows(records: Sequence[Record]) -> list[list[str]]:
    """One row a model, then the geometric means of the ratios and their targets."""
    body = []
    for record in records:
        pairs = [[_number(record[side].get(name), name) for side in SIDES] for name in FIGURES]
        pairs.append([_error(record[side]) for side in SIDES])
        body.append([record["name"], *(" / ".join(pair) for pair in pairs)])
    means = geometric_means(records)
    body.append(["geometric mean of the ratio", *(f"{means[n]:.3f}" if n in means else "–" for n in FIGURES), ""])
    body.append(["target", *(target for *_, target in FIGURES.values()), "≤ 1e-5"])
    return body


def summary(record: Record) -> str:
    """One line: the ratios and the errors."""
    shares = ", ".join(f"{FIGURES[name][0]} {value:.3f}" for name, value in ratios(record).items())
    errors = " / ".join(_error(record[side]) for side in SIDES)
    return f"{record['name']}: error {errors}{'; ' if shares else ''}{shares}"


def rich_table(records: Sequence[Record]) -> Table:
    """For the terminal."""
    table = Table(title="litesmith / official converter", caption="medians of fresh processes; error relative to range")
    for index, title in enumerate(header()):
        table.add_column(title, justify="left" if index == 0 else "right")
    for row in rows(records):
        table.add_row(*row)
    return table


def markdown(result: Mapping[str, Any]) -> str:
    """The table for the README, with where it was measured and the other scenarios."""
    titles = header()
    lines = ["| " + " | ".join(titles) + " |", "| --- " + "| ---: " * (len(titles) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows(result["models"])]
    where = result["environment"]
    lines += ["", f"Each cell: litesmith / official. {where['cpu']}, {where['cores']} cores, TensorFlow "
              f"{where['tensorflow']}, LiteRT {where['litert']}, Python {where['python']}, {where['date']}; medians of "
              f"{where['repeats']} runs in fresh processes, taking turns."]  # fmt: skip
    lines += [f"* {line}" for line in scenario_lines(result.get("scenarios", {}))]
    return "\n".join(lines) + "\n"


def scenario_lines(scenarios: Mapping[str, Any]) -> list[str]:
    """The other scenarios in words."""
    lines = []
    if large := scenarios.get("large_weights"):
        lines.append(
            f"{large['gigabytes']:.2f} GB of weights, --no-verify: {large['convert']['wall']:.2f} s, "
            f"{large['convert']['peak_mb']:.0f} MB peak; copying the file takes {large['copy']['wall']:.2f} s "
            f"({large['ratio']:.2f}×)"
        )
    if imports := scenarios.get("import"):
        lines.append(
            f"import litesmith {1000 * imports['litesmith']:.0f} ms, import numpy {1000 * imports['numpy']:.0f} ms "
            f"({imports['ratio']:.2f}×)"
        )
    if live := scenarios.get("live_keras"):
        lines.append(
            f"Keras MobileNetV2 in memory: {live['litesmith']['wall']:.2f} s, officially {live['official']['wall']:.2f} s "
            f"({live['ratio']['wall']:.2f}×; CPU {live['ratio']['cpu']:.2f}×)"
        )
    if install := scenarios.get("install"):
        lines.append(f"core install {install['megabytes']:.0f} MB")
    if recurrent := scenarios.get("rnn"):
        lines += [_recurrent_line(row) for row in recurrent["rows"]]
        lines.append(f"recurrent layers, auto against the official converter: {recurrent['ratio']:.2f}× (geometric mean)")
        lines.append(f"recurrent layers, auto against the best of the forms: at most {recurrent['worst']:.2f}×")
    if growth := scenarios.get("growth"):
        sizes = ", ".join(f"{size:,}" for size in growth["sizes"])
        lines += [
            f"{shape}: {' / '.join(f'{s:.2f}' for s in taken)} s CPU for {sizes} nodes"
            for shape, taken in growth["seconds"].items()
        ]
    return lines


def _recurrent_line(row: Mapping[str, Any]) -> str:
    wanted = "all outputs" if row["sequence"] else "last output"
    taken = ", ".join(f"{form} {microseconds:.0f}" for form, microseconds in row["us"].items())
    return f"{row['kind']} {row['units']} × {row['steps']}, batch {row['batch']}, {wanted}: {taken} µs"
