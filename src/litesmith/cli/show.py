"""``litesmith show``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litesmith._util.files import file_kind
from litesmith._util.text import human_bytes
from litesmith.cli.output import click_echo, console, print_json, print_table

if TYPE_CHECKING:
    from litesmith.ir import Program

_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")


@click.command("show")
@click.argument("model", type=click.Path())
@click.option("--tags", metavar="TAGS", help="Tag set of a SavedModel, separated by commas.")
@click.option("--ir", is_flag=True, help="Print the operators as text.")
@click.option("--all", "all_rows", is_flag=True, help="Show lists in full.")
@click.option("--unsafe", is_flag=True, help="Let a Keras file run code it carries (Lambda layers).")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(model: str, tags: str | None, ir: bool, all_rows: bool, unsafe: bool, as_json: bool) -> None:
    """Show signatures, variables, operators and sizes of MODEL: whatever litesmith convert takes.

    Of a SavedModel and a .tflite file what they hold is shown; of other models, the operators they are converted to.
    """
    path = Path(model)
    if path.name in _SAVED_MODEL:
        path = path.parent
    kind = file_kind(path)
    if kind == "directory" or (not kind and not path.suffix):
        if ir:
            raise click.UsageError("--ir takes a .tflite file; for a SavedModel use litesmith convert --dump-ir")
        _show_saved_model(str(path), tags.split(",") if tags else None, as_json, all_rows)
        return
    if tags:
        raise click.UsageError(f"--tags takes a SavedModel; {path} has none")
    _show_program(path, _program(path, unsafe), ir, as_json, all_rows)


def _program(path: Path, unsafe: bool) -> Program:
    from litesmith import api
    from litesmith.ops.common import own_unknown_dims
    from litesmith.sources import import_source

    with own_unknown_dims():
        return import_source(path, (), api.Options(safe_mode=not unsafe))


def _show_saved_model(path: str, tags: list[str] | None, as_json: bool, all_rows: bool) -> None:
    from litesmith.formats.saved_model import SavedModel

    summary = SavedModel.open(path, tags).summary()
    if as_json:
        print_json(_saved_model_json(summary))
        return
    kind = "TF2" if summary.tf2 else "TF1-style"
    console().print(
        f"[bold]{summary.path}[/]  {kind} SavedModel written by TensorFlow {summary.tensorflow_version or '?'}\n"
        f"tags {', '.join(summary.tags) or 'none'}; graph {human_bytes(summary.graph_bytes)}, {summary.functions} "
        f"functions; variables {human_bytes(summary.variable_bytes)}; assets {len(summary.assets)}",
        markup=True,
    )
    _print_signatures((s.key, _texts(s.inputs.values()), _texts(s.outputs.values())) for s in summary.signatures)
    if summary.variables:
        rows = [(v.name, v.dtype.name, _shape(v.shape), human_bytes(v.nbytes)) for v in summary.variables]
        total = human_bytes(summary.variable_bytes)
        print_table(
            f"Variables: {len(rows)}, {total}", ("name", "type", "shape", ">size"), rows, all_rows
        )
    _print_operators(summary.ops, all_rows)


def _saved_model_json(summary: Any) -> dict[str, Any]:
    variables = [
        {"name": v.name, "dtype": v.dtype.name, "shape": v.shape, "key": v.key, "bytes": v.nbytes}
        for v in summary.variables
    ]
    sizes = {n: getattr(summary, n) for n in ("graph_bytes", "variable_bytes", "checkpoint_bytes", "asset_bytes")}
    facts = {"tags": summary.tags, "tag_sets": summary.tag_sets, "tensorflow_version": summary.tensorflow_version}
    signatures = [
        {"key": s.key, "inputs": _tensors_json(s.inputs), "outputs": _tensors_json(s.outputs)}
        for s in summary.signatures
    ]
    return {"ok": True, **facts, **sizes, "signatures": signatures, "variables": variables, "operators": summary.ops}


def _tensors_json(tensors: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "dtype": t.dtype.name, "shape": t.shape} for name, t in tensors.items()]


def _texts(tensors: Iterable[Any]) -> str:
    return "\n".join(map(str, tensors))


def _shape(shape: Any) -> str:
    return "?" if shape is None else f"[{', '.join('?' if d is None else str(d) for d in shape)}]"


def _print_signatures(rows: Iterable[Sequence[str]]) -> None:
    print_table("Signatures", ("key", "inputs", "outputs"), rows)


def _print_operators(operators: Mapping[str, int], all_rows: bool) -> None:
    from litesmith.describe import by_count

    title = f"Operators: {sum(operators.values())} of {len(operators)} kinds"
    print_table(title, ("operator", ">count"), by_count(operators), all_rows)


def _show_program(path: Path, program: Program, ir: bool, as_json: bool, all_rows: bool) -> None:
    from litesmith.describe import summarize
    from litesmith.ir.printer import print_program

    summary, size = summarize(program), path.stat().st_size
    if as_json:
        print_json({"ok": True, "bytes": size, **summary.to_json()})
        return
    if ir:
        click_echo(print_program(program).rstrip("\n"))
        return
    console().print(
        f"[bold]{path}[/]  {human_bytes(size)}; {len(summary.graphs)} graph{'s' * (len(summary.graphs) != 1)}, "
        f"{summary.operator_count} operators, constants {human_bytes(summary.constant_bytes)}"
    )
    _print_signatures((s.key, _texts(s.inputs), _texts(s.outputs)) for s in summary.signatures)
    _print_operators(summary.operators, all_rows)
