"""From a GraphDef to a program: entry points over its nodes, frozen graphs with named inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litesmith._util.naming import input_shapes, suggestion
from litesmith.errors import UsageError
from litesmith.formats.saved_model import Signature as SourceSignature
from litesmith.formats.saved_model import SignatureTensor
from litesmith.formats.saved_model.dtypes import dtype_of
from litesmith.frontends.frame import Composite, nameless
from litesmith.frontends.tensorflow.attributes import shape_of, tf_dtype
from litesmith.frontends.tensorflow.control_v1 import output_index
from litesmith.frontends.tensorflow.entries import Shapes, add_signature, import_signature, import_until_stable
from litesmith.frontends.tensorflow.importer import Model, Session, Unknown
from litesmith.frontends.tensorflow.resources import Item, Variable
from litesmith.frontends.tensorflow.select_ops import SelectOps
from litesmith.ir import Dim, Program

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import AttrValue, FunctionDef, GraphDef, NodeDef


@dataclass(frozen=True)
class Entry:
    """One entry point over a GraphDef: nodes, named tensors, and what the graph captures (see `import_signature`)."""

    signature: SourceSignature
    nodes: Sequence[NodeDef]
    functions: Mapping[str, FunctionDef]
    captured: Mapping[str, Item] = field(default_factory=dict)
    dims: Mapping[str, Sequence[Dim]] = field(default_factory=dict)


def import_entries(
    entries: Sequence[Entry],
    shapes: Shapes | None = None,
    select: SelectOps | None = None,
    *,
    on_unknown: Unknown | None = None,
    composite: Composite | None = None,
    layer_of: Callable[[str], str] = nameless,
) -> Program:
    """Imports entry points that share one function library, a graph each. The options: see `import_until_stable`."""
    functions = {name: f for entry in entries for name, f in entry.functions.items()}
    variables: dict[str, Variable] = {}

    def variable(name: str, node: NodeDef) -> Variable:
        if name not in variables:
            variables[name] = Variable(name, tf_dtype(node.attr["dtype"].type), shape_of(node.attr["shape"].shape))
        return variables[name]

    def build(session: Session) -> Program:
        program = Program()
        for entry in entries:
            graph = import_signature(session, entry.nodes, entry.signature, shapes or {}, entry.captured, entry.dims)
            program.graphs.append(graph)
            add_signature(program, entry.signature, graph)
        return program

    return import_until_stable(
        Model(functions, variable), build, select, on_unknown=on_unknown, composite=composite, layer_of=layer_of
    )


_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"})
_TYPE_T = frozenset(
    "Abs Add AddV2 AvgPool BatchMatMulV2 BiasAdd ConcatV2 Conv2D DepthwiseConv2dNative DepthToSpace Elu Exp ExpandDims "
    "Identity LeakyRelu MatMul MaxPool Maximum Mean Minimum Mul Neg Pack Pad PadV2 RealDiv Relu Relu6 Reshape Rsqrt "
    "Selu Sigmoid Softmax Softplus SpaceToDepth Split Sqrt Square Squeeze StridedSlice Sub Sum Tanh Transpose".split()
)
"""Operators all of whose results have the type their attribute T says: a graph may be cut at them."""

# -- frozen graphs ----------------------------------------------------------------------------------------------------


def frozen_entry(
    graph_def: GraphDef,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    shapes: Shapes | None = None,
    key: str = "serving_default",
) -> Entry:
    """The entry point of a GraphDef between named tensors (``node`` or ``node:0``).

    Defaults: every placeholder is an input, every node nobody uses an output. Raises UsageError for an unknown name.
    """
    nodes = {node.name: node for node in graph_def.node}
    placeholders = [n.name for n in nodes.values() if n.op in _PLACEHOLDERS]
    ins = list(inputs or placeholders)
    outs = list(outputs or _unused_nodes(nodes.values()))
    for name in [*ins, *outs]:
        if name.partition(":")[0] not in nodes:
            known = ", ".join(placeholders) or "none"
            raise UsageError(f"the graph has no node {name!r}; its placeholders are {known}{suggestion(name, nodes)}")
    if not outs:
        raise UsageError("the graph has no outputs: name them")
    shapes = input_shapes(shapes or {}, map(_plain, ins))
    return Entry(
        SourceSignature(
            key,
            {_plain(n): _frozen_input(nodes, n, _plain(n) in shapes) for n in ins},
            {_plain(n): SignatureTensor(_plain(n), _reference(n), dtype_of(1), None) for n in outs},
        ),
        list(graph_def.node),
        {f.signature.name: f for f in graph_def.library.function},
    )


def _plain(name: str) -> str:
    return name.removesuffix(":0")


def _unused_nodes(nodes: Iterable[NodeDef]) -> list[str]:
    used = {i.lstrip("^").partition(":")[0] for node in nodes for i in node.input}
    return [n.name for n in nodes if n.name not in used and n.op not in ("NoOp", "Assert", "Const", "Placeholder")]


def _reference(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _frozen_input(nodes: Mapping[str, NodeDef], name: str, is_given: bool) -> SignatureTensor:
    """An input: a placeholder with its own type and shape, or the result of another node, which is cut off there."""
    node = nodes[name.partition(":")[0]]
    attrs = node.attr
    if "output_types" in attrs:
        return _one_of_several(name, attrs)
    if node.op not in _PLACEHOLDERS and node.op not in _TYPE_T and node.op != "Const":
        raise UsageError(f"{name!r} is a {node.op}, whose result type the graph does not say: name a placeholder")
    if node.op == "Const":
        value = attrs["value"].tensor
        return SignatureTensor(_plain(name), _reference(name), dtype_of(value.dtype), shape_of(value.tensor_shape))
    number = attrs["dtype" if node.op in _PLACEHOLDERS else "T"].type or 1
    declared = shape_of(attrs["shape"].shape) if "shape" in attrs and node.op in _PLACEHOLDERS else None
    scalar_by_default = declared == () and is_given  # old graphs leave the shape out where it is unknown
    shape = None if declared is None or scalar_by_default else tuple(None if d < 0 else d for d in declared)
    return SignatureTensor(_plain(name), _reference(name), dtype_of(number), shape)


def _one_of_several(name: str, attrs: Mapping[str, AttrValue]) -> SignatureTensor:
    """A result of an operator that lists the types of all (IteratorGetNext, …)."""
    place = output_index(name)
    types, shapes = attrs["output_types"].list.type, attrs["output_shapes"].list.shape
    if place >= len(types):
        raise UsageError(f"{name!r} is not a tensor of the graph: the node has {len(types)} results")
    declared = shape_of(shapes[place]) if place < len(shapes) else None
    shape = None if declared is None else tuple(None if d < 0 else d for d in declared)
    return SignatureTensor(_plain(name), _reference(name), dtype_of(types[place]), shape)
