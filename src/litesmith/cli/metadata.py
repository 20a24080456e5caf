"""``litesmith metadata``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from litesmith._util.text import human_bytes
from litesmith.cli.output import click_echo, console, print_json, print_table
from litesmith.errors import UsageError
from litesmith.formats.metadata import SCHEMA, Described, default_metadata, json_schema, read_described, to_document
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.defaults import fill_in_defaults
from litesmith.formats.metadata.described import recorded_files
from litesmith.formats.metadata.readers import READERS, validate
from litesmith.formats.metadata.requests import files_beside, read_document, read_file
from litesmith.formats.metadata.tasks import LABELS_TEXT, check_labels, read_labels


@click.group("metadata")
def command() -> None:
    """What a .tflite file says of itself: TFLite Metadata, schema 1.5.0, and the files that travel with it."""


@command.command("show")
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the metadata as a document that `add --from` takes.")
def show(file: str, as_json: bool) -> None:
    """Show the metadata of FILE."""
    model = read_described(file)
    if as_json:
        print_json(to_document(model.metadata) if model.metadata else {})
        return
    if model.metadata is None:
        click_echo(f"{file} has no metadata")
    else:
        _print_metadata(model.metadata)
    if model.files:
        kinds = {f.name: f.type.name for f in recorded_files(model.metadata)} if model.metadata else {}
        rows = [(name, kinds.get(name, "not recorded"), human_bytes(len(c))) for name, c in model.files.items()]
        print_table("Associated files", ("name", "type", ">size"), rows)
    if model.unknown:
        click.echo(f"note: of a newer schema, not shown: {', '.join(model.unknown)}", err=True)


def _print_metadata(metadata: s.ModelMetadata) -> None:
    texts = {k: v for k, v in to_document(metadata).items() if isinstance(v, str)}
    print_table("Model", ("field", "value"), texts.items())
    for graph in metadata.subgraph_metadata:
        for title, tensors in (("Inputs", graph.input_tensor_metadata), ("Outputs", graph.output_tensor_metadata)):
            print_table(title, ("name", "content", "details", "description"), [_row(t) for t in tensors])


def _row(tensor: s.TensorMetadata) -> tuple[str, str, str, str]:
    content = tensor.content.content_properties if tensor.content else None
    details = [_text(content)] if content is not None else []
    details += [_text(unit.options) for unit in tensor.process_units if unit.options is not None]
    details += [f.name for f in tensor.associated_files]
    kind = type(content).__name__.removesuffix("Properties") if content is not None else ""
    return tensor.name, kind, "\n".join(filter(None, details)), tensor.description


def _text(table: s.Table) -> str:
    """The fields of a table in one line."""
    return ", ".join(f"{k} {json.dumps(v)}" for k, v in to_document(table).items() if not isinstance(v, dict))


_OUTPUT = click.option("-o", "--output", help="The file to write. Default: FILE itself.")


@command.command("add")
@click.argument("file", type=click.Path())
@_OUTPUT
@click.option("--from", "document", type=click.Path(), help="Metadata as YAML or JSON (`litesmith metadata schema`).")
@click.option("--label", "labels", multiple=True, type=click.Path(), metavar="FILE", help="Labels of the output.")
@click.option("--file", "files", multiple=True, type=click.Path(), metavar="FILE", help="Another file to take along.")
def add(file: str, output: str | None, document: str | None, labels: tuple[str, ...], files: tuple[str, ...]) -> None:
    """Add metadata to FILE, or change what it has.

    Files that the document names are looked for beside it; names it leaves out are those of the model's inputs and
    outputs. Without --from, the model's own metadata are kept. Several --label are of several languages, as
    labels_de.txt is of "de"; they take the place of those there are.
    """
    model = read_described(file)
    metadata = read_document(Path(document)) if document else model.metadata or s.ModelMetadata()
    metadata = fill_in_defaults(metadata, default_metadata(model))
    given = {Path(name).name: read_file(Path(name)) for name in (*labels, *files)}
    if labels:
        metadata = _with_labels(model, metadata, {Path(name).name: given[Path(name).name] for name in labels})
    contents = {**model.files, **given}
    if document:
        contents |= files_beside(Path(document).parent, metadata, given)
    if document or labels:
        recorded = {f.name for f in recorded_files(metadata)}
        contents = {name: content for name, content in contents.items() if name in recorded or name in given}
    model.with_metadata(metadata, contents).save(output or file)
    click_echo(f"{output or file}: metadata written, {len(contents)} associated files")


def _with_labels(model: Described, metadata: s.ModelMetadata, contents: Mapping[str, bytes]) -> s.ModelMetadata:
    """The metadata with files of labels on the one output."""
    graphs = metadata.subgraph_metadata
    if len(graphs) != 1 or len(graphs[0].output_tensor_metadata) != 1:
        raise UsageError("--label takes a model of one output; for others name the files in the document (--from)")
    kind = s.AssociatedFileType.TENSOR_AXIS_LABELS
    records: list[s.AssociatedFile] = []
    for name, content in contents.items():
        check_labels(read_labels(content, name), model.outputs()[0])
        _, separator, locale = Path(name).stem.rpartition("_")
        records.append(s.AssociatedFile(name, LABELS_TEXT, kind, locale if separator and records else ""))
    output = graphs[0].output_tensor_metadata[0]
    kept = (f for f in output.associated_files if f.type is not kind and f.name not in contents)
    graph = replace(graphs[0], output_tensor_metadata=(replace(output, associated_files=(*records, *kept)),))
    return replace(metadata, subgraph_metadata=(graph,))


@command.command("extract")
@click.argument("file", type=click.Path())
@click.argument("directory", type=click.Path())
def extract(file: str, directory: str) -> None:
    """Write the metadata of FILE to DIRECTORY/metadata.json, and its associated files beside it."""
    model, folder = read_described(file), Path(directory)
    if model.metadata is None and not model.files:
        raise UsageError(f"{file} has neither metadata nor associated files")
    contents = dict(model.files)
    if model.metadata is not None:
        if "metadata.json" in contents:
            raise UsageError("an associated file is called metadata.json, too; use `litesmith metadata show --json`")
        contents["metadata.json"] = (json.dumps(to_document(model.metadata), indent=2) + "\n").encode()
    _write_files(folder, contents)


def _write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Writes files and says which."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror or error}") from None
    for name in contents:
        click_echo(str(folder / name))


@command.command("remove")
@click.argument("file", type=click.Path())
@_OUTPUT
def remove(file: str, output: str | None) -> None:
    """Remove the metadata and the associated files of FILE."""
    read_described(file).with_metadata(None).save(output or file)
    click_echo(f"{output or file}: without metadata")


@command.command("validate")
@click.argument("file", type=click.Path())
@click.option("--for", "reader", type=click.Choice(list(READERS)), required=True, help="The reader.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def check(file: str, reader: str, as_json: bool) -> int:
    """Say what a reader would refuse of FILE, and how to mend it. Exit code 1 where there is something."""
    findings = validate(read_described(file), reader)
    if as_json:
        print_json({"ok": not findings, "findings": [vars(f) for f in findings]})
    else:
        for finding in findings:
            console().print(str(finding), markup=False)
        click_echo(f"{reader} reads {file}" if not findings else f"{len(findings)} findings")
    return 1 if findings else 0


@command.command("wrap")
@click.argument("file", type=click.Path())
@click.option("--language", type=click.Choice(["python", "kotlin", "java", "swift"]), required=True)
@click.option("-o", "--output", "directory", required=True, type=click.Path(), metavar="DIR", help="Where to write.")
@click.option("--package", metavar="NAME", help="Package of Kotlin and Java. Default: com.example.model.")
def wrap(file: str, language: str, directory: str, package: str | None) -> None:
    """Write a class that runs FILE as its metadata say: pictures in, labels and scores out.

    It resizes, normalizes and quantizes what goes in, and names and sorts what comes out. A README with a sample of its
    use lies beside it.
    """
    from litesmith.formats.metadata.wrappers import plan_wrapper, render
    from litesmith.formats.metadata.wrappers.rendering import PACKAGE

    if package is not None and not all(part.isidentifier() for part in package.split(".")):
        raise UsageError(f"{package!r} is not a package; give one such as {PACKAGE}")
    plan = plan_wrapper(read_described(file), Path(file).name)
    texts = render(plan, language, package or PACKAGE)
    _write_files(Path(directory), {name: text.encode() for name, text in texts.items()})


@command.command("schema")
@click.option("--path", "as_path", is_flag=True, help="Print where the file of it lies, for the settings of an editor.")
def schema(as_path: bool) -> None:
    """Print the JSON Schema of the documents that `add --from` takes."""
    if as_path:
        click_echo(str(SCHEMA))
        return
    data: Any = json_schema()
    print_json(data)
