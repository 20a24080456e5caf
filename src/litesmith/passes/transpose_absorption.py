"""A transpose goes into an operation that can do without it.

    %1 = TRANSPOSE(%x, [0, 3, 1, 2])
    %2 = MEAN(%1, [2, 3])
⇒
    %2 = MEAN(%x, [1, 2])

- Reductions (`reduction-transpose`), where the dimensions left over keep their order.
- BATCH_MATMUL (`matmul-transpose`), where the last two dimensions change places: adj_x, adj_y. A transpose of its
  operand takes adj_x over. A transposed product (`product-transpose`) is the product of the transposed operands in the
  other order.
- FULLY_CONNECTED after a flattening reshape (`flatten-transpose`): the features of the constant weights are reordered.

Legal because each computes the same sums of the same products; sums may be taken in another order.
"""

from __future__ import annotations

from math import prod

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Trait
from litesmith.ops.layout import TRANSPOSE
from litesmith.ops.matmul import BATCH_MATMUL, FULLY_CONNECTED
from litesmith.ops.shape import RESHAPE
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.layout_rules import Permutation, axes_before_transpose, inverse, permutation_of
from litesmith.passes.match import is_float, linear, rebuild, reshape_static, sole_producer, with_operands


def absorb_into_reduction(op: Op, b: Builder) -> Outcome:
    """A reduction of a transposed operand."""
    perm = permutation_of(op["x"].op)
    axes = None if perm is None else axes_before_transpose(op, perm)
    if axes is None:
        return None
    operands = with_operands(op, x=_source(op["x"]), axes=b.constant(np.array(axes, np.int32)))
    return rebuild(b, op, operands)


def _source(transposed: Value) -> Value:
    assert transposed.op is not None
    return transposed.op["x"]


def swaps_last_two(perm: Permutation | None) -> bool:
    """Whether a permutation exchanges the last two dimensions and no others."""
    return perm is not None and perm == (*range(len(perm) - 2), len(perm) - 1, len(perm) - 2)


def absorb_into_matmul(op: Op, b: Builder) -> Outcome:
    """A BATCH_MATMUL with an operand whose matrices are transposed."""
    changes: dict[str, Value] = {}
    flags: dict[str, bool] = {}
    for name, flag in (("x", "adj_x"), ("y", "adj_y")):
        if swaps_last_two(permutation_of(op[name].op)):
            changes[name] = _source(op[name])
            flags[flag] = not op.attrs[flag]
    if not changes and op.attrs["adj_x"]:
        perm = permutation_of(sole_producer(op["x"], TRANSPOSE))
        if perm is not None:
            joined = (*perm[:-2], perm[-1], perm[-2])
            changes["x"] = b.transpose(_source(op["x"]), np.array(joined, np.int32))
            flags["adj_x"] = False
    return rebuild(b, op, with_operands(op, **changes), **flags) if changes else None


def transpose_product(op: Op, b: Builder) -> Outcome:
    """A TRANSPOSE that swaps rows and columns of a product."""
    product = sole_producer(op["x"], BATCH_MATMUL)
    if product is None or not swaps_last_two(permutation_of(op)):
        return None
    if not is_float(product.result):
        return Declined("the operands of a quantized product do not change places")
    x, y, adj_x, adj_y = product["x"], product["y"], product.attrs["adj_x"], product.attrs["adj_y"]
    return rebuild(b, product, [y, x], adj_x=not adj_y, adj_y=not adj_x)


def absorb_into_weights(op: Op, b: Builder) -> Outcome:
    """A FULLY_CONNECTED of a transposed and then flattened operand."""
    reshape = sole_producer(op["x"], RESHAPE)
    shuffled = op["x"] if reshape is None else reshape["x"]
    perm = permutation_of(shuffled.op)
    target = linear(op)
    if perm is None or target is None or op.attrs["keep_num_dims"]:
        return None
    if not target.weights.is_const:
        return Declined("the weights are not constant")
    inner = [d for d in shuffled.dims[1:] if isinstance(d, int)]
    if perm[0] != 0 or op.result.dims[0] != shuffled.dims[0] or len(inner) + 1 != shuffled.rank:
        return Declined("more than the features of one row are reordered")
    if target.weights.dims[1] != prod(inner):
        return Declined("the operand is not flattened to its features")
    x = _source(shuffled)
    flat = x if reshape is None else rebuild(b, reshape, with_operands(reshape, x=x))
    return target.rebuild(b, x=flat, weights=_reorder(b, target.weights, inner, perm))


def _reorder(b: Builder, weights: Value, features: list[int], perm: Permutation) -> Value:
    """Weights [units, features] for features in the order they had before the transpose."""
    units, count = weights.type.static_shape
    cube = reshape_static(b, weights, (units, *features))
    return reshape_static(b, b.transpose(cube, np.array(inverse(perm), np.int32)), (units, count))


REDUCTION_TRANSPOSE = Pass("reduction-transpose", (Trait.REDUCES,), absorb_into_reduction, after=("layout",))
MATMUL_TRANSPOSE = Pass("matmul-transpose", (BATCH_MATMUL,), absorb_into_matmul, after=("layout",))
PRODUCT_TRANSPOSE = Pass("product-transpose", (TRANSPOSE,), transpose_product, after=("layout",))
FLATTEN_TRANSPOSE = Pass("flatten-transpose", (FULLY_CONNECTED,), absorb_into_weights, after=("layout",))
PASSES = (REDUCTION_TRANSPOSE, PRODUCT_TRANSPOSE, MATMUL_TRANSPOSE, FLATTEN_TRANSPOSE)
