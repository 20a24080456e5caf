"""``litesmith ops``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from litesmith._util.text import printable
from litesmith.cli.output import click_echo, print_json, print_table
from litesmith.errors import ConverterError, MissingFileError

if TYPE_CHECKING:
    from litesmith.analyze.registration import UsedOperator


@click.command("ops")
@click.argument("models", nargs=-1, required=True, type=click.Path(), metavar="FILE…")
@click.option("--cpp", is_flag=True, help="Print a C++ file that registers these operators only (LiteRT).")
@click.option("--path-prefix", default="tensorflow/lite", show_default=True, help="Where the C++ file's headers lie.")
@click.option("--namespace", default="", help="Namespace of the C++ function.")
@click.option("--micro", is_flag=True, help="Print a header with a resolver of these operators (TFLite Micro).")
@click.option("--c-array", is_flag=True, help="Print the model as a C array, for Micro.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(
    models: tuple[str, ...],
    cpp: bool,
    path_prefix: str,
    namespace: str,
    micro: bool,
    c_array: bool,
    as_json: bool,
) -> None:
    """Show the operators of several .tflite FILEs, and write what runtimes with those alone are built from."""
    from litesmith.analyze import registration
    from litesmith.formats.tflite.listing import list_model

    if sum((cpp, micro, c_array, as_json)) > 1:
        raise click.UsageError("give one of --cpp, --micro, --c-array and --json")
    used = registration.used_operators(list_model(model) for model in models)
    if cpp:
        click.echo(registration.registration_source(used, path_prefix, namespace), nl=False)
    elif micro:
        if problems := registration.missing_from_micro(used):
            raise ConverterError(problems)
        click.echo(registration.micro_resolver(used), nl=False)
    elif c_array:
        _print_arrays(models)
    elif as_json:
        rows = [
            {"operator": op.title, "builtin": op.name, "min_version": op.lowest, "max_version": op.highest}
            for op in used
        ]
        print_json({"operators": rows, "build": registration.build_lines(models)})
    else:
        _print_table(used, models)


def _print_arrays(models: tuple[str, ...]) -> None:
    from litesmith.analyze.registration import c_array

    for model in models:
        path = Path(model)
        if not path.is_file():
            raise MissingFileError("no such file", path=model)
        for line in c_array(path.read_bytes(), f"{path.stem}_tflite"):
            click_echo(line)


def _print_table(used: Sequence[UsedOperator], models: tuple[str, ...]) -> None:
    from litesmith.analyze.registration import build_lines, micro_methods

    rows = []
    for op in used:
        versions = str(op.lowest) if op.lowest == op.highest else f"{op.lowest}-{op.highest}"
        key = f"CUSTOM {op.code}" if op.code else op.name
        rows.append((printable(op.title), versions, micro_methods().get(key, "no kernel")))
    print_table("Operators", ("operator", "versions", "TFLite Micro"), rows)
    click_echo("Builds with these operators only\n")  # no table: lines are copied
    for build, how in build_lines(models).items():
        click_echo(f"{build}:\n  {printable(how)}")
