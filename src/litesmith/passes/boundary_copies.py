"""What leaves the graph of a branch or loop is copied where the runtime would mix tensors up.

    body(%i, %a, %b):                    body(%i, %a, %b):
      return %i, %b, %a                    %1 = CAST(%b)
                                    ⇒      %2 = CAST(%a)
                                           return %i, %1, %2

WHILE and IF hand tensors over one after another. A loop body that returns one of its inputs in another's place reads
what the hand-over has already replaced; a value returned twice is taken away with its first place. One value may leave
once, as an input only in its own place of a loop; constants may leave as they are, but not strings, which get lost.
Legal because a copy is the value.

This is no simplification, so it runs once, after all passes.
"""

from __future__ import annotations

from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ops.control import IF, WHILE
from litesmith.ops.layout import TILE
from litesmith.ops.unary import CAST
from litesmith.passes.driver import ProgramPass


def copy_at_boundaries(program: Program) -> int:
    """Copies what branches and loop bodies return in a place that is not its own. Returns how many copies it made."""
    bodies = [op.attrs["body_subgraph"] for g in program.all_graphs() for op in g.ops if op.defn is WHILE]
    branches = [branch for g in program.all_graphs() for op in g.ops if op.defn is IF for branch in op.subgraphs]
    looping = {id(body) for body in bodies}
    graphs = {id(g): g for g in [*bodies, *branches]}
    return sum(_copy_outputs(g, is_body=id(g) in looping) for g in graphs.values())


def _copy_outputs(graph: Graph, is_body: bool) -> int:
    places = {value: index for index, value in enumerate(graph.inputs)}
    outputs: list[Value] = []
    for index, value in enumerate(graph.outputs):
        moved = is_body and places.get(value, index) != index
        again = any(v is value for v in graph.outputs[:index]) or (is_body and _stays_in_place(graph, value, index))
        copied = value.type.dtype is DType.STRING if value.is_const else moved or again
        outputs.append(_copy(graph, value) if copied else value)
    changes = sum(new is not old for new, old in zip(outputs, graph.outputs, strict=True))
    if changes:
        graph.outputs = outputs
    return changes


def _stays_in_place(graph: Graph, value: Value, index: int) -> bool:
    """Whether a later place of the loop is the value's own, so that this one has to take the copy."""
    return any(i > index and v is value and graph.inputs[i] is value for i, v in enumerate(graph.outputs))


def _copy(graph: Graph, value: Value) -> Value:
    """The value in a tensor of its own, by an operation no simplification sees as one."""
    if value.type.dtype is DType.STRING:
        ones = Value.constant([1] * value.rank, dtype=DType.INT32)
        op = Op(TILE, [value, ones], dict(TILE.defaults))
    else:
        types = {"in_data_type": value.type.dtype, "out_data_type": value.type.dtype}
        op = Op(CAST, [value], {**CAST.defaults, **types})
    op.origins = value.op.origins if value.op is not None else ()
    copy = Value(value.type, f"{value.name}_copy" if value.name else "")
    copy.op = op
    op.results = [copy]
    graph.insert(op)
    return copy


BOUNDARY_COPIES = ProgramPass("boundary-copies", copy_at_boundaries)
PASSES = (BOUNDARY_COPIES,)
