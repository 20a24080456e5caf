"""Matrix products with constant weights are FULLY_CONNECTED, without reshapes around them.

    %1 = BATCH_MATMUL(%x, w)                      %x: [n, t, 8], w: [8, 4]
⇒
    %1 = FULLY_CONNECTED(%x, transpose(w)) {keep_num_dims=True}

    %1 = RESHAPE(%x, [-1, 8])                     %x: [n, t, 8]
    %2 = FULLY_CONNECTED(%1, w)
    %3 = RESHAPE(%2, [n, t, 4])
⇒
    %3 = FULLY_CONNECTED(%x, w) {keep_num_dims=True}

    %1 = RESHAPE(%x, [-1, 64])                    %x: [n, 4, 4, 4]
    %2 = FULLY_CONNECTED(%1, w)
⇒
    %2 = FULLY_CONNECTED(%x, w)

    %1 = RESHAPE(%x, [-1, 8])                     %x: [n, t, 8], %y: [8, 4]
    %2 = BATCH_MATMUL(%1, %y)
    %3 = RESHAPE(%2, [n, t, 4])
⇒
    %3 = BATCH_MATMUL(%x, %y)

Legal because FULLY_CONNECTED multiplies each row of features by the transposed weights, and takes
its operand as rows of features whatever its rank. Weights with a batch dimension
(of size 1) give the same; larger ones are declined. The transpose is folded into the constant, lazily.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op
from litesmith.ops.matmul import BATCH_MATMUL, FULLY_CONNECTED
from litesmith.ops.shape import RESHAPE
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import is_float, linear, producer, rebuild, reshape_static, sole_producer, with_operands
from litesmith.passes.rules import Match, Rule, rules_pass


def use_fully_connected(op: Op, b: Builder) -> Outcome:
    """BATCH_MATMUL by a constant matrix."""
    x, weights = op["x"], op["y"]
    if not weights.is_const or x.is_const or not is_float(x, weights):
        return None
    shape = weights.type.static_shape
    if any(d != 1 for d in shape[:-2]):
        return Declined("the constant is more than one matrix")
    if weights.rank > x.rank:
        return Declined("the constant has more dimensions than the operand")
    if op.attrs["adj_x"]:
        return Declined("the operand is transposed")
    matrix = reshape_static(b, weights, shape[-2:])
    if not op.attrs["adj_y"]:
        matrix = b.transpose(matrix, np.array([1, 0], np.int32))
    return b.fully_connected(x, matrix, keep_num_dims=x.rank > 2)


def drop_reshapes(op: Op, b: Builder) -> Outcome:
    """A RESHAPE of the rows of a FULLY_CONNECTED back to what they were before another one."""
    target = linear(sole_producer(op["x"], FULLY_CONNECTED))
    if target is None:
        return None
    before = target.op["x"].op
    x = before["x"] if before is not None and before.defn is RESHAPE else target.op["x"]
    if x.type.shape is None or x.rank < 2 or x.dims[-1] != target.weights.dims[1]:
        return None
    if op.result.dims != (*x.dims[:-1], target.channels):
        return Declined("the dimensions before the features change")
    return rebuild(b, target.op, with_operands(target.op, x=x), keep_num_dims=x.rank > 2)


def stacking_obstacle(match: Match) -> str | None:
    """Why the rows of several matrices are multiplied by one matrix as if they were one."""
    x, y, rows, product = match["%x"], match["%y"], match.ops[2].result, match.ops[1]
    if not is_float(x, y) or y.rank != 2 or y.is_const or product.attrs["adj_x"] or product.result.use_count != 1:
        return ""
    if rows.rank != 2 or x.type.shape is None or not 2 < x.rank <= _STACK_RANK:
        return ""
    if x.dims[-1] != rows.dims[-1] or match.root.result.dims != (*x.dims[:-1], product.result.dims[-1]):
        return "the dimensions before the features change"
    return "matrices of one row each are multiplied faster together" if x.dims[-2] == 1 else None


_STACK_RANK = 5  # in which BATCH_MATMUL broadcasts


def drop_flattening(op: Op, b: Builder) -> Outcome:
    """A FULLY_CONNECTED whose operand is reshaped to its rows of features first."""
    reshape = producer(op["x"], RESHAPE)
    target = linear(op)
    if reshape is None or target is None or op.attrs["keep_num_dims"]:
        return None
    if reshape["x"].type.shape is None or reshape["x"].rank < 2 or op["x"].dims[-1] != target.weights.dims[1]:
        return None
    result = target.rebuild(b, x=reshape["x"])
    if result.type.shape != op.result.type.shape:
        return Declined("the number of rows is not known to stay")
    return result


BATCH_MATMUL_TO_FULLY_CONNECTED = Pass(
    "batch-matmul-to-fully-connected", (BATCH_MATMUL,), use_fully_connected, after=("matmul-transpose",)
)
FULLY_CONNECTED_RESHAPES = Pass(
    "fully-connected-reshapes", (RESHAPE,), drop_reshapes, after=("batch-matmul-to-fully-connected",)
)
FLATTENED_OPERAND = Pass(
    "flattened-operand", (FULLY_CONNECTED,), drop_flattening, after=("fully-connected-reshapes", "flatten-transpose")
)
STACKED_MATRICES = rules_pass(
    "stacked-matrices",
    Rule(
        "RESHAPE(BATCH_MATMUL(RESHAPE(%x, %rows), %y), %shape) => BATCH_MATMUL(%x, %y) {adj_y=BATCH_MATMUL.adj_y}",
        stacking_obstacle,
    ),
    after=("batch-matmul-to-fully-connected",),
)
PASSES = (BATCH_MATMUL_TO_FULLY_CONNECTED, FULLY_CONNECTED_RESHAPES, STACKED_MATRICES, FLATTENED_OPERAND)
