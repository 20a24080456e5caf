"""Which variable gets which tensor of the checkpoint, read off the model's own restore graph.

A SavedModel carries the graph that restores it: RestoreV2 reads tensors by name, Assign or AssignVariableOp puts
each in its variable. TF2 moves these nodes into a function whose arguments are the variables. Following it is right for
every way of saving, where matching names is not (partitioned, renamed and shared variables).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litesmith.errors import FormatError
from litesmith.formats.saved_model.graph_def import split_input
from litesmith.formats.saved_model.slices import Slice, parse_shape_and_slice
from litesmith.formats.saved_model.tensor_proto import static_shape

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import FunctionDef, NodeDef

_ASSIGNMENTS = frozenset({"Assign", "AssignVariableOp"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_PASS_THROUGH = frozenset({"Identity", "IdentityN"})
_MAX_CALL_DEPTH = 8
_MAX_IDENTITIES = 64  # passed on the way from an operand to where its value is made; real graphs have one or two


@dataclass(frozen=True)
class Stored:
    """A tensor of the checkpoint, or a slice of one."""

    key: str
    extents: Slice | None = None


@dataclass(frozen=True)
class _Scope:
    """The nodes of a graph or a function body, and what its arguments are bound to in the outermost graph.

    arguments: None for the outermost graph itself.
    """

    nodes: Mapping[str, NodeDef]
    arguments: Mapping[str, str] | None = None
    reads: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)  # RestoreV2 -> keys, slices


def restored_variables(
    nodes: Mapping[str, NodeDef], functions: Mapping[str, FunctionDef], restore_op: str
) -> dict[str, Stored]:
    """Variable node of the graph -> the tensor that the restore operation puts there."""
    start = split_input(restore_op)[0]
    if start not in nodes:
        return {}
    return dict(_find_restored(_Scope(nodes), [start], functions, set()))


def _find_restored(
    scope: _Scope, roots: list[str], functions: Mapping[str, FunctionDef], called: set[str], depth: int = 0
) -> Iterator[tuple[str, Stored]]:
    for node in _reachable(scope, roots):
        if node.op in _ASSIGNMENTS and len(node.input) >= 2:
            variable = _source(scope, node.input[0])
            stored = _stored_tensor(scope, node.input[1])
            if variable and stored:
                yield variable, stored
        elif node.op in _CALLS:
            yield from _restored_by_call(scope, node, functions, called, depth + 1)


def _restored_by_call(
    scope: _Scope, node: NodeDef, functions: Mapping[str, FunctionDef], called: set[str], depth: int = 0
) -> Iterator[tuple[str, Stored]]:
    name = node.attr["f"].func.name if "f" in node.attr else ""
    function = functions.get(name)
    if function is None or name in called or depth > _MAX_CALL_DEPTH:
        return
    called.add(name)
    operands = [text for text in node.input if not text.startswith("^")]
    names = [argument.name for argument in function.signature.input_arg]
    arguments = {name: _source(scope, text) for name, text in zip(names, operands, strict=False)}
    body = _Scope({inner.name: inner for inner in function.node_def}, arguments)
    yield from _find_restored(body, list(body.nodes), functions, called, depth)


def _reachable(scope: _Scope, roots: list[str]) -> list[NodeDef]:
    """The nodes that run when the roots do."""
    pending, seen, found = list(roots), set(roots), []
    while pending:
        node = scope.nodes.get(pending.pop())
        if node is None:
            continue
        found.append(node)
        for text in node.input:
            name = split_input(text)[0]
            if name not in seen:
                seen.add(name)
                pending.append(name)
    return found


def _origin(scope: _Scope, text: str) -> tuple[str, int]:
    """The node or argument a value comes from, and its output number, identities passed through."""
    for _ in range(_MAX_IDENTITIES):
        name, number = split_input(text)
        node = scope.nodes.get(name)
        if node is None or node.op not in _PASS_THROUGH or not 0 <= number < len(node.input):
            return name, number
        text = node.input[number]
    raise FormatError(f"the restore graph runs in a circle of identities, or a long chain, at {text!r}")


def _source(scope: _Scope, text: str) -> str:
    """The node of the outermost graph a value comes from; empty when it is made inside a function."""
    name, _ = _origin(scope, text)
    if scope.arguments is None:
        return name if name in scope.nodes else ""
    return scope.arguments.get(name, "")


def _stored_tensor(scope: _Scope, text: str) -> Stored | None:
    """The tensor of the checkpoint a value is; None when it does not come straight from RestoreV2."""
    name, number = _origin(scope, text)
    node = scope.nodes.get(name)
    if node is None or node.op != "RestoreV2" or len(node.input) < 3:
        return None
    if name not in scope.reads:
        scope.reads[name] = (_constant_strings(scope, node.input[1]), _constant_strings(scope, node.input[2]))
    keys, specs = scope.reads[name]
    if not 0 <= number < min(len(keys), len(specs)):
        return None
    parsed = parse_shape_and_slice(specs[number])
    return Stored(keys[number], parsed[1] if parsed else None)


def _constant_strings(scope: _Scope, text: str) -> list[str]:
    """The values of a vector of strings, which must all be listed in its message."""
    node = scope.nodes.get(_origin(scope, text)[0])
    if node is None or node.op != "Const" or "value" not in node.attr:
        return []
    tensor = node.attr["value"].tensor
    if static_shape(tensor.tensor_shape) != (len(tensor.string_val),):
        raise FormatError(f"the operand {text!r} of RestoreV2 is not a vector of strings")
    return [value.decode("utf-8", "surrogateescape") for value in tensor.string_val]
