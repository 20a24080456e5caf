"""What a caller may give as metadata: a document, its file, the tables themselves, or a function of the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from litesmith.errors import UsageError
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.defaults import default_metadata, fill_in_defaults
from litesmith.formats.metadata.described import recorded_files
from litesmith.formats.metadata.documents import from_document
from litesmith.formats.metadata.stored_tensors import HasTensors

Makes = Callable[[HasTensors], "s.ModelMetadata | tuple[s.ModelMetadata, Mapping[str, bytes]]"]
"""Makes metadata for a model, such as the functions of `litesmith.formats.metadata.tasks` with their other arguments."""


@dataclass(frozen=True)
class Requested:
    """Metadata as they were asked for, read and without mistakes; `for_model` fits them to a model."""

    metadata: s.ModelMetadata | Makes
    files: Mapping[str, bytes] = field(default_factory=dict)

    def for_model(self, model: HasTensors, name: str = "") -> tuple[s.ModelMetadata, dict[str, bytes]]:
        """The metadata, completed with what the model says of itself, and their files.

        name: of the model, where the metadata have none.
        """
        if isinstance(self.metadata, s.ModelMetadata):
            return fill_in_defaults(self.metadata, default_metadata(model, name)), dict(self.files)
        made = self.metadata(model)
        metadata, files = made if isinstance(made, tuple) else (made, {})
        if not isinstance(metadata, s.ModelMetadata):
            raise UsageError(f"the function of the metadata returned {type(metadata).__name__}, expected ModelMetadata")
        return metadata, dict(files)


def read_request(request: object) -> Requested:
    """Reads what was asked for. Files that a document names are looked for beside it.

    request: the path of a YAML or JSON document, a document, or tables; one of them with a dict of associated files
    (contents or paths by name); or what makes the metadata for a model (`Makes`).

    Raises UsageError with every mistake in it.
    """
    if isinstance(request, Requested):
        return request
    files: dict[str, bytes] = {}
    if isinstance(request, tuple):
        if len(request) != 2 or not isinstance(request[1], Mapping):
            raise UsageError("metadata as a pair: expected the metadata and a dict of files by name")
        files = {name: c if isinstance(c, bytes) else read_file(Path(c)) for name, c in request[1].items()}
        request = request[0]
    if isinstance(request, s.ModelMetadata):
        return Requested(request, files)
    if isinstance(request, Mapping):
        return Requested(from_document(request), files)
    if isinstance(request, (str, os.PathLike)):
        path = Path(request)
        metadata = read_document(path)
        return Requested(metadata, {**files_beside(path.parent, metadata, files), **files})
    if callable(request):
        return Requested(request)
    kind = type(request).__name__
    raise UsageError(f"metadata: expected a path, a dict, ModelMetadata or a function of the model, got {kind}")


def read_document(path: Path) -> s.ModelMetadata:
    """The metadata in a YAML or JSON file. Raises UsageError with every mistake in it."""
    import yaml

    try:
        document = yaml.safe_load(read_file(path))  # YAML holds JSON
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is neither YAML nor JSON: {error}") from None
    metadata: s.ModelMetadata = from_document(document)
    return metadata


def read_file(path: Path) -> bytes:
    """The content of a file. Raises UsageError where it cannot be read."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def files_beside(folder: Path, metadata: s.ModelMetadata, given: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that metadata name and that lie in a folder, but for those given."""
    names = {f.name for f in recorded_files(metadata)} - set(given)
    return {n: read_file(folder / n) for n in sorted(names) if n == Path(n).name and (folder / n).is_file()}
