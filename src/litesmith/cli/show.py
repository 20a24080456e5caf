"""``litesmith show``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from litesmith._util.files import file_kind
from litesmith.cli.output import console, human_bytes, print_json, print_table


@click.command("show")
@click.argument("model", type=click.Path())
@click.option("--tags", metavar="TAGS", help="Tag set of a SavedModel, separated by commas.")
@click.option("--ir", is_flag=True, help="Print the operators of a .tflite file as text.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(model: str, tags: str | None, ir: bool, as_json: bool) -> None:
    """Show signatures, variables, operators and sizes of MODEL (a SavedModel directory or a .tflite file)."""
    if file_kind(model) == "directory" or Path(model).suffix != ".tflite":
        if ir:
            raise click.UsageError("--ir takes a .tflite file; for a SavedModel use litesmith convert --dump-ir")
        _show_saved_model(model, tags.split(",") if tags else None, as_json)
    else:
        if tags:
            raise click.UsageError("--tags takes a SavedModel; a .tflite file has none")
        _show_tflite(model, ir, as_json)


def _show_saved_model(path: str, tags: list[str] | None, as_json: bool) -> None:
    from litesmith.formats.saved_model import SavedModel

    summary = SavedModel.open(path, tags).summary()
    signatures = {s.key: {"inputs": _texts(s.inputs), "outputs": _texts(s.outputs)} for s in summary.signatures}
    if as_json:
        variables = [
            {"name": v.name, "dtype": v.dtype.name, "shape": v.shape, "key": v.key, "bytes": v.nbytes}
            for v in summary.variables
        ]
        sizes = {n: getattr(summary, n) for n in ("graph_bytes", "variable_bytes", "checkpoint_bytes", "asset_bytes")}
        facts = {"tags": summary.tags, "tag_sets": summary.tag_sets, "tensorflow_version": summary.tensorflow_version}
        print_json({**facts, **sizes, "signatures": signatures, "variables": variables, "operators": summary.ops})
        return
    kind = "TF2" if summary.tf2 else "TF1-style"
    console().print(
        f"[bold]{summary.path}[/]  {kind} SavedModel written by TensorFlow {summary.tensorflow_version or '?'}\n"
        f"tags {', '.join(summary.tags) or 'none'}; graph {human_bytes(summary.graph_bytes)}, {summary.functions} "
        f"functions; variables {human_bytes(summary.variable_bytes)}; assets {len(summary.assets)}",
        markup=True,
    )
    _print_signatures(signatures)
    if summary.variables:
        rows = [(v.name, v.dtype.name, _shape(v.shape), human_bytes(v.nbytes)) for v in summary.variables]
        print_table("Variables", ("name", "type", "shape", ">size"), rows)
    print_table("Operators", ("operator", ">count"), summary.ops.items())


def _texts(tensors: Mapping[str, Any]) -> list[str]:
    return [str(t) for t in tensors.values()]


def _shape(shape: Any) -> str:
    return "?" if shape is None else f"[{', '.join('?' if d is None else str(d) for d in shape)}]"


def _print_signatures(signatures: Mapping[str, Mapping[str, list[str]]]) -> None:
    rows = [(key, "\n".join(s["inputs"]), "\n".join(s["outputs"])) for key, s in signatures.items()]
    print_table("Signatures", ("key", "inputs", "outputs"), rows)


def _show_tflite(path: str, ir: bool, as_json: bool) -> None:
    from litesmith.formats.tflite import read_model
    from litesmith.ir.printer import print_program

    program = read_model(path)
    signatures = {
        s.key: {
            "inputs": [f"{name}: {s.graph.inputs[i].type}" for name, i in s.inputs.items()],
            "outputs": [f"{name}: {s.graph.outputs[i].type}" for name, i in s.outputs.items()],
        }
        for s in program.signatures
    }
    size = Path(path).stat().st_size
    if as_json:
        graphs = {g.name: g.histogram() for g in program.all_graphs()}
        print_json({"bytes": size, "signatures": signatures, "operators": program.histogram(), "graphs": graphs})
        return
    if ir:
        click.echo(print_program(program), nl=False)
        return
    constants = {
        id(v.const): v.const.nbytes for g in program.all_graphs() for v in g.constants() if v.const is not None
    }
    console().print(
        f"[bold]{path}[/]  {human_bytes(size)}; {len(program.all_graphs())} graphs, "
        f"{sum(program.histogram().values())} operators, constants {human_bytes(sum(constants.values()))}"
    )
    _print_signatures(signatures)
    print_table("Operators", ("operator", ">count"), program.histogram().items())
