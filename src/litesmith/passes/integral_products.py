"""Products of integers that are sums of floats anyhow need not become integers in between.

    %1 = CAST(%q)                          %q: int8[n, 64]
    %2 = FULLY_CONNECTED(%1, w)            w: integers as float32[32, 64]
    %3 = CAST(%2) {out_data_type=int32}
    %4 = CAST(%3) {out_data_type=float32}
⇒
    %1 = CAST(%q)
    %2 = FULLY_CONNECTED(%1, w)

A RESHAPE between the two is kept, of floats then. Legal where no partial sum can exceed 2^24 (by the integers the weights
are made of, or by the largest there are): each is exact in float32, and so no CAST rounds.

It reads the weights, so it runs once, after all passes.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ops.matmul import BATCH_MATMUL, FULLY_CONNECTED
from litesmith.ops.shape import RESHAPE
from litesmith.ops.unary import CAST
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.folded_integers import affine
from litesmith.passes.match import activation, producer, rebuild, sole_producer, with_operands

EXACT = 1 << 24
"""Integers up to this are exact in float32, and so are their sums up to this."""

LARGEST = {DType.INT8: 128, DType.UINT8: 255}
"""The largest magnitude of an integer type."""


def stay_floats(op: Op, b: Builder) -> Outcome:
    """A CAST to float32 of the CAST to int32 of a product."""
    reshape = sole_producer(op["x"], RESHAPE)
    narrowed = sole_producer(op["x"] if reshape is None else reshape["x"], CAST)
    if narrowed is None or narrowed.result.type.dtype is not DType.INT32 or op.result.type.dtype is not DType.FLOAT32:
        return None
    product = producer(narrowed["x"], FULLY_CONNECTED, BATCH_MATMUL)
    if product is None or activation(product) != "NONE" or len(product.inputs) != 2:
        return None
    largest = _largest_sum(product)
    if largest is None:
        return Declined("an operand of the product may be no integers")
    if largest > EXACT:
        return Declined("a sum may be rounded")
    return narrowed["x"] if reshape is None else rebuild(b, reshape, with_operands(reshape, x=narrowed["x"]))


def _largest_sum(product: Op) -> int | None:
    """What no partial sum of a product exceeds; None where an operand may hold fractions."""
    x, y = product.inputs[:2]
    if product.defn is FULLY_CONNECTED:
        axes = (-1, -1)
    else:
        axes = (-2 if product.attrs["adj_x"] else -1, -1 if product.attrs["adj_y"] else -2)
    bounds = [_magnitudes(value, axis) for value, axis in zip((x, y), axes, strict=True)]
    inner = y.dims[axes[1]]
    if None in bounds or not isinstance(inner, int):
        return None
    (one_x, sum_x), (one_y, sum_y) = (bound for bound in bounds if bound is not None)
    known = [one * total for one, total in ((one_x, sum_y), (one_y, sum_x)) if total is not None]
    return min([one_x * one_y * inner, *known])


def _magnitudes(value: Value, axis: int) -> tuple[int, int | None] | None:
    """The largest magnitude of an element, and of the sums along a dimension where the elements are known."""
    cast = producer(value, CAST)
    if cast is not None and cast["x"].type.dtype in LARGEST and cast["x"].type.quant is None:
        return LARGEST[cast["x"].type.dtype], None
    found = affine(value.const) if value.const is not None else None
    if found is None or found.scales or not found.integers.size:
        return None
    sizes: Array = np.abs(found.integers.astype(np.int64) - found.zeros)
    return int(sizes.max()), int(sizes.sum(axis=axis).max())


INTEGRAL_PRODUCTS = Pass("integral-products", (CAST,), stay_floats)
PASSES = (INTEGRAL_PRODUCTS,)
