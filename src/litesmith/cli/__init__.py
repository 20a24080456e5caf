"""The command line. Each command is a file of this folder, imported when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from litesmith import __version__
from litesmith.errors import LitesmithError, Problem, UsageError, problems_of

COMMANDS = {
    "analyze": "Show what a .tflite file holds, costs and runs on.",
    "check": "Tell whether a model converts, by which path, and which devices it suits.",
    "convert": "Convert a model to a .tflite file.",
    "demo": "Convert, quantize, verify and judge the example model.",
    "dequantize": "Turn a quantized .tflite file into a float one.",
    "evaluate": "Compute metrics of models on data, by slice, and check thresholds.",
    "metadata": "Show, add, extract, remove or check what a .tflite file says of itself.",
    "ops": "Show the operators of several models and write what selective builds need.",
    "quantize": "Quantize a model, and say which layers it costs.",
    "show": "Show what is in a SavedModel or a .tflite file.",
    "verify": "Run a .tflite file and compare it with reference data.",
    "view": "Show the graph of a .tflite file in Model Explorer or Netron.",
}
"""The commands and what they do; the command ``x`` is ``litesmith.cli.x.command``."""


class _Lazy(click.Group):
    """A group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"litesmith.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="litesmith %(version)s")
def group() -> None:
    """Turns trained models into LiteRT (.tflite) models.

    Exit codes: 0 done, 1 the model cannot be converted as asked, 2 wrong usage.
    """


def main(args: list[str] | None = None, **options: Any) -> int:
    """Runs a command line and returns the exit code; errors of the project are printed, not raised."""
    try:
        code = group.main(args, prog_name="litesmith", standalone_mode=False, **options)
        return code if isinstance(code, int) else 0
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        if _wants_json(args):
            _fail_as_json((Problem(UsageError.code, error.format_message()),))
        error.show()
        return error.exit_code
    except LitesmithError as error:
        from litesmith.cli.output import print_error

        if _wants_json(args):
            _fail_as_json(problems_of(error))
        print_error(error)
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _wants_json(args: list[str] | None) -> bool:
    return "--json" in (sys.argv[1:] if args is None else args)


def _fail_as_json(problems: Sequence[Problem]) -> None:
    from litesmith.cli.output import print_failure

    print_failure(problems)
