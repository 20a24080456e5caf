"""What a SavedModel consists of, as data for `litesmith show`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litesmith.formats.saved_model.reader import SavedModel
    from litesmith.formats.saved_model.signatures import Signature
    from litesmith.formats.saved_model.variables import Variable


@dataclass(frozen=True)
class Summary:
    """ops: operator -> count, over the graph and every function of the library, the most frequent first;
    sizes in bytes: graph_bytes of the model file, variable_bytes of the variables' values, checkpoint_bytes of the
    checkpoint's files, asset_bytes of the assets."""

    path: str
    tags: tuple[str, ...]
    tag_sets: tuple[tuple[str, ...], ...]
    tensorflow_version: str
    tf2: bool
    signatures: tuple[Signature, ...]
    variables: tuple[Variable, ...]
    ops: dict[str, int]
    functions: int
    assets: tuple[str, ...]
    graph_bytes: int
    variable_bytes: int
    checkpoint_bytes: int
    asset_bytes: int


def summarize(model: SavedModel) -> Summary:
    """FormatError when a part of the model that is needed for it is missing or damaged."""
    directory = model.path / "variables"
    files = [file for file in directory.iterdir() if file.is_file()] if directory.is_dir() else []
    return Summary(
        path=str(model.path),
        tags=tuple(sorted(model.tags)),
        tag_sets=tuple(tuple(sorted(tags)) for tags in model.tag_sets),
        tensorflow_version=model.tensorflow_version,
        tf2=model.is_tf2,
        signatures=tuple(model.signatures.values()),
        variables=tuple(model.variables),
        ops=op_histogram(model),
        functions=len(model.functions),
        assets=tuple(asset.filename for asset in model.assets),
        graph_bytes=model.file.stat().st_size,
        variable_bytes=sum(variable.nbytes for variable in model.variables),
        checkpoint_bytes=sum(file.stat().st_size for file in files),
        asset_bytes=sum(asset.path.stat().st_size for asset in model.assets),
    )


def op_histogram(model: SavedModel) -> dict[str, int]:
    """Operator -> number of nodes, over the graph and the function library, the most frequent first."""
    counts = Counter(node.op for node in model.graph_def.node)
    for function in model.functions.values():
        counts.update(node.op for node in function.node_def)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
