"""``litesmith verify``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from litesmith.cli.output import console, print_error, print_json, print_table
from litesmith.cli.progress import is_quiet, progress, with_verbosity
from litesmith.errors import VerificationError

if TYPE_CHECKING:
    from litesmith.runtime import VerificationReport


@click.command("verify")
@click.argument("model", type=click.Path())
@click.option("--against", "reference", type=click.Path(), help="Reference data: an .npz file or a directory of them.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=1e-5,
    show_default=True,
    help="Largest error, relative to the output's range.",
)
@click.option(
    "--invocations",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Runs in a row, which must agree.",
)
@click.option("--runtime", type=click.Path(), metavar="PYTHON", help="Run it in this Python's environment.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds that loading or one run may take.  [default: 60, more for large files and with reference data]",
)
@with_verbosity
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(
    model: str,
    reference: str | None,
    tolerance: float,
    invocations: int,
    runtime: str | None,
    timeout: float | None,
    as_json: bool,
) -> int:
    """Load MODEL in the LiteRT runtime, run it several times in a row and compare it with reference data.

    Select TF operators need another runtime: --runtime names a Python that has TensorFlow 2.18 or older.
    """
    from pathlib import Path

    from litesmith.formats.tflite import read_model
    from litesmith.nan_outputs import accept_computed_nan
    from litesmith.runtime import verify
    from litesmith.runtime.process import prepare

    prepare(own=True)
    with progress(f"Verifying {model}"):
        report = verify(Path(model), reference, invocations, tolerance, python=runtime, timeout=timeout)
        report = accept_computed_nan(report, lambda: read_model(model), Path(model))
    if as_json:
        print_json(_as_json(report))
    else:
        _tell(report, model, reference)
    return 0 if report.ok else 1


def _as_json(report: VerificationReport) -> dict[str, object]:
    return {
        "ok": report.ok,
        "invocations": report.invocations,
        "signatures": report.signatures,
        "skipped": report.skipped,
        "max_error": report.max_error,
        "problems": [p.to_json() for p in report.problems],
        "comparisons": [
            {"output": c.name, "max_abs": c.max_abs, "relative": c.relative, "passed": c.passed, "reason": c.reason}
            for c in report.comparisons
        ],
    }


def _tell(report: VerificationReport, model: str, reference: str | None) -> None:
    rows = [
        (c.name, f"{c.max_abs:.3g}", f"{c.relative:.3g}", "ok" if c.passed else c.reason) for c in report.comparisons
    ]
    if rows and not is_quiet():
        print_table(f"{model} against {reference}", ("output", ">max error", ">of the range", "verdict"), rows)
    if report.problems:
        print_error(VerificationError(report.problems), f"{model} is not verified")
    elif is_quiet():
        pass
    elif report.skipped:
        print(f"not run: {report.skipped}", file=sys.stderr)
    else:
        what = f"agrees with {len(rows)} outputs" if rows else "runs; no reference was given to compare with"
        console().print(f"[green]✓[/] {model} {what}, {report.invocations} invocations in a row")
