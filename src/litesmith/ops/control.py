"""Control flow: operators that call graphs.

A called graph's inputs and outputs match the operands and results one by one. Its dimensions may be named by symbols
of its own; `call_types` says its outputs in the caller's. IF, WHILE and CALL are as pure as the graphs they call.
"""

from __future__ import annotations

from collections.abc import Sequence

from litesmith.errors import UnsupportedError
from litesmith.ir.dims import Dim, Sym, substitute, symbol_names
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Value
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ir.types import Shape, TensorType
from litesmith.ops import micro
from litesmith.ops.common import BOOL, operands, subgraph, unknown_dim


def call_types(op: Op, graph: Graph, arguments: Sequence[Value]) -> list[TensorType]:
    """Types of the outputs of ``graph`` called with these arguments, in the caller's symbols."""
    _require_match(op, graph, arguments)
    sizes = _bindings(graph, arguments)
    return [
        TensorType(v.type.dtype, None if v.type.shape is None else tuple(substitute(d, sizes) for d in v.type.shape))
        for v in graph.outputs
    ]


def _require_match(op: Op, graph: Graph, arguments: Sequence[Value]) -> None:
    got, expected = [v.type.dtype for v in arguments], [v.type.dtype for v in graph.inputs]
    if got != expected:
        reason = f"graph {graph.name} takes ({_type_list(expected)}), is called with ({_type_list(got)})"
        raise UnsupportedError(reason, "make the types agree", op=op.name)


def _type_list(types: Sequence[DType]) -> str:
    return ", ".join(map(str, types))


def _bindings(graph: Graph, arguments: Sequence[Value]) -> dict[str, Dim]:
    """What the named sizes of the graph's inputs are at this call: the dimensions of the arguments."""
    sizes: dict[str, Dim] = {}
    for parameter, argument in zip(graph.inputs, arguments, strict=True):
        for inner, outer in zip(parameter.type.shape or (), argument.type.shape or (), strict=False):
            names = list(symbol_names(inner))
            if len(names) == 1 and inner == Sym.named(names[0]):
                sizes.setdefault(names[0], outer)
    return sizes


def join_types(types: Sequence[TensorType]) -> TensorType:
    """The type of a tensor that has one of these: sizes that differ become fresh symbols, ranks that differ unknown."""
    shapes = [t.shape for t in types]
    ranks = {None if s is None else len(s) for s in shapes}
    if None in ranks or len(ranks) > 1:
        return TensorType(types[0].dtype, None)
    columns = zip(*(s for s in shapes if s is not None), strict=True)
    return TensorType(types[0].dtype, tuple(d[0] if len(set(d)) == 1 else unknown_dim() for d in columns))


def branch_types(op: Op, branches: Sequence[Graph], arguments: Sequence[Value]) -> list[TensorType]:
    """Types of the results of whichever branch runs. Raises UnsupportedError where they do not agree."""
    found = [call_types(op, branch, arguments) for branch in branches]
    if len({tuple(t.dtype for t in types) for types in found}) > 1:
        listed = " or ".join(f"({_type_list([t.dtype for t in types])})" for types in found)
        raise UnsupportedError(f"the branches return {listed}", "make the branches return one type", op=op.name)
    return [join_types(types) for types in zip(*found, strict=True)]


# -- IF, WHILE --------------------------------------------------------------------------------------------------------


def _infer_if(op: Op) -> list[TensorType]:
    return branch_types(op, [op.attrs["then_subgraph"], op.attrs["else_subgraph"]], op.inputs[1:])


def _infer_while(op: Op) -> list[TensorType]:
    """Each loop variable keeps the sizes the body keeps; what the body changes is unknown after the loop."""
    body: Graph = op.attrs["body_subgraph"]
    for graph in (body, op.attrs["cond_subgraph"]):
        _require_match(op, graph, op.inputs)
    before, after = [v.type for v in body.inputs], [v.type for v in body.outputs]
    if [t.dtype for t in before] != [t.dtype for t in after]:
        listed = f"({_type_list([t.dtype for t in before])}) and returns ({_type_list([t.dtype for t in after])})"
        raise UnsupportedError(f"the loop body takes {listed}", "make the types agree", op=op.name)
    return [
        TensorType(v.type.dtype, _loop_shape(v.type.shape, b.shape, a.shape))
        for v, b, a in zip(op.inputs, before, after, strict=True)
    ]


def _loop_shape(outside: Shape | None, before: Shape | None, after: Shape | None) -> Shape | None:
    if outside is None or before is None or after is None or not len(outside) == len(before) == len(after):
        return None
    return tuple(d if b == a or d == b == a else unknown_dim() for d, b, a in zip(outside, before, after, strict=True))


def _condition_is_bool(op: Op) -> str | None:
    outputs = op.attrs["cond_subgraph"].outputs
    if len(outputs) != 1 or outputs[0].type.dtype is not DType.BOOL or outputs[0].type.count != 1:
        return "the condition does not return one bool"
    return None


IF = OpDef(
    "IF",
    118,
    operands("condition operands*", BOOL, None),
    results=("results*",),
    attrs={"then_subgraph": subgraph(), "else_subgraph": subgraph()},
    options=("IfOptions", 92),
    infer=_infer_if,
    check=lambda op: None if op["condition"].type.count == 1 else "the condition is not one element",
    runtimes={1: "1.15.0"},
    micro=micro.always,
)

WHILE = OpDef(
    "WHILE",
    119,
    operands("operands*"),
    results=("results*",),
    attrs={"cond_subgraph": subgraph(), "body_subgraph": subgraph()},
    options=("WhileOptions", 93),
    infer=_infer_while,
    check=_condition_is_bool,
    runtimes={1: "1.15.0"},
    micro=micro.always,
)

# -- calls ------------------------------------------------------------------------------------------------------------

CALL = OpDef(
    "CALL",
    31,
    operands("operands*"),
    results=("results*",),
    attrs={"subgraph": subgraph()},
    options=("CallOptions", 16),
    infer=lambda op: call_types(op, op.attrs["subgraph"], op.inputs),
    check=lambda op: "the runtime has no kernel for it; inline the graph",
)

CALL_ONCE = OpDef(
    "CALL_ONCE",
    129,
    (),
    results=(),
    attrs={"init_subgraph": subgraph()},
    options=("CallOnceOptions", 103),
    traits=Trait.STATEFUL,
    infer=lambda op: [],
    runtimes={1: "2.5.0"},
    micro=micro.always,
)

DEFINITIONS = (IF, WHILE, CALL, CALL_ONCE)
