"""The files a model carries along (vocabularies, label lists)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from litesmith.errors import FormatError
from litesmith.formats.saved_model import protos
from litesmith.formats.saved_model.parsing import parse_bytes

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import AssetFileDef, MetaGraphDef

_DIRECTORY = "assets"
_COLLECTION = "saved_model_assets"  # where TF1 puts them


@dataclass(frozen=True)
class Asset:
    """tensor_name: the string constant of the graph that stands for the path, empty in TF2; filename: as the model
    has it; path: where the file lies."""

    tensor_name: str
    filename: str
    path: Path


def read_assets(model: Path, meta_graph: MetaGraphDef) -> list[Asset]:
    """The assets in the model's order. FormatError when one is missing or lies outside the model's directory."""
    return [
        Asset(item.tensor_info.name, item.filename, asset_path(model, item.filename))
        for item in _definitions(model, meta_graph)
    ]


def _definitions(model: Path, meta_graph: MetaGraphDef) -> Iterator[AssetFileDef]:
    if meta_graph.asset_file_def or _COLLECTION not in meta_graph.collection_def:
        yield from meta_graph.asset_file_def
        return
    for value in meta_graph.collection_def[_COLLECTION].any_list.value:
        yield parse_bytes(protos.AssetFileDef, value.value, path=str(model), what="list of assets")


def asset_path(model: Path, filename: str) -> Path:
    """The file of an asset; a model from elsewhere must not make us read files of the user's."""
    parts = PurePosixPath(filename.replace("\\", "/"))
    path = model / _DIRECTORY / filename
    if not filename or "\0" in filename or parts.is_absolute() or ".." in parts.parts or Path(filename).drive:
        raise FormatError(f"the asset {filename!r} lies outside the model's directory", path=str(model))
    try:
        inside = path.resolve().is_relative_to(model.resolve())
        if inside and not path.is_file():
            raise FormatError(f"the asset {filename!r} is missing", path=str(path), fix="copy the whole directory")
    except (OSError, RuntimeError) as error:
        raise FormatError(f"the asset {filename!r} cannot be read ({error})", path=str(path)) from error
    if not inside:
        fix = "if the link is meant, copy the model with links resolved (cp -rL)"
        raise FormatError(f"the asset {filename!r} is a link out of the directory", path=str(model), fix=fix)
    return path
