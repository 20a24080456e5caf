"""Constants that folding made much larger are computed by the runtime.

    %1 = ADD(%x, w)                        w = CAST(q), folded: float32[2048, 1024]
⇒
    %1 = CAST(q)                           q: int8[2048, 1024]
    %2 = ADD(%x, %1)

Folding widens integers and repeats scales, whatever the size, since weights made of them are written as integers
(`integer-weights`). What is not, and is larger than `Folding.growth_bytes` and twice what it was made of, is made of the
same operations again, from the constants that are small enough. Legal because those are what it was folded from.

This is no simplification (folding is), so it runs once, after all passes.
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Constant
from litesmith.ir.folding import NO_FOLDING, STEPWISE
from litesmith.ir.graph import Graph, Program, Value
from litesmith.ops import OPS
from litesmith.passes.driver import ProgramPass

Sources = dict[int, Constant]


def unfold(program: Program) -> int:
    """Replaces constants that are much larger than what they were made of. Returns how many operands it replaced."""
    return sum(_unfold(graph) for graph in program.all_graphs())


def _unfold(graph: Graph) -> int:
    changes = 0
    known: dict[int, Value] = {}
    for op in list(graph.ops):
        for index, value in enumerate(op.operands):
            if value is not None and value.const is not None and _is_grown(value.const):
                b = Builder(graph, OPS, op, op.origins, NO_FOLDING)
                op.set_operand(index, _recompute(b, value, known))
                changes += 1
    return changes


def _is_grown(const: Constant) -> bool:
    if const.made_by is None or const.nbytes <= STEPWISE.growth_bytes:
        return False
    sources: Sources = {}
    _collect(const, sources, set())
    return STEPWISE.grows(const.nbytes, sum(c.nbytes for c in sources.values()))


def _collect(const: Constant, sources: Sources, seen: set[int]) -> None:
    """The constants that were there before folding."""
    if id(const) in seen:
        return
    seen.add(id(const))
    if const.made_by is None:
        sources[id(const)] = const
        return
    for value in const.made_by.inputs:
        if value.const is not None:
            _collect(value.const, sources, seen)


def _recompute(b: Builder, value: Value, known: dict[int, Value]) -> Value:
    """The constant, or where it is much larger than what it was made of the operation that makes it."""
    const = value.const
    if const is None or const.made_by is None or not _is_grown(const):
        return value
    if id(const) not in known:
        op = const.made_by
        operands = [None if v is None else _recompute(b, v, known) for v in op.operands]
        (known[id(const)],) = b.emit(op.defn, operands, **op.attrs)
        known[id(const)].name = value.name
    return known[id(const)]


UNFOLDING = ProgramPass("unfolding", unfold)
PASSES = (UNFOLDING,)
