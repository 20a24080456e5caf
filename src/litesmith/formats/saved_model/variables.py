"""The variables of a model: their names in graph and object graph, and their tensors in the checkpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litesmith.errors import FormatError, UsageError
from litesmith.formats.saved_model.checkpoint import Checkpoint
from litesmith.formats.saved_model.dtypes import DType, dtype_of
from litesmith.formats.saved_model.object_graph import variable_keys
from litesmith.formats.saved_model.restore import Stored
from litesmith.formats.saved_model.tensor_proto import tensor_shape

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import NodeDef, SavedObjectGraph

Array = np.ndarray[Any, Any]
Shape = tuple[int | None, ...] | None

VARIABLE_OPS = frozenset({"VarHandleOp", "VariableV2", "Variable"})


@dataclass(frozen=True)
class Variable:
    """A variable as the model declares it.

    name: its own name; node_id: in the object graph (None in TF1-style models); graph_nodes: the nodes of the
    graph that stand for it; stored: its tensor in the checkpoint, None when the checkpoint has none;
    trainable: None when the model does not say.
    """

    name: str
    dtype: DType
    shape: Shape
    stored: Stored | None
    node_id: int | None = None
    graph_nodes: tuple[str, ...] = ()
    trainable: bool | None = None

    @property
    def key(self) -> str:
        """The checkpoint key, empty when there is none."""
        return self.stored.key if self.stored else ""

    @property
    def nbytes(self) -> int:
        """Bytes of the value; 0 when the shape is not fully known."""
        if self.shape is None or self.dtype.numpy is None or self.dtype.name == "string":
            return 0
        return int(np.prod([0 if d is None else d for d in self.shape], dtype=object)) * self.dtype.numpy.itemsize


def graph_variables(nodes: Mapping[str, NodeDef], restored: Mapping[str, Stored]) -> list[Variable]:
    """The variable nodes of the graph, one entry for all that share a name, in the graph's order."""
    groups: dict[str, list[NodeDef]] = defaultdict(list)
    for node in nodes.values():
        if node.op in VARIABLE_OPS:
            groups[shared_name(node)].append(node)
    stored = {**_copies_of_restored(nodes, restored), **restored}
    return [_graph_variable(name, group, stored) for name, group in groups.items()]


def _copies_of_restored(nodes: Mapping[str, NodeDef], restored: Mapping[str, Stored]) -> dict[str, Stored]:
    """Variables that others, which are restored, take their first value from: TensorFlow saves such a copy of each."""
    found = {}
    for node in nodes.values():
        if node.op != "AssignVariableOp" or len(node.input) < 2 or node.input[0] not in restored:
            continue
        read = nodes.get(node.input[1])
        if read is not None and read.op == "ReadVariableOp" and read.input:
            found[read.input[0]] = restored[node.input[0]]
    return found


def shared_name(node: NodeDef) -> str:
    """The name under which TensorFlow finds the variable's value: nodes of the same name share it."""
    text = node.attr["shared_name"].s.decode("utf-8", "replace") if "shared_name" in node.attr else ""
    return text or node.name


def _graph_variable(name: str, group: list[NodeDef], restored: Mapping[str, Stored]) -> Variable:
    tensors = {restored[node.name] for node in group if node.name in restored}
    if len(tensors) > 1:
        keys = sorted(tensor.key for tensor in tensors)
        raise FormatError(f"the variable {name!r} is restored from several tensors: {', '.join(keys)}")
    attributes = group[0].attr
    return Variable(
        name,
        dtype_of(attributes["dtype"].type if "dtype" in attributes else 0),
        tensor_shape(attributes["shape"].shape) if "shape" in attributes else None,
        next(iter(tensors), None),
        graph_nodes=tuple(node.name for node in group),
    )


