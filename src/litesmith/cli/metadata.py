"""``litesmith metadata``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from litesmith._util.text import human_bytes
from litesmith.cli.output import click_echo, console, print_json, print_table
from litesmith.errors import UsageError
from litesmith.formats.metadata import Described, from_document, json_schema, read_described, to_document
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.described import recorded_files
from litesmith.formats.metadata.readers import READERS, validate
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

    Files that the document names are looked for beside it. Without --from, the model's own metadata are kept, or
    made of the names of its inputs and outputs.
    """
    model = read_described(file)
    metadata = _read_document(Path(document)) if document else model.metadata or default_metadata(model)
    given = {Path(name).name: _read(Path(name)) for name in (*labels, *files)}
    for name in labels:
        metadata = _with_labels(model, metadata, Path(name).name, given[Path(name).name])
    contents = {**model.files, **given}
    if document:
        contents |= _beside(Path(document).parent, metadata, given)
        recorded = {f.name for f in recorded_files(metadata)}
        contents = {name: content for name, content in contents.items() if name in recorded or name in given}
    model.with_metadata(metadata, contents).save(output or file)
    click_echo(f"{output or file}: metadata written, {len(contents)} associated files")


def default_metadata(model: Described) -> s.ModelMetadata:
    """Metadata that name a model's inputs and outputs as the model does."""
    inputs, outputs = (tuple(s.TensorMetadata(t.name) for t in part) for part in (model.inputs(), model.outputs()))
    graph = s.SubGraphMetadata(input_tensor_metadata=inputs, output_tensor_metadata=outputs)
    return s.ModelMetadata(subgraph_metadata=(graph,))


def _read_document(path: Path) -> s.ModelMetadata:
    import yaml

    try:
        document = yaml.safe_load(_read(path))  # YAML holds JSON
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is neither YAML nor JSON: {error}") from None
    metadata: s.ModelMetadata = from_document(document)
    return metadata


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def _beside(folder: Path, metadata: s.ModelMetadata, given: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that metadata name and that lie in a folder."""
    names = {f.name for f in recorded_files(metadata)} - set(given)
    return {n: _read(folder / n) for n in sorted(names) if n == Path(n).name and (folder / n).is_file()}


def _with_labels(model: Described, metadata: s.ModelMetadata, name: str, content: bytes) -> s.ModelMetadata:
    """The metadata with a file of labels on the one output."""
    graphs = metadata.subgraph_metadata
    if len(graphs) != 1 or len(graphs[0].output_tensor_metadata) != 1:
        raise UsageError("--label takes a model of one output; for others name the files in the document (--from)")
    check_labels(read_labels(content, name), model.outputs()[0])
    output = graphs[0].output_tensor_metadata[0]
    record = s.AssociatedFile(name, LABELS_TEXT, s.AssociatedFileType.TENSOR_AXIS_LABELS)
    files = (*(f for f in output.associated_files if f.name != name), record)
    graph = replace(graphs[0], output_tensor_metadata=(replace(output, associated_files=files),))
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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror or error}") from None
    _say_names(folder, contents)


def _say_names(folder: Path, names: Iterable[str]) -> None:
    for name in names:
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


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of the documents that `add --from` takes."""
    data: Any = json_schema()
    print_json(data)
