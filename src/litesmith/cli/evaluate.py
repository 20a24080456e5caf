"""``litesmith evaluate``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from litesmith.cli.output import console, print_json, print_table, progress

if TYPE_CHECKING:
    from litesmith.evaluate import Result


def _pairs(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE options as a mapping."""
    pairs = [value.split("=", 1) for value in values]
    wrong = next((value for value, pair in zip(values, pairs, strict=True) if len(pair) < 2 or not all(pair)), None)
    if wrong is not None:
        raise click.BadParameter(f"{wrong!r} is not of the form NAME=VALUE")
    return dict(pairs)


def _size(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """``224x160`` (height, width) or ``224``."""
    if value is None:
        return None
    parts = value.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() and int(part) for part in parts):
        raise click.BadParameter(f"{value!r} is not of the form HEIGHTxWIDTH")
    return int(parts[0]), int(parts[-1])


@click.command("evaluate")
@click.argument("models", type=click.Path(), nargs=-1)
@click.option("--model", "named", multiple=True, callback=_pairs, metavar="NAME=PATH", help="A model with a name.")
@click.option("--data", required=True, multiple=True, metavar="PATH", help="Files, a pattern, or a folder of images.")
@click.option("--format", "data_format", help="tfrecord, npz, npy, csv, parquet or images (default: by the name).")
@click.option("--config", type=click.Path(), help="An EvalConfig: text proto or JSON.")
@click.option("--label", default="label", show_default=True, help="Feature with the labels.")
@click.option("--weight", default="", help="Feature with the weights of the examples.")
@click.option("--task", type=click.Choice(["classification", "binary", "regression"]), help="For the metrics computed.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME[:JSON]", help="A metric; may be repeated.")
@click.option("--slice", "slices", multiple=True, metavar="FEATURES", help="Slice by a feature; cross with *.")
@click.option("--threshold", "thresholds", multiple=True, metavar="BOUND", help="'auc >= 0.9', 'auc change >= -0.01'.")
@click.option("--baseline", help="Name or path of the model that others are compared with.")
@click.option("--input", "inputs", multiple=True, callback=_pairs, metavar="INPUT=FEATURE", help="Where names differ.")
@click.option("-o", "--output", type=click.Path(), help="Folder for the results, in TFMA's structure.")
@click.option("--html", type=click.Path(), help="File for a report with plots.")
@click.option("--image-size", callback=_size, metavar="HxW", help="Resize images to this size.")
@click.option("--batch-size", type=click.IntRange(min=1), default=1024, show_default=True, help="Examples a call.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads of an interpreter.")
@click.option("--skip-bad-records", type=click.IntRange(min=0), default=0, help="Pass over so many damaged records.")
@click.option("--runner", help="Apache Beam runner (default: in this process, without Beam).")
@click.option("--runner-option", "runner_options", multiple=True, metavar="OPTION", help="Option for the runner.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(models: tuple[str, ...], named: Mapping[str, str], as_json: bool, **options: Any) -> int:
    """Run MODELS on data and compute metrics, by slice; check thresholds.

    Exit codes: 0 all thresholds hold, 1 one does not or the evaluation failed, 2 wrong usage.
    """
    from litesmith.evaluate import evaluate
    from litesmith.evaluate.output import result_json

    if bool(models) == bool(named):
        raise click.UsageError("name the models as arguments or with --model NAME=PATH")
    data = options.pop("data")
    with progress("Evaluating"):
        result = evaluate(dict(named) or list(models), data[0] if len(data) == 1 else list(data), **options)
    if as_json:
        print_json(result_json(result))
    else:
        _print(result)
    return 0 if result.blessed else 1


def _print(result: Result) -> None:
    from litesmith.evaluate.engine import failure_texts
    from litesmith.evaluate.keys import slice_name

    single = len(result.metrics) == 1
    for model in result.plan.models:
        keys = list(dict.fromkeys(
            key for metrics in result.metrics.values() for key, value in metrics.items()
            if key.model_name == model.name and isinstance(value, float)
        ))  # fmt: skip
        title = f"{model.title}{' (baseline)' if model.baseline else ''}"
        if single:
            (metrics,) = result.metrics.values()
            print_table(title, ("metric", ">value"), [(str(key), f"{metrics[key]:.6g}") for key in keys])
            continue
        rows = [
            (slice_name(s), result.counts[s], *(_text(metrics.get(key)) for key in keys))
            for s, metrics in result.metrics.items()
        ]
        print_table(title, ("slice", ">examples", *(f">{key}" for key in keys)), rows)
    for text in result.skipped:
        print(f"skipped: {text}", file=sys.stderr)
    lines = failure_texts(result.validation)
    for line in lines:
        console(stderr=True).print(line, markup=False)
    if result.plan.thresholds:
        verdict = "[green]BLESSED[/]" if result.blessed else "[bold red]NOT_BLESSED[/]"
        console().print(f"{verdict}: {result.validation.checked - len(result.validation.failures)} of "
                        f"{result.validation.checked} thresholds hold")  # fmt: skip


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else ""
