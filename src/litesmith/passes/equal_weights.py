"""Equal weights that are widened are widened once.

    %1 = DEQUANTIZE(q)
    %2 = FULLY_CONNECTED(%x, %1)
    %3 = DEQUANTIZE(q')               q' equals q: a layer that is called twice
    %4 = FULLY_CONNECTED(%y, %3)
⇒
    %1 = DEQUANTIZE(q)
    %2 = FULLY_CONNECTED(%x, %1)
    %4 = FULLY_CONNECTED(%y, %1)

The file keeps equal buffers once anyhow; the runtime keeps the floats of each DEQUANTIZE. Constants are compared only
where type, shape, scales and zero points are equal. Legal because equal operations on equal constants are equal.

It follows `integer-weights`, which runs once, after all passes.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.graph import Graph, Program, Value
from litesmith.ir.types import TensorType
from litesmith.ops.quantization import DEQUANTIZE
from litesmith.passes.common_subexpressions import merge_equal
from litesmith.passes.driver import ProgramPass


def share_weights(program: Program) -> int:
    """Makes equal quantized constants one value in each graph, then equal operations one. Returns how many changed."""
    changes = sum(_share(graph) for graph in program.all_graphs())
    return changes + merge_equal(program) if changes else 0


def _share(graph: Graph) -> int:
    kept: dict[TensorType, list[Value]] = {}
    changes = 0
    for op in list(graph.ops):
        value = op.operands[0] if op.defn is DEQUANTIZE else None
        if value is None or value.const is None:
            continue
        alike = kept.setdefault(value.type, [])
        same = next((v for v in alike if v is not value and _is_equal(v, value)), None)
        if same is not None:
            op.set_operand(0, same)
            changes += 1
        elif all(v is not value for v in alike):
            alike.append(value)
    return changes


def _is_equal(left: Value, right: Value) -> bool:
    return left.const is right.const or bool(np.array_equal(left.numpy(), right.numpy()))


EQUAL_WEIGHTS = ProgramPass("equal-weights", share_weights)
PASSES = (EQUAL_WEIGHTS,)
