"""``litesmith quantize``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litesmith.cli.output import click_echo, human_bytes, print_json, print_table, progress

if TYPE_CHECKING:
    from litesmith.api import Model


@click.command("quantize")
@click.argument("source")
@click.option("-o", "--output", help="The .tflite file to write. Default: SOURCE's name with the mode.")
@click.option("-m", "--mode", "--recipe", "mode", metavar="MODE|FILE",
              help="dynamic, float16, int8, int8-best, int16x8, int8-int4, weight-only, …, or a recipe (.json, .yaml). "
                   "Default: int8 with samples, dynamic without.")
@click.option("-c", "--calibrate", "data", metavar="PATH",
              help="Samples: .npz, .npy, a directory of images, or a saved calibration (.json).")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Layers that stay float; may be given several times.")
@click.option("--input-type", type=click.Choice(["float32", "int8", "uint8", "int16"]), help="Type of float inputs.")
@click.option("--output-type", type=click.Choice(["float32", "int8", "uint8", "int16"]), help="Type of float outputs.")
@click.option("--integer-only", is_flag=True, help="Refuse what has no integer kernel instead of leaving it float.")
@click.option("--least-sqnr", type=float, metavar="DB",
              help="Leave the layers float that cost most, until the outputs are so near to the float model's.")
@click.option("--most-size", type=int, metavar="BYTES", help="Choose float32, 8 or 4 bits by layer, so that the file fits.")
@click.option("--most-time", type=float, metavar="SHARE", help="The same by the cost, as a share of the float model's.")
@click.option("--curve-out", metavar="FILE", help="Draw size against nearness of what that tried (.png, .svg).")
@click.option("--requantize", is_flag=True, help="Quantize a quantized file again, by way of floats.")
@click.option("--plan", metavar="FILE", help="Carry out this plan.")
@click.option("--plan-out", metavar="FILE", help="Write the plan that is carried out.")
@click.option("--calibration-out", metavar="FILE", help="Write the calibration, to be used again with --calibrate.")
@click.option("--debug", "debug", is_flag=True, help="Say which layers cost how much.")
@click.option("--debug-out", metavar="FILE", help="Write that as .html, .json, .csv, .png, .svg or .overlay.json.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Load, run and compare the result first.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(source: str, output: str | None, **given: Any) -> None:
    """Quantize SOURCE: a float .tflite file, or anything `litesmith convert` takes.

    Modes that make activations integers need samples of the inputs. What is compared, and how near the result is to the
    float model, is printed; a result that lost the model's meaning is an error, not a file.
    """
    from litesmith._util.replacing import check_target
    from litesmith.api import convert

    recipe = _recipe(given)
    target = Path(output or f"{Path(source).stem or 'model'}_{_suffix(given, recipe)}.tflite")
    check_target(target)
    with progress(f"Quantizing {source}"):
        model = convert(
            source,
            quantize=recipe,
            calibrate=given["data"],
            exclude=given["exclude"],
            plan=given["plan"],
            requantize=given["requantize"],
            verify=given["verify"],
        )
        model.save(target)
        report = model.debug(_data(given)) if given["debug"] or given["debug_out"] else None
    _write_side_files(model, report, given)
    _tell(model, target, report, given["as_json"])


def _recipe(given: dict[str, Any]) -> Any:
    from dataclasses import replace

    from litesmith.quantize.recipe import as_recipe, element_type

    recipe = as_recipe(given["mode"] or ("int8" if given["data"] or given["plan"] else "dynamic"))
    if given["input_type"]:
        recipe = replace(recipe, input_type=element_type(given["input_type"]))
    if given["output_type"]:
        recipe = replace(recipe, output_type=element_type(given["output_type"]))
    budgets = {"budget_sqnr": given["least_sqnr"], "budget_size": given["most_size"], "budget_time": given["most_time"]}
    recipe = replace(recipe, **{name: value for name, value in budgets.items() if value is not None})
    return replace(recipe, integer_only=True) if given["integer_only"] else recipe


def _suffix(given: dict[str, Any], recipe: Any) -> str:
    mode = given["mode"]
    return str(mode) if mode and not Path(mode).suffix else str(recipe.mode)


def _data(given: dict[str, Any]) -> str:
    data = given["data"]
    if not data or data.endswith(".json"):
        raise click.UsageError("--debug needs samples: --calibrate with .npz, .npy or a directory")
    return str(data)


def _write_side_files(model: Model, report: Any, given: dict[str, Any]) -> None:
    from litesmith.errors import UsageError

    quantized = model.quantized
    try:
        if given["plan_out"]:
            quantized.plan.save(given["plan_out"])
        if given["calibration_out"]:
            if quantized.calibration is None:
                raise UsageError("there is no calibration to write: this mode needs none")
            quantized.calibration.save(given["calibration_out"])
        if given["curve_out"] and quantized.curve:
            from litesmith.quantize.budget import plot_curve

            plot_curve(quantized.curve, Path(given["curve_out"]))
        if given["debug_out"] and report is not None:
            report.save(given["debug_out"])
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def _tell(model: Model, target: Path, report: Any, as_json: bool) -> None:
    quantized, size = model.quantized, target.stat().st_size
    fidelity = quantized.fidelity
    if as_json:
        print_json({
            "file": str(target), "bytes": size, "mode": quantized.recipe.mode, "operators": model.operators,
            "sqnr": dict(fidelity.sqnr) if fidelity else None,
            "agreement": dict(fidelity.agreement) if fidelity else None,
            "samples": fidelity.samples if fidelity else 0,
            "floats": {k: op.operator for k, op in quantized.plan.ops.items() if op.form == "float" and op.why},
            "debug": report.to_json() if report else None,
        })  # fmt: skip
        return
    from litesmith.formats.tflite.writer import file_size

    ratio = f", {size / file_size(quantized.float_program):.2f} of the float file"
    click_echo(f"{target}: {human_bytes(size)}{ratio}, {sum(model.operators.values())} operators")
    if fidelity is not None:
        _tell_fidelity(fidelity)
    if report is not None:
        print_layers(report)


def _tell_fidelity(fidelity: Any) -> None:
    rows = [
        (name, f"{value:.1f} dB", f"{fidelity.agreement[name]:.1%}" if name in fidelity.agreement else "")
        for name, value in fidelity.sqnr.items()
    ]
    print_table(f"Beside the float model, on {fidelity.samples} samples", ("output", ">SQNR", ">same largest"), rows)


def print_layers(report: Any, count: int = 20) -> None:
    """The worst layers as a table, and what would mend them."""
    shown = report.layers[:count]
    rows = [
        (
            layer.operator,
            _short(layer.layer or layer.tensor),
            f"{layer.sqnr:.1f}",
            f"{layer.rmse_per_scale:.2f}",
            f"{layer.saturated:.1%}",
            f"{layer.alone:.1f}",
        )
        for layer in shown
    ]
    columns = ("operator", "layer", ">SQNR", ">RMSE", ">satur.", ">alone")
    title = f"What each of {len(report.layers)} layers costs the output, in dB (RMSE in steps), the worst first"
    print_table(title, columns, rows)
    for layer in shown:
        if layer.advice:
            click_echo(f"{_short(layer.layer or layer.tensor)}: {layer.advice}")


def _short(name: str) -> str:
    """The end of a layer's path."""
    return name if len(name) <= SHOWN else f"…{name[1 - SHOWN :]}"


SHOWN = 24
"""Characters of a layer's path that a line has room for."""
