"""SavedModel directories, read without TensorFlow."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litesmith._util.files import file_kind, require_file
from litesmith._util.naming import path_suggestion, suggestion
from litesmith.errors import FormatError, MissingFileError, UsageError
from litesmith.formats.saved_model import protos
from litesmith.formats.saved_model.assets import Asset, read_assets
from litesmith.formats.saved_model.checkpoint import Checkpoint
from litesmith.formats.saved_model.graph_def import split_input
from litesmith.formats.saved_model.object_graph import (
    Capture,
    checked_node,
    child_functions,
    concrete_function_names,
    read_captures,
    signature_functions,
)
from litesmith.formats.saved_model.parsing import locating_errors, parse_file, parse_text_file
from litesmith.formats.saved_model.restore import Stored, restored_variables
from litesmith.formats.saved_model.signatures import INIT_OP, TRAIN_OP, Signature, read_signature
from litesmith.formats.saved_model.tensor_proto import to_array
from litesmith.formats.saved_model.variables import (
    VARIABLE_OPS,
    Variable,
    VariableIndex,
    graph_variables,
    object_variables,
    shared_name,
)

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import (
        FunctionDef,
        GraphDebugInfo,
        GraphDef,
        MetaGraphDef,
        NodeDef,
        OpDef,
        SavedObjectGraph,
    )
    from litesmith.formats.saved_model.protos import SavedModel as SavedModelProto
    from litesmith.formats.saved_model.summary import Summary

Array = np.ndarray[Any, Any]

SERVE = "serve"
_CHECKPOINT_V2 = 2
_MAIN_OP_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")  # TF1; the first wins
_TABLES = "table_initializer"


class SavedModel:
    """One meta graph of a SavedModel directory. All parts are read when first asked for.

    path: the directory; tags: of the chosen meta graph; tag_sets: of all there are. checksums: whether weights are
    checked against theirs when they are read (they are unless told otherwise).
    """

    def __init__(self, path: Path, file: Path, meta_graph: MetaGraphDef, tag_sets: list[frozenset[str]]) -> None:
        self.path = path
        self.file = file
        self.meta_graph = meta_graph
        self.tags = frozenset(meta_graph.meta_info_def.tags)
        self.tag_sets = tag_sets
        self.checksums = True

    @classmethod
    def open(cls, path: str | Path, tags: Collection[str] | str | None = None) -> SavedModel:
        """Open a directory with ``saved_model.pb`` (or ``.pbtxt``).

        tags: the tag set of the meta graph, exactly; None takes ``{"serve"}``, or the only one there is.
        FormatError: missing or damaged; UsageError: no such tag set (it lists those there are).
        """
        path = Path(path)
        file = _model_file(path)
        parse = parse_text_file if file.suffix == ".pbtxt" else parse_file
        proto = parse(protos.SavedModel, file)
        if proto.saved_model_schema_version not in (0, 1) or not proto.meta_graphs:
            raise FormatError("not a SavedModel of schema version 1 with a meta graph", path=str(file))
        return cls(path, file, _choose(proto, tags), _tag_sets(proto))

    # ---- graph and functions --------------------------------------------------------------------------------

    @property
    def graph_def(self) -> GraphDef:
        """The graph. TF1-style models live in it; in TF2 it calls the functions of the signatures."""
        return self.meta_graph.graph_def

    @property
    def object_graph(self) -> SavedObjectGraph:
        """The objects of a TF2 model; without nodes in TF1-style models."""
        return self.meta_graph.object_graph_def

    @property
    def is_tf2(self) -> bool:
        return bool(self.object_graph.nodes)

    @property
    def tensorflow_version(self) -> str:
        """The version that wrote the model."""
        return self.meta_graph.meta_info_def.tensorflow_version

    @cached_property
    def nodes(self) -> dict[str, NodeDef]:
        """The nodes of the graph by name."""
        return {node.name: node for node in self.graph_def.node}

    @cached_property
    def functions(self) -> dict[str, FunctionDef]:
        """The function library by name."""
        return {function.signature.name: function for function in self.graph_def.library.function}

    @cached_property
    def op_defs(self) -> dict[str, OpDef]:
        """Declarations of the operators the model uses, with the defaults of attributes left out of nodes."""
        return {op.name: op for op in self.meta_graph.meta_info_def.stripped_op_list.op}

    @cached_property
    def debug_info(self) -> GraphDebugInfo | None:
        """Source lines of nodes, when the model was saved with them."""
        file = self.path / "debug" / "saved_model_debug_info.pb"
        return parse_file(protos.GraphDebugInfo, file) if file.is_file() else None

    # ---- signatures and captures ----------------------------------------------------------------------------

    @cached_property
    def signatures(self) -> dict[str, Signature]:
        """The signatures by key, sorted; without those TensorFlow uses for itself."""
        definitions = self.meta_graph.signature_def
        with locating_errors(self.file, "signatures"):
            keys = sorted(key for key in definitions if key not in (INIT_OP, TRAIN_OP))
            return {key: read_signature(key, definitions[key]) for key in keys}

    def signature(self, key: str) -> Signature:
        """One signature; UsageError listing those there are when there is no such one."""
        if key not in self.signatures:
            known = ", ".join(repr(name) for name in self.signatures) or "none"
            near = suggestion(key, self.signatures)
            raise UsageError(f"{self.path} has no signature {key!r}; it has {known}{near}")
        return self.signatures[key]

    @cached_property
    def signature_functions(self) -> dict[str, str]:
        """Signature key -> name of the function behind it (TF2)."""
        with locating_errors(self.file, "object graph"):
            return signature_functions(self.object_graph)

    def concrete_functions(self, node_id: int) -> list[str]:
        """The functions an object stands for: one per traced signature; none when it is not callable."""
        with locating_errors(self.file, "object graph"):
            return concrete_function_names(checked_node(self.object_graph, node_id))

    def resource_functions(self, node_id: int) -> dict[str, str]:
        """The functions of an object by attribute; of a table ``_create_resource``, ``_initialize``, …"""
        with locating_errors(self.file, "object graph"):
            return child_functions(self.object_graph, node_id)

    def captures(self, function_name: str) -> list[Capture]:
        """What a function of the object graph captures, in the order of its last arguments."""
        if function_name not in self.functions:
            raise UsageError(f"{self.path} has no function {function_name!r}")
        with locating_errors(self.file, f"captures of {function_name!r}"):
            return read_captures(self.object_graph, self.functions[function_name], self._keys)

    def constant_array(self, node: int | str) -> Array:
        """The value of a captured constant (node of the object graph) or of a Const node of the graph."""
        with locating_errors(self.file, f"constant {node!r}"):
            name = checked_node(self.object_graph, node).constant.operation if isinstance(node, int) else node
            definition = self.nodes.get(split_input(name)[0])
            if definition is None or definition.op != "Const" or "value" not in definition.attr:
                raise FormatError(f"the graph has no constant {name!r}")
            return to_array(definition.attr["value"].tensor)

    @cached_property
    def init_op(self) -> str:
        """The node of the graph that initializes tables (and what else needs it) after loading; empty if none."""
        definition = self.meta_graph.signature_def
        if INIT_OP in definition:
            return split_input(definition[INIT_OP].outputs[INIT_OP].name)[0]
        for collection in _MAIN_OP_COLLECTIONS:
            if self._has(collection):
                values = self.meta_graph.collection_def[collection].node_list.value
                if len(values) == 1:
                    return split_input(values[0])[0]
        return ""

    @cached_property
    def initializers(self) -> tuple[str, ...]:
        """The nodes that fill tables and the like when the model is loaded: `init_op`, and those of a TF1 collection."""
        listed = self.meta_graph.collection_def[_TABLES].node_list.value if self._has(_TABLES) else ()
        names = [self.init_op, *(split_input(value)[0] for value in listed)]
        return tuple(dict.fromkeys(name for name in names if name))

    def _has(self, collection: str) -> bool:
        return collection in self.meta_graph.collection_def

    # ---- files beside the graph -----------------------------------------------------------------------------

    @cached_property
    def assets(self) -> list[Asset]:
        """The asset files, all of which are checked to exist within the directory."""
        with locating_errors(self.file, "assets"):
            return read_assets(self.path, self.meta_graph)

    def asset(self, node_id: int) -> Asset:
        """The file a captured asset (node of the object graph) stands for."""
        with locating_errors(self.file, "object graph"):
            node = checked_node(self.object_graph, node_id)
            index = node.asset.asset_file_def_index
            if node.WhichOneof("kind") != "asset" or not 0 <= index < len(self.assets):
                raise FormatError(f"node {node_id} is not one of the {len(self.assets)} assets")
            return self.assets[index]

    @cached_property
    def checkpoint(self) -> Checkpoint | None:
        """The values of the variables; None when the model has no ``variables`` directory."""
        directory = self.path / "variables"
        if not directory.is_dir() or not any(directory.iterdir()):
            return None
        if self.meta_graph.HasField("saver_def") and self.meta_graph.saver_def.version < _CHECKPOINT_V2:
            fix = "load and save the model with TensorFlow 1.15 or later"
            raise FormatError("a checkpoint of the V1 format (before TensorFlow 0.12)", path=str(directory), fix=fix)
        return Checkpoint.open(directory / "variables")

    # ---- variables ------------------------------------------------------------------------------------------

    @cached_property
    def variables(self) -> list[Variable]:
        """The variables: of the object graph in TF2, of the graph in TF1-style models."""
        with locating_errors(self.file, "variables"):
            in_graph = graph_variables(self.nodes, self._restored_variables)
            return object_variables(self.object_graph, in_graph, self.checkpoint) if self.is_tf2 else in_graph

    def variable(self, reference: int | str) -> Variable:
        """A variable by node number of the object graph, shared name, graph node, own name or checkpoint key."""
        return self._variable_index.find(reference)

    def variable_array(self, reference: int | str, *, verify: bool | None = None) -> Array:
        """The value of a variable: a read-only view of the checkpoint.

        UsageError: no such variable; FormatError: no value, or one of another type or shape, or damaged data.
        """
        with locating_errors(self.file):
            return self._variable_index.value(reference, verify=self.checksums if verify is None else verify)

    @cached_property
    def _variable_index(self) -> VariableIndex:
        return VariableIndex(self.variables, self.checkpoint)

    @cached_property
    def _keys(self) -> dict[int, str]:
        return {variable.node_id: variable.key for variable in self.variables if variable.node_id is not None}

    @cached_property
    def _restored_variables(self) -> dict[str, Stored]:
        restored = restored_variables(self.nodes, self.functions, self.meta_graph.saver_def.restore_op_name)
        if restored or self.checkpoint is None:
            return restored
        names = {node.name: shared_name(node) for node in self.graph_def.node if node.op in VARIABLE_OPS}
        return {node: Stored(name) for node, name in names.items() if name in self.checkpoint}

    def summary(self) -> Summary:
        """What the model consists of."""
        from litesmith.formats.saved_model.summary import summarize

        return summarize(self)


def _model_file(path: Path) -> Path:
    kind = file_kind(path)
    if kind != "directory":
        fix = "give the directory of the model"
        if not kind:
            said = f"the SavedModel directory does not exist{path_suggestion(path)}"
            raise MissingFileError(said, path=str(path), fix=fix)
        raise FormatError("the SavedModel directory is not a directory", path=str(path), fix=fix)
    for name in ("saved_model.pb", "saved_model.pbtxt"):
        if file_kind(path / name):
            return require_file(path / name)
    if (path / "saved_model.cpb").is_file():
        fix = "save the model without experimental_image_format"
        raise FormatError("the model is saved in the chunked format (saved_model.cpb)", path=str(path), fix=fix)
    fix = "give the directory that contains saved_model.pb"
    raise FormatError("not a SavedModel: it has no saved_model.pb", path=str(path), fix=fix)


def _tag_sets(proto: SavedModelProto) -> list[frozenset[str]]:
    return [frozenset(meta_graph.meta_info_def.tags) for meta_graph in proto.meta_graphs]


def _choose(proto: SavedModelProto, tags: Collection[str] | str | None) -> MetaGraphDef:
    """The meta graph of the tag set."""
    available = _tag_sets(proto)
    if tags is None:
        wanted = available[0] if len(available) == 1 else frozenset({SERVE})
    else:
        wanted = frozenset({tags} if isinstance(tags, str) else tags)
    matches = [graph for graph, found in zip(proto.meta_graphs, available, strict=True) if found == wanted]
    if len(matches) == 1:
        return matches[0]
    listed = ", ".join(_braces(found) for found in available)
    reason = "more than one meta graph" if matches else "no meta graph"
    raise UsageError(f"the SavedModel has {reason} with the tags {_braces(wanted)}; it has {listed}")


def _braces(tags: Collection[str]) -> str:
    return "{" + ", ".join(repr(tag) for tag in sorted(tags)) + "}"
