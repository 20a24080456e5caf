"""Operations nobody uses are removed, in every graph.

    %1 = EXP(%x)
    %2 = NEG(%x)
    return %2
⇒
    %2 = NEG(%x)
    return %2

Operations with effects (ASSIGN_VARIABLE, CALL_ONCE …, and calls of graphs that have some) stay. The local passes erase
what they make dead themselves; this one takes what was dead from the start.
"""

from __future__ import annotations

from litesmith.ir.graph import Program
from litesmith.passes.driver import ProgramPass, is_dead


def remove_dead_code(program: Program) -> int:
    """Erases dead operations, last first, so that one sweep finds them all."""
    removed = 0
    for graph in program.all_graphs():
        for op in graph.reversed_ops:
            if is_dead(op):
                graph.erase(op)
                removed += 1
    return removed


DEAD_CODE = ProgramPass("dead-code", remove_dead_code)
PASSES = (DEAD_CODE,)
