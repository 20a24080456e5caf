"""``litesmith check``."""

from __future__ import annotations

from typing import Any

import click

from litesmith._util.text import printable
from litesmith.cli.output import click_echo, print_json, print_table, progress


@click.command("check")
@click.argument("source", type=click.Path())
@click.option("--signature", "signatures", multiple=True, metavar="KEY", help="Signature to look at. Default: all.")
@click.option("--tags", metavar="TAGS", help="Tag set of a SavedModel, separated by commas.")
@click.option("--input-shape", "shapes", metavar="NAME=N,N,…;…", help="Shapes replacing the model's; ? is an unknown size.")
@click.option("--unsafe", is_flag=True, help="Let a Keras file run code it carries (Lambda layers).")
@click.option("--html", type=click.Path(), metavar="PAGE", help="Write what the converted model would be to PAGE.")
@click.option("--operators", is_flag=True, help="List every operation of the converted model.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON (docs/analyze.md).")
def command(source: str, html: str | None, operators: bool, as_json: bool, **given: Any) -> int:
    """Tell whether SOURCE converts, by which path, and which devices it suits. Nothing is written.

    SOURCE is whatever `convert` takes. Exit codes: 0 built-in operators are enough, 1 it does not convert as it is, 2
    wrong usage, 3 it needs Select TF operators, 4 it needs custom operators.
    """
    from litesmith.checking import check
    from litesmith.cli.convert import parse_shapes

    with progress(f"Checking {source}"):
        report = check(
            source,
            signature_keys=list(given["signatures"]) or None,
            tags=given["tags"].split(",") if given["tags"] else None,
            input_shapes=parse_shapes(given["shapes"]),
            safe_mode=not given["unsafe"],
        )
    if html is not None and report.report is not None:
        from litesmith.analyze.page import render_page
        from litesmith.cli.analyze import write_page

        write_page(html, render_page(report.report))
    if as_json:
        print_json(report.to_json())
    else:
        _print(report, operators)
    return int(report.verdict.exit_code)


def _print(report: Any, operators: bool) -> None:
    from litesmith.cli.report_tables import print_findings, print_report

    click_echo(printable(report.summary))
    for problem in report.problems:
        click_echo("\n".join(map(printable, str(problem).splitlines())))
    print_findings(report.findings)
    _print_operators(report)
    if report.report is not None:
        print_report(report.report, operators)


def _print_operators(report: Any) -> None:
    rows = [
        (printable(o.name), o.count, _becomes(o), ", ".join(map(printable, o.places)))
        for o in report.operators
        if o.becomes
    ]
    if rows:
        print_table("Source operators", ("operator", ">count", "becomes", "where"), rows)
    rest = ", ".join(f"{printable(o.name)} x {o.count}" for o in report.operators if not o.becomes)
    if rest:
        heading = "Become nothing (known, or not needed)" if report.report is not None else "Source operators"
        click_echo(f"{heading}: {rest}\n")


def _becomes(operator: Any) -> str:
    return ", ".join(f"{name} x {count}" for name, count in operator.becomes.items())
