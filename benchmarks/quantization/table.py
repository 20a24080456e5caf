"""Quantizers side by side as lines and a table, and what litesmith is behind in."""

from __future__ import annotations

from typing import Any

import numpy as np

Record = dict[str, Any]
SIDES = ("ours", "official", "ai_edge")
NOISE_DB, NOISE_TIME, SLACK_BYTES = 0.2, 1.10, 2048
"""Differences that are none: of SQNR, of latency measured on a machine with other work, of file size (names, metadata)."""

CAP = 100.0
"""dB from which on files are equal."""


def _others(record: Record) -> list[Record]:
    return [record[who] for who in SIDES[1:] if who in record and "sqnr" in record[who]]


def shortfalls(record: Record) -> list[str]:
    """What is worse than the better of the others, a line each."""
    label, ours = f"{record['model']} {record['mode']}", record["ours"]
    others = _others(record)
    if "sqnr" not in ours:
        return [f"{label}: failed: {ours.get('failure', record.get('failure', ''))}"]
    if not others:
        return []
    best = max(others, key=lambda o: o["sqnr"])
    found = []
    if min(ours["sqnr"], CAP) < min(best["sqnr"], CAP) - NOISE_DB:
        found.append(f"{label}: SQNR {ours['sqnr']:.1f} dB, theirs {best['sqnr']:.1f}")
    if ours["size"] > best["size"] + SLACK_BYTES:
        found.append(f"{label}: size {ours['size']:,} bytes, theirs {best['size']:,}")
    fastest = min(o["latency_ms"] for o in others)
    if ours["latency_ms"] > fastest * NOISE_TIME:
        found.append(f"{label}: latency {ours['latency_ms']:.4f} ms, theirs {fastest:.4f}")
    if record["mode"] == "int8" and ours["relative"] > NOISE_TIME:
        found.append(f"{label}: {ours['relative']:.2f} times the latency of the float file")
    return found


def _cell(record: Record, key: str, pattern: str) -> str:
    cells = []
    for who in SIDES:
        facts = record.get(who)
        cells.append("" if facts is None else pattern.format(facts[key]) if key in facts else "–")
    return " / ".join(cells)


def line(record: Record) -> str:
    """One record in short."""
    return (
        f"{record['model']:20} {record['mode']:17} dB {_cell(record, 'sqnr', '{:.1f}'):22} "
        f"kB {_kilobytes(record):26} latency/float {_cell(record, 'relative', '{:.2f}'):20} "
        f"CPU s {_cell(record, 'cpu', '{:.1f}'):18} MB {_cell(record, 'peak_mb', '{:.0f}')}"
    )


def _kilobytes(record: Record) -> str:
    return " / ".join(
        "" if who not in record else f"{record[who]['size'] / 1000:,.1f}" if "size" in record[who] else "–" for who in SIDES
    )


def markdown(records: list[Record]) -> str:
    """The table, each cell litesmith / official / ai-edge-quantizer, and the means by mode."""
    rows = [
        "| model | mode | SQNR dB | size kB | latency / float | CPU s | peak MB |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for record in records:
        cells = (
            record["model"], record["mode"], _cell(record, "sqnr", "{:.1f}"), _kilobytes(record),
            _cell(record, "relative", "{:.2f}"), _cell(record, "cpu", "{:.1f}"), _cell(record, "peak_mb", "{:.0f}"),
        )  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([*rows, "", *_means(records)])


def _means(records: list[Record]) -> list[str]:
    found = []
    for mode in dict.fromkeys(record["mode"] for record in records):
        both = [r for r in records if r["mode"] == mode and "sqnr" in r["ours"] and _others(r)]
        if not both:
            continue
        gains = [min(r["ours"]["sqnr"], CAP) - min(max(o["sqnr"] for o in _others(r)), CAP) for r in both]
        times = [r["ours"]["latency_ms"] / min(o["latency_ms"] for o in _others(r)) for r in both]
        cpu = [r["ours"]["cpu"] / r["official"]["cpu"] for r in both if "sqnr" in r.get("official", {})]
        text = f"* {mode}: {np.mean(gains):+.1f} dB, {_geometric(times):.2f} times the latency of the better one"
        found.append(text + (f", {_geometric(cpu):.2f} times the official one's CPU time" if cpu else ""))
    return found


def _geometric(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))
