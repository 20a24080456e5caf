"""``litesmith dequantize``."""

from __future__ import annotations

from pathlib import Path

import click

from litesmith.cli.output import click_echo, human_bytes, progress


@click.command("dequantize")
@click.argument("source")
@click.option("-o", "--output", help="The .tflite file to write. Default: SOURCE's name with _float.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Load and run the result first.")
def command(source: str, output: str | None, verify: bool) -> None:
    """Write the float model that a quantized .tflite file stands for: the same weights, nothing rounded between."""
    from litesmith import api
    from litesmith._util.replacing import check_target
    from litesmith.quantize.dequantize import dequantize_program
    from litesmith.sources import import_source

    target = Path(output or f"{Path(source).stem}_float.tflite")
    check_target(target)
    with progress(f"Dequantizing {source}"):
        options = api.Options(verify=verify)
        program = dequantize_program(import_source(source, (), options))
        model = api.Model(api.optimize(program, options), options)
        model.save(target)
    click_echo(f"{target}: {human_bytes(target.stat().st_size)}, {sum(model.operators.values())} operators")
