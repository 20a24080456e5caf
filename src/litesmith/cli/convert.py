"""``litesmith convert``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litesmith._util.text import human_bytes
from litesmith.cli.output import click_echo, console, print_json
from litesmith.cli.progress import is_quiet, progress, with_verbosity
from litesmith.cli.tflite_convert import converter, flags_given, with_flags

if TYPE_CHECKING:
    from litesmith.api import Model


def parse_shapes(text: str | None) -> dict[str, list[int | None]]:
    """``image=1,224,224,3;mask=?,10``: shapes by input name; ``?``, ``None`` and -1 are unknown sizes.

    Raises click.BadParameter where the text says something else.
    """
    shapes: dict[str, list[int | None]] = {}
    for part in filter(None, (text or "").replace(" ", "").split(";")):
        name, equals, sizes = part.rpartition("=")
        try:
            shapes[name] = [None if s in ("?", "None", "-1") else int(s) for s in sizes.strip("[]").split(",") if s]
        except ValueError:
            equals = ""
        if not equals or not name:
            raise click.BadParameter(f"{part!r} is no input shape; write name=1,224,224,3 (several separated by ;)")
    return shapes


def _names(text: str | None) -> list[str] | None:
    return [n.strip() for n in text.split(",") if n.strip()] if text else None


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("source", required=False),
    click.option("-o", "--output", "--output_file", "output",
                 help="The .tflite file to write; - is standard output."),
    click.option("--saved_model_dir", "saved_model", help="SavedModel directory (as in tflite_convert)."),
    click.option("--keras_model_file", "keras_file", help="Keras file (as in tflite_convert)."),
    click.option("--graph_def_file", "graph_file", help="Frozen GraphDef (as in tflite_convert)."),
    click.option("--signature", "--signature-keys", "--saved_model_signature_key", "signatures", multiple=True,
                 metavar="KEY", help="Signature to convert; may be given several times. Default: all."),
    click.option("--tags", "--saved_model_tag_set", "tags", metavar="TAGS", help="Tag set, separated by commas."),
    click.option("--input-shape", "--input-shapes", "--input_shapes", "shapes", metavar="NAME=N,N,…;…",
                 help="Shapes replacing the model's; ? is an unknown size."),
    click.option("--input-names", "--input_arrays", "inputs", metavar="NAMES", help="Inputs of a frozen graph."),
    click.option("--output-names", "--output_arrays", "outputs", metavar="NAMES", help="Outputs of a frozen graph."),
    click.option("--verify/--no-verify", default=True, show_default=True, help="Load and run the result first."),
    click.option("--reference", type=click.Path(), help="Data the result must agree with (.npz or directory)."),
    click.option("--metadata", type=click.Path(), metavar="FILE", help="Metadata of the model, as YAML or JSON."),
    click.option("--unsafe", is_flag=True, help="Let a Keras file run code it carries (Lambda layers)."),
    click.option("--rnn", type=click.Choice(["auto", "fused", "loop", "unrolled"]), default="auto", show_default=True,
                 help="The form of recurrent layers (docs/recurrent.md)."),
    click.option("--quantize", "quantize", metavar="MODE|FILE",
                 help="Quantize: dynamic, float16, int8, int16x8, int8-best, weight-only, …, or a recipe (.json, .yaml)."),
    click.option("--calibrate", "calibrate", metavar="PATH",
                 help="Samples: .npz, .npy, a directory of images, or a saved calibration (.json)."),
    click.option("--exclude", "exclude", multiple=True, metavar="PATTERN", help="Layers that stay float."),
    click.option("--select-tf-ops", is_flag=True, help="What has no built-in form becomes a Select TF operator."),
    click.option("--dump-ir", "dump_ir", metavar="DIR", help="Write the IR after each pass to this directory."),
    click.option("--explain", is_flag=True, help="Print which rewrites were declined, and why."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)  # fmt: skip


def _with_options(function: Callable[..., object]) -> Callable[..., object]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command("convert")
@_with_options
@with_flags
@with_verbosity
def command(source: str | None, output: str | None, **given: Any) -> None:
    """Convert SOURCE to a .tflite file.

    SOURCE is a SavedModel directory, a Keras file (.keras, .h5), a frozen graph (.pb), a serialized JAX function
    (.jax, .jax_export: what jax.export writes) or a StableHLO module (.mlir, .mlirbc, .stablehlo).

    Every flag of tflite_convert is taken too (docs/drop-in.md); with one of them, inputs and outputs are ordered and
    named as tflite_convert does.
    """
    from litesmith._util.replacing import check_target

    path = _the_one_source(source, given)
    suffix = "dot" if given["output_format"] == "GRAPHVIZ_DOT" else "tflite"
    target = Path(output or f"{Path(path).stem or 'model'}.{suffix}")
    if output != "-":
        check_target(target)
    elif given["as_json"]:
        raise click.UsageError("-o - and --json both want standard output")
    as_original = not source or bool(flags_given(given) - {"allow_custom_ops"})
    if as_original and given["explain"]:
        raise click.UsageError("--explain does not go with flags of tflite_convert; give the model as SOURCE")
    if source and as_original:
        given[_kind_of(path)] = path
    shapes = parse_shapes(_with_names(given["shapes"], given["inputs"]))
    if given["verify"]:
        from litesmith.runtime.process import prepare

        prepare(own=True)
    with progress(f"Converting {path}"):
        model = _convert_as_tflite_convert(given, shapes) if as_original else _convert(path, given, shapes)
        if given["output_format"] == "GRAPHVIZ_DOT":
            _write_graph(model, None if output == "-" else target)
            return
        if output == "-":
            sys.stdout.buffer.write(model.content)
            sys.stdout.buffer.flush()
        else:
            model.save(target)
    if output == "-":
        _tell_notes(model, model.notes)
        return
    _report(model, target, given["as_json"])


def _write_graph(model: Model, target: Path | None) -> None:
    from litesmith.lite.graphviz import as_dot

    if target is None:
        click_echo(as_dot(model.program))
    else:
        target.write_text(as_dot(model.program))


def _convert(path: str, given: dict[str, Any], shapes: dict[str, list[int | None]]) -> Model:
    from litesmith import api

    return api.convert(
        path,
        signature_keys=[k for s in given["signatures"] for k in s.split(",")] or None,
        tags=_names(given["tags"]),
        input_shapes=shapes,
        input_names=_names(given["inputs"]),
        output_names=_names(given["outputs"]),
        verify=given["verify"],
        reference=given["reference"],
        safe_mode=not given["unsafe"],
        dump=_dump(given["dump_ir"]) if given["dump_ir"] else None,
        explain=_print_declined if given["explain"] else None,
        allow_custom_ops=bool(given["allow_custom_ops"]),
        rnn=given["rnn"],
        quantize=given["quantize"],
        calibrate=given["calibrate"],
        exclude=given["exclude"],
        select_tf_ops=given["select_tf_ops"] or (),
        metadata=given["metadata"],
    )


def _convert_as_tflite_convert(given: dict[str, Any], shapes: dict[str, list[int | None]]) -> Model:
    instance = converter(given, shapes)
    instance.rnn = given["rnn"]
    instance.ir_dump_dir = given["dump_ir"] or instance.ir_dump_dir
    instance.representative_dataset = given["calibrate"]
    model: Model = instance.to_model(verify=given["verify"], reference=given["reference"], metadata=given["metadata"])
    return model


def _kind_of(path: str) -> str:
    """Which source of ``tflite_convert`` a path is. Raises click.UsageError where it is none."""
    suffix = Path(path).suffix.lower()
    if suffix in (".keras", ".h5", ".hdf5"):
        return "keras_file"
    if suffix in (".pb", ".pbtxt") and Path(path).stem != "saved_model":
        return "graph_file"
    if Path(path).is_file() and Path(path).stem != "saved_model":
        raise click.UsageError(f"flags of tflite_convert take a SavedModel, a Keras file or a frozen graph, not {path}")
    return "saved_model"


def _dump(directory: str) -> Any:
    from litesmith.ir.dump import IRDump

    return IRDump(directory)


def _print_declined(lines: Sequence[str]) -> None:
    click.echo("\n".join(["declined rewrites:", *(f"  {line}" for line in lines or ("none",))]), err=True)


def _the_one_source(source: str | None, given: dict[str, Any]) -> str:
    named = [s for s in (source, given["saved_model"], given["keras_file"], given["graph_file"]) if s]
    if len(named) != 1:
        raise click.UsageError(
            "give one model: a path, or one of --saved_model_dir, --keras_model_file, --graph_def_file"
        )
    return str(named[0])


def _with_names(shapes: str | None, inputs: str | None) -> str | None:
    """``tflite_convert`` gives shapes without names (``1,224,224,3:1,10``), in the order of ``--input_arrays``."""
    if not shapes or "=" in shapes:
        return shapes
    names = _names(inputs) or []
    parts = shapes.split(":")
    if len(names) != len(parts):
        raise click.BadParameter("shapes without names need --input_arrays with as many names")
    return ";".join(f"{n}={p}" for n, p in zip(names, parts, strict=True))


def _report(model: Model, target: Path, as_json: bool) -> None:
    size, operators = os.path.getsize(target), model.operators
    verified = model.report is not None and model.report.ok
    skipped = model.report.skipped if model.report is not None else ""
    count = sum(operators.values())
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(target),
                "bytes": size,
                "operators": operators,
                "notes": model.notes,
                "signatures": [s.to_json() for s in model.signatures],
                "verified": verified,
                "verification_skipped": skipped,
            }
        )
    elif is_quiet():
        return
    elif sys.stdout.isatty():
        checked = ", verified" if verified else ""
        console().print(f"[green]✓[/] [bold]{target}[/]  {human_bytes(size)}, {count} operators{checked}")
    else:
        click_echo(f"{target}: {size} bytes, {count} operators")
    _tell_notes(model, () if as_json else model.notes)


def _tell_notes(model: Model, notes: Iterable[str]) -> None:
    """What the user should know of the result, on standard error."""
    if is_quiet():
        return
    for note in notes:
        click.echo(f"note: {note}", err=True)
    if model.report is not None and model.report.skipped:
        click.echo(f"not verified: {model.report.skipped}", err=True)
