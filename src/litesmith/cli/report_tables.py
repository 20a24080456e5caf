"""Tables of a report, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from litesmith._util.text import first_name, human_bytes, human_count, printable
from litesmith.analyze.difference import Change, Difference
from litesmith.analyze.report import Finding, Report, Runtime
from litesmith.cli.output import click_echo, print_table

_MOST_ROWS = 12


def print_report(report: Report, every_operator: bool = False) -> None:
    """A report. every_operator: whether each operation is listed."""
    click_echo(_headline(report))
    print_findings(report.findings)
    print_runtimes(report)
    print_table("Costs", ("", ">"), _cost_rows(report))
    shares = [(name, report.operators.get(name, 0), f"{cost:,}") for name, cost in report.cost.items()]
    moving = [(name, count, "0") for name, count in report.operators.items() if name not in report.cost]
    print_table("Operators", ("operator", ">count", ">operations"), [*shares, *moving])
    signatures = [
        (printable(s.key), _texts(dict(s.inputs)), _texts(dict(s.outputs))) for s in report.signatures
    ]
    if signatures:
        print_table("Signatures", ("key", "inputs", "outputs"), signatures)
    largest = [
        (printable(first_name(t.name)), f"{t.dtype}{t.shape}", human_bytes(t.bytes), printable(by))
        for t, by in report.memory.largest
    ]
    print_table("Largest tensors", ("tensor", "type", ">size", "made by"), largest)
    if every_operator:
        _print_operators(report)


def _headline(report: Report) -> str:
    parts = [] if report.size is None else [human_bytes(report.size)]
    parts.append(f"{len(report.graphs)} subgraph{'s' if len(report.graphs) != 1 else ''}")
    parts.append(f"{sum(report.operators.values())} operators")
    parts += [f"metadata {', '.join(map(printable, report.metadata))}"] if report.metadata else []
    parts += [f"files {', '.join(map(printable, report.files))}"] if report.files else []
    parts += [f"{report.shared_buffers} shared buffers"] if report.shared_buffers else []
    parts += [f"{report.sparse} sparse tensors"] if report.sparse else []
    quantized = ", ".join(f"{count} {dtype}" for dtype, count in report.quantized.items())
    parts += [f"quantized tensors: {quantized}"] if quantized else []
    parts += [f"unknown sizes {', '.join(report.unknown_sizes)} count as 1"] if report.unknown_sizes else []
    return f"{printable(report.source)}: {'; '.join(parts)}"


def _cost_rows(report: Report) -> list[tuple[str, str]]:
    memory = report.memory
    return [
        ("parameters", f"{report.weights.parameters:,}"),
        ("multiply-adds (convolutions, products)", f"{human_count(report.multiply_adds)} ({report.multiply_adds:,})"),
        ("other arithmetic operations", f"{human_count(report.other_operations)} ({report.other_operations:,})"),
        ("activations at most, as stored", human_bytes(memory.arena)),
        ("activations at most, int8", human_bytes(memory.arena_int8)),
        ("most in memory at", printable(memory.peak_op)),
        *((f"weights as {dtype}", human_bytes(size)) for dtype, size in report.weights.bytes.items()),
        *((f"file with {scheme} weights", human_bytes(size)) for scheme, size in report.weights.sizes.items()),
    ]


def print_runtimes(report: Report) -> None:
    """Which runtimes take the model."""
    rows = [(r.name, r.runs, r.minimum, f"{r.taken} of {r.total}", _why(r)) for r in report.runtimes]
    print_table("Runtimes", ("runtime", "runs", "from", ">operations", "why not"), rows)


def _why(runtime: Runtime) -> str:
    lines = [runtime.note] if runtime.note else []
    for reason in runtime.reasons[:_MOST_ROWS]:
        place = f" ({printable(reason.places[0])})" if reason.places else ""
        lines.append(f"{printable(reason.operator)} x {reason.count}: {reason.reason}{place}")
    rest = len(runtime.reasons) - _MOST_ROWS
    return "\n".join([*lines, f"and {rest} more"] if rest > 0 else lines)


def print_findings(findings: Sequence[Finding]) -> None:
    """Problems and advice."""
    if findings:
        rows = [(f.kind, printable(f.title), _detail(f), ", ".join(map(printable, f.places))) for f in findings]
        print_table("Findings", ("", "what", "detail", "where"), rows)


def _detail(finding: Finding) -> str:
    change = f"\n{finding.before}  ->  {finding.after}" if finding.after else ""
    return finding.detail + change


def _texts(tensors: dict[str, str]) -> str:
    return "\n".join(f"{printable(name)}: {kind}" for name, kind in tensors.items())


def _print_operators(report: Report) -> None:
    for graph in report.graphs:
        rows = [
            (
                op.index,
                f"{op.name} {op.version}",
                printable(op.layer),
                ", ".join(f"{t.dtype}{t.shape}" for t in op.outputs),
                f"{op.multiply_adds:,}",
                human_bytes(op.live_bytes),
                op.stays_off.get("gpu", ""),
            )
            for op in graph.operators
        ]
        columns = (">#", "operator", "layer", "result", ">operations", ">live", "off the GPU")
        print_table(f"Subgraph {printable(graph.name)}", columns, rows)


def print_difference(difference: Difference, names: tuple[str, str]) -> None:
    """What differs between two models."""
    if difference.is_empty:
        click_echo(f"{names[0]} and {names[1]} do not differ")
        return
    totals = [
        (name, f"{before:,}", f"{after:,}", f"{after - before:+,}")
        for name, (before, after) in difference.totals.items()
    ]
    print_table("Totals", ("", f">{names[0]}", f">{names[1]}", ">change"), totals)
    for heading, changes in (
        ("Operators", difference.operators),
        ("Operators by layer", difference.layers),
        ("Types", difference.tensors),
        ("Weights", difference.weights),
    ):
        _print_changes(heading, changes, names)


def _short(name: str) -> str:
    """The first and the last of the names that a fused operation carries: what tells two of one layer apart."""
    first, *rest = name.split(";")
    return f"{first} … {rest[-1]}" if rest else first


def _print_changes(heading: str, changes: tuple[Change, ...], names: tuple[str, str]) -> None:
    if changes:
        rows = [(printable(_short(c.what)), c.before or "-", c.after or "-") for c in changes]
        print_table(f"{heading} ({len(rows)} differ)", ("", *names), rows)
