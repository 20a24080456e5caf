"""The object graph of a TF2 model: what functions capture, and where each variable lies in the checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litesmith.errors import FormatError

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import (
        FunctionDef,
        SavedObject,
        SavedObjectGraph,
        TrackableObjectGraph,
    )

VARIABLE_ATTRIBUTE = "VARIABLE_VALUE"


@dataclass(frozen=True)
class Capture:
    """One value a function takes besides its callers' arguments: the last arguments of its FunctionDef.

    argument: position among the FunctionDef's arguments; argument_name: its name there;
    node_id: the captured object; kind: ``variable``, ``constant``, ``asset``, ``resource`` (a table or another
    resource made by its create function), ``captured_tensor`` or ``user_object``;
    name: the variable's own name, the graph node of a constant, the captured tensor's name, else empty;
    key: the tensor of the checkpoint that holds a variable's value, empty when it holds none.
    """

    argument: int
    argument_name: str
    node_id: int
    kind: str
    name: str = ""
    key: str = ""


def checked_node(graph: SavedObjectGraph, node_id: int) -> SavedObject:
    if not 0 <= node_id < len(graph.nodes):
        raise FormatError(f"the object graph names node {node_id} of {len(graph.nodes)}")
    return graph.nodes[node_id]


def variable_keys(saved: SavedObjectGraph, stored: TrackableObjectGraph) -> dict[int, str]:
    """Variable node -> checkpoint key. The graphs number nodes on their own; names of the edges from the root agree."""
    keys: dict[int, str] = {}
    for saved_id, stored_id in _paired_nodes(saved, stored):
        if saved.nodes[saved_id].WhichOneof("kind") != "variable" or saved_id in keys:
            continue
        for attribute in stored.nodes[stored_id].attributes:
            if attribute.name == VARIABLE_ATTRIBUTE:
                keys[saved_id] = attribute.checkpoint_key
    return keys


def _paired_nodes(saved: SavedObjectGraph, stored: TrackableObjectGraph) -> Iterator[tuple[int, int]]:
    """(node, node) of the same object in both graphs: those reached by the same path from the roots."""
    if not saved.nodes or not stored.nodes:
        return
    pending, seen = [(0, 0)], {0}
    children: dict[int, dict[str, int]] = {}
    while pending:
        saved_id, stored_id = pending.pop()
        yield saved_id, stored_id
        if stored_id not in children:
            children[stored_id] = {child.local_name: child.node_id for child in stored.nodes[stored_id].children}
        for child in saved.nodes[saved_id].children:
            other = children[stored_id].get(child.local_name, -1)
            if child.node_id in seen or not 0 <= other < len(stored.nodes):
                continue
            checked_node(saved, child.node_id)
            seen.add(child.node_id)
            pending.append((child.node_id, other))


def read_captures(graph: SavedObjectGraph, function: FunctionDef, keys: dict[int, str]) -> list[Capture]:
    """The captures of a function, in the order of its last arguments; none when the graph does not name it."""
    name = function.signature.name
    if name not in graph.concrete_functions:
        return []
    bound = graph.concrete_functions[name].bound_inputs
    arguments = function.signature.input_arg
    first = len(arguments) - len(bound)
    if first < 0:
        raise FormatError(f"function {name!r} has {len(arguments)} arguments and {len(bound)} captures")
    return [
        _capture(graph, node_id, first + i, arguments[first + i].name, keys.get(node_id, ""))
        for i, node_id in enumerate(bound)
    ]


def _capture(graph: SavedObjectGraph, node_id: int, argument: int, argument_name: str, key: str) -> Capture:
    node = checked_node(graph, node_id)
    kind = node.WhichOneof("kind") or "user_object"
    name = ""
    if kind == "variable":
        name = node.variable.name
    elif kind == "constant":
        name = node.constant.operation
    elif kind == "captured_tensor":
        name = node.captured_tensor.name
    return Capture(argument, argument_name, node_id, kind, name, key)


def concrete_function_names(node: SavedObject) -> list[str]:
    """The functions a node of the object graph stands for."""
    kind = node.WhichOneof("kind")
    if kind == "function":
        return list(node.function.concrete_functions)
    if kind == "bare_concrete_function":
        return [node.bare_concrete_function.concrete_function_name]
    return []


def child_functions(graph: SavedObjectGraph, node_id: int) -> dict[str, str]:
    """Name of a child -> its function, for children that are exactly one."""
    found = {}
    for child in checked_node(graph, node_id).children:
        names = concrete_function_names(checked_node(graph, child.node_id))
        if len(names) == 1:
            found[child.local_name] = names[0]
    return found


def signature_functions(graph: SavedObjectGraph) -> dict[str, str]:
    """Signature key -> the function behind it."""
    if not graph.nodes:
        return {}
    ids = [child.node_id for child in graph.nodes[0].children if child.local_name == "signatures"]
    return child_functions(graph, ids[0]) if ids else {}