def object_variables(
    graph: SavedObjectGraph, in_graph: list[Variable], checkpoint: Checkpoint | None
) -> list[Variable]:
    """The variables of the object graph, joined with the graph's own of the same checkpoint key."""
    stored = checkpoint.object_graph if checkpoint else None
    keys = variable_keys(graph, stored) if stored else {}
    by_key: dict[Stored, list[Variable]] = defaultdict(list)
    for variable in in_graph:
        if variable.stored:
            by_key[variable.stored].append(variable)
    by_name = {variable.name: variable for variable in in_graph if variable.stored}
    found = []
    for node_id, node in enumerate(graph.nodes):
        if node.WhichOneof("kind") != "variable":
            continue
        proto = node.variable
        tensor = Stored(keys[node_id]) if node_id in keys else None
        named = by_name.get(proto.name)
        matches = by_key.get(tensor, []) if tensor else [named] if named else []
        found.append(
            Variable(
                proto.name,
                dtype_of(proto.dtype),
                tensor_shape(proto.shape),
                tensor or (matches[0].stored if matches else None),
                node_id,
                tuple(name for match in matches for name in match.graph_nodes),
                proto.trainable,
            )
        )
    return found


class VariableIndex:
    """Finds a variable by any of its names and reads its value."""

    def __init__(self, variables: list[Variable], checkpoint: Checkpoint | None) -> None:
        self._checkpoint = checkpoint
        self._variables = variables
        self._by_id = {variable.node_id: variable for variable in variables if variable.node_id is not None}
        self._by_name: dict[str, list[Variable]] = defaultdict(list)
        for variable in variables:
            for name in {variable.name, variable.key, *variable.graph_nodes} - {""}:
                self._by_name[name].append(variable)

    def find(self, reference: int | str) -> Variable:
        """By node number of the object graph, by shared name, graph node, own name or checkpoint key."""
        if isinstance(reference, int):
            if reference not in self._by_id:
                raise UsageError(f"node {reference} of the object graph is not a variable")
            return self._by_id[reference]
        found = self._by_name.get(reference, [])
        if len({variable.stored for variable in found}) > 1:
            # A graph node is unique, while layers of the same name have variables of the same name.
            found = [variable for variable in found if reference in variable.graph_nodes]
        if not found:
            raise UsageError(f"no variable {reference!r}, or several; there are {self._names()}")
        return found[0]

    def value(self, reference: int | str, *, verify: bool) -> Array:
        """The variable's value in the checkpoint, which must be of the declared type and shape."""
        variable = self.find(reference)
        if self._checkpoint is None or variable.stored is None:
            where = "the checkpoint has no tensor for it" if self._checkpoint else "the model has no checkpoint"
            raise FormatError(f"the variable {variable.name!r} has no value: {where}")
        array = read_stored(self._checkpoint, variable.stored, verify=verify)
        _check_declared(variable, array)
        return array

    def _names(self, limit: int = 8) -> str:
        names = [variable.name or variable.key for variable in self._variables]
        return ", ".join(names[:limit]) + (f", … ({len(names)} in all)" if len(names) > limit else "") or "none"


def read_stored(checkpoint: Checkpoint, stored: Stored, *, verify: bool = True) -> Array:
    if stored.key not in checkpoint:
        raise FormatError(f"the checkpoint {checkpoint.prefix} holds no tensor {stored.key!r}")
    if stored.extents is None:
        return checkpoint.tensor(stored.key, verify=verify)
    return checkpoint.tensor_slice(stored.key, stored.extents, verify=verify)


def _check_declared(variable: Variable, array: Array) -> None:
    """A tensor of another type or shape would be the value of another variable."""
    same_type = variable.dtype.numpy is None or variable.dtype.numpy == array.dtype
    same_shape = variable.shape is None or (
        len(variable.shape) == array.ndim
        and all(want in (None, got) for want, got in zip(variable.shape, array.shape, strict=True))
    )
    if not same_type or not same_shape:
        raise FormatError(
            f"the variable {variable.name!r} is declared as {variable.dtype.name} {variable.shape}, "
            f"its tensor {variable.key!r} is {array.dtype} {array.shape}"
        )
