"""A model file together with what it says of itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from litesmith._util.mapping import map_file
from litesmith._util.replacing import replacing
from litesmith.errors import FormatError, UsageError
from litesmith.formats.metadata.codec import TFLITE_METADATA, decode, encode, unknown_fields
from litesmith.formats.metadata.grafting import chunks, find_entry, graft
from litesmith.formats.metadata.schema import AssociatedFile, AssociatedFileType, ModelMetadata, Table
from litesmith.formats.metadata.stored_tensors import HasTensors, StoredTensor, stored_tensors
from litesmith.formats.metadata.versions import SCHEMA_VERSION, is_known_version, min_parser_version, tables_in
from litesmith.formats.tflite.archive import check_name, read_archive, write_archive

UPGRADE = "upgrade litesmith"


@dataclass(frozen=True)
class Described:
    """A model with its metadata and associated files.

    model: the bytes of the file up to the archive; files: contents by name; unknown: fields of a newer schema than
    this package knows, as paths. Written unchanged, all bytes of the metadata stay.
    """

    model: np.ndarray[Any, Any] = field(repr=False)
    metadata: ModelMetadata | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    unknown: Sequence[str] = ()

    def inputs(self) -> tuple[StoredTensor, ...]:
        """Inputs of the first subgraph, which is the one that metadata describe."""
        return stored_tensors(self.model)[0]

    def outputs(self) -> tuple[StoredTensor, ...]:
        """Outputs of the first subgraph."""
        return stored_tensors(self.model)[1]

    def with_metadata(self, metadata: ModelMetadata | None, files: Mapping[str, bytes] | None = None) -> Described:
        """The same model with other metadata (None: with none) and files (None: those it has).

        ``min_parser_version`` is filled in. Raises UsageError for metadata that do not fit the model, with every
        reason; FormatError where the model's own metadata have fields of a newer schema, which would be lost.
        """
        if self.unknown and metadata != self.metadata:
            reason = f"its metadata have fields of a newer schema, which would be lost: {', '.join(self.unknown[:5])}"
            raise FormatError(reason, fix=UPGRADE)
        files = self.files if files is None else files
        if metadata is None:
            return replace(self, metadata=None, files={})
        metadata = fitting_metadata(metadata, files, self)
        return replace(self, metadata=metadata, files=dict(files))

    def write(self, out: BinaryIO) -> None:
        """Writes the whole file, the archive behind the model. Same content, same bytes."""
        for piece in self._pieces():
            out.write(piece)
        write_archive(out, self.files)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file; an older one stays until the new one is whole. Raises UsageError where it cannot be written."""
        try:
            with replacing(path) as out:
                self.write(out)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from error

    def _pieces(self) -> Iterator[bytes]:
        stored = find_entry(self.model, TFLITE_METADATA)
        wanted = None if self.metadata is None else encode(self.metadata)
        if (encode(decode(stored)) if stored is not None else None) == wanted:  # by bytes: NaN is no number's equal
            return chunks(self.model)  # also what this package does not know of it
        return graft(self.model, TFLITE_METADATA, wanted)


def read_described(source: bytes | str | os.PathLike[str]) -> Described:
    """A `.tflite` file, given as its bytes or path, with its metadata and associated files.

    Raises FormatError for a file that is missing or damaged, or whose metadata need a newer reader.
    """
    if isinstance(source, bytes):
        return _read_description(np.frombuffer(source, np.uint8))
    path = os.fspath(source)
    try:
        return _read_description(map_file(path))
    except FormatError as error:
        if error.path:
            raise
        raise FormatError(error.message, path=path, fix=error.fix) from None
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", path=path) from error


def _read_description(data: NDArray[np.uint8]) -> Described:
    archive = read_archive(data.data)
    model = data[: archive.start]
    stored = find_entry(model, TFLITE_METADATA)
    if stored is None:
        return Described(model, None, archive.files)
    metadata: ModelMetadata = decode(stored)
    needed = metadata.min_parser_version
    if needed and not is_known_version(needed):
        raise FormatError(f"its metadata need a parser of version {needed!r}, this is {SCHEMA_VERSION}", fix=UPGRADE)
    return Described(model, metadata, archive.files, tuple(unknown_fields(stored)))


def fitting_metadata(metadata: ModelMetadata, files: Mapping[str, bytes], model: HasTensors) -> ModelMetadata:
    """The metadata with ``min_parser_version``, for a model. Raises UsageError where they do not fit it or the files,
    with every reason.
    """
    inputs, outputs = model.inputs(), model.outputs()
    problems = [*fit_problems(metadata, (len(inputs), len(outputs))), *file_problems(metadata, files)]
    if not problems:
        problems = [*version_problems(metadata), *label_problems(metadata, files, outputs)]
    if problems:
        raise UsageError("the metadata do not fit the model:\n" + "\n".join(f"  {p}" for p in problems))
    return replace(metadata, min_parser_version=min_parser_version(metadata))


def version_problems(metadata: ModelMetadata) -> Iterator[str]:
    """Why no version of the schema that this package knows is the one asked for."""
    asked = metadata.min_parser_version
    if asked and not is_known_version(asked):
        yield f"min_parser_version: {asked!r} is none up to {SCHEMA_VERSION}; leave it out, it is filled in"


def label_problems(
    metadata: ModelMetadata, files: Mapping[str, bytes], outputs: Sequence[StoredTensor]
) -> Iterator[str]:
    """Files of labels with as many lines as no dimension of their output is long."""
    for described, tensor in zip(metadata.subgraph_metadata[0].output_tensor_metadata, outputs, strict=True):
        for file in described.associated_files:
            count = len(files[file.name].decode("utf-8", "replace").splitlines())
            labels = file.type is AssociatedFileType.TENSOR_AXIS_LABELS
            sizes = {*tensor.shape[-1:], *(size for size in tensor.shape if size > 1)}
            if labels and sizes and count not in sizes and -1 not in tensor.shape[1:]:
                yield f"{file.name} has {count} labels, the output {tensor.name!r} has shape {list(tensor.shape)}"


def recorded_files(table: Table) -> Iterator[AssociatedFile]:
    """Every associated file that a table and the tables in it name."""
    if isinstance(table, AssociatedFile):
        yield table
    for child in tables_in(table):
        yield from recorded_files(child)


def fit_problems(metadata: ModelMetadata, counts: tuple[int, int]) -> Iterator[str]:
    """Why metadata do not fit a model with these numbers of inputs and outputs."""
    if len(metadata.subgraph_metadata) != 1:
        yield f"subgraph_metadata: expected one entry, got {len(metadata.subgraph_metadata)}"
        return
    graph = metadata.subgraph_metadata[0]
    for what, tensors, count in zip(
        ("input", "output"), (graph.input_tensor_metadata, graph.output_tensor_metadata), counts, strict=True
    ):
        if len(tensors) != count:
            yield f"{what}_tensor_metadata: the model has {count} {what}s, the metadata describe {len(tensors)}"
        names = [t.name for t in tensors if t.name]
        yield from (f"{what}_tensor_metadata: two tensors are called {n!r}" for n in sorted(_repeated_names(names)))


def _repeated_names(names: Sequence[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


def file_problems(metadata: ModelMetadata, files: Mapping[str, bytes]) -> Iterator[str]:
    """Why associated files do not fit the metadata that name them."""
    for recorded in dict.fromkeys(f.name for f in recorded_files(metadata)):
        try:
            check_name(recorded, UsageError)
        except UsageError as error:
            yield str(error)
            continue
        if recorded not in files:
            yield f"there is no file {recorded!r}; there are {', '.join(sorted(files)) or 'none'}"
