"""``litesmith analyze``."""

from __future__ import annotations

from pathlib import Path

import click

from litesmith.cli.output import click_echo, print_json
from litesmith.errors import UsageError


@click.command("analyze")
@click.argument("file", type=click.Path())
@click.option("--against", type=click.Path(), metavar="OTHER", help="Tell what differs from OTHER, a .tflite file.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON (docs/analyze.md has the schema).")
@click.option("--text", is_flag=True, help="Print the layout of TensorFlow's Analyzer: tensors and buffers by number.")
@click.option("--html", type=click.Path(), metavar="PAGE", help="Write the report to PAGE, one self-contained HTML file.")
@click.option("--node-data", type=click.Path(), metavar="DIR", help="Write overlays for Model Explorer to DIR.")
@click.option("--operators", is_flag=True, help="List every operation.")
def command(
    file: str, against: str | None, as_json: bool, text: bool, html: str | None, node_data: str | None, operators: bool
) -> None:
    """Show what is in FILE (a .tflite model), what it costs, and which runtimes and delegates take it.

    Where a delegate leaves an operation, the reason and the layer are told.
    """
    from litesmith.analyze import analyze_file

    if against is not None:
        _compare(file, against, as_json)
        return
    report = analyze_file(file)
    if html is not None:
        from litesmith.analyze.page import render_page

        write_page(html, render_page(report))
    if node_data is not None:
        from litesmith.analyze.overlays import write_overlays

        try:
            paths = write_overlays(report, Path(node_data), Path(file).stem)
        except OSError as error:
            raise UsageError(f"cannot write to {node_data}: {error.strerror or error}") from error
        click.echo("\n".join(map(str, paths)), err=True)
    if as_json:
        print_json(report.to_json())
    elif text:
        _print_layout(file)
    elif html is None and node_data is None:
        from litesmith.cli.report_tables import print_report

        print_report(report, operators)


def _print_layout(file: str) -> None:
    from litesmith.analyze import analyze_file
    from litesmith.analyze.layout import layout_lines
    from litesmith.formats.tflite.listing import list_model

    for line in layout_lines(list_model(file), analyze_file(file), gpu=True):
        click_echo(line)


def _compare(file: str, against: str, as_json: bool) -> None:
    from litesmith.analyze import analyze_file
    from litesmith.analyze.difference import compare
    from litesmith.cli.report_tables import print_difference
    from litesmith.formats.tflite import read_model

    reports = analyze_file(against), analyze_file(file)
    difference = compare(*reports, (read_model(against), read_model(file)))
    if as_json:
        print_json(difference.to_json())
    else:
        print_difference(difference, (Path(against).name, Path(file).name))


def write_page(path: str, content: str) -> None:
    """Writes a page. Raises UsageError where that is not possible."""
    try:
        Path(path).write_text(content, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
